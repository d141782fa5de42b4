use std::time::Duration;

use rand_pcg::{
    Pcg32,
    rand_core::{Rng, SeedableRng},
};

use super::config::ReconnectPolicy;
use crate::{
    mutation::{Mutation, is_taken_out},
    time::scaled,
};

/// Delays between attempts.
#[derive(Debug)]
pub(super) struct Backoff {
    policy: ReconnectPolicy,
    random: Pcg32,
    /// Failures since the last stable connection: what the delay grows with.
    failures: u32,
}

impl Backoff {
    pub(super) fn new(policy: ReconnectPolicy, seed: u64) -> Self {
        Self { policy, random: Pcg32::seed_from_u64(seed), failures: 0 }
    }

    /// The delay after one more failure. A wish of the server comes on top of it, so that the clients it sent away
    /// together do not come back together.
    pub(super) fn next_delay(&mut self, retry_after: Option<Duration>) -> Duration {
        let exponent = i32::try_from(self.failures).unwrap_or(i32::MAX);
        self.failures = self.failures.saturating_add(1);
        let uncapped = scaled(self.policy.initial_delay, self.policy.factor.powi(exponent));
        let wish = retry_after.unwrap_or_default().min(self.policy.max_retry_after);
        if is_taken_out(Mutation::JitterAfterCap) {
            return wish + self.jittered(uncapped).min(self.policy.max_delay);
        }
        wish + self.jittered(uncapped.min(self.policy.max_delay))
    }

    /// Shortens a delay by a random part of up to the policy's jitter.
    pub(super) fn jittered(&mut self, delay: Duration) -> Duration {
        let random = f64::from(self.random.next_u32()) / (f64::from(u32::MAX) + 1.0);
        scaled(delay, 1.0 - self.policy.jitter * random)
    }

    /// Starts anew with the shortest delay.
    pub(super) fn reset(&mut self) {
        self.failures = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn backoff(policy: ReconnectPolicy, seed: u64) -> Backoff {
        Backoff::new(policy, seed)
    }

    #[test]
    fn delays_grow_to_the_cap_and_start_anew() {
        let mut backoff = backoff(ReconnectPolicy { jitter: 0.0, ..ReconnectPolicy::default() }, 1);
        let seconds: Vec<_> = (0..7).map(|_| backoff.next_delay(None).as_secs()).collect();
        assert_eq!(seconds, [1, 2, 4, 8, 16, 30, 30]);
        backoff.reset();
        assert_eq!(backoff.next_delay(None), Duration::from_secs(1));
    }

    #[test]
    fn clients_spread_out_below_the_cap_however_long_the_server_is_away() {
        let mut delays: Vec<_> = (0..1000)
            .map(|seed| {
                let mut backoff = backoff(ReconnectPolicy::default(), seed);
                for _ in 0..50 {
                    backoff.next_delay(None);
                }
                backoff.next_delay(None)
            })
            .collect();
        delays.sort_unstable();
        let (first, last) = (delays[0], delays[999]);
        assert!(first >= Duration::from_secs(15) && last <= Duration::from_secs(30), "{first:?} {last:?}");
        // A thousand clients over fifteen seconds: no second gets much more than its share of 67.
        for second in 15..30 {
            let count = delays.iter().filter(|delay| delay.as_secs() == second).count();
            assert!((35..=100).contains(&count), "{count} clients in second {second}");
        }
    }

    #[test]
    fn full_jitter_uses_the_whole_range() {
        let mut backoff = backoff(ReconnectPolicy { jitter: 1.0, ..ReconnectPolicy::default() }, 7);
        let delays: Vec<_> = (0..1000).map(|_| backoff.jittered(Duration::from_secs(1))).collect();
        assert!(delays.iter().any(|delay| delay.as_millis() < 20));
        assert!(delays.iter().all(|delay| *delay <= Duration::from_secs(1)));
    }

    #[test]
    fn a_wish_of_the_server_is_a_lower_bound_within_reason() {
        let mut backoff = backoff(ReconnectPolicy::default(), 1);
        let delay = backoff.next_delay(Some(Duration::from_secs(60)));
        assert!(delay >= Duration::from_secs(60) && delay <= Duration::from_secs(61), "{delay:?}");
        let delay = backoff.next_delay(Some(Duration::from_secs(1_000_000)));
        assert!(delay <= Duration::from_secs(302), "{delay:?}");
    }

    #[test]
    fn countless_failures_neither_overflow_nor_shorten_the_delay() {
        let mut backoff = backoff(ReconnectPolicy { jitter: 0.0, factor: 10.0, ..ReconnectPolicy::default() }, 1);
        backoff.failures = u32::MAX;
        assert_eq!(backoff.next_delay(None), Duration::from_secs(30));
        assert_eq!(backoff.next_delay(None), Duration::from_secs(30));
    }
}
