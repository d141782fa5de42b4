import BehaviourKit
import Foundation

// One phase of a scenario, in a process that may die.
do {
    let child = try JSONDecoder().decode(Child.self, from: Data((CommandLine.arguments.dropFirst().first ?? "").utf8))
    guard let scenario = try Scenarios.read().first(where: { $0.name == child.scenario }) else {
        throw Failure("there is no scenario \(child.scenario)")
    }
    try await scenario.run(phase: child.phase, with: child.server)
} catch {
    FileHandle.standardError.write(Data("\(error)\n".utf8))
    exit(1)
}
