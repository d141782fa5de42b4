/// <reference lib="esnext.disposable" preserve="true" />
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
  | { readonly type: "joined"; readonly namespace: string; readonly sid: string }
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
    };

/** A message in the offline queue. */
export interface QueuedMessage {
  readonly id: number;
  readonly namespace: string;
  readonly event: string;
  /** Size of its arguments and names. */
  readonly bytes: number;
  /** Milliseconds until it is dropped. */
  readonly expiresIn: number;
  readonly awaitsAck: boolean;
}

/** The messages that wait to be sent, in memory. They are gone with the page. */
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
  /** Acknowledgements that are awaited. */
  readonly pendingAcks: number;
  /** Received events that may still be acknowledged. */
  readonly pendingReplies: number;
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
  readonly eventsIn: number;
  readonly emitsRefused: number;
  readonly volatileDropped: number;
  readonly messagesDropped: number;
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
