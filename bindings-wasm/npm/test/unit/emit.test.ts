import assert from "node:assert/strict";
import { test } from "node:test";
import { AckError, EmitError, makeError, ReplyError } from "../../src/errors.ts";
import { args } from "../../src/payload.ts";
import type { Notice } from "../../src/types.ts";
import { FakeClient, failureOf, gate, harness, settled } from "./fake.ts";

test("before any connect there is nobody on whose behalf to send", async () => {
  const { manager } = harness();
  assert.throws(() => manager.emit("chat", "hello"), (error) => error instanceof EmitError && error.code === "NO_USER");
  assert.equal((await failureOf(manager.emitWithAck("chat", "hello"))).code, "NO_USER");
});

test("options reach the core as it takes them", async () => {
  const { manager, connected } = harness();
  const client = await connected();
  const { NaN: none } = Number;
  assert.equal(manager.emit("/chat", "a"), "transmitted");
  manager.emit("/", "b", args(1, 2), { volatile: true, ttl: 50 });
  manager.emit("chat", "c", undefined, { ttl: -1 });
  manager.emit("chat", "d", new Uint8Array([1]));
  void manager.emitWithAck("chat", "e", 1).catch(() => {});
  void manager.emitWithAck("chat", "f", 1, { timeout: 20, ttl: Infinity }).catch(() => {});
  void manager.emitWithAck("chat", "g", 1, { timeout: none }).catch(() => {});
  assert.deepEqual(client.of("emit"), [
    ["chat", "a", "[]", undefined, 0, none, none],
    ["/", "b", "[1,2]", undefined, 1, 50, none],
    ["chat", "c", "[]", undefined, 0, none, none],
    ["chat", "d", '[{"_placeholder":true,"num":0}]', [new Uint8Array([1])], 0, none, none],
    ["chat", "e", "[1]", undefined, 0, none, -1],
    ["chat", "f", "[1]", undefined, 0, 30 * 86_400_000, 20],
    ["chat", "g", "[1]", undefined, 0, none, -1],
  ]);
  manager.close();
});

test("a refusal of the core is thrown, and rejects where an acknowledgement is awaited", async () => {
  const { manager, connected } = harness();
  const client = await connected();
  const refusal = makeError("emit", "QUEUE_FULL", "full", { isRetryable: true });
  client.failNext = refusal;
  assert.throws(() => manager.emit("chat", "a"), (error) => error === refusal);
  client.failNext = refusal;
  assert.equal(await failureOf(manager.emitWithAck("chat", "a")), refusal);
  assert.equal((await failureOf(manager.emitWithAck("chat", "a", 1n))).code, "NOT_ENCODABLE");
});

test("an acknowledgement resolves with its first argument, binary parts included", async () => {
  const { manager, connected } = harness();
  const client = await connected();
  const acked = [manager.emitWithAck("chat", "a"), manager.emitWithAck("chat", "b"), manager.emitWithAck("chat", "c")];
  const ids = [2, 3, 4];
  client.hooks.ackResolved(ids[1]!, undefined, "[]", undefined);
  client.hooks.ackResolved(ids[0]!, undefined, '[{"ok":true},2]', undefined);
  client.hooks.ackResolved(ids[2]!, undefined, '[{"_placeholder":true,"num":0}]', [new Uint8Array([3])]);
  client.hooks.ackResolved(999, undefined, "[]", undefined);
  assert.deepEqual(await acked[0], { ok: true });
  assert.equal(await acked[1], undefined);
  assert.deepEqual([...new Uint8Array(await acked[2])], [3]);
  const timed = manager.emitWithAck("chat", "d");
  const error = makeError("ack", "TIMED_OUT", "late", { isUnsent: false });
  client.hooks.ackResolved(5, error, undefined, undefined);
  assert.equal(await failureOf(timed), error);
});

test("a signal that has aborted sends nothing; one that aborts takes the message back", async () => {
  const { manager, connected } = harness();
  const client = await connected();
  const never = await failureOf(manager.emitWithAck("chat", "a", 1, { signal: AbortSignal.abort("why") }));
  assert.ok(never instanceof AckError && never.code === "CANCELLED" && never.isUnsent);
  assert.equal(never.cause, "why");
  assert.equal(client.of("emit").length, 0);

  const controller = new AbortController();
  const sent = manager.emitWithAck("chat", "a", 1, { signal: controller.signal });
  controller.abort("changed my mind");
  const error = await failureOf(sent);
  assert.ok(error instanceof AckError && error.code === "CANCELLED" && !error.isUnsent);
  assert.equal(error.cause, "changed my mind");
  assert.equal(client.of("cancel").length, 1);
});

