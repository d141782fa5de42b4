// A stock Socket.IO server that passes messages between users, for the trials with real faults.
//
//   node chaos-server.mjs --port N [--recovery]
//
// It does what the messaging gateway of ours does: NEW_MESSAGE goes to the receiver's sockets with an id of the
// server's making, then it is acknowledged. With --recovery it has connection state recovery with the documented
// options. Prints `listening on http://HOST:PORT`; ends when it is killed.

import { randomUUID } from "node:crypto";
import { createServer } from "node:http";
import { parseArgs } from "node:util";
import { Server } from "socket.io";

const { values: flags } = parseArgs({
  options: { port: { type: "string", default: "0" }, recovery: { type: "boolean", default: false } },
});

const http = createServer((_request, response) => response.writeHead(404).end());
const connectionStateRecovery = { maxDisconnectionDuration: 2 * 60 * 1000, skipMiddlewares: true };
const io = new Server(http, flags.recovery ? { connectionStateRecovery } : {});

io.of("/messaging").on("connection", (socket) => {
  const { userId } = socket.handshake.auth;
  socket.join(`user:${userId}`); // a recovered socket is in it already
  socket.on("NEW_MESSAGE", (draft, acknowledge) => {
    const message = { ...draft, uniqueId: randomUUID(), senderId: userId };
    io.of("/messaging").to(`user:${draft.receiverId}`).emit("NEW_MESSAGE", message);
    acknowledge?.({ ok: true });
  });
});

http.listen(Number(flags.port), "127.0.0.1", () => {
  console.log(`listening on http://127.0.0.1:${http.address().port}`);
});
