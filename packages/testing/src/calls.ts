import { MockError, at } from "./errors.js";

/** A promise that knows whether its result is awaited. `await` of a subclass calls `then`, that of a `Promise` does not. */
class Answer<T> extends Promise<T> {
  awaited = false;

  // What `then` returns is no answer of the mock, and need not be awaited.
  static override get [Symbol.species](): PromiseConstructor {
    return Promise;
  }

  override then<A = T, B = never>(
    fulfilled?: ((value: T) => A | PromiseLike<A>) | null,
    rejected?: ((reason: unknown) => B | PromiseLike<B>) | null,
  ): Promise<A | B> {
    this.awaited = true;
    return super.then(fulfilled, rejected);
  }
}

interface Call {
  name: string;
  caller: string;
  answer: Answer<unknown>;
  ended: boolean;
  /** True if the test is over. What becomes of the call then is no mistake of the next test, so nobody learns of it. */
  forgotten: boolean;
}

/** The calls of a mock whose results a test has not awaited yet. A test that passes without one passes for no reason. */
export class Calls {
  #open: Call[] = [];

  /** Note a call, and return its result as a promise that notices an `await`. */
  note<T>(name: string, caller: string, result: Promise<T>): Promise<T> {
    let settle: (value: Promise<T>) => void = () => undefined;
    const answer = new Answer<T>((resolve) => (settle = resolve));
    const call: Call = { name, caller, answer, ended: false, forgotten: false };
    const end = () => {
      call.ended = true;
      if (!call.forgotten) settle(result);
    };
    result.then(end, end);
    this.#open = [...this.#open.filter(isOpen), call];
    return answer;
  }

  /** Forget all calls. Returns the error of the first that was not awaited or has not ended, with the line of the call. */
  take(): MockError | undefined {
    const open = this.#open.filter(isOpen);
    this.#open = [];
    for (const call of open) call.forgotten = true;
    const first = open[0];
    return first && at(first.caller, new MockError(textOf(first, open.length - 1)));
  }
}

function isOpen({ answer, ended }: Call): boolean {
  return !(answer.awaited && ended);
}

function textOf({ name, answer }: Call, others: number): string {
  const more = others > 0 ? `, and ${others} more ${others > 1 ? "calls" : "call"} of this mock` : "";
  return answer.awaited
    ? `${name}() was still waiting when the test ended${more}. Write \`await\` in front of what waits for it`
    : `${name}() was called and not awaited${more}. Write \`await\` in front of it`;
}
