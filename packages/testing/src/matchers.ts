/** A value of `having` that stands for several. The mock compares it. */
export type Matcher = { readonly $including: unknown } | { readonly $any: true };

/**
 * Matches everything that includes a part, at any depth: objects with its fields among others, lists with its items, and
 * texts with it inside.
 */
export function including(part: unknown): Matcher {
  return { $including: part };
}

/** Matches anything. */
export const ANY: Matcher = { $any: true };
