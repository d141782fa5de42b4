import Foundation
internal import NexusRealtimeFFI

/// How far a durable message is. Those from ``acked(_:)`` on end it: exactly one of them comes.
public enum DeliveryStatus: Sendable, Hashable {
    /// It waits for the store.
    case queued
    /// It is accepted: it survives the process from now on.
    case persisted
    /// It was handed to a transport, for the first time or again.
    case sent
    /// The server has it, for good. With the arguments of its acknowledgement.
    case acked(Arguments)
    /// Its time to live passed. `sent`: the server may have it.
    case expired(sent: Bool)
    /// It was refused for good, by the server, or by the store before it was accepted.
    case rejected(code: String, Arguments)
    /// It was cancelled. `sent`: the server may have it.
    case cancelled(sent: Bool)
    /// The server may or may not have it, and nobody can tell.
    case unknown

    /// Whether this is how it ended.
    public var isFinal: Bool {
        switch self {
        case .queued, .persisted, .sent: false
        case .acked, .expired, .rejected, .cancelled, .unknown: true
        }
    }

    init(_ status: NexusRealtimeFFI.DeliveryStatus) {
        self =
            switch status {
            case .queued: .queued
            case .persisted: .persisted
            case .sent: .sent
            case .acked(let payload): .acked(Arguments(payload))
            case .expired(let sent): .expired(sent: sent)
            case .rejected(let code, let payload): .rejected(code: code, Arguments(payload))
            case .cancelled(let sent): .cancelled(sent: sent)
            case .unknown: .unknown
            }
    }
}

/// A durable message, to follow. Letting go of it cancels nothing.
public final class DurableMessage: Sendable {
    /// Names it, in its client.
    public let id: MessageID

    private let message: NexusRealtimeFFI.DurableMessage
    private let client: NexusRealtimeFFI.Client

    init(_ message: NexusRealtimeFFI.DurableMessage, of client: NexusRealtimeFFI.Client) {
        self.message = message
        self.client = client
        id = MessageID(number: message.id())
    }

    /// How far it is.
    public var status: DeliveryStatus { DeliveryStatus(message.status()) }

    /// Waits until it is accepted: from then on it survives the process and a power cut.
    ///
    /// - Throws: ``RealtimeError/emit(code:message:isRetryable:)`` if it is not accepted (`QUEUE_FULL`, `STORAGE_FULL`,
    ///   `STORAGE_UNAVAILABLE`, …), ``RealtimeError/waitTimedOut``, ``RealtimeError/closed``, `CancellationError`.
    public func accepted(timeout: Duration = .seconds(30)) async throws {
        let message = message
        try await waiting { try await message.accepted(timeoutMs: timeout.wholeMilliseconds) }
    }

    /// Waits until it has ended.
    ///
    /// - Parameter timeout: at most 30 days.
    /// - Throws: ``RealtimeError/waitTimedOut``, ``RealtimeError/closed`` (an accepted message stays in the store then),
    ///   `CancellationError`.
    public func outcome(timeout: Duration = .seconds(86_400)) async throws -> DeliveryStatus {
        let message = message
        return try await waiting { DeliveryStatus(try await message.outcome(timeoutMs: timeout.wholeMilliseconds)) }
    }

    /// What it was from the start, in order, then each change. Ends behind how the message ended, or when the client is closed.
    public func statuses() -> AsyncStream<DeliveryStatus> {
        let message = message
        let seen = Locked<UInt32>(0)
        let pump = Pump<DeliveryStatus>(
            pull: { _, timeout in
                do {
                    let from = seen.withLock { $0 }
                    let statuses = try await cancellable { try await message.statuses(seen: from, timeoutMs: timeout) }
                    seen.withLock { $0 += UInt32(clamping: statuses.count) }
                    return statuses.isEmpty ? nil : statuses.map(DeliveryStatus.init)
                } catch NexusRealtimeFFI.RealtimeError.WaitTimedOut {
                    return []
                }
            },
            close: {}
        )
        return pump.stream()
    }

    /// Has it not sent any more, by later processes neither.
    ///
    /// - Returns: `nil` if it has ended already.
    @discardableResult
    public func cancel() -> Cancelled? {
        (try? client.cancel(message: id.number)).map { $0 ? .unsent : .sent }
    }
}
