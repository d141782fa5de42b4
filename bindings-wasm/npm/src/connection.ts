import { Acks } from "./acks.js";
import { Backlog } from "./backlog.js";
import { Channels } from "./channels.js";
import type { CoreClient, Hooks, Instance, Load } from "./core.js";
import { cancelled, refuseCredentials } from "./credentials.js";
import { Log } from "./debug.js";
import { Deliveries } from "./deliveries.js";
import { type Deferred, deferred } from "./deferred.js";
import { ClosedError, ConfigError, EmitError, RealtimeError } from "./errors.js";
import { makeHooks } from "./hooks.js";
import { Names } from "./names.js";
import type { EventBuffer } from "./iterator.js";
import { Joins, notJoined } from "./joins.js";
import { watchPage } from "./lifecycle.js";
import { Listeners } from "./listeners.js";
import { checkOptions, coreOptions, type ManagerOptions, sameOptions, serverOf } from "./options.js";
import { socketClass, Sockets } from "./sockets.js";
import { storeOf } from "./store/index.js";
import { StoreRequests } from "./store/requests.js";
import { Tickets } from "./tickets.js";
import type { ConnectionQuality, ConnectionStatus, DisconnectReason, Notice, TokenProvider } from "./types.js";

type Timer = ReturnType<typeof setTimeout>;

/** A call of `connect` that waits for the WebAssembly part. Calls for the same user share it. */
interface Start extends Deferred {
  readonly userId: string;
  token: string | TokenProvider;
}

/**
 * The life of a manager: loads the core, makes its client, hands it what was kept until then, and ends with it.
 *
 * `connect` goes to the core no sooner than in a microtask, so that a component that is mounted, unmounted and mounted
 * again in one breath (React's StrictMode) has one connection.
 */
