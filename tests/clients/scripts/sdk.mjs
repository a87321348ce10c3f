// What an application does with the JavaScript SDK, in words that every supported version knows.
import { asking, client, kinds, probed, report } from "./play.mjs";

/** A run, and its thread, while its tools are at work; it is held for a minute, until somebody stops it. */
async function held(label) {
  const { thread_id: thread } = await client.threads.create();
  const config = probed(label, { hold: { "tools:1/enter": 60 } });
  const { run_id: run } = await client.runs.create(thread, "agent", { input: asking("sf"), config });
  const until = Date.now() + 30_000;
  while ((await client.threads.getState(thread)).next[0] !== "tools") {
    if (Date.now() > until) throw new Error("the tools were never at work");
  }
  return [thread, run];
}

async function doubleText(strategy) {
  const [thread, first] = await held(`${strategy}A`);
  const order = { input: asking("nyc"), config: probed(`${strategy}B`), multitaskStrategy: strategy };
  let second;
  try {
    second = await client.runs.create(thread, "agent", order);
  } catch (error) {
    await client.runs.cancel(thread, first, true);
    return { refused: Number(error.status ?? /\b\d{3}\b/.exec(error)) };
  }
  if (strategy === "enqueue") await client.runs.cancel(thread, first, true);
  const values = await client.runs.join(thread, second.run_id);
  const runs = (await client.runs.list(thread)).map((run) => run.status).reverse();
  return { said: kinds(values), runs };
}

const found = {};
const [assistant] = await client.assistants.search();
found.graph = assistant.graph_id;
const { thread_id: thread } = await client.threads.create({ metadata: { mine: 1 } });
const order = { input: asking("sf"), config: probed("A"), streamMode: ["values", "updates"] };
const events = [];
for await (const { event } of client.runs.stream(thread, "agent", order)) events.push(event);
found.streamed = events.filter((event, at) => event !== events[at - 1]);
found.waited = kinds(await client.runs.wait(thread, "agent", { input: asking("nyc"), config: probed("B") }));
const state = await client.threads.getState(thread);
found.state = [kinds(state.values), state.next, (await client.threads.getHistory(thread, { limit: 3 })).length];
for (const strategy of ["enqueue", "reject", "interrupt", "rollback"]) found[strategy] = await doubleText(strategy);
const [other, run] = await held("C");
await client.runs.cancel(other, run, true);
found.cancelled = (await client.runs.get(other, run)).status;
const paused = await client.runs.wait(other, "agent", { input: asking("sf"), config: probed("D"), interruptBefore: ["tools"] });
found.paused = [kinds(paused), (await client.threads.getState(other)).next];
found["went on"] = kinds(await client.runs.wait(other, "agent", { input: null, config: probed("E") }));
await client.threads.delete(other);
report(found);
