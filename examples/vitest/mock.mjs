// Starts a mock deployment for tests, and steers it over its control API.
import { spawn } from "node:child_process";
import { createInterface } from "node:readline";

/** Start a mock deployment; it listens when the promise is fulfilled. `python` has doubletext installed. */
export async function startMock({ python = process.env.PYTHON ?? "python3", args = ["--time", "instant"] } = {}) {
  const child = spawn(python, ["-m", "mockserver", "--port", "0", "--log-level", "warning", ...args], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const url = await new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("exit", (code) => reject(new Error(`the mock deployment ended with ${code}`)));
    createInterface({ input: child.stdout }).once("line", (line) => resolve(line.split(" ").at(-1)));
  });

  /** A command of the control API; GET /_mock lists them. */
  async function control(method, path, body) {
    const answer = await fetch(`${url}/_mock${path}`, {
      method,
      headers: { "Content-Type": "application/json" },
      body: body === undefined ? undefined : JSON.stringify(body),
    });
    const told = await answer.json();
    if (!answer.ok) throw new Error(told.detail);
    return told;
  }

  return {
    url,
    control,
    reset: () => control("POST", "/reset"),
    hold: (point) => control("POST", "/holds", { point }),
    release: () => control("DELETE", "/holds"),
    untilHeld: (point) => control("POST", "/wait", { point }),
    untilStatus: (status, thread_id, run_id) => control("POST", "/wait", { status, thread_id, run_id }),
    stop: () => new Promise((resolve) => child.once("exit", resolve) && child.kill("SIGTERM")),
  };
}
