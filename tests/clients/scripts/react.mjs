// The current `useStream` of `@langchain/react`, which speaks the newer streaming protocol, in a headless browser.
import { site } from "./site.mjs";
import { Witness, asking, client, kinds, probed, report } from "./play.mjs";

const witness = await new Witness().listen();
const { open: opened, shows, close } = await site("react_page.jsx");
const open = (thread = "") => opened({ thread, transport: process.env.TRANSPORT });

const submit = (page, chat, input, options) =>
  page.evaluate((chat, input, options) => void window.chats[chat].submit(input, options).catch(() => {}), chat, input, options);
const threadOf = (page) => new URL(page.url()).searchParams.get("thread");
const statuses = async (thread) => (await client.runs.list(thread)).map((run) => run.status).reverse();
const state = async (thread) => kinds((await client.threads.getState(thread)).values);

/** Wait for every run of a thread, and how they ended. */
async function ended(thread) {
  for (const run of await client.runs.list(thread)) await client.runs.join(thread, run.run_id);
  return statuses(thread);
}

/** The strategies under which the browser started runs on a thread, in order. */
async function strategies(thread) {
  const { requests } = await (await fetch(`${process.env.DEPLOYMENT_URL}/_mock/journal`)).json();
  return requests
    .filter((one) => one.thread_id === thread && one.protocol === "run.start")
    .map((one) => one.strategy ?? "none");
}

/** A page whose first chat has asked, and is held while its tools are at work. */
async function held(label) {
  const { thread_id: thread } = await client.threads.create();
  const page = await open(thread);
  const point = `${label}/tools:1/enter`;
  const reached = witness.hold(point);
  await submit(page, "first", asking("sf"), { config: probed(label, { witness: witness.url }) });
  await reached;
  await shows(page, "first", { loading: true, said: "HA", tools: "running" });
  return [page, thread, () => witness.release(point)];
}

const found = {};

{
  const page = await open();
  await submit(page, "first", asking("sf"), { config: probed("A") });
  const { last, error, tools } = await shows(page, "first", { loading: false, said: "HATA" });
  found.submitted = { last, error, tools, statuses: await statuses(threadOf(page)) };
  await page.close();
}

for (const strategy of ["enqueue", "reject", "interrupt", "rollback"]) {
  const [page, thread, release] = await held(`${strategy}A`);
  const order = { config: probed(`${strategy}B`), multitaskStrategy: strategy };
  await submit(page, "first", asking("nyc"), order);
  // These two stop the first run; the others wait for it, or are refused in the browser.
  if (strategy === "enqueue" || strategy === "reject") release();
  const said = { enqueue: "HATAHATA", reject: "HATA", interrupt: "HAHATA", rollback: "HATA" }[strategy];
  const { error } = await shows(page, "first", { loading: false, said });
  found[strategy] = { error, statuses: await ended(thread), state: await state(thread), sent: await strategies(thread) };
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
  const [page, thread, release] = await held("reloaded");
  await page.reload();
  await shows(page, "first", { loading: true, said: "HA" });
  const another = await opened({ thread, transport: process.env.TRANSPORT }, { loading: true });
  release();
  const { error } = await shows(page, "first", { loading: false, said: "HATA" });
  const elsewhere = await shows(another, "first", { loading: false, said: "HATA" });
  found.reloaded = { errors: [error, elsewhere.error], statuses: await statuses(thread), state: await state(thread) };
  await page.close();
  await another.close();
}

{
  const page = await open();
  await submit(page, "first", asking("sf"), { config: probed("A", { interrupt: ["tools:1"] }) });
  await shows(page, "first", { loading: false, question: "Go on?" });
  await page.reload();
  await shows(page, "first", { loading: false, question: "Go on?", said: "HA" });
  // By its name: the hook shows a question that it fetched before its stream has told of it.
  await page.evaluate((config) => {
    const { respond, interrupt } = window.chats.first;
    void respond("yes", { config, interruptId: interrupt.id });
  }, probed("A"));
  const { error } = await shows(page, "first", { loading: false, said: "HATA", question: null });
  found.resumed = { error, statuses: await ended(threadOf(page)) };
  await page.close();
}

await close();
witness.close();
report(found);
