import { io } from "socket.io-client";

/** Connects to the root namespace, by WebSocket from the start, which is the quickest that this client can. */
export async function open(url) {
  const socket = io(url, { transports: ["websocket"], forceNew: true });
  await new Promise((resolve, reject) => {
    socket.once("connect", resolve);
    socket.once("connect_error", reject);
  });
  return {
    on: (event, handler) => socket.on(event, handler),
    off: (event, handler) => socket.off(event, handler),
    emit: (event, data) => socket.emit(event, data),
    ask: (event, data) => socket.emitWithAck(event, data),
    close: () => socket.disconnect(),
  };
}
