// Pages of applications: two users, React, workers, policies, logs, and what happens when WebAssembly fails.

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { until } from "../suite/check.mjs";
import { hasTestEvents, kinds } from "../support/servers.mjs";
import { Stage } from "../support/stage.mjs";

const limit = { timeout: 60_000 };
let stage;
before(async () => {
  stage = await Stage.start();
});
after(() => stage?.stop());

describe("two tabs of nexus-server", () => {
  test("are two users who write to each other", limit, () =>
    stage.with("nexus-server", {}, async (set) => {
      const users = [`${set.facts.user}-anna`, `${set.facts.user}-bert`];
      users.forEach((user) => set.scenes.set(user, set.scene));
      const tabs = [];
      for (const user of users) {
        const tab = await set.visit("page");
        await tab.page.evaluate(async ([facts, me]) => {
          await globalThis.nexus.start({ ...facts, user: me });
          const { manager } = globalThis.nexus;
          globalThis.got = { messages: [], typing: [], delivered: [], mirrored: [] };
          manager.on("messaging", "NEW_MESSAGE", (message, ...rest) => {
            globalThis.got.messages.push([message.senderId, message.content, message.mood, rest.length]);
            manager.emit("messaging", "MESSAGE_DELIVERED", { id: message.id, senderId: message.senderId });
          });
          manager.on("messaging", "USER_TYPING", (typing) => globalThis.got.typing.push([typing.senderId, typing.isTyping]));
          manager.on("messaging", "MESSAGE_DELIVERED", (notice) => globalThis.got.delivered.push([notice.receiverId, notice.id]));
          manager.on("realtime", "NEW_MESSAGE", (message) => globalThis.got.mirrored.push(message.content));
        }, [set.facts, user]);
        tabs.push(tab);
      }
      const [anna, bert] = tabs.map(({ page }) => page);
      const got = (page) => page.evaluate(() => globalThis.got);
      await anna.evaluate((to) => globalThis.nexus.manager.emit("messaging", "USER_TYPING", { receiverId: to }), users[1]);
      await until(async () => (await got(bert)).typing.length === 1, "the typing notice");
      const receipt = await anna.evaluate(
        (to) => globalThis.nexus.manager.emitWithAck("messaging", "NEW_MESSAGE", { receiverId: to, content: "grüß dich 👋", mood: "good" }),
        users[1],
      );
      await until(async () => (await got(anna)).delivered.length === 1, "the delivery notice");
      await bert.evaluate((to) => globalThis.nexus.manager.emit("messaging", "NEW_MESSAGE", { receiverId: to, content: "hallo" }), users[0]);
      await until(async () => (await got(anna)).messages.length === 1, "the answer");
      assert.deepEqual(await got(bert), {
        messages: [[users[0], "grüß dich 👋", "good", 0]],
        typing: [[users[0], true]],
        delivered: (await got(bert)).delivered,
        mirrored: ["grüß dich 👋", "hallo"],
      });
      assert.deepEqual((await got(anna)).messages, [[users[1], "hallo", null, 0]].map(([a, b, , d]) => [a, b, undefined, d]));
      assert.deepEqual((await got(anna)).delivered, [[users[1], receipt.id]]);
      assert.equal(set.scene.proxy.open, 2);
    }));
});

