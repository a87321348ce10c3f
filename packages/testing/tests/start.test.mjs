// Everything that can be missing when a mock is started: each is told in one line, with what to do.
import { spawn } from "node:child_process";
import { chmodSync, mkdirSync, mkdtempSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { pathToFileURL } from "node:url";
import { StartError, startMock } from "doubletext-testing";
import { afterEach, expect, onTestFinished, test, vi } from "vitest";

afterEach(() => vi.unstubAllEnvs());

async function refused(options, text) {
  const error = await startMock(options).then(
    (mock) => mock.stop().then(() => "started"),
    (error) => error,
  );
  expect(error).toBeInstanceOf(StartError);
  expect(error.message).not.toContain("\n");
  expect(error.message).toMatch(text);
  expect(error.stack.split("\n")[1]).toContain("start.test.mjs");
}

async function started(options) {
  const mock = await startMock(options);
  onTestFinished(() => mock.stop());
  return mock;
}

/** A program that is called Python. */
function program(text, name = "python3") {
  const folder = mkdtempSync(join(tmpdir(), "programs-"));
  writeFileSync(join(folder, name), `#!/bin/sh\n${text}\n`);
  chmodSync(join(folder, name), 0o755);
  return [folder, join(folder, name)];
}

test("no Python at all", async () => {
  for (const name of ["DOUBLETEXT_PYTHON", "DOUBLETEXT_UVX", "VIRTUAL_ENV"]) vi.stubEnv(name, "");
  vi.stubEnv("PATH", mkdtempSync(join(tmpdir(), "empty-")));
  await refused({}, /^no Python can start the mock \(.*python3: there is no such program; python: there is no such program\)\. Install doubletext into a Python 3.11/);
});

test("a Python that is named and not there", () =>
  refused({ python: "/nowhere/python" }, /^\/nowhere\/python cannot start the mock: there is no such program\. Install/));

test("a virtual environment for its Python", () => {
  const [folder] = program("", "unused");
  mkdirSync(join(folder, "bin"));
  writeFileSync(join(folder, "bin", "python"), "");
  return refused({ python: folder }, /cannot start the mock: it is not a program\. Did you mean \S+\/bin\/python\?/);
});

test("a Python without doubletext", () =>
  refused({ python: program(`exec "$DOUBLETEXT_PYTHON" -I -S "$@"`)[1] }, /python3 cannot start the mock: Python without doubletext\. Install doubletext/));

test("a Python that is too old", () =>
  refused({ python: program(`echo problem python 3.9`)[1] }, /Python 3\.9 is too old, doubletext needs 3\.11 or newer/));

test("a Python that fails", () =>
  refused({ python: program(`echo oh no >&2; exit 1`)[1] }, /^the mock did not start: oh no$/));

test("a Python that says nothing", () =>
  refused({ python: program(`exec sleep 60`)[1], startDeadline: 0.2 }, /did not start within 0.2 seconds/));

test("no uvx", async () => {
  vi.stubEnv("PATH", mkdtempSync(join(tmpdir(), "empty-")));
  await refused({ uvx: "doubletext" }, /^uvx cannot start the mock: there is no such program/);
});

test("uvx with a package", async () => {
  const [folder] = program(`test "$1 $2 $3 $4" = "--quiet --from some.whl python" && shift 4 && exec "$DOUBLETEXT_PYTHON" "$@"`, "uvx");
  vi.stubEnv("PATH", `${folder}:${process.env.PATH}`);
  const mock = await startMock({ uvx: "some.whl" });
  expect(await mock.journal()).toEqual([]);
  await mock.stop();
});

test("a script that is not there", () => refused({ script: "nowhere.yaml" }, /^there is no script nowhere\.yaml\. Check the path, which is relative to \//));

test("a script at a URL", async () => {
  const file = join(mkdtempSync(join(tmpdir(), "scripts-")), "hi.yaml");
  writeFileSync(file, "turns: [{steps: [{say: Hi.}]}]");
  const mock = await started({ script: pathToFileURL(file) });
  expect(await mock.loadScript(pathToFileURL(file))).toMatchObject({ graphs: ["agent"] });
  const asset = new URL("http://localhost:3000/src/hi.yaml");
  await expect(mock.loadScript(asset)).rejects.toThrow("the script http://localhost:3000/src/hi.yaml is not a file. Pass its path");
  await expect(mock.loadScript("hi.yaml")).rejects.toThrow("cannot read the script hi.yaml (ENOENT). Check the path");
  await expect(startMock({ script: asset })).rejects.toThrow("is not a file");
});

test("a script with a mistake", () =>
  refused({ script: "turns: [{steps: [{sai: hi}]}]" }, /^the mock did not start: script:[\d:]+ unknown key `sai`\. Did you mean `say`\?/));

test("a port that is in use", async () => {
  const server = createServer().listen(0, "127.0.0.1");
  await new Promise((done) => server.once("listening", done));
  const { port } = server.address();
  await refused({ port }, new RegExp(`^port ${port} is in use\\. Leave \`port\` out`));
  server.close();
});

test("an option of the mock that is wrong", () => refused({ workers: 0 }, /^the mock did not start: argument --workers/));
test("a defect that is not there", async () => {
  await expect(startMock({ defects: ["ghost_rn"] })).rejects.toThrow("the nearest is `ghost_run`");
});

test("one defect and one fault without a list", async () => {
  const mock = await startMock({ defects: "ghost_run", faults: "cut@2" });
  expect((await mock.defects()).on).toMatchObject([{ name: "ghost_run" }]);
  expect(await mock.faults()).toMatchObject([{ kind: "cut", at: 2 }]);
  await mock.stop();
});

test("an option that is not there", async () => {
  await expect(startMock("http://127.0.0.1:2024")).rejects.toThrow("startMock() takes its options as an object with python, uvx");
  await expect(startMock(null)).rejects.toThrow("and got null");
  await expect(startMock({ strict: "yes" })).rejects.toThrow('startMock(): `strict` is "yes". Give true or false');
  await expect(startMock({ args: "--strict" })).rejects.toThrow("Give an array of texts");
  await expect(startMock({ script: 5 })).rejects.toThrow("takes the text, path, URL or object of a script, and got 5");
  await expect(startMock({ graph: "" })).rejects.toThrow("`graph` is an empty text");
  await expect(startMock({ defects: 5 })).rejects.toThrow('Give names of defects, such as "ghost_run"');
  await expect(startMock({ sript: "x" })).rejects.toThrow("startMock() has no option `sript`. Did you mean `script`?");
});

test("a URL at which nothing answers", () =>
  refused({ url: "http://127.0.0.1:9" }, /^no mock answers at http:\/\/127\.0\.0\.1:9 \(ECONNREFUSED\)\. Start one/));

test.each(["localhost:2024", "https://localhost:2024", "http://"])("%s, which is no address of a mock", (url) =>
  refused({ url }, /is not an http:\/\/ address\. Pass the URL that `doubletext mock` prints/));

test("a URL of something else, and of an older mock", async () => {
  let text = "<html>";
  const server = createServer((_, response) => response.end(text)).listen(0, "127.0.0.1");
  await new Promise((done) => server.once("listening", done));
  const url = `http://127.0.0.1:${server.address().port}`;
  await refused({ url }, /is not a mock of doubletext \(GET \/_mock answers 200\)/);
  text = JSON.stringify({ commands: ["GET /_mock: List"] });
  await refused({ url }, /is too old: it has no GET \/_mock\/openapi\.json, GET \/_mock\/defects and \d+ more\. Update doubletext$/);
  server.close();
});

test("an option that a mock at a URL cannot take", async () => {
  const mock = await started();
  await refused({ url: mock.url, workers: 2 }, /^`workers` is for a mock that this package starts.* or leave `url` out$/);
  vi.stubEnv("DOUBLETEXT_URL", mock.url);
  await refused({ workers: 2 }, /or unset DOUBLETEXT_URL$/);
  const same = await startMock();
  await same.hold("agent:1/enter");
  expect((await mock.held()).closed).toEqual(["agent:1/enter"]);
  await same.stop();
  expect((await mock.held()).closed).toEqual(["agent:1/enter"]);
});

test("the options of the mock", async () => {
  const mock = await started({
    script: { support: "turns: [{steps: [{say: Hi.}]}]", orders: { turns: [{ steps: [{ say: "Yes." }] }] } },
    seed: 7,
    workers: 1,
    strict: true,
    time: "hand",
    defects: ["ghost_run:2"],
    faults: ["delay@1"],
    args: ["--max-body", "1000"],
  });
  const answer = await fetch(`${mock.url}/assistants/search`, { method: "POST", body: "{}", headers: { "X-Mock-Fault": "none" } });
  expect((await answer.json()).map(({ graph_id }) => graph_id).sort()).toEqual(["orders", "support"]);
  expect(await mock.advance(3)).toBe(3);
  await mock.reset();
  expect((await mock.defects()).on).toMatchObject([{ name: "ghost_run" }]);
  expect(await mock.faults()).toMatchObject([{ kind: "delay", at: 1 }]);
});

test("a mock that was stopped", async () => {
  const mock = await startMock();
  await mock.stop();
  await expect(mock.hold("agent:1/enter")).rejects.toThrow(`the mock at ${mock.url} does not answer (ECONNREFUSED). Was it stopped?`);
});

test("no mock is left behind by a test process that is killed, or that forgets it", async () => {
  const code = `import("doubletext-testing").then(({ startMock }) => startMock()).then(({ url }) => console.log(url))`;
  for (const rest of [".then(() => new Promise((done) => setTimeout(done, 60_000)))", ""]) {
    const child = spawn(process.execPath, ["--eval", code + rest], { stdio: ["ignore", "pipe", "inherit"] });
    const url = await new Promise((done) => createInterface({ input: child.stdout }).once("line", done));
    const ended = new Promise((done) => child.once("exit", done));
    if (rest) child.kill("SIGKILL");
    await ended;
    await vi.waitFor(() => expect(fetch(`${url}/ok`)).rejects.toThrow(), { timeout: 4000 });
  }
});
