import Foundation
internal import NexusRealtimeFFI

/// An event from the server.
public struct Event: Sendable {
    /// Where it came.
    public let namespace: String
    /// Its name.
    public let name: String
    /// Its arguments.
    public let arguments: Arguments
    /// How many events this stream was too slow for, just before this one.
    public let missed: UInt64

    private let answer: NexusRealtimeFFI.Reply?
    private let coding: Coding

    init(_ event: NexusRealtimeFFI.Event, coding: Coding) {
        namespace = event.namespace
        name = event.name
        arguments = Arguments(event.payload)
        missed = event.missed
        answer = event.reply
        self.coding = coding
    }

    /// Whether the server asked for an acknowledgement.
    public var wantsReply: Bool { answer != nil }

    /// Decodes one argument, the first by default. `Data` is taken from the attachments.
    ///
    /// - Throws: ``RealtimeError/decoding(namespace:event:expected:message:)``.
    public func decode<Value: Decodable>(_ type: Value.Type = Value.self, at index: Int = 0) throws -> Value {
        try coding.decode(type, at: index, of: arguments, namespace: namespace, event: name)
    }

    /// Decodes all arguments, of one type.
    ///
    /// - Throws: ``RealtimeError/decoding(namespace:event:expected:message:)``.
    public func decodeAll<Value: Decodable>(as type: Value.Type = JSONValue.self) throws -> [Value] {
        try coding.decodeAll(type, of: arguments, namespace: namespace, event: name)
    }

    /// Acknowledges the event. Of several who do, the first counts.
    ///
    /// - Throws: ``RealtimeError/reply(code:message:)``: `NOT_ASKED`; `GONE`, if there is an acknowledgement already or the
    ///   connection is another by now; `NOT_ENCODABLE`, `TOO_LARGE`, `TOO_MANY_ATTACHMENTS`.
    public func reply(_ values: any Encodable & Sendable...) throws {
        guard let answer else {
            throw RealtimeError.reply(code: "NOT_ASKED", message: "the server asked for no acknowledgement")
        }
        let arguments: Arguments
        do {
            arguments = try coding.encode(values)
        } catch {
            throw RealtimeError.reply(code: "NOT_ENCODABLE", message: String(describing: error))
        }
        try translated { try answer.send(payload: arguments.foreign) }
    }
}

/// The events of one name in one namespace, in the order in which they came, from when the stream was made.
///
/// What is not asked for yet waits in the client (``NexusOptions/eventBuffer``); beyond that the oldest are missed. The stream
/// ends when the client is closed, when the task that iterates is cancelled, with ``cancel()``, and when nobody has it any
/// more. Breaking out of a loop does not end it as long as you keep it: the next loop goes on behind the last event.
public struct EventStream: AsyncSequence, Sendable {
    public typealias Element = Event

    let pump: Pump<Event>
    private let misses: Locked<UInt64>

    init(_ source: NexusRealtimeFFI.EventSource, coding: Coding, batch: UInt32 = 64) {
        let misses = Locked<UInt64>(0)
        self.misses = misses
        pump = Pump(
            batch: batch,
            pull: { max, timeout in
                guard let batch = try await source.next(max: max, timeoutMs: timeout) else { return nil }
                let missed = batch.reduce(0) { $0 + $1.missed }
                if missed > 0 {
                    misses.withLock { $0 += missed }
                }
                return batch.map { Event($0, coding: coding) }
            },
            close: { source.close() }
        )
    }

    /// How many events the stream was too slow for so far.
    public var missed: UInt64 { misses.withLock { $0 } }

    /// Ends the stream, and the loops over it.
    public func cancel() {
        pump.end()
    }

    /// The first argument of each event.
    public func decoded<Value: Decodable & Sendable>(as type: Value.Type = Value.self) -> DecodedEvents<Value> {
        DecodedEvents(events: self)
    }

    public func makeAsyncIterator() -> Iterator {
        Iterator(pump: pump)
    }

    /// Asks for one event after another.
    public struct Iterator: AsyncIteratorProtocol, Sendable {
        let pump: Pump<Event>

        /// The next event; `nil` when the stream has ended.
        public mutating func next() async -> Event? {
            await pump.next()
        }
    }
}

/// As ``EventStream``, of the first argument of each event.
///
/// An event that can't be decoded throws ``RealtimeError/decoding(namespace:event:expected:message:)``, and does not end the
/// stream: asked again, it gives the next one.
public struct DecodedEvents<Value: Decodable & Sendable>: AsyncSequence, Sendable {
    public typealias Element = Value

    let events: EventStream

    /// How many events the stream was too slow for so far.
    public var missed: UInt64 { events.missed }

    /// Ends the stream, and the loops over it.
    public func cancel() {
        events.cancel()
    }

    public func makeAsyncIterator() -> Iterator {
        Iterator(events: events.makeAsyncIterator())
    }

    /// Asks for one event after another.
    public struct Iterator: AsyncIteratorProtocol, Sendable {
        var events: EventStream.Iterator

        /// The next event's first argument; `nil` when the stream has ended.
        public mutating func next() async throws -> Value? {
            guard let event = await events.next() else { return nil }
            return try event.decode(Value.self)
        }
    }
}

/// A handler that is called with events until it is cancelled, or the client is closed. Letting go of it does not end it.
public final class Listener: Sendable {
    private let task: Task<Void, Never>
    private let pump: Pump<Event>

    init(_ events: EventStream, onError: @escaping @Sendable (any Error) -> Void, perform: @escaping @Sendable (Event) async throws -> Void) {
        pump = events.pump
        task = Task {
            for await event in events {
                do {
                    try await perform(event)
                } catch {
                    onError(error)
                }
            }
        }
    }

    /// Ends it. A call of the handler that has begun goes on; its task is cancelled.
    public func cancel() {
        pump.end()
        task.cancel()
    }
}
