/**
 * The probe agent for servers that run JavaScript graphs: `agent → tools → agent`, as the probe contract says.
 *
 * A probe may ask for a child graph, or for a second step beside `tools`; without that their nodes are never entered.
 */

import { AIMessage, ToolMessage } from "@langchain/core/messages";
import { Annotation, END, MessagesAnnotation, START, StateGraph } from "@langchain/langgraph";

import { TOOL, replyTo, resultFor, visit } from "./conversation.mjs";
import { ScriptedModel } from "./model.mjs";
import { readProbe } from "./probe.mjs";
import { Step } from "./step.mjs";

// What a run for people (one without a probe) takes, in seconds: time enough for the guides' own code to
// interrupt it.
const CALL_SECONDS = 0.4;
const TOOL_SECONDS = 0.4;
const ANSWER_SECONDS = 2.5;

/** The signal that the model gets: the step alone decides about a cancellation. Without one it would take the run's. */
const NEVER = new AbortController().signal;

/** A list of finished steps that only grows. */
const Steps = Annotation({ reducer: (finished, more) => finished.concat(more), default: () => [] });

/** The conversation, and the steps that finished, each written together with its message. */
const State = Annotation.Root({ ...MessagesAnnotation.spec, steps: Steps });

/** What the child graph knows: the tool call, and its own finished steps. */
const ChildState = Annotation.Root({ call: Annotation, visit: Annotation, steps: Steps });

/** Call the tool, or answer in tokens. */
async function agent(state, config) {
  const step = begin("agent", visit("agent", state.messages), config);
  const message = await step.play(async () => {
    const { tokens } = replyTo(state.messages);
    let spoken = 0;
    const model = new ScriptedModel(async () => {
      spoken += 1;
      await step.take(tokens === undefined ? CALL_SECONDS : ANSWER_SECONDS / tokens.length);
      if (tokens !== undefined && spoken === Math.max(1, Math.floor(tokens.length / 2))) await step.reach("token");
    });
    const pieces = await model.stream(state.messages, { ...config, signal: NEVER });
    let whole;
    for await (const piece of pieces) whole = whole === undefined ? piece : whole.concat(piece);
    return new AIMessage({ id: whole.id, content: whole.content, tool_calls: whole.tool_calls });
  });
  return { messages: [message], steps: [step.entry] };
}

/** Answer the tool call of the last message. */
async function tools(state, config) {
  const step = begin("tools", visit("tools", state.messages), config);
  const message = await step.play(async () => {
    await step.take(TOOL_SECONDS);
    return result(state);
  });
  return { messages: [message], steps: [step.entry] };
}

/** Note the tool call, beside `tools` in one superstep. */
async function audit(state, config) {
  return note("audit", visit("tools", state.messages), config);
}

/** Answer the tool call of the last message by way of the child graph; a node, but no step of its own. */
async function research(state, config) {
  const told = { call: openCall(state), visit: visit("tools", state.messages) };
  const { steps } = await child.invoke(told, config);
  return { messages: [result(state)], steps };
}

/** The child graph's first step. */
async function search(state, config) {
  return note("search", state.visit, config);
}

/** The child graph's second step. */
async function quote(state, config) {
  return note("quote", state.visit, config);
}

/** A step that only reports. */
async function note(node, visit, config) {
  const step = begin(node, visit, config);
  await step.play(async () => {});
  return { steps: [step.entry] };
}

/** The step that this visit of `node` is. Throws `ProbeConfigError` for a bad probe. */
function begin(node, visit, config) {
  const configurable = config.configurable ?? {};
  return new Step(`${node}:${visit}`, readProbe(configurable), configurable.run_id ?? null, config.signal);
}

/** The tool call of the last message. */
function openCall(state) {
  return state.messages.at(-1).tool_calls[0];
}

/** The answer to the tool call of the last message. */
function result(state) {
  return new ToolMessage({ content: resultFor(state.messages), name: TOOL, tool_call_id: openCall(state).id });
}

/** What works on the agent's tool call, as the probe says; the end if it called none. */
function afterAgent(state, config) {
  if (!state.messages.at(-1).tool_calls?.length) return END;
  const { work } = readProbe(config.configurable ?? {}) ?? { work: "tools" };
  return { tools: "tools", subgraph: "research", parallel: ["tools", "audit"] }[work];
}

/** `search → quote`, without a checkpointer: it inherits the parent's, under a namespace of its own. */
const child = new StateGraph(ChildState)
  .addNode("search", search)
  .addNode("quote", quote)
  .addEdge(START, "search")
  .addEdge("search", "quote")
  .addEdge("quote", END)
  .compile({ name: "research" });

export const graph = new StateGraph(State)
  .addNode("agent", agent)
  .addNode("tools", tools)
  .addNode("audit", audit)
  // Named, because a function does not show which graph it runs.
  .addNode("research", research, { subgraphs: [child] })
  .addEdge(START, "agent")
  .addConditionalEdges("agent", afterAgent, ["tools", "audit", "research", END])
  .addEdge("tools", "agent")
  .addEdge("audit", "agent")
  .addEdge("research", "agent")
  .compile({ name: "agent" });