export class Connection {
  readonly log = new Log();
  readonly channels = new Channels(this.log);
  readonly acks = new Acks();
  readonly deliveries = new Deliveries();
  readonly names = new Names();
  readonly joins = new Joins();
  readonly iterators = new Set<EventBuffer<unknown>>();
  readonly statusListeners = new Listeners<[status: ConnectionStatus, reason?: DisconnectReason]>();
  readonly qualityListeners = new Listeners<[quality: ConnectionQuality]>();
  readonly noticeListeners = new Listeners<[notice: Notice]>();
  readonly backlog = new Backlog((notice) => this.#onNotice(notice));

  options: ManagerOptions;
  status: ConnectionStatus = "disconnected";
  quality: ConnectionQuality = "offline";
  /** Why nothing can be done any more. */
  ended: RealtimeError | undefined;
  /** The client, as soon as there is one. */
  client: CoreClient | undefined;
  /** The client, if what is emitted now is for its user; otherwise emits are kept. */
  ready: CoreClient | undefined;
  /** The user of the last `connect`. */
  userId: string | undefined;
  /** Who is asked for tokens. */
  provider: TokenProvider | undefined;

  readonly #load: Load;
  readonly #sockets = new Sockets();
  readonly #tickets = new Tickets();
  #instance: Instance | undefined;
  #store: StoreRequests | undefined;
  #start: Start | undefined;
  #stopWatching: (() => void) | undefined;
  /** The core has one at a time. */
  #timer: Timer | undefined;
  #isBackground = false;
  #isReachable = true;

  constructor(load: Load, options: ManagerOptions) {
    checkOptions(options);
    this.#load = load;
    this.options = options;
  }

  configure(options: ManagerOptions): void {
    this.check();
    const merged = { ...this.options, ...options };
    if (sameOptions(merged, this.options)) return;
    if (this.#start !== undefined || this.status !== "disconnected") {
      throw new ConfigError("INVALID_OPTION", "options can't change during a connection: call `disconnect` first");
    }
    checkOptions(merged);
    this.options = merged;
    this.#dropClient();
  }

  /** Throws if the manager has ended. */
  check(): void {
    if (this.ended !== undefined) throw this.ended;
  }

  connect(userId: string, token: string | TokenProvider): Promise<void> {
    const refusal = this.ended ?? refuseCredentials(userId, token);
    if (refusal !== undefined) return Promise.reject(refusal);
    this.log.read();
    if (this.#start === undefined && this.status !== "disconnected" && this.ready?.userId() === userId) {
      return this.#call(this.ready, userId, token);
    }
    if (this.#start?.userId === userId) {
      this.#start.token = token;
      return this.#start.promise;
    }
    this.#cancelStart(cancelled());
    if (this.userId !== userId) this.#changeUser();
    this.userId = userId;
    this.ready = undefined;
    const start: Start = { ...deferred(), userId, token };
    this.#start = start;
    if (this.status === "disconnected") this.#setStatus("connecting");
    void this.#run(start);
    return start.promise;
  }

  disconnect(): void {
    this.#stopWatching?.();
    this.#stopWatching = undefined;
    const hadStart = this.#start !== undefined;
    this.#cancelStart(cancelled());
    this.guard(() => this.client?.disconnect());
    if (this.ready === undefined && this.client?.userId() === this.userId) this.ready = this.client;
    if (hadStart) this.#setStatus("disconnected", { code: "io client disconnect", message: "io client disconnect" });
    this.joins.failAll(notJoined("disconnected"));
  }

  close(): void {
    if (this.ended !== undefined) return;
    try {
      this.disconnect();
    } catch {
      // It has panicked, which ends it as well.
    }
    if (this.ended === undefined) this.#end(new ClosedError())();
    for (const listeners of [this.statusListeners, this.qualityListeners, this.noticeListeners]) listeners.clear();
    this.channels.clear();
  }

  /** Leaves a namespace; one that was not asked for yet is only forgotten. */
  leave(namespace: string): void {
    if (this.client !== undefined) this.client.leave(namespace);
    else if (!this.joins.wants(namespace)) throw notJoined("it was not asked for");
    this.joins.leave(namespace);
  }

  enterBackground(): void {
    this.#isBackground = true;
    this.guard(() => this.client?.enterBackground());
  }

  enterForeground(): void {
    this.#isBackground = false;
    this.guard(() => this.client?.enterForeground());
  }

  networkChanged(isReachable: boolean): void {
    this.#isReachable = isReachable;
    this.log.write("connection", isReachable ? "the network is there" : "the network is gone");
    this.guard(() => this.client?.networkChanged(isReachable));
  }

  /** Calls the core; a panic ends the manager, and is thrown as such. */
  guard<T>(call: () => T): T {
    const panic = this.#instance?.panic;
    if (panic !== undefined) throw panic;
    try {
      return call();
    } catch (error) {
      throw this.failed(error);
    }
  }

  /** What a throw of the core means: one that is not its own has torn through its frames, and left it who knows how. */
  failed(error: unknown): unknown {
    if (error instanceof RealtimeError || this.#instance === undefined) return error;
    return this.#instance.panic ?? this.#instance.kill(error instanceof Error ? error.message : String(error));
  }

  /** Calls back into the core, where nobody waits for what it throws. */
  readonly #callBack = (call: () => void): void => {
    try {
      this.guard(call);
    } catch {
      // The panic is told to the application as the end of the manager.
    }
  };

  async #run(start: Start): Promise<void> {
    try {
      if (socketClass(this.options) === undefined) {
        throw new ConfigError("INVALID_OPTION", "there is no WebSocket here: set the option `WebSocket`, in Node 20 to that of the package `ws`");
      }
      const instance = await this.#load();
      // Superseded by another call meanwhile, which has settled it.
      if (this.#start === start) this.#begin(start, instance);
    } catch (error) {
      this.#startFailed(start, this.failed(error));
    }
  }

  #begin(start: Start, instance: Instance): void {
    const client = (this.client ??= this.#makeClient(instance));
    this.#start = undefined;
    this.#call(client, start.userId, start.token).then(start.resolve, start.reject);
    // Listeners have run, and may have called anything; or the call was refused.
    if (this.#start !== undefined || this.client !== client || client.userId() !== this.userId) return;
    this.backlog.flush(client, this.names, (waiter) => this.acks.add(waiter), this.deliveries, (error) => this.failed(error));
    if (this.client !== client) return;
    this.ready = client;
    if (this.options.lifecycle !== false && this.status !== "disconnected") this.#watch();
  }

  #startFailed(start: Start, error: unknown): void {
    if (this.#start === start) {
      this.#start = undefined;
      const message = error instanceof Error ? error.message : String(error);
      this.log.write("connection", "failed:", message);
      if (this.client === undefined) this.#setStatus("disconnected", { code: "not loaded", message });
    }
    start.reject(error);
  }

  #makeClient(instance: Instance): CoreClient {
    this.#instance = instance;
    const makeStore = storeOf(this.options);
    const client = new instance.Client(coreOptions(this.options, makeStore !== undefined), this.#hooks());
    const call = (each: (client: CoreClient) => void): void => {
      if (this.client === client) this.#callBack(() => each(client));
    };
    this.#store = makeStore && new StoreRequests(makeStore(), serverOf(this.options), call);
    instance.owners.add(this.#onPanic);
    this.joins.attach(client);
    this.channels.attach(client);
    if (!this.#isReachable) client.networkChanged(false);
    if (this.#isBackground) client.enterBackground();
    return client;
  }

  /** Gives the call to the core. */
  #call(client: CoreClient, userId: string, token: string | TokenProvider): Promise<void> {
    this.provider = typeof token === "function" ? token : undefined;
    let ticket: number;
    try {
      ticket = client.connect(userId, typeof token === "string" ? token : undefined);
    } catch (error) {
      const refusal = this.failed(error);
      if (this.client === client) this.#setStatus(client.status());
      return Promise.reject(refusal);
    }
    return this.#tickets.issued(ticket);
  }

  /** Nothing of the last user's is sent or told any more. */
  #changeUser(): void {
    this.backlog.dropAll("another user connected", "USER_CHANGED");
    this.deliveries.abandonAll(new EmitError("USER_CHANGED", "another user connected"));
  }

  #cancelStart(error: RealtimeError): void {
    this.#start?.reject(error);
    this.#start = undefined;
  }

  #watch(): void {
    this.#stopWatching ??= watchPage({
      network: (isReachable) => this.networkChanged(isReachable),
      hidden: () => this.enterBackground(),
      shown: () => this.enterForeground(),
      suspended: () => this.guard(() => this.client?.suspend()),
    });
  }

  #hooks(): Hooks {
    return makeHooks(this, {
      connectResolved: (ticket, error) => this.#tickets.resolved(ticket, error),
      ackResolved: (id, error, args, attachments) => this.acks.resolved(id, error, args, attachments),
      status: (status, reason) => this.#setStatus(status, reason),
      quality: (quality) => this.#setQuality(quality),
      notice: (notice) => this.#onNotice(notice),
      delivery: (id, status, isSent, code, args, attachments) =>
        this.#onNotice({ type: "delivery", id, delivery: this.deliveries.told(id, status, isSent, code, args, attachments) }),
      store: (ticket, operation) => this.#store?.handle(ticket, operation),
      openSocket: (connection, url) =>
        this.#sockets.open(socketClass(this.options)!, url, {
          failed: (error) => this.failed(error),
          event: (text, args, length) => this.client?.handleEventFrame(connection, text, args, length),
        }),
      setTimeout: (callback, delay) => (this.#timer = setTimeout(this.#callBack, delay, callback)),
      clearTimeout: (timeout) => clearTimeout(timeout as Timer | undefined),
    });
  }

  #onNotice(notice: Notice): void {
    if (this.log.connection) {
      const { type, ...figures } = notice;
      this.log.write("connection", type, figures);
    }
    if (notice.type === "joined" && this.client?.isNegotiated(notice.namespace)) this.#sockets.negotiated(notice.namespace);
    this.joins.notice(notice);
    this.noticeListeners.tell(notice);
  }

  #setStatus(status: ConnectionStatus, reason?: DisconnectReason): void {
    if (this.status === status) return;
    this.status = status;
    this.log.write("connection", status, ...(reason ? [`(${reason.message})`] : []));
    if (reason === undefined) this.statusListeners.tell(status);
    else this.statusListeners.tell(status, reason);
    if (status === "disconnected" && reason?.code !== "background") {
      // A search that goes on says so in the same breath.
      queueMicrotask(() => {
        if (this.status === "disconnected") this.joins.failAll(notJoined(reason?.message ?? "disconnected"));
      });
    }
  }

  #setQuality(quality: ConnectionQuality): void {
    if (this.quality === quality) return;
    this.quality = quality;
    this.log.write("quality", quality);
    this.qualityListeners.tell(quality);
  }

  readonly #onPanic = (error: RealtimeError): (() => void) => this.#end(error);

  /** Ends everything, at once; what is given tells of it, and may run the application's code. */
  #end(error: RealtimeError): () => void {
    this.ended = error;
    this.#stopWatching?.();
    this.#stopWatching = undefined;
    this.#dropClient();
    return () => {
      this.#cancelStart(error);
      this.#tickets.failAll(error);
      this.backlog.dropAll(error.message, "CANCELLED", error);
      this.acks.failAll(error);
      this.deliveries.abandonAll(error);
      this.joins.failAll(error);
      for (const iterator of [...this.iterators]) iterator.finish(error instanceof ClosedError ? undefined : error);
      this.#setQuality("offline");
      const code = error instanceof ClosedError ? "io client disconnect" : "panicked";
      this.#setStatus("disconnected", { code, message: error.message });
    };
  }

  /** Parts with the client. It is closed, unless it has panicked. */
  #dropClient(): void {
    const client = this.client;
    const instance = this.#instance;
    this.client = this.ready = this.#instance = undefined;
    this.#store?.close();
    this.#store = undefined;
    this.channels.detach();
    this.names.clear();
    instance?.owners.delete(this.#onPanic);
    if (client === undefined || instance === undefined) return;
    if (instance.panic !== undefined) {
      clearTimeout(this.#timer);
      this.#sockets.abandon();
      return;
    }
    try {
      client.close();
    } catch (error) {
      instance.kill(String(error));
    }
    // Not now: one of its calls may be on the stack.
    queueMicrotask(() => {
      try {
        if (instance.panic === undefined) client.free();
      } catch (error) {
        instance.kill(String(error));
      }
    });
  }
}
