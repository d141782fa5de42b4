import Foundation
import NexusRealtime

/// The file of scenarios.
public struct Scenarios: Decodable, Sendable {
    public let scenarios: [Scenario]

    /// Reads it.
    public static func read() throws -> [Scenario] {
        let file = Stage.repository.appendingPathComponent("tests/behaviour/scenarios.json")
        return try JSONDecoder().decode(Scenarios.self, from: Data(contentsOf: file)).scenarios
    }
}

/// One scenario.
public struct Scenario: Decodable, Sendable {
    public let name: String
    public let phases: [[JSONValue]]
    private let servers: [String]?

    /// The kinds of servers that it runs with.
    public var kinds: [String] { servers ?? ["nexus", "node"] }

    /// Carries it out with a server of its own.
    public func run(on stage: Stage, kind: String) async throws {
        let server = try await stage.server(kind)
        do {
            for number in phases.indices {
                if phases.count == 1 {
                    try await run(phase: number, with: server)
                } else {
                    try await Child.run(self, phase: number, server: server)
                }
            }
        } catch {
            try? await server.stop()
            throw error
        }
        try await server.stop()
    }

    /// Carries one phase out in this process.
    public func run(phase: Int, with server: Server) async throws {
        let runner = Runner(server: server)
        for (number, step) in phases[phase].enumerated() {
            do {
                try await runner.perform(step)
            } catch {
                await runner.close()
                let text = (try? JSONEncoder().encode(step)).map { String(decoding: $0.prefix(300), as: UTF8.self) }
                throw Failure("phase \(phase + 1), step \(number + 1) \(text ?? ""): \(Failure(error))")
            }
        }
        await runner.close()
    }
}

/// A process for one phase.
public struct Child: Codable, Sendable {
    public let server: Server
    public let scenario: String
    public let phase: Int

    static func run(_ scenario: Scenario, phase: Int, server: Server) async throws {
        let child = Child(server: server, scenario: scenario.name, phase: phase)
        let end = try await Program.run("nexus-behaviour", [String(decoding: JSONEncoder().encode(child), as: UTF8.self)])
        let dies = scenario.phases[phase].contains { $0["do"]?.string == "die" }
        guard end == (dies ? .killed(9) : .exited(0)) else {
            throw Failure("phase \(phase + 1) ended with \(end)")
        }
    }
}

/// Programs beside this one.
public enum Program {
    /// How a process ended.
    public enum End: Equatable, Sendable {
        case exited(Int32)
        case killed(Int32)
    }

    /// Runs a program of this package, and waits for its end.
    public static func run(_ name: String, _ arguments: [String]) async throws -> End {
        let process = Process()
        process.executableURL = folder.appendingPathComponent(name)
        process.arguments = arguments
        return try await withCheckedThrowingContinuation { continuation in
            process.terminationHandler = { process in
                let signalled = process.terminationReason == .uncaughtSignal
                continuation.resume(returning: signalled ? .killed(process.terminationStatus) : .exited(process.terminationStatus))
            }
            do {
                try process.run()
            } catch {
                process.terminationHandler = nil
                continuation.resume(throwing: error)
            }
        }
    }

    private static var folder: URL {
        #if canImport(Darwin)
        if let bundle = Bundle.allBundles.first(where: { $0.bundlePath.hasSuffix(".xctest") }) {
            return bundle.bundleURL.deletingLastPathComponent()
        }
        #endif
        return URL(fileURLWithPath: CommandLine.arguments[0]).deletingLastPathComponent()
    }
}
