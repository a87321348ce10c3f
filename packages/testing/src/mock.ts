import { Calls } from "./calls.js";
import { COMMANDS, type Command } from "./commands.js";
import { ControlError, DeadlineError, MockAssertionError, MockError, at, callerOf } from "./errors.js";
import { faultOf, named } from "./faults.js";
import { misplaced, requested, shown, text } from "./given.js";
import { send } from "./http.js";
import { refusal } from "./refusals.js";
import { lineOf } from "./requests.js";
import { scriptsOf } from "./scripts.js";
import type {
  ActiveFault,
  Fault,
  FaultText,
  Finding,
  Held,
  JournalEntry,
  RequestPattern,
  Scope,
  Scripts,
  Strategy,
  TimeMode,
  Waiting,
  Wanted,
} from "./types.js";
import { METHODS, OF_RESET, READERS, onlyKnown } from "./words.js";

type Query = Record<string, string | readonly string[] | undefined>;
type Called = (...args: never[]) => unknown;
type Method = (this: Mock, ...given: unknown[]) => Promise<unknown>;

/** What a reset brings back, and what the end of a test requires. */
export interface Beginning {
  time?: TimeMode;
  timeScale?: number;
  defects?: string | readonly string[];
  faults?: Fault | FaultText | readonly (Fault | FaultText)[];
  /** What a fixture does when a test ends while one of its runs is held. Default: `warn`. */
  heldAtEnd?: HeldAtEnd;
}

export type HeldAtEnd = "warn" | "fail";

/** The process of a mock that this package started. */
export interface Process {
  /** What it wrote to its standard error. */
  log(): string;
  stop(): Promise<void>;
}

/**
 * Seconds after which a wait fails. The mock reacts within milliseconds, and the text of its error says what was true
 * instead, so the wait ends before the five seconds after which Vitest and Jest give up on a test.
 */
export const DEADLINE = 4;

/** The largest deadline in seconds. A larger number is one of milliseconds. */
const LONGEST = 300;

/** Seconds that a wait has in any case, and milliseconds in which its failure reaches the test. */
const [SHORTEST, MARGIN] = [0.2, 500];

/** The methods whose results need no `await`, and those of the fixtures, which await them. */
const NOT_NOTED = ["constructor", "attach", "log", "stop", "beginTest", "endTest", "reportOfTest"];

/** A point in errors. */
const POINT = "agent:2/token";

/** The clock of the machine. A test may replace `Date` by one that it moves. */
const { now } = Date;

/** A mock deployment, and the commands of its control API. */
export class Mock {
  /** Real seconds after which a wait fails. */
  deadline = DEADLINE;
  /** When the test ends, in milliseconds since 1970. A wait ends before, because its text has the reason. */
  testEnds = Infinity;
  #url: string | undefined;
  #process: Process | undefined;
  #beginning: Beginning = {};
  readonly #calls = new Calls();
  /** True if the test that is running has used this mock. */
  #used = false;
  #testing = false;

  static {
    // Without these, JavaScript says that something is not a function.
    const snake = Object.getOwnPropertyNames(Mock.prototype).map((name) => [name.replace(/[A-Z]/g, (one) => `_${one.toLowerCase()}`), name]);
    for (const [wrong, right] of [...snake, ...Object.entries(METHODS)] as [string, string][]) {
      if (wrong in Mock.prototype) continue;
      const get = (): never => {
        throw new TypeError(`a mock has no \`${wrong}\`. Did you mean \`${right}\`?`);
      };
      Object.defineProperty(Mock.prototype, wrong, { get, configurable: true });
    }
    for (const name of READERS) {
      const get = (): never => {
        throw new TypeError(`a mock has no \`${name}\`. Read it with the client of your application, at mock.url`);
      };
      Object.defineProperty(Mock.prototype, name, { get, configurable: true });
    }
    const itself = (): never => {
      throw new TypeError("what you have is the mock itself. Write `const mock = useMock()` or `const mock = await startMock()`, without braces");
    };
    Object.defineProperty(Mock.prototype, "mock", { get: itself, configurable: true });
    for (const [name, { value: method }] of Object.entries(Object.getOwnPropertyDescriptors(Mock.prototype))) {
      if (typeof method !== "function" || NOT_NOTED.includes(name)) continue;
      const noted = function (this: Mock, ...given: unknown[]): Promise<unknown> {
        this.#used = true;
        return this.#calls.note(name, callerOf(noted), (method as Method).apply(this, given));
      };
      Object.defineProperty(Mock.prototype, name, { value: noted, writable: true, configurable: true });
    }
  }

