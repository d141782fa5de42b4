import assert from "node:assert/strict";
import { test } from "node:test";
import type { StoreChange, StoredMessage } from "../../src/store/types.ts";
import { EmitError } from "../../src/errors.ts";
import { hasExpectedShape, isFurther } from "../../src/store/database.ts";
import type { DurableStore, OutboxOwner } from "../../src/store/types.ts";
import type { Notice } from "../../src/types.ts";
import { failureOf, gate, harness, settled } from "./fake.ts";

/** A store that does what it is told to. */
class Shelf implements DurableStore {
  readonly calls: unknown[] = [];
  owner: OutboxOwner | undefined;
  failure: unknown;
  waiting: Promise<void> = Promise.resolve();

  async open(owner: OutboxOwner): Promise<{ messages: StoredMessage[]; positions: [string, string][]; unreadable: number }> {
    this.owner = owner;
    await this.#called("open", owner.server, owner.userId, owner.instance);
    const message = { instance: "a", namespace: "chat", id: 1, event: "e", args: '"ü"', emittedAt: 1, expiresAt: 2 };
    return { messages: [message], positions: [["chat", "k-1"]], unreadable: 1 };
  }

  commit(changes: readonly StoreChange[]): Promise<void> {
    return this.#called("commit", changes);
  }

  close(): Promise<void> {
    return this.#called("close");
  }

  async #called(...call: unknown[]): Promise<void> {
    await this.waiting;
    this.calls.push(call);
    if (this.failure !== undefined) throw this.failure;
  }
}

const message = { instance: "a", namespace: "chat", id: 1, event: "e", args: '"ü"', emittedAt: 1, expiresAt: 2 };
const none = undefined;

test("where there is no store, durable emits are refused, before and after loading", async () => {
  const { manager, connected } = harness();
  const isRefused = (error: unknown): boolean => error instanceof EmitError && error.code === "NO_DURABLE_STORE";
  void manager.connect("ada", "secret").catch(() => {});
  assert.throws(() => manager.emit("chat", "a", 1, { delivery: "durable" }), isRefused);
  const client = await connected();
  assert.equal(client.options["hasStore"], none);
  manager.close();
});

test("a durable emit tells how far it is, and how it ended", async () => {
  const { manager, connected } = harness({ store: new Shelf() });
  const client = await connected();
  assert.equal(client.options["hasStore"], true);
  const notices: Notice[] = [];
  manager.addNoticeListener((notice) => notices.push(notice));
  const emit = manager.emit("chat", "order", { n: 1 }, { delivery: "durable", ttl: 50 });
  assert.deepEqual(client.of("emit"), [["chat", "order", '[{"n":1}]', none, 2, 50, Number.NaN]]);
  const statuses: string[] = [emit.status.status];
  emit.onStatus(({ status }) => statuses.push(status));
  client.hooks.delivery(emit.id, "persisted", none, none, none, none);
  await emit.accepted;
  client.hooks.delivery(emit.id, "sent", none, none, none, none);
  client.hooks.delivery(emit.id, "acked", none, none, '[{"ok":true},2]', none);
  assert.deepEqual(await emit.outcome, { status: "acked", value: { ok: true } });
  assert.deepEqual(statuses, ["queued", "persisted", "sent", "acked"]);
  const told = notices.flatMap((notice) => (notice.type === "delivery" ? [[notice.id, notice.delivery.status]] : []));
  assert.deepEqual(told, ["queued", "persisted", "sent", "acked"].map((status) => [emit.id, status]));
  client.hooks.delivery(999, "unknown", none, none, none, none);
  manager.close();
});

test("one that is not accepted rejects, and says so in its outcome", async () => {
  const { manager, connected } = harness({ store: new Shelf() });
  const client = await connected();
  const emits = [0, 1, 2].map(() => manager.emit("chat", "order", 1, { delivery: "durable" }));
  client.hooks.delivery(emits[0]!.id, "rejected", none, "STORAGE_FULL", "[]", none);
  client.hooks.delivery(emits[1]!.id, "expired", false, none, none, none);
  assert.equal((await failureOf(emits[0]!.accepted)).code, "STORAGE_FULL");
  assert.deepEqual(await emits[0]!.outcome, { status: "rejected", code: "STORAGE_FULL", value: none });
  assert.equal((await failureOf(emits[1]!.accepted)).code, "EXPIRED");
  assert.deepEqual(await emits[1]!.outcome, { status: "expired", isSent: false });
  assert.ok(emits[2]!.cancel());
  assert.deepEqual(client.of("cancel"), [[emits[2]!.id]]);
  manager.close();
  assert.equal((await failureOf(emits[2]!.outcome)).code, "CLOSED");
});

