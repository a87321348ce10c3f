import { advice } from "./words.js";

/** Require a text in JavaScript's words, before the control API refuses it in those of JSON. Returns it. Throws TypeError. */
export function text(given: unknown, what: string, example: string, where: string): string {
  if (typeof given === "string") return given;
  if (given instanceof RegExp) throw new TypeError(`${where} takes ${what} as a text with \`*\`, not as a regular expression: ${JSON.stringify(example)}`);
  const id = typeof given === "object" && given !== null ? Object.keys(given).find((key) => key === `${what.split(" ").at(-1)}_id`) : undefined;
  if (given instanceof Promise) throw new TypeError(`${where} takes ${what} as a text, and got a Promise. Write \`await\` in front of it`);
  const remedy = id !== undefined ? `, its field \`${id}\`` : example ? `, such as ${JSON.stringify(example)}` : "";
  throw new TypeError(`${where} takes ${what} as a text${remedy}, and got ${shown(given)}`);
}

/** What a value is for: the end of the sentence that refuses it, and what to give instead. */
interface Use {
  is: string;
  instead: string;
  /** True if a key may be undefined, which JSON leaves out. */
  optional?: boolean;
}

const COMPARED: Use = {
  is: "is compared with the JSON of the request",
  instead: "Give a value of JSON, including(...) or ANY, or compare what journal() returns",
};

/** Require what JSON can carry. A function or a regular expression would be lost on the way, and the assertion be about nothing. */
export function json(given: unknown, path: string, use: Use = COMPARED): void {
  if (given === null || ["string", "boolean"].includes(typeof given) || (typeof given === "number" && Number.isFinite(given))) return;
  if (typeof given === "object" && (Array.isArray(given) || isPlain(given))) {
    for (const [key, one] of Object.entries(given)) json(one, `${path}.${key}`, use);
    return;
  }
  if (given === undefined && use.optional) return;
  const remedy = given === undefined ? "Leave it out, or give null" : use.instead;
  throw new TypeError(`\`${path}\` is ${shown(given)}, and ${use.is}. ${remedy}`);
}

/** Requests are matched by these options and no others, because a misplaced value would match everything. */
export function misplaced(options: object, known: readonly string[], where: string): void {
  // What is no object at all is refused with the names of the options.
  const keys = typeof options === "object" && options !== null && !Array.isArray(options) ? Object.keys(options) : [];
  const wrong = keys.find((key) => !known.includes(key));
  if (wrong !== undefined) {
    throw new TypeError(`${where} has no option \`${wrong}\`. ${advice(wrong, known)}. The values of a request are in \`having\`: { having: { ${wrong}: ... } }`);
  }
}

export function isPlain(given: object): boolean {
  // By its shape, because a test environment has another Object.prototype.
  const prototype: unknown = Object.getPrototypeOf(given);
  return prototype === null || Object.getPrototypeOf(prototype) === null;
}

/** What a value is, for a message. `JSON.stringify` shows a function as nothing, and a promise as `{}`. */
export function shown(given: unknown): string {
  if (typeof given === "function") return "a function";
  if (typeof given === "object" && given !== null && !Array.isArray(given) && !isPlain(given)) return `${/^[AEIOU]/.test(given.constructor.name) ? "an" : "a"} ${given.constructor.name}`;
  return JSON.stringify(given) ?? String(given);
}

/** Require what can be a request. Throws TypeError. */
export function requested(method: unknown, path: unknown, having: unknown, where: string): void {
  text(method, "the method", "POST", where);
  text(path, "the path", "*/runs", where);
  if (having !== undefined) json(having, "having");
}
