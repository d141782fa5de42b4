//! Chance, through one place: every decision of a run is a bounded number with a name, so that a run is a list of them.

use rand::{RngExt as _, SeedableRng as _};
use rand_pcg::Pcg64Mcg;

/// One decision: what it was about, and a number below its bound. Zero is the quiet one: no fault, no delay, the first of a kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Decision {
    /// What was decided.
    pub about: &'static str,
    /// The number.
    pub value: u64,
}

/// The numbers of a run, which replay it.
pub type Decisions = Vec<u64>;

/// Where decisions come from.
#[derive(Debug)]
pub(crate) struct Choices {
    source: Source,
    record: Option<Vec<Decision>>,
    trace: Option<Vec<String>>,
}

#[derive(Debug)]
enum Source {
    Chance(Pcg64Mcg),
    /// Past its end nothing happens.
    Given {
        values: Decisions,
        next: usize,
    },
}

impl Choices {
    pub(crate) fn from_seed(seed: u64) -> Self {
        Self { source: Source::Chance(Pcg64Mcg::seed_from_u64(seed)), record: None, trace: None }
    }

    pub(crate) fn from_decisions(values: Decisions) -> Self {
        Self { source: Source::Given { values, next: 0 }, record: None, trace: None }
    }

    /// Remembers every decision from now on.
    pub(crate) fn recorded(mut self) -> Self {
        self.record = Some(Vec::new());
        self
    }

    /// Writes down what happens from now on.
    pub(crate) fn traced(mut self) -> Self {
        self.trace = Some(Vec::new());
        self
    }

    pub(crate) fn trace(&mut self, line: impl FnOnce() -> String) {
        if let Some(trace) = &mut self.trace {
            trace.push(line());
        }
    }

    pub(crate) fn into_trace(self) -> Vec<String> {
        self.trace.unwrap_or_default()
    }

    pub(crate) fn into_record(self) -> Vec<Decision> {
        self.record.unwrap_or_default()
    }

    /// A number below `bound`; zero where there is nothing to choose from.
    pub(crate) fn below(&mut self, about: &'static str, bound: u64) -> u64 {
        let value = match &mut self.source {
            Source::Chance(rng) if bound > 1 => rng.random_range(0..bound),
            Source::Chance(_) => 0,
            Source::Given { values, next } => {
                let value = values.get(*next).copied().unwrap_or_default();
                *next += 1;
                // A list that was shrunk may have moved numbers to other decisions.
                if bound > 1 { value % bound } else { 0 }
            }
        };
        if let Some(record) = &mut self.record {
            record.push(Decision { about, value });
        }
        value
    }

    /// True in so many of a hundred cases.
    pub(crate) fn percent(&mut self, about: &'static str, percent: u32) -> bool {
        self.below(about, 100) >= 100_u64.saturating_sub(u64::from(percent))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_replays() {
        let mut seeded = Choices::from_seed(3).recorded();
        let drawn: Vec<u64> = (1..50).map(|bound| seeded.below("x", bound)).collect();
        let record = seeded.into_record();
        let mut replayed = Choices::from_decisions(record.iter().map(|decision| decision.value).collect());
        assert_eq!((1..50).map(|bound| replayed.below("x", bound)).collect::<Vec<_>>(), drawn);
        assert_eq!(replayed.below("x", 100), 0, "past the end nothing happens");
    }

    #[test]
    fn zero_is_the_quiet_one() {
        let mut quiet = Choices::from_decisions(Vec::new());
        assert!(!quiet.percent("x", 99));
        assert!(quiet.percent("x", 100), "what always happens happens");
    }
}
