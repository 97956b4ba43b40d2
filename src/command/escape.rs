//! Makes text of publishers safe to show.
//!
//! A terminal interprets the text that it receives. Escape sequences move its cursor and set its
//! title, and a line break makes one log line look like two. Characters that change the direction
//! of writing or are invisible make one name look like another. All these characters are shown in
//! Rust's notation, such as `\u{1b}`. Every output calls this module: [`stdout`](super::stdout)
//! and [`table`](super::table) for standard output, [`progress_display`](super::progress_display)
//! for the log.

use std::borrow::Cow;

/// Escapes all control characters and invisible characters.
pub(super) fn escape(text: &str) -> Cow<'_, str> {
    escape_unless(text, |_| false)
}

/// Escapes all control characters and invisible characters, except line breaks and tabs.
pub(super) fn escape_keeping_lines(text: &str) -> Cow<'_, str> {
    escape_unless(text, |character| matches!(character, '\n' | '\t'))
}

fn escape_unless(text: &str, is_kept: impl Fn(char) -> bool) -> Cow<'_, str> {
    let is_escaped = |character| is_control_or_invisible(character) && !is_kept(character);
    replace_characters(text, is_escaped, |character| match character.is_ascii() {
        // some have a short form, such as \n
        true => character.escape_default().to_string(),
        false => character.escape_unicode().to_string(),
    })
}

fn replace_characters(
    text: &str,
    is_replaced: impl Fn(char) -> bool,
    replacement: impl Fn(char) -> String,
) -> Cow<'_, str> {
    if !text.contains(&is_replaced) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len() + 16);
    for character in text.chars() {
        match is_replaced(character) {
            true => shown.push_str(&replacement(character)),
            false => shown.push(character),
        }
    }
    Cow::Owned(shown)
}

/// Escapes all control characters and invisible characters, except in sequences that set colours.
pub(super) fn escape_keeping_colours(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('\u{1b}') {
        let (before, from) = rest.split_at(at);
        shown.push_str(&escape(before));
        let (sequence, after) = from.split_at(colour_sequence_length(from).unwrap_or(1));
        match sequence.len() {
            1 => shown.push_str(&escape(sequence)),
            _ => shown.push_str(sequence),
        }
        rest = after;
    }
    shown.push_str(&escape(rest));
    shown
}

/// Escapes all control characters and invisible characters in a JSON text. The escapes have
/// JSON's form, such as `\u001b`, so that the meaning of the JSON stays the same.
pub(super) fn escape_json(text: &str) -> Cow<'_, str> {
    replace_characters(text, is_control_or_invisible, |character| {
        let mut units = [0; 2];
        let units = character.encode_utf16(&mut units).iter();
        units.map(|unit| format!("\\u{unit:04x}")).collect()
    })
}

/// Returns the length of the escape sequence at the beginning of a text. Returns `None` if the
/// sequence does not set a colour.
fn colour_sequence_length(text: &str) -> Option<usize> {
    let parameters = text.strip_prefix("\u{1b}[")?;
    let end = parameters.find(|it: char| !it.is_ascii_digit() && it != ';')?;
    parameters[end..].starts_with('m').then_some(end + 3)
}

/// Returns true if a character controls the output or is invisible.
fn is_control_or_invisible(character: char) -> bool {
    character.is_control()
        || matches!(
            character,
            // These are the soft hyphen, and marks that control Arabic and Mongolian script.
            '\u{ad}' | '\u{61c}' | '\u{180e}'
            // These are characters of zero width, and marks that set the direction of writing.
            | '\u{200b}'..='\u{200f}'
            // These are the separators of lines and paragraphs, and embedded directions of
            // writing.
            | '\u{2028}'..='\u{202e}'
            // These are joiners, and isolated directions of writing.
            | '\u{2060}'..='\u{206f}'
            | '\u{feff}'
            // These are interlinear annotations and tags.
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
            assert_eq!(escape(text), shown);
        }
        let json = r#"{"a":"\u001b"}"#.to_owned() + "\u{9b}\u{202e}\u{e0041}é";
        let shown = r#"{"a":"\u001b"}\u009b\u202e\udb40\udc41é"#;
        assert_eq!(escape_json(&json), shown);
        assert_eq!(escape_keeping_lines("a\n\tb\r\u{1b}"), "a\n\tb\\r\\u{1b}");
        let coloured = "\u{1b}[1;31mred\u{1b}[0m \u{1b}[2J\u{1b}]0;title\u{7}\n\u{1b}";
        assert_eq!(
            escape_keeping_colours(coloured),
            "\u{1b}[1;31mred\u{1b}[0m \\u{1b}[2J\\u{1b}]0;title\\u{7}\\n\\u{1b}"
        );
    }
}
