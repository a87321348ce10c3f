// Tests that fail, whose output a person must understand. Run by tests/clients/test_testing_package.py.
import { expect, mockTest, test } from "doubletext-testing/vitest";

test("a wait that ends before the test does", async ({ mock }) => {
  await fetch(`${mock.url}/threads`, { method: "POST", body: "{}" });
  await mock.waitForRequest("POST", "*/cancel");
});

mockTest({ python: "/nowhere/python" })("a mock that does not start", ({ mock }) => expect(mock.url).toBe(""));
