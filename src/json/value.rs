//! A document that is read whole, such as an index: what is wanted may be anywhere in it.

use std::borrow::Cow;

use serde_json::Value;

use crate::json::lenient::parse_leniently;

/// What an entry of a list takes, which is made room for before it is needed.
const ENTRY_BYTES: usize = 2 * size_of::<Value>();

/// What a list takes that has any entries: there is room for four at once.
const LIST_BYTES: usize = 4 * size_of::<Value>() + ALLOCATION_BYTES;

/// What an object takes that has any members: room for the eleven of a tree's node.
const OBJECT_BYTES: usize = 11 * MEMBER_BYTES + ALLOCATION_BYTES;

/// What a member of an object takes, beside the texts.
const MEMBER_BYTES: usize = size_of::<String>() + size_of::<Value>();

/// What an allocation takes more than was asked for.
const ALLOCATION_BYTES: usize = 16;

/// How many bytes longer a control character is once it is escaped.
const ESCAPE_BYTES: usize = 5;

/// Why a document is not a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Misread {
    /// It is not JSON; a clause.
    Unreadable(String),
    /// It would take about so many bytes of memory, which is too many.
    TooLarge(usize),
}

/// Reads a document, if that takes no more than about so many bytes of memory, of which
/// it needs twice its own for text alone. Control characters and bytes that are not UTF-8
/// are forgiven in its texts; what PostgreSQL cannot store is U+FFFD in them.
///
/// # Errors
/// It is not JSON, or too large: `[0,0,…` takes thirty times what it has.
pub(crate) fn value(document: &[u8], most_bytes: usize) -> Result<Value, Misread> {
    let text = String::from_utf8_lossy(document);
    let lossy = match &text {
        Cow::Borrowed(_) => 0,
        Cow::Owned(text) => text.capacity(),
    };
    let bytes = lossy + weight(text.as_bytes());
    if bytes > most_bytes {
        return Err(Misread::TooLarge(bytes));
    }
    parse_leniently(&text)
        .map_err(|e| Misread::Unreadable(format!("not JSON at line {}", e.line())))
}

/// About how many bytes it takes to make a text a value.
fn weight(text: &[u8]) -> usize {
    let escapes = text.iter().filter(|byte| **byte < b' ').count() * ESCAPE_BYTES;
    let forgiven = match escapes {
        0 => text.len(),
        // room is doubled when it does not suffice
        _ => 2 * (text.len() + escapes),
    };
    // each text of the value is a part of what is forgiven
    let mut bytes = forgiven + text.len() + escapes;
    let mut at = 0;
    while let Some(byte) = text.get(at) {
        at += 1;
        bytes += match byte {
            b'"' => {
                at = end_of_string(text, at);
                ALLOCATION_BYTES
            }
            b'{' => OBJECT_BYTES,
            b':' => MEMBER_BYTES,
            b'[' => LIST_BYTES,
            b',' => ENTRY_BYTES,
            _ => 0,
        };
    }
    bytes
}

/// Where what follows a string begins, which begins here.
fn end_of_string(text: &[u8], mut at: usize) -> usize {
    while let Some(found) = memchr::memchr2(b'"', b'\\', &text[at.min(text.len())..]) {
        at += found;
        if text[at] == b'"' {
            return at + 1;
        }
        at += 2;
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_document_is_read_with_what_can_be_stored_of_it() {
        let document = b"{\"next\": \"a\\u0000b\x00c\xffd\te\", \"of\": [1, 2]}";
        let expected = json!({"next": "a\u{FFFD}b\u{FFFD}c\u{FFFD}d\te", "of": [1, 2]});
        assert_eq!(value(document, 10_000), Ok(expected));
        let expected = Misread::Unreadable("not JSON at line 2".into());
        assert_eq!(value(b"{\n<html>", 10_000), Err(expected));
    }

    #[test]
    fn a_document_that_takes_more_memory_than_it_may_is_not_read() {
        for (one, least) in [
            ("0,", 16),
            ("{\"\":0},", 32),
            ("[[[]]],", 16),
            ("\"\",", 16),
        ] {
            let document = match one {
                "\u{1}" => format!("[\"{}\"]", one.repeat(100_000)),
                one => format!("[{}0]", one.repeat(100_000)),
            };
            let Err(Misread::TooLarge(bytes)) = value(document.as_bytes(), 500_000) else {
                panic!("{one}");
            };
            assert!(bytes >= least * document.len(), "{one}: {bytes}");
            assert!(value(document.as_bytes(), bytes).is_ok(), "{one}");
        }
        // nothing but text takes little more than itself twice
        let text = format!("[\"{}\"]", "a, {[:\\\" b".repeat(100_000));
        assert!(value(text.as_bytes(), 2 * text.len() + 1_000).is_ok());
        let broken = [b"[\"", &[0xff; 100_000][..], b"\"]"].concat();
        let Err(Misread::TooLarge(bytes)) = value(&broken, 500_000) else {
            panic!("bytes that are not UTF-8");
        };
        assert!(bytes >= 9 * broken.len(), "{bytes}");
        for unfinished in ["\"", "\"\\", "[\"a\\\""] {
            let Err(Misread::Unreadable(_)) = value(unfinished.as_bytes(), 1_000) else {
                panic!("{unfinished}");
            };
        }
    }
}
