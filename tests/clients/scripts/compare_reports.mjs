// A comparison with a reader's own report: what the page says of it, and whether anything leaves the page.
import { launch } from "./browser.mjs";

const { PAGE, OWN, BROKEN } = process.env;
const browser = await launch();
const page = await browser.newPage();
const found = { errors: [], asked: [], said: [] };
page.on("console", (message) => ["error", "warn"].includes(message.type()) && found.errors.push(message.text()));
page.on("pageerror", (error) => found.errors.push(String(error)));
page.on("request", (request) => request.url() !== PAGE && found.asked.push(request.url()));
await page.goto(PAGE);
const columns = () => [...document.querySelectorAll("#matrix thead th")].map((cell) => cell.textContent);
found.before = await page.evaluate(columns);
const input = await page.$("#file");
for (const file of [BROKEN, OWN]) {
  const before = await page.$eval("#message", (said) => said.textContent);
  await input.uploadFile(file);
  await page.waitForFunction((before) => document.getElementById("message").textContent !== before, { timeout: 20_000 }, before);
  found.said.push(await page.$eval("#message", (said) => said.textContent));
}
found.after = await page.evaluate(columns);
found.verdicts = await page.$$eval("#matrix tr[data-id] td:last-child", (cells) => cells.map((cell) => cell.textContent));
await browser.close();
console.log(JSON.stringify(found));
