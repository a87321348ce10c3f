/**
 * One step of a run: its reports, its holds, and its reaction to a cancellation.
 *
 * Theory of operation: nothing stops a JavaScript function from outside. A server cancels a run through its abort
 * signal, and may or may not wait for the node after that. So a step listens to the signal wherever it waits, and then
 * reacts as the probe's `on_cancel` states:
 *
 * - `stop` and `linger`: report `cancelled`, report `exit`, and throw the signal's reason. The two differ in how long
 *   `cancelled` takes: its answer comes at once, or when the witness releases the run.
 * - `swallow`: report `cancelled` and continue after the wait that the signal cut short.
 *
 * The signal is aborted once and stays so. `#noticed` records that the step has reacted.
 */

import { setTimeout as sleep } from "node:timers/promises";

import { interrupt, isGraphInterrupt } from "@langchain/langgraph";

import { shownConfigurable } from "./probe.mjs";
import { sendReport } from "./witness.mjs";

/** The failure of a step that is listed in the probe's `fail`. */
export class ProbeError extends Error {
  name = "ProbeError";
}

/** One visit of one node in one run. `name` is `NODE:VISIT`. `probe` is null in a run without a probe. */
export class Step {
  #name;
  #probe;
  #runId;
  #signal;
  #onCancel;
  #configurable;
  #answers = [];
  #noticed = false;
  #obeys = false;

  constructor(name, probe, runId, signal, configurable = {}) {
    this.#name = name;
    this.#probe = probe;
    this.#runId = runId;
    this.#signal = signal;
    this.#configurable = shownConfigurable(configurable);
    this.#onCancel = probe?.on_cancel ?? "stop";
  }

  /** The entry that the step appends to the `steps` channel when it finishes. */
  get entry() {
    return `${this.#probe?.label ?? "run"}/${this.#name}`;
  }

  /**
   * Execute the step: report, hold, fail or park as the probe states, and do `work`, the node's own part.
   *
   * Returns the value of `work`. Throws the errors of `work`, `ProbeError` if the step is listed in `fail`,
   * `GraphInterrupt` if it is listed in `interrupt`, and the signal's reason if it was cancelled and does not swallow.
   */
  async play(work) {
    let result;
    let error;
    let outcome = "returned";
    try {
      result = await this.#body(work);
    } catch (thrown) {
      error = thrown;
      outcome = this.#obeys ? "cancelled" : isGraphInterrupt(thrown) ? "interrupted" : "raised";
    }
    await this.#report("exit", { outcome });
    // A step that has sent `exit` is over: a cancellation meanwhile is not reported, but takes effect here.
    if (this.#onCancel !== "swallow") this.#signal?.throwIfAborted();
    if (outcome !== "returned") throw error;
    return result;
  }

  /** Report `event`, and wait as long as the step is held there. */
  async reach(event) {
    await this.#unlessCancelled((signal) => this.#report(event, { signal }));
  }

  /** Sleep in a run without a probe. In a run with a probe nothing takes time. */
  async take(seconds) {
    if (this.#probe === null) await this.#unlessCancelled((signal) => sleep(1000 * seconds, undefined, { signal }));
  }

  /** Sleep until `signal` is aborted at the latest. This is a method of its own so that a test can replace it. */
  static async nap(seconds, signal) {
    await sleep(1000 * seconds, undefined, { signal });
  }

  async #body(work) {
    if (this.#probe !== null) {
      // A step that is already cancelled when it begins reports `enter`, too: `cancelled` must not be its first report.
      await (this.#signal?.aborted ? this.#report("enter") : this.reach("enter"));
      await this.#heed();
      if (this.#probe.fail.includes(this.#name)) throw new ProbeError(`probe failure at ${this.#name}`);
      if (this.#probe.interrupt.includes(this.#name)) {
        this.#answers.push(interrupt({ question: "Go on?", step: this.#name }));
      }
    }
    const result = await work();
    await this.#heed();
    return result;
  }

  /** Wait for the promise of `begin`. A cancellation of the run ends the wait and aborts the signal passed to `begin`. */
  async #unlessCancelled(begin) {
    await this.#heed();
    const over = new AbortController();
    const ends = [begin(over.signal)];
    if (this.#signal !== undefined && !this.#noticed) ends.push(aborted(this.#signal, over.signal));
    try {
      await Promise.race(ends);
    } finally {
      over.abort();
    }
    await this.#heed();
  }

  /** Report a cancellation of the run, once, and throw unless the step swallows it. */
  async #heed() {
    if (!this.#signal?.aborted || this.#noticed) return;
    this.#noticed = true;
    await this.#report("cancelled");
    this.#obeys = this.#onCancel !== "swallow";
    if (this.#obeys) this.#signal.throwIfAborted();
  }

  /** Report to the witness and wait for its answer. Without a witness, sleep as long as the probe states. */
  async #report(event, { outcome, signal } = {}) {
    const probe = this.#probe;
    if (probe === null) return;
    if (probe.witness !== null) {
      const { version, label } = probe;
      const report = { version, label, run_id: this.#runId, step: this.#name, event, outcome };
      if (probe.show && event === "enter") report.configurable = this.#configurable;
      if (probe.show && event === "exit" && this.#answers.length > 0) report.resume = this.#answers.at(-1);
      if (await sendReport(probe.witness, report, signal)) return;
    }
    const stubborn = event === "cancelled" && probe.on_cancel !== "stop";
    await Step.nap(probe.hold[`${this.#name}/${event}`] ?? (stubborn ? probe.linger : 0), signal);
  }
}

/** Resolve when `signal` is aborted, which it is not yet. The listener is removed when `over` is aborted. */
function aborted(signal, over) {
  return new Promise((resolve) => {
    signal.addEventListener("abort", resolve, { once: true, signal: over });
  });
}
