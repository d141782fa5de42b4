import assert from "node:assert/strict";
import { test } from "node:test";
import { ConfigError } from "../../src/errors.ts";
import { checkOptions, coreOptions, sameOptions } from "../../src/options.ts";
import { failureOf, harness } from "./fake.ts";

const refused = (code: string, options: object): void => {
  assert.throws(
    () => checkOptions(options),
    (error) => error instanceof ConfigError && error.code === code,
    JSON.stringify(options),
  );
};

test("addresses that are none are refused when the manager is made", () => {
  for (const url of ["localhost:3000", "example.com", "", "//example.com", "ftp://example.com", "http://", "mailto:a@b.c"]) {
    refused("INVALID_URL", { url });
  }
  refused("INVALID_URL", { url: 3000 });
  refused("URL_WITH_PATH", { url: "https://example.com/socket.io" });
  for (const url of ["http://localhost:3000", "https://example.com/", "wss://[::1]:1?a=b", undefined]) checkOptions({ url });
});

test("values that can't be used are refused by name", () => {
  refused("INVALID_OPTION", { connectTimeout: "45s" });
  refused("INVALID_OPTION", { reconnect: { maxDelay: -1 } });
  refused("INVALID_OPTION", { queue: { ttl: Number.NaN } });
  refused("INVALID_OPTION", { queue: { overflow: "drop-newest" } });
  refused("INVALID_OPTION", { WebSocket: {} });
  for (const key of ["token", "userId", "pid", "offset", "nx"]) refused("RESERVED_AUTH_FIELD", { auth: { [key]: 1 } });
  checkOptions({ reconnect: { maxAttempts: undefined, maxDelay: Infinity }, queue: { overflow: "drop-oldest" } });
});

test("the core gets defined values, and auth fields as JSON", () => {
  const given = {
    url: "http://localhost:1",
    path: undefined,
    lifecycle: false,
    WebSocket: class {},
    auth: { device: { id: 1 }, nothing: undefined },
    reconnect: { maxDelay: 5, maxAttempts: undefined },
  };
  assert.deepEqual(coreOptions(given), {
    url: "http://localhost:1",
    authJson: { device: '{"id":1}' },
    reconnect: { maxDelay: 5 },
  });
  const cyclic: Record<string, unknown> = {};
  cyclic["self"] = cyclic;
  assert.throws(() => coreOptions({ url: "http://localhost:1", auth: { cyclic } }), ConfigError);
});

test("endless is what the core takes for it", () => {
  assert.deepEqual(coreOptions({ url: "http://a", reconnect: { maxAttempts: Infinity, maxDelay: Infinity } }), {
    url: "http://a",
    authJson: {},
    reconnect: { maxDelay: Number.MAX_SAFE_INTEGER },
  });
});

test("without an address it is the page's, and without a page an error", () => {
  assert.throws(() => coreOptions({}), (error) => error instanceof ConfigError && error.code === "INVALID_URL");
  try {
    Object.assign(globalThis, { location: { origin: "https://page.example" } });
    assert.equal((coreOptions({}) as { url: string }).url, "https://page.example");
    Object.assign(globalThis, { location: { origin: "null" } });
    assert.throws(() => coreOptions({}), ConfigError);
  } finally {
    Reflect.deleteProperty(globalThis, "location");
  }
});

test("the same options in another order are the same", () => {
  assert.ok(sameOptions({ path: "/a/", auth: { x: 1, y: [1] } }, { auth: { y: [1], x: 1 }, path: "/a/" }));
  assert.ok(!sameOptions({ auth: { x: 1 } }, { auth: { x: 2 } }));
});

test("a connection without a WebSocket anywhere is refused, and says what to do", async () => {
  const { manager, loads } = harness({ WebSocket: undefined });
  // Later versions of Node have one.
  const original = Object.getOwnPropertyDescriptor(globalThis, "WebSocket");
  Object.defineProperty(globalThis, "WebSocket", { value: undefined, configurable: true });
  const error = await failureOf(manager.connect("ada", "secret"));
  Reflect.deleteProperty(globalThis, "WebSocket");
  if (original) Object.defineProperty(globalThis, "WebSocket", original);
  assert.equal(error.code, "INVALID_OPTION");
  assert.match(error.message, /`ws`/);
  assert.equal(loads(), 0);
  assert.equal(manager.getConnectionStatus(), "disconnected");
});

test("configure works before and between connections, and repeats itself in one without harm", async () => {
  const { manager, connected, clients, settled } = harness();
  manager.configure({ path: "/rt/" });
  manager.on("chat", "news", () => {});
  const first = await connected();
  assert.equal(first.options["path"], "/rt/");
  manager.configure({ path: "/rt/", url: "http://localhost:1" });
  assert.throws(() => manager.configure({ path: "/other/" }), ConfigError);
  assert.throws(() => manager.configure({ url: "nowhere" }), ConfigError);
  manager.disconnect();
  manager.configure({ path: "/other/" });
  assert.deepEqual(first.of("close"), [[]]);
  await settled();
  assert.ok(first.isFreed);
  const second = await connected();
  assert.notEqual(first, second);
  assert.equal(second.options["path"], "/other/");
  assert.deepEqual(second.listening, ["chat news"]);
  assert.equal(clients().length, 2);
});
