// The whole control API, each command by the method that is for it.
import { subscribe, unsubscribe } from "node:diagnostics_channel";
import { ANY, COMMANDS, including } from "doubletext-testing";
import { expect, test } from "doubletext-testing/vitest";

const said = { messages: [{ role: "user", content: "what's the weather in sf?" }] };

async function post(mock, path, body) {
  const answer = await fetch(`${mock.url}${path}`, { method: "POST", body: JSON.stringify(body) });
  return answer.json();
}

async function run(mock, more = {}) {
  const { thread_id } = await post(mock, "/threads", {});
  const made = await post(mock, `/threads/${thread_id}/runs`, { assistant_id: "agent", input: said, ...more });
  return [thread_id, made.run_id];
}

const sent = [];
const note = ({ request }) => sent.push(`${request.method} ${request.path.split("?")[0]}`);
// Not `fetch`, which does not use node:http: these are the requests of the package alone.
test.beforeAll(() => subscribe("http.client.request.start", note));
test.afterAll(() => unsubscribe("http.client.request.start", note));

test("holds", async ({ mock }) => {
  await mock.hold("agent:2/token");
  await mock.hold("tools:1/enter");
  const [thread, made] = await run(mock);
  expect(await mock.waitUntilHeld("tools:1/enter", { threadId: thread })).toEqual({ thread_id: thread, run_id: made });
  expect(await mock.held()).toMatchObject({ held: [{ point: "tools:1/enter" }], closed: ["agent:2/token", "tools:1/enter"] });
  expect(await mock.release("tools:1/enter")).toBe(1);
  await mock.waitUntilHeld("agent:2/token");
  expect(await mock.release()).toBe(1);
  await mock.waitForStatus("success", thread, made);
  await expect(mock.release("agent:9/enter")).rejects.toThrow("no run is or would be held");
});

test("time", async ({ mock }) => {
  await mock.loadScript({ turns: [{ steps: [{ say: "Slow.", takes: 30 }] }] });
  await mock.setTime("hand");
  const [thread, made] = await run(mock);
  await mock.waitForStatus("running", thread, made);
  expect(await mock.advance(29)).toBe(29);
  await mock.advance(2);
  await mock.waitForStatus("success", thread, made);
});

test("time is instant again after a test that set it", async ({ mock }) => {
  await mock.loadScript({ turns: [{ steps: [{ say: "Slow.", takes: 3000 }] }] });
  const [thread, made] = await run(mock);
  await mock.waitForStatus("success", thread, made);
});

test("defects", async ({ mock }) => {
  const { known } = await mock.defects();
  expect(known).toHaveProperty("ghost_run");
  await mock.defectOn("interrupt_as_enqueue", { times: 3 });
  await mock.defectOn("ghost_run");
  await mock.defectOff("ghost_run");
  expect((await mock.defects()).on).toMatchObject([{ name: "interrupt_as_enqueue" }]);
  await mock.defectOff();
  expect((await mock.defects()).on).toEqual([]);
  await expect(mock.defectOn("ghost_rn")).rejects.toThrow("ghost_run");
});

test("faults", async ({ mock }) => {
  await mock.fault({ kind: "bad-gateway", path: "/threads", times: 1 });
  await mock.fault("delay@2");
  expect((await fetch(`${mock.url}/threads`, { method: "POST", body: "{}" })).status).toBe(502);
  expect(await mock.faults()).toMatchObject([{ kind: "bad-gateway", struck: 1 }, { kind: "delay", at: 2 }]);
  await mock.faultsOff();
  expect(await mock.faults()).toEqual([]);
  await expect(mock.fault("cut@two")).rejects.toThrow('"cut@two" is not a fault. Write KIND or KIND@AT with a number');
  await expect(mock.fault()).rejects.toThrow("fault() takes a fault, such as");
  await expect(mock.loadScript(5)).rejects.toThrow("loadScript() takes the text, path, URL or object of a script, and got 5");
  await expect(mock.fault({ kind: "cut", tims: 1 })).rejects.toThrow("Did you mean `times`?");
});

test("a restart", async ({ mock }) => {
  await mock.hold("agent:2/token");
  const [thread, made] = await run(mock);
  await mock.waitUntilHeld("agent:2/token");
  await mock.restart();
  await mock.release();
  await mock.waitForStatus("success", thread, made);
});

