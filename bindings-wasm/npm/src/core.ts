/** The contract with the WebAssembly part: what `generated/` exports, and what it calls. Nothing here is public. */
import type { ErrorDetails, ErrorKind, PanickedError } from "./errors.js";
import type { Socket } from "./sockets.js";
import type { ConnectionQuality, ConnectionStatus, DisconnectReason, Notice, QueuedMessage, Stats } from "./types.js";

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
  /** Joins the namespace. Gives the channel with which `receive` is called. */
  listen(namespace: string, event: string): number;
  unlisten(channel: number): void;
  /** A number for the name of an event that is emitted, counted from 0. */
  name(namespace: string, event: string): number;
  forgetNames(): void;
  /**
   * `name`: a number that {@link name} gave. `args`: the text of the arguments, without brackets; `length`: its length.
   * `ttl`: NaN for the default. `ack`: NaN for none, negative for the default timeout. Gives `id * 4 + outcome`.
   */
  emit(
    name: number,
    args: string,
    length: number,
    attachments: Uint8Array[] | undefined,
    volatile: boolean,
    ttl: number,
    ack: number,
  ): number;
  /** `head`: a frame without its arguments; `length`: that of the whole. */
  handleEventFrame(connection: number, head: string, args: unknown[], length: number): void;
  reply(reply: number, args: string, length: number, attachments: Uint8Array[] | undefined): void;
  cancel(message: number): "unsent" | "wait" | undefined;
  queue(): QueuedMessage[];
  status(): ConnectionStatus;
  averageLatency(): number | undefined;
  stats(): Stats;
  userId(): string | undefined;
  networkChanged(reachable: boolean): void;
  enterBackground(): void;
  enterForeground(): void;
  suspend(): void;
  free(): void;
}

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
