import assert from "node:assert/strict";
import { afterEach, test } from "node:test";
import { Window } from "happy-dom";
import { act, createElement, type FunctionComponent, StrictMode } from "react";
import { createRoot, type Root } from "react-dom/client";
import { renderToString } from "react-dom/server";
import {
  RealtimeProvider,
  type RealtimeProviderProps,
  useConnectionQuality,
  useConnectionStatus,
  useEmit,
  useEvent,
  useLatency,
  useManager,
} from "../../src/react.ts";
import { type FakeClient, harness, settled } from "./fake.ts";

const window = new Window();
for (const [name, value] of Object.entries({ window, document: window.document, IS_REACT_ACT_ENVIRONMENT: true })) {
  Object.defineProperty(globalThis, name, { value, configurable: true, writable: true });
}

let root: Root | undefined;
afterEach(async () => {
  await act(async () => root?.unmount());
  root = undefined;
});

/** Renders below a provider, under StrictMode, and gives the text that is shown. */
async function render(component: FunctionComponent, props: RealtimeProviderProps): Promise<() => string> {
  const container = window.document.createElement("div") as unknown as HTMLElement;
  root ??= createRoot(container);
  const holder = root;
  await act(async () => {
    holder.render(createElement(StrictMode, null, createElement(RealtimeProvider, props, createElement(component))));
    await settled();
  });
  return () => container.textContent ?? "";
}

async function accept(client: FakeClient): Promise<void> {
  await act(async () => client.accept());
}

const Status: FunctionComponent = () =>
  createElement("p", null, useConnectionStatus(), " ", useConnectionQuality(), " ", String(useLatency()));

test("under StrictMode there is one connection, and unmounting ends it", async () => {
  const { manager, clients } = harness();
  const shown = await render(Status, { manager, userId: "ada", token: "secret" });
  const client = clients()[0]!;
  assert.deepEqual(client.of("connect"), [["ada", "secret"]]);
  assert.equal(client.of("disconnect").length, 0);
  assert.equal(shown(), "connecting offline null");
  await accept(client);
  await act(async () => client.hooks.quality("good"));
  assert.equal(shown(), "connected good 12");
  await act(async () => root?.unmount());
  root = undefined;
  assert.equal(client.of("disconnect").length, 1);
});

test("another user, a new token and signing out are told", async () => {
  const { manager, clients } = harness();
  await render(Status, { manager, userId: "ada", token: "secret" });
  const client = clients()[0]!;
  await accept(client);
  await render(Status, { manager, userId: "ada", token: "newer" });
  await render(Status, { manager, userId: "bob", token: "other" });
  assert.deepEqual(client.of("connect"), [["ada", "secret"], ["ada", "newer"], ["bob", "other"]]);
  assert.equal(client.of("disconnect").length, 0);
  await render(Status, { manager, userId: null, token: undefined });
  assert.equal(client.of("disconnect").length, 1);
});

test("a provider function of each rendering is asked, and makes no new connection", async () => {
  const { manager, clients } = harness();
  await render(Status, { manager, userId: "ada", token: () => "first" });
  const client = clients()[0]!;
  await render(Status, { manager, userId: "ada", token: () => "second" });
  assert.deepEqual(client.of("connect"), [["ada", undefined]]);
  client.hooks.needToken(1, "connecting");
  await settled();
  assert.deepEqual(client.of("provideToken"), [[1, "second"]]);
});

test("a refusal is told, cancellations are not, and neither is unhandled", async () => {
  const { manager, clients } = harness();
  const errors: any[] = [];
  const onConnectError = (error: unknown): void => void errors.push(error);
  await render(Status, { manager, userId: "ada", token: "secret", onConnectError });
  await act(async () => clients()[0]!.refuse(new Error("no")));
  assert.deepEqual(errors.map(({ message }) => message), ["no"]);
  await render(Status, { manager, userId: "bob", token: "secret", onConnectError });
  await act(async () => root?.unmount());
  root = undefined;
  assert.equal(errors.length, 1);
});

test("without a user the provider leaves the connection alone", async () => {
  const { manager, clients, connected } = harness();
  const client = await connected();
  await render(Status, { manager });
  await act(async () => root?.unmount());
  root = undefined;
  assert.equal(client.of("disconnect").length, 0);
  assert.equal(clients().length, 1);
});

test("useEvent listens once, and calls the handler of the last rendering", async () => {
  const { manager, connected } = harness();
  const client = await connected();
  const seen: unknown[] = [];
  let version = 0;
  const Listening: FunctionComponent = () => {
    const mine = ++version;
    useEvent("chat", "news", (...all) => seen.push([mine, ...all]));
    return null;
  };
  await render(Listening, { manager });
  assert.equal(manager.getStats().listeners, 1);
  client.event("chat", "news", "[1,2]");
  await render(Listening, { manager });
  client.event("chat", "news", "[3]");
  const last = version;
  assert.equal(seen.length, 2);
  assert.deepEqual(seen[1], [last, 3]);
  await act(async () => root?.unmount());
  root = undefined;
  assert.equal(manager.getStats().listeners, 0);
});

test("useEmit is one function in all renderings, and useManager the manager", async () => {
  const { manager, connected } = harness();
  const client = await connected();
  const emits = new Set<unknown>();
  const managers = new Set<unknown>();
  const Sending: FunctionComponent = () => {
    const emit = useEmit();
    emits.add(emit);
    managers.add(useManager());
    return null;
  };
  await render(Sending, { manager });
  const afterFirst = [...emits].at(-1);
  await render(Sending, { manager });
  assert.equal([...emits].at(-1), afterFirst);
  assert.deepEqual([...managers], [manager]);
  (afterFirst as typeof manager.emit)("chat", "hello", 1);
  assert.deepEqual(client.of("emit")[0]?.slice(0, 3), ["chat", "hello", "[1]"]);
});

test("status listeners of components are taken off again", async () => {
  const { manager } = harness();
  let listening = 0;
  const { addStatusListener } = manager;
  manager.addStatusListener = (listener) => {
    listening++;
    const remove = addStatusListener.call(manager, listener);
    return Object.assign(() => (listening--, remove()), { [Symbol.dispose]: remove });
  };
  await render(Status, { manager });
  assert.equal(listening, 3);
  await act(async () => root?.unmount());
  root = undefined;
  assert.equal(listening, 0);
});

test("useLatency looks again after its interval", async (context) => {
  const { manager, connected } = harness();
  const client = await connected();
  context.mock.timers.enable({ apis: ["setInterval"] });
  const Latency: FunctionComponent = () => createElement("p", null, String(useLatency(500)));
  const shown = await render(Latency, { manager });
  assert.equal(shown(), "12");
  client.averageLatency = () => 80.6;
  await act(async () => context.mock.timers.tick(499));
  assert.equal(shown(), "12");
  await act(async () => context.mock.timers.tick(1));
  assert.equal(shown(), "81");
});

test("on the server, everything has the state of before a connection", () => {
  const { manager, loads } = harness();
  const html = renderToString(
    createElement(RealtimeProvider, { manager, userId: "ada", token: "secret" }, createElement(Status)),
  );
  assert.equal(html.replace(/<[^>]*>/g, ""), "disconnected offline null");
  assert.equal(loads(), 0);
});

test("without a provider, hooks say what is missing", () => {
  assert.throws(() => renderToString(createElement(Status)), /RealtimeProvider/);
});
