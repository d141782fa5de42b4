use std::{borrow::Cow, mem};

use bytes::Bytes;
use bytestring::ByteString;

use super::{AckId, DecodeError, Namespace, Packet, Payload, RESERVED_EVENTS, Rule};
use crate::json::{self, ScanLimits, Scanned};

/// What a [`Decoder`] takes from a peer. Beyond it, the packet is refused.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Attachments of one packet. Default 10, as in the parser of socket.io.
    pub max_attachments: usize,
    /// Arguments of one event or ack, the event's name not counted. Default 256.
    pub max_args: usize,
    /// How deep arrays and objects may nest, the array of arguments counted. Default 512. Types of
    /// serde_json refuse more than 128 on their own when an argument is asked for.
    pub max_depth: usize,
    /// Text and attachments of one packet together, in bytes. Default 16 MiB.
    pub max_packet_bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { max_attachments: 10, max_args: 256, max_depth: 512, max_packet_bytes: 16 << 20 }
    }
}

/// Turns the messages of one connection into packets (protocol v5, "Packet encoding").
///
/// It holds at most one packet: the one whose attachments are due. After an error the connection is
/// to be closed; what comes next would be misunderstood.
#[derive(Debug, Default)]
pub struct Decoder {
    limits: Limits,
    pending: Option<Box<Pending>>,
}

/// A binary packet whose attachments have not all arrived.
#[derive(Debug)]
struct Pending {
    packet: Packet,
    attachments: Vec<Bytes>,
    expected: usize,
    bytes: usize,
}

impl Decoder {
    /// A decoder with nothing pending.
    #[must_use]
    pub fn new(limits: Limits) -> Self {
        Self { limits, pending: None }
    }

    /// Whether a packet waits for attachments. The caller bounds how long.
    #[must_use]
    pub fn is_pending(&self) -> bool {
        self.pending.is_some()
    }

    /// Takes a text message: a packet, or the text of one that waits for its attachments.
    ///
    /// # Errors
    /// When the text breaks a rule of the protocol or a limit.
    pub fn handle_text(&mut self, text: &ByteString) -> Result<Option<Packet>, DecodeError> {
        if self.pending.is_some() {
            return Err(Rule::AttachmentExpected.at(0));
        }
        if text.len() > self.limits.max_packet_bytes {
            return Err(Rule::PacketTooLarge.at(self.limits.max_packet_bytes));
        }
        let (packet, expected) = Reader { text, at: 0, limits: &self.limits }.packet()?;
        if expected == 0 {
            return Ok(Some(packet));
        }
        // Room grows as attachments arrive: the count is only a claim.
        self.pending = Some(Box::new(Pending { packet, attachments: Vec::new(), expected, bytes: text.len() }));
        Ok(None)
    }

    /// Takes a binary message: the next attachment.
    ///
    /// # Errors
    /// When none is due, or the packet becomes larger than allowed.
    pub fn handle_binary(&mut self, bytes: Bytes) -> Result<Option<Packet>, DecodeError> {
        let Some(pending) = &mut self.pending else {
            return Err(Rule::AttachmentUnexpected.at(0));
        };
        pending.bytes = pending.bytes.saturating_add(bytes.len());
        if pending.bytes > self.limits.max_packet_bytes {
            return Err(Rule::PacketTooLarge.at(0));
        }
        pending.attachments.push(bytes);
        if pending.attachments.len() < pending.expected {
            return Ok(None);
        }
        let attachments = mem::take(&mut pending.attachments);
        let packet = self.pending.take().map(|pending| match pending.packet {
            Packet::Event { namespace, id, name, mut payload } => {
                payload.attach(attachments);
                Packet::Event { namespace, id, name, payload }
            }
            Packet::Ack { namespace, id, mut payload } => {
                payload.attach(attachments);
                Packet::Ack { namespace, id, payload }
            }
            other => other,
        });
        Ok(packet)
    }
}

/// Reads the text of one packet from front to back.
struct Reader<'a> {
    text: &'a ByteString,
    at: usize,
    limits: &'a Limits,
}

impl<'a> Reader<'a> {
    /// The packet and how many attachments are due.
    fn packet(mut self) -> Result<(Packet, usize), DecodeError> {
        let kind = self.peek().filter(|kind| (b'0'..=b'6').contains(kind)).ok_or(Rule::UnknownPacketType.at(0))?;
        self.at = 1;
        let expected = if kind >= b'5' { self.attachment_count()? } else { 0 };
        let namespace = self.namespace()?;
        let packet = match kind {
            b'0' => Packet::Connect { namespace, data: self.connect_data()? },
            b'1' if self.at < self.text.len() => return Err(Rule::DisconnectWithData.at(self.at)),
            b'1' => Packet::Disconnect { namespace },
            b'4' => Packet::ConnectError { namespace, data: self.connect_error_data()? },
            b'2' | b'5' => {
                let id = self.ack_id()?;
                let (name, payload) = self.event(expected)?;
                Packet::Event { namespace, id, name, payload }
            }
            _ => {
                let id = self.ack_id()?.ok_or(Rule::MissingAckId.at(self.at))?;
                Packet::Ack { namespace, id, payload: self.array(expected, self.limits.max_args)? }
            }
        };
        Ok((packet, expected))
    }

