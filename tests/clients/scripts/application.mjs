// An application with three graphs: a task for a child graph, an approval, and a graph without messages.
import { client, report } from "./play.mjs";

const found = {};
found.graphs = (await client.assistants.search()).map((one) => one.graph_id).sort();
const { thread_id: thread } = await client.threads.create();
const said = { inside: [], outside: [] };

/** Run the coordinator, and keep every whole message by the graph that it belongs to. */
async function run(order) {
  const options = { ...order, streamMode: ["updates", "values"], streamSubgraphs: true };
  for await (const { event, data } of client.runs.stream(thread, "coordinator", options)) {
    const [name, namespace] = event.split("|");
    if (name !== "updates" || data.__interrupt__) continue;
    const where = namespace ? said.inside : said.outside;
    for (const write of Object.values(data)) {
      for (const message of write?.messages ?? []) if (message.content) where.push(message.content);
    }
  }
}

await run({ input: { messages: [{ role: "user", content: "What does it cost?" }] } });
const state = await client.threads.getState(thread, undefined, { subgraphs: true });
found.asked = state.tasks[0].interrupts[0].value;
await run({ command: { resume: { type: "approve" } } });
const history = await client.threads.getHistory(thread);
const { checkpoint } = history.flatMap((one) => one.tasks).find((task) => task.name === "tools");
const [newest] = await client.threads.getHistory(thread, { checkpoint });
found.inside = newest.values.messages.map((message) => message.content).filter(Boolean);
found.outside = said.outside.filter((text) => text !== "sent");
const { thread_id: other } = await client.threads.create();
await client.runs.wait(other, "report", { input: { topic: "rain" } });
found.report = await client.runs.wait(other, "report", { input: null });
report(found);
