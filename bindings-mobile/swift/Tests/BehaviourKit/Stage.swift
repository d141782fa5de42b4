import Foundation
import NexusRealtime

#if canImport(FoundationNetworking)
import FoundationNetworking
#endif

/// A step, or a scenario, that did not go as it should.
public struct Failure: Error, CustomStringConvertible {
    /// The code of the error, if the client gave one.
    public let code: String?
    public let description: String

    public init(_ description: String, code: String? = nil) {
        self.description = description
        self.code = code
    }

    /// Of whatever was thrown.
    public init(_ error: any Error) {
        switch error {
        case let failure as Failure: self = failure
        case let error as RealtimeError: self.init(String(describing: error), code: error.code)
        case is CancellationError: self.init("cancelled", code: "CANCELLED")
        default: self.init(String(describing: error))
        }
    }
}

/// What starts servers, is the network in between, and knows what the servers saw.
public struct Stage: Sendable, Codable {
    public let port: Int

    /// The stage that runs, or one that ends with this process; `nil` where there is none.
    public static let shared: Stage? = {
        let environment = ProcessInfo.processInfo.environment
        if let port = environment["NEXUS_STAGE"].flatMap(Int.init) {
            return Stage(port: port)
        }
        var program = environment["NEXUS_BEHAVIOUR_STAGE"] ?? ""
        if program.isEmpty {
            program = repository.appendingPathComponent("target/debug/behaviour-stage").path
        }
        return started(program)
    }()

    /// The folder of the repository.
    public static var repository: URL {
        if let root = ProcessInfo.processInfo.environment["NEXUS_ROOT"] {
            return URL(fileURLWithPath: root, isDirectory: true)
        }
        var folder = URL(fileURLWithPath: #filePath)
        for _ in 0..<5 {
            folder.deleteLastPathComponent()
        }
        return folder
    }

    private static func started(_ program: String) -> Stage? {
        guard FileManager.default.isExecutableFile(atPath: program) else { return nil }
        let process = Process()
        let (input, output) = (Pipe(), Pipe())
        process.executableURL = URL(fileURLWithPath: program)
        process.standardInput = input
        process.standardOutput = output
        guard (try? process.run()) != nil else { return nil }
        struct Line: Decodable { let port: Int }
        let line = output.fileHandleForReading.availableData
        guard let port = try? JSONDecoder().decode(Line.self, from: line).port else { return nil }
        // It ends when its standard input does, which this process holds.
        keptOpen.append(input)
        return Stage(port: port)
    }

    private nonisolated(unsafe) static var keptOpen: [Pipe] = []

    /// A server of its own.
    public func server(_ kind: String) async throws -> Server {
        struct Started: Decodable {
            let id: Int
            let url: String
            let store: String
        }
        let answer = try await ask("POST", "/servers", ["kind": .string(kind)])
        let started = try JSONDecoder().decode(Started.self, from: answer)
        return Server(stage: self, id: started.id, kind: kind, url: started.url, store: started.store)
    }

    @discardableResult
    func ask(_ method: String, _ target: String, _ body: JSONValue?) async throws -> Data {
        var request = URLRequest(url: URL(string: "http://127.0.0.1:\(port)\(target)")!)
        request.httpMethod = method
        request.timeoutInterval = 300
        if let body {
            request.setValue("application/json", forHTTPHeaderField: "Content-Type")
            request.httpBody = try JSONEncoder().encode(body)
        }
        let (data, response) = try await URLSession.shared.data(for: request)
        guard (response as? HTTPURLResponse)?.statusCode == 200 else {
            let said = try? JSONDecoder().decode(JSONValue.self, from: data)
            throw Failure(said?["error"]?.string ?? String(decoding: data, as: UTF8.self))
        }
        return data
    }
}

/// A server of a test.
public struct Server: Sendable, Codable {
    public let stage: Stage
    public let id: Int
    public let kind: String
    /// The address for clients.
    public let url: String
    /// A folder for their stores.
    public let store: String

    /// Has the stage carry out a step.
    public func perform(_ step: JSONValue) async throws {
        try await stage.ask("POST", "/servers/\(id)/do", step)
    }

    /// Ends it, and what it kept.
    public func stop() async throws {
        try await stage.ask("DELETE", "/servers/\(id)", nil)
    }

    /// Options for a quick client.
    public var options: NexusOptions {
        var options = NexusOptions(url: url)
        options.reconnect.initialDelay = .milliseconds(20)
        options.reconnect.maxDelay = .milliseconds(200)
        return options
    }
}
