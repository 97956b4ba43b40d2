//! What publishers wrote, fit to be shown.
//!
//! A terminal obeys what it is sent: escape sequences move its cursor and write its
//! title, a line break makes one line of a log look like two, and characters that turn
//! the direction of writing or have no width make one name look like another. In what
//! is shown these stand as Rust writes them, `\u{1b}`. Where it goes, each output
//! knows: [`answer`](super::answer) and [`table`](super::table) for standard output,
//! [`watch`](super::watch) for the log.

use std::borrow::Cow;
use std::fmt::Write as _;

/// A text without characters that are more than a sign to whoever reads it.
pub(super) fn escaped(text: &str) -> Cow<'_, str> {
    escaped_but(text, |_| false)
}

/// The same with the lines and tabs that it has.
pub(super) fn escaped_lines(text: &str) -> Cow<'_, str> {
    escaped_but(text, |character| matches!(character, '\n' | '\t'))
}

fn escaped_but(text: &str, is_kept: impl Fn(char) -> bool) -> Cow<'_, str> {
    let is_escaped = |character| acts(character) && !is_kept(character);
    if !text.contains(is_escaped) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len() + 16);
    for character in text.chars() {
        match is_escaped(character) {
            // such as have a name of their own are written by it: \n
            true if character.is_ascii() => shown.extend(character.escape_default()),
            true => shown.extend(character.escape_unicode()),
            false => shown.push(character),
        }
    }
    Cow::Owned(shown)
}

/// A text without such characters, but for the sequences that set colours.
pub(super) fn escaped_but_colours(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('\u{1b}') {
        let (before, from) = rest.split_at(at);
        shown.push_str(&escaped(before));
        let (sequence, after) = from.split_at(colour(from).unwrap_or(1));
        match sequence.len() {
            1 => shown.push_str(&escaped(sequence)),
            _ => shown.push_str(sequence),
        }
        rest = after;
    }
    shown.push_str(&escaped(rest));
    shown
}

/// A text of JSON in which such characters stand as JSON writes them, `\u001b`: it
/// means what it meant.
pub(super) fn escaped_json(text: &str) -> Cow<'_, str> {
    if !text.contains(acts) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len() + 16);
    for character in text.chars() {
        match acts(character) {
            true => {
                for unit in character.encode_utf16(&mut [0; 2]) {
                    // writing to a string never fails
                    let _ = write!(shown, "\\u{unit:04x}");
                }
            }
            false => shown.push(character),
        }
    }
    Cow::Owned(shown)
}

/// The length of the sequence that a text begins with, if it sets a colour.
fn colour(text: &str) -> Option<usize> {
    let parameters = text.strip_prefix("\u{1b}[")?;
    let end = parameters.find(|it: char| !it.is_ascii_digit() && it != ';')?;
    parameters[end..].starts_with('m').then_some(end + 3)
}

/// Whether a character does something or is not seen.
fn acts(character: char) -> bool {
    character.is_control()
        || matches!(
            character,
            // a soft hyphen, and what tells how Arabic and Mongolian are written
            '\u{ad}' | '\u{61c}' | '\u{180e}'
            // no width, and either direction
            | '\u{200b}'..='\u{200f}'
            // ends of lines and paragraphs, and embedded directions
            | '\u{2028}'..='\u{202e}'
            // joiners, and isolated directions
            | '\u{2060}'..='\u{206f}'
            | '\u{feff}'
            // notes between the lines, and tags
            | '\u{fff9}'..='\u{fffb}'
            | '\u{e0000}'..='\u{e007f}'
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_terminal_would_obey_is_shown_as_it_is_written() {
        for (text, shown) in [
            ("Café Ærø 東京 🏗 \\n", "Café Ærø 東京 🏗 \\n"),
            ("a\u{1b}[2J\u{7}b", "a\\u{1b}[2J\\u{7}b"),
            ("\u{9b}31m\u{7f}\0", "\\u{9b}31m\\u{7f}\\u{0}"),
            ("one\r\ntwo\tthree", "one\\r\\ntwo\\tthree"),
            ("exe.\u{202e}nosj", "exe.\\u{202e}nosj"),
            ("pay\u{200b}pal\u{feff}", "pay\\u{200b}pal\\u{feff}"),
            (
                "a\u{2028}b\u{2066}c\u{e0041}",
                "a\\u{2028}b\\u{2066}c\\u{e0041}",
            ),
        ] {
            assert_eq!(escaped(text), shown);
        }
        let json = r#"{"a":"\u001b"}"#.to_owned() + "\u{9b}\u{202e}\u{e0041}é";
        let shown = r#"{"a":"\u001b"}\u009b\u202e\udb40\udc41é"#;
        assert_eq!(escaped_json(&json), shown);
        assert_eq!(escaped_lines("a\n\tb\r\u{1b}"), "a\n\tb\\r\\u{1b}");
        let coloured = "\u{1b}[1;31mred\u{1b}[0m \u{1b}[2J\u{1b}]0;title\u{7}\n\u{1b}";
        assert_eq!(
            escaped_but_colours(coloured),
            "\u{1b}[1;31mred\u{1b}[0m \\u{1b}[2J\\u{1b}]0;title\\u{7}\\n\\u{1b}"
        );
    }
}
