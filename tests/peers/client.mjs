// A stock Socket.IO client that runs named scenarios against a server and prints one JSON line per check.
//
//   node client.mjs URL TRANSPORTS SCENARIO…      TRANSPORTS: websocket | polling | upgrade
//
// {"check", "ok": true} or {"check", "ok": false, "error"}; {"need": "restart"} asks the test to restart the
// server on the same port. Exit code 0 when every check held. What the server must do: see `server.rs`.

import { createHash } from "node:crypto";
import { EventEmitter } from "node:events";
import { createInterface } from "node:readline";
import { deepStrictEqual as equal, ok } from "node:assert/strict";
import { io, Manager } from "socket.io-client";

const [url, mode, ...names] = process.argv.slice(2);
const transports = { websocket: ["websocket"], polling: ["polling"], upgrade: ["polling", "websocket"] }[mode];
const LIMIT = 20_000; // a bound for what has failed, never a wait for what works

const print = (line) => process.stdout.write(`${JSON.stringify(line)}\n`);
const stdin = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
const restartServer = async () => {
  print({ need: "restart" });
  await stdin.next();
};

const options = { transports, forceNew: true, reconnectionDelay: 50, reconnectionDelayMax: 200, timeout: LIMIT };

function open(namespace = "/", more = {}) {
  return io(url + namespace, { ...options, ...more });
}
async function connected(namespace, more) {
  const socket = open(namespace, more);
  await happened(socket, "connect");
  return socket;
}
/** The arguments of the next `event`, or a failure that names it. */
async function happened(emitter, event) {
  let timer;
  try {
    return await new Promise((resolve, reject) => {
      timer = setTimeout(() => reject(new Error(`no "${event}" within ${LIMIT} ms`)), LIMIT);
      emitter.once(event, (...args) => resolve(args));
    });
  } finally {
    clearTimeout(timer);
  }
}
/** A socket that connects only when it is told to, and notes what it is told. */
async function follower() {
  const socket = open("/recovering", { reconnection: false });
  const told = new EventEmitter();
  const seen = {
    news: [],
    lobby: [],
    blobs: 0,
    volatile: 0,
    places: [],
    check(last) {
      const expected = Array.from({ length: last }, (_, index) => index + 1);
      equal(this.news, expected);
      equal(this.lobby, expected);
      equal(this.blobs, last);
      ok(this.places.every((place, index) => index === 0 || place > this.places[index - 1]), "places grow");
    },
    async until(last) {
      while (this.blobs < last || this.lobby.length < last) await happened(told, "any");
    },
  };
  const placed = (offset) => {
    const [, place] = /^[\w-]{1,32}\.(\d+)$/.exec(offset);
    seen.places.push(Number(place));
  };
  socket.on("news", (n, offset) => (seen.news.push(n), placed(offset)));
  socket.on("blob", (bytes, offset) => (equal([...bytes], [0xa5, 0xa5, 0xa5]), seen.blobs++, placed(offset)));
  socket.on("lobby", (n, text, offset) => (equal(text, "with a string behind"), seen.lobby.push(n), placed(offset)));
  socket.on("elsewhere", () => ok(false, "it is in no such room"));
  socket.on("cursor", (...args) => {
    ok(/^[\w-]{1,32}\.\d+\.v$/.test(args.at(-1)), args.at(-1));
    seen.volatile++;
  });
  socket.onAny(() => queueMicrotask(() => told.emit("any")));
  await happened(socket, "connect");
  return { socket, seen };
}
/** Loses the connection; where the transport allows it, without a word. */
function lose(socket) {
  const { engine } = socket.io;
  const ws = engine.transport.ws;
  if (ws?.terminate) ws.terminate();
  else engine.close();
}
const ask = (socket, event, ...args) => socket.timeout(LIMIT).emitWithAck(event, ...args);
const sha256 = (bytes) => createHash("sha256").update(bytes).digest("hex");

