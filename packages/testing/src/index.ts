export { COMMANDS, type Command } from "./commands.js";
export { ControlError, DeadlineError, MockAssertionError, MockError, StartError } from "./errors.js";
export { ANY, including, type Matcher } from "./matchers.js";
export { DEADLINE, Mock, type Beginning, type Conduct, type HeldAtEnd } from "./mock.js";
export { startMock, type StartOptions } from "./start.js";
export { mockTest, test, useMock } from "./elsewhere.js";
export type * from "./types.js";
