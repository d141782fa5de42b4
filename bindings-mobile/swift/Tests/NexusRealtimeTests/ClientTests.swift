import BehaviourKit
import Foundation
import NexusRealtime
import XCTest

private struct Picture: Codable, Hashable, Sendable {
    let name: String
    let bytes: Data
}

final class ClientTests: StageCase {
    func testTypedEventsAndAcknowledgementsCarryData() async throws {
        try await withServer { server in
            let client = try await server.connected()
            let picture = Picture(name: "sunrise", bytes: Data((0..<1000).map { UInt8($0 % 251) }))
            let echoed: Picture = try await client.emitWithAck("messaging", "echo", picture)
            XCTAssertEqual(echoed, picture)
            let pictures = try client.events("messaging", "echo", as: Picture.self).makeAsyncIterator()
            try client.emit("messaging", "echo", picture)
            var one = pictures
            let received = try await one.next()
            XCTAssertEqual(received, picture)
            let user = try await client.emitWithAck("messaging", "who", as: String.self)
            XCTAssertEqual(user, "ada")
            let nothing = try await client.emitWithAck("messaging", "echo", as: String?.self)
            XCTAssertNil(nothing)
            try await client.close()
        }
    }

    func testAnEventThatCanNotBeDecodedIsNamedAndTheNextOneComes() async throws {
        try await withServer { server in
            let client = try await server.connected()
            var pictures = try client.events("messaging", "echo", as: Picture.self).makeAsyncIterator()
            let failures = Failures()
            let listener = try client.on("messaging", "echo", as: Picture.self) { failures.add("got \($0.name)") }
            try client.emit("messaging", "echo", ["name": "no bytes"])
            try client.emit("messaging", "echo", Picture(name: "whole", bytes: Data()))
            do {
                _ = try await pictures.next()
                XCTFail("it was decoded")
            } catch let RealtimeError.decoding(namespace, event, expected, message) {
                XCTAssertEqual([namespace, event, expected], ["messaging", "echo", "Picture"])
                XCTAssertTrue(message.contains("bytes"), message)
            }
            let next = try await pictures.next()
            XCTAssertEqual(next?.name, "whole")
            do {
                let _: Int = try await client.emitWithAck("messaging", "echo", "text")
                XCTFail("it was decoded")
            } catch let error as RealtimeError {
                XCTAssertEqual(error.code, "NOT_DECODABLE")
            }
            try await eventually { failures.all == ["got whole"] }
            listener.cancel()
            try await client.close()
        }
    }

    func testHandlersFailIntoTheHookAndGoOn() async throws {
        try await withServer { server in
            let failures = Failures()
            var options = server.options
            options.onHandlerError = { failures.add("\($0)") }
            let client = try await server.connected(options)
            try client.on("messaging", "echo") { event in
                let number = try event.decode(Int.self)
                throw Failure("handler \(number)")
            }
            for value in [.integer(1), "no number", .integer(2)] as [JSONValue] {
                try client.emit("messaging", "echo", value)
            }
            try await eventually { failures.all.count == 3 }
            XCTAssertEqual(failures.all[0], "handler 1")
            XCTAssertTrue(failures.all[1].contains("NOT_DECODABLE"), failures.all[1])
            XCTAssertEqual(failures.all[2], "handler 2")
            try await client.close()
        }
    }

    func testWhatAStreamIsTooSlowForIsCountedAndTheNewestAreKept() async throws {
        try await withServer { server in
            var options = server.options
            options.eventBuffer = 16
            options.listenerPatience = .zero
            let client = try await server.connected(options)
            let items = try client.events("messaging", "item")
            try client.emit("messaging", "send-items", 1000)
            _ = try await client.emitWithAck("messaging", "who")
            var (seen, last) = (UInt64(0), -1)
            for await item in items {
                let number = try item.decode(Int.self)
                XCTAssertEqual(number, last + 1 + Int(item.missed))
                (seen, last) = (seen + 1, number)
                if number == 999 { break }
            }
            XCTAssertEqual(seen + items.missed, 1000)
            XCTAssertGreaterThan(items.missed, 0)
            try await client.close()
        }
    }

    func testAStreamEndsWithItsTaskItsOwnerAndTheClient() async throws {
        try await withServer { server in
            let client = try await server.connected()
            let stream = try client.events("messaging", "echo")
            let loop = Task {
                for await _ in stream {}
                return true
            }
            let other = try client.events("messaging", "echo")
            XCTAssertEqual(client.stats.listeners, 2)
            loop.cancel()
            let ended = await loop.value
            XCTAssertTrue(ended)
            XCTAssertEqual(client.stats.listeners, 1)
            do {
                let dropped = try client.events("messaging", "echo")
                XCTAssertEqual(client.stats.listeners, 2)
                _ = dropped
            }
            try await eventually { client.stats.listeners == 1 }
            // Breaking out of a loop ends nothing as long as the stream is held.
            try client.emit("messaging", "echo", 1)
            try client.emit("messaging", "echo", 2)
            for await event in other {
                XCTAssertEqual(try event.decode(Int.self), 1)
                break
            }
            for await event in other {
                XCTAssertEqual(try event.decode(Int.self), 2)
                break
            }
            let waiting = Task { for await _ in other {} }
            let statuses = client.statusChanges()
            let watching = Task { await statuses.reduce(into: []) { $0.append($1.status) } }
            try await client.close()
            await waiting.value
            let seen = await watching.value
            XCTAssertEqual(seen.last, .disconnected)
            XCTAssertThrowsError(try client.events("messaging", "echo")) { error in
                XCTAssertEqual((error as? RealtimeError)?.code, "CLOSED")
            }
        }
    }

