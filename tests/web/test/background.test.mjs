// Tabs behind other tabs: hidden, throttled, frozen.

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { until } from "../suite/check.mjs";
import { Scene, Servers } from "../support/scene.mjs";
import { hasTestEvents, kinds } from "../support/servers.mjs";
import { Site } from "../support/site.mjs";
import { Tabs } from "../support/tabs.mjs";

const limit = { timeout: 60_000 };
const servers = new Servers();
let site;
let tabs;
before(async () => {
  [site, tabs] = await Promise.all([Site.start(), Tabs.start()]);
});
after(async () => {
  await tabs?.stop();
  await Promise.all([site?.stop(), servers.stop()]);
});

/** Runs a test with a connected page in a tab that another one hides. */
async function hidden(kind, own, run) {
  const scene = await Scene.start(servers, kind, { own });
  const opened = [];
  try {
    const token = await scene.control("token", scene.user);
    const tab = await tabs.open(site.url("page"));
    opened.push(tab);
    await until(() => tab.evaluate("globalThis.nexus !== undefined"), "the page");
    await tab.evaluate(`globalThis.outside = async () => ${JSON.stringify(token)}`);
    await tab.evaluate(`nexus.start(${JSON.stringify(scene.facts)})`);
    const look = () => tab.evaluate("nexus.look()");
    opened.push(await tabs.open(site.url("elsewhere")));
    await until(async () => (await look()).visibilities.at(-1) === "hidden", "the page to be hidden");
    await run({ tab, look, scene });
  } finally {
    for (const tab of opened) await tab.close();
    await scene.stop();
  }
}

for (const kind of kinds) {
  describe(`a tab of ${kind}`, () => {
    test("is frozen and resumed: no socket while it sleeps, one when it wakes", limit, () =>
      hidden(kind, undefined, async ({ tab, look, scene }) => {
        await tab.send("Page.setWebLifecycleState", { state: "frozen" });
        await until(() => scene.proxy.open === 0, "the socket of a frozen page to be closed");
        await tab.send("Page.setWebLifecycleState", { state: "active" });
        await tab.show();
        await until(async () => (await look()).joined.length === 2, "the connection");
        await tab.evaluate("nexus.send(1)");
        await until(async () => (await look()).heard.length === 1, "the echo");
        const { reasons, status } = await look();
        assert.deepEqual([reasons[0], status, scene.proxy.open], ["disconnected: background", "connected", 1]);
      }));

    test("is hidden, and stays connected and heard of", limit, () =>
      hidden(kind, undefined, async ({ tab, look, scene }) => {
        await tab.evaluate("nexus.send(1)");
        await until(async () => (await look()).heard.length === 1, "the echo");
        await tab.show();
        await until(async () => (await look()).visibilities.at(-1) === "visible", "the page to be shown");
        await tab.evaluate("nexus.send(2)");
        await until(async () => (await look()).heard.length === 2, "the echo");
        const { reasons, visibilities } = await look();
        assert.deepEqual([reasons, visibilities], [[], ["hidden", "visible"]]);
        assert.equal(scene.proxy.total, 1);
      }));

    test("finds out at once that its connection died while it was hidden", limit, () =>
      hidden(kind, undefined, async ({ tab, look, scene }) => {
        scene.proxy.hold(true);
        // Heartbeats alone would take up to 45 s to tell.
        await tab.show();
        await until(async () => (await look()).reasons.length > 0, "the loss");
        scene.proxy.hold(false);
        await until(async () => (await look()).status === "connected", "the return");
        const { reasons } = await look();
        assert.equal(reasons[0], "disconnected: unresponsive");
      }));
  });
}

for (const kind of kinds.filter(hasTestEvents)) {
  describe(`a tab of ${kind} with short heartbeats`, () => {
    test("is hidden for many ping timeouts, and stays connected", limit, () =>
      hidden(kind, { pings: { interval: 300, timeout: 700 } }, async ({ tab, look, scene }) => {
        const { counters } = await look();
        await until(async () => (await look()).counters.framesIn >= counters.framesIn + 12, "twelve heartbeats in the background");
        await tab.show();
        await until(async () => (await look()).visibilities.at(-1) === "visible", "the page to be shown");
        const { reasons, status } = await look();
        assert.deepEqual([reasons, status, scene.proxy.total], [[], "connected", 1]);
      }));
  });
}
