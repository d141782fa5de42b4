import assert from "node:assert/strict";
import { test } from "node:test";
import { makeError } from "../../src/errors.ts";
import { harness, settled } from "./fake.ts";

test("the core is told of the first and the last listener of an event", async () => {
  const { manager, connected } = harness();
  const client = await connected();
  const seen: unknown[] = [];
  const remove = manager.on("chat", "news", (...all: unknown[]) => seen.push(["one", ...all]));
  manager.on("/chat", "news", (...all: unknown[]) => seen.push(["two", ...all]));
  assert.deepEqual(client.listening, ["chat news"]);
  client.event("chat", "news", "[1,2]");
  client.event("chat", "news", "[]");
  assert.deepEqual(seen, [["one", 1, 2], ["two", 1, 2], ["one"], ["two"]]);
  remove();
  remove();
  assert.deepEqual(client.listening, ["chat news"]);
  assert.equal(manager.getStats().listeners, 1);
  manager.off("chat", "news");
  assert.deepEqual(client.listening, []);
  assert.equal(manager.getStats().listeners, 0);
});

test("once is once, with a signal too, and also when the handler causes the event again", async () => {
  const { manager, connected } = harness();
  const client = await connected();
  const { signal } = new AbortController();
  let calls = 0;
  manager.once("chat", "news", () => {
    calls++;
    client.event("chat", "news", "[]");
  }, { signal });
  manager.on("chat", "news", () => {}, { once: true });
  client.event("chat", "news", "[]");
  client.event("chat", "news", "[]");
  assert.equal(calls, 1);
  assert.equal(manager.getStats().listeners, 0);
  assert.deepEqual(client.listening, []);
});

test("off takes a handler as often as it was added, once and all, before and after loading", async () => {
  const { manager, connected } = harness();
  const handler = (): void => assert.fail("it was removed");
  manager.on("chat", "news", handler);
  manager.off("/chat", "news", handler);
  const client = await connected();
  assert.deepEqual(client.listening, []);
  manager.on("chat", "news", handler);
  manager.on("chat", "news", handler, { signal: new AbortController().signal });
  manager.once("chat", "news", handler);
  manager.off("chat", "news", () => {});
  manager.off("chat", "other");
  assert.equal(manager.getStats().listeners, 3);
  manager.off("chat", "news", handler);
  client.event("chat", "news", "[]");
  assert.equal(manager.getStats().listeners, 0);
});

test("a signal that has aborted adds nothing; one that aborts removes", async () => {
  const { manager, connected } = harness();
  const client = await connected();
  manager.on("chat", "news", () => {}, { signal: AbortSignal.abort() });
  assert.deepEqual(client.listening, []);
  const controller = new AbortController();
  manager.on("chat", "news", () => {}, { signal: controller.signal });
  controller.abort();
  assert.deepEqual(client.listening, []);
});

test("a listener that throws is reported, and the others and the next event are served", async (context) => {
  const errors = context.mock.method(console, "error", () => {});
  const { manager, connected } = harness();
  const client = await connected();
  const seen: unknown[] = [];
  const failure = new Error("of the application");
  manager.on("chat", "news", () => {
    throw failure;
  });
  manager.on("chat", "news", (data) => seen.push(data));
  client.event("chat", "news", "[1]");
  client.event("chat", "news", "[2]");
  assert.deepEqual(seen, [1, 2]);
  assert.deepEqual(errors.mock.calls.map((call) => call.arguments[0]), [failure, failure]);
});

test("errors go to reportError where there is one", async () => {
  const reported: unknown[] = [];
  Object.assign(globalThis, { reportError: (error: unknown) => reported.push(error) });
  try {
    const { manager, connected } = harness();
    const client = await connected();
    manager.on("chat", "news", () => {
      throw new Error("of the application");
    });
    client.event("chat", "news", "[1]");
  } finally {
    Reflect.deleteProperty(globalThis, "reportError");
  }
  assert.equal(reported.length, 1);
});

