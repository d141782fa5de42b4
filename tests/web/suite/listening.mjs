import { equal, ok, range, Record, within } from "./check.mjs";
import { echoes } from "./dialect.mjs";
import { reported } from "./environment.mjs";

export const listening = {
  async "listeners end when they are told to, each in its way"(env) {
    const manager = await env.connected();
    const { namespace, echo, read } = env.dialect;
    const all = new Record();
    const heard = {};
    const listener = (name) => (value) => (heard[name] ??= []).push(read(value));
    const abort = new AbortController();
    const [removed, offed] = [listener("off"), listener("off all")];
    const unsubscribe = manager.on(namespace, echo, listener("unsubscribe"));
    manager.on(namespace, echo, removed);
    manager.on(namespace, echo, listener("signal"), { signal: abort.signal });
    manager.once(namespace, echo, listener("once"));
    manager.on(namespace, echo, listener("once option"), { once: true });
    const early = manager.once(namespace, echo, listener("once, ended early"));
    manager.on(namespace, echo, listener("aborted"), { signal: AbortSignal.abort() });
    manager.on(namespace, echo, offed);
    echoes(env, manager, all);
    early();
    equal(manager.getStats().listeners, 7);
    env.dialect.send(manager, 1);
    await all.count(1, "echoes");
    unsubscribe();
    unsubscribe();
    manager.off(namespace, echo, removed);
    abort.abort();
    env.dialect.send(manager, 2);
    await all.count(2, "echoes");
    equal(manager.getStats().listeners, 2);
    manager.off(namespace, echo);
    equal(manager.getStats().listeners, 0);
    const last = new Record();
    echoes(env, manager, last);
    env.dialect.send(manager, 3);
    await last.count(1, "echoes");
    equal(all.items, [1, 2]);
    equal(heard, { unsubscribe: [1], off: [1], signal: [1], once: [1], "once option": [1], "off all": [1, 2] });
  },

  async "a listener that throws stops nobody"(env) {
    const manager = await env.connected();
    const { namespace, echo } = env.dialect;
    const record = new Record();
    const boom = new Error("a listener's own mistake");
    const errors = await reported(async () => {
      manager.on(namespace, echo, () => {
        throw boom;
      });
      echoes(env, manager, record);
      manager.addStatusListener(() => {
        throw boom;
      });
      const statuses = env.statuses(manager);
      env.dialect.send(manager, 1);
      env.dialect.send(manager, 2);
      await record.count(2, "echoes");
      await env.control("cut");
      await statuses.has("connected");
      env.dialect.send(manager, 3);
      await record.count(3, "echoes");
      manager.close();
    });
    equal(record.items, [1, 2, 3]);
    // Three events, and four changes of the status: loss, search, return, end.
    equal(errors.length, 7);
    ok(errors.every((error) => error === boom), "something else was reported");
  },

  async "listeners may do anything while they are called"(env) {
    const manager = await env.connected();
    const { namespace, echo, read } = env.dialect;
    const record = new Record();
    const done = new Record();
    const stop = manager.on(namespace, echo, (value) => {
      stop();
      record.push(read(value));
      echoes(env, manager, record);
      env.dialect.send(manager, read(value) + 1);
      env.dialect.request(manager, 9).then(done.push);
    });
    env.dialect.send(manager, 1);
    await within(done.count(1, "answers"), "the answer");
    await record.until((items) => items.includes(2), "what the listener sent");
    equal(record.items.filter((n) => n === 1), [1]);
    const closing = manager.addStatusListener(() => {});
    closing();
    manager.on(namespace, echo, () => manager.close());
    env.dialect.send(manager, 5);
    await within(new Promise((resolve) => manager.addStatusListener((status) => status === "disconnected" && resolve())), "the end");
  },

  async "events are iterated, and the end of the loop ends listening"(env) {
    const manager = await env.connected();
    const { namespace, echo, read } = env.dialect;
    const iterator = manager.events(namespace, echo);
    for (const n of range(5)) env.dialect.send(manager, n);
    const seen = [];
    const loop = (async () => {
      for await (const value of iterator) if (seen.push(read(value)) === 5) break;
    })();
    await within(loop, "five events");
    equal([seen, iterator.missed], [range(5), 0]);
    equal(manager.getStats().listeners, 0);
  },

  async "an iterator keeps no more than its buffer, and ends with its signal or the manager"(env) {
    const manager = await env.connected();
    const { namespace, echo, read } = env.dialect;
    const abort = new AbortController();
    const iterator = manager.events(namespace, echo, { buffer: 3, signal: abort.signal });
    const record = new Record();
    echoes(env, manager, record);
    for (const n of range(10)) env.dialect.send(manager, n);
    await record.count(10, "echoes");
    equal(iterator.missed, 7);
    equal(read((await iterator.next()).value), 7);
    abort.abort();
    equal((await within(iterator.next(), "the end")).done, true);
    const other = manager.events(namespace, echo);
    const waiting = other.next();
    manager.close();
    equal((await within(waiting, "the end")).done, true);
    const loop = (async () => {
      for await (const value of other) ok(false, `${value} after the end`);
    })();
    await within(loop, "the end");
  },
};
