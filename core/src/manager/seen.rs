use std::{
    collections::VecDeque,
    hash::{DefaultHasher, Hash as _, Hasher as _},
};

use crate::{json, socketio::Payload, sorted::SortedMap};

/// What tells an event from others, on servers that number none (`docs/protocol.md`, "Stock peers").
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Identity {
    hash: u64,
    /// The same may well be sent twice on purpose: only what an earlier session had is a repeat.
    is_weak: bool,
}

/// A host's `unique` that begins so is weak.
const WEAK: char = '#';

impl Identity {
    /// By the first argument's `uniqueId`; or, if it has an `id`, by all arguments, which is weak.
    pub(super) fn of(event: &str, payload: &Payload) -> Option<Self> {
        let first = payload.raw_arg(0).filter(|first| first.starts_with('{'))?;
        // Most events have neither, and are not worth a second reading.
        if !has(first, "\"uniqueId\"") && !has(first, "\"id\"") {
            return None;
        }
        let [unique, id] = json::fields(first, ["uniqueId", "id"])?;
        if let Some(unique) = unique.filter(|unique| is_plain(unique)) {
            return Some(Self::of_unique(event, unique));
        }
        id.filter(|id| is_plain(id))?;
        let mut hasher = hasher(event);
        (WEAK, payload.raw_args(), payload.attachments()).hash(&mut hasher);
        Some(Self { hash: hasher.finish(), is_weak: true })
    }

    /// By what a host found.
    pub(super) fn of_unique(event: &str, unique: &str) -> Self {
        let mut hasher = hasher(event);
        unique.hash(&mut hasher);
        Self { hash: hasher.finish(), is_weak: unique.starts_with(WEAK) }
    }
}

/// `contains`, with a tenth of its code.
fn has(text: &str, part: &str) -> bool {
    text.as_bytes().windows(part.len()).any(|window| window == part.as_bytes())
}

/// A string, or a number.
fn is_plain(json: &str) -> bool {
    json.starts_with(|first: char| first == '"' || first == '-' || first.is_ascii_digit())
}

/// Ids are made by other users: a hash for which texts of the same hash are hard to find, and which is the same in each run.
fn hasher(event: &str) -> DefaultHasher {
    let mut hasher = DefaultHasher::new();
    event.hash(&mut hasher);
    hasher
}

/// The identities that came last, so many at most.
#[derive(Debug, Default)]
pub(super) struct Seen {
    /// Oldest first.
    order: VecDeque<u64>,
    /// The session in which each came last.
    sessions: SortedMap<u64, u64>,
}

impl Seen {
    pub(super) fn len(&self) -> usize {
        self.order.len()
    }

    /// Notes an event of this session, and says whether it is a repeat.
    pub(super) fn is_repeat(&mut self, identity: Identity, session: u64, limit: usize) -> bool {
        if let Some(before) = self.sessions.get_mut(&identity.hash) {
            let before = std::mem::replace(before, session);
            return !identity.is_weak || before < session;
        }
        if limit == 0 {
            return false;
        }
        while self.order.len() >= limit {
            self.order.pop_front().map(|oldest| self.sessions.remove(&oldest));
        }
        self.order.push_back(identity.hash);
        self.sessions.insert(identity.hash, session);
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn identity(args: &str) -> Option<Identity> {
        Identity::of("e", &Payload::try_from(args).unwrap())
    }

    #[test]
    fn a_unique_id_decides_whatever_else_differs() {
        let first = identity(r#"[{"uniqueId":"a","at":1}]"#).unwrap();
        assert_eq!(identity(r#"[{"at":2,"uniqueId":"a"},"more"]"#), Some(first));
        assert_ne!(identity(r#"[{"uniqueId":"b","at":1}]"#), Some(first));
        assert_ne!(Identity::of("f", &Payload::try_from(r#"[{"uniqueId":"a"}]"#).unwrap()), Some(first));
        assert_eq!(Identity::of_unique("e", "\"a\""), first, "a host gives the JSON text");
        assert_ne!(identity(r#"[{"uniqueId":7}]"#), identity(r#"[{"uniqueId":"7"}]"#));
    }

    #[test]
    fn an_id_decides_only_with_all_arguments() {
        let first = identity(r#"[{"id":1,"state":"on"}]"#).unwrap();
        assert!(first.is_weak);
        assert_eq!(identity(r#"[{"id":1,"state":"on"}]"#), Some(first));
        assert_ne!(identity(r#"[{"id":1,"state":"off"}]"#), Some(first));
        assert!(Identity::of_unique("e", "#12").is_weak);
    }

    #[test]
    fn most_events_have_no_identity() {
        for args in [
            "[]",
            "[1]",
            r#"["uniqueId"]"#,
            r#"[[{"uniqueId":1}]]"#,
            r#"[{"a":{"uniqueId":1}}]"#,
            r#"[{"uniqueId":null}]"#,
            r#"[{"uniqueId":{}}]"#,
            r#"[{"uniqueId":true}]"#,
            r#"[{"uniqueId":1,"uniqueId":1}]"#,
            r#"[1,{"uniqueId":1}]"#,
        ] {
            assert_eq!(identity(args), None, "{args}");
        }
    }

    #[test]
    fn the_window_is_bounded_and_forgets_the_oldest() {
        let strong = |text: &str| Identity::of_unique("e", text);
        let mut seen = Seen::default();
        assert!(!seen.is_repeat(strong("0"), 1, 0), "a window of none remembers none");
        assert_eq!(seen.len(), 0);
        for number in 0..4 {
            assert!(!seen.is_repeat(strong(&number.to_string()), 1, 3));
        }
        assert_eq!(seen.len(), 3);
        assert!(seen.is_repeat(strong("1"), 1, 3));
        assert!(!seen.is_repeat(strong("0"), 1, 3), "forgotten");
        assert_eq!((seen.len(), seen.sessions.len()), (3, 3));
    }

    #[test]
    fn what_is_weak_repeats_only_what_an_earlier_session_had() {
        let weak = Identity::of_unique("e", "#1");
        let mut seen = Seen::default();
        assert!(!seen.is_repeat(weak, 1, 3));
        assert!(!seen.is_repeat(weak, 1, 3));
        assert!(seen.is_repeat(weak, 2, 3));
        assert!(!seen.is_repeat(weak, 2, 3), "once a session");
    }
}
