/** Reports to the witness. */

import http from "node:http";
import https from "node:https";

// From the contract. Only the connection has a limit: the witness holds a run by not answering.
const CONNECT_SECONDS = 2;

/**
 * Send a report and wait without a limit until the witness answers.
 *
 * Returns true for a 2xx answer. Returns false for any other answer, a broken connection, a witness that cannot be
 * reached within 2 s, and an aborted `signal`. Every report has a connection of its own: the witness may close a kept
 * connection at the very moment at which a report is written to it, and that report would be lost.
 */
export function sendReport(url, report, signal) {
  return new Promise((resolve) => {
    const request = begin(url, signal);
    if (request === null) {
      resolve(false);
      return;
    }
    const connecting = setTimeout(() => request.destroy(), 1000 * CONNECT_SECONDS);
    request.once("socket", (socket) => socket.once("connect", () => clearTimeout(connecting)));
    request.once("response", (response) => {
      resolve(response.statusCode >= 200 && response.statusCode < 300);
      // The body is discarded, because a response that nothing reads keeps its socket open.
      response.resume();
    });
    // Every failure ends in `close`. An error without a listener would end the process.
    request.on("error", () => {});
    request.once("close", () => {
      clearTimeout(connecting);
      resolve(false);
    });
    request.end(JSON.stringify(report));
  });
}

/** Return a request to the witness that is not sent yet, or null if `url` is not a URL. */
function begin(url, signal) {
  const headers = { "content-type": "application/json" };
  try {
    const { protocol } = new URL(url);
    // Node's own client, because `fetch` times out after five minutes without an answer.
    return (protocol === "https:" ? https : http).request(url, { method: "POST", agent: false, headers, signal });
  } catch {
    return null;
  }
}
