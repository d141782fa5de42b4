// A stock Socket.IO server whose behaviour the tests know.
//
//   node server.mjs [--port N] [--ping-interval MS] [--ping-timeout MS] [--max-payload BYTES] [--recovery]
//
// Every line it prints is one JSON object: {"type": "listening", "port"} first, then "connection",
// "disconnect" and "volatile" notices. Every line it reads is a command: see `commands`.
// It ends when its standard input does, so that it cannot outlive the test.

import { createHash } from "node:crypto";
import { createServer } from "node:http";
import { createInterface } from "node:readline";
import { parseArgs } from "node:util";
import { Server } from "socket.io";

const { values: flags } = parseArgs({
  options: {
    port: { type: "string", default: "0" },
    "ping-interval": { type: "string", default: "25000" },
    "ping-timeout": { type: "string", default: "20000" },
    "max-payload": { type: "string", default: "4000000" },
    recovery: { type: "boolean", default: false },
  },
});

const print = (line) => process.stdout.write(`${JSON.stringify(line)}\n`);

const http = createServer((_request, response) => response.writeHead(404).end());
const io = new Server(http, {
  pingInterval: Number(flags["ping-interval"]),
  pingTimeout: Number(flags["ping-timeout"]),
  maxHttpBufferSize: Number(flags["max-payload"]),
  ...(flags.recovery && { connectionStateRecovery: {} }),
});

/** What an argument is, so that a test can tell a Buffer from its JSON look-alike. */
const describe = (value) =>
  Buffer.isBuffer(value)
    ? { binary: value.length, sha256: createHash("sha256").update(value).digest("hex") }
    : value;

function serve(socket) {
  const ns = socket.nsp.name;
  let items = [];

  print({ type: "connection", ns, id: socket.id, auth: socket.handshake.auth, transport: socket.conn.transport.name });
  socket.on("disconnect", (reason) => print({ type: "disconnect", ns, id: socket.id, reason }));

  // With an ack: the same arguments back. Without: the same event back.
  socket.on("echo", (...args) => {
    const reply = typeof args.at(-1) === "function" ? args.pop() : (...all) => socket.emit("echo", ...all);
    reply(...args);
  });
  socket.on("describe", (...args) => args.pop()(args.map(describe)));
  socket.on("identity", (reply) => reply({ ns, id: socket.id, auth: socket.handshake.auth }));

  // Asks the client: emits `event` to it with an ack, and reports what came back.
  socket.on("ask", (event, args, report) => {
    socket.timeout(10_000).emit(event, ...args, (error, ...replies) =>
      report(error ? { error: error.message } : { replies }),
    );
  });

  // Sends `item` 0..count as fast as it can.
  socket.on("send-items", (count) => {
    for (let i = 0; i < count; i++) socket.emit("item", i);
    socket.emit("items-sent", count);
  });
  socket.on("item", (value) => {
    items.push(value);
  });
  socket.on("items", (reply) => {
    const taken = items;
    items = [];
    const inOrder = taken.every((value, index) => index === 0 || value > taken[index - 1]);
    reply({ count: taken.length, inOrder, first: taken[0], last: taken.at(-1) });
  });
  socket.on("number", (value, reply) => reply(value));

  // Sends `bytes` bytes, as text and as binary.
  socket.on("send-large", (bytes) => socket.emit("large", "x".repeat(bytes), Buffer.alloc(bytes, 0xa5)));

  socket.on("silence", () => {}); // never acknowledged
  socket.on("leave", () => socket.disconnect(false));
  socket.on("hang-up", () => socket.disconnect(true));
}

io.on("connection", serve);
io.of("/realtime").use(requireToken).on("connection", (socket) => {
  socket.emit("welcome", { userId: socket.handshake.auth.userId }); // at once, before anything was asked
  serve(socket);
});
for (const name of ["/messaging", "/notifications", "/a", "/b", "/c"]) io.of(name).on("connection", serve);
io.of("/private").use((_socket, next) => {
  const error = new Error("not for you");
  error.data = { code: "forbidden" };
  next(error);
});
io.of("/never").use(() => {}); // CONNECT is never answered

let accepted = new Set(["good"]);

function requireToken(socket, next) {
  const { token } = socket.handshake.auth;
  if (accepted.has(token)) return next();
  const error = new Error("unauthorized");
  error.data = { code: "unauthorized" };
  next(error);
}

const tcp = new Set();
http.on("connection", (socket) => {
  tcp.add(socket);
  socket.once("close", () => tcp.delete(socket));
});

const commands = {
  emit: ({ ns, event, args }) => io.of(ns).emit(event, ...args),
  "emit-binary": ({ ns, event, bytes }) => io.of(ns).emit(event, Buffer.from(bytes)),
  disconnect: ({ ns, close }) => io.of(ns).disconnectSockets(close),
  tokens: ({ tokens }) => (accepted = new Set(tokens)),
  // Cuts every TCP connection, with no word to anyone.
  cut: () => tcp.forEach((socket) => socket.destroy()),
};

createInterface({ input: process.stdin })
  .on("line", (line) => {
    const { do: name, ...options } = JSON.parse(line);
    commands[name](options);
    print({ type: "done", command: name });
  })
  .on("close", () => process.exit(0));

http.listen(Number(flags.port), "127.0.0.1", () => print({ type: "listening", port: http.address().port }));
