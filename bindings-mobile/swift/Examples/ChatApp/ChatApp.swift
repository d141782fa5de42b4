// A chat for iOS and macOS. Make an app in Xcode, add the package NexusRealtime and this file, and say where the server is.
import NexusRealtime
import SwiftUI

struct ChatMessage: Codable, Hashable, Identifiable, Sendable {
    let id: String
    let senderId: String
    let content: String
}

struct Draft: Codable, Sendable {
    let receiverId: String
    let content: String
}

/// One client for the whole app, and what keeps it informed.
@MainActor
final class Realtime {
    let client: NexusClient
    private let network: NetworkMonitor
    #if os(iOS)
    private let lifecycle: AppLifecycle
    #endif

    init() throws {
        var options = NexusOptions(url: "https://realtime.example.com")
        options.storeDirectory = try NexusOptions.durableFolder()
        client = try NexusClient(options)
        network = NetworkMonitor(client: client)
        #if os(iOS)
        lifecycle = AppLifecycle(client: client)
        #endif
    }
}

@MainActor
final class ChatModel: ObservableObject {
    @Published private(set) var messages: [ChatMessage] = []
    @Published private(set) var failure: String?
    let client: NexusClient

    init(client: NexusClient) {
        self.client = client
    }

    /// Runs as long as the view is there.
    func run(user: String, token: @escaping TokenProvider) async {
        do {
            let news = try client.events("messaging", "NEW_MESSAGE", as: ChatMessage.self)
            try await client.connect(userID: user, tokens: token)
            for try await message in news {
                messages.append(message)
            }
        } catch is CancellationError {
        } catch {
            failure = error.localizedDescription
        }
    }

    /// It is sent even if the app is killed meanwhile.
    func send(_ text: String, to receiver: String) async {
        do {
            let message = try client.emitDurable("messaging", "NEW_MESSAGE", Draft(receiverId: receiver, content: text))
            try await message.accepted()
        } catch {
            failure = error.localizedDescription
        }
    }
}

struct ChatView: View {
    @StateObject var chat: ChatModel
    @StateObject var connection: ConnectionModel
    let user: String
    let receiver: String
    let token: TokenProvider
    @State private var text = ""

    var body: some View {
        VStack {
            Text(connection.status.rawValue).font(.caption)
            List(chat.messages) { message in
                Text("\(message.senderId): \(message.content)")
            }
            if let failure = chat.failure {
                Text(failure).foregroundStyle(.red)
            }
            TextField("Message", text: $text).onSubmit {
                let sent = text
                text = ""
                Task { await chat.send(sent, to: receiver) }
            }
        }
        .padding()
        .task { await chat.run(user: user, token: token) }
    }
}

@main
struct ChatApp: App {
    private let realtime = Result { try Realtime() }

    var body: some Scene {
        WindowGroup {
            switch realtime {
            case .success(let realtime):
                ChatView(
                    chat: ChatModel(client: realtime.client), connection: ConnectionModel(client: realtime.client), user: "ada",
                    receiver: "bob", token: { _ in try await fetchToken() })
            case .failure(let error):
                Text(error.localizedDescription)
            }
        }
    }
}

/// Ask your own service; throw `SignedOut` when the user has to sign in again.
func fetchToken() async throws -> String {
    throw SignedOut()
}
