/** Everything that this package throws. */
export class MockError extends Error {
  override name = "MockError";
}

/** A mock that could not be started, or found. The text is one line: what is missing, and what to do. */
export class StartError extends MockError {
  override name = "StartError";
}

/** A command that the mock refused. The text is the server's own. */
export class ControlError extends MockError {
  override name = "ControlError";
  constructor(
    text: string,
    /** The status of the answer. */
    readonly status: number,
  ) {
    super(text);
  }
}

/** A wait that did not succeed in time. The text says what was true instead. */
export class DeadlineError extends ControlError {
  override name = "DeadlineError";
}

/** An assertion about the requests that did not hold. */
export class MockAssertionError extends MockError {
  override name = "AssertionError";
}

/** The lines of a stack above a function of this package, for an error that is thrown after an `await`. */
export function callerOf(called: (...args: never[]) => unknown): string {
  const place: { stack?: string } = {};
  Error.captureStackTrace(place, called);
  return (place.stack ?? "").split("\n").slice(1).join("\n");
}

/** The error with the stack of the test, and not that of this package. */
export function at<E extends Error>(caller: string, error: E): E {
  error.stack = `${error.name}: ${error.message}\n${caller}`;
  return error;
}
