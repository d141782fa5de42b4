use std::sync::Arc;

use futures_util::StreamExt;
use nexus_core::{
    driver::{DurableEmit, Outcome},
    manager,
};

use crate::{error::RealtimeError, event::Payload, runtime::within};

/// How far a durable message is. The last five end it: exactly one of them comes.
#[derive(Clone, Debug, PartialEq, Eq, uniffi::Enum)]
pub enum DeliveryStatus {
    /// It waits for the store.
    Queued,
    /// It is accepted: it survives the process from now on.
    Persisted,
    /// It was handed to a transport, for the first time or again.
    Sent,
    /// The server has it, for good.
    Acked {
        /// The arguments of its acknowledgement.
        payload: Payload,
    },
    /// Its time to live passed.
    Expired {
        /// Whether it had been sent: the server may have it.
        sent: bool,
    },
    /// It was refused for good, by the server, or by the store before it was accepted.
    Rejected {
        /// The server's code, or the store's.
        code: String,
        /// What the server said besides.
        payload: Payload,
    },
    /// It was cancelled.
    Cancelled {
        /// Whether it had been sent: the server may have it.
        sent: bool,
    },
    /// The server may or may not have it, and nobody can tell.
    Unknown,
}

impl From<&manager::DeliveryStatus> for DeliveryStatus {
    fn from(status: &manager::DeliveryStatus) -> Self {
        match status {
            manager::DeliveryStatus::Queued => Self::Queued,
            manager::DeliveryStatus::Persisted => Self::Persisted,
            manager::DeliveryStatus::Sent => Self::Sent,
            manager::DeliveryStatus::Acked(payload) => Self::Acked { payload: payload.into() },
            manager::DeliveryStatus::Expired { sent } => Self::Expired { sent: *sent },
            manager::DeliveryStatus::Rejected { code, payload } => {
                Self::Rejected { code: code.to_string(), payload: payload.into() }
            }
            manager::DeliveryStatus::Cancelled { sent } => Self::Cancelled { sent: *sent },
            _ => Self::Unknown,
        }
    }
}

impl From<Outcome> for DeliveryStatus {
    fn from(outcome: Outcome) -> Self {
        match outcome {
            Outcome::Acked(payload) => Self::Acked { payload: (&payload).into() },
            Outcome::Expired { sent } => Self::Expired { sent },
            Outcome::Rejected { code, payload } => {
                Self::Rejected { code: code.to_string(), payload: (&payload).into() }
            }
            Outcome::Cancelled { sent } => Self::Cancelled { sent },
            _ => Self::Unknown,
        }
    }
}

/// A durable message, to follow. Letting go of it cancels nothing.
#[derive(Debug, uniffi::Object)]
pub struct DurableMessage {
    emit: DurableEmit,
}

impl DurableMessage {
    pub(crate) fn new(emit: DurableEmit) -> Arc<Self> {
        Arc::new(Self { emit })
    }
}

#[uniffi::export]
impl DurableMessage {
    /// Names the message in its client: see [`Client::cancel`](crate::Client::cancel).
    pub fn id(&self) -> u64 {
        self.emit.id().as_u64()
    }

    /// How far it is.
    pub fn status(&self) -> DeliveryStatus {
        (&self.emit.status()).into()
    }

    /// Waits until the message is accepted: from then on it survives the process and a power cut.
    ///
    /// # Errors
    /// [`RealtimeError::Emit`] if it is not accepted, [`RealtimeError::WaitTimedOut`], or [`RealtimeError::Closed`].
    pub async fn accepted(&self, timeout_ms: u64) -> Result<(), RealtimeError> {
        let accepted = within(timeout_ms, self.emit.accepted()).await?;
        Ok(accepted.ok_or(RealtimeError::WaitTimedOut)??)
    }

    /// Waits until the message has ended.
    ///
    /// # Errors
    /// [`RealtimeError::WaitTimedOut`], or [`RealtimeError::Closed`]: an accepted message stays in the store then.
    pub async fn outcome(&self, timeout_ms: u64) -> Result<DeliveryStatus, RealtimeError> {
        let outcome = within(timeout_ms, self.emit.outcome()).await?;
        Ok(outcome.ok_or(RealtimeError::WaitTimedOut)??.into())
    }

    /// What the message was from the start, in order, repeats left out, from the entry `seen` on: waits for one at least.
    /// Empty: nothing follows, as all of its four stages at most were seen, or the client was closed.
    ///
    /// # Errors
    /// [`RealtimeError::WaitTimedOut`].
    pub async fn statuses(&self, seen: u32, timeout_ms: u64) -> Result<Vec<DeliveryStatus>, RealtimeError> {
        let seen = usize::try_from(seen).unwrap_or(usize::MAX);
        let next = async {
            let mut statuses = std::pin::pin!(self.emit.statuses().skip(seen));
            statuses.next().await
        };
        let next = within(timeout_ms, next).await?.ok_or(RealtimeError::WaitTimedOut)?;
        Ok(next.iter().map(Into::into).collect())
    }
}
