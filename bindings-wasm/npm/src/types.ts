/// <reference lib="esnext.disposable" preserve="true" />
import type { StorageErrorCode } from "./store/errors.js";

/** What an application shows of the connection. Every loss reports `disconnected`, with its reason, before `reconnecting`. */
export type ConnectionStatus = "disconnected" | "connecting" | "connected" | "reconnecting";

/** How well the connection does, from its round trip times. `offline` unless connected. */
export type ConnectionQuality = "offline" | "poor" | "fair" | "good" | "excellent";

/** Stable names of how a connection ended; where socket.io-client has a name for it, that one. */
export type DisconnectCode =
  | "io client disconnect"
  | "io server disconnect"
  | "user changed"
  | "transport close"
  | "transport error"
  | "open timeout"
  | "authentication timeout"
  | "authentication rejected"
  | "namespace refused"
  | "token unavailable"
  | "ping timeout"
  | "unresponsive"
  | "slow transport"
  | "parse error"
  | "background"
  | "attempts exhausted"
  /** The WebAssembly part could not be loaded. */
  | "not loaded"
  /** The WebAssembly part has panicked. */
  | "panicked"
  | (string & {});

/** How a connection, or an attempt to get one, ended. */
export interface DisconnectReason {
  readonly code: DisconnectCode;
  /** For people and logs. Parts of it come from the server. */
  readonly message: string;
}

/** Where an emit is: handed to the socket, in the offline queue, or (volatile ones alone) dropped. */
export type EmitOutcome = "transmitted" | "queued" | "dropped";

/** How far a durable emit is. */
export type DeliveryStatus<Answer = any> =
  /** It waits for the store. */
  | { readonly status: "queued" }
  /** It is accepted: it outlives the page. */
  | { readonly status: "persisted" }
  /** It was handed to the socket, for the first time or again. */
  | { readonly status: "sent" }
  | DeliveryOutcome<Answer>;

/** How a durable emit ended. Where `isSent`, the server may have it. */
export type DeliveryOutcome<Answer = any> =
  /** The server has it, for good. `value`: the first argument of its acknowledgement. */
  | { readonly status: "acked"; readonly value: Answer }
  /** It was refused for good. `code`: the server's, or that of the `EmitError` with which `accepted` rejects. */
  | { readonly status: "rejected"; readonly code: string; readonly value: unknown }
  /** Its time to live passed. */
  | { readonly status: "expired"; readonly isSent: boolean }
  | { readonly status: "cancelled"; readonly isSent: boolean }
  /** The server may or may not have it: it has lost its memory of what it was sent. */
  | { readonly status: "unknown" };

/** A durable emit. Nobody has to look at it: its promises never count as unhandled. */
export interface DurableEmit<Answer = any> {
  /** As in `queue` and in notices. */
  readonly id: number;
  readonly status: DeliveryStatus<Answer>;
  /** Resolves when it outlives the page. Rejects with an `EmitError`, or with what ended the manager before. */
  readonly accepted: Promise<void>;
  /** How it ended. Rejects if the manager ends, or connects as somebody else, before; the message goes on without it. */
  readonly outcome: Promise<DeliveryOutcome<Answer>>;
  /** Tells of each further status. */
  onStatus(listener: (status: DeliveryStatus<Answer>) => void): Unsubscribe;
  /** Takes it back. `false`: it has ended. */
  cancel(): boolean;
}

/** Asks for a token: `connecting`, a good one will do; `rejected`, the server refused the last, so it has to be a new one. */
export type TokenProvider = (reason: "connecting" | "rejected") => string | Promise<string>;

export type StatusListener = (status: ConnectionStatus, reason?: DisconnectReason) => void;
export type QualityListener = (quality: ConnectionQuality) => void;
export type NoticeListener = (notice: Notice) => void;

/** Ends a subscription. Does nothing when called again. With `using` it ends with the scope. */
export interface Unsubscribe {
  (): void;
  [Symbol.dispose](): void;
}

export interface ListenOptions {
  /** Removes the listener when it aborts; with one that has aborted already, nothing is added. */
  readonly signal?: AbortSignal | undefined;
  /** Removes the listener before its first call. Default: `false`. */
  readonly once?: boolean | undefined;
}

/** The events of one name, one after another, for `for await`. */
export interface EventIterator<T> extends AsyncIterableIterator<T, undefined, void> {
  /** How many events came and were dropped, oldest first, because more than `buffer` were waiting. */
  readonly missed: number;
  return(): Promise<IteratorReturnResult<undefined>>;
  [Symbol.dispose](): void;
  [Symbol.asyncDispose](): Promise<void>;
}