test("a signal is let go of when the wait is over", async () => {
  const { manager, connected } = harness();
  const client = await connected();
  const { signal } = new AbortController();
  let listening = 0;
  const { addEventListener, removeEventListener } = signal;
  signal.addEventListener = (...all: Parameters<typeof addEventListener>) => (listening++, addEventListener.apply(signal, all));
  signal.removeEventListener = (...all: Parameters<typeof removeEventListener>) => (listening--, removeEventListener.apply(signal, all));
  const acked = manager.emitWithAck("chat", "a", 1, { signal });
  assert.equal(listening, 1);
  client.hooks.ackResolved(2, undefined, "[1]", undefined);
  await acked;
  assert.equal(listening, 0);
  client.failNext = makeError("emit", "TOO_LARGE", "large");
  await failureOf(manager.emitWithAck("chat", "a", 1, { signal }));
  assert.equal(listening, 0);
  manager.on("chat", "x", () => {}, { signal })();
  assert.equal(listening, 0);
  await manager.events("chat", "x", { signal }).return();
  assert.equal(listening, 0);
});

test("while loading, the queue has its bounds, and can be looked into", async () => {
  const loaded = gate();
  const { manager, clients } = harness({ queue: { maxMessages: 2 } }, () => loaded.opened);
  void manager.connect("ada", "secret").catch(() => {});
  manager.emit("chat", "a", "x");
  const acked = manager.emitWithAck("chat", "b");
  assert.throws(
    () => manager.emit("chat", "c"),
    (error) => error instanceof EmitError && error.code === "QUEUE_FULL" && error.isRetryable,
  );
  assert.throws(() => manager.emit("chat", "disconnect"), (error) => (error as EmitError).code === "RESERVED_EVENT");
  assert.equal(manager.emit("chat", "v", 1, { volatile: true }), "dropped");
  assert.equal((await failureOf(manager.emitWithAck("chat", "v", 1, { volatile: true }))).code, "NOT_WRITABLE");
  const [first, second] = manager.queue.messages();
  assert.deepEqual([first?.event, first?.awaitsAck, second?.event, second?.awaitsAck], ["a", false, "b", true]);
  assert.equal(manager.queue.size, 2);
  assert.ok(manager.queue.bytes > 0);
  assert.equal(manager.getStats().queuedMessages, 2);
  assert.ok(manager.queue.cancel(second!.id));
  assert.equal(manager.queue.cancel(second!.id), false);
  const error = await failureOf(acked);
  assert.ok(error instanceof AckError && error.code === "CANCELLED" && error.isUnsent);
  loaded.open();
  await settled();
  assert.equal(clients()[0]!.of("emit").length, 1);
  assert.ok(manager.queue.cancel(first!.id), "its id still names it");
  assert.equal(manager.queue.size, 0);
  manager.close();
});

test("while loading, a full queue may drop the oldest, and says so", async () => {
  const loaded = gate();
  const { manager, clients } = harness({ queue: { maxMessages: 1, overflow: "drop-oldest" } }, () => loaded.opened);
  const notices: Notice[] = [];
  manager.addNoticeListener((notice) => notices.push(notice));
  void manager.connect("ada", "secret").catch(() => {});
  const acked = manager.emitWithAck("chat", "old");
  manager.emit("chat", "new");
  const error = await failureOf(acked);
  assert.ok(error instanceof AckError && error.code === "NOT_SENT" && error.isUnsent);
  assert.deepEqual(notices.map((notice) => notice.type === "messageDropped" && [notice.event, notice.reason]), [["old", "the queue overflowed"]]);
  loaded.open();
  await settled();
  assert.deepEqual(clients()[0]!.of("emit").map(([, event]) => event), ["new"]);
  manager.close();
});

test("while loading, an event larger than the queue is refused, and drops nothing", () => {
  const { manager } = harness({ queue: { maxBytes: 100, overflow: "drop-oldest" } });
  void manager.connect("ada", "secret").catch(() => {});
  manager.emit("chat", "a");
  assert.throws(() => manager.emit("chat", "b", new Uint8Array(200)), (error) => (error as EmitError).code === "QUEUE_FULL");
  assert.equal(manager.queue.size, 1);
  assert.equal(manager.queue.clear(), 1);
  manager.close();
});

