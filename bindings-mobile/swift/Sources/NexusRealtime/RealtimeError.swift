import Foundation
internal import NexusRealtimeFFI

/// Why an operation was refused, or did not succeed.
///
/// A wait whose task is cancelled throws `CancellationError` instead. ``code`` is stable, and the same on every platform.
public enum RealtimeError: Error, Sendable, Equatable {
    /// An option can't be used.
    case config(code: String, message: String)
    /// A call of `connect` was rejected.
    /// - `isFinal`: the client has stopped trying, and nothing happens before the next `connect`.
    /// - `requiresSignIn`: the user has to sign in again.
    /// - `server`: what the server said, if it did.
    case connect(code: String, message: String, isFinal: Bool, requiresSignIn: Bool, server: ServerReply?)
    /// An emit was refused, or a durable one not accepted: nothing is sent.
    /// - `isRetryable`: the same emit may be accepted later.
    case emit(code: String, message: String, isRetryable: Bool)
    /// An awaited acknowledgement did not come.
    /// - `isUnsent`: the event was certainly never sent, so that sending it again can't repeat its effect.
    case ack(code: String, message: String, isUnsent: Bool)
    /// A namespace could not be joined, listened to or left.
    case join(code: String, message: String, server: ServerReply?)
    /// An event could not be acknowledged.
    case reply(code: String, message: String)
    /// Data that came is not what was expected. `event` is the event, or the one that was acknowledged.
    case decoding(namespace: String, event: String, expected: String, message: String)
    /// What was waited for did not happen within the wait's own timeout. It may still happen.
    case waitTimedOut
    /// The client is closed.
    case closed

    /// Names the error, the same on every platform: `QUEUE_FULL`, say.
    public var code: String {
        switch self {
        case .config(let code, _), .connect(let code, _, _, _, _), .emit(let code, _, _), .ack(let code, _, _),
            .join(let code, _, _), .reply(let code, _):
            code
        case .decoding: "NOT_DECODABLE"
        case .waitTimedOut: "WAIT_TIMED_OUT"
        case .closed: "CLOSED"
        }
    }

    /// For people. Parts of it may be what a server said: show it as text.
    public var message: String {
        switch self {
        case .config(_, let message), .connect(_, let message, _, _, _), .emit(_, let message, _),
            .ack(_, let message, _), .join(_, let message, _), .reply(_, let message):
            message
        case .decoding(let namespace, let event, let expected, let message):
            "\(event) in \(namespace) is not \(expected): \(message)"
        case .waitTimedOut: "not in time"
        case .closed: "the client is closed"
        }
    }
}

extension RealtimeError: LocalizedError, CustomStringConvertible {
    public var description: String { "\(message) (\(code))" }
    public var errorDescription: String? { message }
}

/// What a server said when it refused something.
public struct ServerReply: Sendable, Equatable {
    /// Its message. Show it as text.
    public let message: String
    /// What it said besides, as JSON text.
    public let data: String?
    /// How long it wishes to be left alone.
    public let retryAfter: Duration?

    init(_ said: NexusRealtimeFFI.ServerSaid) {
        message = said.text
        data = said.data
        retryAfter = said.retryAfterMs.map(Duration.init(wholeMilliseconds:))
    }
}

extension RealtimeError {
    init(_ error: NexusRealtimeFFI.RealtimeError) {
        switch error {
        case .Config(let code, let text):
            self = .config(code: code, message: text)
        case .Connect(let code, let text, let isFinal, let requiresSignIn, let server):
            let said = server.map(ServerReply.init)
            self = .connect(code: code, message: text, isFinal: isFinal, requiresSignIn: requiresSignIn, server: said)
        case .Emit(let code, let text, let isRetryable):
            self = .emit(code: code, message: text, isRetryable: isRetryable)
        case .Ack(let code, let text, let isUnsent):
            self = .ack(code: code, message: text, isUnsent: isUnsent)
        case .Join(let code, let text, let server):
            self = .join(code: code, message: text, server: server.map(ServerReply.init))
        case .Reply(let code, let text):
            self = .reply(code: code, message: text)
        // Nothing but `cancel` says so, and that gives `nil` then.
        case .UnknownMessage:
            self = .emit(code: "UNKNOWN_MESSAGE", message: "there is no such message", isRetryable: false)
        case .WaitTimedOut:
            self = .waitTimedOut
        case .Closed:
            self = .closed
        }
    }
}

/// Runs a call of the core, and gives its errors as ours.
func translated<Value>(_ call: () throws -> Value) throws -> Value {
    do {
        return try call()
    } catch let error as NexusRealtimeFFI.RealtimeError {
        throw RealtimeError(error)
    }
}

/// Waits for a call of the core, or the cancellation of this task, and gives the core's errors as ours.
func waiting<Value: Sendable>(_ call: @escaping @Sendable () async throws -> Value) async throws -> Value {
    try await cancellable {
        do {
            return try await call()
        } catch let error as NexusRealtimeFFI.RealtimeError {
            throw RealtimeError(error)
        }
    }
}
