// A page against the mock of its worker: both tests run at the same time, and neither sees the other's requests.
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { dirname, join } from "node:path";
import { expect, test as base } from "doubletext-testing/playwright";

const PAGE = `
<button>Ask</button><output></output>
<script>
  const at = "http://localhost:2024";
  const send = (path, body) =>
    fetch(at + path, { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) });
  document.querySelector("button").onclick = async () => {
    const { thread_id } = await (await send("/threads", {})).json();
    const input = { messages: "what's the weather in sf?" };
    const answer = await send("/threads/" + thread_id + "/runs/stream", { assistant_id: "agent", input, stream_mode: "values" });
    const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
    for (let part; !(part = await reader.read()).done; ) {
      document.querySelector("output").textContent += part.value.match(/^event: .*/gm)?.join() ?? "";
    }
    document.querySelector("output").textContent += "event: end";
  };
</script>`;

const test = base.extend({
  app: [
    async ({}, use) => {
      const server = createServer((request, response) => {
        response.writeHead(request.url === "/" ? 200 : 404, { "Content-Type": "text/html" }).end(PAGE);
      });
      await new Promise((done) => server.listen(0, "127.0.0.1", done));
      await use(`http://127.0.0.1:${server.address().port}`);
      server.close();
    },
    { scope: "worker" },
  ],
});

for (const [name, other] of [["one", "two"], ["two", "one"]]) {
  test(`a stream reaches page ${name} piece by piece`, async ({ app, page, mock }, testInfo) => {
    expect(await mock.journal()).toEqual([]);
    await mock.hold("tools:1/enter");
    await page.goto(app);
    await page.getByRole("button").click();
    await mock.waitUntilHeld("tools:1/enter");
    await expect(page.locator("output")).toContainText("event: metadata");
    await expect(page.locator("output")).not.toContainText("event: end");
    // The test waits here for the other one, so both have a run that is held.
    const reached = (test) => join(dirname(testInfo.outputDir), `reached-${test}`);
    mkdirSync(dirname(testInfo.outputDir), { recursive: true });
    writeFileSync(reached(name), mock.url);
    await expect.poll(() => existsSync(reached(other)), { timeout: 20_000 }).toBe(true);
    await mock.release();
    const { thread_id: thread } = await mock.assertRequested("POST", "*/runs/stream", { times: 1 });
    await mock.waitForStatus("idle", thread);
    await expect(page.locator("output")).toContainText("event: end");
    await mock.assertRequested("POST", "/threads", { times: 1 });
  });
}

test.describe("an application that is built for another address", () => {
  test.use({ mockAt: "http://api.test/v1/" });

  test("reaches the mock there", async ({ app, page, mock }) => {
    await page.goto(app);
    expect(await page.evaluate(async () => (await fetch("http://api.test/v1/ok?x=1")).json())).toMatchObject({ ok: true });
    expect(await page.evaluate(() => fetch("/v1/ok").then(({ status }) => status))).toBe(404);
    await mock.assertRequested("*", "*", { times: 1, having: { query: { x: "1" } } });
  });
});
