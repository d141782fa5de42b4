//! What the test runners of other languages say at their end: Maven's Surefire, pytest and XCTest.

use crate::stages::Count;

/// Reads the sum of a module's tests: `[INFO] Tests run: 12, Failures: 1, Errors: 0, Skipped: 2`. The same line with a
/// time is about one class.
pub(super) fn surefire(line: &str) -> Option<Count> {
    let (_, figures) = line.split_once("Tests run: ")?;
    if figures.contains("Time elapsed") {
        return None;
    }
    let mut figures = figures.split(", ");
    let ran: u64 = figures.next()?.trim().parse().ok()?;
    let mut figure = |name: &str| figures.next()?.strip_prefix(name)?.trim().parse::<u64>().ok();
    let failed = figure("Failures: ")? + figure("Errors: ")?;
    let ignored = figure("Skipped: ")?;
    Some(Count { passed: ran.saturating_sub(failed + ignored), failed, ignored })
}

/// Reads the closing line: `=== 1 failed, 12 passed, 2 skipped in 0.61s ===`, or the same without its frame.
pub(super) fn pytest(line: &str) -> Option<Count> {
    let (figures, time) = line.trim_matches(['=', ' ']).rsplit_once(" in ")?;
    time.split_whitespace().next()?.strip_suffix('s')?.parse::<f64>().ok()?;
    let mut count = Count::default();
    for figure in figures.split(", ") {
        let (number, what) = figure.split_once(' ')?;
        let number: u64 = number.parse().ok()?;
        match what {
            "passed" => count.passed += number,
            "failed" | "error" | "errors" | "xpassed" => count.failed += number,
            "skipped" | "xfailed" => count.ignored += number,
            _ => {}
        }
    }
    Some(count)
}

/// Reads the end of one test: `Test Case 'Suite.test' passed (0.005 seconds)`. There are sums as well, but none when
/// the program ends before its time.
pub(super) fn xctest(line: &str) -> Option<Count> {
    let (_, end) = line.strip_prefix("Test Case '")?.rsplit_once("' ")?;
    let mut count = Count::default();
    match end.split_once(" (")?.0 {
        "passed" => count.passed = 1,
        "failed" => count.failed = 1,
        "skipped" => count.ignored = 1,
        _ => return None,
    }
    Some(count)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn count(passed: u64, failed: u64, ignored: u64) -> Option<Count> {
        Some(Count { passed, failed, ignored })
    }

    #[test]
    fn sums_of_surefire_are_read() {
        assert_eq!(surefire("[INFO] Tests run: 12, Failures: 0, Errors: 0, Skipped: 0"), count(12, 0, 0));
        assert_eq!(surefire("[ERROR] Tests run: 12, Failures: 1, Errors: 2, Skipped: 3"), count(6, 3, 3));
        for other in [
            "",
            "[INFO] Tests run: 3, Failures: 0, Errors: 0, Skipped: 0, Time elapsed: 0.05 s - in dev.nexus.ATest",
            "[INFO] Tests run: x, Failures: 0, Errors: 0, Skipped: 0",
            "Tests run: 3",
        ] {
            assert_eq!(surefire(other), None, "{other:?}");
        }
    }

    #[test]
    fn closing_lines_of_pytest_are_read() {
        assert_eq!(pytest("============ 1 failed, 12 passed, 2 skipped in 0.61s ============"), count(12, 1, 2));
        assert_eq!(pytest("3 passed, 1 warning in 61.20s (0:01:01)"), count(3, 0, 0));
        assert_eq!(pytest("==== 2 errors in 0.10s ===="), count(0, 2, 0));
        assert_eq!(pytest("1 xpassed, 1 xfailed, 4 deselected in 0.1s"), count(0, 1, 1));
        assert_eq!(pytest("no tests ran in 0.01s"), None);
        for other in ["", "12 passed", "waited 3 times in between", "tests/test_a.py ..... [100%]", "1 passed in soon"]
        {
            assert_eq!(pytest(other), None, "{other:?}");
        }
    }

    #[test]
    fn ends_of_tests_in_swift_are_read() {
        assert_eq!(xctest("Test Case 'ATests.testIt' passed (0.005 seconds)"), count(1, 0, 0));
        assert_eq!(xctest("Test Case '-[Nexus.ATests testIt]' failed (1.0 seconds)."), count(0, 1, 0));
        assert_eq!(xctest("Test Case 'ATests.testIt' skipped (0.0 seconds)"), count(0, 0, 1));
        for other in [
            "",
            "Test Case 'ATests.testIt' started at 2026-01-01 00:00:00.000",
            "Test Suite 'ATests' passed at 2026-01-01 00:00:00.000",
            "\t Executed 3 tests, with 1 test skipped and 0 failures (0 unexpected) in 0.011 (0.011) seconds",
        ] {
            assert_eq!(xctest(other), None, "{other:?}");
        }
    }
}
