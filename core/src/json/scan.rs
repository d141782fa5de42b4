//! One pass over JSON text: is it valid, where do the elements of the outer array or object stand, do its
//! placeholders refer to attachments. No value is built.

use smallvec::SmallVec;

use super::read::fields;

/// Byte range of one element of the outer value.
pub(crate) type Span = (u32, u32);
/// The ranges of all elements; most events have few.
pub(crate) type Spans = SmallVec<[Span; 4]>;

/// What a scan found.
#[derive(Debug)]
pub(crate) struct Scanned {
    /// The elements of the outer array, or the keys and values of the outer object in turn.
    pub(crate) elements: Spans,
    /// The first byte of the outer value.
    pub(crate) first: u8,
}

/// What bounds a scan.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ScanLimits {
    pub(crate) max_depth: usize,
    /// Of the outer array; keys count as well as values.
    pub(crate) max_elements: usize,
    /// How many attachments the packet has.
    pub(crate) attachments: usize,
}

/// Text that was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Error {
    pub(crate) fault: Fault,
    /// Where, in bytes.
    pub(crate) offset: usize,
}

/// What is wrong with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    Invalid,
    /// It ends early.
    Truncated,
    /// Something follows the value.
    Trailing,
    TooDeep,
    TooManyElements,
    PlaceholderOutOfRange,
    /// 4 GiB or more.
    TooLong,
}

impl Fault {
    fn at(self, offset: usize) -> Error {
        Error { fault: self, offset }
    }
}

const PLACEHOLDER_KEY: &[u8] = b"\"_placeholder\"";

/// Scans the JSON value that is the whole of `text` from `start` on. Offsets count from the start
/// of `text`.
pub(crate) fn scan(text: &str, start: usize, limits: ScanLimits) -> Result<Scanned, Error> {
    let open = SmallVec::new();
    let mut scanner = Scanner { text, bytes: text.as_bytes(), at: start, limits, open, elements: Spans::new() };
    let first = scanner.run()?;
    Ok(Scanned { elements: scanner.elements, first })
}

struct Scanner<'a> {
    text: &'a str,
    bytes: &'a [u8],
    at: usize,
    limits: ScanLimits,
    /// The arrays and objects that enclose the current position.
    open: SmallVec<[Open; 16]>,
    elements: Spans,
}

#[derive(Clone, Copy)]
struct Open {
    start: u32,
    is_object: bool,
    /// One of its keys is that of a placeholder.
    is_placeholder: bool,
}

