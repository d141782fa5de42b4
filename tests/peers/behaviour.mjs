// A stock Socket.IO server with what the scenarios of `tests/behaviour` ask for: `behaviour-nexus` does the same.
//
//   node behaviour.mjs --data-dir DIR
//
// It prints {"port"} when it listens, and ends with its standard input, so that it cannot outlive a test.

import { appendFileSync, existsSync, readFileSync } from "node:fs";
import { createServer } from "node:http";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { Server } from "socket.io";

const { values: flags } = parseArgs({ options: { "data-dir": { type: "string" } } });

// What handlers saw, kept across restarts.
const log = join(flags["data-dir"], "seen.log");
const entries = existsSync(log) ? readFileSync(log, "utf8").split("\n").flatMap(parsed) : [];

/** A kill may have torn the last line. */
function parsed(line) {
  try {
    return [JSON.parse(line)];
  } catch {
    return [];
  }
}

function take(socket, event, args) {
  const entry = { user: socket.data.user, ns: socket.nsp.name.slice(1), event, args: args.map(describe) };
  appendFileSync(log, `${JSON.stringify(entry)}\n`);
  entries.push(entry);
}

/** What an argument is: bytes by their length and digest, so that they can't be mistaken for JSON that looks like them. */
function describe(value) {
  if (Buffer.isBuffer(value)) return { binary: value.length, fnv1a: fnv1a(value) };
  if (Array.isArray(value)) return value.map(describe);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, describe(item)]));
}

const fnv1a = (bytes) => bytes.reduce((hash, byte) => Math.imul(hash ^ byte, 0x0100_0193) >>> 0, 0x811c_9dc5);

const routes = {
  "GET /behaviour/seen": ({ query }) => {
    const is = (entry, name) => !query.has(name) || entry[name] === query.get(name);
    return entries.filter((entry) => ["user", "ns", "event"].every((name) => is(entry, name))).map(({ args }) => args);
  },
  "GET /behaviour/connections": () => ({ open: io.engine.clientsCount }),
  "POST /behaviour/send": ({ body: { user, ns, event, args = [], count } }) => {
    const all = count === undefined ? [args] : Array.from({ length: count }, (_, n) => [n]);
    for (const each of all) io.of(`/${ns}`).to(`user:${user}`).emit(event, ...each);
    return {};
  },
};

const http = createServer(async (request, response) => {
  const url = new URL(request.url, "http://127.0.0.1");
  const route = routes[`${request.method} ${url.pathname}`];
  if (route === undefined) return response.writeHead(404).end();
  const chunks = await request.toArray();
  const body = chunks.length > 0 ? JSON.parse(Buffer.concat(chunks).toString("utf8")) : undefined;
  response.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify(route({ query: url.searchParams, body })));
});
const io = new Server(http, { maxHttpBufferSize: 4_000_000 });

function refusal(message, code) {
  return Object.assign(new Error(message), { data: { code } });
}

/** A token is `good-USER`, whoever the client says it is. */
function admit(socket, next) {
  const { token } = socket.handshake.auth;
  if (typeof token !== "string" || !token.startsWith("good-")) return next(refusal("unauthorized", "unauthorized"));
  socket.data.user = token.slice("good-".length);
  next();
}

/** Runs a handler with the arguments, and what acknowledges: nothing, if nobody asked for that. */
function on(socket, event, handler) {
  socket.on(event, (...args) => {
    const ack = typeof args.at(-1) === "function" ? args.pop() : undefined;
    handler(args, ack);
  });
}

function serve(socket) {
  socket.join(`user:${socket.data.user}`);
  for (const event of ["note", "order"]) {
    on(socket, event, (args, ack) => {
      take(socket, event, args);
      ack?.(args.map(describe)[0] ?? null);
    });
  }
  on(socket, "never", (args) => take(socket, "never", args));
  on(socket, "echo", (args, ack) => (ack ? ack(...args) : socket.emit("echo", ...args)));
  on(socket, "describe", (args, ack) => ack(args.map(describe)));
  on(socket, "who", (_args, ack) => ack(socket.data.user));
  on(socket, "ask", ([event, args, timeout = 10_000], report) => {
    socket.timeout(timeout).emit(event, ...args, (error, ...replies) => report({ replies: error ? null : replies }));
  });
  on(socket, "send-items", ([count]) => {
    for (let item = 0; item < count; item++) socket.emit("item", item);
  });
  on(socket, "leave", () => socket.disconnect(false));
  on(socket, "hang-up", () => socket.disconnect(true));
}

for (const name of ["/realtime", "/messaging", "/notifications"]) io.of(name).use(admit).on("connection", serve);
io.of("/private").use((_socket, next) => next(refusal("not for you", "forbidden")));

process.stdin.resume().on("close", () => process.exit(0));
http.listen(0, "127.0.0.1", () => console.log(JSON.stringify({ port: http.address().port })));