test("a dispatch serves those that were there when it began and are still there", async () => {
  const { manager, connected } = harness();
  const client = await connected();
  const seen: string[] = [];
  manager.on("chat", "news", () => {
    seen.push("first");
    removeSecond();
    manager.on("chat", "news", () => seen.push("added"));
  });
  const removeSecond = manager.on("chat", "news", () => seen.push("second"));
  manager.on("chat", "news", () => seen.push("third"));
  client.event("chat", "news", "[]");
  assert.deepEqual(seen, ["first", "third"]);
});

test("a listener that the core refuses is not kept", async () => {
  const { manager, connected } = harness();
  const client = await connected();
  const refusal = makeError("join", "TOO_MANY_NAMESPACES", "too many");
  client.failNext = refusal;
  assert.throws(() => manager.on("chat", "news", () => {}), (error) => error === refusal);
  assert.equal(manager.getStats().listeners, 0);
  manager.on("chat", "news", () => {});
  assert.deepEqual(client.listening, ["chat news"]);
});

test("what is no function is refused", () => {
  const { manager } = harness();
  assert.throws(() => manager.on("chat", "news", undefined as never), TypeError);
  assert.throws(() => manager.addStatusListener(null as never), TypeError);
});

test("listeners outlive disconnect, and a scope ends them", async () => {
  const { manager, connected } = harness();
  const client = await connected();
  const remove = manager.on("chat", "news", () => {});
  manager.disconnect();
  await connected();
  assert.deepEqual(client.listening, ["chat news"]);
  remove[Symbol.dispose]();
  assert.deepEqual(client.listening, []);
});

test("an iterator yields first arguments, in order, and waits", async () => {
  const { manager, connected } = harness();
  const client = await connected();
  const events = manager.events("chat", "news");
  client.event("chat", "news", "[1,9]");
  client.event("chat", "news", "[2]");
  const seen: unknown[] = [];
  for await (const data of events) {
    seen.push(data);
    if (seen.length === 2) queueMicrotask(() => client.event("chat", "news", "[3]"));
    if (seen.length === 3) break;
  }
  assert.deepEqual(seen, [1, 2, 3]);
  assert.deepEqual(client.listening, [], "leaving the loop ends the subscription");
  assert.deepEqual(await events.next(), { value: undefined, done: true });
});

test("an iterator keeps the newest, and counts what it dropped", async () => {
  const { manager, connected } = harness();
  const client = await connected();
  const events = manager.events("chat", "news", { buffer: 2 });
  for (let n = 0; n < 2000; n++) client.event("chat", "news", `[${n}]`);
  assert.equal(events.missed, 1998);
  assert.equal((await events.next()).value, 1998);
  assert.equal((await events.next()).value, 1999);
  await events.return();
});

test("an iterator ends with its signal and its scope, several askers each get an answer", async () => {
  const { manager, connected } = harness();
  const client = await connected();
  const controller = new AbortController();
  const events = manager.events("chat", "news", { signal: controller.signal });
  const asked = [events.next(), events.next()];
  client.event("chat", "news", "[1]");
  controller.abort();
  assert.deepEqual(await Promise.all(asked), [{ value: 1, done: false }, { value: undefined, done: true }]);
  const aborted = manager.events("chat", "news", { signal: controller.signal });
  assert.equal((await aborted.next()).done, true);
  const scoped = manager.events("chat", "news");
  await scoped[Symbol.asyncDispose]();
  manager.events("chat", "news")[Symbol.dispose]();
  await settled();
  assert.deepEqual(client.listening, []);
  assert.equal(manager.getStats().listeners, 0);
});

test("a closed manager ends its iterators after what they have", async () => {
  const { manager, connected } = harness();
  const client = await connected();
  const events = manager.events("chat", "news");
  client.event("chat", "news", "[1]");
  manager.close();
  const seen: unknown[] = [];
  for await (const data of events) seen.push(data);
  assert.deepEqual(seen, [1]);
});
