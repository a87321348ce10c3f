// Opens every page of the site at three sizes: what is wider than the screen, what is missing, and what is requested from elsewhere.
import { launch } from "./browser.mjs";

const SIZES = { phone: [390, 844], tablet: [820, 1180], desktop: [1440, 900] };
const { SITE, PAGES } = process.env;
const browser = await launch();
const found = { wider: [], failed: [], elsewhere: [] };
const page = await browser.newPage();
page.on("pageerror", (error) => found.failed.push(String(error)));
page.on("response", (response) => response.status() >= 400 && found.failed.push(response.url()));
page.on("request", (request) => {
  const local = request.url().startsWith(SITE) || request.url().startsWith("data:");
  if (!local) found.elsewhere.push(request.url());
});
for (const [size, [width, height]] of Object.entries(SIZES)) {
  await page.setViewport({ width, height });
  for (const name of JSON.parse(PAGES)) {
    await page.goto(`${SITE}/${name}`, { waitUntil: "load" });
    const wider = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
    if (wider > 0) found.wider.push(`${name} on a ${size}: ${wider} px`);
  }
}
await browser.close();
console.log(JSON.stringify(found));
