import { Emitter } from "./emitter.js";
import type { DeliveryNotice, Message, PresenceList, PresenceUpdate } from "./protocol.js";

/**
 * How far an own message is: `waiting`, in the offline queue or under way; `sent`, the server has it; `delivered`, a device
 * of the other's has it; `failed`, it can be sent again.
 */
export type Delivery = "waiting" | "sent" | "delivered" | "failed";

export interface ChatMessage {
  /** Unique on this page: the draft's `tempId` for messages from pages like this one, else the server's id. */
  readonly key: string;
  /** The server's id, once it is known. */
  id?: string;
  readonly own: boolean;
  readonly text: string;
  at: number;
  delivery?: Delivery;
  /** Why it failed. */
  problem?: string;
}

export interface Conversation {
  readonly peer: string;
  messages: ChatMessage[];
  unread: number;
}

/** What is kept over a reload. */
export type Saved = Pick<Conversation, "peer" | "messages" | "unread">[];

/** The most messages that are kept of a conversation. */
const MAX_MESSAGES = 500;
/** The most conversations. The one that was quiet for longest gives way. */
const MAX_CONVERSATIONS = 100;
/** How long somebody counts as typing without saying so again. */
const TYPING_LASTS = 5_000;
/** How many deliveries are remembered of messages whose acknowledgement is still to come. */
const MAX_EARLY = 200;

