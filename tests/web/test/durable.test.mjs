// Durable messages of pages: they outlive reloads, tabs and browsers, and have their effect once.

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import WebSocket from "ws";
import { range, Record, until } from "../suite/check.mjs";
import { load } from "../support/package.mjs";
import { Scene } from "../support/scene.mjs";
import { Stage } from "../support/stage.mjs";
import { Tabs } from "../support/tabs.mjs";

const limit = { timeout: 90_000 };
const kind = "nexus-server";
let stage;
before(async () => {
  stage = await Stage.start({ ignoreDefaultArgs: ["--disable-back-forward-cache"] });
});
after(() => stage?.stop());

/** Somebody to whom messages go, who is there all the time. Gives their contents as they come. */
async function receiver(scene, run) {
  const { createManager } = await load();
  const user = `${scene.user}-receiver`;
  const manager = createManager({ url: `http://127.0.0.1:${scene.server.port}`, WebSocket });
  const record = new Record();
  manager.on("messaging", "NEW_MESSAGE", ({ content }) => record.push(content));
  try {
    await manager.connect(user, () => scene.server.token(user));
    await manager.join("messaging");
    await run(user, record);
  } finally {
    manager.close();
  }
}

/** Whether nothing comes any more: what is sent behind everything else has come. */
async function settle(scene, record, to) {
  const { createManager } = await load();
  const user = `${scene.user}-last`;
  const manager = createManager({ url: `http://127.0.0.1:${scene.server.port}`, WebSocket });
  await manager.connect(user, () => scene.server.token(user));
  await manager.emitWithAck("messaging", "NEW_MESSAGE", { receiverId: to, content: "the last" });
  manager.close();
  await record.has("the last");
  return record.items.filter((content) => content !== "the last");
}

const offline = (scene) => {
  scene.proxy.refuse(true);
  scene.proxy.cut();
};
const durable = (page, ...args) => page.evaluate((given) => globalThis.nexus.durable(...given), args);
const begin = (page, facts) => page.evaluate((given) => globalThis.nexus.begin(given), facts);
const queued = (page) => page.evaluate(() => globalThis.nexus.queue().length);
const contents = (count) => range(count).map((n) => `message ${n}`);

