import {
  AckError,
  ConnectError,
  createManager,
  type ConnectionQuality,
  type ConnectionStatus,
  type DisconnectReason,
  type Manager,
  type Notice,
  type Stats,
} from "nexus-realtime";

import { Emitter } from "./emitter.js";
import { bytes, count, displayName, millis, secondsLeft } from "./format.js";
import { Journal } from "./journal.js";
import { Network } from "./network.js";
import type { Receives, Sends } from "./protocol.js";
import type { State } from "./state.js";

/** A round trip that was measured, or that never came back. Times by `performance.now()`. */
export interface Sample {
  readonly at: number;
  readonly ms: number | undefined;
}

/** A stretch without a connection; `to` is missing while it lasts. */
export interface Gap {
  readonly from: number;
  to?: number;
}

/** How far back the chart looks, in milliseconds. */
export const WINDOW = 120_000;
/** How often a round trip is measured. */
const PING_EVERY = 2_000;
/** A round trip that takes longer counts as lost. */
const PING_TIMEOUT = 5_000;
/** How long a message may take to the server, its time in the offline queue included, before it is given up. */
const MESSAGE_TIMEOUT = 15 * 60_000;
/** How long a new connection's quality may vary without a word in the log. */
const SETTLING = 5_000;
/** How often typing is told while it goes on. */
const TYPING_EVERY = 2_500;