test("the journal, and assertions about it", async ({ mock }) => {
  await expect(mock.assertRequested("POST", "*/cancel")).rejects.toThrow("none was received");
  const [thread] = await run(mock, { multitask_strategy: "reject" });
  const entry = await mock.waitForRequest("POST", "*/runs", { having: { strategy: "reject" } });
  expect(entry).toMatchObject({ method: "POST", thread_id: thread, strategy: "reject", query: {} });
  expect(await mock.journal({ threadId: thread })).toHaveLength(1);
  await mock.assertRequested("post", "*/runs", { times: 1, having: { assistant_id: "agent", input: said } });
  await mock.assertRequested("*", "*", { atLeast: 2 });
  await mock.assertNotRequested("POST", "*/cancel");
  await mock.assertRequestedInOrder("POST /threads", "* */runs");
  await expect(mock.assertRequestedInOrder("POST */runs", "POST /threads")).rejects.toThrow("request 2 of 2, POST /threads, was not received after request 2. It was received before: 1");
  await expect(mock.assertRequestedInOrder("POST */cancel", "POST */runs")).rejects.toThrow("request 1 of 2, POST */cancel, was not received at all");
  await expect(mock.assertRequestedInOrder("POST */runs", "*/cancel")).rejects.toThrow('is not "METHOD PATH"');
  await expect(mock.assertRequestedInOrder("POST /threads", ["POST */runs"])).rejects.toThrow("takes its options as an object with method, path, having");
  await expect(mock.assertRequestedInOrder("POST /threads")).rejects.toThrow("an order needs two requests or more");
  await expect(mock.assertRequested("POST", "*/runs", { times: "1" })).rejects.toThrow('`times` is "1". Give a whole number');
  await mock.assertRequested("POST", "*/runs", { having: { headers: { host: new URL(mock.url).host } } });
  await expect(mock.assertNotRequested("POST", "*/cancell")).rejects.toThrow("cancel");
  await expect(mock.assertNotRequested("POST", "*/runs", { having: { stratgy: "x" } })).rejects.toThrow("strategy");
  await expect(mock.assertRequested("*", "*", { times: 3 })).rejects.toThrow(/^expected 3 matching requests, received 2, [^\n]*\n +1 +\S+ POST \/threads/);
  await expect(mock.assertNotRequested("POST", "/thread?")).rejects.toThrow("expected 0 matching requests, received 1");
  await expect(mock.assertRequested("POST", "*/runs", { having: { strategy: "rollback" } })).rejects.toThrow('strategy "reject"');
});

test("a part of a request, and anything", async ({ mock }) => {
  const key = { "X-Api-Key": "secret" };
  await fetch(`${mock.url}/threads`, { method: "POST", body: JSON.stringify({ metadata: { team: "blue", n: 1 } }), headers: key });
  await run(mock, { multitask_strategy: "reject" });
  await mock.waitForRequest("POST", "*/runs", { having: { input: including({ messages: [{ content: "sf" }] }) } });
  await mock.assertRequested("POST", "*/runs", { times: 1, having: { input: including({ messages: [{ content: "sf" }] }), assistant_id: ANY } });
  await mock.assertRequested("POST", "/threads", { times: 1, having: { body: including({ metadata: { team: "bl" } }) } });
  await mock.assertRequested("POST", "/threads", { times: 1, having: { metadata: { team: including("ue"), n: ANY } } });
  await mock.assertRequested("POST", "/threads", { times: 1, having: { headers: { "x-api-key": ANY } } });
  await mock.assertRequested("*", "*", { atLeast: 3, having: { headers: { host: including("127.0.0.1") } } });
  await mock.assertNotRequested("POST", "*/runs", { having: { input: including({ messages: [{ content: "nyc" }] }) } });
  await mock.assertRequestedInOrder("POST /threads", { path: "*/runs", having: { strategy: "reject", body: including({ input: {} }) } });
  await mock.assertRequested("POST", "/[a-t]hreads", { times: 2 });
  await expect(mock.assertRequested("POST", "/threads", { having: { body: including({ metadata: { team: "red" } }) } })).rejects.toThrow(
    'body=Including({"metadata":{"team":"red"}}); the most similar of 3:',
  );
  await expect(mock.assertRequestedInOrder("POST /threads", { having: { strategy: "rollback" } })).rejects.toThrow("request 2 of 2");
  await expect(mock.assertRequestedInOrder("POST /threads", { havin: {} })).rejects.toThrow("Did you mean `having`?");
  await expect(mock.assertNotRequested("POST", "/threads", { having: { body: { $include: {} } } })).rejects.toThrow("Did you mean `$including`?");
  await expect(mock.assertNotRequested("POST", "/threads", { having: { body: /x/ } })).rejects.toThrow("`having.body` is a RegExp");
});

test("the conduct of the application", async ({ mock }) => {
  await mock.hold("tools:1/enter");
  const [thread] = await run(mock);
  await mock.waitUntilHeld("tools:1/enter");
  const other = { messages: [{ role: "user", content: "what's the weather in nyc?" }] };
  await post(mock, `/threads/${thread}/runs`, { assistant_id: "agent", input: other, multitask_strategy: "rollback" });
  expect(await mock.conduct({ strategy: "interrupt" })).toMatchObject([{ rule: "other-strategy" }]);
  await mock.assertConduct({ strategy: "interrupt", without: ["other-strategy"] });
  await expect(mock.assertConduct({ strategy: "interrupt" })).rejects.toThrow("  other-strategy: ");
  expect(await mock.conductPage({ strategy: "interrupt" })).toContain("other-strategy");
  await expect(mock.conduct({ without: "other-stratgy" })).rejects.toThrow("other-strategy");
});

