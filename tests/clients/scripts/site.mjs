// A page bundled from a script of this folder, served from another origin than the deployment's, in a browser.
import { once } from "node:events";
import { createServer } from "node:http";
import { build } from "esbuild";
import { launch } from "./browser.mjs";

export const DEADLINE = 20_000;

/** A page whose chats are driven through `window.chats`, and show as JSON what they know. */
export async function site(entry, alias = {}) {
  const bundled = await build({
    entryPoints: [entry],
    bundle: true,
    write: false,
    format: "esm",
    jsx: "automatic",
    alias,
    define: { "process.env.NODE_ENV": '"production"', "process.env": "{}" },
    logLevel: "error",
  });
  const html = '<!doctype html><meta charset="utf-8"><div id="root"></div><script type="module" src="/page.js"></script>';
  const server = createServer((request, response) => {
    const script = request.url === "/page.js";
    response.writeHead(200, { "Content-Type": script ? "text/javascript" : "text/html" });
    response.end(script ? bundled.outputFiles[0].text : html);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const origin = `http://127.0.0.1:${server.address().port}`;
  const browser = await launch();

  /** A new page, once its first chat shows this: without more, that it is at rest. */
  async function open(settings, wanted = { loading: false }) {
    const page = await browser.newPage();
    const given = Object.entries(settings).filter(([, value]) => value);
    const query = new URLSearchParams({ deployment: process.env.DEPLOYMENT_URL, ...Object.fromEntries(given) });
    await page.goto(`${origin}/?${query}`);
    await shows(page, "first", wanted);
    return page;
  }

  /** What a chat shows once it shows this; what it shows instead is told when it never does. */
  async function shows(page, chat, wanted) {
    const shown = (chat) => JSON.parse(document.getElementById(chat)?.textContent || "{}");
    const met = `(chat, wanted) => {
      const shown = (${shown})(chat);
      return Object.entries(wanted).every(([key, value]) => shown[key] === value);
    }`;
    // A page in the background is not drawn.
    await page.bringToFront();
    try {
      await page.waitForFunction(`(${met})(${JSON.stringify(chat)}, ${JSON.stringify(wanted)})`, { timeout: DEADLINE });
    } catch (error) {
      const instead = JSON.stringify(await page.evaluate(shown, chat));
      throw new Error(`${chat} never showed ${JSON.stringify(wanted)}, but ${instead}`, { cause: error });
    }
    return page.evaluate(shown, chat);
  }

  async function close() {
    await browser.close();
    server.close();
  }

  return { open, shows, close };
}