for (const kind of kinds.filter(hasTestEvents)) {
  describe(`React under StrictMode against ${kind}`, () => {
    const show = (page, facts, parts) => page.evaluate(([given, names]) => globalThis.application.show(given, names), [facts, parts]);
    const text = (page, id) => page.locator(`#${id}`).textContent();

    test("has one connection, one listener for each hook, and snapshots that stay", limit, () =>
      stage.with(kind, {}, async (set) => {
        const facts = { ...set.facts, userId: set.facts.user };
        const { page, errors, logs } = await set.visit("react");
        await show(page, facts, ["one"]);
        await until(async () => /^connected (?!offline)\w+ measured$/.test(await text(page, "status")), "the status to be shown");
        assert.deepEqual([set.scene.proxy.total, set.scene.proxy.open], [1, 1]);

        const joined = () => page.evaluate(() => globalThis.application.manager.isJoined("messaging"));
        await until(joined, "the namespace");
        const emit = (value) => page.evaluate((given) => globalThis.application.emit("messaging", "echo", given), value);
        await emit("a");
        await until(async () => (await text(page, "count-one")) === "1", "the first event");
        await emit("b");
        await until(async () => (await text(page, "count-one")) === "2", "the second event");
        assert.deepEqual(await page.evaluate(() => globalThis.application.heard), [["one", "a", 0], ["one", "b", 1]]);
        assert.equal(await page.evaluate(() => globalThis.application.manager.getStats().listeners), 1);

        await show(page, facts, ["one", "two"]);
        await page.locator("#count-two").waitFor({ state: "attached" });
        await emit("c");
        await until(async () => (await text(page, "count-two")) === "1", "the event for the second component");
        assert.equal(await page.evaluate(() => globalThis.application.manager.getStats().listeners), 2);
        await show(page, facts, ["two"]);
        await until(() => page.evaluate(() => globalThis.application.manager.getStats().listeners === 1), "the listener to be gone");
        assert.deepEqual(await page.evaluate(() => globalThis.application.facts()), { managers: 1, emits: 2 });

        await emit("d");
        await until(async () => (await text(page, "count-two")) === "2", "one more event");
        assert.deepEqual(errors, []);
        assert.deepEqual(logs.filter(({ type }) => type === "error" || type === "warning"), []);
        assert.equal(set.scene.proxy.total, 1);
      }));

    test("shows the loss and the return, follows the user, and disconnects when it is unmounted", limit, () =>
      stage.with(kind, {}, async (set) => {
        const facts = { ...set.facts, userId: set.facts.user };
        const { page, errors } = await set.visit("react");
        await show(page, { ...facts, userId: null }, ["one"]);
        await until(async () => (await text(page, "status")).startsWith("disconnected offline none"), "nothing");
        assert.equal(set.scene.proxy.total, 0);
        await show(page, facts, ["one"]);
        const isConnected = async () => (await text(page, "status")).startsWith("connected");
        await until(isConnected, "the connection");
        set.scene.proxy.refuse(true);
        set.scene.proxy.cut();
        await until(async () => (await text(page, "status")).startsWith("reconnecting offline"), "the loss");
        set.scene.proxy.refuse(false);
        await until(isConnected, "the return");
        await show(page, { ...facts, userId: null }, ["one"]);
        await until(async () => (await text(page, "status")).startsWith("disconnected"), "the signing out");
        await until(() => set.scene.proxy.open === 0, "the socket to be closed");
        await show(page, facts, ["one"]);
        await until(isConnected, "the connection");
        await page.evaluate(() => globalThis.application.unmount());
        await until(() => set.scene.proxy.open === 0, "the socket to be closed");
        assert.equal(await page.evaluate(() => globalThis.application.manager.getStats().listeners), 0);
        assert.deepEqual(errors, []);
      }));
  });
}

for (const kind of kinds) {
  describe(`a worker against ${kind}`, () => {
    const names = [
      "connects, with the token in the first message and not in the address",
      "500 acknowledgements under way are told apart",
      "10,000 events of the client come back in order",
      "what is emitted offline is sent later, once and in order",
      "a listener that throws stops nobody",
      ...(hasTestEvents(kind) ? ["binary goes both ways, nested too, and is binary at the server"] : []),
    ];
    for (const name of names) {
      test(name, limit, () =>
        stage.with(kind, {}, async ({ visit, facts }) => {
          const { page, errors } = await visit("worker-page");
          await page.evaluate(([given, more]) => globalThis.runInWorker(given, more), [name, facts]);
          assert.deepEqual(errors, []);
        }));
    }
  });
}

