import { shown } from "./given.js";

/** The number of letters to change, insert or remove to get from one word to another. */
function distance(one: string, other: string): number {
  let row = Array.from({ length: other.length + 1 }, (_, index) => index);
  for (const [i, letter] of [...one].entries()) {
    const next = [i + 1];
    for (const [j, wanted] of [...other].entries()) {
      next.push(Math.min(row[j + 1]! + 1, next[j]! + 1, row[j]! + (letter === wanted ? 0 : 1)));
    }
    row = next;
  }
  return row[other.length]!;
}

/** The sentence that names the nearest right word, or else all of them. */
export function advice(word: string, known: readonly string[]): string {
  const nearest = [...known].sort((a, b) => distance(word.toLowerCase(), a.toLowerCase()) - distance(word.toLowerCase(), b.toLowerCase()))[0];
  const near = nearest !== undefined && distance(word.toLowerCase(), nearest.toLowerCase()) <= Math.max(2, word.length / 3);
  const meant = MEANT[word.toLowerCase().replace(/_?(ms|millis|milliseconds|seconds)$/, "") || word.toLowerCase()]?.find((one) => known.includes(one));
  if (meant !== undefined) return `Did you mean \`${meant}\`?`;
  return near ? `Did you mean \`${nearest}\`?` : `It takes ${known.join(", ")}`;
}

/** Words of other tools for options, which are not similar to them. */
const MEANT: Record<string, readonly string[]> = {
  timeout: ["deadline", "startDeadline"],
  count: ["times"],
  min: ["atLeast"],
  after: ["at"],
  afterevents: ["at"],
  events: ["at"],
  seconds: ["at", "deadline"],
  type: ["kind"],
  probability: ["chance"],
  rate: ["chance"],
  url: ["path"],
  route: ["path"],
  speed: ["scale", "timeScale"],
  scale: ["timeScale"],
  rules: ["without"],
  ignore: ["without"],
  baseurl: ["url"],
  apiurl: ["url"],
  mode: ["time"],
  clock: ["time"],
};

/** The methods that do what a reset of the Python API does with its options. */
export const OF_RESET: Record<string, string> = {
  script: "loadScript(script)",
  time: "setTime(mode)",
  scale: 'setTime("real", { scale })',
  defects: "defectOn(name)",
  faults: "fault(fault)",
};

/** Require that an object has no other keys, so that no misspelt option is ignored. Returns it. Throws TypeError. */
export function onlyKnown<T extends object>(given: T, known: readonly string[], where: string): T {
  if (typeof given !== "object" || given === null || Array.isArray(given)) {
    const text = known.length === 1 ? `{ ${known[0]} }` : `an object with ${known.join(", ")}`;
    throw new TypeError(`${where} takes its options as ${text}, and got ${shown(given)}`);
  }
  for (const key of Object.keys(given)) {
    if (!known.includes(key)) throw new TypeError(`${where} has no option \`${key}\`. ${advice(key, known)}`);
  }
  return given;
}

/** Names of other packages, and of the Python API, for the methods of a mock. */
export const METHODS: Record<string, string> = {
  pause: "hold",
  waitUntilQuiet: "waitForStatus",
  waitUntilIdle: "waitForStatus",
  waitForIdle: "waitForStatus",
  waitForRun: "waitForStatus",
  waitUntilStatus: "waitForStatus",
  waitUntilRequested: "waitForRequest",
  assertNotCalled: "assertNotRequested",
  assertCalledWith: "assertRequested",
  assertInOrder: "assertRequestedInOrder",
  getRequests: "journal",
  history: "journal",
  enableDefect: "defectOn",
  disableDefect: "defectOff",
  addFault: "fault",
  clearFaults: "faultsOff",
  faultOff: "faultsOff",
  advanceTime: "advance",
  advanceTimersByTime: "advance",
  useScript: "loadScript",
  continue: "release",
  resume: "release",
  requests: "journal",
  calls: "journal",
  waitForHeld: "waitUntilHeld",
  waitForHold: "waitUntilHeld",
  assertCalled: "assertRequested",
  assertClean: "assertConduct",
  setScript: "loadScript",
  script: "loadScript",
  setDefect: "defectOn",
  setFault: "fault",
  tick: "advance",
  clear: "reset",
  close: "stop",
  baseUrl: "url",
  baseURL: "url",
  port: "url",
  address: "url",
  uri: "url",
  wait: "waitForStatus",
  waitUntil: "waitForStatus",
  waitFor: "waitForStatus",
  lastRequest: "journal",
  getLastRequest: "journal",
  on: "waitForRequest",
  once: "waitForRequest",
  respondWith: "loadScript",
  mockResponse: "loadScript",
  reply: "loadScript",
  use: "loadScript",
  logs: "log",
  toHaveBeenCalled: "assertRequested",
};

/** What only the Python API reads, with where it is found from Node. */
export const READERS = ["threads", "runs", "state", "checkpoints", "getState", "messages"] as const;
