// The stock server that both clients talk to. It ends with its standard input.
import { createServer } from "node:http";
import { Server } from "socket.io";
import { large, small } from "./page/payloads.js";

const payloads = { small, large };
/** How many events are emitted before the loop of the server turns. */
const CHUNK = { small: 500, large: 10 };

const http = createServer();
const io = new Server(http, { cors: { origin: "*" } });

io.on("connection", (socket) => {
  // To a room of one: broadcasts are encoded once, which is the quickest that this server can.
  socket.on("burst", ({ payload, count }) => {
    const send = (left) => {
      for (let index = 0; index < Math.min(left, CHUNK[payload]); index++) io.to(socket.id).emit(payload, payloads[payload]);
      if (left > CHUNK[payload]) setImmediate(send, left - CHUNK[payload]);
    };
    send(count);
  });
  socket.on("e", (data, ack) => ack(data));
  socket.on("sink", () => {});
});

process.stdin.resume().on("end", () => process.exit(0));
http.listen(0, "127.0.0.1", () => console.log(`listening on http://127.0.0.1:${http.address().port}`));