test("no test sees the requests of another, and a seed repeats the ids", async ({ mock }) => {
  expect(await mock.journal()).toEqual([]);
  await mock.reset({ seed: 7 });
  const one = await run(mock);
  await mock.reset({ seed: 7 });
  expect(await run(mock)).toEqual(one);
  await mock.reset();
  expect(await run(mock)).not.toEqual(one);
  await expect(mock.reset({ sede: 7 })).rejects.toThrow("Did you mean `seed`?");
});

test("every command was sent", async ({ mock }) => {
  expect(await mock.commands()).toContain("GET /_mock/faults: List the active faults.");
  expect((await mock.openapi()).paths).toHaveProperty("/_mock/wait");
  const used = sent.map((one) => one.replace("/defects/ghost_run", "/defects/{name}"));
  expect(new Set(used)).toEqual(new Set(Object.values(COMMANDS)));
});

test("options that are no options", async ({ mock }) => {
  await expect(mock.hold("agent:1/enter", "thread")).rejects.toThrow('hold() takes its options as { threadId }, and got "thread"');
  await expect(mock.setTime("real", 0.1)).rejects.toThrow("setTime() takes its options as an object with scale, threadId, and got 0.1");
  await expect(mock.defectOn("ghost_run", 2)).rejects.toThrow("and got 2");
  await expect(mock.waitUntilHeld("agent:1/enter", { timeout: 1 })).rejects.toThrow("Did you mean `deadline`?");
  await expect(mock.waitUntilHeld("agent:1/enter", { deadline: 500 })).rejects.toThrow("Give seconds above 0 and up to 300, not milliseconds: 0.5");
  await expect(mock.waitUntilHeld("agent:1/enter", { deadline: "1" })).rejects.toThrow('`deadline` is "1"');
  await expect(mock.fault("cut@")).rejects.toThrow('"cut@" is not a fault');
  await expect(mock.assertNotRequested("POST", "*/runs", { having: { status: "409" } })).rejects.toThrow("number of an HTTP status");
});

test("values that are no texts, and names of other packages", async ({ mock }) => {
  const { thread_id } = await post(mock, "/threads", {});
  await expect(mock.hold({ point: "agent:1/enter" })).rejects.toThrow('hold() takes the point as a text, such as "agent:2/token", and got {"point"');
  await expect(mock.hold()).rejects.toThrow("and got undefined");
  await expect(mock.release({ threadId: thread_id })).rejects.toThrow("release() takes the point as a text");
  await expect(mock.waitForStatus("idle", { thread_id })).rejects.toThrow("takes the id of a thread as a text, its field `thread_id`");
  await expect(mock.waitForStatus("success", thread_id, { run_id: "" })).rejects.toThrow("its field `run_id`");
  await expect(mock.waitForStatus(thread_id, "idle")).rejects.toThrow("is an id. The status comes first");
  await expect(mock.assertRequested("POST", /runs/)).rejects.toThrow("the path as a text with `*`, not as a regular expression");
  await expect(mock.waitForRequest({ method: "POST" })).rejects.toThrow('takes the method as a text, such as "POST"');
  await expect(mock.assertRequested("POST", "*/runs", { input: {} })).rejects.toThrow("The values of a request are in `having`: { having: { input: ... } }");
  await expect(mock.assertRequested("POST", "*/runs", { times: 1, atLeast: 1 })).rejects.toThrow("Leave one of them out");
  await expect(mock.assertNotRequested("POST", "/threads", { having: { body: /x/ } })).rejects.toThrow("`having.body` is a RegExp");
  await expect(mock.assertNotRequested("POST", "/threads", { having: { input: { messages: [() => true] } } })).rejects.toThrow("`having.input.messages.0` is a function");
  await expect(mock.assertNotRequested("POST", "/threads", { having: { input: expect.anything() } })).rejects.toThrow("compare what journal() returns");
  await expect(mock.assertNotRequested("POST", "/threads", { having: { thread_id: undefined } })).rejects.toThrow("Leave it out, or give null");
  await expect(mock.fault("cut@1", { times: 1 })).rejects.toThrow('Write it into the fault: { kind: "cut", times: ... }');
  await expect(mock.defectOn(["ghost_run"])).rejects.toThrow("takes the name of a defect as a text");
  await expect(mock.advance("5")).rejects.toThrow('takes seconds as a number from 0, and got "5"');
  await expect(mock.loadScript([{ say: "x" }])).rejects.toThrow("takes the text, path, URL or object of a script");
  await expect(mock.setTime("instant", { scale: 2 })).rejects.toThrow("the mode is `instant`");
  await expect(mock.assertRequested("POST", "*/runs", { having: { unheard: 1 } })).rejects.toThrow('write "body": {"$including": {...}}');
  expect(() => mock.pause("agent:1/enter")).toThrow("a mock has no `pause`. Did you mean `hold`?");
  expect(() => mock.wait_for_status("idle", thread_id)).toThrow("Did you mean `waitForStatus`?");
});
