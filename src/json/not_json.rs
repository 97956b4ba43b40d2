//! Says what a body is that is not JSON. A server that fails often sends an HTML page or an XML
//! document instead of JSON, and the title or the text of an element says why.
//!
//! The texts that are found here are a publisher's, so they may show a secret. The caller removes
//! secrets from them.

/// The element that names a page is searched for in this many bytes at the beginning of a body.
const SEARCHED_BYTES: usize = 64 << 10;

/// A text of a publisher is shown up to this many characters.
const MAX_SHOWN: usize = 200;

/// The first bytes of files that are common at publishers and are never JSON.
const FILES: [(&[u8], &str); 8] = [
    (b"%PDF-", "a PDF file"),
    (b"\xFD7zXZ\0", "an xz file"),
    (b"BZh", "a bzip2 file"),
    (b"\x28\xB5\x2F\xFD", "a Zstandard file"),
    (b"7z\xBC\xAF\x27\x1C", "a 7z file"),
    (
        b"\xD0\xCF\x11\xE0",
        "a file of an old Microsoft Office format",
    ),
    (b"\x89PNG", "an image"),
    (b"\xFF\xD8\xFF", "an image"),
];

/// The position of the mark of a tar archive, and the mark.
const TAR: (usize, &[u8]) = (257, b"ustar");

/// Describes a body that does not begin like JSON, such as `an HTML page: 503 Busy`. Returns
/// `None` if the body may begin like JSON, or if its kind is unknown.
pub(super) fn describe_start(body: &[u8]) -> Option<String> {
    let start = body.trim_ascii_start();
    match start.first() {
        None => Some("empty".into()),
        Some(b'<') if is_html(start) => Some(match find_title(start) {
            Some(title) => format!("an HTML page: {title}"),
            None => "an HTML page".into(),
        }),
        Some(b'<') => Some(match find_root(start) {
            Some(root) => format!("an XML document: <{root}>"),
            None => "XML".into(),
        }),
        Some(b'{' | b'[') => None,
        Some(_) => describe_file(body).map(str::to_owned),
    }
}

fn describe_file(body: &[u8]) -> Option<&'static str> {
    let (at, mark) = TAR;
    let is_tar = body.get(at..).is_some_and(|rest| rest.starts_with(mark));
    let known = FILES.iter().find(|(start, _)| body.starts_with(start));
    match known {
        Some((_, name)) => Some(name),
        None => is_tar.then_some("a tar archive"),
    }
}

/// Returns true if a text without white space before it is an HTML page.
pub(crate) fn is_html(text: &[u8]) -> bool {
    let start = text[..text.len().min(1024)].to_ascii_lowercase();
    let has = |name: &[u8]| memchr::memmem::find(&start, name).is_some();
    start.starts_with(b"<") && (has(b"<html") || has(b"<!doctype html"))
}

/// Returns the title of an HTML page on one line.
pub(crate) fn find_title(page: &[u8]) -> Option<String> {
    find_element(page, "title")
}

/// Returns the text of the first element with this name, in lower case, on one line. The text is
/// shortened if it is long. Returns `None` if there is no such element or if it is empty.
pub(crate) fn find_element(document: &[u8], name: &str) -> Option<String> {
    let document = &document[..document.len().min(SEARCHED_BYTES)];
    let lower = document.to_ascii_lowercase();
    let tag = format!("<{name}");
    let ends_name =
        |at: &usize| matches!(lower.get(*at), Some(b'>' | b' ' | b'\t' | b'\r' | b'\n'));
    let after_name = memchr::memmem::find_iter(&lower, tag.as_bytes())
        .map(|at| at + tag.len())
        .find(ends_name)?;
    let start = after_name + memchr::memchr(b'>', &document[after_name..])? + 1;
    let length = memchr::memmem::find(&lower[start..], b"</")?;
    let text = String::from_utf8_lossy(&document[start..start + length]);
    Some(shorten(&decode_entities(&text))).filter(|text| !text.is_empty())
}

/// Returns the name of the root element of an XML document.
fn find_root(document: &[u8]) -> Option<String> {
    let document = &document[..document.len().min(SEARCHED_BYTES)];
    let mut tags = memchr::memchr_iter(b'<', document).map(|at| &document[at + 1..]);
    // declarations, comments and processing instructions come before the root element
    let root = tags.find(|tag| tag.first().is_some_and(u8::is_ascii_alphabetic))?;
    let is_name = |byte: &&u8| byte.is_ascii_alphanumeric() || b":_-.".contains(byte);
    let name: Vec<u8> = root.iter().take_while(is_name).copied().collect();
    Some(shorten(&String::from_utf8_lossy(&name)))
}