const scenarios = {
  async connect() {
    const socket = await connected();
    ok(socket.id);
    if (mode === "upgrade") {
      if (socket.io.engine.transport.name !== "websocket") await happened(socket.io.engine, "upgrade");
    }
    equal(socket.io.engine.transport.name, mode === "polling" ? "polling" : "websocket");
    equal(await ask(socket, "echo", 1), 1);
    socket.disconnect();
  },

  async auth() {
    const socket = await connected("/realtime", { auth: { token: "good", userId: "ada" } });
    const identity = await ask(socket, "identity");
    equal(identity.ns, "/realtime");
    equal(identity.id, socket.id);
    equal(identity.auth, { token: "good", userId: "ada" });
    socket.disconnect();
  },

  async refused() {
    const socket = open("/realtime", { auth: { token: "bad" } });
    const [error] = await happened(socket, "connect_error");
    equal(error.message, "unauthorized");
    equal(error.data, { code: "unauthorized" });
    socket.disconnect();
    const nowhere = open("/nowhere");
    const [missing] = await happened(nowhere, "connect_error");
    equal(missing.message, "Invalid namespace");
    nowhere.disconnect();
  },

  async namespaces() {
    const manager = new Manager(url, options);
    const sockets = ["/", "/messaging", "/a", "/b"].map((name) => manager.socket(name));
    const identities = await Promise.all(sockets.map((socket) => ask(socket, "identity")));
    equal(identities.map((identity) => identity.ns), ["/", "/messaging", "/a", "/b"]);
    equal(new Set(identities.map((identity) => identity.id)).size, 4);
    sockets[1].disconnect(); // the others stay
    equal(await ask(sockets[2], "echo", "still here"), "still here");
    for (const socket of sockets) socket.disconnect();
  },

  async acks() {
    const socket = await connected();
    equal(await ask(socket, "echo", { a: [1, null, "x"] }), { a: [1, null, "x"] });
    socket.on("question", (a, b, reply) => reply({ sum: a + b }));
    equal(await ask(socket, "ask", "question", [2, 3]), { replies: [{ sum: 5 }] });
    const silent = socket.timeout(150).emitWithAck("silence", 1).then(() => "acked", (error) => error.message);
    equal(await silent, "operation has timed out");
    socket.disconnect();
  },

  async binary() {
    const socket = await connected();
    const bytes = Buffer.from(Array.from({ length: 1000 }, (_, i) => i % 256));
    const back = await ask(socket, "echo", { deep: { bytes, n: 1 } });
    ok(Buffer.isBuffer(back.deep.bytes));
    equal(sha256(back.deep.bytes), sha256(bytes));
    equal(back.deep.n, 1);
    const event = happened(socket, "echo");
    socket.emit("echo", bytes, "between", Buffer.alloc(0));
    const args = await event;
    equal(sha256(args[0]), sha256(bytes));
    equal(args[1], "between");
    equal(args[2].length, 0);
    socket.on("question", (blob, reply) => reply(Buffer.from(blob).reverse()));
    const { replies } = await ask(socket, "ask", "question", [Buffer.from([1, 2, 3])]);
    equal([...replies[0]], [3, 2, 1]);
    socket.disconnect();
  },

  async unicode() {
    const socket = await connected();
    for (const text of ["Grüße, 世界", "👩‍🚀🦀", "\u0000\u001e\u2028\"\\", "ق\u202e"]) {
      equal(await ask(socket, "echo", text), text);
    }
    const event = happened(socket, "echo");
    socket.emit("echo", { "ключ": "値" });
    equal(await event, [{ "ключ": "値" }]);
    socket.disconnect();
  },

  async large() {
    const socket = await connected();
    const text = "ä".repeat(500_000);
    equal(await ask(socket, "echo", text), text);
    const bytes = Buffer.alloc(1_000_000, 0x5a);
    equal(sha256(await ask(socket, "echo", bytes)), sha256(bytes));
    socket.disconnect();
  },

  async order() {
    const socket = await connected();
    const received = [];
    socket.on("item", (value) => received.push(value));
    const sent = happened(socket, "items-sent");
    socket.emit("send-items", 10_000);
    await sent;
    equal(received.length, 10_000);
    ok(received.every((value, index) => value === index));
    for (let i = 0; i < 10_000; i++) socket.emit("item", i);
    equal(await ask(socket, "items"), { count: 10_000, inOrder: true, first: 0, last: 9_999 });
    socket.disconnect();
  },

  async pipelined() {
    const socket = await connected();
    const count = 20_000;
    const acked = [];
    await new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error(`${acked.length} of ${count} acks`)), 3 * LIMIT);
      for (let i = 0; i < count; i++) {
        socket.emit("number", i, (value) => {
          equal(value, i);
          acked.push(value);
          if (acked.length === count) resolve(clearTimeout(timer));
        });
      }
    });
    ok(acked.every((value, index) => value === index), "acks out of order");
    socket.disconnect();
  },

  // What is sent in the same tick as the CONNECT ack finds its handlers, on both sides.
  async at_once() {
    for (let round = 0; round < 50; round++) {
      const socket = open("/realtime", { auth: { token: "good", userId: "ada" } });
      const welcome = happened(socket, "welcome");
      socket.emit("item", 1); // buffered, so it leaves with the connect
      socket.on("connect", () => socket.emit("item", 2));
      equal(await welcome, [{ userId: "ada" }]);
      equal(await ask(socket, "items"), { count: 2, inOrder: true, first: 1, last: 2 });
      socket.disconnect();
    }
  },

  async server_disconnects() {
    const socket = await connected();
    const gone = happened(socket, "disconnect");
    socket.emit("leave");
    equal((await gone)[0], "io server disconnect");
    const other = await connected();
    const closed = happened(other, "disconnect");
    other.emit("hang-up");
    equal((await closed)[0], "io server disconnect");
    socket.disconnect();
    other.disconnect();
  },

  // Connection state recovery: whatever was announced while the connection was lost comes once, in order.
  async recovers() {
    const teller = await connected("/recovering");
    const { socket, seen } = await follower();
    const { id } = socket;
    ok(!socket.recovered);
    equal(await ask(socket, "enter", "lobby"), true);
    let last = 0;
    const announce = async (count) => {
      equal(await ask(teller, "announce", last + 1, last + count), true);
      last += count;
    };
    // In the first round no event has come yet: the client sends its `pid` alone.
    for (let round = 0; round < 4; round++) {
      const lost = happened(socket, "disconnect");
      lose(socket);
      ok(["transport close", "transport error", "forced close"].includes((await lost)[0]));
      await announce(20);
      socket.connect();
      await happened(socket, "connect");
      ok(socket.recovered, `round ${round}`);
      equal(socket.id, id);
      seen.check(last); // the replay comes before
      await announce(3);
      await seen.until(last);
      seen.check(last);
    }
    equal(await ask(socket, "identity").then((identity) => identity.id), id);
    if (mode === "websocket") ok(seen.volatile > 0, "what is volatile came, and did no harm");
    socket.disconnect();
    teller.disconnect();
  },

  async recovers_not() {
    const teller = await connected("/recovering");
    const { socket } = await follower();
    const again = async () => {
      const { id } = socket;
      socket.connect();
      await happened(socket, "connect");
      ok(!socket.recovered);
      ok(socket.id !== id);
    };
    const loses = async () => {
      const lost = happened(socket, "disconnect");
      lose(socket);
      await lost;
    };
    await loses();
    socket._pid = "guessed";
    await again();
    const news = happened(socket, "news");
    await ask(teller, "announce", 1, 1);
    const [, offset] = await news;
    await loses();
    socket._lastOffset = offset.replace(/[^.]*/, "another");
    await again();
    await loses();
    socket._lastOffset = "not an offset";
    await again();
    socket.disconnect(); // who leaves has nothing to come back to
    await again();
    socket.disconnect();
    teller.disconnect();
  },

  async restart() {
    const socket = await connected();
    const first = socket.id;
    const lost = happened(socket, "disconnect");
    const restarted = restartServer();
    ok(["transport close", "transport error", "io server disconnect"].includes((await lost)[0]));
    for (let i = 0; i < 10; i++) socket.emit("item", i); // kept by the client until it is back
    await restarted;
    if (!socket.active) socket.connect();
    equal(await ask(socket, "items"), { count: 10, inOrder: true, first: 0, last: 9 });
    ok(socket.id !== first);
    socket.disconnect();
  },
};

let failed = 0;
for (const name of names) {
  try {
    await scenarios[name]();
    print({ check: name, ok: true });
  } catch (error) {
    failed += 1;
    print({ check: name, ok: false, error: String(error?.stack ?? error) });
  }
}
process.exit(failed === 0 ? 0 : 1);
