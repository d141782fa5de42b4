import { createServer } from "node:http";
import { chromium } from "playwright-core";

/** What a browser that is measured is started with. */
export const flags = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

/** Starts Chromium: CHROMIUM, or the system's. */
export async function launch() {
  const browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium", args: flags });
  return browser;
}

/** Serves files from memory. The pages are isolated, so that their clock is fine, and nothing is cached. */
export async function serve(files) {
  const server = createServer((request, response) => {
    const name = request.url.slice(1);
    const common = {
      "cache-control": "no-store",
      "cross-origin-opener-policy": "same-origin",
      "cross-origin-embedder-policy": "require-corp",
    };
    if (files[name] !== undefined) {
      response.writeHead(200, { ...common, "content-type": "text/javascript" }).end(files[name]);
    } else {
      const script = files[`${name}.js`] === undefined ? "" : `<script type="module" src="/${name}.js"></script>`;
      response.writeHead(200, { ...common, "content-type": "text/html" }).end(`<!doctype html><title>bench</title>${script}`);
    }
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  return { origin: `http://127.0.0.1:${server.address().port}`, close: () => server.close() };
}

/** A page with the figures that Chromium keeps of it. */
export async function openPage(browser, url) {
  const context = await browser.newContext();
  const page = await context.newPage();
  page.on("pageerror", (error) => console.error(`in the page: ${error.stack ?? error}`));
  page.on("console", (message) => message.type() === "error" && console.error(`in the page: ${message.text()}`));
  const cdp = await context.newCDPSession(page);
  // CPU time of the thread, so that what else the machine does counts less.
  await cdp.send("Performance.enable", { timeDomain: "threadTicks" });
  await cdp.send("HeapProfiler.enable");
  await page.goto(url);
  return {
    page,
    cdp,
    /** Milliseconds of CPU time that the tasks of the main thread took so far. */
    async taskTime() {
      const { metrics } = await cdp.send("Performance.getMetrics");
      return metrics.find(({ name }) => name === "TaskDuration").value * 1000;
    },
    /** Bytes of JavaScript objects that are still needed. */
    async heap() {
      for (let pass = 0; pass < 2; pass++) await cdp.send("HeapProfiler.collectGarbage");
      const { usedSize } = await cdp.send("Runtime.getHeapUsage");
      return usedSize;
    },
    close: () => context.close(),
  };
}
