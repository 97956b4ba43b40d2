//! Parses a complete document, such as an index, unless parsing would need too much memory.
//!
//! The needed memory is estimated from the text before the text is parsed.

use std::borrow::Cow;

use serde_json::Value;

use crate::json::lenient::parse_leniently;

/// The memory for an entry of a list. Lists grow by doubling, so each entry may need room for
/// two.
const ENTRY_BYTES: usize = 2 * size_of::<Value>();

/// The memory for a list. Its first allocation has room for four entries.
const LIST_BYTES: usize = 4 * size_of::<Value>() + ALLOCATION_BYTES;

/// The memory for an object. It is stored as a B-tree, and a node has room for eleven members.
const OBJECT_BYTES: usize = 11 * MEMBER_BYTES + ALLOCATION_BYTES;

/// The memory for a member of an object, without the texts of the member.
const MEMBER_BYTES: usize = size_of::<String>() + size_of::<Value>();

/// The memory that the allocator adds to each allocation.
const ALLOCATION_BYTES: usize = 16;

/// The number of bytes by which a control character becomes longer when it is escaped.
const ESCAPE_BYTES: usize = 5;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum DocumentError {
    /// The document is not JSON. The text names the line of the error.
    Unreadable(String),
    /// The document needs too much memory. The number is the estimated need in bytes.
    TooLarge(usize),
}

/// Parses a document, unless that would need more than about `max_bytes` of memory. A document of
/// long texts needs twice its size, and a document such as `[0,0,…` thirty times its size.
///
/// Strings may contain control characters and bytes that are not UTF-8. A character that
/// PostgreSQL cannot store becomes U+FFFD.
pub(crate) fn parse_document(document: &[u8], max_bytes: usize) -> Result<Value, DocumentError> {
    let text = String::from_utf8_lossy(document);
    let lossy = match &text {
        Cow::Borrowed(_) => 0,
        Cow::Owned(text) => text.capacity(),
    };
    let bytes = lossy + estimate_memory(text.as_bytes());
    if bytes > max_bytes {
        return Err(DocumentError::TooLarge(bytes));
    }
    parse_leniently(&text)
        .map_err(|e| DocumentError::Unreadable(format!("not JSON at line {}", e.line())))
}

/// Returns an estimate of the memory in bytes that is needed to parse a text.
fn estimate_memory(text: &[u8]) -> usize {
    let escapes = text.iter().filter(|byte| **byte < b' ').count() * ESCAPE_BYTES;
    let copy = match escapes {
        0 => text.len(),
        // The copy is built as a string, which grows by doubling.
        _ => 2 * (text.len() + escapes),
    };
    // The strings of the parsed value together are at most as long as the text with its escapes.
    let mut bytes = copy + text.len() + escapes;
    let mut at = 0;
    while let Some(byte) = text.get(at) {
        at += 1;
        bytes += match byte {
            b'"' => {
                at = find_string_end(text, at);
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

/// Returns the position after the string whose content starts at `at`.
fn find_string_end(text: &[u8], mut at: usize) -> usize {
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
        assert_eq!(parse_document(document, 10_000), Ok(expected));
        let expected = DocumentError::Unreadable("not JSON at line 2".into());
        assert_eq!(parse_document(b"{\n<html>", 10_000), Err(expected));
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
            let Err(DocumentError::TooLarge(bytes)) = parse_document(document.as_bytes(), 500_000)
            else {
                panic!("{one}");
            };
            assert!(bytes >= least * document.len(), "{one}: {bytes}");
            assert!(parse_document(document.as_bytes(), bytes).is_ok(), "{one}");
        }
        // A document that consists of long texts needs little more than twice its size.
        let text = format!("[\"{}\"]", "a, {[:\\\" b".repeat(100_000));
        assert!(parse_document(text.as_bytes(), 2 * text.len() + 1_000).is_ok());
        let broken = [b"[\"", &[0xff; 100_000][..], b"\"]"].concat();
        let Err(DocumentError::TooLarge(bytes)) = parse_document(&broken, 500_000) else {
            panic!("bytes that are not UTF-8");
        };
        assert!(bytes >= 9 * broken.len(), "{bytes}");
        for unfinished in ["\"", "\"\\", "[\"a\\\""] {
            let Err(DocumentError::Unreadable(_)) = parse_document(unfinished.as_bytes(), 1_000)
            else {
                panic!("{unfinished}");
            };
        }
    }
}
