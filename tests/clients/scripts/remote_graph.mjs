// RemoteGraph of LangGraph.js, which uses a deployment as if it were a graph of one's own.
import { Command, isGraphInterrupt } from "@langchain/langgraph";
import { RemoteGraph } from "@langchain/langgraph/remote";
import { client, report } from "./play.mjs";

const graph = new RemoteGraph({ graphId: "coordinator", url: process.env.DEPLOYMENT_URL });
const { thread_id } = await client.threads.create();
const config = { configurable: { thread_id } };
const input = { messages: [{ role: "user", content: "What does it cost?" }] };
const found = { inside: "", outside: "" };

try {
  const options = { ...config, streamMode: ["messages", "updates"], subgraphs: true };
  for await (const [namespace, mode, data] of await graph.stream(input, options)) {
    if (mode === "messages") found[namespace.length ? "inside" : "outside"] += data[0].content;
  }
} catch (error) {
  if (!isGraphInterrupt(error)) throw error;
  found.asked = error.interrupts.map((one) => one.value.action);
}
const state = await graph.getState(config, { subgraphs: true });
found.next = [state.next, state.tasks.map((task) => task.interrupts.length)];
const values = await graph.invoke(new Command({ resume: { type: "approve" } }), config);
found.said = values.messages.map((message) => message.content);
found.history = [];
for await (const one of graph.getStateHistory(config)) found.history.push(one.next);
found.drawn = Object.keys((await graph.getGraphAsync({ xray: true })).nodes).sort();
await graph.updateState(config, { notes: ["by hand"] });
found.notes = (await graph.getState(config)).values.notes;
report(found);
