/** What the entries `nexus-realtime` and `nexus-realtime/slim` have in common. */
export type { DurableOptions, EmitOptions, EmitWithAckOptions, EventsOptions, Manager } from "./api.js";
export {
  AckError,
  type AckErrorCode,
  ClosedError,
  ConfigError,
  type ConfigErrorCode,
  ConnectError,
  type ConnectErrorCode,
  EmitError,
  type EmitErrorCode,
  InitError,
  JoinError,
  type JoinErrorCode,
  PanickedError,
  RealtimeError,
  ReplyError,
  type ReplyErrorCode,
} from "./errors.js";
export type { AckEventOf, AckOf, AnyEvents, DataOf, EventOf, HandlerOf, NamespaceMap, NamespaceOf } from "./maps.js";
export type {
  DurableLimits,
  HeartbeatOptions,
  LimitOptions,
  ManagerOptions,
  ProbeOptions,
  QualityOptions,
  QueueOptions,
  ReconnectOptions,
  WebSocketConstructor,
} from "./options.js";
export { type Args, args } from "./payload.js";
export { StorageError, type StorageErrorCode } from "./store/errors.js";
export type { DurableStore, MessageKey, OpenedOutbox, OutboxOwner, StoreChange, StoredMessage } from "./store/types.js";
export type {
  ConnectionQuality,
  ConnectionStatus,
  Counters,
  DeliveryOutcome,
  DeliveryStatus,
  DisconnectCode,
  DisconnectReason,
  DurableEmit,
  EmitOutcome,
  EventIterator,
  ListenOptions,
  Notice,
  NoticeListener,
  OfflineQueue,
  QualityListener,
  QueuedMessage,
  Stats,
  StatusListener,
  TokenProvider,
  Unsubscribe,
} from "./types.js";
