import assert from "node:assert/strict";
import { test } from "node:test";
import { AckError, ClosedError, ConnectError, EmitError, InitError, JoinError, makeError } from "../../src/errors.ts";
import type { ConnectionStatus } from "../../src/types.ts";
import { failureOf, gate, harness, settled } from "./fake.ts";

const statusesOf = (manager: ReturnType<typeof harness>["manager"]): string[] => {
  const seen: string[] = [];
  manager.addStatusListener((status, reason) => seen.push(reason ? `${status}: ${reason.code}` : status));
  return seen;
};

test("nothing is loaded before connect", async () => {
  const { manager, loads, clients } = harness();
  manager.on("chat", "news", () => {});
  void manager.join("chat").catch(() => {});
  assert.equal(manager.getConnectionStatus(), "disconnected");
  assert.equal(manager.getConnectionQuality(), "offline");
  assert.equal(manager.getAverageLatency(), null);
  assert.equal(manager.isJoined("chat"), false);
  assert.equal(manager.queue.size, 0);
  assert.deepEqual(manager.queue.messages(), []);
  await settled();
  assert.equal(loads(), 0);
  assert.equal(clients().length, 0);
});

test("what was kept reaches the core in order: joins, listeners, the user, emits", async () => {
  const { manager, clients } = harness();
  manager.on("/chat", "news", () => {});
  void manager.join("/").catch(() => {});
  const seen = statusesOf(manager);
  const connecting = manager.connect("ada", "secret");
  assert.equal(manager.getConnectionStatus(), "connecting");
  assert.equal(manager.emit("chat", "one", 1), "queued");
  assert.equal(manager.emit("chat", "two", 2), "queued");
  await settled();
  const client = clients()[0]!;
  assert.deepEqual(
    client.calls.map((call) => call.slice(0, 3)),
    [["join", "/"], ["listen", "chat", "news"], ["connect", "ada", "secret"], ["emit", "chat", "one"], ["emit", "chat", "two"]],
  );
  client.accept();
  await connecting;
  assert.deepEqual(seen, ["connecting", "connected"]);
});

test("connecting again as the same user is the same connection", async () => {
  const { manager, clients, loads } = harness();
  const calls = [manager.connect("ada", "secret"), manager.connect("ada", "secret")];
  await settled();
  calls.push(manager.connect("ada", "newer"));
  const client = clients()[0]!;
  client.accept();
  await Promise.all(calls);
  await manager.connect("ada", "newest");
  assert.deepEqual(client.of("connect"), [["ada", "secret"], ["ada", "newer"], ["ada", "newest"]]);
  assert.equal(clients().length, 1);
  assert.equal(loads(), 1);
});

test("mounted, unmounted and mounted in one breath is one connection, loaded or not", async () => {
  const { manager, clients } = harness();
  for (let round = 0; round < 2; round++) {
    const first = manager.connect("ada", "secret");
    manager.disconnect();
    const second = manager.connect("ada", "secret");
    const error = await failureOf(first);
    assert.ok(error instanceof ConnectError);
    assert.equal(error.code, "CANCELLED");
    await settled();
    const client = clients()[0]!;
    assert.equal(client.of("connect").length, round + 1);
    client.accept();
    await second;
    manager.disconnect();
  }
  assert.equal(clients().length, 1);
});

test("disconnect while loading ends the call, and nothing is connected later", async () => {
  const loaded = gate();
  const { manager, clients } = harness({}, () => loaded.opened);
  const seen = statusesOf(manager);
  const connecting = manager.connect("ada", "secret");
  manager.disconnect();
  assert.equal((await failureOf(connecting)).code, "CANCELLED");
  loaded.open();
  await settled();
  assert.equal(clients().length, 0);
  assert.deepEqual(seen, ["connecting", "disconnected: io client disconnect"]);
});

test("another user while loading cancels the first, whose messages are never sent for the second", async () => {
  const loaded = gate();
  const { manager, clients } = harness({}, () => loaded.opened);
  const ada = manager.connect("ada", "secret");
  manager.emit("chat", "hello", "of ada");
  const acked = manager.emitWithAck("chat", "hello", "of ada");
  const notices: string[] = [];
  manager.addNoticeListener((notice) => notices.push(notice.type));
  const bob = manager.connect("bob", "other");
  manager.emit("chat", "hello", "of bob");
  assert.equal((await failureOf(ada)).code, "CANCELLED");
  const unsent = await failureOf(acked);
  assert.ok(unsent instanceof AckError && unsent.code === "NOT_SENT" && unsent.isUnsent);
  assert.deepEqual(notices, ["messageDropped", "messageDropped"]);
  loaded.open();
  await settled();
  const client = clients()[0]!;
  assert.deepEqual(client.of("connect"), [["bob", "other"]]);
  assert.deepEqual(client.of("emit").map(([, , text]) => text), ['["of bob"]']);
  client.accept();
  await bob;
});

