import Foundation
import NexusRealtime

#if canImport(FoundationNetworking)
import FoundationNetworking
#endif

// A chat in the terminal: two people, each in a terminal of their own, type to each other.
//
//     cargo xtask demo
//     swift run nexus-chat ada bob
//     swift run nexus-chat bob ada

struct Draft: Encodable, Sendable {
    let receiverId: String
    let content: String
}

struct Message: Decodable, Sendable {
    let senderId: String
    let receiverId: String
    let content: String
}

struct Receipt: Decodable, Sendable {
    let ok: Bool
    let message: String?
}

let arguments = Array(CommandLine.arguments.dropFirst())
guard arguments.count >= 2 else {
    print("nexus-chat NAME TO [ADDRESS [FOLDER]]: messages are kept in FOLDER until the server has them")
    exit(2)
}
let (name, receiver) = (arguments[0], arguments[1])
let address = arguments.count > 2 ? arguments[2] : "http://127.0.0.1:3000"
var options = NexusOptions(url: address)
if arguments.count > 3 {
    options.storeDirectory = URL(fileURLWithPath: arguments[3], isDirectory: true)
}
let isDurable = options.storeDirectory != nil
let client = try NexusClient(options)

try client.on("messaging", "NEW_MESSAGE", as: Message.self) { message in
    if message.senderId != name {
        print("\(message.senderId): \(message.content)")
    }
}
let statuses = client.statusChanges()
Task {
    for await change in statuses {
        print("· \(change.status.rawValue)\(change.reason.map { " (\($0.message))" } ?? "")")
    }
}
let connecting = Task {
    do {
        try await client.connect(userID: name) { _ in try await demoToken(name, at: address) }
    } catch {
        print("! \(error)")
    }
}
for await line in typed() where !line.isEmpty {
    if line == "/quit" { break }
    if line == "/stats" {
        let stats = client.stats
        print("· \(stats.status.rawValue), \(stats.quality.rawValue), \(stats.queuedMessages + stats.durableMessages) waiting")
        continue
    }
    let draft = Draft(receiverId: receiver, content: line)
    Task { await send(draft) }
}
try? await client.flush(timeout: .seconds(5))
try? await client.close()

func send(_ draft: Draft) async {
    do {
        let receipt: Receipt
        if isDurable {
            let message = try client.emitDurable("messaging", "NEW_MESSAGE", draft)
            try await message.accepted()
            guard case .acked(let answer) = try await message.outcome() else {
                print("! not delivered: \(message.status)")
                return
            }
            receipt = try answer.decode()
        } else {
            receipt = try await client.emitWithAck("messaging", "NEW_MESSAGE", draft, timeout: .seconds(600))
        }
        print(receipt.ok ? "✓ \(draft.content)" : "! \(receipt.message ?? "refused")")
    } catch {
        print("! \(error)")
    }
}

/// A token from the demo server, for each connection.
@Sendable func demoToken(_ user: String, at address: String) async throws -> String {
    struct Answer: Decodable { let token: String }
    guard let url = URL(string: address)?.appendingPathComponent("demo/token") else { throw SignedOut("no address") }
    var request = URLRequest(url: url)
    request.httpMethod = "POST"
    request.setValue("application/json", forHTTPHeaderField: "Content-Type")
    request.httpBody = try JSONEncoder().encode(["userId": user])
    let (data, _) = try await URLSession.shared.data(for: request)
    return try JSONDecoder().decode(Answer.self, from: data).token
}

/// What is typed, line by line, until it ends. Reading blocks, so it has a thread of its own.
func typed() -> AsyncStream<String> {
    let (stream, lines) = AsyncStream.makeStream(of: String.self, bufferingPolicy: .bufferingOldest(100))
    Thread.detachNewThread {
        while let line = readLine() {
            lines.yield(line.trimmingCharacters(in: .whitespaces))
        }
        lines.finish()
    }
    return stream
}
