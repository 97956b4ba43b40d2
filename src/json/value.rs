//! A document that is read whole, such as an index: what is wanted may be anywhere in it.

use serde_json::Value;

use super::cut::forgive;

/// What an entry of a list takes, which is made room for before it is needed.
const ENTRY_BYTES: usize = 2 * size_of::<Value>();

/// What an object takes that has any members: room for the eleven of a tree's node.
const OBJECT_BYTES: usize = 11 * MEMBER_BYTES;

/// What a member of an object takes, beside the texts.
const MEMBER_BYTES: usize = size_of::<String>() + size_of::<Value>();

/// What an allocation takes more than was asked for.
const ALLOCATION_BYTES: usize = 16;

/// Why a document is not a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Misread {
    /// It is not JSON; a clause.
    Unreadable(String),
    /// It would take about so many bytes of memory, which is too many.
    TooLarge(usize),
}

/// Reads a document, if it takes no more than about so many bytes of memory. Control
/// characters and bytes that are not UTF-8 are forgiven in its texts; what PostgreSQL
/// cannot store is U+FFFD in them.
///
/// # Errors
/// It is not JSON, or too large: `[0,0,…` takes thirty times what it has.
pub(crate) fn value(document: &[u8], most_bytes: usize) -> Result<Value, Misread> {
    let bytes = weight(document);
    if bytes > most_bytes {
        return Err(Misread::TooLarge(bytes));
    }
    serde_json::from_str(&forgive(&String::from_utf8_lossy(document)))
        .map_err(|e| Misread::Unreadable(format!("not JSON at line {}", e.line())))
}

/// About how many bytes the value of a document takes.
fn weight(document: &[u8]) -> usize {
    let mut bytes = document.len();
    let mut at = 0;
    while let Some(byte) = document.get(at) {
        at += 1;
        bytes += match byte {
            b'"' => {
                at = end_of_string(document, at);
                ALLOCATION_BYTES
            }
            b'{' => OBJECT_BYTES,
            b':' => MEMBER_BYTES,
            b'[' | b',' => ENTRY_BYTES,
            _ => 0,
        };
    }
    bytes
}

/// Where what follows a string begins, which begins here.
fn end_of_string(document: &[u8], mut at: usize) -> usize {
    while let Some(found) = memchr::memchr2(b'"', b'\\', &document[at.min(document.len())..]) {
        at += found;
        if document[at] == b'"' {
            return at + 1;
        }
        at += 2;
    }
    document.len()
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
            let document = format!("[{}0]", one.repeat(100_000));
            let Err(Misread::TooLarge(bytes)) = value(document.as_bytes(), 1_000_000) else {
                panic!("{one}");
            };
            assert!(bytes >= least * document.len(), "{one}: {bytes}");
            assert!(value(document.as_bytes(), bytes).is_ok(), "{one}");
        }
        // nothing but text takes little more than itself
        let text = format!("[\"{}\"]", "a, {[:\\\" b".repeat(100_000));
        assert!(value(text.as_bytes(), text.len() + 1_000).is_ok());
        for unfinished in ["\"", "\"\\", "[\"a\\\""] {
            let Err(Misread::Unreadable(_)) = value(unfinished.as_bytes(), 1_000) else {
                panic!("{unfinished}");
            };
        }
    }
}
