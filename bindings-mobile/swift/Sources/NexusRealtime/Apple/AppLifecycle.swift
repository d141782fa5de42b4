#if canImport(UIKit) && !os(watchOS)
import UIKit

/// Tells a client when the app goes to the background and comes back. Keep it as long as the client.
///
/// In the background the system is asked for time, so that what was emitted last still goes out and the connection is closed
/// in order: after ``NexusOptions/backgroundGrace``, or at once when the system wants its time back.
@MainActor
@available(iOSApplicationExtension, unavailable)
@available(tvOSApplicationExtension, unavailable)
@available(visionOSApplicationExtension, unavailable)
public final class AppLifecycle {
    private let client: NexusClient
    private var observers: [any NSObjectProtocol] = []
    private var backgroundTask = UIBackgroundTaskIdentifier.invalid
    private var closing: Task<Void, Never>?

    /// Begins to watch.
    public init(client: NexusClient) {
        self.client = client
        observe(UIApplication.didEnterBackgroundNotification) { $0.enteredBackground() }
        observe(UIApplication.willEnterForegroundNotification) { $0.willEnterForeground() }
    }

    /// Stops watching.
    public func invalidate() {
        for observer in observers {
            NotificationCenter.default.removeObserver(observer)
        }
        observers = []
        endBackgroundTask()
    }

    private func observe(_ name: Notification.Name, _ react: @escaping @MainActor @Sendable (AppLifecycle) -> Void) {
        let observer = NotificationCenter.default.addObserver(forName: name, object: nil, queue: .main) { [weak self] _ in
            guard let self else { return }
            MainActor.assumeIsolated { react(self) }
        }
        observers.append(observer)
    }

    private func enteredBackground() {
        endBackgroundTask()
        backgroundTask = UIApplication.shared.beginBackgroundTask(withName: "nexus-realtime") { [weak self] in
            guard let self else { return }
            MainActor.assumeIsolated {
                self.client.suspend()
                self.endBackgroundTask()
            }
        }
        client.enterBackground()
        closing = Task { [weak self, client] in
            for await change in client.statusChanges() where change.status == .disconnected {
                break
            }
            guard !Task.isCancelled else { return }
            self?.endBackgroundTask()
        }
    }

    private func willEnterForeground() {
        client.enterForeground()
        endBackgroundTask()
    }

    private func endBackgroundTask() {
        closing?.cancel()
        closing = nil
        guard backgroundTask != .invalid else { return }
        UIApplication.shared.endBackgroundTask(backgroundTask)
        backgroundTask = .invalid
    }
}
#endif
