use std::mem;

use super::proof::Proof;
use crate::{
    socketio::{Namespace, Sid, delivery::Grant},
    sorted::SortedMap,
    time::Timestamp,
};

/// Where a namespace stands, named by what is awaited.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Membership {
    /// The next chance to send its CONNECT.
    NeedConnection,
    /// The server's answer to CONNECT. A server that has not answered must not be sent a DISCONNECT (stock servers
    /// close the connection then), so leaving waits for the answer as well.
    NeedAnswer { deadline: Option<Timestamp>, then_leave: bool },
    /// The same, after the failure was reported: a late answer still counts.
    NeedLateAnswer { then_leave: bool },
    /// A fresh token: the server refused the one that there is.
    NeedToken,
    /// Nothing: it is joined.
    Joined { sid: Sid, grant: Option<Grant> },
    /// The next connection, the time that the server named, or the application: the server refused it.
    Refused { retry_at: Option<Timestamp> },
    /// The application, or the time: the server ended it.
    Ended { retry_at: Option<Timestamp> },
}

/// What is due for a namespace.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Due {
    AnswerOverdue(Namespace),
    Retry(Namespace),
}

/// More namespaces than allowed.
#[derive(Debug)]
pub(super) struct TooMany;

/// The namespaces that are wanted, in the order of their names.
#[derive(Debug)]
pub(super) struct Namespaces {
    entries: SortedMap<Namespace, Entry>,
    limit: usize,
}

#[derive(Debug)]
struct Entry {
    membership: Membership,
    proof: Proof,
}

impl Entry {
    fn new() -> Self {
        Self { membership: Membership::NeedConnection, proof: Proof::default() }
    }
}

impl Namespaces {
    pub(super) fn new(primary: Namespace, limit: usize) -> Self {
        let mut entries = SortedMap::new();
        entries.insert(primary, Entry::new());
        Self { entries, limit }
    }

    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    /// The membership, which begins now if there was none.
    pub(super) fn want(&mut self, namespace: &Namespace) -> Result<&mut Membership, TooMany> {
        if !self.entries.contains_key(namespace) {
            if self.entries.len() >= self.limit {
                return Err(TooMany);
            }
            self.entries.insert(namespace.detach(), Entry::new());
        }
        self.get_mut(namespace).ok_or(TooMany)
    }

    pub(super) fn get(&self, namespace: &Namespace) -> Option<&Membership> {
        self.entries.get(namespace).map(|entry| &entry.membership)
    }

    pub(super) fn get_mut(&mut self, namespace: &Namespace) -> Option<&mut Membership> {
        self.entries.get_mut(namespace).map(|entry| &mut entry.membership)
    }

    pub(super) fn proof_mut(&mut self, namespace: &Namespace) -> Option<&mut Proof> {
        self.entries.get_mut(namespace).map(|entry| &mut entry.proof)
    }

    pub(super) fn proofs_mut(&mut self) -> impl Iterator<Item = &mut Proof> {
        self.entries.values_mut().map(|entry| &mut entry.proof)
    }

    pub(super) fn forget_proofs(&mut self) {
        self.proofs_mut().for_each(|proof| *proof = Proof::default());
    }

    /// Nothing counts of what the namespace was asked for with.
    pub(super) fn forget_proof(&mut self, namespace: &Namespace) {
        self.proof_mut(namespace).map(mem::take);
    }

    pub(super) fn remove(&mut self, namespace: &Namespace) {
        self.entries.remove(namespace);
    }

    pub(super) fn is_joined(&self, namespace: &Namespace) -> bool {
        matches!(self.get(namespace), Some(Membership::Joined { .. }))
    }

    /// What the server grants in a namespace that is joined.
    pub(super) fn grant(&self, namespace: &Namespace) -> Option<&Grant> {
        match self.get(namespace) {
            Some(Membership::Joined { grant, .. }) => grant.as_ref(),
            _ => None,
        }
    }

    pub(super) fn joined(&self) -> impl Iterator<Item = &Namespace> {
        self.entries
            .iter()
            .filter(|(_, entry)| matches!(entry.membership, Membership::Joined { .. }))
            .map(|(name, _)| name)
    }

    /// Those that wait for a connection.
    pub(super) fn waiting(&self) -> Vec<Namespace> {
        self.all_at(&Membership::NeedConnection)
    }

    /// Those that wait for a fresh token.
    pub(super) fn waiting_for_token(&self) -> Vec<Namespace> {
        self.all_at(&Membership::NeedToken)
    }

    fn all_at(&self, membership: &Membership) -> Vec<Namespace> {
        let all = self.entries.iter().filter(|(_, entry)| entry.membership == *membership);
        all.map(|(name, _)| name.clone()).collect()
    }

