use std::time::Duration;

/// What a namespace keeps so that sessions can be resumed. Where a bound is reached the oldest goes, and who would have
/// needed it gets a fresh session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecoveryConfig {
    /// How long a session that lost its connection may be resumed. Default: 2 minutes.
    pub window: Duration,
    /// How long an event is kept: the window, and the time that a lost connection may go unnoticed before it. Default:
    /// 3 minutes.
    pub max_age: Duration,
    /// The most events that are kept. Default: 10,000.
    pub max_events: usize,
    /// The most bytes of them. Default: 16 MiB.
    pub max_bytes: usize,
    /// The most sessions that wait to be resumed. Default: 100,000.
    pub max_sessions: usize,
}

impl Default for RecoveryConfig {
    fn default() -> Self {
        Self {
            window: Duration::from_secs(120),
            max_age: Duration::from_secs(180),
            max_events: 10_000,
            max_bytes: 16 << 20,
            max_sessions: 100_000,
        }
    }
}