test("while loading, durable emits wait as others do", async () => {
  const loaded = gate();
  const { manager, clients } = harness({ store: new Shelf() }, () => loaded.opened);
  void manager.connect("ada", "secret").catch(() => {});
  const [sent, cancelled, lost] = ["sent", "cancelled", "lost"].map((event) => manager.emit("chat", event, 1, { delivery: "durable" }));
  assert.deepEqual(manager.queue.messages().map(({ delivery, isAccepted }) => [delivery, isAccepted]), Array(3).fill(["durable", false]));
  assert.ok(cancelled!.cancel());
  assert.equal((await failureOf(cancelled!.accepted)).code, "CANCELLED");
  assert.deepEqual(await cancelled!.outcome, { status: "cancelled", isSent: false });
  loaded.open();
  await settled();
  const client = clients()[0]!;
  assert.deepEqual(client.of("emit").map(([, event, , , flags, ttl]) => [event, flags, ttl]), [["sent", 2, Number.NaN], ["lost", 2, Number.NaN]]);
  assert.ok(sent!.id > 0);
  client.hooks.delivery(sent!.id, "persisted", none, none, none, none);
  await sent!.accepted;
  void manager.connect("bob", "secret").catch(() => {});
  assert.equal((await failureOf(lost!.outcome)).code, "USER_CHANGED");
  manager.close();
});

test("the store gets its work one after another, and its answers reach the core", async () => {
  const store = new Shelf();
  const { manager, connected } = harness({ store });
  const client = await connected();
  const wait = gate();
  store.waiting = wait.opened;
  client.hooks.store(1, { type: "open", userId: "ada", instance: "x" });
  client.hooks.store(2, { type: "commit", changes: [{ type: "remove", instance: "x", namespace: "chat", id: 1 }] });
  await settled();
  store.owner!.adopted([message]);
  assert.deepEqual(client.of("storeAnswered"), []);
  wait.open();
  await settled();
  assert.deepEqual(store.calls, [["open", "http://localhost:1/socket.io/", "ada", "x"], ["commit", [{ type: "remove", instance: "x", namespace: "chat", id: 1 }]]]);
  const measured = { ...message, size: 4, mayEndInMarker: false };
  assert.deepEqual(client.of("storeAnswered"), [[1, { messages: [measured], positions: [["chat", "k-1"]], unreadable: 1 }], [2, none]]);
  assert.deepEqual(client.of("storeAdopted"), [[[measured]]]);

  store.failure = Object.assign(new Error("no space"), { code: "STORAGE_FULL" });
  client.hooks.store(3, { type: "commit", changes: [] });
  await settled();
  store.failure = "odd";
  client.hooks.store(4, { type: "commit", changes: [] });
  await settled();
  assert.deepEqual(client.of("storeFailed"), [[3, "STORAGE_FULL", "no space"], [4, "STORAGE_UNAVAILABLE", "odd"]]);
  store.failure = none;
  const { owner } = store;
  manager.close();
  await settled();
  assert.deepEqual(store.calls.at(-1), ["close"]);
  owner!.adopted([message]);
  await settled();
  assert.equal(client.of("storeAdopted").length, 1, "nobody is there to take it");
});

test("the options of a store are checked, and compared by what they mean", () => {
  for (const store of [1, "x", null, true]) {
    assert.throws(() => harness({ store: store as never }), (error) => (error as { code: string }).code === "INVALID_OPTION");
  }
  const { manager } = harness({ store: { name: "a" } });
  manager.configure({ store: { name: "a" } });
  manager.close();
});

test("positions and records are told apart", () => {
  assert.deepEqual([isFurther("k-10", "k-9"), isFurther("k-9", "k-10"), isFurther("k-9", "k-9"), isFurther("j-1", "k-9"), isFurther("a-b-2", "a-b-1"), isFurther("k-1", none)], [true, false, false, true, true, true]);
  const { instance: _instance, namespace: _namespace, id: _id, ...record } = message;
  assert.ok(hasExpectedShape(record));
  assert.ok(hasExpectedShape({ ...record, attachments: [new Uint8Array(1)] }));
  for (const other of [none, null, 1, {}, { ...record, args: 1 }, { ...record, attachments: [1] }, { ...record, expiresAt: "x" }]) assert.ok(!hasExpectedShape(other));
});
