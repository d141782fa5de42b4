//! What Node's test runner says at its end.

use crate::stages::Count;

/// Reads its closing lines, `# pass 12` as TAP or `ℹ pass 12` as text, one block for each run of `node --test`.
#[derive(Debug, Default)]
pub(super) struct Closing {
    /// The block being read: it begins with `tests` and ends with `duration_ms`.
    block: Option<Count>,
}

impl Closing {
    /// Takes a line; gives the count when a block is complete.
    pub(super) fn read(&mut self, line: &str) -> Option<Count> {
        let (what, number) = line.strip_prefix("# ").or_else(|| line.strip_prefix("ℹ "))?.split_once(' ')?;
        if what == "duration_ms" {
            return self.block.take();
        }
        let number: u64 = number.parse().ok()?;
        if what == "tests" {
            self.block = Some(Count::default());
            return None;
        }
        let block = self.block.as_mut()?;
        match what {
            "pass" => block.passed += number,
            // A test is cancelled when something around it fails or takes too long.
            "fail" | "cancelled" => block.failed += number,
            "skipped" | "todo" => block.ignored += number,
            _ => {}
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(text: &str) -> Vec<Count> {
        let mut closing = Closing::default();
        text.lines().filter_map(|line| closing.read(line)).collect()
    }

    #[test]
    fn both_shapes_are_read() {
        let tap = "TAP version 13\nok 1 - joins\n1..3\n# tests 9\n# suites 1\n# pass 4\n# fail 1\n# cancelled 2\n# skipped 1\n# todo 1\n# duration_ms 61.4";
        let text = tap.replace("# ", "ℹ ");
        for shape in [tap, &text] {
            assert_eq!(counts(shape), [Count { passed: 4, failed: 3, ignored: 2 }]);
        }
    }

    #[test]
    fn several_runs_are_several_counts() {
        let run = "# tests 2\n# pass 2\n# fail 0\n# cancelled 0\n# skipped 0\n# todo 0\n# duration_ms 1\n";
        assert_eq!(counts(&run.repeat(2)), [Count { passed: 2, failed: 0, ignored: 0 }; 2]);
    }

    #[test]
    fn what_tests_print_is_passed_over() {
        assert_eq!(counts("# pass 7\n# fail 1\n# duration_ms 5\nℹ something\n# tests many\n#\n# \npass 3"), []);
        assert_eq!(counts("# tests 1\n# pass 1\n"), [], "broken off");
    }
}
