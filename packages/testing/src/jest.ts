import { Mock } from "./mock.js";
import { attachMock, type StartOptions } from "./start.js";

type Hook = (action: () => Promise<void>, timeout?: number) => unknown;

/** The hooks of a test runner. Jest and Vitest with `globals` have them as globals. */
export interface Hooks {
  beforeAll: Hook;
  beforeEach: Hook;
  afterAll: Hook;
}

const START_MILLISECONDS = 60_000;

/** A mock for all tests of a file, or of a `describe`: it starts before the first one, and is as new for each. */
export function useMock(options: StartOptions = {}, hooks: Hooks = globalThis as unknown as Hooks): Mock {
  if (typeof hooks.beforeAll !== "function") {
    throw new TypeError("useMock() finds no global beforeAll. Pass the hooks of your test runner as its second argument");
  }
  const mock = new Mock();
  hooks.beforeAll(async () => void (await attachMock(mock, options)), START_MILLISECONDS);
  hooks.beforeEach(() => mock.reset());
  hooks.afterAll(() => mock.stop());
  return mock;
}
