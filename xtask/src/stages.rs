//! Stages of a run: announced, timed, counted, and listed in a table at the end.

use std::fmt::Write as _;
use std::time::{Duration, Instant};

use crate::failure::Failure;

/// How many tests a stage ran.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Count {
    pub(crate) passed: u64,
    pub(crate) failed: u64,
    pub(crate) ignored: u64,
}

impl Count {
    /// Reads the closing line of a Rust test program: `test result: ok. 12 passed; 0 failed; 1 ignored; …`.
    pub(crate) fn parse(line: &str) -> Option<Self> {
        let (_, figures) = line.trim().strip_prefix("test result: ")?.split_once(". ")?;
        let mut count = Self::default();
        for figure in figures.split("; ") {
            let Some((number, what)) = figure.split_once(' ') else {
                continue;
            };
            let slot = match what {
                "passed" => &mut count.passed,
                "failed" => &mut count.failed,
                "ignored" => &mut count.ignored,
                _ => continue,
            };
            *slot = number.parse().ok()?;
        }
        Some(count)
    }

    pub(crate) fn add(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed += other.failed;
        self.ignored += other.ignored;
    }

    /// Tests that ran.
    pub(crate) fn ran(self) -> u64 {
        self.passed + self.failed
    }
}

/// What a stage has to show for itself.
#[derive(Debug, Default)]
pub(crate) struct Outcome {
    /// Set by stages that run tests.
    pub(crate) count: Option<Count>,
    /// Why the stage failed, failing tests aside.
    pub(crate) failure: Option<Failure>,
    /// What the reader of the table should know.
    pub(crate) note: Option<String>,
}

impl From<Result<(), Failure>> for Outcome {
    fn from(result: Result<(), Failure>) -> Self {
        Self { failure: result.err(), ..Self::default() }
    }
}

#[derive(Debug)]
struct Stage {
    name: String,
    outcome: Outcome,
    time: Duration,
}

impl Stage {
    /// Failing tests, or one where the stage failed without any.
    fn failed(&self) -> u64 {
        let tests = self.outcome.count.map_or(0, |count| count.failed);
        tests.max(u64::from(self.outcome.failure.is_some()))
    }
}

/// The stages so far.
#[derive(Debug)]
pub(crate) struct Report {
    begun: Instant,
    stages: Vec<Stage>,
}

impl Report {
    pub(crate) fn new() -> Self {
        Self { begun: Instant::now(), stages: Vec::new() }
    }

    /// Announces a stage, runs it and notes how it went. A failed stage does not keep the next from running.
    pub(crate) fn stage<T: Into<Outcome>>(&mut self, name: &str, run: impl FnOnce() -> T) -> bool {
        println!("\n==> {name}");
        let begun = Instant::now();
        let outcome = run().into();
        if let Some(failure) = &outcome.failure {
            eprintln!("error: {name}: {failure}");
        }
        let stage = Stage { name: name.to_owned(), outcome, time: begun.elapsed() };
        let good = stage.failed() == 0;
        self.stages.push(stage);
        good
    }

    /// Prints the table and the closing line.
    ///
    /// # Errors
    /// When a stage failed.
    pub(crate) fn close(self) -> Result<(), Failure> {
        print!("\n{}", self.table());
        let (passed, failed) = self.totals();
        println!("{passed} passed, {failed} failed");
        if failed == 0 { Ok(()) } else { Err(Failure::told()) }
    }

    fn totals(&self) -> (u64, u64) {
        let passed = self.stages.iter().filter_map(|stage| stage.outcome.count).map(|count| count.passed).sum();
        (passed, self.stages.iter().map(Stage::failed).sum())
    }

    fn table(&self) -> String {
        let width = self.stages.iter().map(|stage| stage.name.chars().count()).max().unwrap_or(0).max(5);
        let mut table = format!("{:width$}  {:>6}  {:>8}  result\n", "stage", "tests", "time");
        for stage in &self.stages {
            let tests = stage.outcome.count.map_or_else(|| "-".to_owned(), |count| count.ran().to_string());
            let mut result = if stage.failed() == 0 { "ok" } else { "FAILED" }.to_owned();
            let details = [
                stage
                    .outcome
                    .count
                    .filter(|count| count.failed > 0)
                    .map(|count| format!("{} tests failed", count.failed)),
                stage.outcome.count.filter(|count| count.ignored > 0).map(|count| format!("{} ignored", count.ignored)),
                stage.outcome.failure.as_ref().map(ToString::to_string),
                stage.outcome.note.clone(),
            ];
            for detail in details.into_iter().flatten() {
                let _ = write!(result, "; {detail}");
            }
            let _ = writeln!(table, "{:width$}  {tests:>6}  {:>8}  {result}", stage.name, seconds(stage.time));
        }
        let _ = writeln!(
            table,
            "{:width$}  {:>6}  {:>8}",
            "total",
            self.stages.iter().filter_map(|stage| stage.outcome.count).map(Count::ran).sum::<u64>(),
            seconds(self.begun.elapsed())
        );
        table
    }
}

/// `3.4 s`, or `2 m 05 s` from a minute on.
pub(crate) fn seconds(time: Duration) -> String {
    let whole = time.as_secs();
    if whole < 60 { format!("{:.1} s", time.as_secs_f64()) } else { format!("{} m {:02} s", whole / 60, whole % 60) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn closing_lines_of_test_programs_are_read() {
        let line = "test result: FAILED. 12 passed; 3 failed; 1 ignored; 0 measured; 4 filtered out; finished in 0.02s";
        assert_eq!(Count::parse(line), Some(Count { passed: 12, failed: 3, ignored: 1 }));
        assert_eq!(
            Count::parse("test result: ok. 1 passed; 0 failed; 0 ignored"),
            Some(Count { passed: 1, failed: 0, ignored: 0 })
        );
        for other in
            ["", "running 3 tests", "test codec ... ok", "test result: ok", "test result: ok. x passed; 0 failed"]
        {
            assert_eq!(Count::parse(other), None, "{other:?}");
        }
    }

    #[test]
    fn the_totals_count_tests_and_stages_that_failed_without_one() {
        let mut report = Report::new();
        report.stage("good", || Outcome {
            count: Some(Count { passed: 5, failed: 0, ignored: 1 }),
            ..Outcome::default()
        });
        report.stage("bad", || Outcome {
            count: Some(Count { passed: 2, failed: 3, ignored: 0 }),
            failure: Some(Failure::new("exit status: 101")),
            ..Outcome::default()
        });
        report.stage("broken", || Err::<(), _>(Failure::new("no compiler")));
        assert_eq!(report.totals(), (7, 4));
        let table = report.table();
        assert!(table.contains("ok; 1 ignored"), "{table}");
        assert!(table.contains("FAILED; 3 tests failed; exit status: 101"), "{table}");
        assert!(table.contains("FAILED; no compiler"), "{table}");
        assert!(report.close().is_err());
    }

    #[test]
    fn a_run_without_failures_succeeds() {
        let mut report = Report::new();
        assert!(report.stage("fine", || Ok(())));
        assert_eq!(report.totals(), (0, 0));
        assert!(report.close().is_ok());
    }

    #[test]
    fn times_read_well() {
        assert_eq!(seconds(Duration::from_millis(3_449)), "3.4 s");
        assert_eq!(seconds(Duration::from_secs(125)), "2 m 05 s");
    }
}