impl Scanner<'_> {
    /// The first byte of the value.
    fn run(&mut self) -> Result<u8, Error> {
        if u32::try_from(self.bytes.len()).is_err() {
            return Err(Fault::TooLong.at(0));
        }
        self.skip_space();
        let first = self.peek()?;
        let mut element_start = 0;
        // Each turn reads one value; opening brackets go one level down, closing ones come up until
        // a level has another value to read.
        loop {
            self.skip_space();
            if self.open.len() == 1 {
                element_start = self.at;
            }
            let opened = match self.peek()? {
                b'[' | b'{' => self.open()?,
                _ => {
                    self.scalar()?;
                    false
                }
            };
            if !opened && !self.after_value(element_start)? {
                break;
            }
        }
        self.skip_space();
        if self.at < self.bytes.len() {
            return Err(Fault::Trailing.at(self.at));
        }
        Ok(first)
    }

    /// Reads an opening bracket. False where the array or object is empty and already closed.
    fn open(&mut self) -> Result<bool, Error> {
        if self.open.len() >= self.limits.max_depth {
            return Err(Fault::TooDeep.at(self.at));
        }
        let is_object = self.peek()? == b'{';
        let start = u32::try_from(self.at).unwrap_or(u32::MAX);
        self.at += 1;
        self.skip_space();
        let close = if is_object { b'}' } else { b']' };
        if self.peek()? == close {
            self.at += 1;
            return Ok(false);
        }
        self.open.push(Open { start, is_object, is_placeholder: false });
        if is_object {
            self.key()?;
        }
        Ok(true)
    }

    /// Goes on behind a value: true where another value follows, false where the outer one ended.
    fn after_value(&mut self, element_start: usize) -> Result<bool, Error> {
        loop {
            if self.open.len() == 1 {
                if self.elements.len() == self.limits.max_elements {
                    return Err(Fault::TooManyElements.at(element_start));
                }
                self.elements.push((narrow(element_start), narrow(self.at)));
            }
            let Some(&open) = self.open.last() else { return Ok(false) };
            self.skip_space();
            match (self.peek()?, open.is_object) {
                (b',', is_object) => {
                    self.at += 1;
                    if is_object {
                        self.skip_space();
                        self.key()?;
                    }
                    return Ok(true);
                }
                (b'}', true) => {
                    self.at += 1;
                    if open.is_placeholder {
                        self.check_placeholder(open.start as usize)?;
                    }
                }
                (b']', false) => self.at += 1,
                _ => return Err(Fault::Invalid.at(self.at)),
            }
            self.open.pop();
        }
    }

    /// Reads a key and its colon.
    fn key(&mut self) -> Result<(), Error> {
        let start = self.at;
        if self.peek()? != b'"' {
            return Err(Fault::Invalid.at(self.at));
        }
        self.string()?;
        if self.open.len() == 1 {
            self.elements.push((narrow(start), narrow(self.at)));
        }
        if self.limits.attachments > 0
            && self.bytes.get(start..self.at) == Some(PLACEHOLDER_KEY)
            && let Some(open) = self.open.last_mut()
        {
            open.is_placeholder = true;
        }
        self.skip_space();
        if self.peek()? != b':' {
            return Err(Fault::Invalid.at(self.at));
        }
        self.at += 1;
        Ok(())
    }

    fn check_placeholder(&self, start: usize) -> Result<(), Error> {
        let object = self.text.get(start..self.at).unwrap_or_default();
        // As peers write it; anything else of that name is looked at more closely.
        let plain = object.strip_prefix(r#"{"_placeholder":true,"num":"#).and_then(|num| num.strip_suffix('}'));
        let num = match plain.and_then(|num| num.parse::<usize>().ok()) {
            Some(num) => Some(num),
            None => match fields(object, ["_placeholder", "num"]) {
                Some([Some("true"), num]) => num.and_then(|num| num.parse().ok()),
                // Data that happens to have a key of that name.
                _ => return Ok(()),
            },
        };
        if num.is_some_and(|num| num < self.limits.attachments) {
            Ok(())
        } else {
            Err(Fault::PlaceholderOutOfRange.at(start))
        }
    }

    fn scalar(&mut self) -> Result<(), Error> {
        match self.peek()? {
            b'"' => self.string(),
            b't' => self.word(b"true"),
            b'f' => self.word(b"false"),
            b'n' => self.word(b"null"),
            b'-' | b'0'..=b'9' => self.number(),
            _ => Err(Fault::Invalid.at(self.at)),
        }
    }

    fn word(&mut self, word: &[u8]) -> Result<(), Error> {
        for expected in word {
            if self.peek()? != *expected {
                return Err(Fault::Invalid.at(self.at));
            }
            self.at += 1;
        }
        Ok(())
    }

    /// RFC 8259, section 6.
    fn number(&mut self) -> Result<(), Error> {
        if self.peek()? == b'-' {
            self.at += 1;
        }
        if self.peek()? == b'0' {
            self.at += 1;
        } else {
            self.digits()?;
        }
        if self.bytes.get(self.at) == Some(&b'.') {
            self.at += 1;
            self.digits()?;
        }
        if let Some(b'e' | b'E') = self.bytes.get(self.at) {
            self.at += 1;
            if let Some(b'+' | b'-') = self.bytes.get(self.at) {
                self.at += 1;
            }
            self.digits()?;
        }
        Ok(())
    }

    /// At least one digit.
    fn digits(&mut self) -> Result<(), Error> {
        if !self.peek()?.is_ascii_digit() {
            return Err(Fault::Invalid.at(self.at));
        }
        while self.bytes.get(self.at).is_some_and(u8::is_ascii_digit) {
            self.at += 1;
        }
        Ok(())
    }

    /// Reads a string with both quotes (RFC 8259, section 7). That escapes pair up as surrogates is
    /// left to whoever asks for the text.
    fn string(&mut self) -> Result<(), Error> {
        self.at += 1;
        loop {
            let rest = self.bytes.get(self.at..).unwrap_or_default();
            self.at += plain_run(rest);
            match self.peek()? {
                b'"' => {
                    self.at += 1;
                    return Ok(());
                }
                b'\\' => self.escape()?,
                _ => return Err(Fault::Invalid.at(self.at)),
            }
        }
    }

    fn escape(&mut self) -> Result<(), Error> {
        self.at += 1;
        match self.peek()? {
            b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => self.at += 1,
            b'u' => {
                self.at += 1;
                for _ in 0..4 {
                    if !self.peek()?.is_ascii_hexdigit() {
                        return Err(Fault::Invalid.at(self.at));
                    }
                    self.at += 1;
                }
            }
            _ => return Err(Fault::Invalid.at(self.at)),
        }
        Ok(())
    }

    fn skip_space(&mut self) {
        while let Some(b' ' | b'\n' | b'\r' | b'\t') = self.bytes.get(self.at) {
            self.at += 1;
        }
    }

    fn peek(&self) -> Result<u8, Error> {
        self.bytes.get(self.at).copied().ok_or(Fault::Truncated.at(self.at))
    }
}

