// Tests that fail, whose output a person must understand. Run by tests/clients/test_testing_package.py.
import { expect, test } from "doubletext-testing/playwright";

test("a wait that is not awaited", async ({ mock }) => {
  mock.waitForRequest("POST", "*/cancel");
});

test("a reason, and then the requests", async ({ mock }) => {
  await fetch(`${mock.url}/threads`, { method: "POST", body: "[]" });
  expect("the answer").toBe("a thread");
});
