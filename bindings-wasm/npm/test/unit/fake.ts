import type { Manager } from "../../src/api.ts";
import type { CoreClient, Hooks, Instance } from "../../src/core.ts";
import { makeError, PanickedError } from "../../src/errors.ts";
import { makeManager } from "../../src/manager.ts";
import type { ManagerOptions } from "../../src/options.ts";
import { NO_STATS } from "../../src/stats.ts";
import type { ConnectionStatus, QueuedMessage } from "../../src/types.ts";

/** As much of the core as the package's own logic can be seen against. It never connects by itself: {@link accept} does. */
export class FakeClient implements CoreClient {
  readonly calls: unknown[][] = [];
  readonly options: Record<string, unknown>;
  readonly hooks: Hooks;
  readonly #listeners = new Map<number, { namespace: string; event: string }>();
  readonly names: [string, string][] = [];
  readonly #queue: QueuedMessage[] = [];
  #tickets: number[] = [];
  #lastId = 0;
  #status: ConnectionStatus = "disconnected";
  #user: string | undefined;
  isFreed = false;
  /** Events whose emit is refused, by name. */
  static readonly refused = new Map<string, unknown>();
  /** Thrown by the next call. */
  failNext: unknown;

  constructor(options: object, hooks: Hooks) {
    this.options = options as Record<string, unknown>;
    this.hooks = hooks;
    clients.push(this);
  }

