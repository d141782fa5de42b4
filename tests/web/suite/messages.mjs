import { equal, fails, fnv1a, ok, range, Record, until, within } from "./check.mjs";
import { echoes } from "./dialect.mjs";

const TEXT = "plain, ünïcödé, 日本語, עברית, 👩‍👩‍👧‍👦 🇪🇺, \u2028\u2029, \"quoted\" \\ back\nslash";

/** A list of the shape that applications send, of this many bytes as JSON or few more. */
function listOf(bytes) {
  const list = [];
  for (let size = 2; size < bytes; size += JSON.stringify(list.at(-1)).length + 1) {
    list.push({ id: list.length, name: `item ${list.length}`, isRead: list.length % 2 === 0, score: 1.5 });
  }
  return list;
}

export const messages = {
  async "unicode comes back as it was sent"(env) {
    const manager = await env.connected();
    const record = new Record();
    echoes(env, manager, record);
    env.dialect.send(manager, TEXT);
    equal(await record.count(1, "echoes"), [TEXT]);
  },

  async "500 acknowledgements under way are told apart"(env) {
    const manager = await env.connected();
    equal(await within(Promise.all(range(500).map((n) => env.dialect.request(manager, n))), "all"), range(500));
    equal(manager.getStats().pendingAcks, 0);
  },

  async "an acknowledgement that does not come is given up"(env) {
    const manager = await env.connected();
    equal(await env.dialect.request(manager, 1), 1);
    await env.control("hold", true);
    const error = await fails(within(env.dialect.request(manager, 2, { timeout: 100 }), "the end"), "AckError", "TIMED_OUT");
    equal(error.isUnsent, false);
    equal(manager.getStats().pendingAcks, 0);
    await env.control("hold", false);
    equal(await env.dialect.request(manager, 3), 3);
    equal(manager.getConnectionStatus(), "connected");
  },

  async "waiting for an acknowledgement can be cancelled"(env) {
    const manager = await env.connected();
    const abort = new AbortController();
    await manager.join("messaging");
    await env.control("hold", true);
    const waiting = env.dialect.request(manager, 1, { signal: abort.signal });
    abort.abort();
    equal((await fails(within(waiting, "the end"), "AckError", "CANCELLED")).isUnsent, false);
    const aborted = env.dialect.request(manager, 1, { signal: AbortSignal.abort() });
    equal((await fails(within(aborted, "the end"), "AckError", "CANCELLED")).isUnsent, true);
    await env.control("hold", false);
    equal(await env.dialect.request(manager, 2), 2);
  },

  async "66 KB of JSON and 900 KB go up and are acknowledged"(env) {
    const manager = await env.connected();
    for (const size of [66_000, 900_000]) {
      const data = listOf(size);
      await within(env.dialect.deliver(manager, { data }), `${size} bytes`);
    }
    // More than the server has said that it takes.
    await fails(env.dialect.deliver(manager, { data: listOf(5_000_000) }), "EmitError", "TOO_LARGE");
    equal((await env.control("sockets")).total, 1);
  },

  async "10,000 events of the client come back in order"(env) {
    const manager = await env.connected({ limits: { unsentBytes: 64 * 2 ** 20 } });
    await manager.join("messaging");
    const record = new Record();
    echoes(env, manager, record);
    const started = performance.now();
    for (const n of range(10_000)) {
      env.dialect.send(manager, n);
      if ((n + 1) % env.dialect.burst === 0) await record.count(n + 1, "echoes");
    }
    equal((await record.count(10_000, "echoes")).slice(), range(10_000));
    ok(performance.now() - started < 15_000, "too slow");
  },

  async "volatile events are dropped while there is no connection"(env) {
    const manager = await env.connected();
    const record = new Record();
    echoes(env, manager, record);
    await manager.join("messaging");
    equal(env.dialect.send(manager, 1, { volatile: true }), "transmitted");
    await record.count(1, "echoes");
    await env.lose(manager);
    equal(env.dialect.send(manager, 2, { volatile: true }), "dropped");
    await fails(env.dialect.request(manager, 3, { volatile: true }), "EmitError", "NOT_WRITABLE");
    equal(manager.queue.size, 0);
    await env.regain(manager);
    env.dialect.send(manager, 4);
    equal(await record.count(2, "echoes"), [1, 4]);
  },

  async "data that can't be sent is refused, and the connection lives on"(env) {
    const manager = await env.connected();
    await manager.join("messaging");
    const cyclic = { name: "x" };
    cyclic.self = cyclic;
    let deep = {};
    for (let level = 0; level < 100_000; level++) deep = { deep };
    const refused = { cyclic, bigint: { n: 10n }, function: () => {}, deep, blob: { file: new Blob(["x"]) }, throwing: { toJSON() { throw new Error("no"); } } };
    for (const [name, data] of Object.entries(refused)) {
      await fails(() => manager.emit("messaging", "x", data), "EmitError", "NOT_ENCODABLE").catch((error) => {
        throw new Error(`${name}: ${error.message}`);
      });
      await fails(manager.emitWithAck("messaging", "x", data), "EmitError", "NOT_ENCODABLE");
    }
    await fails(() => manager.emit("messaging", "x", "x".repeat(17 * 2 ** 20)), "EmitError", "TOO_LARGE");
    await fails(() => manager.emit("messaging", "x", new Uint8Array(17 * 2 ** 20)), "EmitError", "TOO_LARGE");
    await fails(() => manager.emit("messaging", "x", range(11).map(() => new Uint8Array(1))), "EmitError", "TOO_MANY_ATTACHMENTS");
    for (const event of ["connect", "disconnect", "connect_error"]) {
      await fails(() => manager.emit("messaging", event), "EmitError", "RESERVED_EVENT");
    }
    await fails(() => manager.emit("a,b", "x"), "EmitError", "INVALID_NAMESPACE");
    equal([manager.queue.size, manager.getConnectionStatus()], [0, "connected"]);
    equal(await env.dialect.request(manager, 1), 1);
    equal((await env.control("sockets")).total, 1);
  },
};