/** Conversations, who is here and who is typing. Knows nothing of connections and elements. */
export class State extends Emitter<{
  /** Conversations, their order, previews or unread counts. */
  list: [];
  message: [peer: string, message: ChatMessage, isNew: boolean];
  open: [peer: string | undefined];
  presence: [];
  typing: [peer: string];
}> {
  readonly user: string;
  #conversations = new Map<string, Conversation>();
  #online = new Map<string, number>();
  #lastSeen = new Map<string, number>();
  #typing = new Map<string, ReturnType<typeof setTimeout>>();
  #early = new Set<string>();
  #open: string | undefined;
  #isVisible = true;

  constructor(user: string, saved: Saved = []) {
    super();
    this.user = user;
    for (const { peer, messages, unread } of saved) this.#conversations.set(peer, { peer, messages, unread });
  }

  // ---- reading ----

  /** The latest first. */
  conversations(): Conversation[] {
    const latest = ({ messages }: Conversation) => messages.at(-1)?.at ?? 0;
    return [...this.#conversations.values()].sort((a, b) => latest(b) - latest(a));
  }

  conversation(peer: string): Conversation | undefined {
    return this.#conversations.get(peer);
  }

  get openPeer(): string | undefined {
    return this.#open;
  }

  isOnline(user: string): boolean {
    return this.#online.has(user);
  }

  lastSeen(user: string): number | undefined {
    return this.#lastSeen.get(user);
  }

  /** Who is here, but for the page's user. */
  others(): string[] {
    return [...this.#online.keys()].filter((user) => user !== this.user).sort((a, b) => a.localeCompare(b));
  }

  isTyping(peer: string): boolean {
    return this.#typing.has(peer);
  }

  get unread(): number {
    return [...this.#conversations.values()].reduce((sum, { unread }) => sum + unread, 0);
  }

  // ---- the page's user ----

  start(peer: string): void {
    this.#ensure(peer);
    this.tell("list");
  }

  open(peer: string | undefined): void {
    if (peer !== undefined) this.#ensure(peer);
    this.#open = peer;
    this.tell("open", peer);
    this.#read();
    this.tell("list");
  }

  /** Whether the page can be seen: messages that come while it can't are unread. */
  setVisible(visible: boolean): void {
    this.#isVisible = visible;
    if (visible) this.#read();
  }

  addDraft(peer: string, key: string, text: string, at: number): ChatMessage {
    const message: ChatMessage = { key, own: true, text, at, delivery: "waiting" };
    this.#add(peer, message);
    return message;
  }

  markWaiting(peer: string, key: string): void {
    this.#update(peer, key, (message) => {
      message.delivery = "waiting";
      delete message.problem;
    });
  }

  markSent(peer: string, key: string, id: string, at: number): void {
    this.#update(peer, key, (message) => {
      message.id = id;
      message.at = at;
      delete message.problem;
      if (this.#early.delete(id)) message.delivery = "delivered";
      else if (message.delivery !== "delivered") message.delivery = "sent";
    });
  }

  markFailed(peer: string, key: string, problem: string): void {
    this.#update(peer, key, (message) => {
      // The server's word that it has the message counts for more than an acknowledgement that got lost.
      if (message.delivery !== "waiting") return;
      message.delivery = "failed";
      message.problem = problem;
    });
  }

  // ---- the server ----

  /** A message came, from somebody or from another device of the page's user. Repeats change nothing. */
  receive(message: Message): void {
    const own = message.senderId === this.user;
    const peer = own ? message.receiverId : message.senderId;
    const key = typeof message.tempId === "string" ? message.tempId : message.uniqueId;
    const known = this.#conversations.get(peer)?.messages.find((m) => m.own === own && (m.key === key || m.id === message.id));
    if (own && known) return this.markSent(peer, known.key, message.id, message.timestamp);
    if (known) return;
    const added: ChatMessage = { key, id: message.id, own, text: message.content, at: message.timestamp };
    if (own) added.delivery = this.#early.delete(message.id) ? "delivered" : "sent";
    this.#add(peer, added);
    if (!own) this.setTyping(peer, false);
  }

  delivered({ id, receiverId }: DeliveryNotice): void {
    const message = this.#conversations.get(receiverId)?.messages.find((m) => m.own && m.id === id);
    if (message) return this.#update(receiverId, message.key, (m) => void (m.delivery = "delivered"));
    if (this.#early.size < MAX_EARLY) this.#early.add(id);
  }

  setTyping(peer: string, isTyping: boolean): void {
    const before = this.#typing.get(peer);
    clearTimeout(before);
    this.#typing.delete(peer);
    // Only of those whose conversations are shown: the names are the server's to choose.
    if (isTyping && this.#conversations.has(peer)) {
      this.#typing.set(peer, setTimeout(() => this.setTyping(peer, false), TYPING_LASTS));
    }
    if ((before !== undefined) !== this.#typing.has(peer)) this.tell("typing", peer);
  }

  setPresence({ userId, status, timestamp }: PresenceUpdate): void {
    if (status === "online") this.#online.set(userId, timestamp);
    else {
      this.#online.delete(userId);
      if (this.#conversations.has(userId)) this.#lastSeen.set(userId, timestamp);
      this.setTyping(userId, false);
    }
    this.tell("presence");
  }

  setPresences(list: PresenceList): void {
    this.#online = new Map(list.users.map(({ userId, since }) => [userId, since]));
    this.tell("presence");
  }

  /** Without a connection nobody knows who is here. */
  forgetPresences(): void {
    this.#online.clear();
    this.tell("presence");
  }

  #ensure(peer: string): Conversation {
    let conversation = this.#conversations.get(peer);
    if (!conversation) {
      conversation = { peer, messages: [], unread: 0 };
      if (this.#conversations.size >= MAX_CONVERSATIONS) {
        const quiet = this.conversations().findLast((other) => other.peer !== this.#open);
        if (quiet) this.#conversations.delete(quiet.peer);
      }
      this.#conversations.set(peer, conversation);
    }
    return conversation;
  }

  #add(peer: string, message: ChatMessage): void {
    const conversation = this.#ensure(peer);
    conversation.messages.push(message);
    if (conversation.messages.length > MAX_MESSAGES) conversation.messages.shift();
    // Who wrote from another device has read there what came before.
    if (message.own) conversation.unread = 0;
    else if (!(this.#isVisible && this.#open === peer)) conversation.unread += 1;
    this.tell("message", peer, message, true);
    this.tell("list");
  }

  #update(peer: string, key: string, change: (message: ChatMessage) => void): void {
    const message = this.#conversations.get(peer)?.messages.find((m) => m.own && m.key === key);
    if (!message) return;
    change(message);
    this.tell("message", peer, message, false);
    this.tell("list");
  }

  #read(): void {
    const conversation = this.#open === undefined ? undefined : this.#conversations.get(this.#open);
    if (!conversation?.unread || !this.#isVisible) return;
    conversation.unread = 0;
    this.tell("list");
  }
}
