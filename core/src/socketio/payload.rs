use std::{fmt, sync::Arc};

use bytes::Bytes;
use bytestring::ByteString;
use serde::{Serialize, de::DeserializeOwned};

use super::{ArgError, DecodeError, EncodeError, HostArgs, Rule, attached::Attached, encode::to_json};
use crate::json::{ScanLimits, Span, Spans, scan};

/// The arguments of an event or ack, encoded: JSON text and binary attachments.
///
/// Nothing is parsed until an argument is asked for by type, and a received payload shares the bytes
/// of the frame it came in. Cloning is cheap.
///
/// Values that serialise as byte strings ([`Bytes`], `serde_bytes`) travel as attachments, at any
/// depth: one copy is made when they are encoded, and one when they are asked for by type;
/// [`binary`](Self::binary) and [`attachments`](Self::attachments) copy nothing.
///
/// Where a driver's host keeps arguments in a form of its own ([`HostArgs`]), a payload only holds on to them: it has
/// [`host`](Self::host), and no argument for anybody else.
#[derive(Clone, Default)]
pub struct Payload {
    body: Body,
    attachments: Option<Arc<[Bytes]>>,
}

#[derive(Clone)]
enum Body {
    Encoded {
        /// Text in which the arguments stand one behind the other, with a comma between.
        text: ByteString,
        /// Where each argument stands in the text.
        spans: Spans,
    },
    Host(HostArgs),
}

impl Default for Body {
    fn default() -> Self {
        Self::Encoded { text: ByteString::new(), spans: Spans::new() }
    }
}

/// Own data is as deep and long as its maker wants; the peer has limits of its own.
const OWN: ScanLimits = ScanLimits { max_depth: 512, max_elements: usize::MAX, attachments: 0 };

impl Payload {
    /// No arguments.
    #[must_use]
    pub fn empty() -> Self {
        Self::default()
    }

    /// One argument.
    ///
    /// # Errors
    /// When `value` cannot be written as JSON.
    pub fn from_value<T: Serialize + ?Sized>(value: &T) -> Result<Self, EncodeError> {
        let (text, attachments) = to_json(value)?;
        let mut spans = Spans::new();
        spans.push((0, u32::try_from(text.len()).map_err(|_| EncodeError::TooLarge)?));
        Ok(Self::new(ByteString::from(text), spans, attachments))
    }

    /// One argument for each element of a tuple, array or slice.
    ///
    /// # Errors
    /// When `args` is no list, or cannot be written as JSON.
    pub fn from_args<T: Serialize + ?Sized>(args: &T) -> Result<Self, EncodeError> {
        let (text, attachments) = to_json(args)?;
        if text == "null" {
            return Ok(Self::empty());
        }
        Self::from_json(ByteString::from(text), attachments)
    }

    /// One argument for each element of a JSON array, given as text. Binary parts stand in it as
    /// `{"_placeholder":true,"num":N}`, N counting `attachments` from 0.
    ///
    /// # Errors
    /// When the text is not a JSON array, is nested deeper than 512, or a placeholder refers to no
    /// attachment.
    pub fn from_json(array: ByteString, attachments: Vec<Bytes>) -> Result<Self, EncodeError> {
        let limits = ScanLimits { attachments: attachments.len(), ..OWN };
        let scanned = scan(&array, 0, limits).map_err(DecodeError::from)?;
        if scanned.first != b'[' {
            return Err(EncodeError::NotAList);
        }
        Ok(Self::new(array, scanned.elements, attachments))
    }

    /// One binary argument, without a copy.
    #[must_use]
    pub fn from_bytes(bytes: Bytes) -> Self {
        const PLACEHOLDER: &str = r#"{"_placeholder":true,"num":0}"#;
        let text = ByteString::from_static(PLACEHOLDER);
        let mut spans = Spans::new();
        spans.push((0, u32::try_from(PLACEHOLDER.len()).unwrap_or_default()));
        Self::new(text, spans, vec![bytes])
    }

    pub(super) fn new(text: ByteString, spans: Spans, attachments: Vec<Bytes>) -> Self {
        let attachments = (!attachments.is_empty()).then(|| attachments.into());
        Self { body: Body::Encoded { text, spans }, attachments }
    }

    /// Arguments that the host keeps.
    #[must_use]
    pub fn from_host(args: HostArgs) -> Self {
        Self { body: Body::Host(args), attachments: None }
    }

    /// What the host keeps, if it is the host that has the arguments.
    #[must_use]
    pub fn host(&self) -> Option<&HostArgs> {
        match &self.body {
            Body::Encoded { .. } => None,
            Body::Host(args) => Some(args),
        }
    }

    pub(super) fn attach(&mut self, attachments: Vec<Bytes>) {
        self.attachments = (!attachments.is_empty()).then(|| attachments.into());
    }

    /// The number of arguments.
    #[must_use]
    pub fn len(&self) -> usize {
        self.spans().len()
    }

