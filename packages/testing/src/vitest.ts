import { test as base } from "vitest";

import { MockError } from "./errors.js";
import { DEADLINE, type Mock } from "./mock.js";
import { startMock, type StartOptions } from "./start.js";

export { expect } from "vitest";

/** Milliseconds after which a wait fails in a test that has no end. */
const LONGEST = 30_000;

/** The clock of the machine. A test may replace `Date` by one that it moves. */
const { now } = Date;

/** Names that are no fixtures. Vitest passes `undefined` for them, whose error names no right word. */
const MEANT = ["mocks", "Mock", "mockDeployment", "mock_deployment", "deployment", "mockServerUrl", "mockUrl"] as const;

/** Vitest's `test` with the fixture `mock`: one mock for each file, and as new for each test. */
export function mockTest(options: StartOptions = {}) {
  const withMock = base.extend<{ mockServer: Mock; mock: Mock }>({
    mockServer: [
      async ({}, use) => {
        const mock = await startMock(options);
        await use(mock);
        await mock.stop();
      },
      { scope: "worker" },
    ],
    mock: async ({ mockServer, task, onTestFailed }, use) => {
      await mockServer.beginTest();
      const timeout = task.timeout || Infinity;
      mockServer.deadline = Math.max(DEADLINE, 0.8 * Math.min(timeout, LONGEST) / 1000);
      mockServer.testEnds = (task.result?.startTime ?? now()) + timeout;
      onTestFailed(async () => {
        const report = await mockServer.reportOfTest();
        // Behind the reason, and not on the console, where it would stand above all errors.
        const error = task.result?.errors?.[0];
        if (report && error) error.message += `\n\n${report}`;
      });
      await use(mockServer);
      await mockServer.endTest(task.result?.state === "fail");
    },
  });
  const wrong = Object.fromEntries(MEANT.map((name) => [name, ({}, _: unknown) => refuse(name)]));
  // Not in the type, which has the names that exist.
  return withMock.extend(wrong) as unknown as typeof withMock;
}

function refuse(name: string): never {
  throw new MockError(`there is no fixture \`${name}\`. Did you mean \`mock\`? Its address is mock.url`);
}

export const test = mockTest();
