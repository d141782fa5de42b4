import Foundation
import NexusRealtime

/// `{"$bytes": N}` becomes N bytes.
func filled(_ value: JSONValue) -> JSONValue {
    switch value {
    case .array(let values):
        return .array(values.map(filled))
    case .object(let object):
        if object.count == 1, case .integer(let count) = object["$bytes"] {
            return .data(Data((0..<count).map { UInt8((31 * $0 + 7) % 256) }))
        }
        return .object(object.mapValues(filled))
    default:
        return value
    }
}

/// Equal as JSON values are: 1 is 1.0.
public func same(_ one: JSONValue, _ other: JSONValue) -> Bool {
    switch (one, other) {
    case (.integer(let one), .number(let other)), (.number(let other), .integer(let one)):
        Double(one) == other
    case (.array(let one), .array(let other)):
        one.count == other.count && zip(one, other).allSatisfy(same)
    case (.object(let one), .object(let other)):
        one.count == other.count && one.allSatisfy { key, value in other[key].map { same(value, $0) } ?? false }
    default:
        one == other
    }
}

/// For a failure; not all of what is long.
func shown(_ value: JSONValue) -> String {
    let text = (try? JSONEncoder().encode(value)).map { String(decoding: $0, as: UTF8.self) } ?? "\(value)"
    return text.count > 400 ? "\(text.prefix(400))…" : text
}

/// The keys of a step.
struct Step: Sendable {
    let value: JSONValue

    subscript(key: String) -> JSONValue? { value[key] }

    var action: String { self["do"]?.string ?? "" }
    var client: String { self["client"]?.string ?? "a" }
    var namespace: String { self["ns"]?.string ?? "messaging" }
    var within: Duration { duration("within") ?? .seconds(10) }
    /// A little less than the step itself has, for what says in the end how it was.
    var nearlyWithin: Duration { within * 0.95 }

    func duration(_ key: String) -> Duration? { self[key]?.integer.map { .milliseconds($0) } }

    func flag(_ key: String) -> Bool { self[key] == .bool(true) }

    func text(_ key: String) throws -> String {
        guard let text = self[key]?.string else { throw Failure("the step has no \(key)") }
        return text
    }

    func list(_ key: String) -> [JSONValue] {
        if case .array(let values) = self[key] { values } else { [] }
    }

    var range: Range<Int64>? {
        let range = list("range").compactMap(\.integer)
        return range.count == 2 ? range[0]..<range[1] : nil
    }

    /// A list of what should come.
    var expected: [JSONValue] {
        range.map { $0.map { .array([.integer($0)]) } } ?? list("expect").map(filled)
    }

    /// What should be.
    func check(_ found: JSONValue, key: String = "expect") throws {
        guard let expected = self[key] else { return }
        guard same(filled(expected), found) else { throw Failure("\(shown(found)), not \(shown(expected))") }
    }
}

/// What has come and has not been taken.
final class Record: @unchecked Sendable {
    private let lock = NSLock()
    private var values: [JSONValue] = []

    func push(_ value: JSONValue) {
        lock.withLock { values.append(value) }
    }

    func take() -> [JSONValue] {
        lock.withLock {
            defer { values = [] }
            return values
        }
    }

    func count(where counts: (JSONValue) -> Bool) -> Int {
        lock.withLock { values.count(where: counts) }
    }
}

/// Looks until it is so, or the time is over; says whether it is.
func until(
    _ time: Duration, isolation: isolated (any Actor)? = #isolation, _ isSo: () throws -> Bool
) async throws -> Bool {
    let end = ContinuousClock.now + time
    while try !isSo() {
        guard ContinuousClock.now < end else { return false }
        try await Task.sleep(for: .milliseconds(5))
    }
    return true
}

/// Waits no longer than this.
func within<Value: Sendable>(_ time: Duration, _ operation: @escaping @Sendable () async throws -> Value) async throws -> Value {
    try await withThrowingTaskGroup(of: Value.self) { group in
        group.addTask(operation: operation)
        group.addTask {
            try await Task.sleep(for: time)
            throw Failure("not within \(time)")
        }
        defer { group.cancelAll() }
        guard let value = try await group.next() else { throw Failure("nothing") }
        return value
    }
}
