/// <reference lib="esnext.disposable" preserve="true" />
import type { AckEventOf, AckOf, AnswerOf, AnyEvents, DataOf, DurableParameters, EmitParameters, EventOf, HandlerOf, NamespaceMap, NamespaceOf } from "./maps.js";
import type { ManagerOptions } from "./options.js";
import type {
  ConnectionQuality,
  ConnectionStatus,
  DurableEmit,
  EmitOutcome,
  EventIterator,
  ListenOptions,
  NoticeListener,
  OfflineQueue,
  QualityListener,
  Stats,
  StatusListener,
  TokenProvider,
  Unsubscribe,
} from "./types.js";

export interface EmitOptions {
  /** `buffered` waits in memory until it can be sent, `volatile` is dropped if it can't be sent now. @default "buffered" */
  readonly delivery?: "buffered" | "volatile" | undefined;
  /** As `delivery: "volatile"`. @default false */
  readonly volatile?: boolean | undefined;
  /** Milliseconds in the offline queue after which it is dropped. 1 ms to 30 d. @default the option `queue.ttl` */
  readonly ttl?: number | undefined;
}

export interface DurableOptions {
  /** Kept in the store until the server has acknowledged it, and sent by the next page if this one ends before. */
  readonly delivery: "durable";
  /** Milliseconds after which it is given up. 1 ms to 30 d. @default 1 d */
  readonly ttl?: number | undefined;
}

export interface EmitWithAckOptions extends EmitOptions {
  /** Milliseconds from the emit on. 1 ms to 1 d. @default the option `ackTimeout` */
  readonly timeout?: number | undefined;
  /** Ends the wait with an `AckError` of code `CANCELLED`, and takes the message back if it was not sent yet. */
  readonly signal?: AbortSignal | undefined;
}

export interface EventsOptions {
  /** Ends the iteration, without an error. */
  readonly signal?: AbortSignal | undefined;
  /** How many events may wait to be asked for; beyond it the oldest are dropped, and `missed` counts them. At least 1. @default 1_000 */
  readonly buffer?: number | undefined;
}

/**
 * A client of one server: many namespaces over one connection, which it seeks again whenever it is lost.
 *
 * Namespaces go without their slash (`"messaging"` is `/messaging`), `"/"` is the root. Nothing is loaded or opened
 * before `connect`; listeners can be added earlier, and outlive connections.
 */
export interface Manager<Receives extends NamespaceMap = AnyEvents, Sends extends NamespaceMap = AnyEvents> {
  /**
   * Connects as a user, and resolves when the primary namespace is joined. The same user again: nothing happens but that
   * a new token takes the old one's place. Another user: disconnects first, and drops what is queued.
   *
   * A token provider is asked for each connection, and again when the server refuses the token, also to a namespace that is
   * joined later: if it fails then, only that joining does. If it throws before, it is asked again with the next attempt, unless its
   * error has `isFinal: true`; if it gives no text, the manager stops.
   *
   * Rejects with `ConnectError`, `ConfigError`, `InitError`, `ClosedError` or `PanickedError`.
   */
  connect(userId: string, token: string | TokenProvider): Promise<void>;

  /** Ends the connection, or the search for one, until `connect`. The offline queue stays, for the same user. */
  disconnect(): void;

  /** Ends the manager for good. Whatever is awaited is rejected, iterators end, every later call is refused with `ClosedError`. */
  close(): void;

  /**
   * Changes options, all of a group (`reconnect`, `queue`, …) together.
   *
   * @throws ConfigError if a value can't be used, or there is a connection and the values differ from those in force.
   */
  configure(options: ManagerOptions): void;

  /**
   * Adds a listener, and gives what removes it. The handler gets the event's arguments, and after them, if the server
   * asked for an acknowledgement, a function that sends one (and throws `ReplyError` if that is not possible any more).
   */
  on<N extends NamespaceOf<Receives>, E extends EventOf<Receives, N>>(
    namespace: N,
    event: E,
    handler: HandlerOf<Receives, N, E>,
    options?: ListenOptions,
  ): Unsubscribe;

