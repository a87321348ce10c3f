import { Witness, all, asking, client, kinds, probed, refusal, report } from "./play.mjs";

const witness = await new Witness().listen();

/** A second run while the tools of the first are at work, watched by a stream of it. */
async function doubleText(strategy) {
  const { thread_id: thread } = await client.threads.create();
  const label = strategy.slice(0, 3);
  const point = `${label}A/tools:1/enter`;
  const held = witness.hold(point);
  let first;
  const watched = all(
    client.runs.stream(thread, "agent", {
      input: asking("sf"),
      config: probed(`${label}A`, { witness: witness.url }),
      streamMode: "updates",
      onRunCreated: (about) => (first = about.run_id),
    }),
  );
  await held;
  const order = { input: asking("nyc"), config: probed(`${label}B`), multitaskStrategy: strategy };
  if (strategy === "reject") {
    const refused = await refusal(() => client.runs.create(thread, "agent", order));
    witness.release(point);
    await watched;
    return { refused: refused.slice(0, 3), said: kinds((await client.threads.getState(thread)).values) };
  }
  const second = await client.runs.create(thread, "agent", order);
  if (strategy === "enqueue") witness.release(point);
  await client.runs.join(thread, second.run_id);
  const events = await watched;
  return {
    first: await client.runs.get(thread, first).then(({ status }) => status, ({ status }) => status),
    second: (await client.runs.get(thread, second.run_id)).status,
    said: kinds((await client.threads.getState(thread)).values),
    watched: events.flatMap((one) => (one.event === "updates" ? Object.keys(one.data) : [])),
    thread: (await client.threads.get(thread)).status,
  };
}

const found = {};
for (const strategy of ["enqueue", "reject", "interrupt", "rollback"]) found[strategy] = await doubleText(strategy);
witness.close();
report(found);
