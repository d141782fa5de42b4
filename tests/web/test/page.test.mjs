// The demo page as its users see it: two tabs, a network that is cut, a phone, a keyboard. Leaves screenshots behind.

import assert from "node:assert/strict";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { after, afterEach, before, test } from "node:test";
import { chromium } from "playwright-core";

import { PATIENCE } from "../support/children.mjs";
import { root, Server } from "../support/servers.mjs";

const DESKTOP = { width: 1440, height: 900 };
const PHONE = { width: 390, height: 780 };
const pictures = process.env.NEXUS_PICTURES ?? join(root, "target/pictures");
const flags = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"];
const offline = ["--disable-component-update", "--disable-sync"];

let server;
let browser;
let contexts = [];
let complaints = [];

before(async () => {
  mkdirSync(pictures, { recursive: true });
  server = await Server.start("nexus-server");
  const executablePath = process.env.CHROMIUM ?? "/usr/bin/chromium";
  browser = await chromium.launch({ executablePath, args: [...flags, ...offline] });
  const answer = await fetch(`http://127.0.0.1:${server.port}/`);
  assert.equal(answer.status, 200, "the server was built without the page");
});

after(async () => {
  await browser?.close();
  await server?.kill();
});

afterEach(async () => {
  await Promise.all(contexts.map((context) => context.close()));
  contexts = [];
  // Exceptions and offences against the content security policy come as errors on the console.
  assert.deepEqual(complaints.splice(0), []);
});

async function newContext(options = {}) {
  const context = await browser.newContext({ viewport: DESKTOP, reducedMotion: "reduce", ...options });
  context.setDefaultTimeout(PATIENCE);
  contexts.push(context);
  return context;
}

async function open(context, path = "/") {
  const page = await context.newPage();
  page.on("console", (message) => message.type() === "error" && complaints.push(message.text()));
  page.on("pageerror", (error) => complaints.push(String(error)));
  await page.goto(`http://127.0.0.1:${server.port}${path}`);
  return page;
}

async function signedIn(context, user, peer) {
  const page = await open(context, `/?${new URLSearchParams({ as: user, to: peer })}`);
  await isConnected(page);
  return page;
}

/** Ada and Bob, each with the other's conversation open. */
async function twoTabs(options) {
  const context = await newContext(options);
  const bob = await signedIn(context, "bob", "ada");
  const ada = await signedIn(context, "ada", "bob");
  await ada.getByText("Here now", { exact: true }).waitFor();
  return [ada, bob];
}

const isConnected = (page) => page.locator(".status strong", { hasText: /^Connected$/ }).waitFor({ state: "attached" });
const picture = (page, name) => page.screenshot({ path: join(pictures, `page-${name}.png`), animations: "disabled" });
const received = (page) => page.locator(".message:not(.is-own) .text").allTextContents();
const isCut = (page) => page.getByRole("switch", { name: "Cut the network" });

async function say(page, text) {
  await page.getByRole("textbox", { name: /^Message/ }).fill(text);
  await page.keyboard.press("Enter");
}

/** Waits until so many of the page's own messages are this far: `waiting`, `sent`, `delivered` or `failed`. */
async function ticks(page, state, count) {
  await page.waitForFunction(
    ([name, wanted]) => document.querySelectorAll(`.messages .tick-${name}`).length === wanted,
    [state, count],
  );
}

async function fitsItsWidth(page) {
  const [content, width] = await page.evaluate(() => [document.documentElement.scrollWidth, innerWidth]);
  assert.ok(content <= width, `${content} px in a window of ${width} px`);
}

test("two tabs of one browser are Ada and Bob, and talk", async () => {
  const context = await newContext();
  const ada = await open(context);
  await ada.getByRole("button", { name: "Ada" }).waitFor();
  await picture(ada, "sign-in");
  await ada.keyboard.press("Enter");
  await isConnected(ada);
  assert.match(ada.url(), /as=ada/);
  await ada.getByRole("link", { name: "Open Bob in a second tab" }).waitFor();

  const bob = await open(context);
  await bob.getByRole("button", { name: "Bob" }).waitFor();
  await bob.keyboard.press("Enter");
  await isConnected(bob);
  assert.match(bob.url(), /as=bob/, "the first name that no other tab has");

  await bob.getByRole("textbox", { name: "Message to Ada" }).pressSequentially("Hel");
  await ada.locator(".chat-note", { hasText: "typing…" }).waitFor();
  await say(bob, "Hello from the other tab");
  await ticks(bob, "delivered", 1);
  await say(ada, "Hello back");
  await ticks(ada, "delivered", 1);
  assert.deepEqual([await received(ada), await received(bob)], [["Hello from the other tab"], ["Hello back"]]);
  await ada.locator(".chart-head[visibility=visible]").waitFor();
  await picture(ada, "desktop-light");
  await ada.emulateMedia({ colorScheme: "dark" });
  await picture(ada, "desktop-dark");
});

