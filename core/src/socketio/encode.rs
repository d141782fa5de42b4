use std::{fmt::Write as _, io};

use bytes::Bytes;
use serde::Serialize;
use serde_json::ser::Formatter;

use super::{AckId, EncodeError, Namespace, Packet, Payload};
use crate::json::push_string;

impl Packet {
    /// Appends the text of the packet to `out`. Its [`attachments`](Self::attachments) follow as one
    /// binary frame each, in order. Where the [host has the arguments](Payload::host) the text ends where they belong: it
    /// appends them, and a `]`.
    pub fn encode_into(&self, out: &mut String) {
        match self {
            Self::Connect { namespace, data } => {
                header(out, '0', namespace);
                if let Some(data) = data {
                    out.push_str(data);
                }
            }
            Self::Disconnect { namespace } => header(out, '1', namespace),
            Self::Event { namespace, id, name, payload } => encode_event_into(out, namespace, *id, name, payload),
            Self::Ack { namespace, id, payload } => {
                out.reserve(payload.raw_args().len() + 32 + namespace.as_str().len());
                binary_header(out, ['3', '6'], namespace, Some(*id), payload.attachments().len());
                out.push('[');
                if payload.host().is_none() {
                    out.push_str(payload.raw_args());
                    out.push(']');
                }
            }
            Self::ConnectError { namespace, data } => {
                header(out, '4', namespace);
                // Stands for nothing, and stock clients refuse it in writing.
                if *data != "null" {
                    out.push_str(data);
                }
            }
        }
    }
}

/// Appends the text of an EVENT or BINARY_EVENT to `out`, from borrowed parts. As with [`Packet::encode_into`], arguments
/// that the host has are left to it.
pub fn encode_event_into(out: &mut String, namespace: &Namespace, id: Option<AckId>, name: &str, payload: &Payload) {
    encode_event_with_into(out, namespace, id, name, payload, "");
}

/// As [`encode_event_into`], with one more argument behind those of the payload, as JSON text; none if that is empty.
/// Where the host has the arguments it is the host that appends this one as well, with a comma in front.
pub fn encode_event_with_into(
    out: &mut String,
    namespace: &Namespace,
    id: Option<AckId>,
    name: &str,
    payload: &Payload,
    more: &str,
) {
    let args = payload.raw_args();
    out.reserve(args.len() + more.len() + name.len() + namespace.as_str().len() + 32);
    binary_header(out, ['2', '5'], namespace, id, payload.attachments().len());
    out.push('[');
    push_string(out, name);
    if payload.host().is_some() {
        return out.push(',');
    }
    for arg in [args, more] {
        if !arg.is_empty() {
            out.push(',');
            out.push_str(arg);
        }
    }
    out.push(']');
}

fn header(out: &mut String, kind: char, namespace: &Namespace) {
    out.push(kind);
    if !namespace.is_root() {
        out.push_str(namespace.as_str());
        out.push(',');
    }
}

/// `kinds` are the packet's type without and with attachments.
fn binary_header(out: &mut String, kinds: [char; 2], namespace: &Namespace, id: Option<AckId>, attachments: usize) {
    let [plain, binary] = kinds;
    out.push(if attachments == 0 { plain } else { binary });
    if attachments > 0 {
        // Writing to a string cannot fail.
        let _ = write!(out, "{attachments}-");
    }
    if !namespace.is_root() {
        out.push_str(namespace.as_str());
        out.push(',');
    }
    if let Some(id) = id {
        let _ = write!(out, "{id}");
    }
}

/// Writes `value` as JSON, with its byte strings taken out as attachments.
pub(super) fn to_json<T: Serialize + ?Sized>(value: &T) -> Result<(String, Vec<Bytes>), EncodeError> {
    let mut text = Vec::with_capacity(64);
    let mut attachments = Vec::new();
    let formatter = AttachmentFormatter { attachments: &mut attachments };
    value.serialize(&mut serde_json::Serializer::with_formatter(&mut text, formatter))?;
    if u32::try_from(text.len()).is_err() {
        return Err(EncodeError::TooLarge);
    }
    let text = String::from_utf8(text).map_err(|_| EncodeError::NotAList)?;
    Ok((text, attachments))
}

/// Compact JSON in which a byte string becomes a placeholder.
struct AttachmentFormatter<'a> {
    attachments: &'a mut Vec<Bytes>,
}

impl Formatter for AttachmentFormatter<'_> {
    fn write_byte_array<W: ?Sized + io::Write>(&mut self, writer: &mut W, value: &[u8]) -> io::Result<()> {
        write!(writer, r#"{{"_placeholder":true,"num":{}}}"#, self.attachments.len())?;
        self.attachments.push(Bytes::copy_from_slice(value));
        Ok(())
    }
}