    func testLettingGoOfAClientClosesIt() async throws {
        try await withServer { server in
            var client: NexusClient? = try await server.connected()
            let stream = try XCTUnwrap(client).events("messaging", "echo")
            try await server.perform(["do": "stage.connections", "expect": 1])
            client = nil
            try await server.perform(["do": "stage.connections", "expect": 0])
            for await _ in stream {}
        }
    }

    func testACancelledTaskEndsEachWait() async throws {
        try await withServer { server in
            try await server.perform(["do": "stage.refuse"])
            let client = try NexusClient(server.options)
            let waits: [@Sendable () async throws -> Void] = [
                { try await client.connect(userID: "ada", token: "good-ada") },
                { try await client.join("messaging") },
                { _ = try await client.emitWithAck("messaging", "who") },
                { try await client.flush() },
            ]
            var tasks: [Task<Void, any Error>] = []
            for (number, wait) in waits.enumerated() {
                tasks.append(Task { try await wait() })
                try await eventually {
                    client.connectionStatus == .connecting && client.stats.queuedMessages == (number < 2 ? 0 : 1)
                }
            }
            for task in tasks {
                task.cancel()
                do {
                    try await task.value
                    XCTFail("it was not cancelled")
                } catch is CancellationError {}
            }
            // What was cancelled before it began does not begin.
            let late = Task {
                withUnsafeCurrentTask { $0?.cancel() }
                _ = try await client.emitWithAck("messaging", "note", 1)
            }
            let result = await late.result
            XCTAssertThrowsError(try result.get()) { XCTAssertTrue($0 is CancellationError) }
            XCTAssertEqual(client.stats.queuedMessages, 1)
            // What was emitted stays, and so does the search for a connection.
            try await server.perform(["do": "stage.accept"])
            try await eventually { client.connectionStatus == .connected && client.stats.queuedMessages == 0 }
            try await client.close()
        }
    }

    func testADurableMessageTellsEachOfItsStages() async throws {
        try await withServer { server in
            var options = server.options
            options.storeDirectory = URL(fileURLWithPath: server.store, isDirectory: true)
            let client = try await server.connected(options)
            let notices = client.notices()
            let message = try client.emitDurable("messaging", "order", "one", Data([1, 2, 3]))
            try await message.accepted()
            var stages: [DeliveryStatus] = []
            for await status in message.statuses() {
                stages.append(status)
            }
            XCTAssertEqual(stages.prefix(3), [.queued, .persisted, .sent])
            XCTAssertEqual(stages.count, 4)
            guard case .acked(let answer) = try await message.outcome() else { return XCTFail("\(message.status)") }
            XCTAssertEqual(try answer.decode(String.self), "one")
            XCTAssertNil(message.cancel())
            var told: [DeliveryStatus] = []
            for await notice in notices {
                guard case .delivery(message.id, let status) = notice else { continue }
                told.append(status)
                if status.isFinal { break }
            }
            XCTAssertEqual(told.last, .acked(answer))
            try await client.close()
        }
    }

    func testOptionsAreRefusedByName() {
        func code(_ change: (inout NexusOptions) -> Void) -> String? {
            var options = NexusOptions(url: "http://127.0.0.1:9")
            change(&options)
            do {
                _ = try NexusClient(options)
                return nil
            } catch {
                return (error as? RealtimeError)?.code
            }
        }
        XCTAssertNil(code { _ in })
        XCTAssertEqual(code { $0.url = "localhost" }, "INVALID_URL")
        XCTAssertEqual(code { $0.url += "/chat" }, "URL_WITH_PATH")
        XCTAssertEqual(code { $0.auth["token"] = 1 }, "RESERVED_AUTH_FIELD")
        XCTAssertEqual(code { $0.auth["x"] = .number(.nan) }, "INVALID_OPTION")
        XCTAssertEqual(code { $0.onlyRootsPEM = "no certificate" }, "INVALID_ROOTS")
        XCTAssertEqual(code { $0.namespacePriority["a,b"] = 1 }, "INVALID_NAMESPACE")
    }

    func testTheLogNamesNoToken() async throws {
        try await withServer { server in
            let lines = Failures()
            NexusLog.send(.trace) { _, target, line in lines.add("\(target): \(line)") }
            let client = try NexusClient(server.options)
            try await client.connect(userID: "ada", token: "good-ada")
            try await client.close()
            NexusLog.send(.off) { _, _, _ in }
            XCTAssertFalse(lines.all.isEmpty)
            XCTAssertFalse(lines.all.contains { $0.contains("good-ada") })
        }
    }
}

/// Collects texts from anywhere.
final class Failures: @unchecked Sendable {
    private let lock = NSLock()
    private var texts: [String] = []

    var all: [String] { lock.withLock { texts } }

    func add(_ text: String) {
        lock.withLock { texts.append(text) }
    }
}

extension Server {
    /// A client of ada's, connected, with `messaging` joined.
    func connected(_ options: NexusOptions? = nil) async throws -> NexusClient {
        let client = try NexusClient(options ?? self.options)
        try await client.connect(userID: "ada", token: "good-ada")
        try await client.join("messaging")
        return client
    }
}

/// Waits, 10 s at most, until it is so.
func eventually(file: StaticString = #filePath, line: UInt = #line, _ isSo: @Sendable () -> Bool) async throws {
    let end = ContinuousClock.now + .seconds(10)
    while !isSo() {
        guard ContinuousClock.now < end else { return XCTFail("it never was so", file: file, line: line) }
        try await Task.sleep(for: .milliseconds(5))
    }
}
