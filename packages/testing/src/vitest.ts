import { test as base } from "vitest";

import { DEADLINE, type Mock } from "./mock.js";
import { startMock, type StartOptions } from "./start.js";

export { expect } from "vitest";

/** Milliseconds after which a wait fails in a test that has no end. */
const LONGEST = 30_000;

/** Vitest's `test` with the fixture `mock`: one mock for each file, and as new for each test. */
export function mockTest(options: StartOptions = {}) {
  return base.extend<{ mockServer: Mock; mock: Mock }>({
    mockServer: [
      async ({}, use) => {
        const mock = await startMock(options);
        await use(mock);
        await mock.stop();
      },
      { scope: "worker" },
    ],
    mock: async ({ mockServer, task, onTestFailed }, use) => {
      await mockServer.reset();
      const timeout = task.timeout || Infinity;
      mockServer.deadline = Math.max(DEADLINE, 0.8 * Math.min(timeout, LONGEST) / 1000);
      mockServer.testEnds = (task.result?.startTime ?? Date.now()) + timeout;
      onTestFailed(async () => console.error(await mockServer.report()));
      await use(mockServer);
    },
  });
}

export const test = mockTest();
