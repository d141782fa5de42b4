//! A failing run, made as short as it still fails.

use crate::{Scenario, Violation, choices::Choices, choices::Decision, run_decisions, world::World};

/// A failing run, as short as it could be made.
#[derive(Debug, Clone)]
pub struct Shrunk {
    /// How it fails.
    pub violation: Violation,
    /// What replays it, with [`run_decisions`] or from a [file](crate::write_decisions).
    pub decisions: Vec<Decision>,
    /// How many runs that took.
    pub runs: usize,
}

/// The most runs that one failure is worth.
const MAX_RUNS: usize = 3_000;

/// What a violation says, without its numbers.
fn kind(violation: &Violation) -> String {
    violation.what.chars().filter(|character| !character.is_ascii_digit()).collect()
}

/// Shortens the run of a seed that fails. `None` if it does not fail.
///
/// What is left fails in the same way, apart from numbers.
#[must_use]
pub fn shrink(seed: u64, scenario: &Scenario) -> Option<Shrunk> {
    let mut choices = Choices::from_seed(seed).recorded();
    let mut violation = World::new(&mut choices, scenario).run().err()?;
    violation.seed = Some(seed);
    let mut best: Vec<u64> = choices.into_record().iter().map(|decision| decision.value).collect();
    let mut runs: usize = 1;
    let mut attempt = |best: &mut Vec<u64>, violation: &mut Violation, candidate: Vec<u64>| {
        if runs >= MAX_RUNS {
            return false;
        }
        runs += 1;
        match run_decisions(&candidate, scenario) {
            Err(found) if kind(&found) == kind(violation) => {
                *violation = Violation { seed: Some(seed), ..found };
                *best = candidate;
                true
            }
            _ => false,
        }
    };

    // Nothing after the violation matters, and often not much before it.
    let mut keep = best.len() / 2;
    while keep > 0 {
        let shorter = best.get(..best.len().saturating_sub(keep)).unwrap_or_default().to_vec();
        if shorter.len() == best.len() || !attempt(&mut best, &mut violation, shorter) {
            keep /= 2;
        }
    }
    // Runs of decisions become quiet ones, then go: the first keeps what follows in its place.
    for remove in [false, true] {
        let mut size = (best.len() / 2).max(1);
        loop {
            let mut at = 0;
            while at < best.len() {
                let end = (at + size).min(best.len());
                let mut candidate = best.clone();
                if remove {
                    candidate.drain(at..end);
                } else {
                    candidate.iter_mut().take(end).skip(at).for_each(|value| *value = 0);
                }
                let changed = candidate != best && attempt(&mut best, &mut violation, candidate);
                at = if remove && changed { at } else { end };
            }
            if size == 1 {
                break;
            }
            size /= 2;
        }
    }
    for at in 0..best.len() {
        while let Some(value) = best.get(at).copied().filter(|value| *value > 0) {
            let mut candidate = best.clone();
            if let Some(slot) = candidate.get_mut(at) {
                *slot = value / 2;
            }
            if !attempt(&mut best, &mut violation, candidate) {
                break;
            }
        }
    }
    let mut choices = Choices::from_decisions(best.clone()).recorded();
    let _the_violation = World::new(&mut choices, scenario).run();
    let mut told = choices.into_record();
    // What follows the last that is not quiet is quiet anyway.
    told.truncate(told.iter().rposition(|decision| decision.value > 0).map_or(0, |last| last + 1));
    Some(Shrunk { violation, decisions: told, runs })
}
