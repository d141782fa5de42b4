use std::sync::Arc;

use bytes::Bytes;
use nexus_core::{driver, socketio};

use crate::error::RealtimeError;

/// Arguments of an event or acknowledgement.
#[derive(Clone, Debug, PartialEq, Eq, uniffi::Record)]
pub struct Payload {
    /// JSON text of the array of arguments. Bytes are placeholders in it: `{"_placeholder":true,"num":0}` is the first of
    /// `attachments`.
    pub json: String,
    /// The bytes, in the order of their placeholders' numbers.
    pub attachments: Vec<Vec<u8>>,
}

impl Payload {
    /// Checks the text: it has to be an array, and if there are attachments, each placeholder has to have its own.
    pub(crate) fn into_core(self) -> Result<socketio::Payload, socketio::EncodeError> {
        let attachments = self.attachments.into_iter().map(Bytes::from).collect();
        socketio::Payload::from_json(self.json.into(), attachments)
    }
}

impl From<&socketio::Payload> for Payload {
    fn from(payload: &socketio::Payload) -> Self {
        let attachments = payload.attachments().iter().map(|bytes| bytes.to_vec()).collect();
        Self { json: format!("[{}]", payload.raw_args()), attachments }
    }
}

/// An event from the server.
#[derive(Clone, Debug, uniffi::Record)]
pub struct Event {
    /// Where it came.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// Its arguments.
    pub payload: Payload,
    /// How many events this source was too slow for, just before this one.
    pub missed: u64,
    /// Present if the server asked for an acknowledgement.
    pub reply: Option<Arc<Reply>>,
}

impl From<driver::Event> for Event {
    fn from(event: driver::Event) -> Self {
        Self {
            namespace: event.namespace().name().to_owned(),
            name: event.name().to_owned(),
            payload: event.payload().into(),
            missed: event.missed(),
            reply: event.wants_ack().then(|| Arc::new(Reply { event })),
        }
    }
}

/// The right to acknowledge one event. Of several who have it, the first one's answer counts.
#[derive(Debug, uniffi::Object)]
pub struct Reply {
    event: driver::Event,
}

#[uniffi::export]
impl Reply {
    /// Acknowledges with these arguments.
    ///
    /// # Errors
    /// [`RealtimeError::Reply`] when there is an acknowledgement already, the connection is another by now, or the
    /// arguments can't be sent.
    pub fn send(&self, payload: Payload) -> Result<(), RealtimeError> {
        let payload = payload.into_core().map_err(|error| RealtimeError::of_reply(&error))?;
        Ok(self.event.ack_payload(&payload)?)
    }
}
