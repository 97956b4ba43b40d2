//! Recognizes the members of an archive that are no data: licences, readmes, tables of the same
//! data, and what an operating system adds.
//!
//! A member is data if its name or its first bytes say so. So data under any name are read, and a
//! member that is named like data and cannot be read is not taken for a side file. White space
//! before the first bytes does not count, and a member with nothing else is like an empty one.

use serde::de::IgnoredAny;

use crate::json::is_white_space;

/// This many bytes of a member are enough to see whether it begins like JSON.
pub(super) const START_BYTES: usize = 1 << 10;

/// All side files of a page together are kept up to this many bytes. Further ones are counted.
pub(super) const MAX_SIDE_FILE_BYTES: usize = 1 << 20;

/// The message for a member that is no data. It follows "the document is".
pub(super) const MESSAGE: &str = "no data, by its name and its first bytes";

/// The endings of files that have data, or in which data may be packed.
const DATA: [&str; 12] = [
    "json", "jsonl", "ndjson", "geojson", "tar", "zip", "gz", "tgz", "bz2", "xz", "zst", "7z",
];

/// The endings of files that pack one other file.
const PACKED: [&str; 5] = ["zip", "gz", "bz2", "xz", "zst"];

/// The endings of files that publishers put beside data, and in which no JSON is expected.
const OTHER: [&str; 40] = [
    "csv", "css", "db", "doc", "docx", "eot", "gif", "htm", "html", "ico", "ini", "jpeg", "jpg",
    "js", "log", "md", "md5", "ods", "odt", "parquet", "pdf", "png", "ppt", "pptx", "py", "r",
    "rst", "rtf", "sh", "sha1", "sha256", "sql", "svg", "toml", "tsv", "txt", "xls", "xlsx", "xml",
    "yml",
];

/// The name of a member tells what its content probably is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NameHint {
    Data,
    /// The name tells nothing, so the content decides.
    Nothing,
    Other,
    /// An operating system has added the member. Its bytes are of no use to anybody.
    System,
}

impl NameHint {
    /// Reads the hint from the name of a member with its path.
    pub(super) fn read(name: &str) -> Self {
        let name = name.to_ascii_lowercase();
        let base = name.rsplit('/').next().unwrap_or_default();
        let is_system = [".ds_store", "thumbs.db", "desktop.ini"].contains(&base);
        if is_system || base.starts_with("._") || name.starts_with("__macosx/") {
            return NameHint::System;
        }
        let (stem, ending) = split_ending(base);
        match ending {
            ending if OTHER.contains(&ending) => NameHint::Other,
            ending if !DATA.contains(&ending) => NameHint::Nothing,
            ending if PACKED.contains(&ending) && OTHER.contains(&split_ending(stem).1) => {
                NameHint::Other
            }
            _ => NameHint::Data,
        }
    }

    /// Returns true if a member with this name is no data. `start` has its first bytes.
    pub(super) fn is_side_file(self, start: &[u8]) -> bool {
        let may_be_packed = matches!(start, [b'P', b'K', ..] | [0x1F, 0x8B, ..]);
        match self {
            NameHint::Data => false,
            NameHint::Nothing => !may_be_packed && !begins_like_json(start),
            NameHint::Other | NameHint::System => !begins_like_json(start),
        }
    }

    /// Returns true if a member with this name is no data, although its content cannot be read.
    pub(super) fn is_other(self) -> bool {
        matches!(self, NameHint::Other | NameHint::System)
    }

    /// Returns the bytes that are kept of a side file with this name.
    pub(super) fn bytes_to_keep(self, bytes: &[u8]) -> &[u8] {
        match self {
            NameHint::System => &[],
            _ => bytes,
        }
    }
}

fn split_ending(name: &str) -> (&str, &str) {
    name.rsplit_once('.').unwrap_or((name, ""))
}

/// Returns true if a text of any charset begins like an object, or like an array of objects or
/// arrays. A text such as `[see](here)`, `[[page]]` or `{\rtf1` does not.
fn begins_like_json(start: &[u8]) -> bool {
    let is_text = |byte: &&u8| !is_mark(**byte) && !is_white_space(**byte);
    let bytes: Vec<u8> = start.iter().filter(is_text).copied().collect();
    let depth = bytes.iter().take_while(|byte| **byte == b'[').count();
    let inside = &bytes[depth..];
    match (depth, inside.first()) {
        (0, Some(b'{')) => matches!(inside.get(1), Some(b'"' | b'}')),
        (0, _) | (1, None) => false,
        (1, Some(first)) => matches!(first, b'{' | b']'),
        (_, Some(b'{' | b']' | b'"' | b'-' | b'0'..=b'9') | None) => true,
        _ => [&b"null"[..], b"true", b"false"]
            .iter()
            .any(|word| inside.starts_with(word)),
    }
}

/// Returns true for bytes that may stand before or between the characters of a text: those of a
/// byte order mark, the zeros of UTF-16, and the record separator of RFC 7464.
fn is_mark(byte: u8) -> bool {
    matches!(byte, 0 | 0xEF | 0xBB | 0xBF | 0xFE | 0xFF | 0x1E)
}

/// Returns true if the first [`START_BYTES`] of a member are only white space, so that they do not
/// show what follows.
pub(super) fn is_blank_start(start: &[u8]) -> bool {
    start.len() >= START_BYTES && skip_blank(start).is_empty()
}

/// Returns the first bytes of a text after the white space before them.
pub(super) fn skip_blank(text: &[u8]) -> &[u8] {
    let is_text = |byte: &u8| !is_mark(*byte) && !is_white_space(*byte);
    let start = text.iter().position(is_text).unwrap_or(text.len());
    let rest = &text[start..];
    &rest[..rest.len().min(START_BYTES)]
}