/** With the events of `peers/stock.mjs`. */
export const messagesOfTests = {
  async "the server asks, and gets an acknowledgement"(env) {
    const manager = await env.connected();
    const late = new Record();
    manager.on("messaging", "question", (one, two, ack) => {
      ack({ sum: one + two }, "and more");
      late.push(ack);
    });
    const report = await within(manager.emitWithAck("messaging", "ask", env.lib.args("question", [3, 4])), "the report");
    equal(report, { replies: [{ sum: 7 }, "and more"] });
    await fails(() => late.items[0]("twice"), "ReplyError", "GONE");
    equal(manager.getStats().pendingReplies, 0);
  },

  async "an acknowledgement to a connection that is gone is refused"(env) {
    const manager = await env.connected();
    const acks = new Record();
    manager.on("messaging", "question", (ack) => acks.push(ack));
    const asked = manager.emitWithAck("messaging", "ask", env.lib.args("question", []));
    asked.catch(() => {});
    await acks.count(1, "questions");
    await env.control("cut");
    await fails(within(asked, "the end"), "AckError", "DISCONNECTED");
    await fails(() => acks.items[0]("late"), "ReplyError", "GONE");
    await until(() => manager.getConnectionStatus() === "connected", "the connection");
  },

  async "binary goes both ways, nested too, and is binary at the server"(env) {
    const manager = await env.connected();
    const bytes = Uint8Array.from(range(5_000), (n) => (n * 7) & 0xff);
    const part = bytes.subarray(100, 300);
    const data = { name: "x", bytes, list: [bytes.buffer, { deep: new DataView(bytes.buffer, 8, 16), empty: new Uint8Array(0) }], wide: Float64Array.of(1.5), part };
    const [described] = await within(manager.emitWithAck("messaging", "describe", data), "the description");
    const of = (view) => ({ binary: view.byteLength, fnv1a: fnv1a(view) });
    equal(described, {
      name: "x",
      bytes: of(bytes),
      list: [of(bytes), { deep: of(bytes.slice(8, 24)), empty: of(new Uint8Array(0)) }],
      wide: of(new Uint8Array(Float64Array.of(1.5).buffer)),
      part: of(bytes.slice(100, 300)),
    });
    const buffers = { ...data, bytes: bytes.buffer, list: [bytes.buffer, { deep: bytes.slice(8, 24).buffer, empty: new ArrayBuffer(0) }], wide: Float64Array.of(1.5).buffer, part: bytes.slice(100, 300).buffer };
    equal(await within(manager.emitWithAck("messaging", "echo", data), "the acknowledgement"), buffers);
    const record = new Record();
    manager.on("messaging", "echo", (...args) => record.push(args));
    manager.emit("messaging", "echo", env.lib.args(part, "text between", data));
    equal(await record.count(1, "echoes"), [[buffers.part, "text between", buffers]]);
    manager.on("messaging", "bytes please", (ack) => ack(part));
    // The report has the bytes of the acknowledgement in turn.
    equal(await within(manager.emitWithAck("messaging", "ask", env.lib.args("bytes please", [])), "the report"), { replies: [buffers.part] });
  },

  async "66 KB, 1 MB and 1 MB of binary come back"(env) {
    const manager = await env.connected();
    for (const data of [listOf(66_000), listOf(1_000_000), "é".repeat(500_000), Uint8Array.from(range(1_000_000), (n) => n & 0xff).buffer]) {
      equal(await within(manager.emitWithAck("messaging", "echo", data), "the acknowledgement"), data);
    }
    equal((await env.control("sockets")).total, 1);
  },

  async "10,000 events of the server arrive in order"(env) {
    const manager = await env.connected();
    const record = new Record();
    manager.on("messaging", "item", record.push);
    manager.emit("messaging", "send-items", 10_000);
    equal((await record.count(10_000, "items")).slice(), range(10_000));
  },

  async "several arguments arrive as such, both ways"(env) {
    const manager = await env.connected();
    const record = new Record();
    manager.on("messaging", "echo", (...args) => record.push(args));
    for (const values of [[], [1], [1, "two", { three: [3] }], [null, false, 0, ""], [[1, 2]]]) {
      manager.emit("messaging", "echo", env.lib.args(...values));
    }
    manager.emit("messaging", "echo");
    manager.emit("messaging", "echo", null);
    const expected = [[], [1], [1, "two", { three: [3] }], [null, false, 0, ""], [[1, 2]], [], [null]];
    equal(await record.count(expected.length, "echoes"), expected);
    equal(await manager.emitWithAck("messaging", "echo", env.lib.args("first", "second")), "first");
    equal(await manager.emitWithAck("messaging", "echo"), undefined);
  },

  async "what an emit makes of its data is what JSON makes of it"(env) {
    const manager = await env.connected();
    const data = { date: new Date(0), nothing: undefined, nan: NaN, map: new Map([[1, 2]]), nested: { toJSON: () => ["custom"] }, "__proto__x": 1, symbol: Symbol("s"), list: [undefined, () => {}] };
    equal(await manager.emitWithAck("messaging", "echo", data), JSON.parse(JSON.stringify(data)));
  },
};
