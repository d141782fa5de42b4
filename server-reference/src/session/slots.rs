use nexus_core::{
    socketio::{Decoder, Namespace},
    time::Timestamp,
};
use smallvec::SmallVec;

use super::{Message, SlotId, delivery::SlotDelivery};

/// The Socket.IO half.
#[derive(Debug)]
pub(super) struct Router {
    pub(super) decoder: Decoder,
    pub(super) attachments_due: Option<Timestamp>,
    pub(super) connect_due: Option<Timestamp>,
    pub(super) slots: SmallVec<[Slot; 1]>,
    pub(super) last_slot: u32,
    /// A rule was broken: what came with the same request is not looked at.
    pub(super) broken: bool,
}

#[derive(Debug)]
pub(super) struct Slot {
    pub(super) id: SlotId,
    pub(super) namespace: Namespace,
    pub(super) state: SlotState,
    /// What was granted there, if the client asked.
    pub(super) delivery: Option<Box<SlotDelivery>>,
}

#[derive(Debug)]
pub(super) enum SlotState {
    /// The driver was asked, and has not answered yet.
    Deciding,
    /// Accepted, but not yet said to the client: what is sent meanwhile waits.
    Accepting(Vec<Message>),
    /// Said to the client a moment ago: what is sent meanwhile waits until then.
    Settling(Vec<Message>, Timestamp),
    Joined,
    /// The server ended it. The client may not know yet: what still comes is ignored.
    Ended,
    /// The client left while the driver was asked. It counts until the driver answers: each question
    /// may cost something.
    Abandoned,
}

impl SlotState {
    /// Whether the application has a socket for it.
    pub(super) fn is_accepted(&self) -> bool {
        matches!(self, Self::Accepting(_) | Self::Settling(..) | Self::Joined)
    }
}

impl Router {
    pub(super) fn slot(&mut self, id: SlotId) -> Option<&mut Slot> {
        self.slots.iter_mut().find(|slot| slot.id == id)
    }

    pub(super) fn named(&mut self, namespace: &Namespace) -> Option<&mut Slot> {
        self.slots.iter_mut().find(|slot| slot.namespace == *namespace && !matches!(slot.state, SlotState::Abandoned))
    }
}
