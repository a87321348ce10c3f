// The SDK behind langgraph-nextjs-api-passthrough, whose handlers are served as Next.js serves them.
import { createServer } from "node:http";
import { register } from "node:module";
import { Readable } from "node:stream";
import { once } from "node:events";
import { report } from "./play.mjs";

// Next.js bundles its applications. Node itself finds its module only with the ending.
const hook = `export const resolve = (name, context, next) => next(name === "next/server" ? "next/server.js" : name, context);`;
register(`data:text/javascript,${encodeURIComponent(hook)}`);
const { initApiPassthrough } = await import("langgraph-nextjs-api-passthrough");
const { NextRequest } = await import("next/server.js");

const handlers = initApiPassthrough({ apiUrl: process.env.DEPLOYMENT_URL, apiKey: "secret", disableWarningLog: true });
const OF_THE_CONNECTION = ["content-encoding", "content-length", "transfer-encoding", "connection", "keep-alive"];
const server = createServer(async (request, response) => {
  const { method, headers } = request;
  const body = method === "GET" ? undefined : Buffer.concat(await request.toArray());
  const url = `http://127.0.0.1:${server.address().port}${request.url}`;
  const answer = await handlers[method](new NextRequest(url, { method, headers, body }));
  const kept = [...answer.headers].filter(([name]) => !OF_THE_CONNECTION.includes(name));
  response.writeHead(answer.status, Object.fromEntries(kept));
  if (answer.body) Readable.fromWeb(answer.body).pipe(response);
  else response.end();
});
server.listen(0, "127.0.0.1");
await once(server, "listening");

const { Client } = await import(process.env.SDK);
const apiUrl = `http://127.0.0.1:${server.address().port}/api`;
const client = new Client({ apiUrl, apiKey: null, callerOptions: { maxRetries: 0 } });
const found = { events: [] };
const { thread_id: thread } = await client.threads.create();
const input = { messages: [{ role: "user", content: "What does it cost?" }] };
const onRunCreated = ({ run_id }) => (found.created = Boolean(run_id));
const options = { input, streamMode: ["values", "messages-tuple"], streamSubgraphs: true, onRunCreated };
for await (const { event } of client.runs.stream(thread, "coordinator", options)) {
  const name = event.replace(/:.*/, "");
  if (found.events.at(-1) !== name) found.events.push(name);
}
found.next = (await client.threads.getState(thread)).next;
const values = await client.runs.wait(thread, "coordinator", { command: { resume: { type: "approve" } } });
found.last = values.messages.at(-1).content;
found.missing = await client.threads.get(crypto.randomUUID()).catch((error) => error.status);
await client.threads.delete(thread);
server.close();
server.closeAllConnections();
report(found);