describe("WebAssembly", () => {
  const kind = kinds[0];

  test("that the page's policy forbids is an InitError that says what to do", limit, () =>
    stage.with(kind, {}, async ({ visit, facts, scene }) => {
      const { page } = await visit("page", "script-src 'self'; connect-src ws://127.0.0.1:*");
      const error = await page.evaluate(async (given) => {
        const manager = globalThis.nexus.lib.createManager({ url: given.url });
        const statuses = [];
        manager.addStatusListener((status, reason) => statuses.push([status, reason?.code]));
        const { name, code, message } = await manager.connect(given.user, "t").catch((failure) => failure);
        return { name, code, message, statuses };
      }, facts);
      assert.deepEqual([error.name, error.code], ["InitError", "INIT_FAILED"]);
      assert.match(error.message, /content security policy forbids WebAssembly: add 'wasm-unsafe-eval' to its script-src/);
      assert.deepEqual(error.statuses, [["connecting", null], ["disconnected", "not loaded"]].map(([a, b]) => [a, b ?? undefined]));
      assert.equal(scene.proxy.total, 0);
    }));

  test("is what the slim entry is given", limit, () =>
    stage.with(kind, {}, async ({ visit, facts, scene }) => {
      const { page } = await visit("page");
      const token = await scene.control("token", facts.user);
      const result = await page.evaluate(async ([given, secret]) => {
        const { slim } = globalThis.nexus;
        const manager = slim.createManager({ url: given.url });
        const codes = [];
        await manager.connect(given.user, secret).catch((error) => codes.push(error.code));
        await slim.init("/no-such-file.wasm").catch((error) => codes.push(error.code, error.message));
        await slim.init("/nexus.wasm");
        await slim.init("/no-such-file.wasm");
        await manager.connect(given.user, secret);
        const status = manager.getConnectionStatus();
        manager.close();
        return { codes, status };
      }, [facts, token]);
      assert.deepEqual([result.codes[0], result.codes[1], result.status], ["INIT_FAILED", "INIT_FAILED", "connected"]);
      assert.match(result.codes[2], /404/);
    }));

  test("that panics ends its managers with PanickedError, and a new one works", limit, () =>
    stage.with(kind, {}, async (set) => {
      await set.context.addInitScript(() => {
        const { instantiate } = WebAssembly;
        globalThis.instances = [];
        WebAssembly.instantiate = async (...args) => {
          const result = await instantiate(...args);
          globalThis.instances.push(result.instance ?? result);
          return result;
        };
      });
      const opened = await Stage.connect(set);
      const { page } = opened;
      const result = await page.evaluate(async (facts) => {
        const { manager, environment } = globalThis.nexus;
        const other = await environment.connected();
        const awaited = other.emitWithAck("nowhere", "x").catch((error) => error.name);
        const statuses = [];
        other.addStatusListener((status, reason) => statuses.push([status, reason?.code]));
        // Its memory is overwritten, as by a mistake of its own: the next call runs into nonsense.
        new Uint8Array(globalThis.instances[0].exports.memory.buffer).fill(0x7f);
        let found;
        try {
          manager.getStats();
        } catch (error) {
          found = error;
        }
        const errors = [];
        for (const call of [() => manager.emit("messaging", "x"), () => other.emit("messaging", "x"), () => other.join("messaging"), () => other.connect(facts.user, "t")]) {
          try {
            await call();
            errors.push("none");
          } catch (error) {
            errors.push(error.name);
          }
        }
        const end = await awaited;
        manager.close();
        other.close();
        const fresh = await environment.connected();
        const answer = await environment.dialect.request(fresh, 5);
        return { found: found && [found.name, found.code, found.message], errors, statuses, end, answer, fresh: fresh.getConnectionStatus() };
      }, set.facts);
      assert.deepEqual(result.found?.slice(0, 2), ["PanickedError", "PANICKED"]);
      assert.match(result.found[2], /^the realtime client has panicked: ./);
      assert.deepEqual(result.errors, Array(4).fill("PanickedError"));
      assert.deepEqual([result.statuses, result.end], [[["disconnected", "panicked"]], "PanickedError"]);
      assert.deepEqual([result.answer, result.fresh], [5, "connected"]);
      await until(() => set.scene.proxy.open === 1, "the sockets of the old ones to be closed");
      assert.deepEqual(opened.errors, []);
    }));
});

describe("logs", () => {
  for (const kind of kinds) {
    test(`of localStorage.debug have neither tokens nor payloads (${kind})`, limit, () =>
      stage.with(kind, {}, async (set) => {
        const token = await set.scene.control("token", set.facts.user);
        const opened = await set.visit("page");
        const { page, logs } = opened;
        await page.evaluate(() => localStorage.setItem("debug", "websocket:*,-websocket:quality"));
        await page.evaluate((facts) => globalThis.nexus.start(facts), set.facts);
        await page.evaluate(async () => {
          const { manager, environment } = globalThis.nexus;
          globalThis.nexus.send("secret-payload");
          await environment.dialect.request(manager, "secret-payload");
          await manager.connect("someone-else", "secret-token").catch(() => {});
        });
        const lines = logs.filter(({ type }) => type === "debug").map(({ text }) => text);
        assert.ok(lines.some((line) => line.startsWith("websocket:connection") && line.includes("connected")), lines.join("\n"));
        assert.ok(lines.some((line) => line.startsWith("websocket:events")), lines.join("\n"));
        assert.ok(!lines.some((line) => line.startsWith("websocket:quality")), "an area that was left out");
        const all = logs.map(({ text }) => text).join("\n");
        for (const secret of [token, "secret-token", "secret-payload"]) assert.ok(!all.includes(secret), all);
      }));
  }
});
