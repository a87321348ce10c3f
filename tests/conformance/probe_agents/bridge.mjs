/**
 * Runs the JavaScript probe agent for the tests, which are in Python. Requests and answers are JSON objects, one a line.
 *
 * A request has an `id` and an action in `do`. Its answer is `{id, value}` or `{id, error}`, after one `{id, part}` for
 * each part of a stream. `{do: "cancel", run: ID}` aborts the signal of the run that the request ID started.
 */

import { createInterface } from "node:readline";

import { AIMessage, HumanMessage } from "@langchain/core/messages";
import { Command, MemorySaver } from "@langchain/langgraph";

import { replyTo } from "./src/conversation.mjs";
import { graph } from "./src/graph.mjs";
import { readProbe } from "./src/probe.mjs";
import { Step } from "./src/step.mjs";

/** The seconds of a timed hold that ends only when it is aborted, as `ENDLESS` in Python. All others take no time. */
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
  // Only a step that a test aborts takes its time, which is longer than any test.
  if (seconds >= ENDLESS) await take.call(this, seconds);
};

const actions = {
  say: ({ text, context, ...fields }) =>
    graph.invoke(saying(text), { ...configured(fields), context }).then(() => null),
  resume: ({ value, ...fields }) => graph.invoke(new Command({ resume: value }), configured(fields)).then(() => null),
  stream: async ({ id, text, mode, ...fields }) => {
    const parts = await graph.stream(saying(text), { ...configured({ id, ...fields }), streamMode: mode });
    for await (const part of parts) answer({ id, part: mode === "messages" ? plain(part[0]) : part });
    return null;
  },
  state: async ({ thread, subgraphs }) => {
    const { config } = await graph.getState(configured({ thread }));
    // By its id: without one, LangGraph adds the writes of finished steps of an unfinished superstep to the state.
    return snapshot(await graph.getState(config, { subgraphs }));
  },
  reply: ({ text, answering }) => {
    const { call, tokens } = replyTo([new HumanMessage(text), ...(answering ? [new AIMessage("")] : [])]);
    return { query: call?.query, tokens };
  },
  read: ({ configurable }) => readProbe(configurable),
  /** A step outside a graph, where its own end is visible: a cancelled graph does not wait for its steps. */
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
    .then(() => actions[request.do](request))
    .then(
      (value) => answer({ id, value: value ?? null }),
      (error) => answer({ id, error: { name: error.name, text: error.message } }),
    );
}
process.exit(0);
