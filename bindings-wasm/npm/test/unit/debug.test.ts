import assert from "node:assert/strict";
import { afterEach, mock, test } from "node:test";
import { Log, matches } from "../../src/debug.ts";
import { harness } from "./fake.ts";

afterEach(() => {
  mock.restoreAll();
  Reflect.deleteProperty(globalThis, "localStorage");
});

const store = (value: unknown): void => {
  const localStorage = { getItem: () => value };
  Object.defineProperty(globalThis, "localStorage", { value: localStorage, configurable: true, writable: true });
};

test("patterns are those of npm's debug", () => {
  for (const [patterns, expected] of [
    ["websocket:*", true],
    ["*", true],
    ["websocket:events", true],
    ["other, websocket:e*", true],
    ["other websocket:*s", true],
    ["web*:*vent*", true],
    ["websocket:*,-websocket:events", false],
    ["-websocket:events,websocket:*", false],
    ["websocket", false],
    ["websocket:event", false],
    ["events*", false],
    ["", false],
    ["-", false],
  ] as const) {
    assert.equal(matches(patterns, "websocket:events"), expected, patterns);
  }
  assert.equal(matches("ab*b", "ab"), false);
});

test("the page's setting is read, and a call overrides it", () => {
  const log = new Log();
  store("websocket:*,-websocket:quality");
  log.read();
  assert.deepEqual([log.connection, log.events, log.quality], [true, true, false]);
  log.force(false);
  log.read();
  assert.deepEqual([log.connection, log.events, log.quality], [false, false, false]);
});

test("a storage that may not be read, or has nonsense, is no storage", () => {
  Object.defineProperty(globalThis, "localStorage", {
    configurable: true,
    get: () => {
      throw new Error("SecurityError");
    },
  });
  const log = new Log();
  log.read();
  assert.equal(log.connection, false);
  store(17);
  log.read();
  assert.equal(log.connection, false);
});

test("logs tell what happens, and neither tokens nor payloads", async () => {
  const lines: string[] = [];
  mock.method(console, "debug", (...parts: unknown[]) => lines.push(parts.map((part) => JSON.stringify(part)).join(" ")));
  store("websocket:*");
  const { manager, connected } = harness();
  manager.on("chat", "news", () => {});
  const client = await connected();
  manager.emit("chat", "hello", { content: "PAYLOAD" });
  client.event("chat", "news", '["PAYLOAD"]');
  client.hooks.notice({ type: "joined", namespace: "chat", sid: "x", continuity: "first" });
  client.hooks.quality("good");
  const text = lines.join("\n");
  for (const part of ["connecting", "connected", "transmitted", "hello", "received", "news", "joined", "good"]) {
    assert.match(text, new RegExp(part));
  }
  assert.doesNotMatch(text, /PAYLOAD|secret/);
});
