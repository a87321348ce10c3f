// Tests that fail, whose output a person must understand. Run by tests/clients/test_testing_package.py.
const { useMock } = require("doubletext-testing/jest");

const mock = useMock();

test("a wait that is not awaited", async () => {
  mock.waitForRequest("POST", "*/cancel");
});

test("the next test is not affected", async () => {
  expect(await mock.journal()).toEqual([]);
});

describe("with heldAtEnd", () => {
  const strict = useMock({ heldAtEnd: "fail" });

  test("a run that is held at the end", async () => {
    await strict.hold("agent:2/token");
    const input = { messages: "what's the weather in sf?" };
    await fetch(`${strict.url}/runs`, {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ assistant_id: "agent", input }),
    });
    await strict.waitUntilHeld("agent:2/token");
  });
});
