// Chromium, driven by playwright-core.

import { existsSync } from "node:fs";
import { chromium } from "playwright-core";
import { PATIENCE } from "./children.mjs";

const PLACES = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"];

export async function launch(options = {}) {
  const executablePath = process.env.CHROMIUM ?? PLACES.find((path) => existsSync(path));
  if (executablePath === undefined) throw new Error("name a Chromium in the variable CHROMIUM");
  return chromium.launch({
    executablePath,
    headless: true,
    args: [
      "--no-sandbox",
      "--disable-gpu",
      "--disable-quic",
      "--no-first-run",
      "--disable-background-networking",
      "--disable-component-update",
      "--disable-sync",
    ],
    ...options,
  });
}

/** Opens a page of the site, with what its script needs of the outside. Gives the page and the errors that it threw. */
export async function open(context, url, scenes = new Map()) {
  const page = await context.newPage();
  page.setDefaultTimeout(PATIENCE);
  const errors = [];
  const logs = [];
  page.on("pageerror", (error) => errors.push(error));
  page.on("console", (message) => logs.push({ type: message.type(), text: message.text() }));
  await page.exposeFunction("outside", async (user, control, args) => {
    const scene = scenes.get(user);
    if (scene === undefined) throw new Error(`there is no scene of ${user}`);
    return (await scene.control(control, ...args)) ?? null;
  });
  await page.goto(url);
  return { page, errors, logs };
}
