import BehaviourKit
import Foundation
import NexusRealtime

// Figures of the boundary between Swift and the core, as lines of JSON. Wants a stage (see BehaviourKit), and a release build:
//
//     swift run -c release nexus-bench [EVENTS]

struct Line: Encodable {
    let language = "swift"
    let name: String
    var count: Int?
    var seconds: Double?
    var perSecond: Double?
    var microseconds: Double?
    var bytes: Int?
}

let count = CommandLine.arguments.dropFirst().first.flatMap(Int.init) ?? 20_000
guard let stage = Stage.shared else {
    print("no stage: set NEXUS_STAGE or NEXUS_BEHAVIOUR_STAGE")
    exit(2)
}
let server = try await stage.server("nexus")
var options = server.options
options.eventBuffer = count
let client = try NexusClient(options)
try await client.connect(userID: "ada", token: "good-ada")
try await client.join("messaging")

for (name, batch) in [("events received, 64 a crossing", 64), ("events received, one a crossing", 1)] as [(String, UInt32)] {
    let events = try client.events("messaging", "item", batch: batch)
    try await measure(name, count) {
        try client.emit("messaging", "send-items", count)
        var seen = 0
        for await _ in events {
            seen += 1
            if seen == count { break }
        }
    }
}
do {
    let events = try client.events("messaging", "item", as: Int.self)
    try await measure("events received and decoded", count) {
        try client.emit("messaging", "send-items", count)
        for try await number in events where number == count - 1 { break }
    }
}
try await measure("emits, until they are handed to the network", count) {
    for number in 0..<count {
        while true {
            do {
                try client.emit("messaging", "silence", number)
                break
            } catch let error as RealtimeError where error.code == "QUEUE_FULL" {
                try await client.flush()
            }
        }
    }
    try await client.flush()
}
let trips = max(1, count / 10)
try await measure("acknowledged round trips, one after another", trips) {
    for number in 0..<trips {
        let _: Int = try await client.emitWithAck("messaging", "echo", number)
    }
}
try await measure("acknowledged round trips, 64 at a time", trips) {
    try await withThrowingTaskGroup(of: Void.self) { group in
        for task in 0..<64 {
            group.addTask {
                for number in stride(from: task, to: trips, by: 64) {
                    let _: Int = try await client.emitWithAck("messaging", "echo", number)
                }
            }
        }
        try await group.waitForAll()
    }
}
if let bytes = residentBytes() {
    try show(Line(name: "resident memory of this process, connected", bytes: bytes))
}
try await client.close()
try await server.stop()

func measure(_ name: String, _ count: Int, _ body: () async throws -> Void) async throws {
    let start = ContinuousClock.now
    try await body()
    let (seconds, attoseconds) = (ContinuousClock.now - start).components
    let time = Double(seconds) + Double(attoseconds) / 1e18
    try show(
        Line(name: name, count: count, seconds: time, perSecond: Double(count) / time, microseconds: time / Double(count) * 1e6))
}

func show(_ line: Line) throws {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    print(String(decoding: try encoder.encode(line), as: UTF8.self))
}

/// Linux tells; elsewhere the figure is left out.
func residentBytes() -> Int? {
    let status = try? String(contentsOfFile: "/proc/self/status", encoding: .utf8)
    let line = status?.split(separator: "\n").first { $0.hasPrefix("VmRSS:") }
    return line?.split(separator: " ").compactMap { Int($0) }.first.map { $0 * 1024 }
}
