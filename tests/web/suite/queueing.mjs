import { equal, fails, ok, range, Record, until, within } from "./check.mjs";
import { echoes } from "./dialect.mjs";

export const queueing = {
  async "what is emitted offline is sent later, once and in order"(env) {
    const manager = await env.connected();
    const record = new Record();
    echoes(env, manager, record);
    await manager.join("messaging");
    await env.lose(manager);
    for (const n of range(100)) equal(env.dialect.send(manager, n), "queued");
    const answer = env.dialect.request(manager, 100);
    equal([manager.queue.size, manager.getStats().queuedMessages], [101, 101]);
    const [first] = manager.queue.messages();
    equal([first.namespace, first.event, first.awaitsAck], [env.dialect.namespace, env.dialect.event, false]);
    ok(first.expiresIn > 86_000_000 && manager.queue.bytes > 0, JSON.stringify(first));
    await env.regain(manager);
    equal(await within(answer, "the answer"), 100);
    await record.until((items) => items.includes(99), "the last");
    equal(record.items.filter((n) => n < 100), range(100));
    equal([manager.queue.size, manager.queue.bytes], [0, 0]);
  },

  async "a full queue refuses, or drops the oldest"(env) {
    const manager = await env.connected({ queue: { maxMessages: 3 } });
    await manager.join("messaging");
    await env.lose(manager);
    for (const n of range(3)) env.dialect.send(manager, n);
    equal((await fails(() => env.dialect.send(manager, 3), "EmitError", "QUEUE_FULL")).isRetryable, true);
    await fails(env.dialect.request(manager, 3), "EmitError", "QUEUE_FULL");
    equal(manager.queue.size, 3);
    manager.close();
    await env.control("refuse", false);

    const other = await env.connected({ queue: { maxMessages: 3, overflow: "drop-oldest" } });
    const [notices, record] = [env.notices(other), new Record()];
    echoes(env, other, record);
    await other.join("messaging");
    await env.lose(other);
    const dropped = env.dialect.request(other, 0);
    dropped.catch(() => {});
    for (const n of range(4).slice(1)) env.dialect.send(other, n);
    equal((await fails(within(dropped, "the oldest"), "AckError", "NOT_SENT")).isUnsent, true);
    equal(notices.items.filter(({ type }) => type === "messageDropped").length, 1);
    await env.regain(other);
    equal(await record.count(3, "echoes"), [1, 2, 3]);
  },

  async "a message that waits too long is dropped"(env) {
    const manager = await env.connected();
    const [notices, record] = [env.notices(manager), new Record()];
    echoes(env, manager, record);
    await manager.join("messaging");
    await env.lose(manager);
    env.dialect.send(manager, 1, { ttl: 50 });
    env.dialect.send(manager, 2);
    const late = env.dialect.request(manager, 3, { ttl: 50 });
    late.catch(() => {});
    equal((await fails(within(late, "the end"), "AckError", "NOT_SENT")).isUnsent, true);
    await notices.until((items) => items.filter(({ type }) => type === "messageDropped").length >= 1, "the notice");
    equal(manager.queue.size, 1);
    await env.regain(manager);
    equal(await record.count(1, "echoes"), [2]);
  },

  async "a message is taken back by its id, its signal, or with all others"(env) {
    const manager = await env.connected();
    const record = new Record();
    echoes(env, manager, record);
    await manager.join("messaging");
    await env.lose(manager);
    const abort = new AbortController();
    const byId = env.dialect.request(manager, 0);
    const bySignal = env.dialect.request(manager, 1, { signal: abort.signal });
    for (const each of [byId, bySignal]) each.catch(() => {});
    env.dialect.send(manager, 2);
    const { id } = manager.queue.messages()[0];
    equal([manager.queue.cancel(id), manager.queue.cancel(id)], [true, false]);
    abort.abort();
    for (const each of [byId, bySignal]) {
      equal((await fails(within(each, "the end"), "AckError", "CANCELLED")).isUnsent, true);
    }
    equal([manager.queue.size, manager.queue.clear(), manager.queue.size], [1, 1, 0]);
    env.dialect.send(manager, 3);
    await env.regain(manager);
    equal(await record.count(1, "echoes"), [3]);
  },

  async "an acknowledgement that is awaited when the connection is lost comes with the next, or ends"(env) {
    const manager = await env.connected();
    await manager.join("messaging");
    await env.control("hold", true);
    const waiting = env.dialect.request(manager, 1);
    waiting.catch(() => {});
    await until(() => manager.getStats().pendingAcks === 1, "the emit");
    await env.control("cut");
    if (env.dialect.isNegotiated) {
      // The server tells by the message's id whether it has done it already.
      await env.control("hold", false);
      equal(await within(waiting, "the answer"), 1);
    } else {
      equal((await fails(within(waiting, "the end"), "AckError", "DISCONNECTED")).isUnsent, false);
      await env.control("hold", false);
    }
    await until(() => manager.getConnectionStatus() === "connected", "the connection");
    equal(await env.dialect.request(manager, 2), 2);
  },
};
