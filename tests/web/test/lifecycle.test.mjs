// What happens to pages: the network goes and comes, they are left and come back, or are busy.

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { range, until } from "../suite/check.mjs";
import { kinds } from "../support/servers.mjs";
import { Stage } from "../support/stage.mjs";

const limit = { timeout: 60_000 };
let stage;
before(async () => {
  // The tests' driver turns the back/forward cache off unless it is told not to.
  stage = await Stage.start({ ignoreDefaultArgs: ["--disable-back-forward-cache"] });
});
after(() => stage?.stop());

const send = (page, value) => page.evaluate((given) => globalThis.nexus.send(given), value);

/** Waits until what a page shows of itself fulfils a condition. */
async function seen(opened, condition, what) {
  let last;
  try {
    return await until(async () => condition((last = await opened.look())) && last, what);
  } catch (error) {
    throw new Error(`${error.message}: ${JSON.stringify(last)}`);
  }
}

for (const kind of kinds) {
  describe(`a page of ${kind}`, () => {
    test("goes offline and online again: it knows at once, and is back at once", limit, () =>
      stage.with(kind, {}, async (set) => {
        // Attempts by themselves would come a minute later.
        const opened = await Stage.connect(set, { reconnect: { initialDelay: 60_000, maxDelay: 60_000 } });
        await set.context.setOffline(true);
        await seen(opened, ({ isOnline, status }) => !isOnline && status === "reconnecting", "the loss");
        assert.equal(await send(opened.page, 1), "queued");
        await set.context.setOffline(false);
        const { reasons } = await seen(opened, ({ status, heard }) => status === "connected" && heard.length === 1, "the return");
        assert.deepEqual([reasons[0].split(":")[0], ...reasons.slice(1).map((reason) => reason.split(":")[0])], ["disconnected", "reconnecting", "connected"]);
        assert.equal(set.scene.proxy.open, 1);
        assert.deepEqual(opened.errors, []);
      }));

    test("is left and comes back out of the back/forward cache, connected and listening once", limit, () =>
      stage.with(kind, {}, async (set) => {
        const opened = await Stage.connect(set);
        const { page } = opened;
        await send(page, 1);
        await seen(opened, ({ heard }) => heard.length === 1, "the first echo");
        await page.goto(set.site.url("elsewhere"));
        await until(() => set.scene.proxy.open === 0, "the socket of a page in the cache to be closed");
        await page.goBack({ waitUntil: "commit" });
        const back = await seen(opened, ({ status, joined }) => status === "connected" && joined.length === 2, "the connection");
        assert.deepEqual(back.shows, [false, true], "whether the page came out of the cache");
        await send(page, 2);
        await send(page, 3);
        await seen(opened, ({ heard }) => heard.length >= 3, "the echoes");
        const { heard, listeners } = await opened.look();
        assert.deepEqual([heard, listeners, set.scene.proxy.open], [[1, 2, 3], 1, 1]);
        assert.deepEqual(opened.errors, []);
      }));

    test("is loaded again while messages wait: they are gone with it, and so is its socket", limit, () =>
      stage.with(kind, {}, async (set) => {
        const opened = await Stage.connect(set);
        const { page } = opened;
        set.scene.proxy.refuse(true);
        set.scene.proxy.cut();
        await seen(opened, ({ status }) => status === "reconnecting", "the loss");
        for (const n of range(3)) assert.equal(await send(page, n), "queued");
        set.scene.proxy.refuse(false);
        await page.reload();
        await page.evaluate((facts) => globalThis.nexus.start(facts), set.facts);
        const { queued } = await opened.look();
        await send(page, 9);
        const { heard } = await seen(opened, (state) => state.heard.length > 0, "the echo");
        assert.deepEqual([queued, heard], [0, [9]]);
        await until(() => set.scene.proxy.open === 1, "the old page's socket to be closed");
      }));
  });
}

for (const kind of kinds.filter((each) => each !== "nexus-server")) {
  describe(`a page of ${kind} with short heartbeats`, () => {
    test("is busy for three heartbeats at a time, and stays connected", limit, () =>
      stage.with(kind, { own: { pings: { interval: 300, timeout: 1_000 } } }, async (set) => {
        const opened = await Stage.connect(set);
        for (const _ of range(3)) {
          const { counters } = await opened.look();
          await opened.page.evaluate(() => {
            // Not a wait but the subject: nothing else runs in the page meanwhile, neither timers nor messages.
            const end = performance.now() + 900;
            while (performance.now() < end);
          });
          await seen(opened, (state) => state.counters.framesIn > counters.framesIn, "heartbeats");
        }
        const { reasons, status } = await opened.look();
        assert.deepEqual([reasons, status], [[], "connected"]);
      }));
  });
}
