import Foundation

/// The address of this device for push notifications, as Apple's push service gives it to the app.
public struct DeviceToken: Sendable, Hashable, Codable {
    /// In hexadecimal, as servers want it.
    public let token: String
    /// `apns`.
    public let platform: String
    /// The app that it is for.
    public let app: String?

    /// - Parameter data: what `application(_:didRegisterForRemoteNotificationsWithDeviceToken:)` gives.
    public init(_ data: Data, app: String? = Bundle.main.bundleIdentifier) {
        token = data.map { String(format: "%02x", $0) }.joined()
        platform = "apns"
        self.app = app
    }
}

extension NexusClient {
    /// Hands the device's token over to the server, under names that you and it agree on: as a durable message where there is
    /// a store, so that it arrives even if this process ends before there is a connection; else as a queued one.
    ///
    /// Call it whenever the system gives a token, after `connect` was called: a token belongs to the user who is signed in.
    ///
    /// - Throws: as ``emit(_:_:_:volatile:ttl:)``.
    public func handOver(_ token: DeviceToken, namespace: String, event: String) throws {
        do {
            try emitDurable(namespace, event, token)
        } catch let error as RealtimeError where error.code == "NO_DURABLE_STORE" {
            try emit(namespace, event, token)
        }
    }
}
