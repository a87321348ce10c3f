/**
 * Plays the JavaScript probe agent for the tests, which are in Python: one JSON object a line in, one a line out.
 *
 * A request has an `id` and what to `do`; it is answered by `{id, value}` or `{id, error}`, and by `{id, part}` for every
 * part of a stream before that. `{do: "cancel", run: ID}` aborts the signal of the run that the request ID began.
 */

import { createInterface } from "node:readline";

import { AIMessage, HumanMessage } from "@langchain/core/messages";
import { Command, MemorySaver } from "@langchain/langgraph";

import { replyTo } from "./src/conversation.mjs";
import { graph } from "./src/graph.mjs";
import { readProbe } from "./src/probe.mjs";
import { Step } from "./src/step.mjs";

/** A timed hold that ends only by being cut short, as the adapters' `ENDLESS`; all others take no time. */
const ENDLESS = 600;

const signals = new Map();
const taken = [];
let naps = [];
let onNap = () => {};

graph.checkpointer = new MemorySaver();

Step.nap = (seconds, signal) => {
  if (!seconds) return Promise.resolve();
  naps.push(seconds);
  onNap();
  if (seconds !== ENDLESS) return Promise.resolve();
  return new Promise((resolve) => signal.addEventListener("abort", resolve));
};

const { take } = Step.prototype;
Step.prototype.take = async function (seconds) {
  taken.push([this.entry, seconds]);
  // Longer than any test: only what is to be cut short takes its time.
  if (seconds >= ENDLESS) await take.call(this, seconds);
};

const deeds = {
  say: ({ text, ...told }) => graph.invoke(saying(text), configured(told)).then(() => null),
  resume: ({ value, ...told }) => graph.invoke(new Command({ resume: value }), configured(told)).then(() => null),
  stream: async ({ id, text, mode, ...told }) => {
    const parts = await graph.stream(saying(text), { ...configured({ id, ...told }), streamMode: mode });
    for await (const part of parts) answer({ id, part: mode === "messages" ? plain(part[0]) : part });
    return null;
  },
  state: async ({ thread, subgraphs }) => {
    const { config } = await graph.getState(configured({ thread }));
    // By its id, because the state of a thread shows what single steps of an unfinished superstep wrote.
    return snapshot(await graph.getState(config, { subgraphs }));
  },
  reply: ({ text, answering }) => {
    const { call, tokens } = replyTo([new HumanMessage(text), ...(answering ? [new AIMessage("")] : [])]);
    return { query: call?.query, tokens };
  },
  read: ({ configurable }) => readProbe(configurable),
  /** A step outside a graph, so that its own end is seen, which a cancelled graph does not wait for. */
  step: ({ id, name, probe, seconds, cancelled }) => {
    const step = new Step(name, readProbe({ probe }), null, signalOf(id));
    if (cancelled) signals.get(id).abort();
    return step.play(async () => {
      await (seconds === undefined ? step.reach("token") : step.take(seconds));
      return "done";
    });
  },
  cancel: ({ run }) => signals.get(run).abort(),
  naps: ({ count }) =>
    new Promise((resolve) => {
      onNap = () => naps.length >= count && resolve(naps);
      onNap();
    }),
  taken: () => taken,
  forget: () => {
    naps = [];
    taken.length = 0;
  },
};

function saying(text) {
  return { messages: [{ role: "user", content: text }] };
}

function configured({ id, thread, probe, run_id }) {
  const configurable = Object.fromEntries(
    Object.entries({ thread_id: thread, probe, run_id }).filter(([, value]) => value !== undefined),
  );
  return { configurable, signal: id === undefined ? undefined : signalOf(id) };
}

function signalOf(id) {
  signals.set(id, new AbortController());
  return signals.get(id).signal;
}

function snapshot(state) {
  const { messages = [], steps = [] } = state.values;
  const child = state.tasks.find((task) => task.state?.values !== undefined)?.state;
  return {
    messages: messages.map(plain),
    steps,
    next: state.next,
    interrupts: state.tasks.flatMap((task) => task.interrupts.map((interrupt) => interrupt.value)),
    child: child && { namespace: child.config.configurable.checkpoint_ns, steps: child.values.steps },
  };
}

function plain({ type, id, content, name, tool_calls, tool_call_id }) {
  return { type, id, content, name, tool_calls, tool_call_id };
}

function answer(line) {
  process.stdout.write(`${JSON.stringify(line)}\n`);
}

for await (const line of createInterface({ input: process.stdin })) {
  const request = JSON.parse(line);
  const { id } = request;
  Promise.resolve()
    .then(() => deeds[request.do](request))
    .then(
      (value) => answer({ id, value: value ?? null }),
      (error) => answer({ id, error: { name: error.name, text: error.message } }),
    );
}
process.exit(0);
