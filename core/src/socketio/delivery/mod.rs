//! What is written on top of Socket.IO to deliver once and in order: `docs/protocol.md` states it as bytes.

mod marker;
mod negotiation;
mod offset;
mod outcome;
mod stock;

pub use marker::{Class, EMPTY_MARKER, Marker, looks_like_marker};
pub use negotiation::{Grant, Request};
pub use offset::{Offset, Position};
pub use outcome::Outcome;
pub(crate) use stock::looks_like_stock_offset;

/// The event of the protocol itself, on namespaces where something was negotiated: `["$nx",{"b":12}]` from the server,
/// `["$nx",{"u":"k-18"}]` from the client.
pub const CONTROL_EVENT: &str = "$nx";

/// The highest id, sequence number or position: what every JSON parser holds exactly.
pub const MAX_NUMBER: u64 = (1 << 53) - 1;

/// Whether a text can name an instance, a generation or an incarnation: 1 to `max` characters of base64url.
pub(crate) fn is_name(text: &str, max: usize) -> bool {
    (1..=max).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
}

/// The longest name of an instance or a generation, in bytes.
pub(crate) const MAX_NAME: usize = 64;

/// A whole number from 1 in decimal digits, without sign or leading zero.
pub(crate) fn number(digits: &str) -> Option<u64> {
    let is_plain = digits.len() <= 16 && digits.bytes().all(|byte| byte.is_ascii_digit()) && !digits.starts_with('0');
    digits.parse().ok().filter(|number| is_plain && (1..=MAX_NUMBER).contains(number))
}
