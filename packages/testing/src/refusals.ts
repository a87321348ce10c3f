import { ControlError, DeadlineError, MockAssertionError } from "./errors.js";
import { lineOf } from "./requests.js";
import type { JournalEntry } from "./types.js";

/** The error of a command that the mock refused. */
export function refusal(status: number, text: string): ControlError {
  let told = text;
  try {
    told = (JSON.parse(text) as { detail: string }).detail;
  } catch {
    // Not the mock's own answer: a proxy's, for example.
  }
  return new (status === 408 ? DeadlineError : ControlError)(told, status);
}

/** The reason why no request matches. */
export function reasonOf(found: JournalEntry[] | DeadlineError): string {
  return found instanceof DeadlineError ? found.message.replace(/^timed out after [^:]*: /, "") : "no request matches";
}

/** The error of an assertion that found another number of requests. */
export function miscounted(wanted: string, found: JournalEntry[]): MockAssertionError {
  return new MockAssertionError([`expected ${wanted} matching requests, received ${found.length}:`, ...found.map(lineOf)].join("\n"));
}
