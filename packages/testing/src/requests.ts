import type { JournalEntry } from "./types.js";

/** A request as a line for people. */
export function lineOf(entry: JournalEntry): string {
  const details = [entry.protocol, entry.strategy].filter(Boolean).map((one) => ` ${one}`);
  const waiting = entry.status === null && !entry.cut ? "no response yet" : "disconnected before a response";
  const query = new URLSearchParams(entry.query).toString();
  const path = query ? `${entry.path}?${query}` : entry.path;
  const status = entry.refused ?? entry.status ?? waiting;
  const reason = entry.reason ? `: ${entry.reason}` : "";
  return `  ${entry.number} ${entry.method} ${path}${details.join("")} -> ${status}${reason}${entry.cut ? ", then disconnected" : ""}`;
}

const ENTRY = ["strategy", "status", "thread_id", "run_id", "busy", "query", "body", "protocol", "cut"] as const;

/** The value of a request that a name of `having` compares. */
export function valueOf(entry: JournalEntry, name: string): unknown {
  if ((ENTRY as readonly string[]).includes(name)) return entry[name as (typeof ENTRY)[number]] ?? null;
  const { body } = entry;
  return typeof body === "object" && body !== null ? ((body as Record<string, unknown>)[name] ?? null) : null;
}

/** A pattern with `*` and `?` as a regular expression. */
export function pattern(text: string): RegExp {
  const escaped = text.replace(/[.+^${}()|[\]\\]/g, "\\$&");
  return new RegExp(`^${escaped.replace(/\*/g, ".*").replace(/\?/g, ".")}$`, "s");
}
