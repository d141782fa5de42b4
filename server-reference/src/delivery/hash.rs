use nexus_core::{
    Bytes,
    socketio::{Namespace, Payload},
};
use sha2::{Digest, Sha256};

/// SHA-256 over what an event says.
pub type Hash = [u8; 32];

/// What tells one durable event from another under the same id: namespace, name, arguments and attachments, without
/// marker and packet id. Each part goes in behind its length.
#[must_use]
pub fn hash_event(namespace: &Namespace, name: &str, payload: &Payload) -> Hash {
    let mut hash = Sha256::new();
    let texts = [namespace.as_str().as_bytes(), name.as_bytes(), payload.raw_args().as_bytes()];
    for part in texts.into_iter().chain(payload.attachments().iter().map(Bytes::as_ref)) {
        hash.update(u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
        hash.update(part);
    }
    hash.finalize().into()
}
