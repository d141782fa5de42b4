import { createManager } from "nexus-realtime";

/** Connects to the root namespace. The wrappers of both clients are alike, so that what they cost is too. */
export async function open(url) {
  const manager = createManager({ url, primaryNamespace: "/" });
  await manager.connect("bench", "none");
  return {
    on: (event, handler) => manager.on("/", event, handler),
    off: (event, handler) => manager.off("/", event, handler),
    emit: (event, data) => manager.emit("/", event, data),
    ask: (event, data) => manager.emitWithAck("/", event, data),
    close: () => manager.close(),
  };
}
