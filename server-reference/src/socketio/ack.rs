use std::{collections::BTreeMap, sync::Arc};

use nexus_core::socketio::{AckId, Payload};
use tokio::sync::oneshot;

use super::SocketInner;

/// The acknowledgements that a socket waits for.
#[derive(Default)]
pub(super) struct Acks {
    last: u64,
    waiting: BTreeMap<u64, oneshot::Sender<Payload>>,
}

/// One that is waited for; gives up waiting when dropped.
pub(super) struct AwaitedAck {
    socket: Arc<SocketInner>,
    pub(super) id: AckId,
    pub(super) answer: oneshot::Receiver<Payload>,
}

impl Drop for AwaitedAck {
    fn drop(&mut self) {
        if let Some(acks) = &mut *self.socket.acks.lock() {
            acks.waiting.remove(&self.id.0);
        }
    }
}

impl SocketInner {
    pub(super) fn await_ack(self: &Arc<Self>) -> AwaitedAck {
        let (sender, answer) = oneshot::channel();
        let mut acks = self.acks.lock();
        let acks = acks.get_or_insert_default();
        acks.last += 1;
        acks.waiting.insert(acks.last, sender);
        AwaitedAck { socket: Arc::clone(self), id: AckId(acks.last), answer }
    }

    /// Returns whether somebody waited for it.
    pub(crate) fn acknowledge(&self, id: AckId, payload: Payload) -> bool {
        let waiting = self.acks.lock().as_mut().and_then(|acks| acks.waiting.remove(&id.0));
        waiting.is_some_and(|sender| sender.send(payload).is_ok())
    }

    /// No acknowledgement will come any more.
    pub(super) fn abandon_acks(&self) {
        let abandoned = self.acks.lock().take();
        drop(abandoned);
    }
}
