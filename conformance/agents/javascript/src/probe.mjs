/**
 * The configuration of one run in `config.configurable.probe`, or in its context: a parser for the contract's table.
 *
 * Every key is checked, although the suite only sends valid probes. A server that changes a run's config on the way
 * would otherwise show as a verdict about double texting.
 */

const LABEL = /^[A-Za-z0-9_-]{1,32}$/;
const STEP = /^(agent|tools|search|quote|audit):[1-9][0-9]*$/;
const POINT = /^(agent|tools|search|quote|audit):[1-9][0-9]*\/(enter|token|cancelled|exit)$/;
const LONGEST_HOLD = 600;

/** An error in the probe of a run. The text names the key. */
export class ProbeConfigError extends Error {
  name = "ProbeConfigError";
}

/** The parser and the default of each key. A key without a default is required. */
const KEYS = {
  version: { read: oneOf(1, 2, 3, 4) },
  label: { read: matching(LABEL) },
  witness: { read: textOrNull, otherwise: null },
  hold: { read: holds, otherwise: {} },
  fail: { read: steps, otherwise: [] },
  interrupt: { read: steps, otherwise: [] },
  on_cancel: { read: oneOf("stop", "linger", "swallow"), otherwise: "stop" },
  linger: { read: seconds, otherwise: 0.5 },
  work: { read: oneOf("tools", "subgraph", "parallel"), otherwise: "tools" },
  show: { read: oneOf(true, false), otherwise: false },
};

/**
 * Return the probe of a run, or null for a run without one.
 *
 * Throws `ProbeConfigError` for a missing or unknown key and for a wrong type or value.
 */
export function readProbe(configurable) {
  const raw = configurable.probe ?? null;
  if (raw === null) return null;
  object("probe", raw);
  for (const key of Object.keys(raw)) {
    if (!Object.hasOwn(KEYS, key)) throw new ProbeConfigError(`probe.${key}: unknown key`);
  }
  const read = Object.entries(KEYS).map(([key, { read, otherwise }]) => {
    if (Object.hasOwn(raw, key)) return [key, read(`probe.${key}`, raw[key])];
    if (otherwise === undefined) throw new ProbeConfigError(`probe.${key}: missing`);
    return [key, otherwise];
  });
  const probe = Object.fromEntries(read);
  if (probe.version === 1 && probe.work !== "tools") {
    throw new ProbeConfigError(`probe.work: ${probe.work} needs version 2`);
  }
  if (probe.version < 3 && probe.show) throw new ProbeConfigError("probe.show: it needs version 3");
  return probe;
}

/** Return the part of a configurable that the agent shows: what the suite sent, and no secrets. */
export function shownConfigurable(configurable) {
  return Object.fromEntries(Object.entries(configurable).filter(([name]) => name.startsWith("doubletext_")));
}

function oneOf(...values) {
  return (key, value) => {
    if (values.includes(value)) return value;
    throw expected(values.join(" or "), key, value);
  };
}

function textOrNull(key, value) {
  if (value === null || typeof value === "string") return value;
  throw expected("a string", key, value);
}

function holds(key, value) {
  const read = Object.entries(object(key, value)).map(([point, held]) => [
    matching(POINT)(key, point),
    seconds(`${key}.${point}`, held),
  ]);
  return Object.fromEntries(read);
}

function steps(key, value) {
  if (Array.isArray(value)) return value.map((step) => matching(STEP)(key, step));
  throw expected("a list of steps", key, value);
}

function seconds(key, value) {
  if (typeof value === "number" && value >= 0 && value <= LONGEST_HOLD) return value;
  throw expected(`0 to ${LONGEST_HOLD} seconds`, key, value);
}

function object(key, value) {
  if (typeof value === "object" && value !== null && !Array.isArray(value)) return value;
  throw expected("an object", key, value);
}

function matching(pattern) {
  return (key, value) => {
    if (typeof value === "string" && pattern.test(value)) return value;
    throw expected(`a string that matches ${pattern.source}`, key, value);
  };
}

function expected(what, key, value) {
  return new ProbeConfigError(`${key}: expected ${what}, got ${JSON.stringify(value)}`);
}
