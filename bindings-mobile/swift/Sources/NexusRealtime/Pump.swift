/// Takes items from a source of the core, in batches, and only while somebody asks for the next. Nothing waits here but the
/// rest of one batch; what is not asked for waits in the core, whose bound is `NexusOptions.eventBuffer`.
final class Pump<Item: Sendable>: Sendable {
    /// A wait ends with the source. This is only so that none is endless.
    static var patience: UInt64 { 3_600_000 }

    private struct State {
        var batch: [Item] = []
        var taken = 0
        var isOver = false
    }

    private let state = Locked(State())
    /// So many items cross the boundary at once, at most.
    private let batch: UInt32
    private let pull: @Sendable (_ max: UInt32, _ timeoutMs: UInt64) async throws -> [Item]?
    private let close: @Sendable () -> Void

    /// - Parameters:
    ///   - pull: gives the next items; none: not in time; `nil`: the source has ended.
    ///   - close: ends the source, and the wait for it.
    init(
        batch: UInt32 = 64,
        pull: @escaping @Sendable (_ max: UInt32, _ timeoutMs: UInt64) async throws -> [Item]?,
        close: @escaping @Sendable () -> Void
    ) {
        self.batch = batch
        self.pull = pull
        self.close = close
    }

    deinit {
        close()
    }

    /// The next item; `nil` when the source has ended, or the task was cancelled, which ends the source.
    func next() async -> Item? {
        if Task.isCancelled {
            end()
            return nil
        }
        if let item = take() {
            return item
        }
        return await withTaskCancellationHandler {
            while !state.withLock({ $0.isOver }) {
                // It fails only where the system gives no threads: then there is nothing to wait for.
                guard let items = try? await pull(batch, Self.patience) else {
                    return take()
                }
                put(items)
                if let item = take() {
                    return item
                }
            }
            return nil
        } onCancel: {
            end()
        }
    }

    /// Ends the source. What has not been taken is dropped.
    func end() {
        let isFirst = state.withLock { state in
            defer { state = State(isOver: true) }
            return !state.isOver
        }
        if isFirst {
            close()
        }
    }

    private func take() -> Item? {
        state.withLock { state in
            guard state.taken < state.batch.count else { return nil }
            let item = state.batch[state.taken]
            state.taken += 1
            if state.taken == state.batch.count {
                state.batch.removeAll(keepingCapacity: true)
                state.taken = 0
            }
            return item
        }
    }

    /// Two tasks may pull at the same time, so there may be items already.
    private func put(_ items: [Item]) {
        state.withLock { state in
            guard !state.isOver else { return }
            state.batch.append(contentsOf: items)
        }
    }
}

extension Pump {
    /// A stream without a buffer of its own: it takes from the pump when it is asked.
    func stream() -> AsyncStream<Item> {
        AsyncStream(unfolding: { await self.next() }, onCancel: { self.end() })
    }
}
