#if canImport(Network)
import Foundation
import Network

/// Tells a client when the device's network changes: Wi-Fi to mobile, gone, back. Keep it as long as the client.
public final class NetworkMonitor: @unchecked Sendable {
    /// What makes two paths the same network for a connection.
    private struct Path: Equatable {
        let isReachable: Bool
        let interfaces: [String]
    }

    private let monitor = NWPathMonitor()
    /// Only the monitor's queue touches it.
    private var last: Path?

    /// Begins to watch.
    public init(client: NexusClient) {
        monitor.pathUpdateHandler = { [weak self, weak client] path in
            guard let self, let client else { return }
            let now = Path(
                isReachable: path.status == .satisfied, interfaces: path.availableInterfaces.map(\.name))
            defer { last = now }
            // The first is the network as it is: only its absence is news.
            guard now != last, last != nil || !now.isReachable else { return }
            client.networkChanged(reachable: now.isReachable)
        }
        monitor.start(queue: DispatchQueue(label: "nexus-realtime.network"))
    }

    deinit {
        monitor.cancel()
    }
}
#endif
