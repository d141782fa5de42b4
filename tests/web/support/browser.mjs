// Chromium, driven by playwright-core.

import { existsSync } from "node:fs";
import { chromium } from "playwright-core";
import { PATIENCE } from "./children.mjs";

const PLACES = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"];

/** Nothing but the tests' own pages is to be fetched. */
export const FLAGS = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

export function executable() {
  const path = process.env.CHROMIUM ?? PLACES.find((place) => existsSync(place));
  if (path === undefined) throw new Error("name a Chromium in the variable CHROMIUM");
  return path;
}

export const launch = (options = {}) =>
  chromium.launch({ executablePath: executable(), headless: true, args: FLAGS, ...options });

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
