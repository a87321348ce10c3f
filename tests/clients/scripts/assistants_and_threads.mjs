import { all, asking, client, kinds, probed, refusal, report } from "./play.mjs";

const [assistant] = await client.assistants.search({ graphId: "agent", limit: 5, sortBy: "name", sortOrder: "asc" });
const id = assistant.assistant_id;
const drawn = await client.assistants.getGraph(id, { xray: true });
const assistants = {
  got: (await client.assistants.get(id)).name,
  none: await client.assistants.search({ metadata: { created_by: "nobody" } }),
  edges: drawn.edges.map((edge) => `${edge.source}-${edge.target}`),
  state: Object.keys((await client.assistants.getSchemas(id)).state_schema.properties),
  subgraphs: Object.keys(await client.assistants.getSubgraphs(id, { recurse: true })),
  versions: (await client.assistants.getVersions(id)).map((one) => one.version),
  count: client.assistants.count ? await client.assistants.count({ graphId: "agent" }) : 1,
};

const chosen = crypto.randomUUID();
const { thread_id: thread } = await client.threads.create({
  threadId: chosen,
  graphId: "agent",
  metadata: { mine: true },
  ifExists: "raise",
});
const threads = {
  keepsId: thread === chosen,
  again: (await client.threads.create({ threadId: chosen, ifExists: "do_nothing" })).metadata,
  taken: await refusal(() => client.threads.create({ threadId: chosen })),
  patched: (await client.threads.update(thread, { metadata: { more: 1 } })).metadata,
  found: (await client.threads.search({ metadata: { mine: true, more: 1 }, ids: [thread], status: "idle" })).length,
  selected: (await client.threads.search({ ids: [thread], select: ["thread_id"] })).map(Object.keys),
  empty: (await client.threads.getState(thread)).values,
};

await client.runs.wait(thread, "agent", { input: asking("sf"), config: probed("A") });
const history = await client.threads.getHistory(thread, { limit: 100 });
const at = history[2].checkpoint;
const before = { configurable: { thread_id: thread, checkpoint_id: at.checkpoint_id } };
const states = {
  history: history.map((state) => kinds(state.values)),
  before: (await client.threads.getHistory(thread, { before })).map((state) => kinds(state.values)),
  byMetadata: (await client.threads.getHistory(thread, { metadata: { step: 1 } })).length,
  ofSubgraph: await client.threads.getHistory(thread, { checkpoint: { checkpoint_ns: "tools:none" }, limit: 1 }),
  byId: kinds((await client.threads.getState(thread, at.checkpoint_id)).values),
  byCheckpoint: kinds((await client.threads.getState(thread, at, { subgraphs: true })).values),
};
const written = await client.threads.updateState(thread, {
  values: { messages: [{ role: "assistant", content: "by hand" }] },
  asNode: "agent",
});
const copy = await client.threads.copy(thread);
Object.assign(states, {
  written: written.checkpoint.thread_id === thread,
  updated: kinds((await client.threads.getState(thread)).values),
  copied: kinds((await client.threads.getState(copy.thread_id)).values),
  refused: await refusal(() => client.threads.updateState(thread, { values: { messages: 1 } })),
});
await client.threads.delete(thread);
states.deleted = await refusal(() => client.threads.get(thread));
report({ assistants, threads, states });
