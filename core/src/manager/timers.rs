use crate::time::Timestamp;

/// What a manager waits for that there is one of at a time. What there may be many of (queued messages, acknowledgements,
/// namespaces) keeps its own deadlines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Timer {
    /// The transport and the handshake take too long.
    Open,
    /// The token provider takes too long.
    Token,
    /// The joining of the primary namespace takes too long.
    Authentication,
    /// A ping of the server is overdue.
    Heartbeat,
    /// An attachment is overdue.
    Attachment,
    /// The transport has shown no life since it was asked to.
    Verify,
    /// The connection has lasted long enough for the delays to start anew.
    Stable,
    /// The next attempt is due.
    Retry,
    /// The next probe is due.
    Probe,
    /// The answer to a probe is overdue.
    ProbeTimeout,
    /// The time in the background is over.
    BackgroundGrace,
    /// Positions in inboxes are to be reported.
    Report,
}

impl Timer {
    const ALL: [Self; 12] = [
        Self::Open,
        Self::Token,
        Self::Authentication,
        Self::Heartbeat,
        Self::Attachment,
        Self::Verify,
        Self::Stable,
        Self::Retry,
        Self::Probe,
        Self::ProbeTimeout,
        Self::BackgroundGrace,
        Self::Report,
    ];

    /// Those that belong to a transport and die with it.
    pub(super) const OF_LINK: [Self; 10] = [
        Self::Open,
        Self::Token,
        Self::Authentication,
        Self::Heartbeat,
        Self::Attachment,
        Self::Verify,
        Self::Stable,
        Self::Probe,
        Self::ProbeTimeout,
        Self::Report,
    ];

    /// Those that accuse someone of silence, and can't while this side slept.
    pub(super) const OF_SILENCE: [Self; 6] =
        [Self::Open, Self::Token, Self::Authentication, Self::Heartbeat, Self::Attachment, Self::Verify];
}

/// One table of deadlines.
#[derive(Debug, Default)]
pub(super) struct Timers([Option<Timestamp>; Timer::ALL.len()]);

impl Timers {
    pub(super) fn set(&mut self, timer: Timer, at: Timestamp) {
        *self.slot(timer) = Some(at);
    }

    pub(super) fn cancel(&mut self, timer: Timer) {
        *self.slot(timer) = None;
    }

    pub(super) fn is_set(&self, timer: Timer) -> bool {
        self.0.get(timer as usize).is_some_and(Option::is_some)
    }

    /// Moves a deadline that is earlier to this time; an unset one stays unset.
    pub(super) fn defer(&mut self, timer: Timer, until: Timestamp) {
        let slot = self.slot(timer);
        *slot = slot.map(|at| at.max(until));
    }

    /// Takes out one timer that is due.
    pub(super) fn pop_expired(&mut self, now: Timestamp) -> Option<Timer> {
        let expired = Timer::ALL.into_iter().find(|timer| self.slot(*timer).is_some_and(|at| at <= now))?;
        self.cancel(expired);
        Some(expired)
    }

    pub(super) fn next(&self) -> Option<Timestamp> {
        self.0.iter().flatten().min().copied()
    }

    #[expect(clippy::indexing_slicing, reason = "the table has a slot for each timer")]
    fn slot(&mut self, timer: Timer) -> &mut Option<Timestamp> {
        &mut self.0[timer as usize]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_timer_has_a_slot_of_its_own() {
        let mut timers = Timers::default();
        for (index, timer) in Timer::ALL.into_iter().enumerate() {
            timers.set(timer, Timestamp::from_millis(index as u64));
        }
        for timer in Timer::ALL {
            assert!(timers.is_set(timer));
            assert_eq!(timers.pop_expired(Timestamp::from_millis(100)), Some(timer));
        }
        assert_eq!(timers.next(), None);
    }

    #[test]
    fn a_timer_is_due_at_its_time_and_not_before() {
        let mut timers = Timers::default();
        timers.set(Timer::Retry, Timestamp::from_millis(5));
        assert_eq!(timers.pop_expired(Timestamp::from_millis(4)), None);
        timers.defer(Timer::Retry, Timestamp::from_millis(3));
        timers.defer(Timer::Open, Timestamp::from_millis(3));
        assert_eq!(timers.next(), Some(Timestamp::from_millis(5)));
        assert_eq!(timers.pop_expired(Timestamp::from_millis(5)), Some(Timer::Retry));
    }
}
