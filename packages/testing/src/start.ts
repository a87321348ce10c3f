import { spawn, type ChildProcess } from "node:child_process";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import type { Socket } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { createInterface } from "node:readline";

import { BOOTSTRAP } from "./bootstrap.js";
import { COMMANDS } from "./commands.js";
import { MockError, StartError, at, callerOf } from "./errors.js";
import { send } from "./http.js";
import { Mock, type Beginning, type HeldAtEnd, type Process } from "./mock.js";
import { checkScripts, isText, pathOf } from "./scripts.js";
import type { Script, Scripts } from "./types.js";
import { onlyKnown } from "./words.js";

export interface StartOptions extends Beginning {
  /** The address of a mock that runs already. Default: `DOUBLETEXT_URL`. */
  url?: string;
  /** A Python 3.11 or newer in which doubletext is installed. Default: `DOUBLETEXT_PYTHON`, else the first that is found. */
  python?: string;
  /** What `uvx` installs, such as a wheel. Default: `DOUBLETEXT_UVX`. */
  uvx?: string;
  /** Default: a free one. */
  port?: number;
  host?: string;
  /** The file, the text or the object of a script, or several by the names of their graphs. */
  script?: Scripts;
  /** The name of the built-in graph. */
  graph?: string;
  /** The number from which every id is generated. */
  seed?: number;
  /** The number of runs that execute at the same time. */
  workers?: number;
  /** Refuse what real servers ignore, such as unknown fields. */
  strict?: boolean;
  /** Further options of `doubletext mock`. */
  args?: readonly string[];
  /** Seconds in which the mock has to start. */
  startDeadline?: number;
}

const PROCESS = ["python", "uvx", "port", "host", "script", "graph", "seed", "workers", "strict", "args", "startDeadline"] as const;
const OPTIONS = [...PROCESS, "url", "time", "timeScale", "defects", "faults", "heldAtEnd"];
/** The types of the options that nothing else checks before the mock starts. */
const KINDS = [
  ["strict", "boolean"],
  ["startDeadline", "number"],
  ["port", "number"],
  ["workers", "number"],
  ["seed", "number"],
  ["timeScale", "number"],
  ["args", "array"],
  ["host", "string"],
  ["graph", "string"],
  ["time", "string"],
] as const;
const HELD_AT_END: readonly HeldAtEnd[] = ["warn", "fail"];
const START_DEADLINE = 30;
/** The largest number of seconds. A larger one is of milliseconds. */
const LONGEST_START = 600;
const REMEDY = "Install doubletext into a Python 3.11 or newer, and name that Python in DOUBLETEXT_PYTHON or as `python`";
const LOG_LENGTH = 64 * 1024;

interface Candidate {
  name: string;
  command: string;
  before: readonly string[];
}

/** A Python that cannot start the mock, while another one may. */
class Unusable extends Error {}

/** Start a mock, or find the one at `url`. It listens when the promise is fulfilled. Throws `StartError`. */
export function startMock(options: StartOptions = {}): Promise<Mock> {
  const caller = callerOf(startMock);
  const started = attachMock(new Mock(), options).catch((error: Error) => {
    throw error instanceof MockError ? at(caller, error) : error;
  });
  for (const name of Object.getOwnPropertyNames(Mock.prototype)) {
    if (name in started) continue;
    const get = (): never => {
      // Nobody awaits the promise any more, and its own error would hide this one.
      started.catch(() => undefined);
      throw new TypeError(`startMock() returns a promise, which has no \`${name}\`. Write \`await startMock()\``);
    };
    Object.defineProperty(started, name, { get, configurable: true });
  }
  return started;
}

