import { type AckWaiter, cancelledUnsent, fail } from "./acks.js";
import type { DurableOptions, EmitOptions, EmitWithAckOptions, EventsOptions, Manager } from "./api.js";
import type { Handler } from "./channels.js";
import { Connection } from "./connection.js";
import { Flag, type Load } from "./core.js";
import { Durable } from "./deliveries.js";
import { DEFAULT_BUFFER, EventBuffer } from "./iterator.js";
import { checkNamespace, namespaceName } from "./joins.js";
import { asyncDispose, dispose, unsubscribing } from "./listeners.js";
import type { AnyEvents, NamespaceMap } from "./maps.js";
import type { ManagerOptions } from "./options.js";
import { encode } from "./payload.js";
import { Queue } from "./queue.js";
import { ackTimeoutOf, cancelMessage, classOf, send, ttlOf } from "./sending.js";
import { named, NO_STATS } from "./stats.js";
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

const OUTCOMES: readonly EmitOutcome[] = ["transmitted", "queued", "dropped"];

/** Makes a manager that gets its core from the given loader. */
export function makeManager<Receives extends NamespaceMap, Sends extends NamespaceMap>(
  load: Load,
  options: ManagerOptions,
): Manager<Receives, Sends> {
  return new RealtimeManager(load, options) as unknown as Manager<Receives, Sends>;
}

/** Without event maps: those exist in types alone. */
class RealtimeManager implements Manager<AnyEvents, AnyEvents> {
  readonly queue: OfflineQueue;
  readonly #connection: Connection;

