//! Many runs, on all processors.

use std::{
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread,
    time::Duration,
};

use crate::{Report, Scenario, Violation, run};

/// Runs the seeds `from..until` of a scenario, `jobs` at a time, and adds up what happened. `progress` is called now and
/// then with the number of seeds that were begun.
///
/// # Errors
/// A violation: of those that were found until all jobs had stopped, the one with the lowest seed.
pub fn search(
    scenario: &Scenario,
    from: u64,
    until: u64,
    jobs: usize,
    mut progress: impl FnMut(u64),
) -> Result<Report, Violation> {
    let next = AtomicU64::new(from);
    let failed = AtomicBool::new(false);
    let sum: Mutex<Report> = Mutex::default();
    let violations: Mutex<Vec<Violation>> = Mutex::default();
    let work = || {
        let mut own = Report::default();
        while !failed.load(Ordering::Relaxed) {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= until {
                break;
            }
            match run(seed, scenario) {
                Ok(report) => own.add(&report),
                Err(violation) => {
                    failed.store(true, Ordering::Relaxed);
                    violations.lock().unwrap_or_else(PoisonError::into_inner).push(violation);
                }
            }
        }
        sum.lock().unwrap_or_else(PoisonError::into_inner).add(&own);
    };
    thread::scope(|scope| {
        let workers: Vec<_> = (0..jobs.max(1)).map(|_| scope.spawn(work)).collect();
        while !workers.iter().all(thread::ScopedJoinHandle::is_finished) {
            thread::park_timeout(Duration::from_millis(200));
            progress(next.load(Ordering::Relaxed).min(until).saturating_sub(from));
        }
    });
    let violations = violations.into_inner().unwrap_or_else(PoisonError::into_inner);
    match violations.into_iter().min_by_key(|violation| violation.seed) {
        Some(violation) => Err(violation),
        None => Ok(sum.into_inner().unwrap_or_else(PoisonError::into_inner)),
    }
}
