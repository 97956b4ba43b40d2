//! Finds the documents in a text that has several: JSON Lines and concatenated JSON.

use std::ops::Range;

use crate::json::{Loose, MAX_ITEMS, ScanError, Scanner, is_white_space, reading_budget};

/// Returns the lines of a text that are not blank.
pub(crate) fn split_lines(text: &[u8]) -> Vec<Range<usize>> {
    let mut lines = Vec::new();
    let mut start = 0;
    while start < text.len() && lines.len() <= MAX_ITEMS {
        let end = memchr::memchr(b'\n', &text[start..]).map_or(text.len(), |at| start + at);
        let line = trim_range(text, start..end);
        if !line.is_empty() {
            lines.push(line);
        }
        start = end + 1;
    }
    lines
}

/// Returns the documents of a text that has several. Returns `None` if there is only one, or if
/// the first one is not whole.
pub(crate) fn split_several(text: &[u8]) -> Option<Vec<Range<usize>>> {
    let start = skip_between(text, 0);
    let end = container_end(text, start).ok()?;
    let documents = split_concatenated(text)?;
    let is_several = documents.len() > 1 && documents.first() == Some(&(start..end));
    is_several.then_some(documents)
}

/// Returns the objects and arrays that follow one another in a text, with or without white space
/// between them. Other text between them is returned too, as documents that cannot be read.
///
/// Returns `None` if a comma or a closing bracket follows a value. Then the text is one document
/// that is cut short or damaged, and its members must not be taken for documents.
pub(crate) fn split_concatenated(text: &[u8]) -> Option<Vec<Range<usize>>> {
    let mut budget = reading_budget(text.len());
    let mut values = Vec::new();
    let mut at = skip_between(text, 0);
    while at < text.len() && values.len() <= MAX_ITEMS {
        if !values.is_empty() && matches!(text[at], b',' | b']' | b'}') {
            return None;
        }
        let (end, read) = match container_end(text, at) {
            Ok(end) => (end, end),
            // an unfinished value at the end of the text may be a document that was cut off
            Err(error) if budget == 0 || error.is_unexpected_end() => (text.len(), error.at),
            Err(error) => (next_line_of_json(text, at), error.at),
        };
        budget = budget.saturating_sub(read - at);
        values.push(trim_range(text, at..end));
        at = skip_between(text, end);
    }
    Some(values)
}

/// The next part of a text that is read in parts.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum NextDocument {
    /// A document, and the position at which the text after it begins.
    Document(Range<usize>, usize),
    /// A document whose end has not been read yet.
    Begun,
    /// The first document is damaged. Other documents may follow, or the text may be only this
    /// one.
    Damaged,
    Nothing,
    /// The text continues a damaged document, because it begins with a comma or a closing
    /// bracket.
    Rest,
}

/// Tells whether the documents of a text are lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Lines {
    /// The source declares that each line is a document.
    Declared,
    /// All documents so far were lines, so a broken document ends at the end of its line.
    Seen,
    Unknown,
}

/// Finds the first document at or after `at`. If the text is JSON Lines, the document is a line.
/// `is_all` is true if the whole text has been read.
pub(crate) fn next_document(
    text: &[u8],
    (at, is_first): (usize, bool),
    is_all: bool,
    lines: Lines,
) -> NextDocument {
    let start = skip_between(text, at);
    let Some(byte) = text.get(start) else {
        return NextDocument::Nothing;
    };
    if lines == Lines::Unknown && !is_first && matches!(byte, b',' | b']' | b'}') {
        return NextDocument::Rest;
    }
    let found = container_end(text, start);
    let is_open = found.is_err_and(|error| error.is_unexpected_end());
    let line = || match memchr::memchr(b'\n', &text[start..]) {
        Some(length) => {
            let end = start + length + 1;
            NextDocument::Document(trim_range(text, start..end), end)
        }
        None if is_all && !is_open => {
            NextDocument::Document(trim_range(text, start..text.len()), text.len())
        }
        None => NextDocument::Begun,
    };
    match (found, lines) {
        (_, Lines::Declared) => line(),
        (Ok(end), Lines::Seen) if !is_document_end(text, end) => line(),
        (Ok(end), _) => NextDocument::Document(start..end, end),
        (Err(_), _) if is_open => NextDocument::Begun,
        (Err(_), Lines::Seen) => line(),
        (Err(_), Lines::Unknown) if is_first => NextDocument::Damaged,
        (Err(_), Lines::Unknown) => match next_line_of_json(text, start) {
            end if end == text.len() && !is_all => NextDocument::Begun,
            end => NextDocument::Document(trim_range(text, start..end), end),
        },
    }
}

/// Returns true if only white space, or another document, follows on the same line.
fn is_document_end(text: &[u8], at: usize) -> bool {
    let mut rest = text[at..].iter();
    let follows = rest.find(|byte| !matches!(byte, b' ' | b'\t' | b'\r'));
    matches!(follows, None | Some(b'\n' | b'{' | b'[' | 0x1E))
}