/** The same for a `Mock` that exists already, which a fixture could hand out before. */
export async function attachMock(mock: Mock, options: StartOptions = {}): Promise<Mock> {
  onlyKnown(options, OPTIONS, "startMock()");
  for (const [name, kind] of KINDS) {
    const value: unknown = options[name];
    if (value !== undefined && !(kind === "array" ? Array.isArray(value) : typeof value === kind)) {
      const wanted = { boolean: "true or false", number: "a number", array: "an array of texts", string: "a text" }[kind];
      throw new TypeError(`startMock(): \`${name}\` is ${JSON.stringify(value)}. Give ${wanted}`);
    }
  }
  if (options.startDeadline !== undefined && !(options.startDeadline > 0 && options.startDeadline <= LONGEST_START)) {
    throw new TypeError(`startMock(): \`startDeadline\` is ${options.startDeadline}. Give seconds above 0 and up to ${LONGEST_START}, not milliseconds`);
  }
  if (options.script !== undefined) checkScripts(options.script, "startMock()");
  if (options.graph === "") throw new TypeError("startMock(): `graph` is an empty text. Give the name of the graph, or leave it out");
  const wrong = [options.defects ?? []].flat().find((one) => typeof one !== "string");
  if (wrong !== undefined) throw new TypeError(`startMock(): \`defects\` has ${JSON.stringify(wrong)}. Give names of defects, such as "ghost_run"`);
  const { time, timeScale, defects, faults, heldAtEnd } = options;
  if (heldAtEnd !== undefined && !HELD_AT_END.includes(heldAtEnd)) {
    throw new TypeError(`startMock(): \`heldAtEnd\` is ${JSON.stringify(heldAtEnd)}. Give "warn" or "fail"`);
  }
  const beginning: Beginning = {
    ...(timeScale && { timeScale }),
    ...(defects && { defects }),
    ...(faults && { faults }),
    ...(heldAtEnd && { heldAtEnd }),
  };
  const url = options.url ?? (process.env.DOUBLETEXT_URL || undefined);
  if (url !== undefined) {
    const needed = PROCESS.find((name) => options[name] !== undefined);
    const from = options.url === undefined ? "unset DOUBLETEXT_URL" : "leave `url` out";
    if (needed) throw new StartError(`\`${needed}\` is for a mock that this package starts, and there is one at ${url}. Leave \`${needed}\` out, or ${from}`);
    await examine(url);
    mock.attach(url, time ? { ...beginning, time } : beginning);
  } else {
    const [found, child, clean] = await launch(options);
    mock.attach(found, { ...beginning, time: time ?? "instant" }, child);
    try {
      await examine(found);
    } catch (error) {
      await child.stop();
      throw error;
    } finally {
      clean();
    }
  }
  try {
    await mock.reset();
  } catch (error) {
    await mock.stop();
    throw error;
  }
  return mock;
}

/** Require that a mock answers, and knows every command of this package. */
async function examine(url: string): Promise<void> {
  if (!/^http:\/\/[^/]/.test(url)) {
    throw new StartError(`${url} is not an http:// address. Pass the URL that \`doubletext mock\` prints`);
  }
  let answer;
  try {
    answer = await send("GET", `${url.replace(/\/+$/, "")}/_mock`);
  } catch (error) {
    const why = (error as NodeJS.ErrnoException).code ?? (error as Error).message;
    throw new StartError(`no mock answers at ${url} (${why}). Start one with \`doubletext mock --time instant\`, or leave the URL out`);
  }
  if (answer.status === 403) throw new StartError(`the mock at ${url} refuses: ${answer.text}`);
  let known: string[];
  try {
    known = (JSON.parse(answer.text) as { commands: string[] }).commands.map((line) => line.split(": ")[0]!);
  } catch {
    throw new StartError(`${url} is not a mock of doubletext (GET /_mock answers ${answer.status}). Pass the URL that \`doubletext mock\` prints`);
  }
  const missing = Object.values(COMMANDS).filter((command) => !known.includes(command));
  if (missing.length > 0) throw new StartError(`the mock at ${url} is too old: it has no ${missing.slice(0, 2).join(", ")}${missing.length > 2 ? ` and ${missing.length - 2} more` : ""}. Update doubletext`);
}

async function launch(options: StartOptions): Promise<[string, Process, () => void]> {
  const [args, clean] = argumentsOf(options);
  const tried: string[] = [];
  const [candidates, explicit] = pythons(options);
  for (const candidate of candidates) {
    try {
      const [url, child] = await run(candidate, args, options);
      return [url, child, clean];
    } catch (error) {
      if (!(error instanceof Unusable) || explicit) {
        clean();
        throw error instanceof Unusable ? new StartError(`${candidate.name} cannot start the mock: ${error.message}. ${REMEDY}`) : error;
      }
      tried.push(`${candidate.name}: ${error.message}`);
    }
  }
  clean();
  throw new StartError(
    `no Python can start the mock (${tried.join("; ")}). ${REMEDY}`,
  );
}

/** The Pythons to try, and whether the user named the one. */
function pythons({ python, uvx }: StartOptions): [Candidate[], boolean] {
  const plain = (name: string): Candidate => ({ name, command: name, before: [] });
  if (python !== undefined) return [[plain(python)], true];
  const package_ = uvx ?? (process.env.DOUBLETEXT_UVX || undefined);
  if (package_ !== undefined) {
    return [[{ name: "uvx", command: "uvx", before: ["--quiet", "--from", package_, "python"] }], true];
  }
  if (process.env.DOUBLETEXT_PYTHON) return [[plain(process.env.DOUBLETEXT_PYTHON)], true];
  const environments = [process.env.VIRTUAL_ENV, ...folders().map((folder) => join(folder, ".venv"))];
  const inEnvironments = environments
    .filter((folder) => folder !== undefined)
    .map((folder) => join(folder, "bin", "python"))
    .filter((path) => existsSync(path));
  return [[...new Set(inEnvironments), "python3", "python"].map(plain), false];
}

/** The current folder and those above it. */
function folders(): string[] {
  const found = [process.cwd()];
  while (dirname(found.at(-1)!) !== found.at(-1)) found.push(dirname(found.at(-1)!));
  return found;
}

