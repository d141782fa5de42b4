use std::fmt;

use bytestring::ByteString;
use rand_pcg::{
    Pcg32,
    rand_core::{Rng, SeedableRng},
};

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(u64);

        impl $name {
            /// The id as a number, for shells whose languages have no newtypes.
            pub const fn as_u64(self) -> u64 {
                self.0
            }

            /// The id that [`as_u64`](Self::as_u64) gave. An id that was never given out is refused, or ignored,
            /// by the operation that takes it.
            pub const fn from_u64(id: u64) -> Self {
                Self(id)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}

id! {
    /// One transport that the manager asked for. Never used twice in the life of a manager, so what a dead transport
    /// still reports is told apart from its successor.
    ConnectionId
}
id! {
    /// One emit. Increases with every emit of a manager.
    MessageId
}
id! {
    /// One call of `connect`, resolved once by [`Event::ConnectResolved`](super::Event::ConnectResolved).
    ConnectTicket
}
id! {
    /// One question for a token, answered by [`Command::ProvideToken`](super::Command::ProvideToken).
    TokenRequest
}
id! {
    /// The right to acknowledge one received event, used up by [`Command::Reply`](super::Command::Reply).
    ReplyId
}
id! {
    /// One request to the store, answered by [`StoreEvent::Answer`](super::StoreEvent::Answer).
    StoreTicket
}

/// Hands out names of instances, which are never the same.
#[derive(Debug)]
pub(super) struct InstanceSource(Pcg32);

impl InstanceSource {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    /// 132 bits.
    const LENGTH: usize = 22;

    /// Draws otherwise than what else the seed feeds.
    pub(super) fn new(seed: u64) -> Self {
        Self(Pcg32::seed_from_u64(seed.rotate_left(32) ^ 0x6e78_6369))
    }

    pub(super) fn next(&mut self) -> ByteString {
        let letter = |random: u32| Self::ALPHABET.get(random as usize >> 26).map_or('A', |letter| char::from(*letter));
        (0..Self::LENGTH).map(|_| letter(self.0.next_u32())).collect::<String>().into()
    }
}

/// Hands out ids in increasing order, starting with 1.
#[derive(Debug, Default)]
pub(super) struct IdSource(u64);

impl IdSource {
    pub(super) fn next(&mut self) -> u64 {
        self.0 += 1;
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instances_are_names_and_differ_by_draw_and_by_seed() {
        let mut names: Vec<_> = (0..50)
            .flat_map(|seed| {
                let mut source = InstanceSource::new(seed);
                [source.next(), source.next()]
            })
            .collect();
        assert!(names.iter().all(|name| name.len() == 22 && crate::socketio::delivery::is_name(name, 64)));
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), 100);
    }
}
