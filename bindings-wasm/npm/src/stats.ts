import type { Counters, Stats } from "./types.js";

/** In the order in which the core gives them. */
const NO_COUNTERS: Counters = {
  attempts: 0,
  connects: 0,
  reconnects: 0,
  losses: 0,
  framesOut: 0,
  bytesOut: 0,
  framesIn: 0,
  bytesIn: 0,
  eventsOut: 0,
  eventsRepeated: 0,
  eventsIn: 0,
  duplicatesDropped: 0,
  discardedBeforeConnect: 0,
  recovered: 0,
  gaps: 0,
  emitsRefused: 0,
  volatileDropped: 0,
  messagesDropped: 0,
  messagesUnknown: 0,
  durableAccepted: 0,
  durableAcked: 0,
  storeFailures: 0,
  acksReceived: 0,
  acksTimedOut: 0,
  acksUnknown: 0,
  repliesEvicted: 0,
  eventsAfterLeave: 0,
  protocolErrors: 0,
  staleTransportEvents: 0,
  probes: 0,
  probesLost: 0,
  sleeps: 0,
  tokensRequested: 0,
};

/** The counters that the core gives, with their names. */
export function named(counts: readonly number[]): Counters {
  return Object.fromEntries(Object.keys(NO_COUNTERS).map((name, at) => [name, counts[at] ?? 0])) as unknown as Counters;
}

/** The figures of a manager that has not connected yet. */
export const NO_STATS: Stats = {
  status: "disconnected",
  quality: "offline",
  averageLatency: undefined,
  smoothedLatency: undefined,
  p95Latency: undefined,
  queuedMessages: 0,
  queuedBytes: 0,
  keptMessages: 0,
  keptBytes: 0,
  durableMessages: 0,
  durableBytes: 0,
  pendingAcks: 0,
  pendingReplies: 0,
  rememberedEvents: 0,
  namespaces: 0,
  joinedNamespaces: 0,
  unsentBytes: 0,
  failedAttempts: 0,
  listeners: 0,
  counters: NO_COUNTERS,
};
