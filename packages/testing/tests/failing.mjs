// Tests that fail, whose output a person must understand. Run by tests/clients/test_testing_package.py.
import { expect, mockTest, test } from "doubletext-testing/vitest";
import { test as elsewhere } from "doubletext-testing";

const said = { assistant_id: "agent", input: { messages: "what's the weather in sf?" } };
const post = (mock, path, body) =>
  fetch(`${mock.url}${path}`, { method: "POST", body: JSON.stringify(body) }).then((answer) => answer.json());

test("a wait that ends before the test does", async ({ mock }) => {
  await fetch(`${mock.url}/threads`, { method: "POST", body: "{}" });
  await mock.waitForRequest("POST", "*/cancel");
});

mockTest({ python: "/nowhere/python" })("a mock that does not start", ({ mock }) => expect(mock.url).toBe(""));

test("a wait that is not awaited", async ({ mock }) => {
  await post(mock, "/threads", {});
  mock.waitForRequest("POST", "*/cancel");
});

test("an assertion that is not awaited, and that fails before the test ends", async ({ mock }) => {
  mock.assertRequested("POST", "*/cancel");
  await post(mock, "/threads", {});
});

test("a wait in a helper that is not awaited", async ({ mock }) => {
  const stopped = async () => {
    await mock.waitForRequest("POST", "*/cancel");
  };
  stopped();
});

test("another reason, with a wait that was to be awaited later", async ({ mock }) => {
  const stopped = mock.waitForRequest("POST", "*/cancel");
  expect(mock.url).toBe("the reason");
  await stopped;
});

test("a reason before the first request", async ({ mock }) => {
  await mock.hold("agent:2/token");
  expect("the first request").toBe("not sent");
});

test("a test that does not use the mock", ({ mock: _ }) => expect(1).toBe(2));

test("a request that was refused", async ({ mock }) => {
  await post(mock, "/threads", { metadata: 5 });
  await post(mock, "/threads/4d2f0c52-6b9c-4b2e-9d8c-0f6f1f3f7a11/runs", said);
  expect("the answer").toBe("a thread");
});

test("a fixture of another name", ({ mocks }) => mocks.hold("agent:2/token"));

test("a test from elsewhere", () => elsewhere("x", () => {}));

test.concurrent("one of two at the same time", async ({ mock }) => mock.waitForRequest("POST", "*/cancel", { deadline: 1 }));
test.concurrent("the other of two at the same time", async ({ mock }) => mock.waitForRequest("POST", "*/cancel", { deadline: 1 }));

test("a run that is held at the end", async ({ mock }) => {
  await mock.hold("agent:2/token");
  const { thread_id } = await post(mock, "/threads", {});
  await post(mock, `/threads/${thread_id}/runs`, said);
  await mock.waitUntilHeld("agent:2/token");
});
