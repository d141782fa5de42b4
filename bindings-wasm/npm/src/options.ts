import { ConfigError } from "./errors.js";
import type { DurableStore } from "./store/types.js";

/** Durations are milliseconds. What is left out, or `undefined`, has its default; values out of bounds are clamped. */
export interface ManagerOptions {
  /** Address of the server: `https://example.com`, without a path. @default the origin of the page or worker */
  readonly url?: string | undefined;
  /** Path at which the server mounts Socket.IO. @default "/socket.io/" */
  readonly path?: string | undefined;
  /** Further query parameters of the connection. Not for tokens: servers and proxies log addresses. @default {} */
  readonly query?: Readonly<Record<string, string>> | undefined;
  /** Sent with the joining of each namespace, besides `token` and `userId`. `token`, `userId`, `pid`, `offset` and `nx` are reserved. @default {} */
  readonly auth?: Readonly<Record<string, unknown>> | undefined;
  /** The namespace that carries the connection: `connect` resolves when it is joined. @default "realtime" */
  readonly primaryNamespace?: string | undefined;
  /** Opening of the socket and the first exchange. 100 ms to 5 min. @default 20_000 */
  readonly openTimeout?: number | undefined;
  /** The server's answer to the joining of a namespace. 100 ms to 5 min. @default 15_000 */
  readonly authenticationTimeout?: number | undefined;
  /** The token provider's answer. 100 ms to 5 min. @default 15_000 */
  readonly tokenTimeout?: number | undefined;
  /** Longest pause between the binary parts of an event. 100 ms to 5 min. @default 30_000 */
  readonly attachmentTimeout?: number | undefined;
  /** When `connect` rejects for want of a connection; the manager keeps trying. 100 ms to 1 h. @default 45_000 */
  readonly connectTimeout?: number | undefined;
  /** How long an acknowledgement is awaited, from the emit on. 1 ms to 1 d. @default 10_000 */
  readonly ackTimeout?: number | undefined;
  /** Whether a namespace that the server ended is joined again without being asked. @default false */
  readonly rejoinAfterServerDisconnect?: boolean | undefined;
  /** Whether a session that a lost connection ended is resumed where the server offers it, with what it missed. @default true */
  readonly recovery?: boolean | undefined;
  /**
   * Whether an event is dropped that came before, on servers that do not number events: one of its name had the same
   * `uniqueId` in its first argument, or, in an earlier session, the same `id` and the same arguments altogether. @default true
   */
  readonly deduplicate?: boolean | undefined;
  readonly reconnect?: ReconnectOptions | undefined;
  readonly queue?: QueueOptions | undefined;
  readonly durable?: DurableLimits | undefined;
  readonly quality?: QualityOptions | undefined;
  readonly heartbeat?: HeartbeatOptions | undefined;
  /** How long a connection is kept while the page is hidden, or after `enterBackground`. 0 to 1 d. @default 86_400_000 (a day) */
  readonly backgroundGrace?: number | undefined;
  /** Time for a sign of life when the connection is checked. 100 ms to 1 min. @default 5_000 */
  readonly verifyTimeout?: number | undefined;
  /** A timer that is this late means that the machine slept. 100 ms to 1 h. @default 5_000 */
  readonly sleepTolerance?: number | undefined;
  readonly probe?: ProbeOptions | undefined;
  readonly limits?: LimitOptions | undefined;
  /**
   * Where durable emits are kept: `false` is nowhere, an object with methods is a store of your own. Otherwise IndexedDB,
   * where there is that; managers with another `name` have messages of their own. @default {}
   */
  readonly store?: false | { readonly name?: string | undefined } | DurableStore | undefined;
  /** Whether the page's events (`online`, `visibilitychange`, `pagehide`, …) are heeded, where there are such. @default true */
  readonly lifecycle?: boolean | undefined;
  /** Constructor of the sockets, for where there is no global one: in Node 20 that of the package `ws`. @default globalThis.WebSocket */
  readonly WebSocket?: WebSocketConstructor | undefined;
}

/** What can be constructed like a browser's WebSocket. */
export type WebSocketConstructor = new (url: string) => unknown;

/** When and how often a lost connection is sought again. The delay doubles from attempt to attempt, by `factor`. */
export interface ReconnectOptions {
  /** 10 ms to `maxDelay`. @default 1_000 */
  readonly initialDelay?: number | undefined;
  /** 10 ms to 1 h. @default 30_000 */
  readonly maxDelay?: number | undefined;
  /** 1 to 10. @default 2 */
  readonly factor?: number | undefined;
  /** Random part of each delay, so that clients do not come back all at once. 0 to 1. @default 0.5 */
  readonly jitter?: number | undefined;
  /** Failed attempts in a row after which the manager stops. @default never */
  readonly maxAttempts?: number | undefined;
  /** How long a connection must last for the delays to start anew. Up to 1 h. @default 10_000 */
  readonly stableAfter?: number | undefined;
  /** The longest wish of the server to be left alone that is honoured in full. Up to 1 d. @default 300_000 */
  readonly maxRetryAfter?: number | undefined;
  /** How often in a row new tokens of a provider may be refused, to each namespace. At least 1. @default 3 */
  readonly maxAuthAttempts?: number | undefined;
}

