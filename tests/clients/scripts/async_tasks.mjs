// The tools of a deep agent for tasks in the background: each task is a run of another deployment, which it interrupts.
import { createAsyncSubAgentMiddleware } from "deepagents";
import { client, control, kinds, report } from "./play.mjs";

const url = process.env.DEPLOYMENT_URL;
const agents = ["researcher", "coordinator", "missing"].map((name) => ({ name, description: name, url, graphId: name }));
const tools = Object.fromEntries(createAsyncSubAgentMiddleware({ asyncSubAgents: agents }).tools.map((one) => [one.name, one]));

/** The tasks that the agent has in its state. */
const asyncTasks = {};
let calls = 0;

/** Call a tool as the agent does, and return what its model reads. */
async function use(name, args) {
  const id = `call-${++calls}`;
  const answer = await tools[name].invoke({ name, args, id, type: "tool_call" }, { state: { asyncTasks }, toolCallId: id });
  Object.assign(asyncTasks, answer.update?.asyncTasks);
  const text = answer.update?.messages[0].content ?? answer.content ?? answer;
  return text.replace(/[0-9a-f]{8}-[0-9a-f-]{27}/g, "ID");
}

const start = async (agentName) => [await use("start_async_task", { agentName, description: "Look." }), Object.keys(asyncTasks).at(-1)];
const check = async (taskId) => JSON.parse(await use("check_async_task", { taskId }));

/** The answer to a check once the run of a task has ended. */
async function ended(taskId) {
  await client.runs.join(taskId, asyncTasks[taskId].runId);
  const { status, result, error } = await check(taskId);
  return { status, result, error };
}

/** Start a task, and return it once its tools are at work. */
async function held() {
  await control("POST", "holds", { point: "tools:1/enter" });
  const [, task] = await start("researcher");
  await control("POST", "wait", { point: "tools:1/enter", thread_id: task });
  return [task, () => control("DELETE", "holds")];
}

const found = {};
{
  const [said, task] = await start("researcher");
  found.started = [said, await ended(task)];
  found.more = [await use("update_async_task", { taskId: task, message: "Look again." }), await ended(task)];
  found.late = await use("cancel_async_task", { taskId: task });
}
{
  const [task, release] = await held();
  const running = (await check(task)).status;
  await use("update_async_task", { taskId: task, message: "Look elsewhere." });
  await release();
  const last = await ended(task);
  const said = kinds((await client.threads.getState(task)).values);
  found.updated = { running, last, said, runs: (await client.runs.list(task)).map((run) => run.status).reverse() };
}
{
  const [task, release] = await held();
  found.cancelled = [await use("cancel_async_task", { taskId: task })];
  await release();
  await client.runs.join(task, asyncTasks[task].runId);
  found.cancelled.push((await client.runs.get(task, asyncTasks[task].runId)).status, asyncTasks[task].status);
}
found.asked = await ended((await start("coordinator"))[1]);
[found.missing] = await start("missing");
found.listed = (await use("list_async_tasks", {})).replace(/taskId: \S+ /g, "");
report(found);
