import { test as base } from "@playwright/test";

import { MockError } from "./errors.js";
import type { Mock } from "./mock.js";
import { startMock, type StartOptions } from "./start.js";

export { expect } from "@playwright/test";

export interface WorkerOptions {
  /** How the mock is started. Each worker of Playwright has one. */
  mockOptions: StartOptions;
}

export interface TestOptions {
  /** The address that the application is built for. What it sends there goes to the mock of the worker. Empty: to none. */
  mockAt: string;
}

/** The advice about requests that did not go to the mock. */
const MEANT = "What is meant for the mock has to begin with";

const START_MILLISECONDS = 60_000;

/** Playwright's `test` with the fixture `mock`, as new for each test, also for one that does not name it. */
export const test = base.extend<TestOptions & { mock: Mock }, WorkerOptions & { mockServer: Mock }>({
  mockOptions: [{}, { option: true, scope: "worker" }],
  mockAt: ["http://localhost:2024", { option: true }],
  mockServer: [
    async ({ mockOptions }, use) => {
      const mock = await startMock(mockOptions);
      await use(mock);
      await mock.stop();
    },
    { scope: "worker", timeout: START_MILLISECONDS },
  ],
  // Automatic, because the page of a test that names only `page` would otherwise find no server at `mockAt`, or a real one.
  mock: [async ({ mockServer, mockAt, context }, use, testInfo) => {
    await mockServer.beginTest();
    const elsewhere = new Set<string>();
    if (mockAt) {
      const from = mockAt.replace(/\/+$/, "");
      if (!from.startsWith("http://")) {
        throw new MockError(`\`mockAt\` is ${mockAt}, and a page can be led to the mock from an http:// address only`);
      }
      const isFor = (url: URL) => url.href === from || url.href.startsWith(`${from}/`) || url.href.startsWith(`${from}?`);
      context.on("request", (request) => {
        const url = new URL(request.url());
        if (["fetch", "xhr", "eventsource"].includes(request.resourceType()) && !isFor(url)) elsewhere.add(url.origin);
      });
      // The browser itself sends the request to the other address, so streams stay streams.
      await context.route(
        isFor,
        (route) => route.continue({ url: mockServer.url + route.request().url().slice(from.length) }),
      );
    }
    await use(mockServer);
    await mockServer.endTest(testInfo.errors.length > 0);
    if (testInfo.errors.length > 0) {
      const report = await mockServer.reportOfTest();
      // Behind the reason, and not on the console, where it would stand above all errors.
      if (report) testInfo.errors.push({ message: report });
      if (elsewhere.size > 0) testInfo.errors.push({ message: `the page also sent requests to ${[...elsewhere].join(", ")}. ${MEANT} \`mockAt\`, which is ${mockAt}` });
    }
  }, { auto: true }],
});
