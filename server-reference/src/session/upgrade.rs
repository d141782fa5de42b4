use nexus_core::{
    engineio::{Frame, Packet},
    time::Timestamp,
};

use super::Message;

/// What the driver of the second transport does next.
#[derive(Debug, Clone)]
pub enum UpgradeStep {
    /// Write this, and read on.
    Answer(Message),
    /// The session has moved to this transport: go on as its driver.
    Upgraded,
    /// Close this transport; the session is none of its business any more.
    Abort,
}

/// A WebSocket that wants to take over a polling session.
#[derive(Debug)]
pub(super) struct Upgrade {
    pub(super) opened_at: Timestamp,
    pub(super) deadline: Timestamp,
    /// When the upgrade probe came.
    pub(super) probed_at: Option<Timestamp>,
}

/// What a frame on the second transport means.
pub(super) enum UpgradeInput {
    Probe,
    Complete,
    Broken,
}

impl UpgradeInput {
    pub(super) fn read(frame: Frame) -> Self {
        match Packet::decode(frame) {
            Ok(Packet::Ping(data)) if &*data == "probe" => Self::Probe,
            Ok(Packet::Upgrade) => Self::Complete,
            _ => Self::Broken,
        }
    }
}
