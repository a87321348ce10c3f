// AG-UI's agent for LangGraph on the application of three graphs: what a front end of AG-UI gets of two runs.
import { LangGraphAgent } from "@ag-ui/langgraph";
import { report } from "./play.mjs";

const agent = new LangGraphAgent({
  deploymentUrl: process.env.DEPLOYMENT_URL,
  graphId: "coordinator",
  threadId: crypto.randomUUID(),
});
agent.setMessages([{ id: crypto.randomUUID(), role: "user", content: "What does it cost?" }]);

async function run(options) {
  const kinds = new Set();
  const steps = [];
  let question = null;
  const onEvent = ({ event }) => {
    kinds.add(event.type);
    if (event.type === "STEP_STARTED" && steps.at(-1) !== event.stepName) steps.push(event.stepName);
    if (event.type === "CUSTOM" && event.name === "on_interrupt") question = event.value;
  };
  const { newMessages } = await agent.runAgent(options, { onEvent });
  const said = newMessages.map(({ role, content, toolCalls }) => [role, content, (toolCalls ?? []).map((one) => one.function.name)]);
  return { kinds: [...kinds].sort(), steps, said, question: question && JSON.parse(question) };
}

const asked = await run({});
const approved = await run({ forwardedProps: { command: { resume: { type: "approve" } } } });
report({ asked, approved });
