// Reads a page as a person does: at three sizes, in light and dark, with the keyboard, with and without script.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { launch } from "./browser.mjs";

const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const SIZES = { phone: [390, 844], tablet: [820, 1180], desktop: [1440, 900] };
const { PAGE, SHOTS } = process.env;
const browser = await launch();
const found = { errors: [], problems: {}, wider: {} };

async function open({ size = "desktop", scheme = "light", script = true, hash = "" } = {}) {
  const page = await browser.newPage();
  page.on("console", (message) => ["error", "warn"].includes(message.type()) && found.errors.push(message.text()));
  page.on("pageerror", (error) => found.errors.push(String(error)));
  page.on("request", (request) => {
    if (!request.url().startsWith("file:")) found.errors.push(`asks for ${request.url()}`);
  });
  const [width, height] = SIZES[size];
  await page.setViewport({ width, height, isMobile: size === "phone", hasTouch: size === "phone" });
  await page.emulateMediaFeatures([{ name: "prefers-color-scheme", value: scheme }]);
  await page.setJavaScriptEnabled(script);
  const began = performance.now();
  await page.goto(PAGE + hash);
  return { page, took: performance.now() - began };
}

const shot = (page, name) => SHOTS && page.screenshot({ path: `${SHOTS}/${name}.png` });

/** What axe has to say, of the page with its first failure opened. */
async function examine(page) {
  await page.evaluate(axe);
  const result = await page.evaluate(() =>
    window.axe.run(document, { runOnly: ["wcag2a", "wcag2aa", "wcag21aa", "best-practice"] }));
  return result.violations.map(({ id, nodes }) => `${id}: ${nodes.slice(0, 3).map((node) => node.html.slice(0, 160)).join(" | ")}`);
}

const first = () => document.querySelector(".finding a")?.getAttribute("href") ?? "";

for (const size of Object.keys(SIZES)) {
  for (const scheme of ["light", "dark"]) {
    const { page } = await open({ size, scheme });
    await shot(page, `${size}-${scheme}`);
    const hash = await page.evaluate(first);
    if (hash) {
      await page.click(".finding a");
      await page.evaluate((hash) => document.querySelector(hash).closest(".scene").scrollIntoView(), hash);
      await shot(page, `${size}-${scheme}-moment`);
    }
    if (size !== "tablet") found.problems[`${size} ${scheme}`] = await examine(page);
    found.wider[`${size} ${scheme}`] = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
    await page.close();
  }
}

/** Whether the moment that the first failure points to can be read once its link was followed. */
const shown = () => {
  const moment = document.getElementById(location.hash.slice(1));
  return Boolean(moment) && moment.checkVisibility({ contentVisibilityAuto: true }) && moment.getBoundingClientRect().height > 0;
};

const { page, took } = await open();
found.took = took;
await page.keyboard.press("Tab");
found.skips = await page.evaluate(() => document.activeElement.className === "skip");
await page.keyboard.press("/");
found.searches = await page.evaluate(() => document.activeElement.id === "search");
const entries = () => [...document.querySelectorAll(".entry")].filter((entry) => !entry.hidden).map((entry) => entry.id);
const all = (await page.evaluate(entries)).length;
await page.keyboard.type("INT-07");
found.filtered = await page.evaluate(entries);
found.told = await page.$eval("#found", (element) => element.textContent);
for (let i = 0; i < 6; i++) await page.keyboard.press("Backspace");
found.unfiltered = (await page.evaluate(entries)).length === all;
if (found.filtered.length) {
  await page.focus(`#${found.filtered[0]} > summary`);
  await page.keyboard.press("Enter");
  found.opened = await page.$eval(`#${found.filtered[0]}`, (entry) => entry.open);
}
const link = await page.$(".finding a");
if (link) {
  await link.focus();
  await page.keyboard.press("Enter");
  await page.waitForFunction(shown, { timeout: 20_000 });
  found.follows = true;
}
await page.close();

const plain = await open({ script: false });
const hash = await plain.page.evaluate(first);
if (hash) {
  await plain.page.click(".finding a");
  await plain.page.waitForFunction(shown, { timeout: 20_000 });
  found.followsWithoutScript = true;
}
found.formWithoutScript = await plain.page.$eval("#filter", (form) => form.checkVisibility());
await browser.close();
console.log(JSON.stringify(found));