/** The options of `doubletext mock`, and what removes the files that were written for them. */
function argumentsOf(options: StartOptions): [string[], () => void] {
  const { port = 0, host, script, graph, seed, workers, strict, args = [] } = options;
  const made: string[] = [];
  const given = ["--port", String(port), "--log-level", "warning", "--time", "instant"];
  if (host !== undefined) given.push("--host", host);
  for (const [name, one] of scripts(script)) given.push("--script", name + fileOf(one, made));
  if (graph !== undefined) given.push("--graph", graph);
  if (seed !== undefined) given.push("--seed", String(seed));
  if (workers !== undefined) given.push("--workers", String(workers));
  if (strict) given.push("--strict");
  return [[...given, ...args], () => made.forEach((folder) => rmSync(folder, { recursive: true, force: true }))];
}

function scripts(script: Scripts | undefined): [string, Script][] {
  if (script === undefined) return [];
  if (typeof script === "string" || script instanceof URL || Array.isArray(script.turns)) return [["", script as Script]];
  return Object.entries(script as Record<string, Script>).map(([name, one]) => [`${name}=`, one]);
}

function fileOf(script: Script, made: string[]): string {
  if (script instanceof URL) return fileOf(pathOf(script), made);
  if (typeof script === "string" && !isText(script)) {
    if (!existsSync(script)) {
      throw new StartError(`there is no script ${script}. Check the path, which is relative to ${process.cwd()}`);
    }
    return resolve(script);
  }
  const folder = mkdtempSync(join(tmpdir(), "doubletext-"));
  made.push(folder);
  writeFileSync(join(folder, "script.yaml"), typeof script === "string" ? script : JSON.stringify(script));
  return join(folder, "script.yaml");
}

/** Start the mock with one Python, and return its address. Throws `Unusable`, or `StartError` if no other could do better. */
async function run(candidate: Candidate, args: string[], options: StartOptions): Promise<[string, Process]> {
  const child = spawn(candidate.command, [...candidate.before, "-c", BOOTSTRAP, ...args], { stdio: ["pipe", "pipe", "pipe"] });
  const ended = new Promise<number | null>((done) => child.once("close", (code) => done(code)));
  let log = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => (log = (log + text).slice(-LOG_LENGTH)));
  // A mock that ends before it reads is reported by what it said.
  child.stdin.on("error", () => undefined);
  const line = await firstLine(child, ended, options.startDeadline ?? START_DEADLINE);
  if (line instanceof Error) {
    const { code } = line as NodeJS.ErrnoException;
    const inside = join(candidate.command, "bin", "python");
    const instead = existsSync(inside) ? `. Did you mean ${inside}?` : "";
    if (code === "EACCES") throw new Unusable(`it is not a program${instead}`);
    throw new Unusable(code === "ENOENT" ? "there is no such program" : line.message);
  }
  const [word, problem, ...rest] = line?.split(" ") ?? [];
  if (word === "problem") {
    if (problem === "python") throw new Unusable(`Python ${rest.join(" ")} is too old, doubletext needs 3.11 or newer`);
    throw new Unusable(rest.join(" ") === "No module named 'mockserver'" ? "Python without doubletext" : rest.join(" "));
  }
  if (line === undefined || word !== "mockserver") {
    child.kill("SIGKILL");
    await ended;
    throw notStarted(log, options, line);
  }
  // A test process that is done must not wait for a mock that nobody stopped.
  child.unref();
  for (const stream of [child.stdin, child.stdout, child.stderr]) (stream as unknown as Socket).unref();
  const stop = async () => {
    child.ref();
    child.stdin.end();
    const kill = setTimeout(() => child.kill("SIGKILL"), 5000);
    await ended;
    clearTimeout(kill);
  };
  return [line.split(" ").at(-1)!, { log: () => log, stop }];
}

/** The first line that the process prints, the error with which it did not start, or undefined if it prints none. */
function firstLine(child: ChildProcess, ended: Promise<unknown>, seconds: number): Promise<string | Error | undefined> {
  return new Promise((done) => {
    const timer = setTimeout(() => done(undefined), 1000 * seconds);
    const finish = (line: string | Error | undefined) => {
      clearTimeout(timer);
      done(line);
    };
    child.once("error", finish);
    createInterface({ input: child.stdout! }).once("line", finish);
    void ended.then(() => finish(undefined));
  });
}

/** The reason of a mock that said no, in one line. */
function notStarted(log: string, { port, startDeadline = START_DEADLINE }: StartOptions, line?: string): StartError {
  const said = (log.trim().split("\n").at(-1) ?? "").replace(/^doubletext mock: (error: )?/, "").replace(/\S*doubletext-\w+\/script\.yaml/, "script");
  if (/cannot listen on .*in use/.test(said)) {
    return new StartError(`port ${port} is in use. Leave \`port\` out for a free one, or end what listens there`);
  }
  if (line !== undefined) return new StartError(`the mock did not start. It printed: ${line}`);
  return new StartError(said ? `the mock did not start: ${said}` : `the mock did not start within ${startDeadline} seconds, and said nothing`);
}