    /// The connection is gone: those still wanted wait for the next one. Gives those that were joined.
    pub(super) fn connection_ended(&mut self) -> Vec<Namespace> {
        let mut joined = Vec::new();
        self.entries.retain(|name, Entry { membership, .. }| {
            let leaving = matches!(
                membership,
                Membership::NeedAnswer { then_leave: true, .. } | Membership::NeedLateAnswer { then_leave: true }
            );
            if !matches!(membership, Membership::Ended { retry_at: None })
                && let Membership::Joined { .. } = mem::replace(membership, Membership::NeedConnection)
            {
                joined.push(name.clone());
            }
            !leaving
        });
        joined
    }

    /// The application starts afresh: what the server ended is wanted again.
    pub(super) fn revive(&mut self) {
        for membership in self.memberships_mut() {
            if matches!(membership, Membership::Ended { .. }) {
                *membership = Membership::NeedConnection;
            }
        }
    }

    pub(super) fn next_due(&self) -> Option<Timestamp> {
        self.entries.values().filter_map(|entry| entry.membership.due_at()).min()
    }

    /// Takes out one that is due: an overdue answer is awaited as a late one, a retry waits for its CONNECT.
    pub(super) fn pop_due(&mut self, now: Timestamp) -> Option<Due> {
        let is_due = |membership: &Membership| membership.due_at().is_some_and(|at| at <= now);
        let (name, Entry { membership, .. }) = self.entries.iter_mut().find(|(_, entry)| is_due(&entry.membership))?;
        match *membership {
            Membership::NeedAnswer { then_leave, .. } => {
                *membership = Membership::NeedLateAnswer { then_leave };
                Some(Due::AnswerOverdue(name.clone()))
            }
            _ => {
                *membership = Membership::NeedConnection;
                Some(Due::Retry(name.clone()))
            }
        }
    }

    /// Lets no answer be overdue before this time.
    pub(super) fn defer(&mut self, until: Timestamp) {
        for membership in self.memberships_mut() {
            if let Membership::NeedAnswer { deadline: Some(deadline), .. } = membership {
                *deadline = (*deadline).max(until);
            }
        }
    }

    fn memberships_mut(&mut self) -> impl Iterator<Item = &mut Membership> {
        self.entries.values_mut().map(|entry| &mut entry.membership)
    }
}

impl Membership {
    fn due_at(&self) -> Option<Timestamp> {
        match self {
            Self::NeedAnswer { deadline, .. } => *deadline,
            Self::Refused { retry_at } | Self::Ended { retry_at } => *retry_at,
            Self::NeedConnection | Self::NeedLateAnswer { .. } | Self::NeedToken | Self::Joined { .. } => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(name: &str) -> Namespace {
        Namespace::try_new(name).unwrap()
    }

    #[test]
    fn the_limit_counts_the_primary_one_and_spares_the_known() {
        let mut namespaces = Namespaces::new(name("p"), 2);
        assert!(namespaces.want(&name("a")).is_ok());
        assert!(namespaces.want(&name("b")).is_err());
        assert!(namespaces.want(&name("a")).is_ok());
        namespaces.remove(&name("a"));
        assert!(namespaces.want(&name("b")).is_ok());
    }

    #[test]
    fn a_lost_connection_keeps_what_is_wanted() {
        let at = Timestamp::from_millis(1);
        let mut namespaces = Namespaces::new(name("p"), 10);
        for (namespace, membership) in [
            ("p", Membership::Joined { sid: Sid::new("s"), grant: None }),
            ("answer", Membership::NeedAnswer { deadline: Some(at), then_leave: false }),
            ("left", Membership::NeedAnswer { deadline: Some(at), then_leave: true }),
            ("late", Membership::NeedLateAnswer { then_leave: true }),
            ("refused", Membership::Refused { retry_at: None }),
            ("token", Membership::NeedToken),
            ("ended", Membership::Ended { retry_at: None }),
            ("ended-for-now", Membership::Ended { retry_at: Some(at) }),
        ] {
            *namespaces.want(&name(namespace)).unwrap() = membership;
        }
        assert_eq!(namespaces.connection_ended(), [name("p")]);
        let waiting: Vec<_> = namespaces.waiting().iter().map(|name| name.name().to_owned()).collect();
        assert_eq!(waiting, ["answer", "ended-for-now", "p", "refused", "token"]);
        assert_eq!(namespaces.len(), 6);
        namespaces.revive();
        assert_eq!(namespaces.waiting().len(), 6);
    }

    #[test]
    fn what_is_due_comes_once() {
        let at = Timestamp::from_millis;
        let mut namespaces = Namespaces::new(name("p"), 10);
        *namespaces.want(&name("a")).unwrap() = Membership::NeedAnswer { deadline: Some(at(5)), then_leave: false };
        *namespaces.want(&name("b")).unwrap() = Membership::Refused { retry_at: Some(at(3)) };
        assert_eq!(namespaces.next_due(), Some(at(3)));
        assert_eq!(namespaces.pop_due(at(2)), None);
        assert_eq!(namespaces.pop_due(at(5)), Some(Due::AnswerOverdue(name("a"))));
        assert_eq!(namespaces.pop_due(at(5)), Some(Due::Retry(name("b"))));
        assert_eq!(namespaces.pop_due(at(5)), None);
        assert_eq!(namespaces.next_due(), None);
    }
}
