// The official Socket.IO server, with namespaces and events whose behaviour the tests know.
//
//   node stock.mjs [--port N] [--ping-interval MS] [--ping-timeout MS]
//
// It prints {"port"} when it listens, and ends with its standard input, so that it cannot outlive a test.

import { createServer } from "node:http";
import { parseArgs } from "node:util";
import { Server } from "socket.io";
import { fnv1a } from "../suite/check.mjs";

const { values: flags } = parseArgs({
  options: {
    port: { type: "string", default: "0" },
    "ping-interval": { type: "string", default: "25000" },
    "ping-timeout": { type: "string", default: "20000" },
  },
});

const http = createServer((_request, response) => response.writeHead(404).end());
const io = new Server(http, {
  pingInterval: Number(flags["ping-interval"]),
  pingTimeout: Number(flags["ping-timeout"]),
  maxHttpBufferSize: 4_000_000,
});

/** What an argument is: bytes by their digest, so that they can't be mistaken for JSON that looks like them. */
function describe(value) {
  if (Buffer.isBuffer(value)) return { binary: value.length, fnv1a: fnv1a(value) };
  if (Array.isArray(value)) return value.map(describe);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, describe(item)]));
}

function serve(socket) {
  // With an ack: the same arguments back. Without: the same event back.
  socket.on("echo", (...args) => {
    if (typeof args.at(-1) === "function") args.pop()(...args);
    else socket.emit("echo", ...args);
  });
  socket.on("describe", (...args) => args.pop()(args.map(describe)));
  // Emits `event` to the client with an ack, and reports what came back.
  socket.on("ask", (event, args, report) => {
    socket.timeout(10_000).emit(event, ...args, (error, ...replies) => report(error ? { error: error.message } : { replies }));
  });
  socket.on("send-items", (count) => {
    for (let item = 0; item < count; item++) socket.emit("item", item);
  });
  socket.on("leave", () => socket.disconnect(false));
  socket.on("hang-up", () => socket.disconnect(true));
}

const GOOD = /^good/;

io.of("/realtime").use((socket, next) => {
  if (GOOD.test(socket.handshake.auth.token)) return next();
  const error = new Error("unauthorized");
  error.data = { code: "unauthorized" };
  next(error);
});
for (const name of ["/realtime", "/messaging", "/notifications"]) io.of(name).on("connection", serve);
io.of("/private").use((_socket, next) => {
  const error = new Error("not for you");
  error.data = { code: "forbidden" };
  next(error);
});

process.stdin.resume().on("close", () => process.exit(0));
http.listen(Number(flags.port), "127.0.0.1", () => console.log(JSON.stringify({ port: http.address().port })));
