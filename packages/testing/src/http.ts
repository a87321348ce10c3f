import { request } from "node:http";

export interface Answer {
  status: number;
  text: string;
}

/**
 * Send a request and return the answer.
 *
 * `node:http` and not `fetch`: a test environment may replace `fetch` by one that behaves like a browser's, and the
 * control API does not answer to browsers. A connection of its own, because a restart of the mock cuts all others.
 */
export function send(method: string, url: string, body?: unknown): Promise<Answer> {
  const text = body === undefined ? undefined : JSON.stringify(body);
  const headers = text === undefined ? {} : { "Content-Type": "application/json", "Content-Length": Buffer.byteLength(text) };
  return new Promise((resolve, reject) => {
    const sent = request(url, { method, headers, agent: false }, (response) => {
      const parts: Buffer[] = [];
      response.on("data", (part: Buffer) => parts.push(part));
      response.once("end", () => resolve({ status: response.statusCode ?? 0, text: Buffer.concat(parts).toString() }));
      response.once("error", reject);
    });
    sent.once("error", reject);
    sent.end(text);
  });
}
