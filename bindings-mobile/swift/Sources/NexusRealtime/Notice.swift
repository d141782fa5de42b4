internal import NexusRealtimeFFI

/// What befalls the connection beside its status and quality.
public enum Notice: Sendable, Equatable {
    /// A namespace is joined, for the first time or again. `sid` is the session's id on the server.
    case joined(namespace: String, sid: String, continuity: Continuity)
    /// A namespace could not be joined; never the primary one.
    case joinFailed(namespace: String, error: RealtimeError)
    /// A joined namespace ended.
    case left(namespace: String, reason: LeaveReason)
    /// An attempt failed or a connection was lost, and the next attempt is after this delay.
    case retryScheduled(failedAttempts: Int, delay: Duration, reason: DisconnectReason)
    /// A message left the offline queue without being sent.
    case messageDropped(MessageID, namespace: String, event: String, reason: DropReason)
    /// A durable message is further, one that nobody follows too.
    case delivery(MessageID, DeliveryStatus)
    /// Durable messages that a former process, or another client of this one, has left are this client's now, in the order in
    /// which they are sent. `unreadable` records could not be read; their files are set aside.
    case restored([MessageID], unreadable: UInt64)
    /// The store failed. What was not accepted because of it is told one by one.
    case storeFailed(code: String, message: String)
}

/// What a joining says of the time since the namespace was joined before.
public enum Continuity: Sendable, Hashable {
    /// It had not been joined before for this user, or the application has left it, or disconnected, since.
    case first
    /// The server recovered the session: nothing was missed.
    case recovered
    /// Events may have been missed. `inboxComplete`: what is addressed to the user is complete all the same. `lost`: so many
    /// events were in the inbox, and are lost.
    case gap(inboxComplete: Bool, lost: UInt64)
}

/// How a joined namespace ended.
public enum LeaveReason: Sendable, Hashable {
    /// The application left it.
    case clientLeft
    /// The server ended it.
    case serverDisconnect
    /// The connection ended.
    case connectionLost
}

/// Why a queued message was not sent.
public enum DropReason: Sendable, Hashable {
    /// Its time to live passed.
    case expired
    /// A newer message took its place in a full queue.
    case overflow
    /// It was cancelled.
    case cancelled
    /// The timeout of its acknowledgement passed.
    case ackTimedOut
    /// It is larger than the server, known by now, takes.
    case tooLarge
    /// Its namespace was left.
    case namespaceLeft
    /// Another user connected.
    case userChanged
    /// It was sent, and the server may or may not have it.
    case unknown
}

extension Notice {
    init(_ notice: NexusRealtimeFFI.Notice) {
        switch notice {
        case .joined(let namespace, let sid, let continuity):
            self = .joined(namespace: namespace, sid: sid, continuity: Continuity(continuity))
        case .joinFailed(let namespace, let code, let text, let server):
            let error = RealtimeError.join(code: code, message: text, server: server.map(ServerReply.init))
            self = .joinFailed(namespace: namespace, error: error)
        case .left(let namespace, let reason):
            self = .left(namespace: namespace, reason: LeaveReason(reason))
        case .retryScheduled(let failedAttempts, let delayMs, let reason):
            self = .retryScheduled(
                failedAttempts: Int(failedAttempts), delay: Duration(wholeMilliseconds: delayMs),
                reason: DisconnectReason(reason))
        case .messageDropped(let message, let namespace, let event, let reason):
            self = .messageDropped(
                MessageID(number: message), namespace: namespace, event: event, reason: DropReason(reason))
        case .delivery(let message, let status):
            self = .delivery(MessageID(number: message), DeliveryStatus(status))
        case .restored(let messages, let unreadable):
            self = .restored(messages.map(MessageID.init(number:)), unreadable: unreadable)
        case .storeFailed(let code, let text):
            self = .storeFailed(code: code, message: text)
        }
    }
}

extension Continuity {
    init(_ continuity: NexusRealtimeFFI.Continuity) {
        self =
            switch continuity {
            case .first: .first
            case .recovered: .recovered
            case .gap(let inboxComplete, let lost): .gap(inboxComplete: inboxComplete, lost: lost)
            }
    }
}

extension LeaveReason {
    init(_ reason: NexusRealtimeFFI.LeaveReason) {
        self =
            switch reason {
            case .clientLeft: .clientLeft
            case .serverDisconnect: .serverDisconnect
            case .connectionLost: .connectionLost
            }
    }
}

extension DropReason {
    init(_ reason: NexusRealtimeFFI.DropReason) {
        self =
            switch reason {
            case .expired: .expired
            case .overflow: .overflow
            case .cancelled: .cancelled
            case .ackTimedOut: .ackTimedOut
            case .tooLarge: .tooLarge
            case .namespaceLeft: .namespaceLeft
            case .userChanged: .userChanged
            case .unknown: .unknown
            }
    }
}
