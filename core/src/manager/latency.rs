use std::{
    collections::{BinaryHeap, VecDeque},
    iter,
    time::Duration,
};

/// Round trip times: smoothed as in RFC 6298, section 2, and a window of the last samples.
#[derive(Debug)]
pub(super) struct Latency {
    capacity: usize,
    window: VecDeque<Duration>,
    smoothed: Option<Smoothed>,
}

#[derive(Clone, Copy, Debug)]
struct Smoothed {
    rtt: Duration,
    variation: Duration,
}

impl Latency {
    pub(super) fn new(window: usize) -> Self {
        Self { capacity: window, window: VecDeque::new(), smoothed: None }
    }

    pub(super) fn sample(&mut self, rtt: Duration) {
        if self.window.len() >= self.capacity {
            self.window.pop_front();
        }
        self.window.push_back(rtt);
        self.smoothed = Some(match self.smoothed {
            None => Smoothed { rtt, variation: rtt / 2 },
            Some(old) => {
                Smoothed { variation: (old.variation * 3 + old.rtt.abs_diff(rtt)) / 4, rtt: (old.rtt * 7 + rtt) / 8 }
            }
        });
    }

    /// The path may be another one from now on: the smoothed values start anew, the window stays.
    pub(super) fn restart(&mut self) {
        self.smoothed = None;
    }

    pub(super) fn smoothed(&self) -> Option<Duration> {
        self.smoothed.map(|smoothed| smoothed.rtt)
    }

    /// What a round trip stays below most of the time: the smoothed time and its variation.
    pub(super) fn estimate(&self) -> Option<Duration> {
        self.smoothed.map(|smoothed| smoothed.rtt + smoothed.variation)
    }

    pub(super) fn average(&self) -> Option<Duration> {
        let count = u32::try_from(self.window.len()).ok().filter(|count| *count > 0)?;
        Some(self.window.iter().sum::<Duration>() / count)
    }

    /// The sample that 95 of 100 do not exceed (nearest rank).
    pub(super) fn p95(&self) -> Option<Duration> {
        let rank = (self.window.len() * 95).div_ceil(100);
        let above = self.window.len() - rank;
        // Takes the few above it out, instead of sorting all.
        let mut heap: BinaryHeap<_> = self.window.iter().copied().collect();
        iter::from_fn(|| heap.pop()).nth(above)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn millis(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    #[test]
    fn nothing_is_known_before_the_first_sample() {
        let latency = Latency::new(8);
        assert_eq!(
            (latency.smoothed(), latency.estimate(), latency.average(), latency.p95()),
            (None, None, None, None)
        );
    }

    #[test]
    fn smoothing_follows_rfc_6298() {
        let mut latency = Latency::new(8);
        latency.sample(millis(80));
        assert_eq!(latency.smoothed(), Some(millis(80)));
        assert_eq!(latency.estimate(), Some(millis(120)));
        latency.sample(millis(160));
        // RTTVAR = 3/4 * 40 + 1/4 * |80 - 160| = 50; SRTT = 7/8 * 80 + 1/8 * 160 = 90.
        assert_eq!(latency.smoothed(), Some(millis(90)));
        assert_eq!(latency.estimate(), Some(millis(140)));
    }

    #[test]
    fn the_window_is_bounded_and_gives_average_and_percentile() {
        let mut latency = Latency::new(100);
        for sample in 1..=200 {
            latency.sample(millis(sample));
        }
        assert_eq!(latency.average(), Some(Duration::from_micros(150_500)));
        assert_eq!(latency.p95(), Some(millis(195)));
        latency.restart();
        assert_eq!(latency.smoothed(), None);
        assert!(latency.average().is_some());
    }

    #[test]
    fn one_sample_is_its_own_average_and_percentile() {
        let mut latency = Latency::new(1);
        latency.sample(millis(7));
        latency.sample(millis(9));
        assert_eq!((latency.average(), latency.p95()), (Some(millis(9)), Some(millis(9))));
    }
}
