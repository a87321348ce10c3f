import { ControlError, DeadlineError, MockAssertionError, type MockError } from "./errors.js";

/** The error of a command that the mock refused. */
export function refusal(status: number, text: string): MockError {
  let told = text;
  try {
    told = (JSON.parse(text) as { detail: string }).detail;
  } catch {
    // Not the mock's own answer: a proxy's, for example.
  }
  if (status === 412) return new MockAssertionError(told);
  return new (status === 408 ? DeadlineError : ControlError)(told, status);
}
