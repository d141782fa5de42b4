//! How arguments stand in two columns: the JSON array, and the attachments behind one another, each with its length in
//! four bytes before it.

use nexus_core::{ByteString, Bytes, socketio::Payload};

use super::StoreError;

pub(super) fn args(payload: &Payload) -> String {
    format!("[{}]", payload.raw_args())
}

/// `None` where there are none.
pub(super) fn attachments(payload: &Payload) -> Option<Vec<u8>> {
    let parts = payload.attachments();
    let mut blob = Vec::with_capacity(parts.iter().map(|part| part.len() + 4).sum());
    for part in parts {
        // An attachment came in a frame, and those have less than 4 GiB.
        blob.extend_from_slice(&u32::try_from(part.len()).unwrap_or(u32::MAX).to_le_bytes());
        blob.extend_from_slice(part);
    }
    (!parts.is_empty()).then_some(blob)
}

pub(super) fn payload(args: String, attachments: Option<Vec<u8>>) -> Result<Payload, StoreError> {
    let mut rest = Bytes::from(attachments.unwrap_or_default());
    let mut parts = Vec::new();
    while !rest.is_empty() {
        let length = rest.split_at_checked(4).and_then(|(length, _)| length.try_into().ok()).map(u32::from_le_bytes);
        let length = length.and_then(|length| usize::try_from(length).ok()).ok_or(StoreError::Corrupt)?;
        let end = length.checked_add(4).filter(|end| *end <= rest.len()).ok_or(StoreError::Corrupt)?;
        parts.push(rest.slice(4..end));
        rest = rest.slice(end..);
    }
    Payload::from_json(ByteString::from(args), parts).map_err(|_| StoreError::Corrupt)
}

/// Ids and positions are below 2^53, times far below 2^63.
pub(super) fn number(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

pub(super) fn unsigned(number: i64) -> u64 {
    u64::try_from(number).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_survive_byte_for_byte() {
        let one = Payload::from_args(&("a", Bytes::from_static(b"\0\xff"), 1.5, Bytes::new())).unwrap();
        // With no attachments this is what it says, and an event may say so.
        let literal = Payload::from_json(r#"[{"_placeholder":true,"num":0}]"#.into(), Vec::new()).unwrap();
        for original in [Payload::empty(), Payload::from_value("\u{1F98A}").unwrap(), one, literal] {
            assert_eq!(payload(args(&original), attachments(&original)), Ok(original));
        }
    }

    #[test]
    fn columns_that_were_written_by_nobody_here_are_damage() {
        for (args, blob) in [
            ("", None),
            ("{}", None),
            ("[1", None),
            ("[1]", Some(vec![1, 0, 0])),
            ("[1]", Some(vec![2, 0, 0, 0, 7])),
            ("[1]", Some(vec![255; 4])),
            (r#"[{"_placeholder":true,"num":1}]"#, Some(vec![1, 0, 0, 0, 7])),
        ] {
            assert_eq!(payload(args.to_owned(), blob), Err(StoreError::Corrupt), "{args}");
        }
    }
}