/// Returns true if the last document of a text is cut short. A document on one line is not cut
/// short if the line has an end.
pub(crate) fn is_cut_short(text: &[u8], last: &Range<usize>) -> bool {
    let is_line = memchr::memchr(b'\n', &text[last.clone()]).is_none();
    let has_end = text[last.end..].contains(&b'\n');
    let is_open = container_end(text, last.start).is_err_and(|error| error.is_unexpected_end());
    is_open && !(is_line && has_end)
}

fn container_end(text: &[u8], start: usize) -> Result<usize, ScanError> {
    if !matches!(text.get(start), Some(b'{' | b'[')) {
        return Err(ScanError::invalid(
            start,
            "an object or an array was expected",
        ));
    }
    let mut scanner = Scanner::new(text, start, Loose);
    scanner.skip_value()?;
    Ok(scanner.position())
}

/// Returns the position at which to look for the next document after a broken one. It is the
/// start of the next line that begins with an object or an array.
fn next_line_of_json(text: &[u8], at: usize) -> usize {
    memchr::memchr_iter(b'\n', &text[at..])
        .map(|newline| at + newline + 1)
        .find(|start| matches!(text.get(*start), Some(b'{' | b'[')))
        .unwrap_or(text.len())
}

/// Returns true for white space and for the record separator of RFC 7464.
fn is_separator(byte: u8) -> bool {
    is_white_space(byte) || byte == 0x1E
}

fn skip_between(text: &[u8], at: usize) -> usize {
    let rest = text[at..].iter();
    at + rest.take_while(|byte| is_separator(**byte)).count()
}

fn trim_range(text: &[u8], range: Range<usize>) -> Range<usize> {
    let start = skip_between(text, range.start).min(range.end);
    let behind = text[start..range.end].iter().rev();
    let white = behind.take_while(|byte| is_separator(**byte)).count();
    start..range.end - white
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::*;

    fn texts(text: &str, ranges: Vec<Range<usize>>) -> Vec<&str> {
        ranges.into_iter().map(|range| &text[range]).collect()
    }

    #[track_caller]
    fn check(text: &str, documents: Option<&[&str]>) {
        let found = split_several(text.as_bytes()).map(|ranges| texts(text, ranges));
        assert_eq!(found.as_deref(), documents, "{text}");
    }

    #[test]
    fn documents_follow_each_other_with_or_without_white_space() {
        for between in ["", " ", "\n", "\r\n\r\n", "\n\u{1e}"] {
            let text = format!("{{\"a\":\"}}{{\"}}{between}[1]{between}{{\n\"b\":2\n}}");
            check(&text, Some(&["{\"a\":\"}{\"}", "[1]", "{\n\"b\":2\n}"]));
        }
    }

    #[test]
    fn a_broken_document_ends_where_a_line_begins_like_one() {
        for broken in [
            r#"{"a":1"#,
            r#"{"a":"x}"#,
            r#"{"a":1}}"#,
            "<p>",
            "null",
            r#"{"a" 1}{"b":2}"#,
        ] {
            let text = format!("{{}}\n{broken}\n{{\"z\":1}}\n");
            if broken == r#"{"a":1}}"# {
                // this could also be the rest of a document
                check(&text, None);
            } else {
                check(&text, Some(&["{}", broken, r#"{"z":1}"#]));
            }
        }
    }

    #[test]
    fn one_document_is_not_several_whole_or_not() {
        let page = "{\"a\":[\n{\"b\":1},\n{\"b\":2}\n,\n[3],\n{\"b\":\"\\\"\"}\n]}\n";
        for end in 0..=page.len() {
            check(&page[..end], None);
            // the same after another document
            let behind = format!("{{}}\n{}", &page[..end]);
            for found in split_several(behind.as_bytes()).into_iter().flatten() {
                assert!(!behind[found].starts_with("{\"b\""), "{behind}");
            }
        }
        check("<html>\n{ color: red }\n{}\n</html>", None);
        check("", None);
    }

    #[test]
    fn lines_are_trimmed_and_blank_ones_left_out() {
        let text = " {\"a\":1} \r\n\n\t\n<p>\n{\"b\":\n";
        assert_eq!(
            texts(text, split_lines(text.as_bytes())),
            ["{\"a\":1}", "<p>", "{\"b\":"]
        );
    }

    #[test]
    fn only_a_last_document_without_its_line_end_is_cut_short() {
        for (text, expected) in [
            ("{}\n{\"a\":", true),
            ("{}\n{\"a\":\n", false),
            ("{}\n{\n\"a\":\n", true),
            ("{}\n{}", false),
            ("{}\n<p>", false),
        ] {
            let last = split_concatenated(text.as_bytes()).unwrap().pop().unwrap();
            assert_eq!(is_cut_short(text.as_bytes(), &last), expected, "{text:?}");
        }
    }

    #[test]
    fn a_text_made_to_be_slow_is_given_up() {
        for unit in ["[\n", "{\"a\":[\n", "{\n", "{\"\n"] {
            let text = format!("{{}}\n{}", unit.repeat((1 << 17) / unit.len()));
            let began = Instant::now();
            let _ = split_concatenated(text.as_bytes());
            assert!(began.elapsed() < Duration::from_secs(20), "{unit:?}");
        }
    }
}
