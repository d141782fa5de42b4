//! A run in a file: one decision per line, its number first and what it was about behind it.

use std::fmt::Write as _;

use crate::choices::Decision;

/// The text of a file.
#[must_use]
pub fn write_decisions(decisions: &[Decision]) -> String {
    decisions.iter().fold(String::new(), |mut text, decision| {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "{} {}", decision.value, decision.about);
        text
    })
}

/// The numbers in the text of a file; empty lines and those that begin with `#` say nothing.
///
/// # Errors
/// The first line that has no number.
pub fn read_decisions(text: &str) -> Result<Vec<u64>, String> {
    let lines = text.lines().filter(|line| !line.trim().is_empty() && !line.starts_with('#'));
    lines
        .map(|line| line.split(' ').next().and_then(|number| number.parse().ok()).ok_or_else(|| line.to_owned()))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_reads_as_it_was_written() {
        let decisions = [Decision { about: "fault", value: 3 }, Decision { about: "next action", value: u64::MAX }];
        let text = format!("# a comment\n\n{}", write_decisions(&decisions));
        assert_eq!(read_decisions(&text), Ok(vec![3, u64::MAX]));
        assert_eq!(read_decisions("1 a\nx"), Err("x".to_owned()));
    }
}