  /** The address of the deployment, without a slash at the end. */
  get url(): string {
    if (this.#url === undefined) throw new MockError("the mock starts before the first test. Use it inside a test");
    this.#used = true;
    return this.#url;
  }

  /** Use the mock at an address. For the functions that start one. */
  attach(url: string, beginning: Beginning = {}, process?: Process): this {
    [this.#url, this.#beginning, this.#process] = [url.replace(/\/+$/, ""), beginning, process];
    return this;
  }

  /** End the mock, if this package started it. Throws `MockError` if a call was not awaited. */
  async stop(): Promise<void> {
    const forgotten = this.#calls.take();
    await this.#process?.stop();
    this.#process = undefined;
    if (forgotten) throw forgotten;
  }

  /** Begin a test. The fixtures do it. Throws `MockError` while another test uses the mock. */
  async beginTest(): Promise<void> {
    if (this.#testing) {
      throw new MockError("two tests use one mock at the same time, and each resets it. Leave out `concurrent`, or start a mock in each test with startMock()");
    }
    this.#testing = true;
    try {
      await this.reset();
    } catch (error) {
      // A mock that has died is not one that another test uses.
      this.#testing = false;
      throw error;
    }
    this.#used = false;
  }

  /**
   * End a test. The fixtures do it. Throws `MockError` if a call was not awaited, or with `heldAtEnd: "fail"` if a run is
   * held, unless the test has failed.
   */
  async endTest(failed = false): Promise<void> {
    this.#testing = false;
    const forgotten = this.#calls.take();
    if (failed) return;
    if (forgotten) throw forgotten;
    // A mock that the test has stopped holds nothing.
    const { held } = await this.#send<{ held: Held[] }>("", "held").catch(() => ({ held: [] as Held[] }));
    const left = held.map(
      ({ point, run_id, thread_id }) =>
        `the test ended while run ${run_id} on thread ${thread_id} was held at ${point}. Call \`await mock.release()\` at its end`,
    );
    if (left.length > 0 && this.#beginning.heldAtEnd === "fail") throw at("", new MockError(left.join("\n")));
    for (const line of left) console.warn(line);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }

  /** The text that the mock wrote to its standard error: warnings, and the errors of a script. */
  log(): string {
    return this.#process?.log() ?? "";
  }

  /** The commands of the control API, each with its description. */
  async commands(): Promise<string[]> {
    return this.#told<{ commands: string[] }>(this.commands, "overview").then(({ commands }) => commands);
  }

  /** The OpenAPI description of the control API. */
  async openapi(): Promise<Record<string, unknown>> {
    return this.#told(this.openapi, "openapi");
  }

  /**
   * Delete all threads, requests, holds, defects and faults, and bring back the time, the script, the defects and the
   * faults of the start. The same `seed` gives the same ids.
   */
  async reset(options: { seed?: number } = {}): Promise<void> {
    const caller = callerOf(this.reset);
    const forgotten = this.#calls.take();
    if (forgotten) throw forgotten;
    const other = typeof options === "object" && options !== null ? Object.keys(options).find((key) => key in OF_RESET) : undefined;
    if (other !== undefined) throw new TypeError(`reset() has no option \`${other}\`. Call ${OF_RESET[other]} after it`);
    const { seed } = onlyKnown(options, ["seed"], "reset()");
    const { time, timeScale: scale, defects = [], faults = [] } = this.#beginning;
    await this.#send(caller, "reset", { body: { seed, time, scale } });
    // A text is a list of its letters, of which none is the name of anything.
    for (const name of [defects].flat()) await this.#send(caller, "defectOn", { body: named(name) });
    for (const fault of [faults].flat()) await this.#send(caller, "fault", { body: faultOf(fault) });
  }

  /** Replace or add the scripts of some graphs. Turns that have started finish with the one before. */
  async loadScript(script: Scripts, options: Scope = {}): Promise<{ graphs: string[] }> {
    const { threadId } = onlyKnown(options, ["threadId"], "loadScript()");
    return this.#told(this.loadScript, "script", { body: { script: scriptsOf(script), thread_id: threadId } });
  }

  /** Pause every run that reaches a point, `NODE:VISIT/EVENT`, such as `agent:2/token`. */
  async hold(point: string, options: Scope = {}): Promise<void> {
    const { threadId } = onlyKnown(options, ["threadId"], "hold()");
    text(point, "the point", POINT, "hold()");
    await this.#told(this.hold, "hold", { body: { point, thread_id: threadId } });
  }

  /** Resume the held runs and stop holding, at one point or at all. Returns the number of resumed runs. */
  async release(point?: string, options: Scope = {}): Promise<number> {
    const { threadId } = onlyKnown(options, ["threadId"], "release()");
    if (point !== undefined) text(point, "the point", POINT, "release()");
    const query = { point, thread_id: threadId };
    return this.#told<{ released: number }>(this.release, "release", { query }).then(({ released }) => released);
  }

  /** The runs that are held, and the points at which runs will be. */
  async held(): Promise<{ held: Held[]; closed: string[] }> {
    return this.#told(this.held, "held");
  }

  /** Wait until a run is held at a point. */
  async waitUntilHeld(
    point: string,
    options: Scope & Waiting = {},
  ): Promise<{ thread_id: string; run_id: string }> {
    const { threadId, deadline } = onlyKnown(options, ["threadId", "deadline"], "waitUntilHeld()");
    text(point, "the point", POINT, "waitUntilHeld()");
    const body = { point, thread_id: threadId, deadline: this.#seconds(deadline) };
    return this.#told(this.waitUntilHeld, "wait", { body });
  }

  /** Wait until a run or, without one, the thread has a status. */
  async waitForStatus(
    status: string,
    threadId: string,
    runId?: string,
    options: Waiting = {},
  ): Promise<void> {
    const { deadline } = onlyKnown(options, ["deadline"], "waitForStatus()");
    text(status, "the status", "success", "waitForStatus()");
    text(threadId, "the id of a thread", "", "waitForStatus(status, threadId)");
    if (typeof runId === "object" && runId !== null && "deadline" in runId) {
      throw new TypeError("waitForStatus() takes the run before its options. For a thread write waitForStatus(status, threadId, undefined, { deadline })");
    }
    // As of a run that the server refused to create. Without it the status of the thread would be waited for.
    if (arguments.length === 3 && runId === undefined) {
      throw new TypeError("waitForStatus(status, threadId, runId) got undefined for the run. Was it created? For the thread, leave it out");
    }
    if (runId !== undefined) text(runId, "the id of a run", "", "waitForStatus(status, threadId, runId)");
    const body = { status, thread_id: threadId, run_id: runId, deadline: this.#seconds(deadline) };
    await this.#told(this.waitForStatus, "wait", { body });
  }

  /** Wait until a matching request came, and return the first one. `method` and `path` are patterns with `*`. */
  async waitForRequest(
    method: string,
    path: string,
    options: Wanted & Waiting = {},
  ): Promise<JournalEntry> {
    misplaced(options, ["having", "deadline"], "waitForRequest()");
    const { having, deadline } = onlyKnown(options, ["having", "deadline"], "waitForRequest()");
    requested(method, path, having, "waitForRequest()");
    const body = { request: { method, path, having }, deadline: this.#seconds(deadline) };
    return this.#told(this.waitForRequest, "wait", { body });
  }

  /** Choose how scripted time passes. `scale` multiplies delays in mode `real`. */
  async setTime(mode: TimeMode, options: Scope & { scale?: number } = {}): Promise<void> {
    const { scale, threadId } = onlyKnown(options, ["scale", "threadId"], "setTime()");
    text(mode, "the mode", "hand", "setTime()");
    await this.#told(this.setTime, "time", { body: { mode, scale, thread_id: threadId } });
  }

  /** Advance the clock. Returns the new time, in seconds. */
  async advance(seconds: number, options: Scope = {}): Promise<number> {
    const { threadId } = onlyKnown(options, ["threadId"], "advance()");
    if (typeof seconds !== "number" || !(seconds >= 0)) {
      throw new TypeError(`advance() takes seconds as a number from 0, and got ${typeof seconds === "number" ? seconds : shown(seconds)}`);
    }
    const body = { seconds, thread_id: threadId };
    return this.#told<{ now: number }>(this.advance, "advance", { body }).then(({ now }) => now);
  }

  /** Make a mistake of a real server, always or for its next `times` occurrences. */
  async defectOn(name: string, options: Scope & { times?: number } = {}): Promise<void> {
    const { threadId, times } = onlyKnown(options, ["threadId", "times"], "defectOn()");
    text(name, "the name of a defect", "ghost_run", "defectOn()");
    await this.#told(this.defectOn, "defectOn", { body: { name, thread_id: threadId, times } });
  }

  /** Switch one defect off or, without a name, all of them. */
  async defectOff(name?: string, options: Scope = {}): Promise<void> {
    const { threadId } = onlyKnown(options, ["threadId"], "defectOff()");
    const query = { thread_id: threadId };
    await (name === undefined
      ? this.#told(this.defectOff, "defectsOff", { query })
      : this.#told(this.defectOff, "defectOff", { query, name }));
  }

  /** The defects that are on, and all that there are with their descriptions. */
  async defects(): Promise<{ on: unknown[]; known: Record<string, string> }> {
    return this.#told(this.defects, "defects");
  }

  /** Break the network: `cut@2`, or an object that also limits the requests. */
  async fault(fault: Fault | FaultText, options: Scope = {}): Promise<void> {
    if (typeof options !== "object" || options === null) {
      throw new TypeError(`fault() takes one fault, and got ${shown(options)} beside it. Write the number into the fault: "cut@2"`);
    }
    const limits = ["at", "path", "method", "chance", "times"].find((name) => name in options);
    if (limits !== undefined) throw new TypeError(`fault() has no option \`${limits}\`. Write it into the fault: { kind: "cut", ${limits}: ... }`);
    const { threadId } = onlyKnown(options, ["threadId"], "fault()");
    await this.#told(this.fault, "fault", { body: { ...faultOf(fault), thread_id: threadId } });
  }

  /** Mend the network. */
  async faultsOff(options: Scope = {}): Promise<void> {
    const { threadId } = onlyKnown(options, ["threadId"], "faultsOff()");
    await this.#told(this.faultsOff, "faultsOff", { query: { thread_id: threadId } });
  }

  /** The faults that are set, and how many requests met each. */
  async faults(): Promise<ActiveFault[]> {
    return this.#told<{ set: ActiveFault[] }>(this.faults, "faults").then(({ set }) => set);
  }

  /** Lose all workers and connections, as if the process had died, and keep what a database would hold. */
  async restart(): Promise<void> {
    await this.#told(this.restart, "restart");
  }

  /** The requests of the application, oldest first. */
  async journal(options: Scope = {}): Promise<JournalEntry[]> {
    const { threadId } = onlyKnown(options, ["threadId"], "journal()");
    return this.#requests(callerOf(this.journal), threadId);
  }

  /** The mistakes of the application in what it sent. `strategy` is the one that it should send, `without` skips rules. */
  async conduct(options: Conduct = {}): Promise<Finding[]> {
    const { strategy, without } = onlyKnown(options, ["strategy", "without"], "conduct()");
    return this.#conduct(callerOf(this.conduct), { strategy, without });
  }

  /** The same as a page in HTML, with the requests. */
  async conductPage(options: Conduct = {}): Promise<string> {
    const { strategy, without } = onlyKnown(options, ["strategy", "without"], "conductPage()");
    return this.#told(this.conductPage, "conductPage", { query: judged({ strategy, without }) });
  }

  /** Require that `conduct` finds nothing. */
  async assertConduct(options: Conduct = {}): Promise<void> {
    const caller = callerOf(this.assertConduct);
    const { strategy, without } = onlyKnown(options, ["strategy", "without"], "assertConduct()");
    const found = await this.#conduct(caller, { strategy, without });
    if (found.length === 0) return;
    const lines = found.map(({ rule, text, requests }) => `  ${rule}: ${text} (requests ${requests.join(", ")})`);
    throw at(caller, new MockAssertionError(["the application made these mistakes:", ...lines].join("\n")));
  }

  /** Require a request, and return the last one. A failure lists the most similar ones. */
  async assertRequested(
    method: string,
    path: string,
    options: Wanted & { times?: number; atLeast?: number } = {},
  ): Promise<JournalEntry> {
    const caller = callerOf(this.assertRequested);
    misplaced(options, ["having", "times", "atLeast"], "assertRequested()");
    const { having, times, atLeast } = onlyKnown(options, ["having", "times", "atLeast"], "assertRequested()");
    requested(method, path, having, "assertRequested()");
    if (times !== undefined && atLeast !== undefined) {
      throw at(caller, new TypeError("`times` is an exact number and `atLeast` a bound. Leave one of them out"));
    }
    for (const [name, count] of Object.entries({ times, atLeast })) {
      if (count !== undefined && !(Number.isInteger(count) && count >= 0)) {
        throw at(caller, new TypeError(`\`${name}\` is ${JSON.stringify(count)}. Give a whole number`));
      }
    }
    if (times === 0) throw at(caller, new TypeError("`times: 0` is what assertNotRequested() is for"));
    const found = await this.#asserted(caller, { request: { method, path, having }, times, at_least: atLeast });
    return found.at(-1)!;
  }

  /** Require that no such request came. */
  async assertNotRequested(method: string, path: string, options: Wanted = {}): Promise<void> {
    const caller = callerOf(this.assertNotRequested);
    misplaced(options, ["having"], "assertNotRequested()");
    const { having } = onlyKnown(options, ["having"], "assertNotRequested()");
    requested(method, path, having, "assertNotRequested()");
    await this.#asserted(caller, { request: { method, path, having }, times: 0 });
  }

  /** Require requests in this order, with others in between or not: `"POST /threads"`, `{ method: "POST", having }`. */
  async assertRequestedInOrder(...wanted: readonly (string | RequestPattern)[]): Promise<void> {
    const caller = callerOf(this.assertRequestedInOrder);
    if (wanted.length < 2) {
      throw at(caller, new TypeError("an order needs two requests or more, each a text such as \"POST */cancel\", or an object with method, path and having"));
    }
    for (const one of wanted) {
      if (typeof one === "string") {
        if (!/^\S+ \S+$/.test(one)) throw at(caller, new TypeError(`${JSON.stringify(one)} is not "METHOD PATH", such as "POST */cancel"`));
        continue;
      }
      const { method = "*", path = "*", having } = onlyKnown(one, ["method", "path", "having"], "assertRequestedInOrder()");
      requested(method, path, having, "assertRequestedInOrder()");
    }
    await this.#asserted(caller, { in_order: wanted });
  }

  /** The requests as lines for people, and the log of the mock. For the output of a test that failed. */
  async report(): Promise<string> {
    return (await this.#report()) ?? `the mock at ${this.url} received no request`;
  }

  /** The same for a test that failed: undefined if it has not used the mock. */
  async reportOfTest(): Promise<string | undefined> {
    const used = this.#used;
    // A mock that ended during the test is what the error of the test states.
    const found = await this.#report().catch(() => undefined);
    return found ?? (used ? `the mock at ${this.#url} received no request` : undefined);
  }

  async #report(): Promise<string | undefined> {
    const entries = await this.#requests("");
    const log = this.log().trimEnd();
    if (entries.length === 0) return log || undefined;
    return [`requests to the mock at ${this.#url}:`, ...entries.map(lineOf), log].join("\n").trimEnd();
  }

  /** The seconds that a wait has, or what its caller gave. */
  #seconds(deadline: number | undefined): number {
    if (deadline === undefined) return this.#left();
    if (typeof deadline !== "number" || !(deadline > 0 && deadline <= LONGEST)) {
      const milliseconds = deadline > LONGEST ? `, not milliseconds: ${deadline / 1000}` : "";
      throw new TypeError(`\`deadline\` is ${JSON.stringify(deadline)}. Give seconds above 0 and up to ${LONGEST}${milliseconds}`);
    }
    return deadline;
  }

  /** The seconds that a wait has. */
  #left(): number {
    return Math.min(this.deadline, Math.max(SHORTEST, (this.testEnds - now() - MARGIN) / 1000));
  }

  async #requests(caller: string, threadId?: string): Promise<JournalEntry[]> {
    const query = { thread_id: threadId };
    return (await this.#send<{ requests: JournalEntry[] }>(caller, "journal", { query })).requests;
  }

  async #conduct(caller: string, { strategy, without }: Conduct): Promise<Finding[]> {
    const query = judged({ strategy, without });
    return (await this.#send<{ findings: Finding[] }>(caller, "conduct", { query })).findings;
  }

  /** The requests of an assertion that holds. Throws `MockAssertionError` for another. */
  async #asserted(caller: string, body: object): Promise<JournalEntry[]> {
    return (await this.#send<{ requests: JournalEntry[] }>(caller, "assert", { body })).requests;
  }

  async #told<T>(called: Called, command: Command, given: Given = {}): Promise<T> {
    // Not after an `await`: only here is the test still on the stack.
    return this.#send<T>(callerOf(called), command, given);
  }

  async #send<T>(caller: string, command: Command, { body, query = {}, name = "" }: Given = {}): Promise<T> {
    const [method, path] = COMMANDS[command].split(" ") as [string, string];
    const url = new URL(this.url + path.replace("{name}", encodeURIComponent(name)));
    for (const [key, value] of Object.entries(query)) {
      for (const one of [value].flat()) if (one !== undefined) url.searchParams.append(key, one);
    }
    let answer;
    try {
      answer = await send(method, url.href, body);
    } catch (error) {
      const last = this.log().trim().split("\n").at(-1);
      const why = (error as NodeJS.ErrnoException).code ?? String(error);
      throw at(caller, new MockError(`the mock at ${this.url} does not answer (${why}). ${last ? `It said: ${last}` : "Was it stopped?"}`));
    }
    if (answer.status >= 200 && answer.status < 300) {
      return (command === "conductPage" ? answer.text : JSON.parse(answer.text)) as T;
    }
    throw at(caller, refusal(answer.status, answer.text));
  }
}

export interface Conduct {
  strategy?: Strategy | undefined;
  without?: string | readonly string[] | undefined;
}

function judged({ strategy, without }: Conduct): Query {
  return { strategy, without: without === undefined ? undefined : [without].flat() };
}

interface Given {
  body?: unknown;
  query?: Query;
  name?: string;
}
