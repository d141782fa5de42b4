//! The crate's only look at the wall clock.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Time since 1970 in UTC.
#[expect(clippy::disallowed_methods, reason = "messages, tokens and what is stored carry wall-clock time")]
pub(crate) fn since_epoch() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}

/// Milliseconds since 1970 in UTC.
pub(crate) fn epoch_millis() -> u64 {
    u64::try_from(since_epoch().as_millis()).unwrap_or(u64::MAX)
}
