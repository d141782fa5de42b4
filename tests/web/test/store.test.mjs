// Where durable messages are kept: the store by itself, in a real browser.

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { launch, open } from "../support/browser.mjs";
import { Site } from "../support/site.mjs";
import { until } from "../suite/check.mjs";

const limit = { timeout: 60_000 };
let site;
let browser;
before(async () => {
  const isKept = { ignoreDefaultArgs: ["--disable-back-forward-cache"] };
  [site, browser] = await Promise.all([Site.start(), launch(isKept)]);
});
after(async () => {
  await browser?.close();
  await site?.stop();
});

/** Runs a test in a context of its own, which begins with nothing stored. `visit` opens a page. */
async function fresh(run) {
  const context = await browser.newContext();
  try {
    await run(async () => (await open(context, site.url("store"))).page, context);
  } finally {
    await context.close();
  }
}

const opened = (page, instance, options) => page.evaluate((given) => store.open(...given), [instance, options]);
const put = (page, instance, ids, more) => page.evaluate((given) => store.put(...given), [instance, ids, more]);
const commit = (page, changes) => page.evaluate((given) => store.commit(given), changes);
const message = (instance, id, more) => ({ instance, namespace: "chat", id, event: "say", args: `{"n":${id}}`, emittedAt: 1, expiresAt: 2, ...more });
const key = (instance, id) => ({ instance, namespace: "chat", id });
const nothing = { messages: [], positions: [], unreadable: 0 };

describe("the store of a page", () => {
  test("outlives it: messages, which of them were sent, and positions", limit, () =>
    fresh(async (visit) => {
      const page = await visit();
      assert.deepEqual(await opened(page, "a"), nothing);
      await put(page, "a", [1, 2, 3], { attachments: [[1, 2], []] });
      await commit(page, [
        { type: "put", ...message("a", 4) },
        { type: "sent", ...key("a", 1), generation: "K3" },
        { type: "sent", ...key("a", 4), generation: null },
        { type: "remove", ...key("a", 2) },
        { type: "remove", ...key("a", 99) },
        { type: "position", namespace: "chat", position: "k-17" },
      ]);
      await page.reload();
      const attachments = [[1, 2], []];
      assert.deepEqual(await opened(page, "b"), {
        messages: [message("a", 1, { attachments, sent: "K3" }), message("a", 3, { attachments }), message("a", 4, { sent: null })],
        positions: [["chat", "k-17"]],
        unreadable: 0,
      });
      // They are under the new owner now, with their keys of before.
      await commit(page, [{ type: "remove", ...key("a", 1) }]);
      await page.reload();
      const { messages } = await opened(page, "c");
      assert.deepEqual(messages.map(({ instance, id, sent }) => [instance, id, sent]), [["a", 3, undefined], ["a", 4, null]].map(([a, b, c]) => (c === undefined ? [a, b, undefined] : [a, b, c])));
    }));

  test("is one for each server, user and name", limit, () =>
    fresh(async (visit) => {
      const page = await visit();
      await opened(page, "a");
      await put(page, "a", [1]);
      await page.reload();
      for (const other of [{ userId: "bob" }, { server: "http://t/" }, { name: "other" }]) {
        assert.deepEqual(await opened(page, "b", other), nothing, JSON.stringify(other));
      }
      assert.equal((await opened(page, "b")).messages.length, 1);
    }));

  test("keeps the position that is further, whichever tab says it", limit, () =>
    fresh(async (visit) => {
      const page = await visit();
      await opened(page, "a");
      const positions = [];
      for (const position of ["k-9", "k-10", "k-2", "j-1"]) {
        await commit(page, [{ type: "position", namespace: "chat", position }]);
        await page.evaluate(() => store.close());
        positions.push((await opened(page, `after ${position}`)).positions[0][1]);
      }
      assert.deepEqual(positions, ["k-9", "k-10", "k-10", "j-1"]);
    }));

  test("makes all changes of a commit or none", limit, () =>
    fresh(async (visit) => {
      const page = await visit();
      await opened(page, "a");
      const failure = await page.evaluate(() =>
        store.failure(store.commit([{ type: "put", instance: "a", namespace: "n", id: 1, event: "e", args: "" }, { type: "put", instance: "a", namespace: "n", id: 2, event: () => {}, args: "" }])),
      );
      assert.deepEqual(failure, ["StorageError", "STORAGE_UNAVAILABLE"]);
      await page.reload();
      assert.deepEqual(await opened(page, "b"), nothing);
    }));

  test("sets aside what it can't read, and says how much that is", limit, () =>
    fresh(async (visit) => {
      const page = await visit();
      await opened(page, "a");
      await put(page, "a", [1, 2, 3]);
      await page.evaluate(() => store.raw((messages) => {
        messages.put({ event: 1 }, ["ada", "a", "a", "chat", 2]);
        messages.put("nonsense", ["ada", "a", "a", "chat", 4]);
      }));
      await page.reload();
      const { messages, unreadable } = await opened(page, "b");
      assert.deepEqual([messages.map(({ id }) => id), unreadable], [[1, 3], 2]);
      assert.equal(await page.evaluate(() => store.raw((_messages, aside) => aside.count())), 2);
      await page.reload();
      assert.equal((await opened(page, "c")).unreadable, 0);
    }));

  test("goes on after somebody deleted the database", limit, () =>
    fresh(async (visit) => {
      const page = await visit();
      await opened(page, "a");
      await put(page, "a", [1]);
      await page.evaluate(() => new Promise((resolve) => (indexedDB.deleteDatabase("nexus-realtime  http://s/").onsuccess = resolve)));
      await put(page, "a", [2]);
      await page.reload();
      assert.deepEqual((await opened(page, "b")).messages.map(({ id }) => id), [2]);
    }));

  test("says that it is full, and keeps what it has", limit, () =>
    fresh(async (visit, context) => {
      const page = await visit();
      const devtools = await context.newCDPSession(page);
      await devtools.send("Storage.overrideQuotaForOrigin", { origin: new URL(page.url()).origin, quotaSize: 1_000_000 });
      await opened(page, "a");
      await put(page, "a", [1]);
      const failure = await page.evaluate(() => store.failure(store.put("a", [2], { args: `"${"x".repeat(2_000_000)}"` })));
      assert.deepEqual(failure, ["StorageError", "STORAGE_FULL"]);
      await put(page, "a", [3]);
      await page.reload();
      assert.deepEqual((await opened(page, "b")).messages.map(({ id }) => id), [1, 3]);
    }));

  test("is none where the page has no origin", limit, () =>
    fresh(async (_visit, context) => {
      const { page } = await open(context, site.url("store", "sandbox allow-scripts"));
      await until(() => page.evaluate(() => globalThis.store !== undefined), "the script");
      assert.equal(await page.evaluate(() => store.hasIndexedDb()), false);
    }));
});