test("what is emitted after connect for another user waits for that user", async () => {
  const { manager, connected } = harness();
  const client = await connected("ada");
  const bob = manager.connect("bob", "other");
  assert.equal(manager.emit("chat", "hello", "of bob"), "queued");
  assert.equal(client.of("emit").length, 0);
  await settled();
  assert.deepEqual(client.calls.slice(-2).map(([name, who]) => [name, who]), [["connect", "bob"], ["emit", "chat"]]);
  client.accept();
  await bob;
});

test("credentials that can't be any are refused, and the connection stays", async () => {
  const { manager, connected } = harness();
  await connected();
  for (const [userId, token] of [["", "t"], [7, "t"], [undefined, "t"]] as const) {
    assert.equal((await failureOf(manager.connect(userId as string, token))).code, "INVALID_USER_ID");
  }
  for (const token of ["", undefined, null, 5]) {
    const error = await failureOf(manager.connect("ada", token as string));
    assert.ok(error instanceof ConnectError && error.code === "TOKEN_UNAVAILABLE" && error.requiresSignIn);
  }
  assert.equal(manager.getConnectionStatus(), "connected");
});

test("a refusal of the core rejects the call, keeps what waits, and the next call works", async () => {
  const { manager, clients, connected } = harness();
  await connected();
  manager.disconnect();
  const client = clients()[0]!;
  client.failNext = undefined;
  const connecting = manager.connect("bob", "x".repeat(100));
  manager.emit("chat", "hello");
  client.failNext = makeError("connect", "TOKEN_TOO_LONG", "the token is too long", { isFinal: true });
  assert.equal((await failureOf(connecting)).code, "TOKEN_TOO_LONG");
  assert.equal(manager.getConnectionStatus(), "disconnected");
  assert.equal(client.of("emit").length, 0);
  const again = manager.connect("bob", "short");
  await settled();
  client.accept();
  await again;
  assert.equal(client.of("emit").length, 1);
});

test("a rejection by the server is the promise's, with its fields", async () => {
  const { manager, clients } = harness();
  const connecting = manager.connect("ada", "secret");
  const joining = manager.join("chat");
  await settled();
  clients()[0]!.refuse(makeError("connect", "AUTH_REJECTED", "no", { isFinal: true, requiresSignIn: true, serverMessage: "no", dataJson: '{"a":1}' }));
  const error = await failureOf(connecting);
  assert.ok(error instanceof ConnectError && error.isFinal && error.requiresSignIn);
  assert.deepEqual(error.data, { a: 1 });
  assert.equal(error.serverMessage, "no");
  const unjoined = await failureOf(joining);
  assert.ok(unjoined instanceof JoinError && unjoined.code === "NOT_JOINED");
});

test("a module that can't be loaded rejects, and the next connect tries again", async () => {
  let isBroken = true;
  const { manager, loads, clients } = harness({}, async () => {
    if (isBroken) throw new InitError("no");
  });
  const seen = statusesOf(manager);
  const connecting = manager.connect("ada", "secret");
  assert.equal(manager.emit("chat", "hello"), "queued");
  assert.ok((await failureOf(connecting)) instanceof InitError);
  assert.deepEqual(seen, ["connecting", "disconnected: not loaded"]);
  assert.equal(manager.queue.size, 1);
  isBroken = false;
  const again = manager.connect("ada", "secret");
  await settled();
  clients()[0]!.accept();
  await again;
  assert.equal(loads(), 2);
  assert.equal(clients()[0]!.of("emit").length, 1);
});

test("joins resolve and reject with what the server says, once for all who wait", async () => {
  const { manager, connected } = harness();
  const client = await connected();
  const joining = [manager.join("chat"), manager.join("/chat")];
  assert.equal(client.of("join").length, 2);
  client.hooks.notice({ type: "joined", namespace: "chat", sid: "x", continuity: "first" });
  await Promise.all(joining);
  const refused = manager.join("secret");
  const error = new JoinError("REFUSED", "no");
  client.hooks.notice({ type: "joinFailed", namespace: "secret", error });
  assert.equal(await failureOf(refused), error);
  const left = manager.join("other");
  manager.leave("other");
  assert.equal((await failureOf(left)).code, "NOT_JOINED");
  const unfinished = manager.join("third");
  manager.disconnect();
  assert.equal((await failureOf(unfinished)).code, "NOT_JOINED");
});

test("a loss that is followed by another attempt leaves joins waiting", async () => {
  const { manager, connected } = harness();
  const client = await connected();
  const joining = manager.join("chat");
  client.change("disconnected", { code: "transport close", message: "transport close" });
  client.change("reconnecting");
  await settled();
  client.hooks.notice({ type: "joined", namespace: "chat", sid: "x", continuity: "first" });
  await joining;
});

