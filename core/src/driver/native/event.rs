use std::{
    sync::{Arc, Weak},
    time::Duration,
};

use serde::{Serialize, de::DeserializeOwned};

use super::{
    error::{Closed, ReplyFailed},
    shared::Shared,
};
use crate::{
    manager::{
        Continuity, DeliveryStatus, DisconnectReason, DroppedMessage, JoinFailure, LeaveReason, MessageId,
        ReceivedEvent, StoreError,
    },
    socketio::{ArgError, Namespace, Payload, Sid},
};

/// An event from the server, as a listener or stream gets it. Cloning is cheap; arguments are parsed when asked for.
#[derive(Clone, Debug)]
pub struct Event {
    pub(super) received: ReceivedEvent,
    pub(super) missed: u64,
    pub(super) shared: Weak<Shared>,
}

impl Event {
    /// Where it came.
    #[must_use]
    pub fn namespace(&self) -> &Namespace {
        &self.received.namespace
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.received.event
    }

    /// Its arguments.
    #[must_use]
    pub fn payload(&self) -> &Payload {
        &self.received.payload
    }

    /// Argument `index`, counted from 0, as a `T`.
    ///
    /// # Errors
    /// When there is no such argument, or it is of another type.
    pub fn arg<T: DeserializeOwned>(&self, index: usize) -> Result<T, ArgError> {
        self.received.payload.arg(index)
    }

    /// How many events this listener or stream was too slow for, just before this one. See the
    /// [module](crate::driver::native#slow-and-failing-listeners).
    #[must_use]
    pub fn missed(&self) -> u64 {
        self.missed
    }

    /// Whether the server asked for an acknowledgement.
    #[must_use]
    pub fn wants_ack(&self) -> bool {
        self.received.reply.is_some()
    }

    /// Acknowledges with one argument. Of several listeners, the first one's answer counts.
    ///
    /// # Errors
    /// When none was asked for, there is one already, the connection is another by now, or `value` can't be encoded.
    pub fn ack<T: Serialize + ?Sized>(&self, value: &T) -> Result<(), ReplyFailed> {
        self.ack_payload(&Payload::from_value(value)?)
    }

    /// Acknowledges with these arguments.
    ///
    /// # Errors
    /// As [`ack`](Self::ack).
    pub fn ack_payload(&self, payload: &Payload) -> Result<(), ReplyFailed> {
        let reply = self.received.reply.ok_or(ReplyFailed::NotAsked)?;
        let shared = self.shared.upgrade().ok_or(Closed)?;
        Ok(shared.with_manager(|manager, now| manager.reply(now, reply, payload))??)
    }
}

/// What befalls the connection beside its status and quality.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Notice {
    /// A namespace is joined, for the first time or again.
    Joined {
        /// Which.
        namespace: Namespace,
        /// The id of the session on the server.
        sid: Sid,
        /// Whether events can have been missed since it was joined before.
        continuity: Continuity,
    },
    /// A namespace could not be joined; never the primary one.
    JoinFailed {
        /// Which.
        namespace: Namespace,
        /// Why.
        error: JoinFailure,
    },
    /// A joined namespace ended.
    Left {
        /// Which.
        namespace: Namespace,
        /// Why.
        reason: LeaveReason,
    },
    /// An attempt failed or a connection was lost, and the next attempt is after this delay.
    RetryScheduled {
        /// How many attempts have failed in a row.
        failed_attempts: u32,
        /// From now until the next.
        delay: Duration,
        /// How the last ended.
        reason: DisconnectReason,
    },
    /// A message left the offline queue without being sent.
    MessageDropped(DroppedMessage),
    /// A durable message is further, one that nobody follows too.
    Delivery {
        /// Which.
        message: MessageId,
        /// How far.
        status: DeliveryStatus,
    },
    /// Durable messages that a former process, or another client of this one, has left are this client's now. How far they
    /// are comes as [`Notice::Delivery`].
    Restored {
        /// Which, in the order in which they are sent.
        messages: Arc<[MessageId]>,
        /// Records that could not be read. Their files are set aside.
        unreadable: u64,
    },
    /// The store failed. What was not accepted because of it is told one by one.
    StoreFailed(StoreError),
}
