use nexus_core::{driver, manager};

use crate::{
    delivery::DeliveryStatus,
    error::{ServerSaid, millis},
    status::DisconnectReason,
};

/// What a joining says of the time since the namespace was joined before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, uniffi::Enum)]
pub enum Continuity {
    /// It had not been joined before for this user, or the application has left it, or disconnected, since.
    First,
    /// The server recovered the session: nothing was missed.
    Recovered,
    /// Events may have been missed.
    Gap {
        /// Whether what is addressed to the user is complete all the same, from the inbox.
        inbox_complete: bool,
        /// So many events were in the inbox, and are lost.
        lost: u64,
    },
}

impl From<manager::Continuity> for Continuity {
    fn from(continuity: manager::Continuity) -> Self {
        match continuity {
            manager::Continuity::First => Self::First,
            manager::Continuity::Recovered => Self::Recovered,
            manager::Continuity::Gap { inbox_complete, lost } => Self::Gap { inbox_complete, lost },
            _ => Self::Gap { inbox_complete: false, lost: 0 },
        }
    }
}

/// How a joined namespace ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, uniffi::Enum)]
pub enum LeaveReason {
    /// The application left it.
    ClientLeft,
    /// The server ended it.
    ServerDisconnect,
    /// The connection ended.
    ConnectionLost,
}

impl From<manager::LeaveReason> for LeaveReason {
    fn from(reason: manager::LeaveReason) -> Self {
        match reason {
            manager::LeaveReason::ClientLeft => Self::ClientLeft,
            manager::LeaveReason::ServerDisconnect => Self::ServerDisconnect,
            _ => Self::ConnectionLost,
        }
    }
}

/// Why a queued message was not sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, uniffi::Enum)]
pub enum DropReason {
    /// Its time to live passed.
    Expired,
    /// A newer message took its place in a full queue.
    Overflow,
    /// It was cancelled.
    Cancelled,
    /// The timeout of its acknowledgement passed.
    AckTimedOut,
    /// It is larger than the server, known by now, takes.
    TooLarge,
    /// Its namespace was left.
    NamespaceLeft,
    /// Another user connected.
    UserChanged,
    /// It was sent, and the server may or may not have it.
    Unknown,
}

impl From<manager::DropReason> for DropReason {
    fn from(reason: manager::DropReason) -> Self {
        match reason {
            manager::DropReason::Expired => Self::Expired,
            manager::DropReason::Overflow => Self::Overflow,
            manager::DropReason::Cancelled => Self::Cancelled,
            manager::DropReason::AckTimedOut => Self::AckTimedOut,
            manager::DropReason::TooLarge => Self::TooLarge,
            manager::DropReason::NamespaceLeft => Self::NamespaceLeft,
            manager::DropReason::UserChanged => Self::UserChanged,
            _ => Self::Unknown,
        }
    }
}

/// What befalls the connection beside its status and quality.
#[derive(Clone, Debug, PartialEq, Eq, uniffi::Enum)]
pub enum Notice {
    /// A namespace is joined, for the first time or again.
    Joined {
        /// Which.
        namespace: String,
        /// The id of the session on the server.
        sid: String,
        /// Whether events can have been missed since it was joined before.
        continuity: Continuity,
    },
    /// A namespace could not be joined; never the primary one.
    JoinFailed {
        /// Which.
        namespace: String,
        /// Stable name.
        code: String,
        /// For people.
        text: String,
        /// What the server said, if it did.
        server: Option<ServerSaid>,
    },
    /// A joined namespace ended.
    Left {
        /// Which.
        namespace: String,
        /// Why.
        reason: LeaveReason,
    },
    /// An attempt failed or a connection was lost, and the next attempt is after this delay.
    RetryScheduled {
        /// How many attempts have failed in a row.
        failed_attempts: u32,
        /// From now until the next, in milliseconds.
        delay_ms: u64,
        /// How the last ended.
        reason: DisconnectReason,
    },
    /// A message left the offline queue without being sent.
    MessageDropped {
        /// Which.
        message: u64,
        /// Where it should have gone.
        namespace: String,
        /// Its name.
        event: String,
        /// Why.
        reason: DropReason,
    },
    /// A durable message is further, one that nobody follows too.
    Delivery {
        /// Which.
        message: u64,
        /// How far.
        status: DeliveryStatus,
    },
    /// Durable messages that a former process, or another client of this one, has left are this client's now.
    Restored {
        /// Which, in the order in which they are sent.
        messages: Vec<u64>,
        /// Records that could not be read. Their files are set aside.
        unreadable: u64,
    },
    /// The store failed. What was not accepted because of it is told one by one.
    StoreFailed {
        /// Stable name.
        code: String,
        /// For people.
        text: String,
    },
}

impl Notice {
    /// `None`: a notice that this shell does not know yet.
    pub(crate) fn of(notice: driver::Notice) -> Option<Self> {
        Some(match notice {
            driver::Notice::Joined { namespace, sid, continuity } => Self::Joined {
                namespace: namespace.name().to_owned(),
                sid: sid.to_string(),
                continuity: continuity.into(),
            },
            driver::Notice::JoinFailed { namespace, error } => Self::JoinFailed {
                namespace: namespace.name().to_owned(),
                code: error.code().to_owned(),
                text: error.to_string(),
                server: match &error {
                    manager::JoinFailure::Refused(said) => Some(said.into()),
                    _ => None,
                },
            },
            driver::Notice::Left { namespace, reason } => {
                Self::Left { namespace: namespace.name().to_owned(), reason: reason.into() }
            }
            driver::Notice::RetryScheduled { failed_attempts, delay, reason } => {
                Self::RetryScheduled { failed_attempts, delay_ms: millis(delay), reason: (&reason).into() }
            }
            driver::Notice::MessageDropped(dropped) => Self::MessageDropped {
                message: dropped.message.as_u64(),
                namespace: dropped.namespace.name().to_owned(),
                event: dropped.event.to_string(),
                reason: dropped.reason.into(),
            },
            driver::Notice::Delivery { message, status } => {
                Self::Delivery { message: message.as_u64(), status: (&status).into() }
            }
            driver::Notice::Restored { messages, unreadable } => {
                Self::Restored { messages: messages.iter().map(|message| message.as_u64()).collect(), unreadable }
            }
            driver::Notice::StoreFailed(error) => {
                Self::StoreFailed { code: error.kind.code().to_owned(), text: error.to_string() }
            }
            _ => return None,
        })
    }
}
