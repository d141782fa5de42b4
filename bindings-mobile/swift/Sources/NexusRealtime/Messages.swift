internal import NexusRealtimeFFI

/// Names a message in its client.
public struct MessageID: Sendable, Hashable, CustomStringConvertible {
    let number: UInt64

    public var description: String { String(number) }
}

/// What became of an emit so far.
public enum Emitted: Sendable, Hashable {
    /// Handed to the transport.
    case transmitted(MessageID)
    /// In the offline queue.
    case queued(MessageID)
    /// It was volatile and could not be written.
    case dropped

    init(_ emitted: NexusRealtimeFFI.Emitted) {
        self =
            switch emitted {
            case .transmitted(let message): .transmitted(MessageID(number: message))
            case .queued(let message): .queued(MessageID(number: message))
            case .dropped: .dropped
            }
    }
}

/// How a message was cancelled.
public enum Cancelled: Sendable, Hashable {
    /// The server will not see it.
    case unsent
    /// It had been sent: the server may have it.
    case sent
}

/// A message in the offline queue.
public struct QueuedMessage: Sendable, Identifiable {
    /// Names it.
    public let id: MessageID
    /// Where it goes.
    public let namespace: String
    /// Its name.
    public let event: String
    /// Its arguments.
    public let arguments: Arguments
    /// What it counts against the queue's bound.
    public let bytes: UInt64
    /// From now until it is dropped.
    public let expiresIn: Duration
    /// Whether it asks for an acknowledgement.
    public let awaitsAck: Bool

    init(_ message: NexusRealtimeFFI.QueuedMessage) {
        id = MessageID(number: message.message)
        namespace = message.namespace
        event = message.event
        arguments = Arguments(message.payload)
        bytes = message.bytes
        expiresIn = Duration(wholeMilliseconds: message.expiresInMs)
        awaitsAck = message.awaitsAck
    }
}
