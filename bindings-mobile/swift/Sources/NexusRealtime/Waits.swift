/// Waits for `operation`, or until this task is cancelled, which ends the wait with `CancellationError`.
///
/// The core does not learn that a task was cancelled: what was waited for goes on until its own timeout, or the end of the
/// client, in a task that only this function knows.
func cancellable<Value: Sendable>(_ operation: @escaping @Sendable () async throws -> Value) async throws -> Value {
    let race = Race<Value>()
    return try await withTaskCancellationHandler {
        try await withCheckedThrowingContinuation { continuation in
            guard race.begin(continuation) else { return }
            Task {
                do {
                    race.end(.success(try await operation()))
                } catch {
                    race.end(.failure(error))
                }
            }
        }
    } onCancel: {
        race.end(.failure(CancellationError()))
    }
}

/// Takes the first end.
private final class Race<Value: Sendable>: Sendable {
    private enum State {
        case idle
        case waiting(CheckedContinuation<Value, any Error>)
        case cancelled(Result<Value, any Error>)
        case over
    }

    private let state = Locked(State.idle)

    /// `false`: it has ended before it began.
    func begin(_ continuation: CheckedContinuation<Value, any Error>) -> Bool {
        let early: Result<Value, any Error>? = state.withLock { state in
            if case .cancelled(let result) = state {
                state = .over
                return result
            }
            state = .waiting(continuation)
            return nil
        }
        if let early {
            continuation.resume(with: early)
        }
        return early == nil
    }

    func end(_ result: Result<Value, any Error>) {
        let continuation: CheckedContinuation<Value, any Error>? = state.withLock { state in
            switch state {
            case .idle:
                state = .cancelled(result)
                return nil
            case .waiting(let continuation):
                state = .over
                return continuation
            case .cancelled, .over:
                return nil
            }
        }
        continuation?.resume(with: result)
    }
}

extension Duration {
    /// Whole milliseconds, rounded up; nothing below zero, and no more than fit.
    var wholeMilliseconds: UInt64 {
        let (seconds, attoseconds) = components
        guard seconds >= 0, attoseconds >= 0 else { return 0 }
        let (whole, overflow) = UInt64(seconds).multipliedReportingOverflow(by: 1000)
        let part = UInt64((attoseconds + 999_999_999_999_999) / 1_000_000_000_000_000)
        let (sum, overflows) = whole.addingReportingOverflow(part)
        return overflow || overflows ? .max : sum
    }

    /// More than fit are the most that do.
    init(wholeMilliseconds: UInt64) {
        self = .milliseconds(Int64(clamping: wholeMilliseconds))
    }
}
