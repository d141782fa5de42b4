import assert from "node:assert/strict";
import { test } from "node:test";
import { PanickedError } from "../../src/errors.ts";
import { FakeClient, FakeSocket, failureOf, harness, settled } from "./fake.ts";

test("a trap ends the manager: what waits is rejected, sockets are closed, every call is refused", async () => {
  const { manager, connected, instance } = harness();
  const client = await connected();
  client.hooks.openSocket(1, "ws://localhost:1/");
  const socket = FakeSocket.last!;
  const acked = manager.emitWithAck("chat", "a");
  const joining = manager.join("chat");
  const events = manager.events("chat", "news");
  const next = events.next();
  const idle = manager.events("chat", "news");
  const reasons: unknown[] = [];
  manager.addStatusListener((status, reason) => reasons.push([status, reason?.code]));
  client.failNext = new WebAssembly.RuntimeError("unreachable");
  assert.throws(() => manager.emit("chat", "b"), PanickedError);
  const failures = await Promise.all([acked, joining, next, idle.next()].map(failureOf));
  assert.deepEqual(failures, [instance.panic, instance.panic, instance.panic, instance.panic]);
  assert.equal((await idle.next()).done, true);
  assert.deepEqual(reasons, [["disconnected", "panicked"]]);
  assert.ok(socket.isClosed);
  assert.deepEqual([socket.onopen, socket.onmessage, socket.onclose, socket.onerror], [null, null, null, null]);
  assert.equal(client.of("close").length, 0, "a dead instance is not called");
  await settled();
  assert.equal(client.isFreed, false);
  for (const call of [
    () => manager.emit("chat", "a"),
    () => manager.on("chat", "news", () => {}),
    () => manager.networkChanged(true),
    () => manager.configure({}),
  ]) {
    assert.throws(call, PanickedError);
  }
  assert.ok((await failureOf(manager.connect("ada", "secret"))) instanceof PanickedError);
  manager.off("chat", "news");
  manager.removeStatusListener(() => {});
  manager.disconnect();
  manager.close();
  assert.equal(manager.getConnectionStatus(), "disconnected");
  assert.equal(manager.getAverageLatency(), null);
});

test("a panic that a callback of the platform ran into ends all managers of the instance", async () => {
  const { manager, connected, instance } = harness();
  await connected();
  const acked = manager.emitWithAck("chat", "a");
  instance.kill("out of range");
  assert.throws(() => manager.emit("chat", "a"), /out of range/);
  assert.ok((await failureOf(acked)) instanceof PanickedError);
});

test("a trap while a call of connect is handed over", async (context) => {
  const { manager, instance } = harness();
  context.mock.method(FakeClient.prototype, "connect", () => {
    throw new WebAssembly.RuntimeError("unreachable");
  });
  assert.ok((await failureOf(manager.connect("ada", "secret"))) instanceof PanickedError);
  assert.ok(instance.panic);
});

test("traps when closing stay inside", async () => {
  const { manager, connected, instance } = harness();
  const client = await connected();
  manager.disconnect();
  client.failNext = new WebAssembly.RuntimeError("unreachable");
  manager.close();
  assert.ok(instance.panic);
  assert.throws(() => manager.emit("chat", "a"), PanickedError);
  await settled();
  assert.equal(client.isFreed, false);
});

test("whatever else has torn through the core's frames is a panic as well", async () => {
  const { manager, connected, instance } = harness();
  const client = await connected();
  client.failNext = new TypeError("of the platform");
  assert.throws(() => manager.emit("chat", "a"), PanickedError);
  assert.match(instance.panic!.message, /of the platform/);
  assert.throws(() => manager.emit("chat", "a"), (error) => error === instance.panic);
});
