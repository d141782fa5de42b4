import assert from "node:assert/strict";
import { test } from "node:test";
import { failureOf, gate, harness, settled } from "./fake.ts";
import type { TokenProvider } from "../../src/types.ts";

async function asked(provider: TokenProvider) {
  const { manager, clients } = harness();
  void manager.connect("ada", provider).catch(() => {});
  await settled();
  const client = clients()[0]!;
  assert.deepEqual(client.of("connect"), [["ada", undefined]]);
  client.hooks.needToken(7, "connecting");
  await settled();
  return { manager, client };
}

test("a provider is asked with the reason, and its token handed on", async () => {
  const reasons: string[] = [];
  const { client } = await asked((reason) => (reasons.push(reason), reason === "rejected" ? Promise.resolve("b") : "a"));
  client.hooks.needToken(8, "rejected");
  await settled();
  assert.deepEqual(reasons, ["connecting", "rejected"]);
  assert.deepEqual(client.of("provideToken"), [[7, "a"], [8, "b"]]);
});

test("a provider that throws or rejects is asked again, unless its error is final", async () => {
  const throwing = await asked(() => {
    throw new Error("offline");
  });
  assert.deepEqual(throwing.client.of("refuseToken"), [[7, "offline", false]]);
  const rejecting = await asked(() => Promise.reject("odd"));
  assert.deepEqual(rejecting.client.of("refuseToken"), [[7, "odd", false]]);
  const final = await asked(() => Promise.reject(Object.assign(new Error("signed out"), { isFinal: true })));
  assert.deepEqual(final.client.of("refuseToken"), [[7, "signed out", true]]);
  const nothing = await asked(() => Promise.reject(undefined));
  assert.deepEqual(nothing.client.of("refuseToken"), [[7, "undefined", false]]);
});

test("what is no text ends the search, and is not shown", async () => {
  for (const [value, shown] of [[undefined, "undefined"], [null, "null"], [{ token: "secret" }, "object"], ["", "an empty text"]] as const) {
    const { client } = await asked(() => value as string);
    assert.deepEqual(client.of("refuseToken"), [[7, `the token provider gave ${shown}, not a token`, true]]);
  }
});

test("a provider that answers never, or too late, harms nobody", async () => {
  const never = await asked(() => new Promise<string>(() => {}));
  assert.deepEqual(never.client.of("provideToken"), []);
  const late = gate();
  const { manager, client } = await asked(() => late.opened.then(() => "late"));
  manager.close();
  late.open();
  await settled();
  assert.deepEqual(client.of("provideToken"), []);
  const failing = gate();
  const failed = await asked(() => failing.opened.then(() => "never"));
  failed.manager.close();
  failing.fail(new Error("late"));
  await settled();
  assert.deepEqual(failed.client.of("refuseToken"), []);
});

test("the newest provider is the one that is asked", async () => {
  const { manager, client } = await asked(() => "old");
  void manager.connect("ada", () => "new").catch(() => {});
  client.hooks.needToken(8, "connecting");
  await settled();
  assert.deepEqual(client.of("provideToken"), [[7, "old"], [8, "new"]]);
  void manager.connect("ada", "text").catch(() => {});
  client.hooks.needToken(9, "connecting");
  await settled();
  assert.deepEqual(client.of("refuseToken"), [[9, "there is no token provider", true]]);
});

test("a provider that closes the manager while it is asked", async () => {
  const { manager, clients } = harness();
  const connecting = manager.connect("ada", () => {
    manager.close();
    return "secret";
  });
  await settled();
  clients()[0]!.hooks.needToken(1, "connecting");
  assert.equal((await failureOf(connecting)).code, "CANCELLED");
  await settled();
  assert.deepEqual(clients()[0]!.of("provideToken"), []);
});
