#if canImport(SwiftUI) && canImport(Combine)
import SwiftUI

/// The state of a client, for views.
@MainActor
public final class ConnectionModel: ObservableObject {
    /// The status.
    @Published public private(set) var status: ConnectionStatus
    /// The quality; offline unless connected.
    @Published public private(set) var quality: ConnectionQuality
    /// Why the last connection ended, until there is another.
    @Published public private(set) var reason: DisconnectReason?

    private var tasks: [Task<Void, Never>] = []

    /// Begins to watch.
    public init(client: NexusClient) {
        status = client.connectionStatus
        quality = client.connectionQuality
        let (statuses, qualities) = (client.statusChanges(), client.qualityChanges())
        tasks = [
            Task { [weak self] in
                for await change in statuses {
                    self?.status = change.status
                    self?.reason = change.status == .connected ? nil : change.reason ?? self?.reason
                }
            },
            Task { [weak self] in
                for await quality in qualities {
                    self?.quality = quality
                }
            },
        ]
    }

    deinit {
        tasks.forEach { $0.cancel() }
    }
}

/// Where there is no `AppLifecycle` (macOS, watchOS, extensions): follows the scene.
private struct ScenePhaseModifier: ViewModifier {
    @Environment(\.scenePhase) private var phase
    let client: NexusClient

    func body(content: Content) -> some View {
        content.task(id: phase) {
            switch phase {
            case .background: client.enterBackground()
            case .active: client.enterForeground()
            default: break
            }
        }
    }
}

extension View {
    /// Tells a client when this scene goes to the background and comes back. On iOS, `AppLifecycle` does more: it asks the
    /// system for the time to close the connection in order. Use one of the two.
    public func realtimeFollowsScene(_ client: NexusClient) -> some View {
        modifier(ScenePhaseModifier(client: client))
    }
}
#endif
