internal import NexusRealtimeFFI

/// Figures of a client: levels as of now, and counts since it was made.
public struct Stats: Sendable, Equatable {
    /// The status.
    public let status: ConnectionStatus
    /// The quality.
    public let quality: ConnectionQuality
    /// Smoothed round trip time, if there was a sample.
    public let smoothedLatency: Duration?
    /// Mean round trip time over the window of samples.
    public let averageLatency: Duration?
    /// 95th percentile over the window of samples.
    public let p95Latency: Duration?
    /// Messages in the offline queue.
    public let queuedMessages: UInt64
    /// Their size in bytes.
    public let queuedBytes: UInt64
    /// Buffered messages that were sent, and are kept until the server has them.
    public let keptMessages: UInt64
    /// Their size in bytes.
    public let keptBytes: UInt64
    /// Durable messages that have not ended.
    public let durableMessages: UInt64
    /// Their size in bytes.
    public let durableBytes: UInt64
    /// Acknowledgements that are awaited.
    public let pendingAcks: UInt64
    /// Acknowledgements that the server awaits.
    public let pendingReplies: UInt64
    /// Received events that are remembered to tell repeats.
    public let rememberedEvents: UInt64
    /// Namespaces that are wanted, the primary one included.
    public let namespaces: UInt64
    /// Namespaces that are joined now.
    public let joinedNamespaces: UInt64
    /// Failed attempts in a row.
    public let failedAttempts: Int
    /// Streams that are open.
    public let listeners: UInt64
    /// Items that wait for them.
    public let waitingItems: UInt64
    /// Items that they were too slow for.
    public let missedItems: UInt64
    /// Counts by name: `connects`, `events_in`, `bytes_out`, … as the core calls them.
    public let counters: [String: UInt64]

    init(_ stats: NexusRealtimeFFI.Stats) {
        status = ConnectionStatus(stats.status)
        quality = ConnectionQuality(stats.quality)
        smoothedLatency = stats.smoothedLatencyMs.map(Duration.milliseconds)
        averageLatency = stats.averageLatencyMs.map(Duration.milliseconds)
        p95Latency = stats.p95LatencyMs.map(Duration.milliseconds)
        queuedMessages = stats.queuedMessages
        queuedBytes = stats.queuedBytes
        keptMessages = stats.keptMessages
        keptBytes = stats.keptBytes
        durableMessages = stats.durableMessages
        durableBytes = stats.durableBytes
        pendingAcks = stats.pendingAcks
        pendingReplies = stats.pendingReplies
        rememberedEvents = stats.rememberedEvents
        namespaces = stats.namespaces
        joinedNamespaces = stats.joinedNamespaces
        failedAttempts = Int(stats.failedAttempts)
        listeners = stats.listeners
        waitingItems = stats.waitingItems
        missedItems = stats.missedItems
        counters = stats.counters
    }
}
