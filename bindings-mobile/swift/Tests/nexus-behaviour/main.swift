import BehaviourKit
import Foundation
import NexusRealtime

// Processes that die: one phase of a scenario, or one that emits durable messages until it is killed.
let arguments = CommandLine.arguments.dropFirst()
do {
    if arguments.first == "emit" {
        try await emitForever(Array(arguments.dropFirst()))
    } else {
        try await runPhase(arguments.first ?? "")
    }
} catch {
    FileHandle.standardError.write(Data("\(error)\n".utf8))
    exit(1)
}

func runPhase(_ text: String) async throws {
    let child = try JSONDecoder().decode(Child.self, from: Data(text.utf8))
    guard let scenario = try Scenarios.read().first(where: { $0.name == child.scenario }) else {
        throw Failure("there is no scenario \(child.scenario)")
    }
    try await scenario.run(phase: child.phase, with: child.server)
}

/// Address, store, first number. Says each number when its message is accepted.
func emitForever(_ arguments: [String]) async throws {
    guard arguments.count == 3, let first = Int(arguments[2]) else { throw Failure("what to emit?") }
    var options = NexusOptions(url: arguments[0])
    options.storeDirectory = URL(fileURLWithPath: arguments[1], isDirectory: true)
    let client = try NexusClient(options)
    let connecting = Task { try await client.connect(userID: "ada", token: "good-ada") }
    while client.connectionStatus != .connecting {
        await Task.yield()
    }
    for number in first... {
        try await client.emitDurable("messaging", "order", number).accepted()
        FileHandle.standardOutput.write(Data("\(number)\n".utf8))
    }
    try await connecting.value
}
