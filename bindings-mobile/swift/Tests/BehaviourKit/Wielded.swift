import Foundation
import NexusRealtime

/// A client that is under test, and what it has told.
actor Wielded {
    nonisolated let client: NexusClient
    nonisolated let statuses = Record()
    nonisolated let asked = Record()
    /// By namespace and event.
    private var records: [[String]: Record] = [:]

    init(_ server: Server, options: JSONValue?) async throws {
        func number(_ name: String) -> Int64? { options?[name]?.integer }
        var chosen = server.options
        if let delay = number("reconnectDelay") {
            chosen.reconnect.initialDelay = .milliseconds(delay)
            chosen.reconnect.maxDelay = .milliseconds(delay)
            chosen.reconnect.jitter = 0
        }
        chosen.connectTimeout = number("connectTimeout").map { .milliseconds($0) }
        chosen.backgroundGrace = number("backgroundGrace").map { .milliseconds($0) }
        chosen.reconnect.maxAttempts = number("maxAttempts").map { Int($0) }
        chosen.reconnect.maxAuthAttempts = number("maxAuthAttempts").map { Int($0) }
        chosen.queueMessages = number("queueMessages").map { Int($0) }
        chosen.durableMessages = number("durableMessages").map { Int($0) }
        if options?["store"] == .bool(true) {
            chosen.storeDirectory = URL(fileURLWithPath: server.store, isDirectory: true)
        }
        client = try NexusClient(chosen)
        var changes = client.statusChanges().makeAsyncIterator()
        // The status of now is no change.
        _ = await changes.next()
        let record = statuses
        let rest = changes
        Task {
            var rest = rest
            while let change = await rest.next() {
                record.push(.string(change.status.rawValue))
            }
        }
    }

    /// A provider that gives one token after another, and says that it was asked.
    nonisolated func provider(_ tokens: [JSONValue]) -> TokenProvider {
        _ = asked.take()
        let left = TokenList(tokens)
        let asked = asked
        return { reason in
            asked.push(.string(reason.rawValue))
            let token = await left.next()
            if let text = token.string {
                return text
            }
            if let text = token["final"]?.string {
                throw SignedOut(text)
            }
            throw Failure(token["fail"]?.string ?? "no token")
        }
    }

    /// What came of an event so far, and will come.
    func record(_ namespace: String, _ event: String) -> Record {
        if let record = records[[namespace, event]] {
            return record
        }
        let record = Record()
        records[[namespace, event]] = record
        return record
    }

    func listen(_ namespace: String, _ event: String, reply: JSONValue?) throws {
        let record = record(namespace, event)
        try client.on(namespace, event) { event in
            if let reply, event.wantsReply {
                try event.reply(reply)
            }
            record.push(.array(try event.decodeAll()))
        }
    }
}

private actor TokenList {
    private var tokens: [JSONValue]

    init(_ tokens: [JSONValue]) {
        self.tokens = tokens
    }

    /// The last again and again.
    func next() -> JSONValue {
        tokens.count > 1 ? tokens.removeFirst() : tokens.first ?? .null
    }
}
