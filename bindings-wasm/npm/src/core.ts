/** The contract with the WebAssembly part: what `generated/` exports, and what it calls. Nothing here is public. */
import type { ErrorDetails, ErrorKind, PanickedError } from "./errors.js";
import type { Socket } from "./sockets.js";
import type { StoreChange } from "./store/types.js";
import type { ConnectionQuality, ConnectionStatus, DeliveryStatus, DisconnectReason, Notice, QueuedMessage, Stats } from "./types.js";

/** `Client` of the generated code. Durations in milliseconds. */
export interface CoreClient {
  /** `undefined`: `needToken` is called. Gives a ticket for `connectResolved`. */
  connect(userId: string, token: string | undefined): number;
  provideToken(request: number, token: string): void;
  refuseToken(request: number, message: string, isFinal: boolean): void;
  disconnect(): void;
  close(): void;
  /** `true`: it is joined already. */
  join(namespace: string): boolean;
  leave(namespace: string): void;
  isJoined(namespace: string): boolean;
  /** Whether it is joined on a server that needs nothing to tell repeats by. */
  isNegotiated(namespace: string): boolean;
  /** Joins the namespace. Gives the channel with which `receive` is called. */
  listen(namespace: string, event: string): number;
  unlisten(channel: number): void;
  /** A number for the name of an event that is emitted, counted from 0. */
  name(namespace: string, event: string): number;
  forgetNames(): void;
  /**
   * `name`: a number that {@link name} gave. `args`: the text of the arguments, without brackets; `length`: its length.
   * `flags`: a {@link Flag} of the class, and {@link Flag.MayEndInMarker}. `ttl`: NaN for the default. `ack`: NaN for none, negative for the default timeout. Gives `id * 4 + outcome`.
   */
  emit(
    name: number,
    args: string,
    length: number,
    attachments: Uint8Array[] | undefined,
    flags: number,
    ttl: number,
    ack: number,
  ): number;
  /**
   * `text`: a frame without its arguments, and, each behind a line feed, the JSON text of the last argument if that may be
   * the protocol's (empty for none), and what tells the event from others; `length`: that of the whole frame.
   */
  handleEventFrame(connection: number, text: string, args: unknown[], length: number): void;
  /** `opened`: of the operation `open`. Its messages have the `size` of their arguments in bytes, and `mayEndInMarker`, as well. */
  storeAnswered(ticket: number, opened: object | undefined): void;
  storeFailed(ticket: number, code: string, message: string): void;
  storeAdopted(messages: object[]): void;
  reply(reply: number, args: string, length: number, attachments: Uint8Array[] | undefined): void;
  cancel(message: number): "unsent" | "wait" | undefined;
  queue(): QueuedMessage[];
  status(): ConnectionStatus;
  averageLatency(): number | undefined;
  /** The counters without their names. */
  stats(): Omit<Stats, "counters"> & { readonly counters: readonly number[] };
  userId(): string | undefined;
  networkChanged(reachable: boolean): void;
  enterBackground(): void;
  enterForeground(): void;
  suspend(): void;
  free(): void;
}

/** How an emit is to be treated, for the core. */
export const Flag = { Buffered: 0, Volatile: 1, Durable: 2, MayEndInMarker: 4 } as const;

/** Work for the store. */
export type StoreOperation =
  | { readonly type: "open"; readonly userId: string; readonly instance: string }
  | { readonly type: "commit"; readonly changes: readonly StoreChange[] }
  | { readonly type: "close" };

/** What the WebAssembly part calls. It calls at any time, but never while it holds a lock: anything may be called back. */
export interface Hooks {
  error(kind: ErrorKind, code: string, message: string, details: ErrorDetails | undefined): unknown;
  connectResolved(ticket: number, error: unknown): void;
  /** `args`: the values that a socket read, or the text of a JSON array. */
  ackResolved(message: number, error: unknown, args: Received, attachments: Uint8Array[] | undefined): void;
  receive(channel: number, args: Received, attachments: Uint8Array[] | undefined, reply: number | undefined): void;
  status(status: ConnectionStatus, reason: DisconnectReason | undefined): void;
  quality(quality: ConnectionQuality): void;
  needToken(request: number, reason: "connecting" | "rejected"): void;
  notice(notice: Notice): void;
  delivery(
    message: number,
    status: DeliveryStatus["status"],
    isSent: boolean | undefined,
    code: string | undefined,
    args: Received,
    attachments: Uint8Array[] | undefined,
  ): void;
  store(ticket: number, operation: StoreOperation): void;
  openSocket(connection: number, url: string): Socket;
  setTimeout(callback: () => void, delay: number): unknown;
  clearTimeout(timeout: unknown): void;
  byteLength(text: string): number;
}

/** Arguments as they come: the values that a socket has read, or the text of a JSON array; nothing with an error. */
export type Received = unknown[] | string | undefined;

export type CoreClientClass = new (options: object, hooks: Hooks) => CoreClient;

/** One instance of the WebAssembly module: all its managers live and die together. */
export interface Instance {
  readonly Client: CoreClientClass;
  /** Set when it has panicked: nothing of it may be called any more. */
  readonly panic: PanickedError | undefined;
  /** Each ends itself in a panic, without calling anybody, and gives what tells of it. */
  readonly owners: Set<(error: PanickedError) => () => void>;
  /** Declares it dead, at once; its owners end in a microtask. */
  kill(message: string): PanickedError;
}

/** Gives an instance that works, loading the module if that has not been done. A failure is not remembered. */
export type Load = () => Promise<Instance>;
