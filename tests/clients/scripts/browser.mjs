// A headless Chromium that ends with this process, and talks to nobody but who is named.
import puppeteer from "puppeteer-core";

export const launch = () =>
  puppeteer.launch({
    executablePath: process.env.CHROMIUM,
    // Over a pipe, so that the browser ends with this process, however that ends.
    pipe: true,
    args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"]
      .concat(["--disable-component-update", "--disable-sync", "--proxy-server=direct://"]),
  });
