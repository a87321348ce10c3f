// What all scripts share: a client of the SDK under test, a witness, and the report that pytest reads.
import { createServer } from "node:http";
import { once } from "node:events";

const { Client } = await import(process.env.SDK);

export const client = new Client({
  apiUrl: process.env.DEPLOYMENT_URL,
  apiKey: null,
  callerOptions: { maxRetries: 0 },
});

export const asking = (place) => ({ messages: [{ role: "user", content: `what's the weather in ${place}?` }] });

/** Holds steps by not answering them, and lets wait for one that is held. */
export class Witness {
  #held = new Map();
  #waiting = new Map();

  async listen() {
    this.server = createServer(async (request, response) => {
      const chunks = await request.toArray();
      const { label, step, event } = JSON.parse(Buffer.concat(chunks));
      const point = `${label}/${step}/${event}`;
      if (this.#waiting.has(point)) {
        this.#held.set(point, response);
        this.#waiting.get(point)();
      } else {
        response.end();
      }
    });
    this.server.listen(0, "127.0.0.1");
    await once(this.server, "listening");
    this.url = `http://127.0.0.1:${this.server.address().port}`;
    return this;
  }

  /** Hold the step at this point when it comes there; the promise is fulfilled then. */
  hold(point) {
    return new Promise((reached) => this.#waiting.set(point, reached));
  }

  release(point) {
    this.#waiting.delete(point);
    this.#held.get(point)?.end();
  }

  close() {
    this.server.close();
    this.server.closeAllConnections();
  }
}

/** The config of a run that takes no time and, with a witness, is seen by it. */
export const probed = (label, more = {}) => ({ configurable: { probe: { version: 1, label, ...more } } });

export async function all(stream) {
  const found = [];
  for await (const event of stream) found.push(event);
  return found;
}

/** The names of events without repetitions in a row. */
export const names = (events) => events.map((one) => one.event).filter((name, at, list) => name !== list[at - 1]);

export const kinds = (values) => (values.messages ?? []).map((one) => one.type[0].toUpperCase()).join("");

/** What a call was refused with. */
export async function refusal(call) {
  try {
    await call();
  } catch (error) {
    return `${error.status} ${error.message}`;
  }
  return "not refused";
}

/** A command to the mock. */
export async function control(method, path, body) {
  const answer = await fetch(`${process.env.DEPLOYMENT_URL}/_mock/${path}`, {
    method,
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(body),
  });
  if (!answer.ok) throw new Error(await answer.text());
}

export const report = (found) => console.log(JSON.stringify(found));
