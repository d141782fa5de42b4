import type { ChatMessage, Saved, State } from "./state.js";

/** The most messages that are kept of a conversation over a reload. */
const KEPT = 200;
/** How long changes are gathered before they are written. */
const PAUSE = 400;

const keyOf = (user: string) => `nexus-demo:chats:${user}`;

/** The conversations of this tab and user, if it had any. */
export function load(user: string): Saved {
  try {
    const saved: unknown = JSON.parse(sessionStorage.getItem(keyOf(user)) ?? "[]");
    if (!Array.isArray(saved)) return [];
    return saved.filter(isConversation).map(({ peer, messages, unread }) => ({
      peer,
      unread,
      messages: messages.filter(isMessage).map(awake),
    }));
  } catch {
    return [];
  }
}

/** Keeps the conversations for a reload of this tab. The demo's server stores nothing. */
export function keep(state: State): void {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const write = () => {
    clearTimeout(timer);
    timer = undefined;
    const saved: Saved = state.conversations().map(({ peer, messages, unread }) => ({
      peer,
      unread,
      messages: messages.slice(-KEPT),
    }));
    try {
      sessionStorage.setItem(keyOf(state.user), JSON.stringify(saved));
    } catch {
      // Forbidden or full: the page does without.
    }
  };
  state.on("list", () => (timer ??= setTimeout(write, PAUSE)));
  addEventListener("pagehide", () => timer !== undefined && write());
}

/** The offline queue went with the page that this message waited on. */
function awake(message: ChatMessage): ChatMessage {
  if (message.delivery !== "waiting") return message;
  return { ...message, delivery: "failed", problem: "The page was left before this was confirmed" };
}

function isConversation(value: unknown): value is Saved[number] {
  const { peer, messages, unread } = (value ?? {}) as Partial<Saved[number]>;
  return typeof peer === "string" && Array.isArray(messages) && typeof unread === "number";
}

function isMessage(value: unknown): value is ChatMessage {
  const { key, own, text, at } = (value ?? {}) as Partial<ChatMessage>;
  return typeof key === "string" && typeof own === "boolean" && typeof text === "string" && typeof at === "number";
}
