import Foundation
internal import NexusRealtimeFFI

/// How a client behaves. Everything but the address has a default, which `nil` stands for. Values out of bounds are brought
/// within them.
public struct NexusOptions: Sendable {
    /// Address of the server: `https://example.com`, without a path.
    public var url: String
    /// Path at which the server mounts Socket.IO. Default: `/socket.io/`.
    public var path: String?
    /// Further query parameters of the connection. Not for tokens: servers and proxies log addresses.
    public var query: [String: String] = [:]
    /// Further HTTP headers of the connection.
    public var headers: [String: String] = [:]
    /// The namespace that carries the connection. Default: `realtime`.
    public var primaryNamespace: String?
    /// Sent with the joining of each namespace, besides `token` and `userId`. Not `token`, `userId`, `pid`, `offset`, `nx`.
    public var auth: [String: JSONValue] = [:]
    /// Whether a session that a lost connection ended is resumed where the server offers it. Default: `true`.
    public var recovery: Bool?
    /// Whether an event is dropped that says itself that it came before, on servers that do not number events.
    /// Default: `true`.
    public var deduplicate: Bool?
    /// Whether a namespace that the server ended is joined again without being asked. Default: `false`.
    public var rejoinAfterServerDisconnect: Bool?

    /// Certificates in PEM form, which `https://` and `wss://` servers are trusted by, and by no others. Default: what the
    /// platform trusts. What is no certificate is refused with `INVALID_ROOTS`.
    public var onlyRootsPEM: String?

    /// Opening of the transport and the handshake. 100 ms to 5 min. Default: 20 s.
    public var openTimeout: Duration?
    /// The server's answer to the joining of a namespace. 100 ms to 5 min. Default: 15 s.
    public var authenticationTimeout: Duration?
    /// The token provider's answer. 100 ms to 5 min. Default: 15 s.
    public var tokenTimeout: Duration?
    /// When `connect` fails for want of a connection; the client keeps trying. 100 ms to 1 h. Default: 45 s.
    public var connectTimeout: Duration?
    /// How long an acknowledgement is awaited, from the emit on. 1 ms to 1 d. Default: 10 s.
    public var ackTimeout: Duration?
    /// How long the connection is kept in the background. Up to 1 d. Default: 20 s.
    public var backgroundGrace: Duration?
    /// Time for a sign of life when the connection is checked. 100 ms to 1 min. Default: 5 s.
    public var verifyTimeout: Duration?
    /// Time between measurements of the round trip at quality good. 1 s to 1 h. Default: 10 s.
    public var probeInterval: Duration?
    /// When and how often a lost connection is sought again.
    public var reconnect = Reconnect()

    /// Messages that may wait while there is no connection. 0: none. Default: 1,000.
    public var queueMessages: Int?
    /// Their size in bytes. Default: 16 MiB.
    public var queueBytes: Int?
    /// How long one may wait if the emit does not say. 1 ms to 30 d. Default: a day.
    public var queueTTL: Duration?
    /// What a full queue does. Default: `rejectNew`.
    public var queueOverflow: Overflow?
    /// Namespaces whose waiting messages go out first, the highest number before others. Those not named have 0.
    public var namespacePriority: [String: Int32] = [:]

    /// Folder of the durable messages, made if it is missing; clients and processes (an app and its extensions) may share
    /// it. Default: none, and durable emits fail with `NO_DURABLE_STORE`. On Apple's systems keep it out of backups, and
    /// give it a file protection that lets the app read it when it wants to send: see ``NexusOptions/durableFolder(named:)``.
    public var storeDirectory: URL?
    /// Durable messages that have not ended. Default: 10,000.
    public var durableMessages: Int?
    /// Their size in bytes. Default: 64 MiB.
    public var durableBytes: Int?
    /// How long one is tried if the emit does not say. 1 ms to 30 d. Default: a day.
    public var durableTTL: Duration?

    /// Items that may wait in one stream. At least 1. Default: 1,024. Events that it is too slow for are missed, the oldest
    /// first, and counted: ``Event/missed``.
    public var eventBuffer: Int?
    /// How long the client stops reading for a stream that is behind before that one misses events. Default: 1 s.
    public var listenerPatience: Duration?

