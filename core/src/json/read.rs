use std::borrow::Cow;

use super::scan::{ScanLimits, Span, Spans, scan};

/// Control data has few levels, but may carry more that is not asked for.
pub(crate) const CONTROL: ScanLimits = ScanLimits { max_depth: 512, max_elements: usize::MAX, attachments: 0 };

/// The most digits that a double has in front of its point.
const DOUBLE_DIGITS: usize = 309;

/// The values of these fields of an object, as JSON text. `None` where the text is no object, or has one of them twice.
pub(crate) fn fields<'a, const N: usize>(object: &'a str, names: [&str; N]) -> Option<[Option<&'a str>; N]> {
    let mut values = [None; N];
    read_fields(object, &names, &mut values)?;
    Some(values)
}

fn read_fields<'a>(object: &'a str, names: &[&str], values: &mut [Option<&'a str>]) -> Option<()> {
    let spans = spans(object, b'{')?;
    let (members, _) = spans.as_chunks::<2>();
    for &[key, value] in members {
        let key = string(slice(object, key))?;
        if let Some((_, slot)) = names.iter().zip(&mut *values).find(|(name, _)| ***name == *key)
            && slot.replace(slice(object, value)).is_some()
        {
            return None;
        }
    }
    Some(())
}

/// The elements of an array, as JSON text. `None` where the text is no array.
pub(crate) fn elements(array: &str) -> Option<impl Iterator<Item = &str>> {
    Some(spans(array, b'[')?.into_iter().map(|span| slice(array, span)))
}

fn spans(text: &str, first: u8) -> Option<Spans> {
    let scanned = scan(text, 0, CONTROL).ok()?;
    (scanned.first == first).then_some(scanned.elements)
}

fn slice(text: &str, (start, end): Span) -> &str {
    text.get(start as usize..end as usize).unwrap_or_default()
}

/// The text of a JSON value that has been scanned. `None` where it is no string, or escapes half of a surrogate pair.
pub(crate) fn string(value: &str) -> Option<Cow<'_, str>> {
    let mut rest = value.strip_prefix('"')?.strip_suffix('"')?;
    let mut text = String::new();
    while let Some((plain, escape)) = rest.split_once('\\') {
        text.push_str(plain);
        let (kind, behind) = escape.split_at_checked(1)?;
        rest = behind;
        text.push(match kind {
            "n" => '\n',
            "r" => '\r',
            "t" => '\t',
            "b" => '\u{8}',
            "f" => '\u{c}',
            "u" => escaped_char(&mut rest)?,
            other => other.chars().next()?,
        });
    }
    if text.is_empty() {
        return Some(Cow::Borrowed(rest));
    }
    text.push_str(rest);
    Some(Cow::Owned(text))
}

/// The character after `\u`.
fn escaped_char(rest: &mut &str) -> Option<char> {
    let unit = code_unit(rest)?;
    if !(0xd800..0xdc00).contains(&unit) {
        return char::from_u32(unit);
    }
    *rest = rest.strip_prefix('\\')?.strip_prefix('u')?;
    let low = code_unit(rest)?.checked_sub(0xdc00).filter(|low| *low < 0x400)?;
    char::from_u32(0x1_0000 + ((unit - 0xd800) << 10) + low)
}

fn code_unit(rest: &mut &str) -> Option<u32> {
    let (digits, behind) = rest.split_at_checked(4)?;
    *rest = behind;
    u32::from_str_radix(digits, 16).ok()
}

