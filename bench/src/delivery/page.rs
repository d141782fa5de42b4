//! The page, and how figures stand in it.

use std::fmt::Write;

use crate::report::median;

/// A page in the making.
pub(super) struct Page(String);

impl Page {
    pub(super) fn new(machine: Vec<String>, rounds: usize) -> Self {
        let mut page = format!(
            "# What delivery costs\nWritten by `cargo xtask bench delivery`, which measures everything in one run and in turn: ratios hold \
             even where\nthe machine is noisy, times are of this machine and its disk. A figure is the median of {rounds} rounds, \
             with the lowest and the\nhighest in parentheses where they are given. Each measure fails unless everything arrived, once.\n\n"
        );
        for line in machine {
            // Writing to a string can't fail.
            let _ = writeln!(page, "- {line}");
        }
        Self(page)
    }

    pub(super) fn add(&mut self, section: impl AsRef<str>) {
        self.0.push('\n');
        self.0.push_str(section.as_ref().trim());
        self.0.push('\n');
    }

    pub(super) fn to_markdown(&self) -> String {
        self.0.clone()
    }
}

/// A table in the making.
pub(super) struct Table(String);

impl Table {
    pub(super) fn new<const COLUMNS: usize>(head: [&str; COLUMNS]) -> Self {
        Self(format!("| {} |\n|{}\n", head.join(" | "), "---|".repeat(COLUMNS)))
    }

    pub(super) fn row(&mut self, cells: impl IntoIterator<Item = String>) {
        let cells: Vec<String> = cells.into_iter().collect();
        // Writing to a string can't fail.
        let _ = writeln!(self.0, "| {} |", cells.join(" | "));
    }

    pub(super) fn to_markdown(&self) -> String {
        self.0.clone()
    }
}

/// The median, with the lowest and the highest where they differ.
pub(super) fn spread(values: &[f64], digits: usize) -> String {
    let lowest = values.iter().copied().fold(f64::INFINITY, f64::min);
    let highest = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let [lowest, highest, median] = [lowest, highest, median(values)].map(|value| format!("{value:.digits$}"));
    if lowest == highest { median } else { format!("{median} ({lowest} - {highest})") }
}

pub(super) fn ratio(of: f64, to: f64) -> String {
    let ratio = of / to;
    if ratio < 0.1 { format!("{ratio:.3}") } else { format!("{ratio:.2}") }
}

pub(super) fn micros(median: f64, high: f64) -> String {
    let digits = usize::from(median < 10.0);
    format!("{median:.digits$}, {high:.0}")
}

pub(super) fn bytes(count: f64) -> String {
    if count.is_nan() { "not counted".to_owned() } else { format!("{:.1} KiB", count / 1024.0) }
}