/// Returns the byte order mark before a text, or nothing.
pub(super) fn byte_order_mark(text: &[u8]) -> &[u8] {
    let is_part = |byte: &&u8| is_mark(**byte) && **byte >= 0x80;
    &text[..text.iter().take_while(is_part).count()]
}

/// The members by which a server's error shows itself in place of data.
const ERROR_MEMBERS: [&[u8]; 5] = [
    b"\"error\"",
    b"\"errors\"",
    b"\"errorCode\"",
    b"\"fault\"",
    b"\"status\"",
];

/// Returns true if a text is JSON about something other than contracting processes, such as the
/// metadata of the other files. It has no `ocid`, no list of releases or records, and no member
/// of an error.
pub(super) fn is_other_json(text: &[u8]) -> bool {
    let is_error = |name: &&[u8]| has_member(text, name, |_| true);
    let is_text = |byte: u8| matches!(byte, b'"' | b'0'..=b'9');
    let is_list = |byte: u8| matches!(byte, b'[' | b'{');
    !has_member(text, b"\"ocid\"", is_text)
        && !has_member(text, b"\"releases\"", is_list)
        && !has_member(text, b"\"records\"", is_list)
        && !ERROR_MEMBERS.iter().any(is_error)
        && serde_json::from_slice::<IgnoredAny>(text).is_ok()
}

/// Returns true if a text has a member of this name, at any depth, whose value begins with one of
/// these bytes.
fn has_member(text: &[u8], quoted_name: &[u8], is_start: impl Fn(u8) -> bool) -> bool {
    memchr::memmem::find_iter(text, quoted_name).any(|at| {
        let behind = text[at + quoted_name.len()..].trim_ascii_start();
        let value = behind.strip_prefix(b":").map(<[u8]>::trim_ascii_start);
        value.is_some_and(|value| value.first().is_some_and(|byte| is_start(*byte)))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_tells_what_is_data_and_what_is_not() {
        for (name, expected) in [
            ("2024.json", NameHint::Data),
            ("out/2024.JSONL", NameHint::Data),
            ("2024.json.gz", NameHint::Data),
            ("2024.gz", NameHint::Data),
            ("www.publisher.example.zip", NameHint::Data),
            ("all.tar.gz", NameHint::Data),
            ("2024", NameHint::Nothing),
            ("README", NameHint::Nothing),
            ("releases.2024", NameHint::Nothing),
            ("README.txt", NameHint::Other),
            ("2024.csv", NameHint::Other),
            ("2024.csv.gz", NameHint::Other),
            ("data.json/licence.pdf", NameHint::Other),
            ("__MACOSX/out/2024.json", NameHint::System),
            ("out/._2024.json", NameHint::System),
            (".DS_Store", NameHint::System),
        ] {
            assert_eq!(NameHint::read(name), expected, "{name}");
        }
    }

    #[test]
    fn the_first_bytes_tell_it_where_the_name_does_not() {
        let utf16 = b"\xFF\xFE{\0\n\0\"\0";
        for (start, begins) in [
            (&b" \n{ \"ocid\""[..], true),
            (b"\xEF\xBB\xBF[\n{", true),
            (b"\x1E{\"a\"", true),
            (utf16, true),
            (b"[]", true),
            (b"[[\"ocid\",\"id\"],[\"a\",1]]", true),
            (b"[ [ [ -1", true),
            (b"[[], []]", true),
            (b"[[null", true),
            (b"[[[", true),
            (b"[[page]] and [[name|text]]", false),
            (b"[[tool.settings]]", false),
            (b"[1,2]", false),
            (b"[", false),
            (b"{\\rtf1", false),
            (b"[see](https://publisher.example)", false),
            (b"[section]", false),
            (b"ocid,id", false),
            (b"", false),
        ] {
            let shown = start.escape_ascii();
            assert_eq!(NameHint::Other.is_side_file(start), !begins, "{shown}");
            assert_eq!(NameHint::Nothing.is_side_file(start), !begins, "{shown}");
            assert!(!NameHint::Data.is_side_file(start), "{shown}");
        }
        assert!(!NameHint::Nothing.is_side_file(b"PK\x03\x04"));
        assert!(NameHint::Other.is_side_file(b"PK\x03\x04"));
    }

    #[test]
    fn white_space_before_a_text_is_skipped() {
        let blank = [b'\n'; START_BYTES];
        assert!(is_blank_start(&blank));
        assert!(!is_blank_start(&blank[1..]));
        assert!(!is_blank_start(&[&blank[1..], b"x"].concat()));
        assert_eq!(
            skip_blank(&[&blank, &b"\xEF\xBB\xBF{}"[..]].concat()),
            b"{}"
        );
        assert_eq!(skip_blank(&blank), b"");
        assert_eq!(byte_order_mark(b"\xFF\xFE \0"), b"\xFF\xFE");
        assert_eq!(byte_order_mark(b"\xEF\xBB\xBF "), b"\xEF\xBB\xBF");
        assert_eq!(byte_order_mark(b"\0 \0 "), b"");
    }

    #[test]
    fn json_about_something_else_has_no_ocid_and_no_list() {
        for (text, expected) in [
            (r#"{"title":"Procurement"}"#, true),
            (r#"{"fields":[{"name":"ocid"}],"records":12}"#, true),
            (r#"{"properties":{"ocid":{"type":"string"}}}"#, true),
            (r#"{"data":[{"ocid": "a"}]}"#, false),
            (r#"{"data":{"releases":[]}}"#, false),
            (r#"{"records" : [{"id":"1"}]}"#, false),
            (r#"{"title":"Procu"#, false),
            (r#"{"title":}"#, false),
        ] {
            assert_eq!(is_other_json(text.as_bytes()), expected, "{text}");
        }
    }
}