  #called(...call: unknown[]): void {
    this.calls.push(call);
    const failure = this.failNext;
    this.failNext = undefined;
    if (failure !== undefined) throw failure;
  }

  /** Calls of one method. */
  of(method: string): unknown[][] {
    return this.calls.filter(([name]) => name === method).map(([, ...args]) => args);
  }

  change(status: ConnectionStatus, reason?: { code: string; message: string }): void {
    this.#status = status;
    this.hooks.status(status, reason);
  }

  /** The server lets the user in. */
  accept(): void {
    this.change("connected");
    const tickets = this.#tickets;
    this.#tickets = [];
    for (const ticket of tickets) this.hooks.connectResolved(ticket, undefined);
  }

  refuse(error: unknown): void {
    const tickets = this.#tickets;
    this.#tickets = [];
    this.change("disconnected", { code: "authentication rejected", message: "no" });
    for (const ticket of tickets) this.hooks.connectResolved(ticket, error);
  }

  /** An event comes. */
  event(namespace: string, event: string, text: string, attachments?: Uint8Array[], reply?: number): void {
    for (const [channel, listener] of this.#listeners) {
      if (listener.namespace === namespace && listener.event === event) {
        this.hooks.receive(channel, text, attachments, reply);
      }
    }
  }

  get listening(): string[] {
    return [...this.#listeners.values()].map(({ namespace, event }) => `${namespace} ${event}`);
  }

  connect(userId: string, token: string | undefined): number {
    this.#called("connect", userId, token);
    this.#user = userId;
    const ticket = ++this.#lastId;
    if (this.#status === "connected") this.hooks.connectResolved(ticket, undefined);
    else {
      this.#tickets.push(ticket);
      this.change("connecting");
    }
    return ticket;
  }

  disconnect(): void {
    this.#called("disconnect");
    this.change("disconnected", { code: "io client disconnect", message: "io client disconnect" });
    const tickets = this.#tickets;
    this.#tickets = [];
    for (const ticket of tickets) {
      this.hooks.connectResolved(ticket, makeError("connect", "CANCELLED", "cancelled", { isFinal: true }));
    }
  }

  listen(namespace: string, event: string): number {
    this.#called("listen", namespace, event);
    this.#listeners.set(++this.#lastId, { namespace, event });
    return this.#lastId;
  }

  unlisten(channel: number): void {
    this.#listeners.delete(channel);
  }

  name(namespace: string, event: string): number {
    return this.names.push([namespace, event]) - 1;
  }

  forgetNames(): void {
    this.#called("forgetNames");
    this.names.length = 0;
  }

  emit(name: number, args: string, length: number, attachments: Uint8Array[] | undefined, flags: number, ttl: number, ack: number): number {
    if (length !== args.length) throw new Error("the length is not that of the arguments");
    const [namespace, event] = this.names[name]!;
    this.#called("emit", namespace, event, `[${args}]`, attachments, flags, ttl, ack);
    if (FakeClient.refused.has(event)) throw FakeClient.refused.get(event);
    const id = ++this.#lastId;
    if (flags === 2) {
      this.hooks.delivery(id, "queued", undefined, undefined, undefined, undefined);
      return id * 4 + 3;
    }
    if (this.#status === "connected") return id * 4;
    this.#queue.push({ id, namespace, event, bytes: args.length, expiresIn: 1, awaitsAck: !Number.isNaN(ack), delivery: "buffered", isAccepted: true, isSent: false });
    return id * 4 + 1;
  }

  cancel(message: number): "unsent" | "wait" | undefined {
    this.#called("cancel", message);
    const at = this.#queue.findIndex(({ id }) => id === message);
    if (at >= 0) this.#queue.splice(at, 1);
    this.hooks.ackResolved(message, makeError("ack", "CANCELLED", "cancelled", { isUnsent: at >= 0 }), undefined, undefined);
    return at >= 0 ? "unsent" : "wait";
  }

  join(namespace: string): boolean {
    this.#called("join", namespace);
    return false;
  }

  leave(namespace: string): void {
    this.#called("leave", namespace);
  }

  provideToken(request: number, token: string): void {
    this.#called("provideToken", request, token);
  }

  refuseToken(request: number, message: string, isFinal: boolean): void {
    this.#called("refuseToken", request, message, isFinal);
  }

  reply(reply: number, args: string, _size: number, attachments: Uint8Array[] | undefined): void {
    this.#called("reply", reply, `[${args}]`, attachments);
  }

  close(): void {
    this.#called("close");
  }

  free(): void {
    this.isFreed = true;
  }

  storeAnswered(ticket: number, opened: object | undefined): void {
    this.#called("storeAnswered", ticket, opened);
  }

  storeFailed(ticket: number, code: string, message: string): void {
    this.#called("storeFailed", ticket, code, message);
  }

  storeAdopted(messages: object[]): void {
    this.#called("storeAdopted", messages);
  }

  networkChanged(isReachable: boolean): void {
    this.#called("networkChanged", isReachable);
  }

  enterBackground(): void {
    this.#called("enterBackground");
  }

  enterForeground(): void {
    this.#called("enterForeground");
  }

  suspend(): void {
    this.#called("suspend");
  }

  handleEventFrame = (): void => {};
  isNegotiated = (): boolean => false;
  isJoined = (): boolean => false;
  averageLatency = (): number | undefined => 12.4;
  queue = (): QueuedMessage[] => [...this.#queue];
  stats = (): ReturnType<CoreClient["stats"]> => ({ ...NO_STATS, queuedMessages: this.#queue.length, counters: [] });
  status = (): ConnectionStatus => this.#status;
  userId = (): string | undefined => this.#user;
}

const clients: FakeClient[] = [];

/** A module instance, as `src/loader.ts` makes one. */
export class FakeInstance implements Instance {
  readonly Client = FakeClient;
  readonly owners = new Set<(error: PanickedError) => () => void>();
  panic: PanickedError | undefined;

  kill(message: string): PanickedError {
    if (this.panic === undefined) {
      const panic = (this.panic = new PanickedError(message));
      const tell = [...this.owners].map((end) => end(panic));
      queueMicrotask(() => tell.forEach((each) => each()));
    }
    return this.panic;
  }
}

export class FakeSocket extends EventTarget {
  static last: FakeSocket | undefined;
  onopen: unknown = () => {};
  onmessage: unknown = () => {};
  onclose: unknown = () => {};
  onerror: unknown = () => {};
  isClosed = false;
  readonly url: string;

  constructor(url: string) {
    super();
    this.url = url;
    FakeSocket.last = this;
  }

  close(): void {
    this.isClosed = true;
  }
}

export interface Harness {
  readonly manager: Manager;
  /** How often the module was asked for. */
  readonly loads: () => number;
  readonly instance: FakeInstance;
  /** The clients that were made, oldest first. */
  readonly clients: () => FakeClient[];
  /** Lets everything that is under way in microtasks come to its end. */
  readonly settled: () => Promise<void>;
  /** A connected manager's client. */
  readonly connected: (userId?: string) => Promise<FakeClient>;
}

/** A manager over the fake. `load` stands for the loading of the module. */
export function harness(options: ManagerOptions = {}, load?: () => Promise<void>): Harness {
  let loads = 0;
  const instance = new FakeInstance();
  const first = clients.length;
  const manager = makeManager<any, any>(
    async () => {
      loads++;
      await load?.();
      return instance;
    },
    { url: "http://localhost:1", WebSocket: FakeSocket, lifecycle: false, ...options },
  ) as Manager;
  const made = (): FakeClient[] => clients.slice(first);
  return {
    manager,
    loads: () => loads,
    instance,
    clients: made,
    settled,
    connected: async (userId = "ada") => {
      const connecting = manager.connect(userId, "secret");
      await settled();
      const client = made().at(-1)!;
      client.accept();
      await connecting;
      return client;
    },
  };
}

/** Microtasks run to their end before a macrotask begins. */
export function settled(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

/** A promise that is settled from outside. */
export function gate(): { opened: Promise<void>; open: () => void; fail: (error: unknown) => void } {
  let open!: () => void;
  let fail!: (error: unknown) => void;
  const opened = new Promise<void>((resolve, reject) => {
    open = resolve;
    fail = reject;
  });
  return { opened, open, fail };
}

/** What an outcome of a promise is, without an unhandled rejection. */
export async function failureOf(promise: Promise<unknown>): Promise<any> {
  try {
    await promise;
  } catch (error) {
    return error;
  }
  throw new Error("it was resolved");
}
