// React's useStream in a headless browser, on a page of another origin than the deployment's.
import { once } from "node:events";
import { createServer } from "node:http";
import { build } from "esbuild";
import { launch } from "./browser.mjs";
import { Witness, all, asking, client, kinds, probed, report } from "./play.mjs";

const DEADLINE = 20_000;

const bundled = await build({
  entryPoints: ["page.jsx"],
  bundle: true,
  write: false,
  format: "esm",
  jsx: "automatic",
  alias: { sdk: process.env.SDK },
  define: { "process.env.NODE_ENV": '"production"', "process.env": "{}" },
  logLevel: "error",
});
const html = '<!doctype html><meta charset="utf-8"><div id="root"></div><script type="module" src="/page.js"></script>';
const site = createServer((request, response) => {
  const script = request.url === "/page.js";
  response.writeHead(200, { "Content-Type": script ? "text/javascript" : "text/html" });
  response.end(script ? bundled.outputFiles[0].text : html);
});
site.listen(0, "127.0.0.1");
await once(site, "listening");
const origin = `http://127.0.0.1:${site.address().port}`;

const witness = await new Witness().listen();
const browser = await launch();

async function open({ thread = "", reconnect = "no" } = {}) {
  const page = await browser.newPage();
  const query = new URLSearchParams({ deployment: process.env.DEPLOYMENT_URL, reconnect, ...(thread && { thread }) });
  await page.goto(`${origin}/?${query}`);
  await shows(page, "first", { loading: false });
  return page;
}

const submit = (page, chat, input, options) =>
  page.evaluate((chat, input, options) => void window.chats[chat].submit(input, options), chat, input, options);

/** What a chat shows once it shows this; what it shows instead is told when it never does. */
async function shows(page, chat, wanted) {
  const shown = (chat) => JSON.parse(document.getElementById(chat)?.textContent || "{}");
  const met = `(chat, wanted) => {
    const shown = (${shown})(chat);
    return Object.entries(wanted).every(([key, value]) => shown[key] === value);
  }`;
  try {
    await page.waitForFunction(`(${met})(${JSON.stringify(chat)}, ${JSON.stringify(wanted)})`, { timeout: DEADLINE });
  } catch (error) {
    const instead = JSON.stringify(await page.evaluate(shown, chat));
    throw new Error(`${chat} never showed ${JSON.stringify(wanted)}, but ${instead}`, { cause: error });
  }
  return page.evaluate(shown, chat);
}

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

await browser.close();
witness.close();
site.close();
report(found);
