import assert from "node:assert/strict";
import { afterEach, beforeEach, test } from "node:test";
import { harness } from "./fake.ts";

// A page, as far as the package looks at it.
const page = Object.assign(new EventTarget(), { visibilityState: "visible" });
const scope = new EventTarget();
const originals = new Map<string, PropertyDescriptor | undefined>();

const define = (name: string, value: unknown): void => {
  originals.set(name, Object.getOwnPropertyDescriptor(globalThis, name));
  Object.defineProperty(globalThis, name, { value, configurable: true, writable: true });
};

beforeEach(() => {
  define("document", page);
  define("navigator", { onLine: true });
  define("addEventListener", scope.addEventListener.bind(scope));
  page.visibilityState = "visible";
});

afterEach(() => {
  for (const [name, original] of originals) {
    Reflect.deleteProperty(globalThis, name);
    if (original) Object.defineProperty(globalThis, name, original);
  }
  originals.clear();
});

const fire = (target: EventTarget, type: string, fields: object = {}): void => {
  target.dispatchEvent(Object.assign(new Event(type), fields));
};

test("the page's events reach the core as what they mean", async () => {
  const { manager, connected } = harness({ lifecycle: true });
  const client = await connected();
  client.calls.length = 0;
  const expect = (...expected: unknown[][]): void => {
    assert.deepEqual(client.calls, expected);
    client.calls.length = 0;
  };
  fire(scope, "offline");
  expect(["networkChanged", false]);
  fire(scope, "online");
  expect(["networkChanged", true]);
  page.visibilityState = "hidden";
  fire(page, "visibilitychange");
  expect(["enterBackground"]);
  page.visibilityState = "visible";
  fire(page, "visibilitychange");
  expect(["enterForeground"]);
  fire(page, "freeze");
  expect(["suspend"]);
  fire(page, "resume");
  expect(["enterForeground"]);
  fire(scope, "pagehide", { persisted: false });
  fire(scope, "pageshow", { persisted: false });
  expect();
  fire(scope, "pagehide", { persisted: true });
  expect(["suspend"]);
  fire(scope, "pageshow", { persisted: true });
  expect(["enterForeground"]);
  manager.disconnect();
  client.calls.length = 0;
  fire(scope, "online");
  fire(page, "resume");
  expect();
});

test("connecting again watches once", async () => {
  const { manager, connected } = harness({ lifecycle: true });
  const client = await connected();
  manager.disconnect();
  await connected();
  await manager.connect("ada", "newer");
  client.calls.length = 0;
  fire(scope, "online");
  assert.deepEqual(client.calls, [["networkChanged", true]]);
  manager.close();
  client.calls.length = 0;
  fire(scope, "online");
  assert.deepEqual(client.calls, []);
});

test("a page that is offline from the start says so", async () => {
  define("navigator", { onLine: false });
  const { connected } = harness({ lifecycle: true });
  assert.deepEqual((await connected()).of("networkChanged"), [[false]]);
});

test("with the option off, the page is not looked at", async () => {
  const { connected } = harness({ lifecycle: false });
  const client = await connected();
  client.calls.length = 0;
  fire(scope, "offline");
  fire(page, "freeze");
  assert.deepEqual(client.calls, []);
});

test("a worker has its network alone, and other places nothing", async () => {
  define("document", undefined);
  const worker = harness({ lifecycle: true });
  const client = await worker.connected();
  fire(scope, "offline");
  assert.deepEqual(client.of("networkChanged"), [[false]]);
  define("addEventListener", undefined);
  const elsewhere = harness({ lifecycle: true });
  await elsewhere.connected();
});
