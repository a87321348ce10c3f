// The UI client `@langgraph-js/sdk` on the application of three graphs: what its chat renders of runs that it streams.
import { LangGraphClient } from "@langgraph-js/sdk";
import { client as sdk, control, report } from "./play.mjs";

const rendered = (message) => [message.type, message.content, (message.sub_agent_messages ?? []).map(rendered)];

/** A chat with one of the graphs, and the events that it emits. */
async function chat(graph) {
  const opened = new LangGraphClient({ client: sdk });
  await opened.initAssistant(graph);
  const events = [];
  for (const name of ["start", "message", "value", "error", "thread", "done"]) {
    opened.on(name, ({ event }) => {
      const shown = event.replace(/:[0-9a-f-]{36}/g, "");
      if (shown !== events.at(-1)) events.push(shown);
    });
  }
  return [opened, events];
}

const found = {};
{
  const [opened, events] = await chat("coordinator");
  await opened.sendMessage("What does it cost?");
  found.asked = { events: events.splice(0), messages: opened.renderMessage.map(rendered), notes: opened.graphState.notes };
  await opened.sendMessage([], { command: { resume: { type: "approve" } } });
  found.approved = { events, messages: opened.renderMessage.map(rendered).slice(-2) };
  const [again] = await chat("coordinator");
  await again.resetThread("coordinator", opened.currentThread.thread_id);
  found.reopened = again.renderMessage.length === opened.renderMessage.length;
  found.listed = (await again.listThreads()).some((one) => one.thread_id === again.currentThread.thread_id);
}
for (const end of ["joined", "stopped"]) {
  const [opened, events] = await chat("researcher");
  await control("POST", "holds", { point: "tools:1/enter" });
  const sent = opened.sendMessage("What does it cost?");
  await control("POST", "wait", { point: "tools:1/enter" });
  const [another, seen] = await chat("researcher");
  await another.resetThread("researcher", opened.currentThread.thread_id);
  const joined = another.resetStream();
  // A client that joins after the end receives nothing of the run.
  const path = `/threads/${opened.currentThread.thread_id}/runs/*/stream`;
  await control("POST", "wait", { request: { method: "GET", path } });
  if (end === "stopped") opened.cancelRun();
  else await control("DELETE", "holds");
  await Promise.all([sent, joined]);
  await control("DELETE", "holds");
  const [{ status }] = await sdk.runs.list(opened.currentThread.thread_id);
  found[end] = { status, last: events.at(-1), seen: seen.at(-1), messages: another.renderMessage.map(rendered).at(-1) };
}
report(found);
