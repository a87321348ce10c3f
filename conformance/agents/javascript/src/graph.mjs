/**
 * The probe agent for servers that run JavaScript graphs: `agent → tools → agent`, as in the probe contract.
 *
 * A run enters the other nodes only if its probe has a `work` that needs them: a child graph, or a second step in the
 * superstep of `tools`.
 */

import { AIMessage, ToolMessage } from "@langchain/core/messages";
import { Annotation, END, MessagesAnnotation, START, StateGraph } from "@langchain/langgraph";

import { TOOL, replyTo, resultFor, visit } from "./conversation.mjs";
import { ScriptedModel } from "./model.mjs";
import { readProbe } from "./probe.mjs";
import { Step } from "./step.mjs";

// Seconds of a run without a probe. Long enough for the guides' own code, which sleeps 2 s
// before it creates the second run, to find the first run in flight.
const CALL_SECONDS = 0.4;
const TOOL_SECONDS = 0.4;
const ANSWER_SECONDS = 2.5;

/**
 * The signal for the model. Without a signal the model would listen to the run's, and a cancellation would end the
 * model's stream before the step can react to it.
 */
const NEVER = new AbortController().signal;

/** The list of finished steps. Steps are only appended. */
const Steps = Annotation({ reducer: (finished, more) => finished.concat(more), default: () => [] });

/** The state: the conversation, and the finished steps. A step and its message are written together. */
const State = Annotation.Root({ ...MessagesAnnotation.spec, steps: Steps });

/** The state of the child graph: the tool call, and the steps of the child that have finished. */
const ChildState = Annotation.Root({ call: Annotation, visit: Annotation, steps: Steps });

/** Call the tool, or stream an answer. */
async function agent(state, config) {
  const step = begin("agent", visit("agent", state.messages), config);
  const message = await step.play(async () => {
    const { tokens } = replyTo(state.messages);
    let spoken = 0;
    // The step waits inside of the model, piece by piece: LangChain fills the stream ahead of its reader, so a wait in
    // the loop below would come after the tokens were emitted.
    const model = new ScriptedModel(async () => {
      spoken += 1;
      await step.take(tokens === undefined ? CALL_SECONDS : ANSWER_SECONDS / tokens.length);
      // Rounded down, but at least one: an answer of one token has a point, too.
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

/** Report a step in the same superstep as `tools`, and write nothing else. */
async function audit(state, config) {
  return report("audit", visit("tools", state.messages), config);
}

/** Answer the tool call of the last message with the help of the child graph. This node is not a step. */
async function research(state, config) {
  const given = { call: openCall(state), visit: visit("tools", state.messages) };
  const { steps } = await child.invoke(given, config);
  // In one write, so that the parent's state has all of the child's steps and the result, or nothing.
  return { messages: [result(state)], steps };
}

/** Report the first step of the child graph. */
async function search(state, config) {
  return report("search", state.visit, config);
}

/** Report the second step of the child graph. */
async function quote(state, config) {
  return report("quote", state.visit, config);
}

/** Execute a step that only reports. */
async function report(node, visit, config) {
  const step = begin(node, visit, config);
  await step.play(async () => {});
  return { steps: [step.entry] };
}

/** Return the step for this visit of `node`. Throws `ProbeConfigError` for a wrong probe. */
function begin(node, visit, config) {
  const found = given(config);
  return new Step(`${node}:${visit}`, readProbe(found), found.run_id ?? null, config.signal, found);
}

/** Return what the run was given: its configurable and, if the probe is there, its context. */
function given({ configurable, context }) {
  // The context first: some servers keep the configurable of a thread's earlier runs.
  return context?.probe === undefined ? (configurable ?? {}) : { ...configurable, ...context };
}

/** Return the tool call of the last message. */
function openCall(state) {
  return state.messages.at(-1).tool_calls[0];
}

/** Return the result of the tool call of the last message. */
function result(state) {
  return new ToolMessage({ content: resultFor(state.messages), name: TOOL, tool_call_id: openCall(state).id });
}

/** Return the nodes that work on the agent's tool call, as the probe states, or the end if there is no call. */
function afterAgent(state, config) {
  if (!state.messages.at(-1).tool_calls?.length) return END;
  const { work } = readProbe(given(config)) ?? { work: "tools" };
  return { tools: "tools", subgraph: "research", parallel: ["tools", "audit"] }[work];
}

/** The child graph `search → quote`. Without a checkpointer it uses the parent's, in a namespace of its own. */
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
  // LangGraph cannot see which graph a function invokes, so the child graph is declared here.
  .addNode("research", research, { subgraphs: [child] })
  .addEdge(START, "agent")
  .addConditionalEdges("agent", afterAgent, ["tools", "audit", "research", END])
  .addEdge("tools", "agent")
  .addEdge("audit", "agent")
  .addEdge("research", "agent")
  .compile({ name: "agent" });
