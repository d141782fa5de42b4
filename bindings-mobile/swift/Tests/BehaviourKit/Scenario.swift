import Foundation
import NexusRealtime

#if canImport(Darwin)
import Darwin
#elseif canImport(Glibc)
import Glibc
#endif

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

        fileprivate init(_ process: Process) {
            let status = process.terminationStatus
            self = process.terminationReason == .uncaughtSignal ? .killed(status) : .exited(status)
        }
    }

    /// Runs a program of this package, and waits for its end.
    public static func run(_ name: String, _ arguments: [String]) async throws -> End {
        let process = Process()
        process.executableURL = folder.appendingPathComponent(name)
        process.arguments = arguments
        return try await withCheckedThrowingContinuation { continuation in
            process.terminationHandler = { process in
                continuation.resume(returning: End(process))
            }
            do {
                try process.run()
            } catch {
                process.terminationHandler = nil
                continuation.resume(throwing: error)
            }
        }
    }

    /// A program of this package that runs, and the lines that it writes.
    public struct Running: Sendable {
        /// Its lines.
        public let text: AsyncStream<String>
        private let process: Process
        private let ends: AsyncStream<End>

        fileprivate init(_ process: Process) throws {
            let output = Pipe()
            process.standardOutput = output
            let (text, lines) = AsyncStream.makeStream(of: String.self)
            let (ends, ended) = AsyncStream.makeStream(of: End.self)
            let rest = Rest()
            output.fileHandleForReading.readabilityHandler = { handle in
                let data = handle.availableData
                guard !data.isEmpty else {
                    handle.readabilityHandler = nil
                    lines.finish()
                    return
                }
                for line in rest.lines(data) {
                    lines.yield(line)
                }
            }
            process.terminationHandler = { process in
                ended.yield(End(process))
                ended.finish()
            }
            self.text = text
            self.ends = ends
            self.process = process
            try process.run()
        }

        /// Kills it with signal 9, and waits for its end.
        public func kill() async throws -> End {
            Self.signal(process.processIdentifier)
            for await end in ends {
                return end
            }
            throw Failure("it has ended already")
        }

        private static func signal(_ process: Int32) {
            #if canImport(Darwin)
            Darwin.kill(process, SIGKILL)
            #else
            Glibc.kill(process, SIGKILL)
            #endif
        }
    }

    /// Starts a program of this package.
    public static func lines(_ name: String, _ arguments: [String]) throws -> Running {
        let process = Process()
        process.executableURL = folder.appendingPathComponent(name)
        process.arguments = arguments
        return try Running(process)
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

/// Lines, from parts of them.
private final class Rest: @unchecked Sendable {
    private var rest = Data()

    func lines(_ data: Data) -> [String] {
        rest.append(data)
        var lines: [String] = []
        while let end = rest.firstIndex(of: UInt8(ascii: "\n")) {
            lines.append(String(decoding: rest[rest.startIndex..<end], as: UTF8.self))
            rest.removeSubrange(rest.startIndex...end)
        }
        return lines
    }
}
