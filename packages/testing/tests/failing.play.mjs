// Tests that fail, whose output a person must understand. Run by tests/clients/test_testing_package.py.
import { expect, test } from "doubletext-testing/playwright";

test("a wait that is not awaited", async ({ mock }) => {
  mock.waitForRequest("POST", "*/cancel");
});

test("a page that finds no answer shows the requests, also if the test does not name the mock", async ({ page }) => {
  const status = await page.evaluate(() => fetch("http://localhost:2024/thread").then((answer) => answer.status));
  expect(status).toBe(200);
});

test.describe("an address that is not the page's", () => {
  test.use({ mockAt: "http://localhost:8123" });

  test("is named beside the one that the page has", async ({ page, mock }) => {
    await page.evaluate(() => fetch("http://localhost:1/threads").catch(() => undefined));
    await mock.assertRequested("GET", "/threads");
  });
});

test("a reason, and then the requests", async ({ mock }) => {
  await fetch(`${mock.url}/threads`, { method: "POST", body: "[]" });
  expect("the answer").toBe("a thread");
});
