import Foundation
internal import NexusRealtimeFFI

extension NexusClient {
    /// Sends an event, or queues it while there is no connection.
    ///
    /// - Parameters:
    ///   - values: the arguments. `Data`, at any depth, goes as binary.
    ///   - volatile: whether it is dropped when it can't be written now.
    ///   - ttl: how long it may wait. Default: ``NexusOptions/queueTTL``.
    /// - Throws: ``RealtimeError/emit(code:message:isRetryable:)`` if it is refused (`QUEUE_FULL`, `NO_USER`, `TOO_LARGE`,
    ///   `NOT_ENCODABLE`, …), ``RealtimeError/closed``.
    @discardableResult
    public func emit(
        _ namespace: String, _ event: String, _ values: any Encodable & Sendable..., volatile: Bool = false,
        ttl: Duration? = nil
    ) throws -> Emitted {
        try emit(namespace, event, arguments: encode(values), volatile: volatile, ttl: ttl)
    }

    /// As ``emit(_:_:_:volatile:ttl:)``, of arguments that are encoded already.
    @discardableResult
    public func emit(
        _ namespace: String, _ event: String, arguments: Arguments, volatile: Bool = false, ttl: Duration? = nil
    ) throws -> Emitted {
        let outgoing = NexusRealtimeFFI.Outgoing(
            namespace: namespace, event: event, payload: arguments.foreign, volatile: volatile,
            ttlMs: ttl?.wholeMilliseconds)
        return Emitted(try translated { try core.emit(event: outgoing) })
    }

    /// Sends an event and waits for its acknowledgement, whose first argument this gives.
    ///
    /// - Parameters:
    ///   - values: the arguments. `Data`, at any depth, goes as binary.
    ///   - type: what the acknowledgement is. An optional is `nil` if it has no argument.
    ///   - timeout: from now. Default: ``NexusOptions/ackTimeout``.
    /// - Throws: ``RealtimeError/emit(code:message:isRetryable:)`` if it is refused,
    ///   ``RealtimeError/ack(code:message:isUnsent:)`` if it is not acknowledged (`TIMED_OUT`, `DISCONNECTED`, …),
    ///   ``RealtimeError/decoding(namespace:event:expected:message:)``, ``RealtimeError/closed``, `CancellationError`, which
    ///   takes nothing back.
    public func emitWithAck<Answer: Decodable & Sendable>(
        _ namespace: String, _ event: String, _ values: any Encodable & Sendable..., as type: Answer.Type = Answer.self,
        timeout: Duration? = nil
    ) async throws -> Answer {
        let answer = try await emitWithAck(namespace, event, arguments: encode(values), timeout: timeout)
        return try coding.decode(type, at: 0, of: answer, namespace: namespace, event: event)
    }

    /// As ``emitWithAck(_:_:_:as:timeout:)``, with all arguments of the acknowledgement, as they came.
    @discardableResult
    public func emitWithAck(
        _ namespace: String, _ event: String, _ values: any Encodable & Sendable..., timeout: Duration? = nil
    ) async throws -> Arguments {
        try await emitWithAck(namespace, event, arguments: encode(values), timeout: timeout)
    }

    /// As ``emitWithAck(_:_:_:as:timeout:)``, of arguments that are encoded already.
    public func emitWithAck(
        _ namespace: String, _ event: String, arguments: Arguments, timeout: Duration? = nil
    ) async throws -> Arguments {
        let core = core
        let outgoing = NexusRealtimeFFI.Outgoing(
            namespace: namespace, event: event, payload: arguments.foreign, ackTimeoutMs: timeout?.wholeMilliseconds)
        return try await waiting { Arguments(try await core.emitWithAck(event: outgoing)) }
    }

    /// Keeps an event in the store until the server has acknowledged it: over lost connections, and over the end of the
    /// process, by the next one that connects the same user.
    ///
    /// On a server that grants it, its effect is there once; on any other at least once, so give each an id of your own. Those
    /// of a namespace are in order among themselves. The data is on the device unencrypted.
    ///
    /// - Parameters:
    ///   - values: the arguments. `Data`, at any depth, goes as binary.
    ///   - ttl: how long it is tried. Default: ``NexusOptions/durableTTL``.
    /// - Returns: the message, which is safe once ``DurableMessage/accepted(timeout:)`` says so.
    /// - Throws: ``RealtimeError/emit(code:message:isRetryable:)`` if it is refused (`NO_DURABLE_STORE`, `QUEUE_FULL`, …),
    ///   ``RealtimeError/closed``.
    @discardableResult
    public func emitDurable(
        _ namespace: String, _ event: String, _ values: any Encodable & Sendable..., ttl: Duration? = nil
    ) throws -> DurableMessage {
        try emitDurable(namespace, event, arguments: encode(values), ttl: ttl)
    }

    /// As ``emitDurable(_:_:_:ttl:)``, of arguments that are encoded already.
    @discardableResult
    public func emitDurable(
        _ namespace: String, _ event: String, arguments: Arguments, ttl: Duration? = nil
    ) throws -> DurableMessage {
        let outgoing = NexusRealtimeFFI.Outgoing(
            namespace: namespace, event: event, payload: arguments.foreign, ttlMs: ttl?.wholeMilliseconds)
        return DurableMessage(try translated { try core.emitDurable(event: outgoing) }, of: core)
    }

    /// Waits until all that was emitted has been handed to the network. Durable messages are not waited for.
    ///
    /// - Throws: ``RealtimeError/waitTimedOut``, ``RealtimeError/closed``, `CancellationError`.
    public func flush(timeout: Duration = .seconds(30)) async throws {
        let core = core
        try await waiting { try await core.flush(timeoutMs: timeout.wholeMilliseconds) }
    }

    /// The messages in the offline queue, oldest first.
    public var queue: [QueuedMessage] { core.queue().map(QueuedMessage.init) }

    /// Takes a message out of the offline queue, or ends the wait for its acknowledgement.
    ///
    /// - Returns: `nil` if it is neither queued nor awaiting an acknowledgement.
    @discardableResult
    public func cancel(_ message: MessageID) -> Cancelled? {
        (try? core.cancel(message: message.number)).map { $0 ? .unsent : .sent }
    }

    private func encode(_ values: [any Encodable & Sendable]) throws -> Arguments {
        do {
            return try coding.encode(values)
        } catch {
            throw RealtimeError.emit(code: "NOT_ENCODABLE", message: String(describing: error), isRetryable: false)
        }
    }
}
