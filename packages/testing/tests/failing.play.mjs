// Tests that fail, whose output a person must understand. Run by tests/clients/test_testing_package.py.
import { expect, test } from "doubletext-testing/playwright";

test("a wait that is not awaited", async ({ mock }) => {
  mock.waitForRequest("POST", "*/cancel");
});

test("a page that finds no answer shows the requests, also if the test does not name the mock", async ({ page }) => {
  const status = await page.evaluate(() => fetch("http://localhost:2024/thread").then((answer) => answer.status));
  expect(status).toBe(200);
});

test("a reason, and then the requests", async ({ mock }) => {
  await fetch(`${mock.url}/threads`, { method: "POST", body: "[]" });
  expect("the answer").toBe("a thread");
});
