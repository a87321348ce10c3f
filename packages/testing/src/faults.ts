import { shown, text } from "./given.js";
import type { Fault, FaultText } from "./types.js";
import { onlyKnown } from "./words.js";

/** A defect that is written as `NAME` or `NAME:TIMES`. */
export function named(text: string): { name: string; times?: number } {
  const [name = "", times] = text.split(":");
  return times === undefined ? { name } : { name, times: Number(times) };
}

const EXAMPLES = { kind: "cut", path: "*/runs", method: "POST" };
const FAULT = ["kind", "at", "path", "method", "chance", "times"];

/** A fault that may be written as `KIND` or `KIND@AT`. Throws TypeError. */
export function faultOf(fault: Fault | FaultText): Fault {
  if (typeof fault !== "string") {
    if (typeof fault !== "object" || fault === null) throw new TypeError(`fault() takes a fault, such as "cut@2" or { kind: "cut", at: 2 }, and got ${shown(fault)}`);
    onlyKnown(fault, FAULT, "fault()");
    for (const name of ["kind", "path", "method"] as const) if (fault[name] !== undefined) text(fault[name], `\`${name}\``, EXAMPLES[name], "fault()");
    if (fault.kind === undefined) throw new TypeError('fault() needs `kind`, such as { kind: "cut", at: 2 }');
    return fault;
  }
  const [kind, after] = fault.split("@") as [Fault["kind"], string | undefined];
  if (after === "" || Number.isNaN(Number(after ?? 0))) {
    throw new TypeError(`${JSON.stringify(fault)} is not a fault. Write KIND or KIND@AT with a number, such as "cut@2"`);
  }
  return after === undefined ? { kind } : { kind, at: Number(after) };
}
