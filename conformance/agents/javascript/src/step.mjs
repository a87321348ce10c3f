/**
 * One step of a run: its reports, its holds, and what it does when it is cancelled.
 *
 * Nothing stops a JavaScript function from outside. A server cancels a run by its abort signal, and goes on without
 * waiting for the node, or not. So a step listens to the signal wherever it waits, and decides as the probe says.
 */

import { setTimeout as sleep } from "node:timers/promises";

import { interrupt, isGraphInterrupt } from "@langchain/langgraph";

import { tell } from "./witness.mjs";

/** The failure that a probe asks for with `fail`. */
export class ProbeError extends Error {
  name = "ProbeError";
}

/** One visit of one node in one run; `name` is `NODE:VISIT`, and `probe` is null in a run for people. */
export class Step {
  #name;
  #probe;
  #runId;
  #signal;
  #onCancel;
  #noticed = false;
  #obeys = false;

  constructor(name, probe, runId, signal) {
    this.#name = name;
    this.#probe = probe;
    this.#runId = runId;
    this.#signal = signal;
    this.#onCancel = probe?.on_cancel ?? "stop";
  }

  /** What the step appends to the `steps` channel when it finishes. */
  get entry() {
    return `${this.#probe?.label ?? "run"}/${this.#name}`;
  }

  /**
   * Play the step: report, hold, fail or park as the probe says, and do `work`, the node's own part.
   *
   * Returns what `work` returns. Throws what it throws, `ProbeError` where the probe asks for a failure,
   * `GraphInterrupt` where it asks for a pause, the signal's reason if the step was cancelled and obeys.
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
    if (this.#onCancel !== "swallow") this.#signal?.throwIfAborted();
    if (outcome !== "returned") throw error;
    return result;
  }

  /** Report that the work has come to `event`, and stay there for as long as the step is held. */
  async reach(event) {
    await this.#unlessCancelled((signal) => this.#report(event, { signal }));
  }

  /** Take so long in a run for people; nothing takes time in a run with a probe. */
  async take(seconds) {
    if (this.#probe === null) await this.#unlessCancelled((signal) => sleep(1000 * seconds, undefined, { signal }));
  }

  /** Let so much time pass, or until the signal; apart, so that a test can do it in none. */
  static async nap(seconds, signal) {
    await sleep(1000 * seconds, undefined, { signal });
  }

  async #body(work) {
    if (this.#probe !== null) {
      // A step that begins cancelled tells of its beginning all the same.
      await (this.#signal?.aborted ? this.#report("enter") : this.reach("enter"));
      await this.#heed();
      if (this.#probe.fail.includes(this.#name)) throw new ProbeError(`probe failure at ${this.#name}`);
      if (this.#probe.interrupt.includes(this.#name)) interrupt({ question: "Go on?", step: this.#name });
    }
    const result = await work();
    await this.#heed();
    return result;
  }

  /** Wait for what `begin` begins; a cancellation cuts the wait short, and `begin`'s signal says so. */
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

  /** If the run was cancelled, report that, once, and throw unless the step is to swallow it. */
  async #heed() {
    if (!this.#signal?.aborted || this.#noticed) return;
    this.#noticed = true;
    await this.#report("cancelled");
    this.#obeys = this.#onCancel !== "swallow";
    if (this.#obeys) this.#signal.throwIfAborted();
  }

  /** Return when the witness has answered, after the time that stands for an absent witness, or at the signal. */
  async #report(event, { outcome, signal } = {}) {
    const probe = this.#probe;
    if (probe === null) return;
    if (probe.witness !== null) {
      const { version, label } = probe;
      const report = { version, label, run_id: this.#runId, step: this.#name, event, outcome };
      if (await tell(probe.witness, report, signal)) return;
    }
    const stubborn = event === "cancelled" && probe.on_cancel !== "stop";
    await Step.nap(probe.hold[`${this.#name}/${event}`] ?? (stubborn ? probe.linger : 0), signal);
  }
}

/** Resolves when `signal`, which is not yet aborted, is; once `over` is, nothing listens any more. */
function aborted(signal, over) {
  return new Promise((resolve) => {
    signal.addEventListener("abort", resolve, { once: true, signal: over });
  });
}
