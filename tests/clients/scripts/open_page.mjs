// How long a page takes to open, three times: milliseconds until all of it is there.
import { launch } from "./browser.mjs";

const browser = await launch();
const found = { took: [], scenarios: 0 };
for (let i = 0; i < 3; i++) {
  const page = await browser.newPage();
  await page.setViewport({ width: 1440, height: 900 });
  await page.goto(process.env.PAGE);
  found.took.push(await page.evaluate(() => performance.getEntriesByType("navigation")[0].loadEventEnd));
  found.scenarios = await page.$$eval(".scene", (scenes) => scenes.length);
  await page.close();
}
await browser.close();
console.log(JSON.stringify(found));
