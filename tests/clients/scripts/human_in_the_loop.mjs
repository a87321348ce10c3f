import { all, asking, client, kinds, names, probed, report } from "./play.mjs";

const question = probed("A", { interrupt: ["tools:1"] });

async function parked() {
  const { thread_id: thread } = await client.threads.create();
  return [thread, await client.runs.wait(thread, "agent", { input: asking("sf"), config: question })];
}

const [thread, asked] = await parked();
const state = await client.threads.getState(thread);
const found = {
  asked: asked.__interrupt__.map((one) => one.value),
  status: (await client.threads.get(thread)).status,
  next: state.next,
  task: state.tasks[0].interrupts.map((one) => one.value),
  resumed: kinds(await client.runs.wait(thread, "agent", { command: { resume: "yes" }, config: question })),
};

const [edited] = await parked();
const command = { resume: "yes", update: { steps: ["by hand"] }, goto: [] };
found.edited = (await client.runs.wait(edited, "agent", { command, config: question })).steps;

const [beside] = await parked();
const both = { input: {}, command: { resume: "yes" }, config: question, streamMode: "updates" };
found.inputBeside = names(await all(client.runs.stream(beside, "agent", both)));

const { thread_id: paused } = await client.threads.create();
const order = { config: probed("A"), streamMode: "updates" };
const breakpoint = await all(
  client.runs.stream(paused, "agent", { ...order, input: asking("sf"), interruptBefore: ["tools"] }),
);
found.breakpoint = breakpoint.at(-1).data;
const on = await all(client.runs.stream(paused, "agent", { ...order, input: null }));
found.goesOn = on.flatMap((one) => (one.event === "updates" ? Object.keys(one.data) : []));
report(found);
