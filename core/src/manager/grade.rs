use std::time::Duration;

use super::{config::QualityThresholds, status::Quality};
use crate::time::scaled;

/// Turns measurements into a grade that does not flutter.
///
/// A grade falls when two measurements in a row are worse, and rises when three in a row are better by a margin. The
/// first measurement of a connection counts at once, as does the loss of the connection.
#[derive(Debug)]
pub(super) struct Grader {
    thresholds: QualityThresholds,
    grade: Quality,
    /// No measurement of this connection yet.
    is_provisional: bool,
    /// Direction and number of the measurements in a row that ask for a change.
    trend: (i8, u8),
    /// The last ten probes, newest in the lowest bit; a set bit is a lost one.
    losses: u16,
}

const LOSS_WINDOW: u16 = (1 << 10) - 1;
const WORSE_IN_A_ROW: u8 = 2;
const BETTER_IN_A_ROW: u8 = 3;
/// A better grade has to be reached with this part of its threshold.
const MARGIN: f64 = 0.8;

impl Grader {
    pub(super) fn new(thresholds: QualityThresholds) -> Self {
        Self { thresholds, grade: Quality::Offline, is_provisional: true, trend: (0, 0), losses: 0 }
    }

    pub(super) fn grade(&self) -> Quality {
        self.grade
    }

    /// A connection begins, of which nothing is known yet.
    pub(super) fn connected(&mut self) {
        *self = Self { grade: Quality::Good, ..Self::new(self.thresholds.clone()) };
    }

    pub(super) fn disconnected(&mut self) {
        *self = Self::new(self.thresholds.clone());
    }

    /// A round trip was measured, which made this the estimate.
    pub(super) fn measured(&mut self, estimate: Duration) {
        self.losses = (self.losses << 1) & LOSS_WINDOW;
        self.judge(Some(estimate));
    }

    /// A probe was lost.
    pub(super) fn lost(&mut self, estimate: Option<Duration>) {
        self.losses = ((self.losses << 1) | 1) & LOSS_WINDOW;
        self.judge(estimate);
    }

    fn judge(&mut self, estimate: Option<Duration>) {
        if self.grade == Quality::Offline {
            return;
        }
        let by_loss = self.cap_by_loss();
        let plain = self.by_estimate(estimate, 1.0).min(by_loss);
        if self.is_provisional {
            self.is_provisional = false;
            self.grade = plain;
            return;
        }
        let cautious = self.by_estimate(estimate, MARGIN).min(by_loss);
        if plain < self.grade {
            self.step(-1, plain, WORSE_IN_A_ROW);
        } else if cautious > self.grade {
            self.step(1, cautious, BETTER_IN_A_ROW);
        } else {
            self.trend = (0, 0);
        }
    }

    fn step(&mut self, direction: i8, to: Quality, needed: u8) {
        let in_a_row = if self.trend.0 == direction { self.trend.1 + 1 } else { 1 };
        if in_a_row >= needed {
            self.grade = to;
            self.trend = (0, 0);
        } else {
            self.trend = (direction, in_a_row);
        }
    }

    fn by_estimate(&self, estimate: Option<Duration>, part: f64) -> Quality {
        let Some(estimate) = estimate else { return Quality::Good };
        if estimate <= scaled(self.thresholds.excellent, part) {
            Quality::Excellent
        } else if estimate <= scaled(self.thresholds.good, part) {
            Quality::Good
        } else if estimate <= scaled(self.thresholds.fair, part) {
            Quality::Fair
        } else {
            Quality::Poor
        }
    }

    fn cap_by_loss(&self) -> Quality {
        match (self.losses.count_ones(), self.losses & 0b11) {
            (_, 0b11) => Quality::Poor,
            (0, _) => Quality::Excellent,
            (1, _) => Quality::Good,
            (2 | 3, _) => Quality::Fair,
            _ => Quality::Poor,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grader() -> Grader {
        let mut grader = Grader::new(QualityThresholds::default());
        grader.connected();
        grader
    }

    fn measure(grader: &mut Grader, millis: u64) -> Quality {
        grader.measured(Duration::from_millis(millis));
        grader.grade()
    }

    #[test]
    fn offline_until_connected_and_after() {
        let mut grader = Grader::new(QualityThresholds::default());
        assert_eq!(measure(&mut grader, 10), Quality::Offline);
        grader.connected();
        assert_eq!(grader.grade(), Quality::Good);
        grader.disconnected();
        assert_eq!(grader.grade(), Quality::Offline);
    }

    #[test]
    fn the_first_measurement_counts_at_once() {
        for (millis, grade) in [
            (100, Quality::Excellent),
            (101, Quality::Good),
            (300, Quality::Good),
            (301, Quality::Fair),
            (1000, Quality::Fair),
            (1001, Quality::Poor),
        ] {
            assert_eq!(measure(&mut grader(), millis), grade, "{millis} ms");
        }
    }

    #[test]
    fn one_outlier_changes_nothing() {
        let mut grader = grader();
        measure(&mut grader, 50);
        assert_eq!(measure(&mut grader, 5000), Quality::Excellent);
        assert_eq!(measure(&mut grader, 50), Quality::Excellent);
        assert_eq!(measure(&mut grader, 5000), Quality::Excellent);
        assert_eq!(measure(&mut grader, 5000), Quality::Poor);
    }

    #[test]
    fn values_around_a_threshold_do_not_flutter() {
        let mut grader = grader();
        measure(&mut grader, 200);
        for _ in 0..20 {
            assert_eq!(measure(&mut grader, 99), Quality::Good);
            assert_eq!(measure(&mut grader, 101), Quality::Good);
        }
        for expected in [Quality::Good, Quality::Good, Quality::Excellent] {
            assert_eq!(measure(&mut grader, 79), expected);
        }
    }

    #[test]
    fn losses_cap_the_grade_until_they_leave_the_window() {
        let mut grader = grader();
        measure(&mut grader, 10);
        let estimate = Some(Duration::from_millis(10));
        grader.lost(estimate);
        grader.lost(estimate);
        assert_eq!(grader.grade(), Quality::Poor);
        let grades: Vec<_> = (0..16).map(|_| measure(&mut grader, 10)).collect();
        assert!(grades.contains(&Quality::Fair));
        assert_eq!(grades.last(), Some(&Quality::Excellent));
    }
}