test("while loading, time to live and timeouts run", async (context) => {
  context.mock.timers.enable({ apis: ["setTimeout"] });
  const loaded = gate();
  const { manager, clients } = harness({ ackTimeout: 500 }, () => loaded.opened);
  void manager.connect("ada", "secret").catch(() => {});
  let now = performance.now();
  context.mock.method(performance, "now", () => now);
  const notices: string[] = [];
  manager.addNoticeListener((notice) => void (notice.type === "messageDropped" && notices.push(notice.event)));
  const acked = [manager.emitWithAck("chat", "short", 1, { timeout: 100 }), manager.emitWithAck("chat", "long")];
  manager.emit("chat", "mortal", 1, { ttl: 100 });
  manager.emit("chat", "lasting", 1, { ttl: 1000 });
  now += 100;
  context.mock.timers.tick(100);
  const error = await failureOf(acked[0]!);
  assert.ok(error instanceof AckError && error.code === "TIMED_OUT" && error.isUnsent);
  loaded.open();
  await settled();
  const emits = clients()[0]!.of("emit");
  assert.deepEqual(emits.map(([, event]) => event), ["long", "lasting"]);
  assert.equal(Math.round(emits[0]![6] as number), 400, "what is left of the timeout");
  assert.equal(Math.round(emits[1]![5] as number), 900, "what is left of the time to live");
  assert.deepEqual(notices, ["short", "mortal"]);
  void acked[1]!.catch(() => {});
  manager.close();
});

test("what the core refuses of the kept rejects, or is noticed, and the rest is sent", async () => {
  const { manager, clients } = harness();
  const refusal = makeError("emit", "TOO_LARGE", "too large");
  FakeClient.refused.set("large", refusal);
  try {
    void manager.connect("ada", "secret").catch(() => {});
    const notices: Notice[] = [];
    manager.addNoticeListener((notice) => notices.push(notice));
    manager.emit("chat", "large");
    const acked = manager.emitWithAck("chat", "large");
    manager.emit("chat", "small");
    assert.equal(await failureOf(acked), refusal);
    assert.deepEqual(notices.map((notice) => notice.type === "messageDropped" && notice.reason), ["too large"]);
    assert.deepEqual(clients()[0]!.of("emit").map(([, event]) => event), ["large", "large", "small"]);
    assert.deepEqual(manager.queue.messages().map(({ event }) => event), ["small"]);
  } finally {
    FakeClient.refused.clear();
  }
  manager.close();
});

test("a handler acknowledges with the function that follows the arguments", async (context) => {
  const errors = context.mock.method(console, "error", () => {});
  const { manager, connected } = harness();
  const client = await connected();
  const failures: unknown[] = [];
  manager.on("chat", "ask", (question: string, ack: (...values: unknown[]) => void) => {
    if (question === "bytes") ack(new Uint8Array([1]), 2);
    else if (question === "cyclic") {
      const cyclic: unknown[] = [];
      cyclic.push(cyclic);
      try {
        ack(cyclic);
      } catch (error) {
        failures.push(error);
      }
    } else ack();
  });
  client.event("chat", "ask", '["bytes"]', undefined, 1);
  client.event("chat", "ask", '["nothing"]', undefined, 2);
  client.event("chat", "ask", '["cyclic"]', undefined, 3);
  assert.deepEqual(client.of("reply"), [
    [1, '[{"_placeholder":true,"num":0},2]', [new Uint8Array([1])]],
    [2, "[]", undefined],
  ]);
  assert.ok(failures[0] instanceof ReplyError && failures[0].code === "NOT_ENCODABLE");
  const gone = makeError("reply", "GONE", "gone");
  client.failNext = gone;
  client.event("chat", "ask", '["nothing"]', undefined, 4);
  assert.equal(errors.mock.calls[0]?.arguments[0], gone);
});

test("names beyond the bound have the core forget, and go on working", async () => {
  const { manager, connected } = harness();
  const client = await connected();
  for (let index = 0; index <= 1000; index++) manager.emit("chat", `event ${index}`);
  manager.emit("chat", "event 0");
  assert.equal(client.of("forgetNames").length, 1);
  assert.deepEqual(client.names, [["chat", "event 1000"], ["chat", "event 0"]]);
  assert.deepEqual(client.of("emit").slice(-2).map(([, event]) => event), ["event 1000", "event 0"]);
});