/** The page's connection: one manager, and between it and the state everything that they have to tell each other. */
export class Connection extends Emitter<{
  status: [];
  quality: [];
  sample: [];
  /** What waits in the offline queue. */
  queue: [];
  refused: [message: string];
}> {
  readonly journal = new Journal();
  readonly network = new Network();
  readonly samples: Sample[] = [];
  readonly gaps: Gap[] = [];
  reason: DisconnectReason | undefined;
  #manager: Manager<Receives, Sends>;
  #state: State;
  #pings: ReturnType<typeof setInterval> | undefined;
  /** Whom the user was last said to be typing to, and when. */
  #typing: { peer: string; at: number } | undefined;

  constructor(state: State) {
    super();
    this.#state = state;
    this.#manager = createManager<Receives, Sends>({ url: location.origin, WebSocket: this.network.WebSocket });
    this.#listen();
  }

  get status(): ConnectionStatus {
    return this.#manager.getConnectionStatus();
  }

  get quality(): ConnectionQuality {
    return this.#manager.getConnectionQuality();
  }

  get averageLatency(): number | null {
    return this.#manager.getAverageLatency();
  }

  get stats(): Stats {
    return this.#manager.getStats();
  }

  /** The last round trip, if it was not lost. */
  get latency(): number | undefined {
    return this.status === "connected" ? this.samples.at(-1)?.ms : undefined;
  }

  get queue(): { size: number; bytes: number } {
    const { size, bytes } = this.#manager.queue;
    return { size, bytes };
  }

  start(): void {
    this.gaps.push({ from: performance.now() });
    this.#manager.connect(this.#state.user, () => this.#fetchToken()).catch((error: unknown) => {
      this.journal.add("bad", "Could not connect", messageOf(error));
      if (error instanceof ConnectError && error.isFinal) this.tell("refused", messageOf(error));
    });
    this.#pings = setInterval(() => void this.#ping(), PING_EVERY);
  }

  stop(): void {
    clearInterval(this.#pings);
    this.#manager.close();
  }

  /** The other side of the switch on the page. */
  cutNetwork(cut: boolean): void {
    if (cut === this.network.isCut) return;
    if (cut) {
      this.journal.add("bad", "Network cut", "Sockets close, and none can be opened");
      // As browsers do, which lose the sockets and then say that there is no network.
      void this.network.cut().then(() => this.network.isCut && this.#manager.networkChanged(false));
    } else {
      this.journal.add("good", "Network restored", "The next attempt starts at once");
      this.network.restore();
      this.#manager.networkChanged(true);
    }
    this.tell("status");
  }

  /** Sends a new message. */
  send(peer: string, text: string): void {
    const key = `${Date.now().toString(36)}-${Math.random().toString(36).slice(2, 12)}`;
    this.#state.addDraft(peer, key, text, Date.now());
    this.#typing = undefined;
    void this.#deliver(peer, key, text);
  }

  /** Sends a message again that failed. The same `tempId` lets the other side recognise a repeat. */
  sendAgain(peer: string, key: string): void {
    const message = this.#state.conversation(peer)?.messages.find((m) => m.own && m.key === key);
    if (message?.delivery !== "failed") return;
    this.#state.markWaiting(peer, key);
    void this.#deliver(peer, key, message.text);
  }

  /** Tells somebody that the user types to them, not more often than they need it. */
  tellTyping(peer: string, isTyping: boolean): void {
    if (this.status !== "connected") return;
    const now = performance.now();
    const last = this.#typing;
    if (isTyping ? last?.peer === peer && now - last.at < TYPING_EVERY : !last) return;
    this.#typing = isTyping ? { peer, at: now } : undefined;
    this.#manager.emit("messaging", "USER_TYPING", { receiverId: peer, isTyping }, { volatile: true });
  }

  async #deliver(peer: string, key: string, text: string): Promise<void> {
    try {
      const draft = { receiverId: peer, content: text, tempId: key };
      const options = { timeout: MESSAGE_TIMEOUT, ttl: MESSAGE_TIMEOUT };
      const sent = this.#manager.emitWithAck("messaging", "NEW_MESSAGE", draft, options);
      this.tell("queue");
      const receipt = await sent;
      if (receipt.ok) this.#state.markSent(peer, key, receipt.id, receipt.timestamp);
      else this.#state.markFailed(peer, key, `Refused: ${receipt.message}`);
    } catch (error) {
      this.#state.markFailed(peer, key, problemOf(error));
    }
    this.tell("queue");
  }

  #listen(): void {
    const manager = this.#manager;
    manager.addStatusListener((status, reason) => this.#statusChanged(status, reason));
    manager.addQualityListener((quality) => {
      // The first measurements of a connection are no news.
      const isNews = this.status === "connected" && performance.now() - (this.gaps.at(-1)?.to ?? Infinity) > SETTLING;
      if (isNews && quality !== "offline") this.journal.add(quality === "poor" ? "bad" : "plain", `Quality is ${quality}`);
      this.tell("quality");
    });
    manager.addNoticeListener((notice) => this.#noticed(notice));
    manager.on("realtime", "presence:update", (update) => this.#state.setPresence(update));
    manager.on("messaging", "NEW_MESSAGE", (message) => {
      this.#state.receive(message);
      if (message.senderId !== this.#state.user) {
        manager.emit("messaging", "MESSAGE_DELIVERED", { id: message.id, senderId: message.senderId });
      }
    });
    manager.on("messaging", "MESSAGE_SENT", (message) => this.#state.receive(message));
    manager.on("messaging", "MESSAGE_DELIVERED", (notice) => this.#state.delivered(notice));
    manager.on("messaging", "USER_TYPING", ({ senderId, isTyping }) => this.#state.setTyping(senderId, isTyping));
  }

  #statusChanged(status: ConnectionStatus, reason: DisconnectReason | undefined): void {
    this.reason = reason;
    this.journal.settle();
    const gap = this.gaps.at(-1);
    if (status === "connected") {
      if (gap) gap.to ??= performance.now();
      this.journal.add("good", "Connected", `as ${displayName(this.#state.user)}`);
      void this.#askWhoIsHere();
    } else {
      if (!gap || gap.to !== undefined) this.gaps.push({ from: performance.now() });
      if (this.gaps.length > 50) this.gaps.shift();
      if (status === "disconnected") {
        this.#state.forgetPresences();
        this.journal.add("bad", "Disconnected", reason && cause(reason));
      } else if (status === "connecting") this.journal.add("plain", "Connecting");
    }
    this.tell("status");
  }

  #noticed(notice: Notice): void {
    switch (notice.type) {
      case "joined":
        this.journal.add("plain", `Joined /${notice.namespace}`);
        break;
      case "joinFailed":
        this.journal.add("bad", `Could not join /${notice.namespace}`, notice.error.message);
        break;
      case "left":
        if (notice.reason !== "connectionLost") this.journal.add("plain", `Left /${notice.namespace}`);
        break;
      case "retryScheduled": {
        const attempt = `Attempt ${notice.failedAttempts + 1} in ${secondsLeft(notice.delay)}`;
        this.journal.countDown(attempt, notice.delay, cause(notice.reason));
        break;
      }
      case "messageDropped":
        this.journal.add("bad", "A message left the queue unsent", notice.reason);
        break;
    }
    this.tell("status");
  }

  async #ping(): Promise<void> {
    if (this.status !== "connected") return;
    const started = performance.now();
    let ms: number | undefined;
    try {
      await this.#manager.emitWithAck("realtime", "activity:ping", {}, { timeout: PING_TIMEOUT, volatile: true });
      ms = performance.now() - started;
    } catch (error) {
      // Cut off: the gap tells it, and there is no time that could be shown.
      if (!(error instanceof AckError) || error.code !== "TIMED_OUT") return;
    }
    this.samples.push({ at: performance.now(), ms });
    while (this.samples.length && this.samples[0]!.at < performance.now() - 2 * WINDOW) this.samples.shift();
    this.tell("sample");
  }

  async #fetchToken(): Promise<string> {
    const response = await this.network.fetch("/demo/token", {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ userId: this.#state.user }),
    });
    if (!response.ok) throw new Error(`the server gave no token (${response.status})`);
    const { token } = (await response.json()) as { token: string };
    return token;
  }

  async #askWhoIsHere(): Promise<void> {
    try {
      const list = await this.#manager.emitWithAck("realtime", "presence:list", {}, { volatile: true });
      if (list.ok) this.#state.setPresences(list);
    } catch {
      // The connection is gone again; the next one asks again.
    }
  }
}

/** A summary of the last round trips for those who don't see the chart. */
export function spoken(connection: Connection): string {
  const { p95Latency } = connection.stats;
  const [now, average] = [millis(connection.latency), millis(connection.averageLatency)];
  return `Round trip time over the last two minutes: now ${now}, average ${average}, 95th percentile ${millis(p95Latency)}`;
}

/** What waits, in words. */
export function waiting({ size, bytes: total }: { size: number; bytes: number }): string {
  return size === 0 ? "Nothing waits" : `${count(size)} waiting · ${bytes(total)}`;
}

/** Why a connection ended, without the layers that the word of it came through. */
export function cause({ message }: DisconnectReason): string {
  const last = message.split(": ").at(-1) ?? message;
  return last.charAt(0).toLocaleUpperCase() + last.slice(1);
}

function problemOf(error: unknown): string {
  if (error instanceof AckError) {
    if (error.isUnsent) return error.code === "TIMED_OUT" ? "Waited too long to be sent" : "Not sent";
    return "Sent, but not confirmed";
  }
  return messageOf(error);
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
