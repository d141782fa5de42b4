internal import NexusRealtimeFFI

/// Why a token is needed.
public enum TokenReason: String, Sendable, Hashable {
    /// A connection is being made. A token that is still good will do.
    case connecting
    /// The server refused the last one: fetch another.
    case rejected
}

/// What a token provider throws when asking it again is pointless. The client stops, and `connect` fails with
/// `TOKEN_UNAVAILABLE`. Whatever else it throws has it asked again with the next attempt.
public struct SignedOut: Error, Sendable, Hashable {
    /// For people. Not the token.
    public let message: String

    /// - Parameter message: for people.
    public init(_ message: String = "signed out") {
        self.message = message
    }
}

/// Gives tokens: called with each connection, and again when the server refuses one, on no particular thread. It has
/// ``NexusOptions/tokenTimeout``; its task is cancelled when that is over.
public typealias TokenProvider = @Sendable (_ reason: TokenReason) async throws -> String

final class ForeignTokenProvider: NexusRealtimeFFI.TokenProvider {
    private let provider: TokenProvider

    init(_ provider: @escaping TokenProvider) {
        self.provider = provider
    }

    func token(reason: NexusRealtimeFFI.TokenReason) async throws -> String {
        do {
            switch reason {
            case .connecting: return try await provider(.connecting)
            case .rejected: return try await provider(.rejected)
            }
        } catch let error as SignedOut {
            throw NexusRealtimeFFI.TokenError.SignedOut(text: error.message)
        } catch {
            throw NexusRealtimeFFI.TokenError.Unavailable(text: String(describing: error))
        }
    }
}