/** What waits while there is no connection. */
export interface QueueOptions {
  /** 0: nothing is ever queued. @default 1_000 */
  readonly maxMessages?: number | undefined;
  /** @default 16 MiB */
  readonly maxBytes?: number | undefined;
  /** How long a message may wait if the emit does not say. 1 ms to 30 d. @default 86_400_000 (a day) */
  readonly ttl?: number | undefined;
  /** What a full queue does: refuse the new message with `QUEUE_FULL`, or drop the oldest. @default "reject-new" */
  readonly overflow?: "reject-new" | "drop-oldest" | undefined;
}

/** What is kept of durable emits. */
export interface DurableLimits {
  /** More are refused with `QUEUE_FULL`. @default 10_000 */
  readonly maxMessages?: number | undefined;
  /** @default 64 MiB */
  readonly maxBytes?: number | undefined;
  /** How long one is tried if the emit does not say. 1 ms to 30 d. @default 86_400_000 (a day) */
  readonly ttl?: number | undefined;
}

/** Up to which smoothed latency the quality has a name; beyond `fair` it is poor. */
export interface QualityOptions {
  /** @default 100 */
  readonly excellent?: number | undefined;
  /** @default 300 */
  readonly good?: number | undefined;
  /** @default 1_000 */
  readonly fair?: number | undefined;
}

/** How the round trip is measured. */
export interface ProbeOptions {
  /** Time between measurements at quality good; longer when it is better, shorter when it is worse. 1 s to 1 h. @default 10_000 */
  readonly interval?: number | undefined;
  /** An answer after this time counts as lost. 100 ms to 1 min. @default 5_000 */
  readonly timeout?: number | undefined;
  /** How many round trips the average latency covers. 1 to 1024. @default 64 */
  readonly window?: number | undefined;
  /** Whether the server is asked for a namespace that it does not have, which it refuses at once. Otherwise acknowledgements have to do. @default true */
  readonly byNamespace?: boolean | undefined;
}

/** Bounds for the heartbeat that a server announces. */
export interface HeartbeatOptions {
  /** At least 10 ms. @default 100 */
  readonly min?: number | undefined;
  /** Up to 1 h. @default 120_000 */
  readonly max?: number | undefined;
}

/** Bounds of what is kept in memory, sent, or taken from the server. */
export interface LimitOptions {
  /** @default 128 */
  readonly namespaces?: number | undefined;
  /** @default 10_000 */
  readonly pendingAcks?: number | undefined;
  /** @default 1_024 */
  readonly pendingReplies?: number | undefined;
  /** Events of one namespace that are kept while its session is resumed. @default 1_024 */
  readonly earlyEvents?: number | undefined;
  /** Their size, in bytes. @default 4 MiB */
  readonly earlyBytes?: number | undefined;
  /** Events of each namespace that are remembered for `deduplicate`. @default 1_024 */
  readonly rememberedEvents?: number | undefined;
  /** Unresolved calls of `connect`. @default 64 */
  readonly connectTickets?: number | undefined;
  /** Largest frame to send, in bytes. @default 16 MiB */
  readonly frameBytes?: number | undefined;
  /** Largest frame to take. @default 16 MiB */
  readonly receivedFrameBytes?: number | undefined;
  /** Binary parts of one event to send; stock servers take 10. @default 10 */
  readonly attachments?: number | undefined;
  /** @default 64 */
  readonly receivedAttachments?: number | undefined;
  /** Largest event to take, with its binary parts, in bytes. @default 64 MiB */
  readonly receivedPacketBytes?: number | undefined;
  /** Bytes that the socket has not taken, from which on emits wait in the queue. @default 1 MiB */
  readonly unsentBytes?: number | undefined;
  /** Bytes that the socket has not taken, at which the connection is given up. @default 64 MiB */
  readonly unsentHardBytes?: number | undefined;
}

const RESERVED_AUTH = ["token", "userId", "pid", "offset", "nx"];
const GROUPS = ["reconnect", "queue", "durable", "quality", "heartbeat", "probe", "limits"] as const;
const NOT_NUMBERS = ["url", "path", "query", "auth", "primaryNamespace", "rejoinAfterServerDisconnect", "recovery", "deduplicate", "lifecycle", "WebSocket", "store", ...GROUPS];

