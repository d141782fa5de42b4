use nexus_core::Bytes;

use super::CloseCode;

/// What an extension does to messages on their way in: the seam for permessage-deflate.
///
/// Framing itself (headers, masks, fragments, control frames) is the [`Decoder`](super::Decoder)'s.
pub trait Framing {
    /// Whether the first frame of a message may have the bit RSV1 set.
    fn allows_rsv1(&self) -> bool;

    /// Turns an assembled message into what the peer meant. `marked` says whether RSV1 was set;
    /// the result may have `max_size` bytes at most.
    ///
    /// # Errors
    /// The code to close the connection with: data that is no valid encoding, or too much of it.
    fn unpack(&mut self, payload: Bytes, marked: bool, max_size: usize) -> Result<Bytes, CloseCode>;
}

/// No extension: messages are what the frames carry.
#[derive(Debug, Clone, Copy, Default)]
pub struct Plain;

impl Framing for Plain {
    fn allows_rsv1(&self) -> bool {
        false
    }

    fn unpack(&mut self, payload: Bytes, _marked: bool, _max_size: usize) -> Result<Bytes, CloseCode> {
        Ok(payload)
    }
}
