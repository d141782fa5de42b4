import BehaviourKit
import Foundation
import NexusRealtime
import XCTest

/// Many tasks on one client, and callbacks that do what they should not.
final class AbuseTests: StageCase {
    private static let tasks = 64
    private static let rounds = 20

    func testSixtyFourTasksEmitListenAndAskWhileTheConnectionIsCut() async throws {
        try await withServer { server in
            let client = try await server.connected()
            let echoes = try client.events("messaging", "echo")
            let collected = Task {
                var seen: [JSONValue] = []
                for await event in echoes {
                    seen.append(try event.decode(JSONValue.self))
                    if seen.count == Self.tasks * Self.rounds { break }
                }
                return seen
            }
            try await withThrowingTaskGroup(of: Void.self) { group in
                for task in 0..<Self.tasks {
                    group.addTask {
                        for round in 0..<Self.rounds {
                            try client.emit("messaging", "echo", "\(task)/\(round)")
                            let answer = try await client.emitWithAck("messaging", "note", task, as: Int.self)
                            XCTAssertEqual(answer, task)
                            let stream = try client.events("messaging", "noise")
                            _ = (client.stats, client.queue, client.connectionQuality, client.averageLatency)
                            _ = try client.on("notifications", "noise") { _ in }
                            stream.cancel()
                        }
                    }
                }
                group.addTask {
                    for _ in 0..<3 {
                        try await server.perform(["do": "stage.cut"])
                        try await eventually { client.connectionStatus == .connected }
                    }
                }
                try await group.waitForAll()
            }
            let seen = try await collected.value
            XCTAssertEqual(Set(seen).count, Self.tasks * Self.rounds)
            for task in 0..<Self.tasks {
                let own = seen.compactMap(\.string).filter { $0.hasPrefix("\(task)/") }
                XCTAssertEqual(own, (0..<Self.rounds).map { "\(task)/\($0)" }, "in the order of their emitter")
            }
            XCTAssertEqual(client.off("notifications", "noise"), Self.tasks * Self.rounds)
            try await eventually { client.stats.listeners == 1 }
            try await client.close()
            try await server.perform(["do": "stage.connections", "expect": 0])
        }
    }

    func testSixtyFourTasksConnectAndCloseOneClient() async throws {
        try await withServer { server in
            let client = try NexusClient(server.options)
            await withTaskGroup(of: Void.self) { group in
                for task in 0..<Self.tasks {
                    group.addTask {
                        do {
                            switch task % 8 {
                            case 0: client.disconnect()
                            case 7 where task > 32: try await client.close()
                            case 6: try client.emit("messaging", "note", task)
                            case 5: for await _ in try client.events("messaging", "echo") {}
                            case 4: _ = try await client.emitWithAck("messaging", "note", task)
                            case 3: try await client.join("messaging")
                            default: try await client.connect(userID: "user-\(task % 3)", token: "good-user-\(task % 3)")
                            }
                        } catch {
                            // Any typed error will do.
                            XCTAssertTrue(error is RealtimeError, "\(error)")
                        }
                    }
                }
                await group.waitForAll()
            }
            try await client.close()
            XCTAssertEqual(client.connectionStatus, .disconnected)
            XCTAssertEqual(client.stats.listeners, 0)
            try await server.perform(["do": "stage.connections", "expect": 0])
        }
    }

    func testHandlersMayCallTheClientAndCloseIt() async throws {
        try await withServer { server in
            let client = try await server.connected()
            let rounds = Failures()
            let listener = try client.on("messaging", "echo") { event in
                let number = try event.decode(Int.self)
                rounds.add("\(number)")
                _ = client.stats
                let answer = try await client.emitWithAck("messaging", "note", number, as: Int.self)
                if answer < 5 {
                    try client.emit("messaging", "echo", answer + 1)
                } else {
                    client.off("messaging", "echo")
                    try await client.close()
                }
            }
            try client.emit("messaging", "echo", 0)
            try await eventually { rounds.all.count == 6 && client.connectionStatus == .disconnected }
            listener.cancel()
            XCTAssertThrowsError(try client.emit("messaging", "echo", 6))
            try await server.perform(["do": "stage.connections", "expect": 0])
        }
    }

    func testAProviderMayCallTheClientAndThrowAnything() async throws {
        struct Unexpected: Error {}
        try await withServer { server in
            let client = try NexusClient(server.options)
            let asked = Failures()
            try await client.connect(userID: "ada") { reason in
                asked.add(reason.rawValue)
                _ = try? client.emit("messaging", "note", asked.all.count)
                client.networkChanged(reachable: true)
                if asked.all.count < 3 { throw Unexpected() }
                return "good-ada"
            }
            XCTAssertEqual(asked.all, ["connecting", "connecting", "connecting"])
            try await server.perform(["do": "stage.seen", "event": "note", "range": [1, 4]])
            try await client.close()
        }
    }

    func testAProviderThatNeverAnswersHoldsNothingUp() async throws {
        try await withServer { server in
            var options = server.options
            options.tokenTimeout = .milliseconds(100)
            options.connectTimeout = .milliseconds(500)
            let client = try NexusClient(options)
            let cancelled = Failures()
            do {
                try await client.connect(userID: "ada") { _ in
                    do {
                        try await Task.sleep(for: .seconds(3600))
                    } catch {
                        cancelled.add("\(error)")
                        throw error
                    }
                    return "late"
                }
                XCTFail("it connected")
            } catch let error as RealtimeError {
                XCTAssertEqual(error.code, "TIMED_OUT")
            }
            try await client.close()
            try await eventually { cancelled.all.count > 1 }
        }
    }
}
