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
