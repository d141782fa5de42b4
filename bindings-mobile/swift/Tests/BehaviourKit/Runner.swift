import Foundation
import NexusRealtime

/// Carries out the steps of a phase.
public actor Runner {
    /// Something that was started, and what is expected of it.
    private struct Started {
        let task: Task<JSONValue, any Error>
        let step: Step

        /// Waits for it.
        func end() async throws -> JSONValue {
            let value = try await withTaskCancellationHandler { try await task.value } onCancel: { task.cancel() }
            try step.check(value)
            return value
        }
    }

    private let server: Server
    private var clients: [String: Wielded] = [:]
    private var started: [String: Started] = [:]
    private var durable: [String: DurableMessage] = [:]

    public init(server: Server) {
        self.server = server
    }

    /// Closes all clients.
    public func close() async {
        for wielded in clients.values {
            try? await wielded.client.close()
        }
    }

    /// Carries a step out, and throws if it did not go as it should.
    public func perform(_ value: JSONValue) async throws {
        let step = Step(value: value)
        if case .array(let only) = step["only"], !only.contains(.string(server.kind)) {
            return
        }
        if step.action.hasPrefix("stage.") {
            try await server.perform(value)
            return
        }
        let codes: [JSONValue]? =
            switch step["fails"] {
            case nil: nil
            case .array(let codes): codes
            case .some(let code): [code]
            }
        do {
            try await within(step.within) { try await self.carryOut(step) }
        } catch {
            let failure = Failure(error)
            guard let codes else { throw failure }
            guard let code = failure.code, codes.contains(.string(code)) else { throw Failure("\(failure), not \(codes)") }
            return
        }
        if codes != nil {
            throw Failure("it did not fail")
        }
    }

    private func carryOut(_ step: Step) async throws {
        switch step.action {
        case "client":
            clients[step.client] = try await Wielded(server, options: step["options"])
            return
        case "await":
            let name = try step.text("of")
            guard let task = started.removeValue(forKey: name) else { throw Failure("nothing was started as \(name)") }
            try step.check(await task.end())
            return
        case "cancel_wait":
            let name = try step.text("of")
            guard let task = started[name] else { throw Failure("nothing was started as \(name)") }
            task.task.cancel()
            return
        case "outcome":
            try judge(step, await durable(step.text("of")).outcome())
            return
        case "die":
            kill(getpid(), SIGKILL)
            try await Task.sleep(for: .seconds(60))
            return
        default:
            break
        }
        guard let wielded = clients[step.client] else { throw Failure("there is no client \(step.client)") }
        switch step.action {
        case "connect", "join", "ack":
            try await start(step, wielded)
        case "emit", "emit_many", "durable", "queue", "cancel":
            try await send(step, wielded.client)
        case "listen", "unlisten", "events":
            try await listen(step, wielded)
        default:
            try await connection(step, wielded)
        }
    }

    /// What can be waited for apart.
    private func start(_ step: Step, _ wielded: Wielded) async throws {
        let client = wielded.client
        let task: Task<JSONValue, any Error>
        switch step.action {
        case "connect":
            let user = step["user"]?.string ?? "ada"
            let provider = step["tokens"].map { _ in wielded.provider(step.list("tokens")) }
            let token = step["token"]?.string ?? "good-\(user)"
            task = Task {
                if let provider {
                    try await client.connect(userID: user, tokens: provider)
                } else {
                    try await client.connect(userID: user, token: token)
                }
                return .null
            }
        case "join":
            task = Task {
                try await client.join(step.namespace)
                return .null
            }
        default:
            let (event, arguments) = (try step.text("event"), try Arguments(encoding: step.list("args").map(filled)))
            task = Task {
                let answer = try await client.emitWithAck(
                    step.namespace, event, arguments: arguments, timeout: step.duration("timeout"))
                return try answer.decode(JSONValue?.self) ?? .null
            }
        }
        let begun = Started(task: task, step: step)
        if let name = step["as"]?.string {
            started[name] = begun
        } else {
            _ = try await begun.end()
        }
    }

    private func connection(_ step: Step, _ wielded: Wielded) async throws {
        let client = wielded.client
        switch step.action {
        case "disconnect": client.disconnect()
        case "close": try await client.close()
        case "background": client.enterBackground()
        case "foreground": client.enterForeground()
        case "network": client.networkChanged(reachable: step["reachable"] != .bool(false))
        case "leave": try client.leave(step.namespace)
        case "status": try await look(step) { .string(client.connectionStatus.rawValue) }
        case "joined": try await look(step) { .bool(client.isJoined(step.namespace)) }
        case "quality":
            let names = step.list("expect")
            let isOne = try await until(step.nearlyWithin) { names.contains(.string(client.connectionQuality.rawValue)) }
            guard isOne else { throw Failure("it is \(client.connectionQuality)") }
        case "statuses":
            try await came(step, wielded.statuses)
        case "asked":
            try compare(wielded.asked.take(), step.expected)
        default:
            throw Failure("there is no step \(step.action)")
        }
    }

    private func listen(_ step: Step, _ wielded: Wielded) async throws {
        let event = try step.text("event")
        switch step.action {
        case "listen":
            try await wielded.listen(step.namespace, event, reply: step["reply"].map(filled))
        case "unlisten":
            let removed = wielded.client.off(step.namespace, event)
            guard removed == 1 else { throw Failure("\(removed) listeners were removed") }
        default:
            try await came(step, wielded.record(step.namespace, event))
        }
    }

    private func send(_ step: Step, _ client: NexusClient) async throws {
        switch step.action {
        case "emit":
            let emitted = try client.emit(
                step.namespace, step.text("event"), arguments: Arguments(encoding: step.list("args").map(filled)),
                volatile: step.flag("volatile"))
            let outcome =
                switch emitted {
                case .transmitted: "transmitted"
                case .queued: "queued"
                case .dropped: "dropped"
                }
            try step.check(.string(outcome), key: "outcome")
        case "emit_many":
            try await emitMany(step, client)
        case "durable":
            let message = try client.emitDurable(
                step.namespace, step.text("event"), arguments: Arguments(encoding: step.list("args").map(filled)))
            try await message.accepted()
            durable[step["name"]?.string ?? ""] = message
        case "queue":
            try await look(step) { .integer(Int64(client.queue.count)) }
        default:
            let message: MessageID?
            if let name = step["of"]?.string {
                message = try durable(name).id
            } else {
                let event = try step.text("event")
                message = client.queue.first { $0.event == event }?.id
            }
            try step.check(.bool(message.flatMap { client.cancel($0) } != nil))
        }
    }

    private func emitMany(_ step: Step, _ client: NexusClient) async throws {
        guard let range = step.range else { throw Failure("the step has no range") }
        let event = try step.text("event")
        for number in range {
            if step.flag("durable") {
                try await client.emitDurable(step.namespace, event, number).accepted()
                continue
            }
            while true {
                do {
                    try client.emit(step.namespace, event, number)
                    break
                } catch let error as RealtimeError where error.code == "QUEUE_FULL" {
                    try await client.flush()
                }
            }
            if number % 100 == 0 {
                await Task.yield()
            }
        }
    }

    private func durable(_ name: String) throws -> DurableMessage {
        guard let message = durable[name] else { throw Failure("there is no durable event \(name)") }
        return message
    }

    private func judge(_ step: Step, _ outcome: DeliveryStatus) throws {
        switch outcome {
        case .acked(let arguments):
            try step.check("acked")
            try step.check(arguments.decode(JSONValue?.self) ?? .null, key: "value")
        case .rejected(let code, _):
            try step.check("rejected")
            try step.check(.string(code), key: "code")
        case .expired: try step.check("expired")
        case .cancelled: try step.check("cancelled")
        default: try step.check("unknown")
        }
    }

    /// Looks until it is as expected.
    private func look(_ step: Step, _ found: () -> JSONValue) async throws {
        let expected = step["expect"] ?? .null
        guard try await until(step.nearlyWithin, { same(found(), expected) }) else {
            throw Failure("it is \(shown(found())) until the end")
        }
    }

    /// Waits for as many as expected, and compares all that came.
    private func came(_ step: Step, _ record: Record) async throws {
        let (expected, may) = (step.expected, step.list("may").map(filled))
        let counts: (JSONValue) -> Bool = { value in !may.contains { same($0, value) } }
        _ = try await until(step.nearlyWithin) { record.count(where: counts) >= expected.count }
        try compare(record.take().filter(counts), expected)
    }

    private func compare(_ found: [JSONValue], _ expected: [JSONValue]) throws {
        guard found.count == expected.count, zip(found, expected).allSatisfy(same) else {
            throw Failure("\(found.count): \(shown(.array(found))), not \(expected.count): \(shown(.array(expected)))")
        }
    }
}