test("names that no namespace can have are refused before there is a core", async () => {
  const { manager } = harness();
  for (const name of ["a,b", "a\nb", "x".repeat(300)]) {
    assert.throws(() => manager.on(name, "news", () => {}), (error) => error instanceof JoinError && error.code === "INVALID_NAMESPACE");
    assert.equal((await failureOf(manager.join(name))).code, "INVALID_NAMESPACE");
  }
  assert.throws(() => manager.leave("chat"), JoinError);
  void manager.connect("ada", "secret").catch(() => {});
  assert.throws(() => manager.emit("a,b", "x"), (error) => error instanceof EmitError && error.code === "INVALID_NAMESPACE");
  manager.close();
});

test("close ends everything that waits, and refuses all that follows", async () => {
  const { manager, connected } = harness();
  const client = await connected();
  const acked = manager.emitWithAck("chat", "hello");
  const joining = manager.join("chat");
  const events = manager.events("chat", "news");
  const next = events.next();
  const seen = statusesOf(manager);
  manager.close();
  manager.close();
  assert.deepEqual(seen, ["disconnected: io client disconnect"]);
  assert.deepEqual(await next, { value: undefined, done: true });
  assert.ok((await failureOf(acked)) instanceof ClosedError);
  assert.ok((await failureOf(joining)) instanceof JoinError);
  assert.deepEqual(client.of("close"), [[]]);
  await settled();
  assert.ok(client.isFreed);
  for (const call of [
    () => manager.on("chat", "news", () => {}),
    () => manager.once("chat", "news", () => {}),
    () => manager.events("chat", "news"),
    () => manager.emit("chat", "hello"),
    () => manager.leave("chat"),
    () => manager.configure({ path: "/x/" }),
    () => manager.addStatusListener(() => {}),
    () => manager.enterForeground(),
    () => manager.networkChanged(true),
    () => manager.queue.cancel(1),
  ]) {
    assert.throws(call, ClosedError);
  }
  for (const call of [manager.connect("ada", "secret"), manager.emitWithAck("chat", "hello"), manager.join("chat")]) {
    assert.ok((await failureOf(call)) instanceof ClosedError);
  }
  manager.disconnect();
  manager.off("chat", "news");
  assert.equal(manager.getConnectionStatus(), "disconnected");
  assert.equal(manager.getStats().listeners, 0);
  assert.equal(manager.queue.size, 0);
});

test("close during connect, and by a listener in the midst of it", async () => {
  const loading = harness();
  const connecting = loading.manager.connect("ada", "secret");
  loading.manager.close();
  assert.equal((await failureOf(connecting)).code, "CANCELLED");
  await settled();
  assert.equal(loading.clients().length, 0);

  const { manager, clients } = harness();
  let seen = 0;
  manager.addStatusListener((status) => {
    if (status === "connected") manager.close();
    seen++;
  });
  const call = manager.connect("ada", "secret");
  await settled();
  clients()[0]!.accept();
  const error = await failureOf(call);
  assert.ok(["CANCELLED", "CLOSED"].includes(error.code));
  assert.equal(seen, 3);
});

test("dispose is close", async () => {
  const { manager, connected } = harness();
  const client = await connected();
  manager[Symbol.dispose]();
  assert.equal(client.of("close").length, 1);
  await manager[Symbol.asyncDispose]();
  assert.equal(client.of("close").length, 1);
});

test("a status listener that throws stops no other, and one that is removed is not called", async (context) => {
  const errors = context.mock.method(console, "error", () => {});
  const { manager, connected } = harness();
  const seen: ConnectionStatus[] = [];
  const late = (): void => void assert.fail("it was removed");
  manager.addStatusListener(() => {
    throw new Error("of the application");
  });
  manager.addStatusListener(() => manager.removeStatusListener(late));
  manager.addStatusListener(late);
  const add = (status: ConnectionStatus): void => void seen.push(status);
  manager.addStatusListener(add);
  manager.addStatusListener(add);
  await connected();
  assert.deepEqual(seen, ["connecting", "connected"]);
  assert.equal(errors.mock.callCount(), 2);
  assert.equal(manager.removeStatusListener(late), false);
});

test("background and network are told to a core that comes later", async () => {
  const { manager, connected } = harness();
  manager.enterBackground();
  manager.networkChanged(false);
  const client = await connected();
  assert.deepEqual(client.of("networkChanged"), [[false]]);
  assert.equal(client.of("enterBackground").length, 1);
  manager.networkChanged();
  manager.enterForeground();
  assert.deepEqual(client.of("networkChanged"), [[false], [true]]);
  assert.equal(client.of("enterForeground").length, 1);
});

