import BehaviourKit
import Foundation
import NexusRealtime
import XCTest

/// Durable messages, and a process that is killed from outside, at any moment.
final class KillTests: StageCase {
    func testWhatAKilledProcessHadAcceptedIsSentOnceByTheNext() async throws {
        try await withServer { server in
            let warmUp = try await server.connected()
            try await warmUp.close()
            try await server.perform(["do": "stage.refuse"])
            var accepted = 0
            for _ in 0..<3 {
                // It says each number when the message is accepted, and is killed in the middle of it.
                let lines = try Program.lines("nexus-behaviour", ["emit", server.url, server.store, "\(accepted)"])
                for try await line in lines.text where line == "\(accepted)" {
                    accepted += 1
                    if accepted % 40 == 0 { break }
                }
                let end = try await lines.kill()
                XCTAssertEqual(end, .killed(9))
                accepted = try await Self.restored(server)
                XCTAssertGreaterThanOrEqual(accepted, 40)
            }
            var options = server.options
            options.storeDirectory = URL(fileURLWithPath: server.store, isDirectory: true)
            let client = try NexusClient(options)
            let connecting = Task { try await client.connect(userID: "ada", token: "good-ada") }
            try await server.perform(["do": "stage.accept"])
            try await connecting.value
            try await eventually { client.stats.durableMessages == 0 }
            try await server.perform([
                "do": "stage.seen", "event": "order", "range": [0, .integer(Int64(accepted))],
            ])
            try await client.close()
        }
    }

    /// How many messages the store holds: at least those that the process said.
    private static func restored(_ server: Server) async throws -> Int {
        var options = server.options
        options.storeDirectory = URL(fileURLWithPath: server.store, isDirectory: true)
        let client = try NexusClient(options)
        let notices = client.notices()
        let connecting = Task { try await client.connect(userID: "ada", token: "good-ada") }
        var count = 0
        for await notice in notices {
            if case .restored(let messages, let unreadable) = notice {
                XCTAssertEqual(unreadable, 0)
                count = messages.count
                break
            }
        }
        connecting.cancel()
        try await client.close()
        return count
    }
}
