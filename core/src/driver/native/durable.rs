use futures_util::{Stream, stream};
use tokio::sync::watch;

use super::{
    error::{Closed, NotAccepted},
    shared::State,
};
use crate::{
    ByteString,
    manager::{DeliveryStatus, MessageId},
    socketio::Payload,
};

/// A durable message, to follow. Dropping this cancels nothing: see [`Client::cancel`](super::Client::cancel).
#[derive(Clone, Debug)]
#[must_use = "the message is accepted once `accepted` says so"]
pub struct DurableEmit {
    id: MessageId,
    /// What it has been, repeats left out: four entries at most.
    history: watch::Receiver<Vec<DeliveryStatus>>,
}

/// How a durable message ended.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Outcome {
    /// The server has it, for good. With the arguments of its acknowledgement.
    Acked(Payload),
    /// Its time to live passed. If `sent`, the server may have it.
    Expired {
        /// Whether it had been handed to a transport.
        sent: bool,
    },
    /// It was refused for good.
    Rejected {
        /// As in [`DeliveryStatus::Rejected`].
        code: ByteString,
        /// What the server said besides.
        payload: Payload,
    },
    /// It was cancelled. If `sent`, the server may have it.
    Cancelled {
        /// Whether it had been handed to a transport.
        sent: bool,
    },
    /// The server may or may not have it, and nobody can tell.
    Unknown,
}

impl DurableEmit {
    /// Names the message in this client.
    #[must_use]
    pub fn id(&self) -> MessageId {
        self.id
    }

    /// How far it is.
    #[must_use]
    pub fn status(&self) -> DeliveryStatus {
        self.history.borrow().last().cloned().unwrap_or(DeliveryStatus::Queued)
    }

    /// Waits until the message is accepted: from then on it survives the process and a power cut.
    ///
    /// # Errors
    /// If it is not accepted. One that ended meanwhile had been accepted, unless the error says otherwise.
    pub async fn accepted(&self) -> Result<(), NotAccepted> {
        let mut history = self.history.clone();
        let history = history.wait_for(|history| history.iter().any(|status| *status != DeliveryStatus::Queued)).await;
        let history = history.map_err(|_| Closed)?;
        match history.iter().find(|status| **status != DeliveryStatus::Queued) {
            Some(DeliveryStatus::Rejected { code, .. }) => Err(NotAccepted::Rejected { code: code.clone() }),
            Some(DeliveryStatus::Cancelled { .. }) => Err(NotAccepted::Cancelled),
            Some(DeliveryStatus::Expired { .. }) => Err(NotAccepted::Expired),
            _ => Ok(()),
        }
    }

    /// Waits until the message has ended: however long there is no connection, within its time to live.
    ///
    /// # Errors
    /// If the client is closed before. An accepted message stays in the store then, for the next client of the same server
    /// and user.
    pub async fn outcome(&self) -> Result<Outcome, Closed> {
        let mut history = self.history.clone();
        let history = history.wait_for(|history| history.iter().any(DeliveryStatus::is_final)).await;
        let history = history.map_err(|_| Closed)?;
        history.last().cloned().and_then(Outcome::of).ok_or(Closed)
    }

    /// What the message was from the start, and becomes; one that is sent again and again is so once. Ends with its
    /// outcome, or with the client.
    pub fn statuses(&self) -> impl Stream<Item = DeliveryStatus> + Send + use<> {
        stream::unfold((self.history.clone(), 0), |(mut history, seen)| async move {
            let more = history.wait_for(|history| history.len() > seen).await.ok();
            let next = more.and_then(|history| history.get(seen).cloned())?;
            Some((next, (history, seen + 1)))
        })
    }
}

impl Outcome {
    fn of(status: DeliveryStatus) -> Option<Self> {
        Some(match status {
            DeliveryStatus::Queued | DeliveryStatus::Persisted | DeliveryStatus::Sent => return None,
            DeliveryStatus::Acked(payload) => Self::Acked(payload),
            DeliveryStatus::Expired { sent } => Self::Expired { sent },
            DeliveryStatus::Rejected { code, payload } => Self::Rejected { code, payload },
            DeliveryStatus::Cancelled { sent } => Self::Cancelled { sent },
            DeliveryStatus::Unknown => Self::Unknown,
        })
    }
}

impl State {
    /// Lets somebody follow a message that was emitted under the same lock.
    pub(super) fn watch(&mut self, id: MessageId) -> DurableEmit {
        let (tell, history) = watch::channel(Vec::new());
        self.deliveries.insert(id, tell);
        DurableEmit { id, history }
    }

    /// Tells who follows a message how far it is.
    pub(super) fn follow(&mut self, id: MessageId, status: &DeliveryStatus) {
        let Some(tell) = self.deliveries.get(&id) else { return };
        if tell.is_closed() {
            self.deliveries.remove(&id);
            return;
        }
        tell.send_if_modified(|history| {
            let is_new = !history.contains(status);
            if is_new {
                history.push(status.clone());
            }
            is_new
        });
        if status.is_final() {
            self.deliveries.remove(&id);
        }
    }
}
