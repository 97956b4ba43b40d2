//! Parses JSON whose strings may contain control characters. A character that PostgreSQL cannot
//! store becomes U+FFFD.

use serde_json::Value;

pub(super) fn parse_leniently(text: &str) -> serde_json::Result<Value> {
    serde_json::from_str(&replace_unstorable(text))
}

fn replace_unstorable(text: &str) -> String {
    let mut replaced = String::with_capacity(text.len());
    let mut in_string = false;
    let mut rest = text;
    while let Some(character) = rest.chars().next() {
        let mut length = character.len_utf8();
        match character {
            '"' => {
                in_string = !in_string;
                replaced.push(character);
            }
            '\\' if in_string => {
                length = escape_length(rest);
                match &rest[..length] {
                    // Pairs of surrogates and escapes other than `\u` are kept, because
                    // PostgreSQL can store them.
                    escape if escape.len() != 6 || is_storable(escape) => replaced.push_str(escape),
                    _ => replaced.push(char::REPLACEMENT_CHARACTER),
                }
            }
            '\0' if in_string => replaced.push(char::REPLACEMENT_CHARACTER),
            '\u{1}'..='\u{1f}' if in_string => {
                replaced.push_str(&format!("\\u{:04x}", u32::from(character)));
            }
            _ => replaced.push(character),
        }
        rest = &rest[length..];
    }
    replaced
}

/// Returns the length of the escape at the beginning of a text. It is 12 for a surrogate pair,
/// and 6 for any other `\u` escape.
fn escape_length(text: &str) -> usize {
    let unit = |at: usize| {
        let digits = text.get(at..at + 6)?.strip_prefix("\\u")?;
        u16::from_str_radix(digits, 16).ok()
    };
    match (unit(0), unit(6)) {
        (Some(0xD800..=0xDBFF), Some(0xDC00..=0xDFFF)) => 12,
        (Some(_), _) => 6,
        (None, _) => 1 + text[1..].chars().next().map_or(0, char::len_utf8),
    }
}

/// Returns true if PostgreSQL can store the character that a single `\u` escape stands for.
fn is_storable(escape: &str) -> bool {
    u32::from_str_radix(&escape[2..], 16)
        .is_ok_and(|unit| unit != 0 && char::from_u32(unit).is_some())
}
