import type { Fault, FaultText } from "./types.js";
import { onlyKnown } from "./words.js";

/** A defect that is written as `NAME` or `NAME:TIMES`. */
export function named(text: string): { name: string; times?: number } {
  const [name = "", times] = text.split(":");
  return times === undefined ? { name } : { name, times: Number(times) };
}

const FAULT = ["kind", "at", "path", "method", "chance", "times"];

/** A fault that may be written as `KIND` or `KIND@AT`. Throws TypeError. */
export function faultOf(fault: Fault | FaultText): Fault {
  if (typeof fault !== "string") {
    onlyKnown(fault, FAULT, "fault()");
    return fault;
  }
  const [kind, after] = fault.split("@") as [Fault["kind"], string | undefined];
  if (after === "" || Number.isNaN(Number(after ?? 0))) {
    throw new TypeError(`${JSON.stringify(fault)} is not a fault. Write KIND or KIND@AT with a number, such as "cut@2"`);
  }
  return after === undefined ? { kind } : { kind, at: Number(after) };
}
