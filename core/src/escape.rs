use std::fmt::{self, Write as _};

/// Text that may come from a peer, for people: it can't end a line or a quotation, nor hide or turn around what follows.
///
/// As `str::escape_debug` in purpose, without its tables of all Unicode, which browsers would have to load.
pub(crate) struct Escaped<'a>(pub(crate) &'a str);

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.chars().try_for_each(|c| match c {
            '\n' => f.write_str("\\n"),
            '\r' => f.write_str("\\r"),
            '\t' => f.write_str("\\t"),
            '"' => f.write_str("\\\""),
            '\\' => f.write_str("\\\\"),
            _ if is_unseen(c) => c.escape_unicode().try_for_each(|c| f.write_char(c)),
            _ => f.write_char(c),
        })
    }
}

/// Control characters, and those that steer or take no room.
fn is_unseen(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}'..='\u{1160}' | '\u{17b4}'..='\u{17b5}'
            | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
            | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}'
            | '\u{e0000}'..='\u{e0fff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_could_mislead_is_escaped_and_the_rest_is_not() {
        for (text, expected) in [
            ("can't läuten 鐘 👍", "can't läuten 鐘 👍"),
            ("a\r\n\t\"b\"\\", r#"a\r\n\t\"b\"\\"#),
            ("\0\u{1b}[2J\u{9b}", r"\u{0}\u{1b}[2J\u{9b}"),
            ("\u{202e}abc\u{2066}\u{feff}\u{2028}", r"\u{202e}abc\u{2066}\u{feff}\u{2028}"),
        ] {
            assert_eq!(Escaped(text).to_string(), expected);
        }
    }
}
