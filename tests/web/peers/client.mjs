// A program that uses the package and has nothing else to do: it ends by itself, or it does not.
//
//   node client.mjs DIST URL TOKEN WAY

import WebSocket from "ws";

const [, , dist, url, token, way] = process.argv;
const { createManager } = await import(dist);
const manager = createManager({ url, WebSocket, reconnect: { initialDelay: 60_000, maxDelay: 60_000 } });
process.stdout.write("imported\n");

if (way !== "import") {
  manager.on("messaging", "echo", () => {});
  await manager.connect("u", token);
  await manager.join("messaging");
  if (way === "close") manager.close();
  if (way === "disconnect") manager.disconnect();
  if (way === "close in vain") {
    manager.disconnect();
    const unreachable = createManager({ url: "http://127.0.0.1:9", WebSocket });
    unreachable.connect("u", token).catch(() => {});
    unreachable.addNoticeListener(({ type }) => type === "retryScheduled" && unreachable.close());
  }
}
