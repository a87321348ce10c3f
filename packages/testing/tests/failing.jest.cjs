// Tests that fail, whose output a person must understand. Run by tests/clients/test_testing_package.py.
const { useMock } = require("doubletext-testing/jest");

const mock = useMock();

test("a wait that is not awaited", async () => {
  mock.waitForRequest("POST", "*/cancel");
});

test("the next test is not affected", async () => {
  expect(await mock.journal()).toEqual([]);
});
