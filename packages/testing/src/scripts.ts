import { existsSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

import { MockError } from "./errors.js";
import { isPlain, json, shown } from "./given.js";
import type { Script, Scripts } from "./types.js";

/** True for the text of a script, in contrast to the path of its file. */
export function isText(script: string): boolean {
  return script.includes("\n") || (!/\.(ya?ml|json)$/.test(script) && !existsSync(script));
}

/** The path of a `file:` URL. Throws `MockError` for another one. */
export function pathOf(url: URL): string {
  if (url.protocol === "file:") return fileURLToPath(url.href);
  // Vite rewrites `new URL("./x.yaml", import.meta.url)` for pages, also in jsdom.
  throw new MockError(`the script ${url.href} is not a file. Pass its path instead, which is relative to ${process.cwd()}`);
}

function scriptOf(given: Script): unknown {
  const script = given instanceof URL ? pathOf(given) : given;
  if (typeof script !== "string" || isText(script)) return script;
  try {
    return readFileSync(script, "utf8");
  } catch (error) {
    throw new MockError(`cannot read the script ${script} (${(error as NodeJS.ErrnoException).code}). Check the path, which is relative to ${process.cwd()}`);
  }
}

/** The scripts as the control API takes them. Throws `MockError` and TypeError. */
export function scriptsOf(scripts: Scripts): unknown {
  checkScripts(scripts, "loadScript()");
  if (typeof scripts === "string" || scripts instanceof URL || Array.isArray(scripts.turns)) return scriptOf(scripts as Script);
  return Object.fromEntries(Object.entries(scripts as Record<string, Script>).map(([name, one]) => [name, scriptOf(one)]));
}

const IN_SCRIPT = {
  is: "a script has values of JSON only",
  instead: "Write a text, a number, a list or an object. A regular expression is a text in `matches`",
  optional: true,
};

/** Require the form of a script or of several. Throws TypeError. */
export function checkScripts(scripts: unknown, where: string): void {
  if (typeof scripts !== "string" && (typeof scripts !== "object" || scripts === null || Array.isArray(scripts))) {
    const remedy = Array.isArray(scripts) ? ". An object has its turns: { turns: [{ steps: [...] }] }" : "";
    throw new TypeError(`${where} takes the text, path, URL or object of a script, and got ${shown(scripts)}${remedy}`);
  }
  if (typeof scripts === "string" || scripts instanceof URL) return;
  if (scripts instanceof Promise) throw new TypeError(`${where} takes a script, and got a Promise. Write \`await\` in front of it`);
  if (!isPlain(scripts)) throw new TypeError(`${where} takes the text, path, URL or object of a script, and got ${shown(scripts)}`);
  for (const [key, one] of Object.entries(scripts)) {
    // Of several scripts, each may be a path, a URL or an object.
    if (!(one instanceof URL)) json(one, key, IN_SCRIPT);
  }
}