    /// Whether there are no arguments.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.spans().is_empty()
    }

    /// Argument `index`, counted from 0, as a `T`.
    ///
    /// # Errors
    /// When there is no such argument, or it is of another type.
    pub fn arg<T: DeserializeOwned>(&self, index: usize) -> Result<T, ArgError> {
        let raw = self.raw_arg(index).ok_or(ArgError::Missing { index, len: self.len() })?;
        self.parse(raw).map_err(|source| ArgError::Type { index, source })
    }

    /// All arguments together, as a tuple, array or `Vec`.
    ///
    /// # Errors
    /// When they are of other types, or their number differs from a tuple's.
    pub fn args<T: DeserializeOwned>(&self) -> Result<T, ArgError> {
        self.parse(&format!("[{}]", self.raw_args())).map_err(ArgError::Types)
    }

    /// The JSON text of argument `index`, counted from 0.
    #[must_use]
    pub fn raw_arg(&self, index: usize) -> Option<&str> {
        let &(start, end) = self.spans().get(index)?;
        self.text().get(start as usize..end as usize)
    }

    /// The JSON text of all arguments, separated by commas, without brackets.
    #[must_use]
    pub fn raw_args(&self) -> &str {
        match (self.spans().first(), self.spans().last()) {
            (Some(&(start, _)), Some(&(_, end))) => self.text().get(start as usize..end as usize).unwrap_or_default(),
            _ => "",
        }
    }

    /// Argument `index`, if it is binary. Shares the attachment's bytes.
    #[must_use]
    pub fn binary(&self, index: usize) -> Option<Bytes> {
        super::attached::placeholder(self.raw_arg(index)?).and_then(|num| self.attachments().get(num).cloned())
    }

    /// The binary parts, in the order of their placeholders' numbers.
    #[must_use]
    pub fn attachments(&self) -> &[Bytes] {
        self.attachments.as_deref().unwrap_or_default()
    }

    /// The bytes of text and attachments together.
    #[must_use]
    pub fn size(&self) -> usize {
        self.host().map_or(self.raw_args().len(), HostArgs::size)
            + self.attachments().iter().map(Bytes::len).sum::<usize>()
    }

    /// Without the last argument, and that as JSON text. A host's arguments are left as they are.
    #[must_use]
    pub fn split_last(mut self) -> (Self, Option<ByteString>) {
        let last = match &mut self.body {
            Body::Encoded { text, spans } => spans
                .pop()
                .map(|(start, end)| text.slice_ref(text.get(start as usize..end as usize).unwrap_or_default())),
            Body::Host(_) => None,
        };
        (self, last)
    }

    /// With one more argument behind the others, as JSON text. A host's arguments are left as they are.
    #[must_use]
    pub fn with_last(&self, argument: &str) -> Self {
        if self.host().is_some() {
            return self.clone();
        }
        let mut text = String::with_capacity(self.raw_args().len() + argument.len() + 3);
        let origin = self.spans().first().map_or(0, |&(start, _)| start);
        text.push_str(self.raw_args());
        let mut spans: Spans = self.spans().iter().map(|&(start, end)| (start - origin, end - origin)).collect();
        if !text.is_empty() {
            text.push(',');
        }
        let start = text.len();
        text.push_str(argument);
        let at = |length: usize| u32::try_from(length).unwrap_or(u32::MAX);
        spans.push((at(start), at(text.len())));
        Self { body: Body::Encoded { text: text.into(), spans }, attachments: self.attachments.clone() }
    }

    /// Without the first argument, which shall be the event's name, and where that stands.
    pub(super) fn split_name(mut self) -> (Option<Span>, Self) {
        let name = match &mut self.body {
            Body::Encoded { spans, .. } if !spans.is_empty() => Some(spans.remove(0)),
            Body::Encoded { .. } | Body::Host(_) => None,
        };
        (name, self)
    }

    fn text(&self) -> &str {
        match &self.body {
            Body::Encoded { text, .. } => text,
            Body::Host(_) => "",
        }
    }

    fn spans(&self) -> &[Span] {
        match &self.body {
            Body::Encoded { spans, .. } => spans,
            Body::Host(_) => &[],
        }
    }

    fn parse<T: DeserializeOwned>(&self, text: &str) -> Result<T, serde_json::Error> {
        let mut deserializer = serde_json::Deserializer::from_str(text);
        match &self.attachments {
            None => T::deserialize(&mut deserializer),
            Some(attachments) => T::deserialize(Attached::new(&mut deserializer, attachments)),
        }
    }
}

/// The same arguments, byte for byte, wherever they stand.
impl PartialEq for Payload {
    fn eq(&self, other: &Self) -> bool {
        self.len() == other.len()
            && self.host() == other.host()
            && (0..self.len()).all(|index| self.raw_arg(index) == other.raw_arg(index))
            && self.attachments() == other.attachments()
    }
}

impl fmt::Debug for Payload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Payload")
            .field("args", &self.len())
            .field("bytes", &self.size())
            .field("attachments", &self.attachments().len())
            .finish()
    }
}

impl TryFrom<&str> for Payload {
    type Error = DecodeError;

    /// The arguments in the text of a JSON array.
    fn try_from(array: &str) -> Result<Self, DecodeError> {
        let scanned = scan(array, 0, OWN)?;
        if scanned.first != b'[' {
            return Err(Rule::NotAnArray.at(0));
        }
        Ok(Self::new(ByteString::from(array), scanned.elements, Vec::new()))
    }
}
