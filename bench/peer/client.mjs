// The stock client that the Nexus client is measured against: the same behaviour as the example `bench_client`.
import { io } from "socket.io-client";

const socket = io(process.argv[2], { transports: ["websocket"] });
let received = 0;
socket.on("m", () => { received += 1; });
socket.once("connect", async () => {
  await socket.emitWithAck("join");
  console.log("up");
});
process.stdin.resume();
process.stdin.on("end", () => {
  console.log(`received ${received}`);
  process.exit(0);
});
