use std::fmt;

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

/// Hands out ids in increasing order, starting with 1.
#[derive(Debug, Default)]
pub(super) struct IdSource(u64);

impl IdSource {
    pub(super) fn next(&mut self) -> u64 {
        self.0 += 1;
        self.0
    }
}
