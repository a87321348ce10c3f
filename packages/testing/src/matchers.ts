import { json } from "./given.js";

/** A value of `having` that stands for several. The mock compares it. */
export type Matcher = { readonly $including: unknown } | { readonly $any: true };

/**
 * Matches everything that includes a part, at any depth: objects with its fields among others, lists with its items, and
 * texts with it inside. Throws TypeError for what is not JSON.
 */
export function including(part: unknown): Matcher {
  if (part instanceof RegExp) throw new TypeError("including() takes a part of a text, and no regular expression, such as including(\"weather\")");
  if (part === undefined) throw new TypeError('including() takes a part, such as including({ role: "user" }), and got undefined. ANY matches anything');
  json(part, "including(part)");
  return { $including: part };
}

/** Matches anything. */
export const ANY: Matcher = { $any: true };
