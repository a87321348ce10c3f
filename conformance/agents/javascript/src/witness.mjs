/** Reports to the witness. */

import http from "node:http";
import https from "node:https";

const CONNECT_SECONDS = 2;

/**
 * Post a report and wait, for as long as it takes, until the witness answers.
 *
 * True for a 2xx answer; false if the witness cannot be reached within 2 s, breaks the connection off or answers
 * anything else, or once `signal` is aborted. Every report opens a connection: one that was kept may be closed by the
 * witness just when a report is written to it, and that report would be lost.
 */
export function tell(url, report, signal) {
  return new Promise((resolve) => {
    const request = begin(url, signal);
    if (request === null) {
      resolve(false);
      return;
    }
    const impatience = setTimeout(() => request.destroy(), 1000 * CONNECT_SECONDS);
    request.once("socket", (socket) => socket.once("connect", () => clearTimeout(impatience)));
    request.once("response", (response) => {
      resolve(response.statusCode >= 200 && response.statusCode < 300);
      response.resume();
    });
    // Whatever goes wrong ends in `close`; an error that nobody listens to would end the process.
    request.on("error", () => {});
    request.once("close", () => {
      clearTimeout(impatience);
      resolve(false);
    });
    request.end(JSON.stringify(report));
  });
}

/** A request to the witness that is yet to be sent, null for what is no URL. */
function begin(url, signal) {
  const headers = { "content-type": "application/json" };
  try {
    const { protocol } = new URL(url);
    // Node's own client, because `fetch` gives up after five minutes without an answer.
    return (protocol === "https:" ? https : http).request(url, { method: "POST", agent: false, headers, signal });
  } catch {
    return null;
  }
}
