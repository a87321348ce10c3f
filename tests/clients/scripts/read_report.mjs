// Reads a page as a person does: at three sizes, in light and dark, with the keyboard, with and without script.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { launch } from "./browser.mjs";

const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const SIZES = { phone: [390, 844], tablet: [820, 1180], desktop: [1440, 900] };
const { PAGE, SHOTS } = process.env;
const browser = await launch();
const found = { errors: [], problems: {}, wider: {}, clicked: {}, linked: {} };

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

/** Whether a page shows the mark of the moment in its address: in the picture, highlighted, and inside the window. */
const marked = () => {
  const marks = [...document.querySelectorAll(".picture .sought")].filter((mark) => mark.checkVisibility());
  const inside = ({ left, right, top, bottom }) => left >= 0 && top >= 0 && right <= innerWidth && bottom <= innerHeight;
  return marks.some((mark) => mark.getAttribute("href") === location.hash && inside(mark.querySelector("text").getBoundingClientRect()));
};

const reach = (page) => page.waitForFunction(marked, { timeout: 20_000 }).then(() => true, () => false);

for (const size of Object.keys(SIZES)) {
  for (const scheme of ["light", "dark"]) {
    const name = `${size} ${scheme}`;
    const { page } = await open({ size, scheme });
    await shot(page, `${size}-${scheme}`);
    const hash = await page.evaluate(first);
    if (hash) {
      await page.click(".finding a");
      found.clicked[name] = await reach(page);
      // Once more from the finding, which changes no address.
      await page.evaluate(() => scrollTo(0, 0));
      await page.click(".finding a");
      found.clicked[name] &&= await reach(page);
      await shot(page, `${size}-${scheme}-moment`);
      const linked = await open({ size, scheme, hash });
      found.linked[name] = await reach(linked.page);
      await linked.page.close();
    }
    found.wider[name] = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
    if (size !== "tablet") found.problems[name] = await examine(page);
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
  const pictured = () => {
    const entry = document.getElementById(location.hash.slice(1)).closest(".entry");
    return entry.querySelector("summary").getBoundingClientRect().top < innerHeight && Boolean(entry.querySelector(".picture svg"));
  };
  await plain.page.waitForFunction(pictured, { timeout: 20_000 });
  found.followsWithoutScript = true;
}
found.formWithoutScript = await plain.page.$eval("#filter", (form) => form.checkVisibility());
await browser.close();
console.log(JSON.stringify(found));