    fn attachment_count(&mut self) -> Result<usize, DecodeError> {
        let start = self.at;
        let count = self.digits().parse::<usize>();
        if self.peek() != Some(b'-') || self.at == start {
            return Err(Rule::InvalidAttachmentCount.at(self.at));
        }
        self.at += 1;
        match count {
            Ok(count) if count <= self.limits.max_attachments => Ok(count),
            _ => Err(Rule::TooManyAttachments.at(start)),
        }
    }

    fn namespace(&mut self) -> Result<Namespace, DecodeError> {
        if self.peek() != Some(b'/') {
            return Ok(Namespace::root());
        }
        let start = self.at;
        let rest = self.rest();
        let name = rest.split_once(',').map_or(rest, |(name, _)| name);
        self.at = (start + name.len() + 1).min(self.text.len());
        if name == "/" {
            return Ok(Namespace::root());
        }
        Namespace::from_wire(self.text.slice_ref(name)).map_err(|_| Rule::InvalidNamespace.at(start))
    }

    fn ack_id(&mut self) -> Result<Option<AckId>, DecodeError> {
        let start = self.at;
        let digits = self.digits();
        if digits.is_empty() {
            return Ok(None);
        }
        match digits.parse() {
            Ok(id) if id <= AckId::MAX => Ok(Some(AckId(id))),
            _ => Err(Rule::InvalidAckId.at(start)),
        }
    }

    fn connect_data(&self) -> Result<Option<ByteString>, DecodeError> {
        if self.at == self.text.len() {
            return Ok(None);
        }
        if self.scan(0, usize::MAX)?.first != b'{' {
            return Err(Rule::ConnectDataNotObject.at(self.at));
        }
        Ok(Some(self.text.slice_ref(self.rest())))
    }

    fn connect_error_data(&self) -> Result<ByteString, DecodeError> {
        if self.at == self.text.len() {
            return Ok(ByteString::from_static("null"));
        }
        if !matches!(self.scan(0, usize::MAX)?.first, b'{' | b'"') {
            return Err(Rule::InvalidConnectError.at(self.at));
        }
        Ok(self.text.slice_ref(self.rest()))
    }

    fn event(&self, attachments: usize) -> Result<(ByteString, Payload), DecodeError> {
        let (span, payload) = self.array(attachments, self.limits.max_args.saturating_add(1))?.split_name();
        let invalid = Rule::InvalidEventName.at(self.at);
        let raw_name = span.and_then(|(start, end)| self.text.get(start as usize..end as usize)).ok_or(invalid)?;
        let name = match raw_name.as_bytes().first() {
            Some(b'"') => match json::string(raw_name).ok_or(invalid)? {
                // Most names have no escapes, and can be a slice of the frame.
                Cow::Borrowed(name) => self.text.slice_ref(name),
                Cow::Owned(name) => ByteString::from(name),
            },
            Some(b'-' | b'0'..=b'9') => self.text.slice_ref(raw_name),
            _ => return Err(invalid),
        };
        if RESERVED_EVENTS.contains(&&*name) {
            return Err(Rule::ReservedEventName.at(self.at));
        }
        Ok((name, payload))
    }

    fn array(&self, attachments: usize, max_elements: usize) -> Result<Payload, DecodeError> {
        if !self.rest().trim_ascii_start().starts_with('[') && self.at < self.text.len() {
            return Err(Rule::NotAnArray.at(self.at));
        }
        let scanned = self.scan(attachments, max_elements)?;
        Ok(Payload::new(self.text.clone(), scanned.elements, Vec::new()))
    }

    fn scan(&self, attachments: usize, max_elements: usize) -> Result<Scanned, DecodeError> {
        let limits = ScanLimits { max_depth: self.limits.max_depth, max_elements, attachments };
        Ok(json::scan(self.text, self.at, limits)?)
    }

    fn digits(&mut self) -> &'a str {
        let start = self.at;
        while self.peek().is_some_and(|byte| byte.is_ascii_digit()) {
            self.at += 1;
        }
        self.text.get(start..self.at).unwrap_or_default()
    }

    fn rest(&self) -> &'a str {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }
}
