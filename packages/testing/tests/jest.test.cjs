const { useMock } = require("doubletext-testing/jest");
const { MockError } = require("doubletext-testing");

const mock = useMock();

test("the mock of a file", async () => {
  await mock.hold("agent:1/enter");
  expect((await mock.held()).closed).toEqual(["agent:1/enter"]);
});

test("is as new for each test", async () => {
  expect((await mock.held()).closed).toEqual([]);
  await expect(mock.defectOn("ghost_rn")).rejects.toThrow(MockError);
});

describe("with a script", () => {
  const scripted = useMock({ script: "turns: [{steps: [{say: Hi.}]}]" });

  test("that is its own", async () => {
    const answer = await fetch(`${scripted.url}/runs/wait`, {
      method: "POST",
      body: JSON.stringify({ assistant_id: "agent", input: { messages: "hello" } }),
    });
    expect((await answer.json()).messages.at(-1).content).toBe("Hi.");
  });
});

const early = useMock;
test("outside of a test there is no mock", () => {
  expect(() => early({}, { beforeAll() {}, beforeEach() {}, afterEach() {}, afterAll() {} }).url).toThrow("the mock starts before the first test");
  expect(() => early({}, {})).toThrow("useMock() finds no beforeAll in its second argument. Pass the hooks of your test runner: useMock({}, {");
});
