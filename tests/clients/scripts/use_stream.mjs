// React's useStream in a headless browser, on a page of another origin than the deployment's.
import { DEADLINE, site } from "./site.mjs";
import { Witness, asking, client, kinds, probed, report } from "./play.mjs";

const witness = await new Witness().listen();
const { open: opened, shows, close } = await site("page.jsx", { sdk: process.env.SDK });
const open = ({ thread = "", reconnect = "no", reads = "" } = {}) => opened({ thread, reconnect, reads });

const submit = (page, chat, input, options) =>
  page.evaluate((chat, input, options) => void window.chats[chat].submit(input, options), chat, input, options);

const threadOf = (page) => new URL(page.url()).searchParams.get("thread");
const statuses = async (thread) => (await client.runs.list(thread)).map((run) => run.status).reverse();
const state = async (thread) => kinds((await client.threads.getState(thread)).values);

/** A page whose first chat has asked, and is held while its tools are at work. */
async function held(label, settings = {}) {
  const { thread_id: thread } = await client.threads.create();
  const page = await open({ thread, ...settings });
  const reached = witness.hold(`${label}/tools:1/enter`);
  await submit(page, "first", asking("sf"), { config: probed(label, { witness: witness.url }) });
  await reached;
  await shows(page, "first", { loading: true, said: "HA" });
  return [page, thread, () => witness.release(`${label}/tools:1/enter`)];
}

/** Whether a run of the thread ends with this status: its end is waited for, by joining it. */
async function ended(thread) {
  for (const run of await client.runs.list(thread)) await client.runs.join(thread, run.run_id);
  return statuses(thread);
}

const found = {};

{
  const page = await open();
  await submit(page, "first", asking("sf"), { config: probed("A") });
  const { last, error } = await shows(page, "first", { loading: false, said: "HATA", finished: 1 });
  found.submitted = { last, error, statuses: await statuses(threadOf(page)) };
  await submit(page, "first", asking("nyc"), { config: probed("B") });
  await shows(page, "first", { loading: false, said: "HATAHATA", finished: 2 });
  await page.close();
}

for (const strategy of ["enqueue", "reject", "interrupt", "rollback"]) {
  const [page, thread, release] = await held(`${strategy}A`);
  const order = { config: probed(`${strategy}B`), multitaskStrategy: strategy };
  await submit(page, "second", asking("nyc"), order);
  if (strategy === "reject") {
    await page.waitForFunction(() => JSON.parse(document.getElementById("second").textContent).error, { timeout: DEADLINE });
    release();
  } else if (strategy === "enqueue") {
    await shows(page, "second", { loading: true });
    while ((await statuses(thread)).length < 2);
    release();
  }
  const first = await shows(page, "first", { loading: false });
  const second = await shows(page, "second", { loading: false });
  found[strategy] = {
    errors: [first.error, second.error?.slice(0, 8) ?? null],
    second: second.said,
    statuses: await statuses(thread),
    state: await state(thread),
  };
  await page.close();
}

{
  // The second chat reads the history while the first chat's read, sent before the run was over, has no answer.
  const [page, thread] = await held("readA", { reads: "joined" });
  await page.evaluate(() => {
    const { fetch } = window;
    const answered = new Promise((resolve) => (window.answer = resolve));
    window.fetch = async (url, init) => {
      const answer = await fetch(url, init);
      if (String(url).endsWith("/history")) {
        window.firstReads = true;
        await answered;
      }
      return answer;
    };
    const { threads } = window.chats.second.client;
    const getHistory = threads.getHistory.bind(threads);
    threads.getHistory = (...read) => {
      window.secondReads = true;
      return getHistory(...read);
    };
  });
  const reached = witness.hold("readB/tools:1/enter");
  const config = probed("readB", { witness: witness.url });
  await submit(page, "second", asking("nyc"), { config, multitaskStrategy: "interrupt" });
  await reached;
  await page.waitForFunction("window.firstReads", { timeout: DEADLINE });
  witness.release("readB/tools:1/enter");
  await page.waitForFunction("window.secondReads", { timeout: DEADLINE });
  await page.evaluate(() => window.answer());
  const { said } = await shows(page, "second", { loading: false });
  found.joinedReads = { whole: said.endsWith("TA"), state: await state(thread) };
  await page.close();
}

{
  const [page, thread] = await held("stopped");
  await page.evaluate(() => void window.chats.first.stop());
  const { error } = await shows(page, "first", { loading: false });
  found.stopped = { error, statuses: await ended(thread), state: await state(thread) };
  await page.close();
}

{
  const [page, thread] = await held("cancelled", { reconnect: "yes" });
  await page.evaluate(() => void window.chats.first.stop());
  await shows(page, "first", { loading: false });
  found.cancelled = { statuses: await ended(thread), state: await state(thread) };
  await page.close();
}

{
  const [page, thread, release] = await held("reloaded", { reconnect: "yes" });
  await page.reload();
  await shows(page, "first", { loading: true, said: "HA" });
  release();
  const { error } = await shows(page, "first", { loading: false, said: "HATA" });
  found.reloaded = { error, statuses: await statuses(thread), state: await state(thread) };
  await page.close();
}

{
  const [page, thread, release] = await held("joined");
  const [run] = await client.runs.list(thread);
  await page.evaluate((run) => void window.chats.second.joinStream(run), run.run_id);
  await shows(page, "second", { loading: true });
  release();
  await shows(page, "second", { loading: false, said: "HATA" });
  found.joined = { statuses: await statuses(thread) };
  await page.close();
}

{
  const page = await open();
  const config = probed("A", { interrupt: ["tools:1"] });
  await submit(page, "first", asking("sf"), { config });
  const shown = `() => JSON.parse(document.getElementById("first").textContent)`;
  await page.waitForFunction(`(${shown})().question && !(${shown})().loading`, { timeout: DEADLINE });
  const { question } = await page.evaluate(`(${shown})()`);
  await page.reload();
  await page.waitForFunction(`(${shown})().question && !(${shown})().loading`, { timeout: DEADLINE });
  await submit(page, "first", undefined, { command: { resume: "yes" }, config });
  const { error } = await shows(page, "first", { loading: false, said: "HATA", question: null });
  found.resumed = { question, error, statuses: await statuses(threadOf(page)) };
  await page.close();
}

await close();
witness.close();
report(found);
