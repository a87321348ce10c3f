// What the types allow, and what they refuse. Compiled, and not run.
import { ANY, including, startMock, type Finding, type JournalEntry, type Mock } from "doubletext-testing";
import { useMock } from "doubletext-testing/jest";
import { test as inBrowser } from "doubletext-testing/playwright";
import { expect, mockTest, test } from "doubletext-testing/vitest";

test("vitest", async ({ mock }) => {
  const entry: JournalEntry = await mock.assertRequested("POST", "*/cancel", { times: 1, having: { busy: true } });
  await mock.assertRequestedInOrder("POST /threads", { path: "*/runs", having: { input: including({ messages: [] }), config: ANY } });
  // @ts-expect-error -- there is no such part of a request
  await mock.assertRequestedInOrder({ methd: "POST" }, "POST */runs");
  const found: Finding[] = await mock.conduct({ strategy: "interrupt", without: ["retried"] });
  await mock.fault("cut@2", { threadId: entry.thread_id ?? "" });
  await mock.setTime("hand");
  expect(found).toEqual([]);
  // @ts-expect-error -- there is no such time
  await mock.setTime("manual");
  // @ts-expect-error -- there is no such fault
  await mock.fault("cutt@2");
  // @ts-expect-error -- there is no such strategy
  await mock.conduct({ strategy: "interupt" });
  // @ts-expect-error -- there is no such option
  await mock.hold("agent:1/enter", { thraedId: "" });
  // @ts-expect-error -- a thread is needed
  await mock.waitForStatus("success");
});

mockTest({ script: { support: "support.yaml" }, seed: 7 })("a script", ({ mock }) => expect(mock.url).toBeTruthy());

inBrowser.use({ mockAt: "http://localhost:8123", mockOptions: { workers: 1 } });
inBrowser("playwright", async ({ page, mock }) => {
  await page.goto("/");
  await mock.hold("agent:1/enter");
});

export const shared: Mock = useMock({ time: "hand", heldAtEnd: "fail" });
// @ts-expect-error -- there is no such word
useMock({ heldAtEnd: "error" });

export async function plain(): Promise<string> {
  await using mock = await startMock({ python: "python3.12" });
  // @ts-expect-error -- there is no such option
  await startMock({ sript: "x" });
  return mock.url;
}