    /// Makes the encoder of each emit: dates and keys are encoded as it says. `Data` is always an attachment.
    public var makeEncoder: @Sendable () -> JSONEncoder = { JSONEncoder() }
    /// Makes the decoder of each event and acknowledgement. `Data` is always taken from attachments, or Base64.
    public var makeDecoder: @Sendable () -> JSONDecoder = { JSONDecoder() }
    /// Told of what handlers of ``NexusClient/on(_:_:as:perform:)`` throw, and of events that they can't decode. Default:
    /// a line on standard error, without data.
    public var onHandlerError: @Sendable (any Error) -> Void = { error in
        FileHandle.standardError.write(Data("nexus-realtime: a handler failed: \(error)\n".utf8))
    }

    /// - Parameter url: address of the server, without a path.
    public init(url: String) {
        self.url = url
    }

    /// - Parameter url: address of the server, without a path.
    public init(url: URL) {
        self.init(url: url.absoluteString)
    }

    /// When and how often a lost connection is sought again. The delay grows from attempt to attempt, by `factor`.
    public struct Reconnect: Sendable {
        /// 10 ms to `maxDelay`. Default: 1 s.
        public var initialDelay: Duration?
        /// 10 ms to 1 h. Default: 30 s.
        public var maxDelay: Duration?
        /// 1 to 10. Default: 2.
        public var factor: Double?
        /// Random part of each delay. 0 to 1. Default: 0.5.
        public var jitter: Double?
        /// Failed attempts in a row after which the client stops. Default: it never does.
        public var maxAttempts: Int?
        /// How often in a row fresh tokens may be refused. At least 1. Default: 3.
        public var maxAuthAttempts: Int?

        /// The defaults.
        public init() {}
    }

    /// What a full queue does with a new message.
    public enum Overflow: Sendable, Hashable {
        /// Refuses it with `QUEUE_FULL`.
        case rejectNew
        /// Drops the oldest, and tells each.
        case dropOldest
    }
}

extension NexusOptions {
    func foreign() throws -> NexusRealtimeFFI.ClientOptions {
        var auth: [String: String] = [:]
        for (name, value) in self.auth {
            do {
                auth[name] = String(decoding: try JSONEncoder().encode(value), as: UTF8.self)
            } catch {
                throw RealtimeError.config(code: "INVALID_OPTION", message: "auth: \(name) is no JSON")
            }
        }
        let overflow: NexusRealtimeFFI.Overflow? = queueOverflow.map { $0 == .dropOldest ? .dropOldest : .rejectNew }
        return NexusRealtimeFFI.ClientOptions(
            url: url,
            path: path,
            query: query,
            headers: headers,
            primaryNamespace: primaryNamespace,
            auth: auth,
            recovery: recovery,
            deduplicate: deduplicate,
            rejoinAfterServerDisconnect: rejoinAfterServerDisconnect,
            openTimeoutMs: openTimeout?.wholeMilliseconds,
            authenticationTimeoutMs: authenticationTimeout?.wholeMilliseconds,
            tokenTimeoutMs: tokenTimeout?.wholeMilliseconds,
            connectTimeoutMs: connectTimeout?.wholeMilliseconds,
            ackTimeoutMs: ackTimeout?.wholeMilliseconds,
            backgroundGraceMs: backgroundGrace?.wholeMilliseconds,
            verifyTimeoutMs: verifyTimeout?.wholeMilliseconds,
            probeIntervalMs: probeInterval?.wholeMilliseconds,
            reconnect: reconnect.foreign,
            queueMessages: queueMessages.map(UInt64.init(clamping:)),
            queueBytes: queueBytes.map(UInt64.init(clamping:)),
            queueTtlMs: queueTTL?.wholeMilliseconds,
            queueOverflow: overflow,
            namespacePriority: namespacePriority,
            storeDirectory: storeDirectory?.path,
            durableMessages: durableMessages.map(UInt64.init(clamping:)),
            durableBytes: durableBytes.map(UInt64.init(clamping:)),
            durableTtlMs: durableTTL?.wholeMilliseconds,
            eventBuffer: eventBuffer.map(UInt64.init(clamping:)),
            listenerPatienceMs: listenerPatience?.wholeMilliseconds,
            onlyRootsPem: onlyRootsPEM
        )
    }
}

extension NexusOptions.Reconnect {
    fileprivate var foreign: NexusRealtimeFFI.ReconnectOptions {
        NexusRealtimeFFI.ReconnectOptions(
            initialDelayMs: initialDelay?.wholeMilliseconds,
            maxDelayMs: maxDelay?.wholeMilliseconds,
            factor: factor,
            jitter: jitter,
            maxAttempts: maxAttempts.map(UInt32.init(clamping:)),
            maxAuthAttempts: maxAuthAttempts.map(UInt32.init(clamping:))
        )
    }
}
