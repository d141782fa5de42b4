import Foundation

extension NexusOptions {
    /// A folder for durable messages, made if it is missing, in the application's support folder or, so that an app and its
    /// extensions share it, in an app group's.
    ///
    /// On Apple's systems it is left out of backups (messages restored on another device would be sent twice), and readable
    /// from the first unlocking on, so that a process that a notification has woken can send.
    ///
    /// - Throws: what the file system says.
    public static func durableFolder(named name: String = "nexus-realtime", appGroup: String? = nil) throws -> URL {
        let manager = FileManager.default
        var folder: URL
        #if canImport(Darwin)
        if let appGroup {
            guard let container = manager.containerURL(forSecurityApplicationGroupIdentifier: appGroup) else {
                throw CocoaError(.fileNoSuchFile)
            }
            folder = container.appendingPathComponent(name, isDirectory: true)
        } else {
            let support = try manager.url(for: .applicationSupportDirectory, in: .userDomainMask, appropriateFor: nil, create: true)
            folder = support.appendingPathComponent(name, isDirectory: true)
        }
        #else
        let support = try manager.url(for: .applicationSupportDirectory, in: .userDomainMask, appropriateFor: nil, create: true)
        folder = support.appendingPathComponent(name, isDirectory: true)
        #endif
        try manager.createDirectory(at: folder, withIntermediateDirectories: true)
        #if canImport(Darwin)
        var values = URLResourceValues()
        values.isExcludedFromBackup = true
        try folder.setResourceValues(values)
        #endif
        #if os(iOS) || os(tvOS) || os(watchOS) || os(visionOS)
        try manager.setAttributes(
            [.protectionKey: FileProtectionType.completeUntilFirstUserAuthentication], ofItemAtPath: folder.path)
        #endif
        return folder
    }
}
