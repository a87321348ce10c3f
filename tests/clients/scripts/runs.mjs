import { Witness, all, asking, client, kinds, names, probed, refusal, report } from "./play.mjs";

const { thread_id: thread } = await client.threads.create();
let announced;
const run = await client.runs.create(thread, "agent", {
  input: asking("sf"),
  config: { ...probed("A"), tags: ["x"], recursion_limit: 25, max_concurrency: 4 },
  metadata: { mine: 1 },
  onRunCreated: (about) => (announced = about),
});
const found = {
  announced: announced?.run_id === run.run_id && announced?.thread_id === thread,
  joined: kinds(await client.runs.join(thread, run.run_id)),
  got: (({ status, metadata }) => [status, metadata.mine])(await client.runs.get(thread, run.run_id)),
  listed: (await client.runs.list(thread, { status: "success", limit: 5 })).length,
  selected: (await client.runs.list(thread, { select: ["run_id", "status"] })).map((one) => Object.keys(one).sort()),
  tooLate: await refusal(() => client.runs.cancel(thread, run.run_id)),
  nothingLeft: await all(client.runs.joinStream(thread, run.run_id)),
  waited: kinds(await client.runs.wait(thread, "agent", { input: asking("nyc"), config: probed("B") })),
  unknownThread: await refusal(() => client.runs.create(crypto.randomUUID(), "agent", { input: asking("sf") })),
  createsThread: (await client.runs.wait(crypto.randomUUID(), "agent", {
    input: asking("sf"),
    config: probed("A"),
    ifNotExists: "create",
  })).steps,
};
await client.runs.delete(thread, run.run_id);
found.deleted = await refusal(() => client.runs.get(thread, run.run_id));

const fail = probed("A", { fail: ["tools:1"] });
found.failed = await refusal(() => client.runs.wait(thread, "agent", { input: asking("sf"), config: fail }));
found.failure = (await client.runs.wait(thread, "agent", { input: asking("sf"), config: fail, raiseError: false })).__error__;
found.failedStream = (await all(client.runs.stream(thread, "agent", { input: asking("sf"), config: fail }))).at(-1);

found.modes = {};
const modes = ["values", "updates", "messages-tuple", "messages", "custom", []];
for (const streamMode of [...modes, ["values", "messages-tuple", "updates"]]) {
  const events = await all(
    client.runs.stream(thread, "agent", { input: asking("sf"), config: probed("A"), streamMode, streamSubgraphs: true }),
  );
  found.modes[String(streamMode)] = names(events);
}
found.unknownMode = await refusal(() => all(client.runs.stream(thread, "agent", { input: asking("sf"), streamMode: "tools" })));

const stateless = { input: asking("sf"), config: probed("A") };
found.stateless = {
  waited: kinds(await client.runs.wait(null, "agent", { ...stateless, multitaskStrategy: "reject" })),
  streamed: names(await all(client.runs.stream(null, "agent", stateless))),
  created: (await client.runs.create(null, "agent", stateless)).status,
  batch: (await client.runs.createBatch([
    { assistantId: "agent", ...stateless },
    { assistantId: "agent", ...stateless },
  ])).map((one) => one.status),
};

const witness = await new Witness().listen();
const held = witness.hold("C/tools:1/enter");
const { thread_id: other } = await client.threads.create();
const long = await client.runs.create(other, "agent", {
  input: asking("sf"),
  config: probed("C", { witness: witness.url }),
  streamMode: ["values", "updates"],
  streamResumable: true,
});
await held;
const watching = all(client.runs.joinStream(other, long.run_id, { lastEventId: "-1", streamMode: ["updates"] }));
const joining = client.runs.join(other, long.run_id);
await client.runs.cancel(other, long.run_id, true, "interrupt");
found.cancelled = {
  status: (await client.runs.get(other, long.run_id)).status,
  joined: kinds(await joining),
  watched: names(await watching),
  replayed: names(await all(client.runs.joinStream(other, long.run_id, { lastEventId: "-1" }))),
};
witness.close();
report(found);
