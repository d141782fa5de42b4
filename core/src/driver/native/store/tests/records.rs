use bytes::Bytes;

use super::{super::record::*, *};

#[test]
fn a_record_is_pinned() {
    let frame = Frame::Sent { row: 2, commit: 3, generation: Some("g".into()) };
    let body = b"\x04\x02\0\0\0\0\0\0\0\x03\0\0\0\0\0\0\0\x01\x01\0\0\0g";
    let expected = [b"NXs\x01\x17\0\0\0", fnv(body).to_le_bytes().as_slice(), body].concat();
    assert_eq!(frame.encode(), expected);
    assert_eq!(fnv(b"foobar"), 0x8594_4171_f739_67e8, "the value that its authors publish");
}

#[test]
fn every_record_is_read_as_it_was_written() {
    let attachments = vec![Bytes::from_static(b"\0\xff"), Bytes::new()];
    let args = r#"["ä",{"_placeholder":true,"num":1},{"_placeholder":true,"num":0}]"#;
    let payload = Payload::from_json(args.into(), attachments).unwrap();
    let namespace = Namespace::root();
    for frame in [
        Frame::Owner(Owner { server: SERVER.to_owned(), user: "ada ✓".to_owned() }),
        Frame::Live(Live { commit: 7, next_row: 9, exact: true, ranges: vec![(1, 2), (5, 5)] }),
        Frame::Live(Live::default()),
        Frame::Message { row: 1, message: StoredMessage { payload, ..message("a", 1) } },
        Frame::Message { row: 1, message: StoredMessage { payload: Payload::empty(), ..message("a", 1) } },
        Frame::Sent { row: 1, commit: 2, generation: None },
        Frame::Sent { row: 1, commit: 2, generation: Some("g".into()) },
        Frame::Position { namespace, kept: KeptPosition { position: position("k", 17), at: 5 } },
    ] {
        let bytes = frame.encode();
        assert_eq!(Frame::decode(&bytes), Some((frame, bytes.len())));
        for length in 0..bytes.len() {
            assert_eq!(Frame::decode(&bytes[..length]), None);
        }
        for at in 0..bytes.len() {
            let mut damaged = bytes.clone();
            damaged[at] ^= 0x40;
            assert_eq!(Frame::decode(&damaged), None, "byte {at} of {bytes:?}");
        }
    }
}
