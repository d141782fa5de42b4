use bytestring::ByteString;
use nexus_core::socketio::Namespace;

/// The events that somebody listens to. A client has few, so a list is searched faster than anything else, and is less
/// code.
#[derive(Default)]
pub(crate) struct Channels {
    last_id: u32,
    open: Vec<Channel>,
}

struct Channel {
    id: u32,
    namespace: Namespace,
    event: ByteString,
}

impl Channels {
    /// The channel of an event, opened if there is none.
    pub(crate) fn open(&mut self, namespace: Namespace, event: &str) -> u32 {
        if let Some(id) = self.of(&namespace, event) {
            return id;
        }
        self.last_id += 1;
        self.open.push(Channel { id: self.last_id, namespace, event: event.into() });
        self.last_id
    }

    pub(crate) fn close(&mut self, id: u32) {
        self.open.retain(|channel| channel.id != id);
    }

    pub(crate) fn clear(&mut self) {
        self.open.clear();
    }

    /// The channel of an event, if it is open.
    pub(crate) fn of(&self, namespace: &Namespace, event: &str) -> Option<u32> {
        let found = self.open.iter().find(|channel| *channel.event == *event && channel.namespace == *namespace)?;
        Some(found.id)
    }
}
