use std::{
    sync::{PoisonError, RwLock},
    time::Duration,
};

use tokio::runtime::{Builder, Handle, Runtime};

use crate::error::RealtimeError;

/// The longest wait that is meant: 30 days. Longer ones are cut to it.
const LONGEST: Duration = Duration::from_secs(30 * 24 * 3600);

/// The runtime of all clients of this process. It lives as long as the process, or until [`shut_down`]: its threads sleep
/// without clients.
static RUNTIME: RwLock<State> = RwLock::new(State::NotYet);

#[derive(Debug)]
enum State {
    NotYet,
    Running(Runtime),
    Over,
}

/// # Errors
/// If the system gives no threads: the next call tries again. Or if it was [shut down](shut_down).
pub(crate) fn runtime() -> Result<Handle, RealtimeError> {
    if let State::Running(runtime) = &*RUNTIME.read().unwrap_or_else(PoisonError::into_inner) {
        return Ok(runtime.handle().clone());
    }
    let mut state = RUNTIME.write().unwrap_or_else(PoisonError::into_inner);
    if matches!(*state, State::NotYet) {
        let made = Builder::new_multi_thread()
            .worker_threads(2)
            // What listeners and the store run on; it shrinks again when there is nothing to do.
            .max_blocking_threads(16)
            .thread_keep_alive(Duration::from_secs(10))
            .thread_name("nexus")
            .enable_all()
            .build();
        *state = State::Running(made.map_err(|error| RealtimeError::config("NO_RUNTIME", error))?);
    }
    match &*state {
        State::Running(runtime) => Ok(runtime.handle().clone()),
        _ => Err(RealtimeError::config("NO_RUNTIME", "it was shut down")),
    }
}

/// Ends all clients of this process, and the threads behind them, for good: for hosts that end before their process does, as
/// an interpreter that must not be called any more. Close the clients first. Blocks until the threads have ended, which
/// may call back meanwhile, or so long.
#[uniffi::export]
pub fn shut_down(timeout_ms: u64) {
    let state = std::mem::replace(&mut *RUNTIME.write().unwrap_or_else(PoisonError::into_inner), State::Over);
    let State::Running(runtime) = state else { return };
    if Handle::try_current().is_ok() {
        // One of these threads, called back: it can't wait for itself.
        runtime.shutdown_background();
    } else {
        runtime.shutdown_timeout(Duration::from_millis(timeout_ms).min(LONGEST));
    }
}

/// Waits for `future`, but no longer than this; `None`: not in time.
///
/// The foreign side polls on its own threads, so the timer is told which runtime drives it.
pub(crate) async fn within<F: Future>(timeout_ms: u64, future: F) -> Result<Option<F::Output>, RealtimeError> {
    let limit = Duration::from_millis(timeout_ms).min(LONGEST);
    let waiting = {
        let runtime = runtime()?;
        let _context = runtime.enter();
        tokio::time::timeout(limit, future)
    };
    Ok(waiting.await.ok())
}
