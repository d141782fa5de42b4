//! How far each sender may be ahead of its receiver.
//!
//! The server keeps a bounded number of messages for a user who is away. An application that never has more than
//! these underway relies on promises only; the trial is such an application, whatever the stack.

use std::time::{Duration, Instant};

/// Messages of one class that may be underway in one direction. With two directions and three classes that is 60, of
/// the 100 that an inbox holds.
pub const WINDOW: u64 = 10;
/// How often senders are given leave for one more message: of the volatile class and of the others in turn, because stock
/// clients drop volatile messages while they write others. That is 100 messages of each class in a second at most.
pub const TICK: Duration = Duration::from_millis(5);

/// The messages of one class from one sender.
#[derive(Debug, Clone)]
pub struct Lane {
    /// The class, as in the journals.
    pub class: &'static str,
    /// The highest number that was sent.
    pub sent: u64,
    /// The highest number that came to its receiver, or was given up.
    pub through: u64,
    /// The highest number that came.
    pub got: u64,
    /// Up to which number the sender may send.
    pub credit: u64,
    moved: Instant,
}

impl Lane {
    /// A lane on which nothing was sent.
    #[must_use]
    pub fn new(class: &'static str, now: Instant) -> Self {
        Self { class, sent: 0, through: 0, got: 0, credit: 0, moved: now }
    }

    /// The sender has sent this number.
    pub fn on_sent(&mut self, n: u64, now: Instant) {
        self.sent = self.sent.max(n);
        self.moved = now;
    }

    /// The receiver has this number.
    pub fn on_got(&mut self, n: u64, now: Instant) {
        self.got = self.got.max(n);
        self.through = self.through.max(n);
        self.moved = now;
    }

    /// Gives up what is underway if nothing has moved for `patience`; true if there was something.
    pub fn give_up(&mut self, patience: Duration, now: Instant) -> bool {
        let is_stuck = self.through < self.sent && now.saturating_duration_since(self.moved) >= patience;
        if is_stuck {
            self.through = self.sent;
        }
        is_stuck
    }

    /// Gives leave for one more message, if that is within the window past what is through; true if it is.
    pub fn grant(&mut self, messages: u64) -> bool {
        self.follow(self.through.saturating_add(WINDOW).min(messages))
    }

    /// Gives leave for one more message, if that is not beyond `limit`; true if it is not.
    pub fn follow(&mut self, limit: u64) -> bool {
        let rises = self.credit < limit;
        self.credit += u64::from(rises);
        rises
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_window_moves_with_the_receiver_at_the_pace() {
        let now = Instant::now();
        let mut lane = Lane::new("durable", now);
        assert!(lane.grant(100) && lane.credit == 1);
        while lane.grant(100) {}
        assert_eq!(lane.credit, WINDOW);
        lane.on_sent(WINDOW, now);
        lane.on_got(1, now);
        assert!(lane.grant(100) && lane.credit == WINDOW + 1);
        // What comes out of order moves nothing back, and the end is the end.
        lane.on_got(95, now);
        lane.on_got(2, now);
        while lane.grant(99) {}
        assert_eq!(lane.credit, 99);
    }

    #[test]
    fn what_does_not_come_is_given_up_in_time() {
        let (now, patience) = (Instant::now(), Duration::from_secs(1));
        let mut lane = Lane::new("buffered", now);
        assert!(!lane.give_up(patience, now + patience), "nothing is underway");
        lane.on_sent(3, now);
        assert!(!lane.give_up(patience, now));
        assert!(lane.give_up(patience, now + patience));
        assert_eq!((lane.through, lane.got), (3, 0));
    }
}
