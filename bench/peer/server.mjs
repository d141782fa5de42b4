// The stock server that Nexus is measured against: the same events as the example `bench_server`.
import { createServer } from "node:http";
import { Server } from "socket.io";

const port = Number(process.argv[2]);
const update = {
  id: "0190c5f2-7b1e-7c3a-9d4e-5f60718293a4",
  kind: "presence",
  user: "user-000042",
  status: "online",
  text: "The quick brown fox jumps over the lazy dog while the band plays on and on.",
  at: 1764000000000,
};

const http = createServer();
const io = new Server(http);
io.on("connection", (socket) => {
  socket.on("join", (...args) => {
    socket.join("r");
    const ack = args.at(-1);
    if (typeof ack === "function") ack();
  });
  socket.on("b", () => io.to("r").emit("m", update));
  socket.on("e", (data, ack) => ack(data));
});
http.listen(port, "127.0.0.1", () => console.log("up"));
