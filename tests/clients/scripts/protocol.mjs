// `client.threads.stream`, the newer streaming protocol, over one of its transports.
import { WebSocket } from "ws";
import { Witness, asking, client, kinds, probed, report } from "./play.mjs";

const transport = process.env.TRANSPORT;
const witness = await new Witness().listen();
const streamed = (thread) => {
  const options = { assistantId: "agent", transport, webSocketFactory: (url) => new WebSocket(url) };
  return thread ? client.threads.stream(thread, options) : client.threads.stream(options);
};
const letters = (values) => values.messages.map((message) => message.getType()[0].toUpperCase()).join("");
const statuses = async (thread) => (await client.runs.list(thread)).map((run) => run.status).reverse();
const state = async (thread) => kinds((await client.threads.getState(thread)).values);

async function all(iterable) {
  const found = [];
  for await (const one of iterable) found.push(one);
  return found;
}

const failure = async (promise) => {
  try {
    return await promise;
  } catch (error) {
    return `${error.code ?? error.name}: ${error.message}`;
  }
};

const found = {};

{
  const thread = streamed();
  const { messages, toolCalls } = thread;
  const spoken = all(messages);
  const called = all(toolCalls);
  const { run_id } = await thread.run.start({ input: asking("sf"), config: probed("A") });
  const values = (await all(thread.values)).map(letters);
  // Between them comes the result of the tool, where the graph reports tools.
  const [calling, ...behind] = await spoken;
  const answering = behind.at(-1);
  const [call] = await called;
  found.run = {
    values,
    output: letters(await thread.output),
    status: (await client.runs.get(thread.threadId, run_id)).status,
    calls: (await calling?.toolCalls)?.map((one) => one.name) ?? null,
    answer: (await answering?.text)?.slice(0, 25) ?? null,
    tool: call ? [call.name, Array.isArray(await call.output)] : null,
    interrupted: thread.interrupted,
  };
  await thread.close();
}

for (const strategy of ["enqueue", "reject", "interrupt", "rollback"]) {
  const { thread_id } = await client.threads.create();
  const [first, second] = [streamed(thread_id), streamed(thread_id)];
  const point = `${strategy}A/tools:1/enter`;
  const reached = witness.hold(point);
  await first.run.start({ input: asking("sf"), config: probed(`${strategy}A`, { witness: witness.url }) });
  await reached;
  const order = { input: asking("nyc"), config: probed(`${strategy}B`), multitaskStrategy: strategy };
  const started = failure(second.run.start(order));
  // There is a server that takes no second text before the first is done with.
  if (!process.env.SERIAL) await started;
  witness.release(point);
  const answer = await started;
  for (const run of await client.runs.list(thread_id)) await client.runs.join(thread_id, run.run_id);
  found[strategy] = {
    refused: typeof answer === "string" ? answer.slice(0, 18) : null,
    statuses: await statuses(thread_id),
    state: await state(thread_id),
  };
  await first.close();
  await second.close();
}

{
  const thread = streamed();
  await thread.run.start({ input: asking("sf"), config: probed("A", { interrupt: ["tools:1"] }) });
  await thread.output;
  const [asked] = thread.interrupts;
  found.asked = { interrupted: thread.interrupted, payload: asked.payload, namespace: asked.namespace };
  const answer = { namespace: asked.namespace, interrupt_id: asked.interruptId, response: "yes" };
  found.wrong = (await failure(thread.input.respond({ ...answer, interrupt_id: "nobody" }))).slice(0, 17);
  await thread.input.respond(answer);
  for (const run of await client.runs.list(thread.threadId)) await client.runs.join(thread.threadId, run.run_id);
  found.resumed = { statuses: await statuses(thread.threadId), state: await state(thread.threadId) };
  await thread.close();
}

{
  const thread = streamed();
  const children = all(thread.subgraphs);
  await thread.run.start({ input: asking("sf"), config: probed("A", { version: 2, work: "subgraph" }) });
  await thread.output;
  found.children = (await children).map((child) => child.name);
  const before = (await client.threads.getHistory(thread.threadId)).find((one) => one.next[0] === "research");
  await thread.run.start({ input: null, config: probed("F"), forkFrom: before.checkpoint.checkpoint_id });
  for (const run of await client.runs.list(thread.threadId)) await client.runs.join(thread.threadId, run.run_id);
  found.forked = (await client.threads.getState(thread.threadId)).values.steps;
  await thread.close();
}

{
  const thread = streamed();
  const commands = { getTree: () => thread.agent.getTree(), state: () => thread.state.get({ namespace: [] }) };
  await thread.run.start({ input: asking("sf"), config: probed("A") });
  await thread.output;
  found.tree = (await failure(commands.getTree())).tree?.status ?? "none";
  found.state = (await failure(commands.state())).split(":")[0];
  await thread.close();
}

witness.close();
report(found);
process.exit(0);
