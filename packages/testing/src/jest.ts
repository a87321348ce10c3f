import { Mock } from "./mock.js";
import { attachMock, type StartOptions } from "./start.js";

type Hook = (action: () => Promise<void>, timeout?: number) => unknown;

/** The hooks of a test runner. Jest and Vitest with `globals` have them as globals. */
export interface Hooks {
  beforeAll: Hook;
  beforeEach: Hook;
  afterEach: Hook;
  afterAll: Hook;
}

const HOOKS = ["beforeAll", "beforeEach", "afterEach", "afterAll"] as const;
const START_MILLISECONDS = 60_000;

/** A mock for all tests of a file, or of a `describe`: it starts before the first one, and is as new for each. */
export function useMock(options: StartOptions = {}, hooks: Hooks = globalThis as unknown as Hooks): Mock {
  const missing = HOOKS.find((name) => typeof hooks[name] !== "function");
  if (missing !== undefined) {
    const where = hooks === (globalThis as unknown) ? `no global ${missing}` : `no ${missing} in its second argument`;
    throw new TypeError(`useMock() finds ${where}. Pass the hooks of your test runner: useMock({}, { ${HOOKS.join(", ")} })`);
  }
  const mock = new Mock();
  hooks.beforeAll(async () => void (await attachMock(mock, options)), START_MILLISECONDS);
  hooks.beforeEach(() => mock.beginTest());
  hooks.afterEach(() => mock.endTest());
  hooks.afterAll(() => mock.stop());
  return mock;
}
