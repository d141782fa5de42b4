use std::time::{Duration, SystemTime};

use tokio::time::Instant;

use crate::time::Timestamp;

/// How far wall-clock time may run ahead of monotonic time before that counts as sleep. A correction of the clock by
/// more than this is taken for sleep as well, which costs one check of the connection.
const SLEEP_TOLERANCE: Duration = Duration::from_secs(5);

/// The driver's time: monotonic, from when it was made.
#[derive(Clone, Copy, Debug)]
pub(super) struct Clock {
    origin: Instant,
}

impl Clock {
    pub(super) fn start() -> Self {
        Self { origin: Instant::now() }
    }

    pub(super) fn now(&self) -> Timestamp {
        Timestamp::from(self.origin.elapsed())
    }

    /// When `timestamp` will be, unless that is beyond what can be waited for.
    pub(super) fn instant(&self, timestamp: Timestamp) -> Option<Instant> {
        self.origin.checked_add(Duration::from_nanos(timestamp.as_nanos()))
    }
}

/// Notices that the machine slept. Monotonic time stands still meanwhile on Linux, macOS, iOS and Android, so that
/// no timer is late, but wall-clock time goes on.
#[derive(Debug)]
pub(super) struct SleepWatch {
    wall: SystemTime,
    monotonic: Instant,
}

impl SleepWatch {
    pub(super) fn start() -> Self {
        Self { wall: wall_clock(), monotonic: Instant::now() }
    }

    /// Whether the machine slept since the last call.
    pub(super) fn slept(&mut self) -> bool {
        self.slept_at(wall_clock(), Instant::now())
    }

    fn slept_at(&mut self, wall: SystemTime, monotonic: Instant) -> bool {
        let awake = monotonic.saturating_duration_since(self.monotonic);
        // A clock that was set back says nothing.
        let passed = wall.duration_since(self.wall).unwrap_or_default();
        (self.wall, self.monotonic) = (wall, monotonic);
        passed.saturating_sub(awake) >= SLEEP_TOLERANCE
    }
}

/// Wall-clock time in milliseconds since 1970.
pub(super) fn wall_clock_millis() -> u64 {
    let since = wall_clock().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

#[expect(clippy::disallowed_methods, reason = "the driver is where wall-clock time enters")]
fn wall_clock() -> SystemTime {
    SystemTime::now()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wall_clock_time_without_monotonic_time_is_sleep() {
        let mut watch = SleepWatch::start();
        let (wall, monotonic) = (watch.wall, watch.monotonic);
        let second = Duration::from_secs(1);
        assert!(!watch.slept_at(wall + second, monotonic + second));
        assert!(!watch.slept_at(wall + 3 * second, monotonic + 2 * second), "a small correction of the clock");
        assert!(watch.slept_at(wall + 60 * second, monotonic + 3 * second));
        assert!(!watch.slept_at(wall + 61 * second, monotonic + 4 * second), "told once");
        assert!(!watch.slept_at(wall, monotonic + 5 * second), "a clock set back");
    }
}
