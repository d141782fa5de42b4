//! Who is here: users with at least one session, and those whose last one ended just now.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    time::Duration,
};

use nexus_core::time::Timestamp;
use serde::Serialize;

use super::UserId;

/// The sessions of all users, counted. A user who comes is told of at once; one whose last session ended is told of
/// after a grace, unless there is a new one by then.
///
/// Reads no clock. After every `handle_…`, and when the time of [`poll_timeout`](Self::poll_timeout) is there, what
/// is to be told is taken with [`poll_change`](Self::poll_change) until there is nothing.
pub(super) struct Presence {
    grace: Duration,
    users: BTreeMap<UserId, Sessions>,
    /// Who came, and nobody was told yet. Each of them is among the users.
    came: VecDeque<UserId>,
    /// When the grace of users without a session ends.
    leaving: BTreeSet<(Timestamp, UserId)>,
}

struct Sessions {
    count: usize,
    since: u64,
    leaves_at: Option<Timestamp>,
}

/// Somebody came or went.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Change {
    pub(super) user: UserId,
    pub(super) status: Status,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Status {
    Online,
    Offline,
}

impl Presence {
    /// The most users that are kept. Further ones are served like all others, but not told of.
    pub(super) const MAX_USERS: usize = 10_000;

    pub(super) fn new(grace: Duration) -> Self {
        Self { grace, users: BTreeMap::new(), came: VecDeque::new(), leaving: BTreeSet::new() }
    }

    /// A session of the user began, at this time in milliseconds since 1970. Says whether it was counted: only then its
    /// end counts too.
    pub(super) fn handle_joined(&mut self, user: &UserId, epoch_millis: u64) -> bool {
        if let Some(sessions) = self.users.get_mut(user) {
            sessions.count += 1;
            if let Some(at) = sessions.leaves_at.take() {
                self.leaving.remove(&(at, user.clone()));
            }
            return true;
        }
        if self.users.len() >= Self::MAX_USERS {
            return false;
        }
        self.users.insert(user.clone(), Sessions { count: 1, since: epoch_millis, leaves_at: None });
        self.came.push_back(user.clone());
        true
    }

    /// A session that was counted ended.
    pub(super) fn handle_left(&mut self, user: &UserId, now: Timestamp) {
        let Some(sessions) = self.users.get_mut(user) else { return };
        sessions.count = sessions.count.saturating_sub(1);
        if sessions.count == 0 && sessions.leaves_at.is_none() {
            let at = now + self.grace;
            sessions.leaves_at = Some(at);
            self.leaving.insert((at, user.clone()));
        }
    }

    /// What is to be told next.
    pub(super) fn poll_change(&mut self, now: Timestamp) -> Option<Change> {
        if let Some(user) = self.came.pop_front() {
            return Some(Change { user, status: Status::Online });
        }
        if self.leaving.first()?.0 > now {
            return None;
        }
        let (_, user) = self.leaving.pop_first()?;
        self.users.remove(&user);
        Some(Change { user, status: Status::Offline })
    }

    /// When somebody's grace ends next.
    pub(super) fn poll_timeout(&self) -> Option<Timestamp> {
        self.leaving.first().map(|(at, _)| *at)
    }

    /// Who is here, in the order of their ids, and since when in milliseconds since 1970.
    pub(super) fn users(&self) -> impl Iterator<Item = (&UserId, u64)> {
        self.users.iter().map(|(user, sessions)| (user, sessions.since))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GRACE: Duration = Duration::from_secs(5);

    fn user(name: &str) -> UserId {
        UserId::parse(name).unwrap()
    }

    fn at(millis: u64) -> Timestamp {
        Timestamp::from_millis(millis)
    }

    fn changes(presence: &mut Presence, now: Timestamp) -> Vec<(String, Status)> {
        std::iter::from_fn(|| presence.poll_change(now))
            .map(|change| (change.user.as_str().to_owned(), change.status))
            .collect()
    }

    #[test]
    fn the_first_session_and_the_last_count() {
        let (mut presence, ada) = (Presence::new(GRACE), user("ada"));
        assert!(presence.handle_joined(&ada, 1000));
        assert!(presence.handle_joined(&ada, 2000));
        assert_eq!(changes(&mut presence, at(0)), [("ada".to_owned(), Status::Online)]);
        assert_eq!(presence.users().collect::<Vec<_>>(), [(&ada, 1000)]);
        presence.handle_left(&ada, at(100));
        assert_eq!(presence.poll_timeout(), None);
        presence.handle_left(&ada, at(200));
        assert_eq!(presence.poll_timeout(), Some(at(5200)));
        assert_eq!(changes(&mut presence, at(5199)), []);
        assert_eq!(presence.users().count(), 1, "here while the grace lasts");
        assert_eq!(changes(&mut presence, at(5200)), [("ada".to_owned(), Status::Offline)]);
        assert_eq!((presence.users().count(), presence.poll_timeout()), (0, None));
    }

    #[test]
    fn who_comes_back_in_time_never_left() {
        let (mut presence, ada) = (Presence::new(GRACE), user("ada"));
        presence.handle_joined(&ada, 1000);
        changes(&mut presence, at(0));
        for round in 0..3 {
            presence.handle_left(&ada, at(round * 6000));
            assert!(presence.handle_joined(&ada, 9000));
            assert_eq!(changes(&mut presence, at(round * 6000 + 5999)), []);
        }
        assert_eq!(presence.users().collect::<Vec<_>>(), [(&ada, 1000)]);
        presence.handle_left(&ada, at(20_000));
        assert_eq!(changes(&mut presence, at(25_000)), [("ada".to_owned(), Status::Offline)]);
    }

    #[test]
    fn graces_end_in_order_each_by_itself() {
        let mut presence = Presence::new(GRACE);
        for (n, name) in ["cem", "ada", "bob"].into_iter().enumerate() {
            presence.handle_joined(&user(name), 0);
            presence.handle_left(&user(name), at(n as u64));
        }
        let told = changes(&mut presence, at(5001));
        let names: Vec<_> = told.iter().map(|(name, status)| (name.as_str(), *status)).collect();
        let online = ["cem", "ada", "bob"].map(|name| (name, Status::Online));
        assert_eq!(names, [&online[..], &[("cem", Status::Offline), ("ada", Status::Offline)]].concat());
        assert_eq!(presence.poll_timeout(), Some(at(5002)));
    }

    #[test]
    fn without_grace_leaving_is_told_at_once() {
        let mut presence = Presence::new(Duration::ZERO);
        presence.handle_joined(&user("ada"), 0);
        presence.handle_left(&user("ada"), at(7));
        assert_eq!(changes(&mut presence, at(7)).len(), 2);
    }

    #[test]
    fn the_number_of_users_is_bounded() {
        let mut presence = Presence::new(GRACE);
        let names: Vec<_> = (0..=Presence::MAX_USERS).map(|n| user(&n.to_string())).collect();
        let counted = names.iter().filter(|name| presence.handle_joined(name, 0)).count();
        assert_eq!(counted, Presence::MAX_USERS);
        assert!(presence.handle_joined(&names[0], 0), "further sessions of who is kept count");
        presence.handle_left(&names[Presence::MAX_USERS], at(0));
        assert_eq!(presence.poll_timeout(), None);
    }
}