describe("the stores of several tabs", () => {
  for (const [name, order] of [["that came before", ["other", "own"]], ["that came later", ["own", "other"]]]) {
    test(`leave each other's messages alone, and take those of a tab ${name} and ends`, limit, () =>
      fresh(async (visit) => {
        const tabs = {};
        for (const tab of order) {
          tabs[tab] = await visit();
          assert.deepEqual(await opened(tabs[tab], tab), nothing);
          await put(tabs[tab], tab, [1, 2]);
        }
        assert.deepEqual(await tabs.own.evaluate(() => store.adopted), []);
        await tabs.other.close();
        await until(() => tabs.own.evaluate(() => store.adopted.length === 2), "the messages of the other");
        assert.deepEqual(await tabs.own.evaluate(() => store.adopted), [message("other", 1), message("other", 2)]);
        // All of them belong to the tab that is left.
        await tabs.own.close();
        const last = await visit();
        const { messages } = await opened(last, "last");
        assert.deepEqual(messages.map(({ instance, id }) => `${instance} ${id}`).sort(), ["other 1", "other 2", "own 1", "own 2"]);
      }));
  }

  test("take what an ended one left once, however many they are", limit, () =>
    fresh(async (visit) => {
      const tabs = await Promise.all([1, 2, 3, 4].map(visit));
      for (const [at, tab] of tabs.entries()) await opened(tab, `tab ${at}`);
      await put(tabs[0], "tab 0", [1, 2, 3]);
      await tabs[0].close();
      const adopted = async () => (await Promise.all(tabs.slice(1).map((tab) => tab.evaluate(() => store.adopted.length)))).sort();
      await until(async () => (await adopted()).at(-1) > 0, "the messages");
      const waiting = () => tabs[1].evaluate(async () => (await navigator.locks.query()).held.some(({ name }) => name.endsWith("tab 0")));
      await until(async () => !(await waiting()), "all who waited to have looked");
      assert.deepEqual(await adopted(), [0, 0, 3]);
    }));
});

describe("the way back", () => {
  const away = async (page) => {
    await page.goto(site.url("elsewhere"));
    await page.goBack({ waitUntil: "commit" });
    await until(() => page.evaluate(() => globalThis.store !== undefined), "the page");
    return page.evaluate(() => store.shows);
  };

  test("keeps a page that has nothing in its outbox, which has its lock again", limit, () =>
    fresh(async (visit) => {
      const page = await visit();
      await opened(page, "a");
      await put(page, "a", [1]);
      await commit(page, [{ type: "remove", ...key("a", 1) }]);
      assert.deepEqual(await away(page), [false, true]);
      await until(() => page.evaluate(async () => (await store.locks()) === 1), "the lock");
      await put(page, "a", [2]);
      const other = await visit();
      assert.deepEqual(await opened(other, "b"), nothing);
      await page.close();
      await until(() => other.evaluate(() => store.adopted.length === 1), "what the page left");
    }));

  test("keeps one with messages only as long as nobody else is there for them", limit, () =>
    fresh(async (visit) => {
      const page = await visit();
      await opened(page, "a");
      await put(page, "a", [1]);
      await page.goto(site.url("elsewhere"));
      const other = await visit();
      const { messages } = await opened(other, "b");
      await until(async () => messages.length + (await other.evaluate(() => store.adopted.length)) === 1, "what the page left");
      await page.goBack({ waitUntil: "commit" });
      await until(() => page.evaluate(() => globalThis.store !== undefined), "the page");
      assert.deepEqual(await page.evaluate(() => store.shows), [false], "it was loaded anew");
      assert.deepEqual((await opened(page, "c")).messages, []);
    }));
});