/// How many bytes of a string come before its end, an escape, or what must not stand in it.
fn plain_run(bytes: &[u8]) -> usize {
    let (chunks, rest) = bytes.as_chunks::<8>();
    for (index, chunk) in chunks.iter().enumerate() {
        let word = u64::from_le_bytes(*chunk);
        let stops = below(word, 0x20) | below(word ^ every(b'"'), 1) | below(word ^ every(b'\\'), 1);
        if stops != 0 {
            return index * 8 + stops.trailing_zeros() as usize / 8;
        }
    }
    let stops = |byte: u8| byte < 0x20 || byte == b'"' || byte == b'\\';
    chunks.len() * 8 + rest.iter().position(|&byte| stops(byte)).unwrap_or(rest.len())
}

/// Sets the highest bit of the first byte of `word` that is below `bound`, which is 0x80 at most.
/// Bytes before that have no bit set; what later ones have set means nothing.
fn below(word: u64, bound: u8) -> u64 {
    word.wrapping_sub(every(bound)) & !word & every(0x80)
}

/// A word of eight times this byte.
const fn every(byte: u8) -> u64 {
    u64::from_ne_bytes([byte; 8])
}

/// Positions fit: the length of the text was checked first.
fn narrow(position: usize) -> u32 {
    u32::try_from(position).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::value::RawValue;

    use super::*;

    const LIMITS: ScanLimits = ScanLimits { max_depth: 64, max_elements: 8, attachments: 0 };

    fn elements(text: &str) -> Result<Vec<&str>, Error> {
        let scanned = scan(text, 0, LIMITS)?;
        Ok(scanned.elements.iter().map(|&(start, end)| &text[start as usize..end as usize]).collect())
    }

    #[test]
    fn elements_are_found_without_their_space() {
        assert_eq!(
            elements(r#" [ "a" , 1 ,[2, [] ],{"b":[3]} ] "#).unwrap(),
            ["\"a\"", "1", "[2, [] ]", "{\"b\":[3]}"]
        );
        assert_eq!(elements("[]").unwrap(), Vec::<&str>::new());
        assert_eq!(elements(r#"{"a":[1,{"b":2}] , "":0}"#).unwrap(), ["\"a\"", r#"[1,{"b":2}]"#, "\"\"", "0"]);
        assert_eq!(elements("1").unwrap(), Vec::<&str>::new());
        assert_eq!(elements("[[1,2],[3]]").unwrap(), ["[1,2]", "[3]"]);
    }

    #[test]
    fn errors_name_rule_and_byte() {
        let table = [
            ("", Fault::Truncated, 0),
            ("[", Fault::Truncated, 1),
            ("[1", Fault::Truncated, 2),
            ("[1,", Fault::Truncated, 3),
            ("[1,]", Fault::Invalid, 3),
            ("[1 2]", Fault::Invalid, 3),
            ("[01]", Fault::Invalid, 2),
            ("[1.]", Fault::Invalid, 3),
            ("[-]", Fault::Invalid, 2),
            ("[1e+]", Fault::Invalid, 4),
            ("[tru]", Fault::Invalid, 4),
            ("[1}", Fault::Invalid, 2),
            ("{\"a\"}", Fault::Invalid, 4),
            ("{1:2}", Fault::Invalid, 1),
            ("{\"a\":1]", Fault::Invalid, 6),
            ("[\"a\nb\"]", Fault::Invalid, 3),
            (r#"["\x"]"#, Fault::Invalid, 3),
            (r#"["\u12g4"]"#, Fault::Invalid, 6),
            ("[1]x", Fault::Trailing, 3),
            ("[1][2]", Fault::Trailing, 3),
            ("[0,1,2,3,4,5,6,7,8]", Fault::TooManyElements, 17),
        ];
        for (text, rule, offset) in table {
            assert_eq!(elements(text), Err(rule.at(offset)), "{text}");
        }
    }

    #[test]
    fn depth_is_capped_at_the_bound() {
        let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        assert!(elements(&nested(64)).is_ok());
        assert_eq!(elements(&nested(65)), Err(Fault::TooDeep.at(64)));
        assert_eq!(elements(&"[".repeat(1_000_000)), Err(Fault::TooDeep.at(64)));
    }

    #[test]
    fn placeholders_are_checked_at_any_depth() {
        let limits = ScanLimits { attachments: 2, ..LIMITS };
        for (text, expected) in [
            (r#"[{"_placeholder":true,"num":1}]"#, Ok(())),
            (r#"[{"_placeholder":true,"num":2}]"#, Err(Fault::PlaceholderOutOfRange.at(1))),
            (r#"[[{"a":{"num":9,"_placeholder":true}}]]"#, Err(Fault::PlaceholderOutOfRange.at(7))),
            (r#"[{"_placeholder":false,"num":9}]"#, Ok(())),
            (r#"[{"_placeholder":true,"num":-1}]"#, Err(Fault::PlaceholderOutOfRange.at(1))),
            (r#"[{"_placeholder":true,"num":"0"}]"#, Err(Fault::PlaceholderOutOfRange.at(1))),
            (r#"[{"_placeholder":true}]"#, Err(Fault::PlaceholderOutOfRange.at(1))),
            (
                r#"[{"_placeholder":true,"num":1}, {"num":2,"_placeholder":true}]"#,
                Err(Fault::PlaceholderOutOfRange.at(32)),
            ),
            (r#"[{ "_placeholder" : true , "\u006eum" : 1 }]"#, Ok(())),
            (r#"[{"_placeholder":true,"num":1,"more":9}]"#, Ok(())),
            (r#"[{"_placeholder":true,"num":9,"num":9}]"#, Ok(())),
            (r#"["_placeholder"]"#, Ok(())),
        ] {
            assert_eq!(scan(text, 0, limits).map(|_| ()), expected, "{text}");
        }
    }

    proptest! {
        #[test]
        fn plain_runs_end_where_each_byte_says(bytes in proptest::collection::vec(any::<u8>(), 0..40)) {
            let stops = |byte: &u8| *byte < 0x20 || *byte == b'"' || *byte == b'\\';
            prop_assert_eq!(plain_run(&bytes), bytes.iter().position(stops).unwrap_or(bytes.len()));
        }

        #[test]
        fn plain_runs_of_text_end_where_each_byte_says(text in r#"[ -~é\n"\\]{0,40}"#) {
            let stops = |byte: u8| byte < 0x20 || byte == b'"' || byte == b'\\';
            prop_assert_eq!(plain_run(text.as_bytes()), text.bytes().position(stops).unwrap_or(text.len()));
        }

        /// An independent parser says the same of any text.
        #[test]
        fn agrees_with_serde_json(text in r#"[\[\]{}",:0-9a-f\\\-+.eEtrulns \n]{0,24}"#) {
            let wide = ScanLimits { max_elements: usize::MAX, ..LIMITS };
            prop_assert_eq!(scan(&text, 0, wide).is_ok(), serde_json::from_str::<&RawValue>(&text).is_ok(), "{}", text);
        }

        #[test]
        fn elements_agree_with_serde_json(values in proptest::collection::vec(json(), 0..8)) {
            let text = serde_json::to_string(&values).unwrap();
            let raw: Vec<&RawValue> = serde_json::from_str(&text).unwrap();
            let raw: Vec<&str> = raw.iter().map(|value| value.get()).collect();
            prop_assert_eq!(elements(&text).unwrap(), raw);
        }
    }

    fn json() -> impl Strategy<Value = serde_json::Value> {
        let leaf = prop_oneof![
            Just(serde_json::Value::Null),
            any::<bool>().prop_map(Into::into),
            any::<i64>().prop_map(Into::into),
            any::<f64>().prop_map(Into::into),
            ".*".prop_map(Into::into),
        ];
        leaf.prop_recursive(4, 32, 4, |inner| {
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..4).prop_map(Into::into),
                proptest::collection::vec((".*", inner), 0..4)
                    .prop_map(|entries| serde_json::Value::Object(entries.into_iter().collect())),
            ]
        })
    }
}
