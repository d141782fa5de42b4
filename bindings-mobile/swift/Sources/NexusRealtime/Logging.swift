internal import NexusRealtimeFFI

/// How much is logged: each level with those before it.
public enum LogLevel: Int, Sendable, Hashable, CaseIterable {
    /// Nothing.
    case off
    /// Mistakes.
    case error
    /// What an operator should look at.
    case warning
    /// Connections that come and go.
    case info
    /// Each step.
    case debug
    /// Each packet's name and size.
    case trace
}

/// The log of all clients of this process.
public enum NexusLog {
    /// Sends the log, up to this level, to `sink`, in place of the one before. Default: nothing is logged.
    ///
    /// `sink` gets a line from any thread, and what it comes from. Lines name events, sizes and ids, and never tokens or
    /// payloads. It must not block, and must not call a client.
    public static func send(_ level: LogLevel, to sink: @escaping @Sendable (LogLevel, _ target: String, _ line: String) -> Void) {
        NexusRealtimeFFI.setLogSink(level: level.foreign, sink: ForeignLogSink(sink))
    }
}

private final class ForeignLogSink: NexusRealtimeFFI.LogSink {
    private let sink: @Sendable (LogLevel, String, String) -> Void

    init(_ sink: @escaping @Sendable (LogLevel, String, String) -> Void) {
        self.sink = sink
    }

    func log(level: NexusRealtimeFFI.LogLevel, target: String, message: String) {
        sink(LogLevel(level), target, message)
    }
}

extension LogLevel {
    fileprivate var foreign: NexusRealtimeFFI.LogLevel {
        switch self {
        case .off: .off
        case .error: .error
        case .warning: .warn
        case .info: .info
        case .debug: .debug
        case .trace: .trace
        }
    }

    fileprivate init(_ level: NexusRealtimeFFI.LogLevel) {
        self =
            switch level {
            case .off: .off
            case .error: .error
            case .warn: .warning
            case .info: .info
            case .debug: .debug
            case .trace: .trace
            }
    }
}
