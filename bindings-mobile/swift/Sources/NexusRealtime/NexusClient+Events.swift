internal import NexusRealtimeFFI

extension NexusClient {
    /// Joins a namespace, with this connection and each later one, and waits until it is joined for the first time.
    ///
    /// - Throws: ``RealtimeError/join(code:message:server:)`` if the server refuses or does not answer,
    ///   ``RealtimeError/waitTimedOut``, ``RealtimeError/closed``, `CancellationError`. It is tried again with the next
    ///   connection.
    public func join(_ namespace: String, timeout: Duration = .seconds(60)) async throws {
        let core = core
        try await waiting { try await core.join(namespace: namespace, timeoutMs: timeout.wholeMilliseconds) }
    }

    /// Leaves a namespace. What is queued for it is dropped. Streams stay, for when it is joined again.
    ///
    /// - Throws: ``RealtimeError/join(code:message:server:)``: `PRIMARY`, `NOT_JOINED`.
    public func leave(_ namespace: String) throws {
        try translated { try core.leave(namespace: namespace) }
    }

    /// Whether a namespace is joined now.
    public func isJoined(_ namespace: String) -> Bool {
        core.isJoined(namespace: namespace)
    }

    /// The events of one name from now on. Joins the namespace. May be called before `connect`; outlives connections.
    ///
    /// - Throws: ``RealtimeError/join(code:message:server:)`` if the namespace can't be joined, ``RealtimeError/closed``.
    public func events(_ namespace: String, _ event: String) throws -> EventStream {
        try events(namespace, event, batch: 64)
    }

    /// As ``events(_:_:)``, with so many events a crossing of the boundary, at most: for the benchmark.
    package func events(_ namespace: String, _ event: String, batch: UInt32) throws -> EventStream {
        let source = try translated { try core.events(namespace: namespace, event: event) }
        return EventStream(source, coding: coding, batch: batch)
    }

    /// As ``events(_:_:)``, of the first argument of each event.
    public func events<Value: Decodable & Sendable>(
        _ namespace: String, _ event: String, as type: Value.Type
    ) throws -> DecodedEvents<Value> {
        try events(namespace, event).decoded(as: type)
    }

    /// Calls a handler with each event, one after another, until it is cancelled or the client closed. Joins the namespace.
    ///
    /// What the handler throws goes to ``NexusOptions/onHandlerError``.
    ///
    /// - Throws: as ``events(_:_:)``.
    @discardableResult
    public func on(
        _ namespace: String, _ event: String, perform: @escaping @Sendable (Event) async throws -> Void
    ) throws -> Listener {
        Listener(try events(namespace, event), onError: onHandlerError, perform: perform)
    }

    /// As ``on(_:_:perform:)``, with the first argument of each event. Those that can't be decoded go to
    /// ``NexusOptions/onHandlerError``.
    @discardableResult
    public func on<Value: Decodable & Sendable>(
        _ namespace: String, _ event: String, as type: Value.Type, perform: @escaping @Sendable (Value) async throws -> Void
    ) throws -> Listener {
        try on(namespace, event) { event in try await perform(try event.decode(type)) }
    }

    /// Ends all streams and listeners of an event; gives their number.
    @discardableResult
    public func off(_ namespace: String, _ event: String) -> Int {
        Int(clamping: core.off(namespace: namespace, event: event))
    }
}