  constructor(load: Load, options: ManagerOptions) {
    this.#connection = new Connection(load, options);
    this.queue = new Queue(this.#connection);
  }

  connect(userId: string, token: string | TokenProvider): Promise<void> {
    return this.#connection.connect(userId, token);
  }

  disconnect(): void {
    if (this.#connection.ended === undefined) this.#connection.disconnect();
  }

  close(): void {
    this.#connection.close();
  }

  configure(options: ManagerOptions): void {
    this.#connection.configure(options);
  }

  on(namespace: string, event: string, handler: Handler, options?: ListenOptions): Unsubscribe {
    const connection = this.#connection;
    connection.check();
    if (typeof handler !== "function") throw new TypeError("the handler is not a function");
    const name = namespaceName(namespace);
    checkNamespace(name);
    const remove = connection.guard(() => connection.channels.add(name, event, handler, options));
    return unsubscribing(() => connection.guard(remove));
  }

  once(namespace: string, event: string, handler: Handler, options?: Omit<ListenOptions, "once">): Unsubscribe {
    return this.on(namespace, event, handler, { ...options, once: true });
  }

  off(namespace: string, event: string, handler?: Handler): void {
    this.#connection.guard(() => this.#connection.channels.remove(namespaceName(namespace), event, handler));
  }

  events(namespace: string, event: string, options: EventsOptions = {}): EventIterator<any> {
    const { signal, buffer = DEFAULT_BUFFER } = options;
    const { iterators } = this.#connection;
    const events = new EventBuffer<unknown>(buffer, () => {
      iterators.delete(events);
      remove();
      signal?.removeEventListener("abort", end);
    });
    const end = (): void => void events.return();
    const remove = this.on(namespace, event, (data) => events.push(data));
    iterators.add(events);
    if (signal?.aborted) end();
    else signal?.addEventListener("abort", end, { once: true });
    return events;
  }

  emit(namespace: string, event: string, data?: unknown, options?: EmitOptions): EmitOutcome;
  emit(namespace: string, event: string, data: unknown, options: DurableOptions): DurableEmit;
  emit(namespace: string, event: string, data?: unknown, options?: EmitOptions | DurableOptions): EmitOutcome | DurableEmit {
    const connection = this.#connection;
    const name = namespaceName(namespace);
    const ttl = options === undefined ? Number.NaN : ttlOf(options.ttl);
    if (options?.delivery === "durable") {
      const durable = new Durable((id) => cancelMessage(connection, id));
      send(connection, name, event, encode(data), Flag.Durable, ttl, Number.NaN, undefined, durable);
      if (connection.log.events) connection.log.write("events", "durable", name, event);
      return durable;
    }
    const result = send(connection, name, event, encode(data), classOf(options), ttl, Number.NaN, undefined);
    const outcome = OUTCOMES[result & 3]!;
    if (connection.log.events) connection.log.write("events", outcome, name, event);
    return outcome;
  }

  emitWithAck(namespace: string, event: string, data?: unknown, options: EmitWithAckOptions = {}): Promise<any> {
    return new Promise((resolve, reject) => {
      const { signal, timeout, ttl } = options;
      const connection = this.#connection;
      const waiter: AckWaiter = { id: 0, resolve, reject, signal, abort: undefined };
      if (signal?.aborted) {
        fail(waiter, cancelledUnsent());
        return;
      }
      const name = namespaceName(namespace);
      const result = send(connection, name, event, encode(data), classOf(options), ttlOf(ttl), ackTimeoutOf(timeout), waiter);
      if (connection.log.events) connection.log.write("events", OUTCOMES[result & 3], name, event, "with ack");
      if (result >= 0) {
        waiter.id = Math.floor(result / 4);
        connection.acks.add(waiter);
      }
      if (signal !== undefined) {
        waiter.abort = () => void cancelMessage(connection, waiter.id);
        signal.addEventListener("abort", waiter.abort, { once: true });
      }
    });
  }

  async join(namespace: string): Promise<void> {
    const connection = this.#connection;
    connection.check();
    const name = namespaceName(namespace);
    checkNamespace(name);
    await connection.guard(() => connection.joins.join(connection.client, name));
  }

  leave(namespace: string): void {
    const connection = this.#connection;
    connection.check();
    connection.guard(() => connection.leave(namespaceName(namespace)));
  }

  isJoined(namespace: string): boolean {
    const { client } = this.#connection;
    return client !== undefined && this.#connection.guard(() => client.isJoined(namespaceName(namespace)));
  }

  addStatusListener(listener: StatusListener): Unsubscribe {
    this.#connection.check();
    return this.#connection.statusListeners.add(listener);
  }

  removeStatusListener(listener: StatusListener): boolean {
    return this.#connection.statusListeners.remove(listener);
  }

  addQualityListener(listener: QualityListener): Unsubscribe {
    this.#connection.check();
    return this.#connection.qualityListeners.add(listener);
  }

  removeQualityListener(listener: QualityListener): boolean {
    return this.#connection.qualityListeners.remove(listener);
  }

  addNoticeListener(listener: NoticeListener): Unsubscribe {
    this.#connection.check();
    return this.#connection.noticeListeners.add(listener);
  }

  removeNoticeListener(listener: NoticeListener): boolean {
    return this.#connection.noticeListeners.remove(listener);
  }

  getConnectionStatus(): ConnectionStatus {
    return this.#connection.status;
  }

  getConnectionQuality(): ConnectionQuality {
    return this.#connection.quality;
  }

  getAverageLatency(): number | null {
    const { client } = this.#connection;
    return (client === undefined ? undefined : this.#connection.guard(() => client.averageLatency())) ?? null;
  }

  getStats(): Stats {
    const { client, backlog, channels, status, quality } = this.#connection;
    const stats = client === undefined ? undefined : this.#connection.guard(() => client.stats());
    const { queuedMessages, queuedBytes } = stats ?? NO_STATS;
    return {
      ...NO_STATS,
      ...stats,
      counters: stats === undefined ? NO_STATS.counters : named(stats.counters),
      status,
      quality,
      queuedMessages: queuedMessages + backlog.size,
      queuedBytes: queuedBytes + backlog.bytes,
      listeners: channels.size,
    };
  }

  enterBackground(): void {
    this.#connection.check();
    this.#connection.enterBackground();
  }

  enterForeground(): void {
    this.#connection.check();
    this.#connection.enterForeground();
  }

  networkChanged(isReachable = globalThis.navigator?.onLine ?? true): void {
    this.#connection.check();
    this.#connection.networkChanged(isReachable);
  }

  debug(isOn = true): void {
    this.#connection.log.force(isOn);
  }

  [dispose](): void {
    this.close();
  }

  async [asyncDispose](): Promise<void> {
    this.close();
  }
}
