import { AckError, createManager, type Manager, productionWebSocketManager } from "nexus-realtime";
import { typedHooks } from "nexus-realtime/react";
import { init } from "nexus-realtime/slim";

interface Message {
  id: string;
  content: string;
}
type Receives = { messaging: { NEW_MESSAGE: (message: Message) => void } };
type Sends = { messaging: { NEW_MESSAGE: (draft: { content: string }, ack: (receipt: { ok: boolean }) => void) => void } };

export const { useEvent } = typedHooks<Receives, Sends>();
export const manager: Manager<Receives, Sends> = createManager<Receives, Sends>({ url: "https://example.com" });

export async function use(): Promise<boolean> {
  await init(new Uint8Array());
  const unsubscribe = manager.on("messaging", "NEW_MESSAGE", ({ content }) => content.length);
  for await (const { id } of manager.events("messaging", "NEW_MESSAGE")) if (id === "last") break;
  unsubscribe();
  productionWebSocketManager.on("anything", "at all", (data) => data.free);
  // @ts-expect-error there is no such event
  manager.on("messaging", "OLD_MESSAGE", () => {});
  // @ts-expect-error the draft has other fields
  manager.emit("messaging", "NEW_MESSAGE", { text: "?" });
  try {
    const { ok } = await manager.emitWithAck("messaging", "NEW_MESSAGE", { content: "!" });
    return ok;
  } catch (error) {
    return error instanceof AckError && error.code === "TIMED_OUT";
  }
}