/// Puts a text on one line, cuts it before the word that exceeds 200 characters, and removes NUL,
/// which PostgreSQL does not store. A part of a word may be a part of a secret, which the caller
/// would not recognise.
pub(crate) fn shorten(text: &str) -> String {
    let is_between = |character: char| character.is_whitespace() || character == '\0';
    let words = text.split(is_between).filter(|word| !word.is_empty());
    // more words than this are longer than the limit
    let words = words.take(MAX_SHOWN);
    let line = words.collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(MAX_SHOWN) {
        Some((end, _)) => {
            let whole_words = line[..end].rfind(' ').unwrap_or_default();
            format!("{}…", &line[..whole_words])
        }
        None => line,
    }
}

/// Replaces the character references that occur in titles. Others stay as they are.
fn decode_entities(text: &str) -> String {
    let mut decoded = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('&') {
        decoded.push_str(&rest[..at]);
        rest = &rest[at..];
        let end = rest.find(';').unwrap_or_default();
        match rest.get(1..end).and_then(decode_entity) {
            Some(character) => {
                decoded.push(character);
                rest = &rest[end + 1..];
            }
            None => {
                decoded.push('&');
                rest = &rest[1..];
            }
        }
    }
    decoded + rest
}

fn decode_entity(name: &str) -> Option<char> {
    match name {
        "amp" => Some('&'),
        "lt" => Some('<'),
        "gt" => Some('>'),
        "quot" => Some('"'),
        "apos" => Some('\''),
        "nbsp" => Some(' '),
        _ => {
            let number = name.strip_prefix('#')?;
            let number = match number.strip_prefix(['x', 'X']) {
                Some(digits) => u32::from_str_radix(digits, 16),
                None => number.parse(),
            };
            // PostgreSQL stores no NUL
            char::from_u32(number.ok()?).filter(|character| *character != '\0')
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_that_is_not_json_is_described_by_its_kind_and_title() {
        let tar = [&[b'a'; 257][..], b"ustar\0"].concat();
        for (body, expected) in [
            (&b""[..], Some("empty")),
            (b" \n", Some("empty")),
            (b"<!DOCTYPE html><p>Maintenance", Some("an HTML page")),
            (b"<html><title></title>", Some("an HTML page")),
            (b"<html><title>never ends", Some("an HTML page")),
            (
                b"\n<HTML lang=en><head>\n<TITLE id=t>\n 503 Service\n Temporarily\tUnavailable </TITLE>",
                Some("an HTML page: 503 Service Temporarily Unavailable"),
            ),
            (
                b"<html><titles>no</titles><title>Q&amp;A &#233;&#xE9; &lt;b&gt; &what; &#0; & </title>",
                Some("an HTML page: Q&A \u{e9}\u{e9} <b> &what; &#0; &"),
            ),
            (
                b"<?xml version='1.0'?><!-- a --><Error><Code/></Error>",
                Some("an XML document: <Error>"),
            ),
            (b"<soap:Envelope xmlns='a'>", Some("an XML document: <soap:Envelope>")),
            (b"<", Some("XML")),
            (b"%PDF-1.7\n%\xE2\xE3", Some("a PDF file")),
            (b"\xFD7zXZ\0\0", Some("an xz file")),
            (b"BZh91AY", Some("a bzip2 file")),
            (&tar, Some("a tar archive")),
            (b"Request Rejected", None),
            (b"{\"a\":", None),
            (b"[1", None),
            (b"\"text\"", None),
        ] {
            let shown = String::from_utf8_lossy(body);
            assert_eq!(describe_start(body).as_deref(), expected, "{shown}");
        }
    }

    #[test]
    fn a_long_title_is_shortened_and_a_late_one_is_not_searched_for() {
        let words = |count: usize| vec!["\u{e9}"; count].join(" ");
        let title = |before: usize, text: &str| {
            let before = " ".repeat(before);
            find_title(format!("<html>{before}<title>{text}</title>").as_bytes())
        };
        let longest = words(MAX_SHOWN / 2);
        assert_eq!(title(0, &longest), Some(longest.clone()));
        assert_eq!(title(0, &words(MAX_SHOWN)), Some(longest + "…"));
        // a word that is cut may be a part of a secret
        assert_eq!(title(0, &"a".repeat(MAX_SHOWN + 1)), Some("…".into()));
        assert_eq!(title(SEARCHED_BYTES, "a"), None);
        assert_eq!(shorten(" a\0b\r\n c "), "a b c");
        assert_eq!(shorten(&"a b ".repeat(1_000)).chars().count(), MAX_SHOWN);
    }
}
