// assistant-ui's LangGraph runtime in a headless browser.
import { site } from "./site.mjs";
import { Witness, client, kinds, probed, report } from "./play.mjs";

const witness = await new Witness().listen();
const { open, shows, close } = await site("assistant_page.jsx");

const asks = (page, place, config) =>
  page.evaluate((text, config) => void window.chats.first.submit(text, config), `what's the weather in ${place}?`, config);
const state = async (thread) => kinds((await client.threads.getState(thread)).values);

/** Wait for every run of a thread, and how they ended. */
async function ended(thread) {
  const runs = await client.runs.list(thread);
  for (const run of runs) await client.runs.join(thread, run.run_id);
  return (await client.runs.list(thread)).map((run) => run.status).reverse();
}

async function started() {
  const { thread_id: thread } = await client.threads.create();
  return [await open({ thread }), thread];
}

const found = {};

{
  const [page, thread] = await started();
  await asks(page, "sf", probed("A"));
  const { last, error, said } = await shows(page, "first", { loading: false, said: "UA" });
  found.submitted = { last, error, said, statuses: await ended(thread), state: await state(thread) };
  await page.close();
}

{
  const [page, thread] = await started();
  const reached = witness.hold("stopped/tools:1/enter");
  await asks(page, "sf", probed("stopped", { witness: witness.url }));
  await reached;
  await shows(page, "first", { loading: true });
  await page.evaluate(() => window.chats.first.stop());
  await shows(page, "first", { loading: false });
  found.stopped = { statuses: await ended(thread), state: await state(thread) };
  await page.close();
}

{
  const [page, thread] = await started();
  const reached = witness.hold("twice/tools:1/enter");
  await asks(page, "sf", probed("twice", { witness: witness.url }));
  await reached;
  await asks(page, "nyc", probed("B"));
  witness.release("twice/tools:1/enter");
  await shows(page, "first", { loading: false, said: "UAUA" });
  found.twice = { statuses: await ended(thread), state: await state(thread) };
  await page.close();
}

{
  const [page, thread] = await started();
  await asks(page, "sf", probed("A", { interrupt: ["tools:1"] }));
  await shows(page, "first", { loading: false, question: "Go on?" });
  await page.evaluate(() => void window.chats.first.resume("yes"));
  await shows(page, "first", { loading: false, question: null });
  found.resumed = { statuses: await ended(thread), state: await state(thread) };
  await page.close();
}

await close();
witness.close();
report(found);
