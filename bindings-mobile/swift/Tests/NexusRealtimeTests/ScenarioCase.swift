import BehaviourKit
import Foundation
import XCTest

/// A test case whose tests need servers.
class StageCase: XCTestCase {
    /// The stage; without one the test is skipped.
    func stage() throws -> Stage {
        try XCTUnwrap(Stage.shared, "no stage: set NEXUS_STAGE or NEXUS_BEHAVIOUR_STAGE")
    }

    /// Runs a test with a server of its own.
    func withServer(_ kind: String = "nexus", _ test: @Sendable (Server) async throws -> Void) async throws {
        let server = try await stage().server(kind)
        do {
            try await test(server)
        } catch {
            try? await server.stop()
            throw error
        }
        try await server.stop()
    }
}

/// A test case whose tests are scenarios.
class ScenarioCase: StageCase {
    private static let scenarios = Result { try Scenarios.read() }

    /// Carries a scenario out.
    func run(_ kind: String, _ name: String) async throws {
        let scenario = try XCTUnwrap(Self.scenarios.get().first { $0.name == name }, "there is no scenario \(name)")
        try await scenario.run(on: stage(), kind: kind)
    }

    /// `BehaviourTests.swift` as the scenarios want it.
    static func source() throws -> String {
        var lines = [
            "// Written by the test `testEveryScenarioHasItsTest`, with NEXUS_UPDATE=1, from tests/behaviour/scenarios.json.",
            "",
            "final class BehaviourTests: ScenarioCase {",
        ]
        for scenario in try scenarios.get() {
            for kind in scenario.kinds {
                let words = scenario.name.components(separatedBy: CharacterSet.alphanumerics.inverted).filter { !$0.isEmpty }
                let name = "\(kind)_\(words.joined(separator: "_"))"
                let quoted = scenario.name.replacingOccurrences(of: "\"", with: "\\\"")
                lines.append("    func test_\(name)() async throws {")
                lines.append("        try await run(\"\(kind)\", \"\(quoted)\")")
                lines.append("    }")
            }
        }
        return (lines + ["}", ""]).joined(separator: "\n")
    }
}

/// What the list of tests is worth.
final class BehaviourListTests: XCTestCase {
    func testEveryScenarioHasItsTest() throws {
        let file = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appendingPathComponent("BehaviourTests.swift")
        let wanted = try ScenarioCase.source()
        if ProcessInfo.processInfo.environment["NEXUS_UPDATE"] == "1" {
            try wanted.write(to: file, atomically: true, encoding: .utf8)
        }
        let listed = try String(contentsOf: file, encoding: .utf8)
        XCTAssertEqual(listed, wanted, "the scenarios have changed: run this test with NEXUS_UPDATE=1, and all again")
    }
}
