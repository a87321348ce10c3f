// Mistakes that a new user makes, and the right word in the answer to each. None waits.
import { including, startMock } from "doubletext-testing";
import { expect, test } from "doubletext-testing/vitest";

const script = (say) => ({ turns: [{ steps: [{ say }] }] });

/** A call with a mistake, and parts of its message. `t` and `r` are a thread and its run, which has ended. */
const MISTAKES = {
  "a word of another tool for a status": [({ mock, t, r }) => mock.waitForStatus("completed", t, r), "Did you mean `success`?"],
  "the options in the place of the run": [({ mock, t }) => mock.waitForStatus("idle", t, { deadline: 1 }), "waitForStatus(status, threadId, undefined, { deadline })"],
  "a run that was not created": [({ mock, t }) => mock.waitForStatus("interrupted", t, {}.run_id), "got undefined for the run. Was it created?"],
  "a matcher of the test runner": [({ mock }) => mock.assertRequested("POST", "*/runs", { having: { input: expect.objectContaining({}) } }), "`having.input` is an ObjectContaining", "including(...)"],
  "a promise for an id": [({ mock }) => mock.waitForStatus("idle", Promise.resolve("x")), "got a Promise. Write `await`"],
  "milliseconds": [({ mock, t, r }) => mock.waitForStatus("success", t, r, { deadline: 3000 }), "not milliseconds: 3"],
  "no number of seconds": [({ mock }) => mock.advance(NaN), "advance() takes seconds as a number from 0, and got NaN"],
  "seconds in an object": [({ mock }) => mock.advance({ seconds: 5 }), 'and got {"seconds":5}'],
  "a mode in an object": [({ mock }) => mock.setTime({ mode: "hand" }), 'setTime() takes the mode as a text, such as "hand"'],
  "no fault": [({ mock }) => mock.fault(), 'fault() takes a fault, such as "cut@2"'],
  "a fault without its kind": [({ mock }) => mock.fault({ at: 2 }), "fault() needs `kind`"],
  "a fault and its number": [({ mock }) => mock.fault("cut", 2), 'Write the number into the fault: "cut@2"'],
  "a fault as in a header": [({ mock }) => mock.fault({ kind: "cut@2" }), "Did you mean `cut`?", "Write the number behind the sign as `at`"],
  "an expression for the path of a fault": [({ mock }) => mock.fault({ kind: "cut", path: /runs/ }), 'not as a regular expression: "*/runs"'],
  "a status for a fault": [({ mock }) => mock.fault(502), 'fault() takes a fault, such as "cut@2"', "and got 502"],
  "a word of a request in a fault": [({ mock }) => mock.fault({ kind: "cut", url: "*/runs" }), "Did you mean `path`?"],
  "an expression for a part": [({ mock }) => mock.assertRequested("POST", "*/runs", { having: { input: including(/sf/) } }), "including() takes a part of a text, and no regular expression"],
  "no part": [({ mock }) => mock.assertRequested("POST", "*/runs", { having: { input: including() } }), "including() takes a part", "ANY matches anything"],
  "a function for a part": [() => including({ say: () => "x" }), "`including(part).say` is a function"],
  "milliseconds in a script": [({ mock }) => mock.loadScript({ turns: [{ steps: [{ say: "x", delayMs: 100 }] }] }), "`delayMs`", "Did you mean `takes`?"],
  "milliseconds by their name": [({ mock }) => mock.waitForRequest("POST", "*/runs", { timeoutMs: 100 }), "`timeoutMs`", "Did you mean `deadline`?"],
  "a port": [({ mock }) => mock.port, "a mock has no `port`. Did you mean `url`?"],
  "an event": [({ mock }) => mock.on("request", () => 1), "Did you mean `waitForRequest`?"],
  "the last request": [({ mock }) => mock.lastRequest(), "Did you mean `journal`?"],
  "a response": [({ mock }) => mock.respondWith({ say: "x" }), "Did you mean `loadScript`?"],
  "a word of another tool for a field": [({ mock }) => mock.fault({ kind: "cut", afterEvents: 2 }), "Did you mean `at`?"],
  "a list for a script": [({ mock }) => mock.loadScript([{ say: "x" }]), "{ turns: [{ steps: [...] }] }"],
  "a promise for a script": [({ mock }) => mock.loadScript(Promise.resolve("turns: []")), "Write `await`"],
  "a map for a script": [({ mock }) => mock.loadScript(new Map()), "got a Map"],
  "an expression in a script": [({ mock }) => mock.loadScript({ turns: [{ when: { matches: /sf/ }, steps: [{ say: "x" }] }] }), "`turns.0.when.matches` is a RegExp", "is a text in `matches`"],
  "a function in a script": [({ mock }) => mock.loadScript(script(() => "x")), "`turns.0.steps.0.say` is a function"],
  "a number to say": [({ mock }) => mock.loadScript(script(5)), "expected a text", "Put it in quotes"],
  "a query in a path": [({ mock }) => mock.assertNotRequested("GET", "/threads?limit=1"), '"having": {"query": {"limit":"1"}}'],
  "a number in a query": [({ mock }) => mock.assertNotRequested("GET", "/threads", { having: { query: { limit: 5 } } }), 'Write "5"'],
  "a name for a thread": [({ mock }) => mock.journal({ threadId: "mine" }), "`mine` is not the id of a thread"],
  "a function for options": [({ mock }) => mock.waitForRequest("POST", "*/runs", () => 1), "and got a function"],
  "an option of another method": [({ mock }) => mock.reset({ script: "x" }), "Call loadScript(script) after it"],
  "a method of the Python API": [({ mock }) => mock.waitUntilQuiet(), "Did you mean `waitForStatus`?"],
  "a method of another package": [({ mock }) => mock.assertNotCalled(), "Did you mean `assertNotRequested`?"],
  "what the client reads": [({ mock, t }) => mock.state(t), "Read it with the client of your application, at mock.url"],
  "braces around the mock": [({ mock }) => mock.mock, "`const mock = useMock()`", "without braces"],
  "no await of the start": [() => startMock({ python: "/nowhere/python" }).url, "Write `await startMock()`"],
  "a word of another tool for an option": [() => startMock({ baseUrl: "http://localhost:1" }), "Did you mean `url`?"],
  "a word for the end of a test": [() => startMock({ heldAtEnd: "error" }), '`heldAtEnd` is "error". Give "warn" or "fail"'],
  "milliseconds for the start": [() => startMock({ startDeadline: 30_000 }), "up to 600, not milliseconds"],
};

for (const [name, [act, ...parts]] of Object.entries(MISTAKES)) {
  test(name, async ({ mock }) => {
    const post = async (path, body) => (await fetch(mock.url + path, { method: "POST", body: JSON.stringify(body) })).json();
    const { thread_id: t } = await post("/threads", {});
    const { run_id: r } = await post(`/threads/${t}/runs`, { assistant_id: "agent", input: { messages: "hello" } });
    await mock.waitForStatus("idle", t);
    // Some are refused when they are called, and others with the promise.
    const error = await Promise.resolve().then(() => act({ mock, t, r })).catch((one) => one);
    expect(error).toBeInstanceOf(Error);
    expect(error.message.split("\n")).toHaveLength(1);
    for (const part of parts) expect(error.message).toContain(part);
    expect(error.message).not.toContain("timed out");
  });
}

test("a key that is undefined is left out of a script", async ({ mock }) => {
  const { graphs } = await mock.loadScript({ turns: [{ steps: [{ say: "x", takes: undefined }] }] });
  expect(graphs).toEqual(["agent"]);
});
