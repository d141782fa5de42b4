import Foundation
internal import NexusRealtimeFFI

/// A realtime client for Socket.IO servers: many namespaces over one connection, which it seeks again when it is lost.
///
/// Everything may be called from any thread and any task; what waits is `async`, and nothing else blocks. A wait ends with its
/// own timeout, with ``close(timeout:)``, and with the cancellation of its task, which throws `CancellationError` and loses
/// nothing: what was emitted stays emitted.
///
/// Namespaces are named without their slash (`messaging` is `/messaging`, `/` the root), and joined when they are first used.
/// Letting go of the client closes it.
public final class NexusClient: Sendable {
    let core: NexusRealtimeFFI.Client
    let coding: Coding
    let onHandlerError: @Sendable (any Error) -> Void

    /// Makes a client. Nothing is connected yet.
    ///
    /// - Throws: ``RealtimeError/config(code:message:)`` if an option can't be used: `INVALID_URL`, `URL_WITH_PATH`,
    ///   `RESERVED_AUTH_FIELD`, `INVALID_NAMESPACE`, `INVALID_OPTION`.
    public init(_ options: NexusOptions) throws {
        let foreign = try options.foreign()
        core = try translated { try NexusRealtimeFFI.Client(options: foreign) }
        coding = Coding(makeEncoder: options.makeEncoder, makeDecoder: options.makeDecoder)
        onHandlerError = options.onHandlerError
    }

    /// As ``init(_:)``, with the defaults.
    ///
    /// - Parameter url: address of the server, without a path.
    public convenience init(url: URL) throws {
        try self.init(NexusOptions(url: url))
    }

    deinit {
        // Streams and messages that are still held have the core as well, and would keep it open.
        let core = core
        Task.detached { try? await core.close(timeoutMs: 10_000) }
    }

    // MARK: Connection

    /// Connects as a user, with a token for all connections, and waits until the primary namespace is joined.
    ///
    /// If the same user is connected already, or being connected, nothing happens but that a new token takes the place of the
    /// old one. Another user: disconnects first, and what the former one has queued is dropped; durable messages wait until
    /// that user is back.
    ///
    /// - Throws: ``RealtimeError/connect(code:message:isFinal:requiresSignIn:server:)``, after
    ///   ``NexusOptions/connectTimeout`` at the latest; ``RealtimeError/closed``; `CancellationError`, which ends the wait and
    ///   not the connecting.
    public func connect(userID: String, token: String) async throws {
        let core = core
        try await waiting { try await core.connect(userId: userID, token: token) }
    }

    /// As ``connect(userID:token:)``, with one who is asked for tokens. It may throw ``SignedOut``.
    public func connect(userID: String, tokens: @escaping TokenProvider) async throws {
        let core = core
        let provider = ForeignTokenProvider(tokens)
        try await waiting { try await core.connectWith(userId: userID, tokens: provider) }
    }

    /// Ends the connection, or the search for one, until `connect` is called again. Streams stay, and so does the offline
    /// queue, for the same user.
    public func disconnect() {
        core.disconnect()
    }

    /// The status of now.
    public var connectionStatus: ConnectionStatus { ConnectionStatus(core.connectionStatus()) }

    /// The status as it is, then each change, for one who iterates.
    public func statusChanges() -> AsyncStream<StatusChange> {
        let source = core.statusChanges()
        return Pump(
            pull: { try await source.next(max: $0, timeoutMs: $1)?.map(StatusChange.init) },
            close: { source.close() }
        ).stream()
    }

    /// The quality of now; offline unless connected.
    public var connectionQuality: ConnectionQuality { ConnectionQuality(core.connectionQuality()) }

    /// The quality as it is, then each change, for one who iterates.
    public func qualityChanges() -> AsyncStream<ConnectionQuality> {
        let source = core.qualityChanges()
        return Pump(
            pull: { try await source.next(max: $0, timeoutMs: $1)?.map(ConnectionQuality.init) },
            close: { source.close() }
        ).stream()
    }

    /// What befalls the connection from now on, for one who iterates.
    public func notices() -> AsyncStream<Notice> {
        let source = core.notices()
        return Pump(
            pull: { try await source.next(max: $0, timeoutMs: $1)?.map(Notice.init) },
            close: { source.close() }
        ).stream()
    }

    /// Mean round trip time; `nil` until there is a sample.
    public var averageLatency: Duration? { core.averageLatencyMs().map(Duration.milliseconds) }

    /// All figures.
    public var stats: Stats { Stats(core.stats()) }

    // MARK: Life of the application

    /// The system says that its network has changed, or come (`reachable`) or gone. The connection is checked, or sought again
    /// at once.
    public func networkChanged(reachable: Bool) {
        core.networkChanged(reachable: reachable)
    }

    /// The application is not visible any more. After ``NexusOptions/backgroundGrace`` the connection is closed.
    public func enterBackground() {
        core.enterBackground()
    }

    /// The application is about to be stopped by its system: as ``enterBackground()``, with the grace over at once.
    public func suspend() {
        core.suspend()
    }

    /// The application is visible again: checks the connection, or connects again at once.
    public func enterForeground() {
        core.enterForeground()
    }

    /// Disconnects for good, ends streams, and ends all waits. Durable messages stay in the store. Further calls wait as well.
    ///
    /// The client is closed as soon as this is called. What is waited for is the end of all its tasks: a second for the
    /// transport and 5 s for the store at most, beside token providers.
    ///
    /// - Throws: ``RealtimeError/waitTimedOut``, `CancellationError`.
    public func close(timeout: Duration = .seconds(10)) async throws {
        let core = core
        try await waiting { try await core.close(timeoutMs: timeout.wholeMilliseconds) }
    }
}
