/// How far the time in an offset may be from now: clocks differ.
const TOLERANCE_MILLIS: u64 = 24 * 3600 * 1000;
/// Digits of a time in milliseconds since 1970, from 2004 to 2109.
const TIME_DIGITS: usize = 7;
/// The longest counter within a millisecond.
const MAX_COUNTER: usize = 8;

/// Whether a text looks like the offset that stock servers with connection state recovery put behind an event
/// (`docs/protocol.md`, "Stock peers"): seven digits of base 64 that are a time within a day of this one, in milliseconds
/// since 1970, and maybe a counter behind a point.
pub(crate) fn looks_like_stock_offset(text: &str, now_millis: u64) -> bool {
    let (time, counter) = text.split_once('.').map_or((text, None), |(time, counter)| (time, Some(counter)));
    let is_counter = |counter: &str| (1..=MAX_COUNTER).contains(&counter.len()) && number(counter).is_some();
    time.len() == TIME_DIGITS
        && number(time).is_some_and(|millis| millis.abs_diff(now_millis) <= TOLERANCE_MILLIS)
        && counter.is_none_or(is_counter)
}

/// A number of at most eight digits of base 64, in the alphabet and order of the package `yeast`.
fn number(digits: &str) -> Option<u64> {
    digits.bytes().try_fold(0, |number: u64, digit| {
        let value = match digit {
            b'0'..=b'9' => digit - b'0',
            b'A'..=b'Z' => digit - b'A' + 10,
            b'a'..=b'z' => digit - b'a' + 36,
            b'-' => 62,
            b'_' => 63,
            _ => return None,
        };
        Some(number * 64 + u64::from(value))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What `yeast()` gives at that time: 2024-01-01T00:00:00Z.
    const NOW: u64 = 1_704_067_200_000;
    const NOW_TEXT: &str = "Op2KVG0";

    #[test]
    fn what_yeast_makes_looks_like_it() {
        assert_eq!(number(NOW_TEXT), Some(NOW));
        for text in [NOW_TEXT, "Op2KVG0.0", "Op2KVG0._", "Op2KVG0.10", "Op2KVGz"] {
            assert!(looks_like_stock_offset(text, NOW), "{text}");
        }
    }

    #[test]
    fn a_day_apart_is_the_limit() {
        for (millis, expected) in [(NOW, true), (NOW + TOLERANCE_MILLIS, true), (NOW + TOLERANCE_MILLIS + 1, false)] {
            assert_eq!(looks_like_stock_offset(NOW_TEXT, millis), expected, "{millis}");
        }
        assert!(!looks_like_stock_offset(NOW_TEXT, NOW - TOLERANCE_MILLIS - 1));
    }

    #[test]
    fn words_of_an_application_do_not() {
        for text in [
            "",
            "goodbye",
            "O",
            "Op2KVG",
            "Op2KVG00",
            "Op2KVG0.",
            "Op2KVG0.123456789",
            "Op2KVG0.1.2",
            "Op2KVG!",
            "e7.41",
            "Op2 KG0",
        ] {
            assert!(!looks_like_stock_offset(text, NOW), "{text}");
        }
    }
}