/** What happens besides status and quality. */
export type Notice =
  | ({
      readonly type: "joined";
      readonly namespace: string;
      readonly sid: string;
    } & (
      | {
          /** `first`: it had not been joined for this user. `recovered`: nothing was missed. */
          readonly continuity: "first" | "recovered";
        }
      | {
          /** Events may have been missed. */
          readonly continuity: "gap";
          /** Whether what was addressed to the user is complete all the same. */
          readonly inboxComplete: boolean;
          /** So many events that were addressed to the user are lost. */
          readonly lost: number;
        }
    ))
  | { readonly type: "joinFailed"; readonly namespace: string; readonly error: Error }
  | {
      readonly type: "left";
      readonly namespace: string;
      readonly reason: "clientLeft" | "serverDisconnect" | "connectionLost";
    }
  | {
      readonly type: "retryScheduled";
      /** Failed attempts in a row. */
      readonly failedAttempts: number;
      /** Milliseconds until the next attempt. */
      readonly delay: number;
      readonly reason: DisconnectReason;
    }
  | {
      /** A message left the offline queue without being sent. */
      readonly type: "messageDropped";
      readonly id: number;
      readonly namespace: string;
      readonly event: string;
      readonly reason: string;
    }
  /** A durable message is further. Those of an earlier page have new ids, told by `restored` before. */
  | { readonly type: "delivery"; readonly id: number; readonly delivery: DeliveryStatus }
  | {
      /** Durable messages that an earlier page, or a tab that has ended, left are in the queue now. */
      readonly type: "restored";
      readonly ids: readonly number[];
      /** How many records of the store could not be read. */
      readonly unreadable: number;
    }
  | {
      /** The store failed. Durable emits that were not accepted for it are told one by one. */
      readonly type: "storeFailed";
      readonly code: StorageErrorCode;
      readonly message: string;
    };

/** A message in the offline queue, or a durable one that has not ended. */
export interface QueuedMessage {
  readonly id: number;
  readonly namespace: string;
  readonly event: string;
  /** Size of its arguments and names. */
  readonly bytes: number;
  /** Milliseconds until it is dropped. */
  readonly expiresIn: number;
  readonly awaitsAck: boolean;
  readonly delivery: "buffered" | "durable";
  /** Whether it is accepted: a durable one that is not waits for the store. */
  readonly isAccepted: boolean;
  /** Whether the server may have it. */
  readonly isSent: boolean;
}

/** The messages that wait to be sent, in memory, which are gone with the page, and the durable ones that have not ended. */
export interface OfflineQueue {
  readonly size: number;
  readonly bytes: number;
  /** Oldest first. */
  messages(): QueuedMessage[];
  /** Takes a message out; its acknowledgement, if awaited, ends with `CANCELLED`. `false`: it is not queued (any more). */
  cancel(id: number): boolean;
  /** Takes all out, and says how many. */
  clear(): number;
}

/** Levels as of now, and counts since the manager was made. Latencies in milliseconds, `undefined` without a sample. */
export interface Stats {
  readonly status: ConnectionStatus;
  readonly quality: ConnectionQuality;
  readonly averageLatency: number | undefined;
  readonly smoothedLatency: number | undefined;
  readonly p95Latency: number | undefined;
  readonly queuedMessages: number;
  readonly queuedBytes: number;
  /** Messages that were sent, and are kept until the server has them. */
  readonly keptMessages: number;
  readonly keptBytes: number;
  /** Durable messages that have not ended, or whose end is not in the store yet. */
  readonly durableMessages: number;
  readonly durableBytes: number;
  /** Acknowledgements that are awaited. */
  readonly pendingAcks: number;
  /** Received events that may still be acknowledged. */
  readonly pendingReplies: number;
  /** Events that are remembered to tell repeats. */
  readonly rememberedEvents: number;
  /** Namespaces that are wanted. */
  readonly namespaces: number;
  readonly joinedNamespaces: number;
  /** Bytes that the socket has not taken yet. */
  readonly unsentBytes: number;
  readonly failedAttempts: number;
  /** Event listeners, open iterators included. */
  readonly listeners: number;
  readonly counters: Counters;
}

/** Counts that only rise. */
export interface Counters {
  readonly attempts: number;
  readonly connects: number;
  readonly reconnects: number;
  readonly losses: number;
  readonly framesOut: number;
  readonly bytesOut: number;
  readonly framesIn: number;
  readonly bytesIn: number;
  readonly eventsOut: number;
  /** Those of them that had been sent on an earlier connection. */
  readonly eventsRepeated: number;
  readonly eventsIn: number;
  /** Those of them that were not handed out, because they had been before. */
  readonly duplicatesDropped: number;
  readonly discardedBeforeConnect: number;
  /** Joinings in which the server recovered the session, and those after a gap. */
  readonly recovered: number;
  readonly gaps: number;
  readonly emitsRefused: number;
  readonly volatileDropped: number;
  readonly messagesDropped: number;
  /** Messages of which nobody knows whether the server has them. */
  readonly messagesUnknown: number;
  readonly durableAccepted: number;
  readonly durableAcked: number;
  readonly storeFailures: number;
  readonly acksReceived: number;
  readonly acksTimedOut: number;
  readonly acksUnknown: number;
  readonly repliesEvicted: number;
  readonly eventsAfterLeave: number;
  readonly protocolErrors: number;
  readonly staleTransportEvents: number;
  readonly probes: number;
  readonly probesLost: number;
  readonly sleeps: number;
  readonly tokensRequested: number;
}
