use std::{sync::OnceLock, time::Duration};

use tokio::runtime::{Builder, Handle, Runtime};

use crate::error::RealtimeError;

/// The longest wait that is meant: 30 days. Longer ones are cut to it.
const LONGEST: Duration = Duration::from_secs(30 * 24 * 3600);

/// The runtime of all clients of this process. Lives as long as the process: its threads sleep without clients.
///
/// # Errors
/// If the system gives no threads. The next call tries again.
pub(crate) fn runtime() -> Result<&'static Handle, RealtimeError> {
    static RUNTIME: OnceLock<Runtime> = OnceLock::new();
    if let Some(runtime) = RUNTIME.get() {
        return Ok(runtime.handle());
    }
    let made = Builder::new_multi_thread()
        .worker_threads(2)
        // What listeners and the store run on; it shrinks again when there is nothing to do.
        .max_blocking_threads(16)
        .thread_keep_alive(Duration::from_secs(10))
        .thread_name("nexus")
        .enable_all()
        .build();
    let made = made.map_err(|error| RealtimeError::config("NO_RUNTIME", error))?;
    // Of two that are made at the same time one is dropped, unused, which does not block.
    Ok(RUNTIME.get_or_init(|| made).handle())
}

/// Waits for `future`, but no longer than this; `None`: not in time.
///
/// The foreign side polls on its own threads, so the timer is told which runtime drives it.
pub(crate) async fn within<F: Future>(timeout_ms: u64, future: F) -> Result<Option<F::Output>, RealtimeError> {
    let limit = Duration::from_millis(timeout_ms).min(LONGEST);
    let waiting = {
        let _context = runtime()?.enter();
        tokio::time::timeout(limit, future)
    };
    Ok(waiting.await.ok())
}