/** Refuses what can be refused without a connection. */
export function checkOptions(options: ManagerOptions): void {
  if (options.url !== undefined) checkUrl(options.url);
  for (const key of Object.keys(options.auth ?? {})) {
    if (RESERVED_AUTH.includes(key)) {
      throw new ConfigError("RESERVED_AUTH_FIELD", `the auth field "${key}" is reserved`);
    }
  }
  checkNumbers("", options as Record<string, unknown>, NOT_NUMBERS);
  for (const group of GROUPS) checkNumbers(`${group}.`, (options[group] ?? {}) as Record<string, unknown>, ["overflow", "byNamespace"]);
  const overflow = options.queue?.overflow;
  if (overflow !== undefined && overflow !== "reject-new" && overflow !== "drop-oldest") throw invalid("queue.overflow");
  const { store } = options;
  if (store !== undefined && store !== false && (typeof store !== "object" || store === null)) throw invalid("store");
  if (options.WebSocket !== undefined && typeof options.WebSocket !== "function") throw invalid("WebSocket");
}

function checkNumbers(prefix: string, group: Record<string, unknown>, others: readonly string[]): void {
  for (const [key, value] of Object.entries(group)) {
    if (value === undefined || others.includes(key)) continue;
    if (typeof value !== "number" || Number.isNaN(value) || value < 0) throw invalid(prefix + key);
  }
}

function invalid(name: string): ConfigError {
  return new ConfigError("INVALID_OPTION", `the option ${name} has a value that can't be used`);
}

function checkUrl(url: unknown): void {
  let parsed: URL;
  try {
    if (typeof url !== "string") throw invalid("url");
    parsed = new URL(url);
  } catch (cause) {
    throw new ConfigError("INVALID_URL", `not a server address (http, https, ws or wss, with a host): ${String(url)}`, { cause });
  }
  if (!["http:", "https:", "ws:", "wss:"].includes(parsed.protocol)) {
    throw new ConfigError("INVALID_URL", `not a server address (http, https, ws or wss, with a host): ${String(url)}`);
  }
  if (parsed.pathname !== "/") {
    throw new ConfigError("URL_WITH_PATH", "the server's address has a path; set the option `path`, and name namespaces when joining");
  }
}

/** Origin and path: what tells servers apart. */
export function serverOf({ url = pageOrigin(), path = "/socket.io/" }: ManagerOptions): string {
  const { protocol, host } = new URL(url);
  return `${protocol.replace("ws", "http")}//${host}${path}`;
}

/** Where to connect, when that is not said. */
function pageOrigin(): string {
  const origin = (globalThis.location as Location | undefined)?.origin;
  if (origin === undefined || !origin.startsWith("http")) {
    throw new ConfigError("INVALID_URL", "there is no page whose origin could be the server's address; set the option `url`");
  }
  return origin;
}

/** What the core takes: defined values only, `auth` as JSON texts, no option that is for this side. */
export function coreOptions(options: ManagerOptions, hasStore = false): object {
  const { auth, lifecycle: _lifecycle, WebSocket: _socket, store: _store, ...rest } = options;
  const authJson = Object.entries(auth ?? {}).map(([key, value]) => [key, authText(key, value)] as const);
  return defined({
    ...rest,
    ...(hasStore && { hasStore }),
    url: options.url ?? pageOrigin(),
    authJson: Object.fromEntries(authJson.filter(([, text]) => text !== undefined)),
  });
}

function authText(key: string, value: unknown): string | undefined {
  try {
    return JSON.stringify(value);
  } catch (cause) {
    throw new ConfigError("INVALID_OPTION", `the auth field "${key}" can't be encoded as JSON`, { cause });
  }
}

function defined(value: object): object {
  const kept = Object.entries(value)
    // Endless attempts are the default; any other bound may be as large as can be.
    .filter(([key, item]) => item !== undefined && !(key === "maxAttempts" && item === Infinity))
    .map(([key, item]) => [key, typeof item === "object" && item !== null ? defined(item as object) : item === Infinity ? Number.MAX_SAFE_INTEGER : (item as unknown)]);
  return Object.fromEntries(kept) as object;
}

/** Whether two sets of options mean the same. */
export function sameOptions(one: ManagerOptions, other: ManagerOptions): boolean {
  const { WebSocket: oneSocket, store: oneStore, ...oneRest } = one;
  const { WebSocket: otherSocket, store: otherStore, ...otherRest } = other;
  return oneSocket === otherSocket && (oneStore === otherStore || isSameStore(oneStore, otherStore)) && canonical(oneRest) === canonical(otherRest);
}

function isSameStore(one: ManagerOptions["store"], other: ManagerOptions["store"]): boolean {
  const isPlain = (store: ManagerOptions["store"]): boolean => store !== false && (store === undefined || !("commit" in store));
  return isPlain(one) && isPlain(other) && canonical(one || {}) === canonical(other || {});
}

function canonical(value: object): string {
  return JSON.stringify(value, (_key, item: unknown) =>
    typeof item === "object" && item !== null && !Array.isArray(item)
      ? Object.fromEntries(Object.entries(item).sort(([one], [other]) => (one < other ? -1 : 1)))
      : item,
  );
}
