/** The probe agent for servers that run JavaScript graphs: `agent → tools → agent`, as the probe contract says. */

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

const MODEL = new ScriptedModel({});

/** The conversation, and the steps that finished, each written together with its message. */
const State = Annotation.Root({
  ...MessagesAnnotation.spec,
  steps: Annotation({ reducer: (finished, more) => finished.concat(more), default: () => [] }),
});

/** Call the tool, or answer in tokens. */
async function agent(state, config) {
  const step = begin("agent", state, config);
  const message = await step.play(async () => {
    const { tokens } = replyTo(state.messages);
    // The step decides about a cancellation, so the model hears nothing of it.
    const pieces = await MODEL.stream(state.messages, { ...config, signal: undefined });
    let whole;
    let spoken = 0;
    for await (const piece of pieces) {
      whole = whole === undefined ? piece : whole.concat(piece);
      spoken += 1;
      if (tokens === undefined) {
        await step.take(CALL_SECONDS);
        continue;
      }
      await step.take(ANSWER_SECONDS / tokens.length);
      if (spoken === Math.max(1, Math.floor(tokens.length / 2))) await step.reach("token");
    }
    return new AIMessage({ id: whole.id, content: whole.content, tool_calls: whole.tool_calls });
  });
  return { messages: [message], steps: [step.entry] };
}

/** Answer the tool call of the last message. */
async function tools(state, config) {
  const step = begin("tools", state, config);
  const message = await step.play(async () => {
    await step.take(TOOL_SECONDS);
    const [call] = state.messages.at(-1).tool_calls;
    return new ToolMessage({ content: resultFor(state.messages), name: TOOL, tool_call_id: call.id });
  });
  return { messages: [message], steps: [step.entry] };
}

/** The step that a call of `node` is. Throws `ProbeConfigError` for a bad probe. */
function begin(node, state, config) {
  const configurable = config.configurable ?? {};
  const name = `${node}:${visit(node, state.messages)}`;
  return new Step(name, readProbe(configurable), configurable.run_id ?? null, config.signal);
}

/** `tools` if the agent called the tool, else the end. */
function afterAgent(state) {
  return state.messages.at(-1).tool_calls?.length ? "tools" : END;
}

export const graph = new StateGraph(State)
  .addNode("agent", agent)
  .addNode("tools", tools)
  .addEdge(START, "agent")
  .addConditionalEdges("agent", afterAgent, ["tools", END])
  .addEdge("tools", "agent")
  .compile({ name: "agent" });
