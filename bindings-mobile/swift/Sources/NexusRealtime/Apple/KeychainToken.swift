#if canImport(Security)
import Foundation
@preconcurrency import Security

/// A token in the keychain, readable from the first unlocking of the device on, and never moved to another one.
///
/// ```swift
/// let kept = KeychainToken(service: "com.example.chat", account: user.id)
/// try await client.connect(userID: user.id, tokens: kept.provider { try await api.freshToken() })
/// ```
public struct KeychainToken: Sendable {
    /// What the keychain said.
    public struct Failure: Error, Sendable {
        /// Its code.
        public let status: OSStatus
    }

    private let service: String
    private let account: String
    private let accessGroup: String?

    /// - Parameters:
    ///   - service: names the app.
    ///   - account: names the user.
    ///   - accessGroup: shared with extensions, if there is one.
    public init(service: String, account: String, accessGroup: String? = nil) {
        self.service = service
        self.account = account
        self.accessGroup = accessGroup
    }

    /// Gives the token that is kept, and fetches and keeps another when the server refuses it, or there is none.
    public func provider(fetch: @escaping @Sendable () async throws -> String) -> TokenProvider {
        { reason in
            if reason == .connecting, let kept = try read() {
                return kept
            }
            let fresh = try await fetch()
            try keep(fresh)
            return fresh
        }
    }

    /// The token that is kept.
    public func read() throws -> String? {
        var query = query
        query[kSecReturnData] = true
        query[kSecMatchLimit] = kSecMatchLimitOne
        var found: CFTypeRef?
        let status = SecItemCopyMatching(query as CFDictionary, &found)
        if status == errSecItemNotFound {
            return nil
        }
        guard status == errSecSuccess, let data = found as? Data else { throw Failure(status: status) }
        return String(decoding: data, as: UTF8.self)
    }

    /// Keeps a token in place of the one before.
    public func keep(_ token: String) throws {
        let values: [CFString: Any] = [
            kSecValueData: Data(token.utf8),
            kSecAttrAccessible: kSecAttrAccessibleAfterFirstUnlockThisDeviceOnly,
        ]
        var status = SecItemUpdate(query as CFDictionary, values as CFDictionary)
        if status == errSecItemNotFound {
            status = SecItemAdd(query.merging(values) { $1 } as CFDictionary, nil)
        }
        guard status == errSecSuccess else { throw Failure(status: status) }
    }

    /// Forgets it: the user has signed out.
    public func delete() throws {
        let status = SecItemDelete(query as CFDictionary)
        guard status == errSecSuccess || status == errSecItemNotFound else { throw Failure(status: status) }
    }

    private var query: [CFString: Any] {
        var query: [CFString: Any] = [
            kSecClass: kSecClassGenericPassword, kSecAttrService: service, kSecAttrAccount: account,
            kSecUseDataProtectionKeychain: true,
        ]
        query[kSecAttrAccessGroup] = accessGroup
        return query
    }
}
#endif