/// The whole part of a JSON value that has been scanned: peers may well write `25000.0` or `1e6`. What is larger than
/// `u64::MAX` is that. `None` where it is no number, less than zero, or more than a double can hold.
pub(crate) fn whole(value: &str) -> Option<u64> {
    let (is_negative, value) = value.strip_prefix('-').map_or((false, value), |unsigned| (true, unsigned));
    if !value.as_bytes().first()?.is_ascii_digit() {
        return None;
    }
    let (mantissa, exponent) = value.split_once(['e', 'E']).unwrap_or((value, "0"));
    let (integer, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let mut digits = integer.bytes().chain(fraction.bytes());
    let Some(zeros) = digits.clone().position(|digit| digit != b'0') else { return Some(0) };

    let integer_digits = if let Some(less) = exponent.strip_prefix('-') {
        // An exponent of too many digits makes the number as good as zero.
        less.parse().map_or(0, |less| integer.len().saturating_sub(less))
    } else {
        let more = exponent.strip_prefix('+').unwrap_or(exponent);
        integer.len().saturating_add(more.parse().unwrap_or(usize::MAX))
    };
    if is_negative || integer_digits > zeros + DOUBLE_DIGITS {
        return None;
    }
    let mut number: u64 = 0;
    for _ in 0..integer_digits {
        let digit = u64::from(digits.next().unwrap_or(b'0') - b'0');
        match number.checked_mul(10).and_then(|number| number.checked_add(digit)) {
            Some(next) => number = next,
            None => return Some(u64::MAX),
        }
    }
    Some(number)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn fields_are_found_by_their_names() {
        let text = r#" { "a" : 1 , "x":{"a":[2]}, "\u0062":"\"" , "":0 } "#;
        assert_eq!(fields(text, ["b", "a", "c"]), Some([Some("\"\\\"\""), Some("1"), None]));
        assert_eq!(fields("{}", ["a"]), Some([None]));
        for text in
            ["[]", "[\"a\",1]", "1", "", "{", "{}{}", r#"{"a":1,"a":1}"#, r#"{"a":1,"\u0061":1}"#, r#"{"\ud800":1}"#]
        {
            assert_eq!(fields(text, ["a"]), None, "{text}");
        }
        assert_eq!(fields(r#"{"b":1,"b":2}"#, ["a"]), Some([None]), "what is not asked for does no harm");
    }

    #[test]
    fn elements_are_those_of_an_array() {
        assert_eq!(elements("[1, [2] ]").unwrap().collect::<Vec<_>>(), ["1", "[2]"]);
        assert!(elements("{}").is_none() && elements("[").is_none());
    }

    #[test]
    fn numbers_are_read_whole_and_within_bounds() {
        for (text, expected) in [
            ("0", Some(0)),
            ("-0", Some(0)),
            ("-0.0e5", Some(0)),
            ("25000", Some(25_000)),
            ("25000.0", Some(25_000)),
            ("0.9", Some(0)),
            ("1e6", Some(1_000_000)),
            ("1.5E+3", Some(1500)),
            ("1234567e-3", Some(1234)),
            ("0.000012345e6", Some(12)),
            ("1e-99999999999999999999", Some(0)),
            ("0e99999999999999999999", Some(0)),
            ("18446744073709551615", Some(u64::MAX)),
            ("18446744073709551616", Some(u64::MAX)),
            ("1e308", Some(u64::MAX)),
            ("1e400", None),
            ("1e99999999999999999999", None),
            ("-1", None),
            ("-0.5", None),
            ("\"1\"", None),
            ("null", None),
            ("[1]", None),
            ("", None),
        ] {
            assert_eq!(whole(text), expected, "{text}");
        }
    }

    proptest! {
        #[test]
        fn strings_are_read_as_serde_json_does(text in r#""([a-z\u{e9}\u{1f600} /]|\\["\\/bfnrt]|\\u[0-9a-fA-F]{4}|\\ud[89ab][0-9a-f]{2}\\ud[c-f][0-9a-f]{2}){0,8}""#) {
            prop_assert_eq!(string(&text).map(Cow::into_owned), serde_json::from_str::<String>(&text).ok());
        }

        #[test]
        fn strings_of_any_kind_come_back(text in any::<String>()) {
            let json = serde_json::to_string(&text).unwrap();
            prop_assert_eq!(string(&json).unwrap(), text);
        }

        #[test]
        fn numbers_are_read_as_serde_json_does(text in r"(0|[1-9][0-9]{0,20})(\.[0-9]{1,8})?([eE][+\-]?[0-9]{1,3})?") {
            let expected = serde_json::from_str::<f64>(&text).ok();
            match (whole(&text), expected) {
                // A double is the nearest one, not the digits that were written.
                (Some(read), Some(double)) => {
                    let difference = read.abs_diff(double as u64);
                    prop_assert!(difference <= 1.max(read >> 52), "{} is {} or {}", text, read, double);
                }
                (read, double) => prop_assert!(double.is_none(), "{} is {:?} or {:?}", text, read, double),
            }
        }

        #[test]
        fn fields_are_found_as_serde_json_does(
            entries in proptest::collection::btree_map("[ab\"\n\u{e9}]{0,2}", any::<Option<u8>>(), 0..5),
            name in "[ab\"\n\u{e9}]{0,2}",
        ) {
            let json = serde_json::to_string_pretty(&entries).unwrap();
            let expected = entries.get(&name).map(|value| serde_json::to_string(value).unwrap());
            prop_assert_eq!(fields(&json, [&name]), Some([expected.as_deref()]));
        }
    }
}