describe("durable messages of a page", () => {
  test("are accepted, sent and acknowledged, and tell so", limit, () =>
    stage.with(kind, {}, async (set) =>
      receiver(set.scene, async (to, record) => {
        const { page, errors } = await Stage.connect(set);
        assert.equal(await durable(page, "hello", to), undefined);
        await until(() => page.evaluate(() => globalThis.nexus.statuses.hello.at(-1) === "acked"), "the outcome");
        assert.deepEqual(await page.evaluate(() => globalThis.nexus.statuses.hello), ["queued", "persisted", "sent", "acked"]);
        const value = await page.evaluate(async (receiverId) => {
          const emit = globalThis.nexus.manager.emit("messaging", "NEW_MESSAGE", { receiverId, content: "again" }, { delivery: "durable" });
          const outcome = await emit.outcome;
          return [outcome.status, outcome.value.ok, Object.keys(outcome.value).includes("$m"), emit.cancel()];
        }, to);
        assert.deepEqual(value, ["acked", true, false, false]);
        assert.deepEqual(await settle(set.scene, record, to), ["hello", "again"]);
        assert.equal(await queued(page), 0);
        assert.deepEqual(errors, []);
      })));

  test("whose acknowledgement was lost are not done twice, not even by the next page", limit, () =>
    stage.with(kind, {}, async (set) =>
      receiver(set.scene, async (to, record) => {
        const { page } = await Stage.connect(set);
        set.scene.proxy.mute(true);
        for (const content of contents(3)) await durable(page, content, to);
        await record.count(3, "messages");
        await page.reload();
        set.scene.proxy.mute(false);
        set.scene.proxy.cut();
        await begin(page, set.facts);
        await until(async () => page.evaluate(() => globalThis.nexus.notices.filter(({ delivery }) => delivery === "acked").length === 3), "the outcomes");
        assert.deepEqual(await settle(set.scene, record, to), contents(3));
      })));

  test("wait offline, outlive reloads, and arrive once and in order", limit, () =>
    stage.with(kind, {}, async (set) =>
      receiver(set.scene, async (to, record) => {
        const { page, errors } = await Stage.connect(set);
        offline(set.scene);
        for (const content of contents(5)) assert.equal(await durable(page, content, to), undefined);
        assert.deepEqual(await page.evaluate(() => globalThis.nexus.queue()[0]), ["NEW_MESSAGE", "durable", true, false]);
        for (const _ of range(2)) {
          await page.reload();
          await begin(page, set.facts);
          await until(async () => (await queued(page)) === 5, "what was there before");
          const restored = await page.evaluate(() => globalThis.nexus.notices.find(({ type }) => type === "restored"));
          assert.deepEqual([restored.ids.length, restored.unreadable], [5, 0]);
        }
        set.scene.proxy.refuse(false);
        await until(async () => (await queued(page)) === 0, "all to be sent");
        assert.deepEqual(await settle(set.scene, record, to), contents(5));
        // Nothing is left for the next page.
        await page.reload();
        await page.evaluate((facts) => globalThis.nexus.start(facts), set.facts);
        assert.equal(await queued(page), 0);
        assert.deepEqual(errors, []);
      })));

  test("expire, are cancelled, or are refused, and say so", limit, () =>
    stage.with(kind, {}, async (set) =>
      receiver(set.scene, async (to, record) => {
        const { page } = await Stage.connect(set);
        offline(set.scene);
        const ends = await page.evaluate(async (receiverId) => {
          const { manager } = globalThis.nexus;
          const emit = (options) => manager.emit("messaging", "NEW_MESSAGE", { receiverId, content: "never" }, { delivery: "durable", ...options });
          const emits = [emit({ ttl: 50 }), emit(), emit()];
          await Promise.all(emits.map(({ accepted }) => accepted));
          const cancelled = [emits[1].cancel(), manager.queue.cancel(emits[2].id)];
          return [cancelled, await Promise.all(emits.map(({ outcome }) => outcome))];
        }, to);
        assert.deepEqual(ends[0], [true, true]);
        assert.deepEqual(ends[1], ["expired", "cancelled", "cancelled"].map((status) => ({ status, isSent: false })));
        set.scene.proxy.refuse(false);
        await until(async () => (await page.evaluate(() => globalThis.nexus.look().status)) === "connected", "the connection");
        assert.deepEqual(await settle(set.scene, record, to), []);
      })));

  test("are refused where the storage is full, and others go on", limit, () =>
    stage.with(kind, {}, async (set) =>
      receiver(set.scene, async (to, record) => {
        const { page } = await set.visit("page");
        const devtools = await set.context.newCDPSession(page);
        await devtools.send("Storage.overrideQuotaForOrigin", { origin: new URL(page.url()).origin, quotaSize: 1_000_000 });
        await page.evaluate((facts) => globalThis.nexus.start(facts), set.facts);
        offline(set.scene);
        assert.equal(await durable(page, "x".repeat(2_000_000), to), "STORAGE_FULL");
        assert.deepEqual(await page.evaluate(() => globalThis.nexus.statuses["x".repeat(20)]), ["queued", "rejected"]);
        assert.equal(await page.evaluate(() => globalThis.nexus.notices.find(({ type }) => type === "storeFailed").code), "STORAGE_FULL");
        assert.equal(await durable(page, "small", to), undefined);
        set.scene.proxy.refuse(false);
        await record.has("small");
      })));

  test("are refused where nothing can be stored, and everything else works", limit, () =>
    stage.with(kind, {}, async (set) => {
      const { page } = await set.visit("page", "sandbox allow-scripts");
      await until(() => page.evaluate(() => globalThis.nexus !== undefined), "the script");
      const code = await page.evaluate((facts) => {
        const manager = globalThis.nexus.lib.createManager({ url: facts.url });
        manager.connect(facts.user, "t").catch(() => {});
        try {
          manager.emit("messaging", "x", 1, { delivery: "durable" });
        } catch (error) {
          return [error.name, error.code, manager.emit("messaging", "x", 1)];
        } finally {
          manager.close();
        }
      }, set.facts);
      assert.deepEqual(code, ["EmitError", "NO_DURABLE_STORE", "queued"]);
    }));

  test("of a tab that is closed are sent by another", limit, () =>
    stage.with(kind, {}, async (set) =>
      receiver(set.scene, async (to, record) => {
        const [one, other] = [await Stage.connect(set), await Stage.connect(set)];
        offline(set.scene);
        for (const content of contents(3)) await durable(one.page, content, to);
        assert.equal(await queued(other.page), 0);
        await one.page.close();
        await until(async () => (await queued(other.page)) === 3, "what the other left");
        set.scene.proxy.refuse(false);
        await until(async () => (await queued(other.page)) === 0, "all to be sent");
        assert.deepEqual(await settle(set.scene, record, to), contents(3));
      })));

  test("do not keep a page that has sent them from the back/forward cache", limit, () =>
    stage.with(kind, {}, async (set) =>
      receiver(set.scene, async (to, record) => {
        const { page } = await Stage.connect(set);
        await durable(page, "before", to);
        await until(async () => (await queued(page)) === 0, "it to be sent");
        await page.goto(set.site.url("elsewhere"));
        await page.goBack({ waitUntil: "commit" });
        await until(async () => (await page.evaluate(() => globalThis.nexus.look?.().status)) === "connected", "the connection");
        assert.deepEqual(await page.evaluate(() => globalThis.nexus.look().shows), [false, true]);
        assert.equal(await durable(page, "after", to), undefined);
        await record.has("after");
        assert.deepEqual(await settle(set.scene, record, to), ["before", "after"]);
      })));
});

describe("durable messages of a browser", () => {
  test("that is killed are sent by the next one, once", limit, async () => {
    const scene = await Scene.start(stage.servers, kind);
    let tabs = await Tabs.start();
    const start = async () => {
      const tab = await tabs.open(stage.site.url("page"));
      await until(() => tab.evaluate("globalThis.nexus !== undefined"), "the page");
      const token = await scene.control("token", scene.user);
      await tab.evaluate(`globalThis.outside = async () => ${JSON.stringify(token)}; nexus.begin(${JSON.stringify(scene.facts)})`);
      return tab;
    };
    try {
      await receiver(scene, async (to, record) => {
        const tab = await start();
        await until(() => tab.evaluate("nexus.look().status === 'connected'"), "the connection");
        offline(scene);
        for (const content of contents(10)) {
          assert.equal(await tab.evaluate(`nexus.durable(${JSON.stringify(content)}, ${JSON.stringify(to)})`), undefined);
        }
        tabs = await Tabs.start(await tabs.kill());
        const next = await start();
        await until(async () => (await next.evaluate("nexus.queue().length")) === 10, "what the killed one had accepted");
        scene.proxy.refuse(false);
        await until(async () => (await next.evaluate("nexus.queue().length")) === 0, "all to be sent");
        assert.deepEqual(await settle(scene, record, to), contents(10));
      });
    } finally {
      await tabs.stop();
      await scene.stop();
    }
  });
});
