//! Time as the sans-IO machines see it: handed in by a driver, never read.

use std::{
    fmt,
    ops::{Add, AddAssign},
    time::Duration,
};

/// Monotonic time since the driver started, in nanoseconds.
///
/// It is meaningful only inside one driver's life: it cannot be compared between processes, and it
/// is not wall-clock time. Arithmetic saturates: the latest timestamp (584 years) means "never".
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Timestamp(u64);

impl Timestamp {
    /// The moment at which the driver started.
    pub const ZERO: Self = Self(0);
    /// Later than anything that will be reached.
    pub const MAX: Self = Self(u64::MAX);

    /// The time `nanos` nanoseconds after the driver's start.
    #[must_use]
    pub const fn from_nanos(nanos: u64) -> Self {
        Self(nanos)
    }

    /// The time `millis` milliseconds after the driver's start.
    #[must_use]
    pub const fn from_millis(millis: u64) -> Self {
        Self(millis.saturating_mul(1_000_000))
    }

    /// Nanoseconds since the driver's start.
    #[must_use]
    pub const fn as_nanos(self) -> u64 {
        self.0
    }

    /// Whole milliseconds since the driver's start, rounded down.
    #[must_use]
    pub const fn as_millis(self) -> u64 {
        self.0 / 1_000_000
    }

    /// The time that passed since `earlier`; zero if `earlier` is later.
    #[must_use]
    pub const fn saturating_since(self, earlier: Self) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }
}

/// A part or multiple of a duration, to the nearest nanosecond. Less than nothing is nothing, and the longest is 584 years.
pub(crate) fn scaled(duration: Duration, factor: f64) -> Duration {
    Duration::from_nanos((duration.as_secs_f64() * factor * 1e9 + 0.5) as u64)
}

impl From<Duration> for Timestamp {
    // Small where it is called from: it is called from everywhere.
    #[cfg_attr(target_family = "wasm", inline(never))]
    fn from(since_start: Duration) -> Self {
        const NANOS_PER_SEC: u64 = 1_000_000_000;
        let (secs, nanos) = (since_start.as_secs(), u64::from(since_start.subsec_nanos()));
        if secs > u64::MAX / NANOS_PER_SEC { Self::MAX } else { Self((secs * NANOS_PER_SEC).saturating_add(nanos)) }
    }
}

impl Add<Duration> for Timestamp {
    type Output = Self;

    fn add(self, rhs: Duration) -> Self {
        Self(self.0.saturating_add(Self::from(rhs).0))
    }
}

impl AddAssign<Duration> for Timestamp {
    fn add_assign(&mut self, rhs: Duration) {
        *self = *self + rhs;
    }
}

impl fmt::Debug for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", Duration::from_nanos(self.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arithmetic_saturates_at_both_ends() {
        assert_eq!(Timestamp::ZERO.saturating_since(Timestamp::from_millis(5)), Duration::ZERO);
        assert_eq!(Timestamp::MAX + Duration::from_secs(1), Timestamp::MAX);
        assert_eq!(Timestamp::from(Duration::MAX), Timestamp::MAX);
        assert_eq!(Timestamp::from_millis(u64::MAX), Timestamp::MAX);
    }

    #[test]
    fn milliseconds_round_down() {
        assert_eq!((Timestamp::ZERO + Duration::from_micros(1_999)).as_millis(), 1);
    }
}