  /** As {@link on}, for one event. */
  once<N extends NamespaceOf<Receives>, E extends EventOf<Receives, N>>(
    namespace: N,
    event: E,
    handler: HandlerOf<Receives, N, E>,
    options?: Omit<ListenOptions, "once">,
  ): Unsubscribe;

  /** Removes a handler, or all of the event. */
  off<N extends NamespaceOf<Receives>, E extends EventOf<Receives, N>>(
    namespace: N,
    event: E,
    handler?: HandlerOf<Receives, N, E>,
  ): void;

  /** The first arguments of an event, one after another, from now on. */
  events<N extends NamespaceOf<Receives>, E extends EventOf<Receives, N>>(
    namespace: N,
    event: E,
    options?: EventsOptions,
  ): EventIterator<DataOf<Receives, N, E>>;

  /**
   * Sends an event that outlives the page: it is kept in the store until the server has acknowledged it. Each has its effect
   * once on servers that negotiate that, and at least once on others. Gives what tells of it.
   *
   * @throws EmitError if it is not accepted on the spot: `NO_DURABLE_STORE` where there is no store.
   */
  emit<N extends NamespaceOf<Sends>, E extends EventOf<Sends, N>>(
    namespace: N,
    event: E,
    ...rest: DurableParameters<Sends, N, E, DurableOptions>
  ): DurableEmit<AnswerOf<Sends, N, E>>;

  /**
   * Sends an event, or queues it while there is no connection. `undefined` is no argument; several go as `args(a, b)`.
   * `ArrayBuffer`s, typed arrays and `DataView`s in the data are sent as they are, in binary.
   *
   * @throws EmitError if it is not accepted; nothing was sent or queued then.
   */
  emit<N extends NamespaceOf<Sends>, E extends EventOf<Sends, N>>(
    namespace: N,
    event: E,
    ...rest: EmitParameters<Sends, N, E, EmitOptions>
  ): EmitOutcome;

  /** As {@link emit}, and resolves with the acknowledgement's first argument. Rejects with `EmitError` or `AckError`. */
  emitWithAck<N extends NamespaceOf<Sends>, E extends AckEventOf<Sends, N>>(
    namespace: N,
    event: E,
    ...rest: EmitParameters<Sends, N, E, EmitWithAckOptions>
  ): Promise<AckOf<Sends, N, E>>;

  /** Joins a namespace, with this connection and with each later one. Listening and emitting do so as well. Rejects with `JoinError`. */
  join(namespace: NamespaceOf<Receives> | NamespaceOf<Sends>): Promise<void>;

  /** Leaves a namespace, and drops what is queued for it. @throws JoinError if it was not joined, or is the primary one. */
  leave(namespace: NamespaceOf<Receives> | NamespaceOf<Sends>): void;

  isJoined(namespace: NamespaceOf<Receives> | NamespaceOf<Sends>): boolean;

  /** Tells of each change. The same listener counts once. */
  addStatusListener(listener: StatusListener): Unsubscribe;
  removeStatusListener(listener: StatusListener): boolean;
  addQualityListener(listener: QualityListener): Unsubscribe;
  removeQualityListener(listener: QualityListener): boolean;
  /** Tells of joined and left namespaces, attempts, dropped messages, and how far durable ones are. */
  addNoticeListener(listener: NoticeListener): Unsubscribe;
  removeNoticeListener(listener: NoticeListener): boolean;

  getConnectionStatus(): ConnectionStatus;
  getConnectionQuality(): ConnectionQuality;
  /** Mean round trip time in milliseconds, or `null` until there is a sample. */
  getAverageLatency(): number | null;
  getStats(): Stats;
  readonly queue: OfflineQueue;

  /** The application can't be seen any more: the connection is closed after `backgroundGrace`. Pages need not call it. */
  enterBackground(): void;
  /** The application can be seen again: the connection is checked, or made again at once. */
  enterForeground(): void;
  /** The network came, went or changed. @default what `navigator.onLine` says, or `true` */
  networkChanged(isReachable?: boolean): void;

  /** Turns logs on or off, whatever `localStorage.debug` says. They have neither tokens nor payloads. */
  debug(isOn?: boolean): void;

  /** As {@link close}. */
  [Symbol.dispose](): void;
  /** As {@link close}. */
  [Symbol.asyncDispose](): Promise<void>;
}