test("messages wait while the network is cut, and arrive in order when it is back", async () => {
  const [ada, bob] = await twoTabs();
  await say(ada, "Before the tunnel");
  await ticks(ada, "delivered", 1);
  await isCut(ada).click();
  await ada.getByText("The network is cut.").waitFor();
  const texts = ["one", "two", "three", "four", "five"];
  for (const text of texts) await say(ada, text);
  await ticks(ada, "waiting", texts.length);
  await ada.getByText(/^5 waiting · /).waitFor();
  // Attempts are made, fail, and are counted down to.
  await ada.locator(".log-text", { hasText: /^Attempt 2 in \d+\.\d s/ }).waitFor();
  await picture(ada, "offline-light");
  await ada.emulateMedia({ colorScheme: "dark" });
  await picture(ada, "offline-dark");
  assert.deepEqual(await received(bob), ["Before the tunnel"]);

  await isCut(ada).click();
  await ticks(ada, "delivered", texts.length + 1);
  assert.deepEqual(await received(bob), ["Before the tunnel", ...texts]);
  await ada.getByText("Nothing waits").waitFor();
  assert.equal(await ada.locator(".banner").isVisible(), false);
});

test("what waited when the page was left can be sent again, once", async () => {
  const [ada, bob] = await twoTabs();
  await isCut(ada).click();
  await ada.getByText("The network is cut.").waitFor();
  await say(ada, "Left behind");
  await ticks(ada, "waiting", 1);
  await ada.reload();
  await isConnected(ada);
  await ticks(ada, "failed", 1);
  await ada.getByRole("button", { name: "Send again" }).click();
  await ticks(ada, "delivered", 1);
  assert.deepEqual(await received(bob), ["Left behind"]);
});

test("other conversations count what is unread", async () => {
  const [ada] = await twoTabs();
  const zoe = await signedIn(await newContext(), "zoe", "ada");
  await ada.getByRole("button", { name: "Zoe" }).waitFor();
  for (const text of ["One", "Two", "Three"]) await say(zoe, text);
  await ada.locator(".badge", { hasText: /^3$/ }).waitFor();
  assert.match(await ada.title(), /^\(3\) /);
  await ada.getByRole("button", { name: "Zoe, here now, 3 unread" }).click();
  await ada.locator(".badge").waitFor({ state: "detached" });
  assert.deepEqual(await received(ada), ["One", "Two", "Three"]);
});

test("text is shown as it was written, in every script, and is nothing but text", async () => {
  const [ada, bob] = await twoTabs();
  const texts = [
    '<img src=x onerror="document.title=1"><b>bold</b> & "quotes"',
    "two\n  lines",
    "Donaudampfschifffahrtsgesellschaftskapitän".repeat(8),
    "مرحبا! كيف حالك اليوم؟ هذه رسالة طويلة قليلاً لنرى كيف تلتف الأسطر في الفقاعة",
    "🦊",
  ];
  for (const text of texts) await say(ada, text);
  await ticks(ada, "delivered", texts.length);
  assert.deepEqual(await received(bob), texts);
  assert.equal(await bob.locator(".messages img, .messages b").count(), 0);
  await picture(bob, "scripts");
  await fitsItsWidth(bob);
});

test("it can be used with the keyboard alone", async () => {
  const [ada] = await twoTabs();
  // From the field where messages are written on to the switch.
  await ada.getByRole("textbox", { name: "Message to Bob" }).focus();
  await ada.keyboard.press("Tab");
  assert.equal(await isCut(ada).evaluate((element) => element === document.activeElement), true);
  const outline = await isCut(ada).evaluate((element) => getComputedStyle(element).outlineStyle);
  assert.equal(outline, "solid", "what has the focus shows it");
  await ada.keyboard.press("Space");
  await ada.getByText("The network is cut.").waitFor();
  await ada.keyboard.press("Space");
  await isConnected(ada);
});

for (const width of [320, PHONE.width]) {
  test(`it fits a phone of ${width} px, where views take turns`, async () => {
    const bob = await signedIn(await newContext(), "bob", "ada");
    const phone = await open(await newContext({ viewport: { ...PHONE, width }, isMobile: true, hasTouch: true }), "/?as=ada");
    await phone.locator(".rail .indicator-text", { hasText: "ms" }).waitFor();
    await say(bob, "Are you on your phone?");
    await phone.locator(".badge").waitFor();
    await fitsItsWidth(phone);
    await picture(phone, `phone-${width}-list`);

    await phone.getByRole("button", { name: /^Bob/ }).tap();
    await say(phone, "Yes, and the words wrap where they should, however many there are of them.");
    await ticks(phone, "delivered", 1);
    await fitsItsWidth(phone);
    await picture(phone, `phone-${width}-chat`);

    await phone.getByRole("button", { name: /^Connection: / }).tap();
    await phone.getByRole("dialog", { name: "Connection" }).waitFor();
    await fitsItsWidth(phone);
    await picture(phone, `phone-${width}-panel`);
    // Escape goes back one view at a time, and the focus with it.
    await phone.keyboard.press("Escape");
    await phone.keyboard.press("Escape");
    await phone.locator(".rail .row:focus").waitFor();
  });
}
