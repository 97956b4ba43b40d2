//! Converts text from its charset to UTF-8.
//!
//! The first of these rules that applies decides the charset:
//!
//! 1. The source declares a charset.
//! 2. The text begins with a byte order mark. Only text in the mark's charset begins like this.
//! 3. The bytes are valid UTF-8. Many servers name ISO-8859-1 by default, whatever the
//!    application sends, and real text with accents in ISO-8859-1 is never valid UTF-8.
//! 4. `Content-Type` names a charset.
//! 5. The charset is UTF-8. An item with an invalid byte is rejected, and nothing is guessed.

use std::io::{self, Cursor, Read};

use bytes::Bytes;
use encoding_rs::{Decoder, DecoderResult, Encoding, UTF_8};

use super::budget::{Budget, LimitExceeded, read_within_budget};
use crate::source::Charset;

/// This byte replaces whatever is no character in the body's charset. It is never part of UTF-8,
/// so the item that contains it is rejected and no text is invented.
const NO_CHARACTER: u8 = 0xFF;

const PIECE_BYTES: usize = 64 << 10;

/// Converts a body to UTF-8 without a byte order mark. A body that is UTF-8 already is not
/// copied.
pub(crate) fn to_utf8(
    body: Bytes,
    declared: Option<Charset>,
    content_type: Option<&str>,
    budget: &mut Budget,
) -> Result<Bytes, LimitExceeded> {
    let (encoding, mark) = detect_charset(&body, declared, content_type);
    let body = body.slice(mark..);
    if encoding == UTF_8 {
        return Ok(body);
    }
    transcode(&body, encoding, budget)
}

/// Returns the charset of a text, and the length of its byte order mark.
fn detect_charset(
    body: &[u8],
    declared: Option<Charset>,
    content_type: Option<&str>,
) -> (&'static Encoding, usize) {
    let mark = Encoding::for_bom(body);
    let encoding = match (declared, mark) {
        (Some(Charset(declared)), _) => declared,
        (None, Some((marked, _))) => marked,
        (None, None) => named_charset(body, content_type),
    };
    match mark {
        // a UTF-8 mark is removed whatever charset is declared, because it is no text in any
        // charset
        Some((marked, length)) if marked == encoding || marked == UTF_8 => (encoding, length),
        _ => (encoding, 0),
    }
}

/// Returns the charset that the header names, or UTF-8 if the body is valid UTF-8.
fn named_charset(body: &[u8], content_type: Option<&str>) -> &'static Encoding {
    let charset = content_type
        .and_then(read_charset)
        .and_then(Charset::from_label);
    match charset {
        Some(Charset(named)) if named != UTF_8 && !is_utf8(body) => named,
        _ => UTF_8,
    }
}

/// Returns true if the bytes are UTF-8, or UTF-8 that is cut in its last character.
fn is_utf8(bytes: &[u8]) -> bool {
    std::str::from_utf8(bytes).map_or_else(|error| error.error_len().is_none(), |_| true)
}

/// Reads the charset in a header such as `application/json; charset="ISO-8859-1"`.
fn read_charset(content_type: &str) -> Option<&str> {
    content_type.split(';').skip(1).find_map(|parameter| {
        let (name, value) = parameter.split_once('=')?;
        let is_charset = name.trim().eq_ignore_ascii_case("charset");
        is_charset.then(|| value.trim().trim_matches(['"', '\'']))
    })
}

fn transcode(
    body: &[u8],
    encoding: &'static Encoding,
    budget: &mut Budget,
) -> Result<Bytes, LimitExceeded> {
    let text = read_within_budget(Transcoded::new(body, encoding), body.len(), budget)?;
    // reading from memory does not fail
    Ok(text.unwrap_or_else(|begun| begun))
}

/// Returns a reader that converts text to UTF-8 without a byte order mark. It reads `beginning`
/// first, which also decides the charset.
pub(crate) fn utf8_reader(
    beginning: Bytes,
    rest: Box<dyn Read + Send>,
    declared: Option<Charset>,
    content_type: Option<&str>,
) -> Box<dyn Read + Send> {
    let (encoding, mark) = detect_charset(&beginning, declared, content_type);
    let text = Cursor::new(beginning.slice(mark..)).chain(rest);
    if encoding == UTF_8 {
        return Box::new(text);
    }
    Box::new(Transcoded::new(text, encoding))
}

struct Transcoded<R> {
    reader: R,
    /// `None` once the whole text is decoded.
    decoder: Option<Decoder>,
    piece: Vec<u8>,
    /// The text that was decoded last. `at` bytes of it have been read.
    text: Vec<u8>,
    at: usize,
}

impl<R: Read> Transcoded<R> {
    fn new(reader: R, encoding: &'static Encoding) -> Self {
        Self {
            reader,
            decoder: Some(encoding.new_decoder_without_bom_handling()),
            piece: vec![0; PIECE_BYTES],
            text: Vec::new(),
            at: 0,
        }
    }

    fn decode(&mut self) -> io::Result<()> {
        let Some(decoder) = &mut self.decoder else {
            return Ok(());
        };
        let read = self.reader.read(&mut self.piece)?;
        let mut rest = &self.piece[..read];
        self.text.clear();
        self.at = 0;
        loop {
            let room = decoder.max_utf8_buffer_length_without_replacement(rest.len());
            let from = self.text.len();
            self.text.resize(from + room.unwrap_or(PIECE_BYTES), 0);
            let (result, taken, written) =
                decoder.decode_to_utf8_without_replacement(rest, &mut self.text[from..], read == 0);
            self.text.truncate(from + written);
            rest = &rest[taken..];
            match result {
                DecoderResult::InputEmpty => break,
                DecoderResult::OutputFull => {}
                DecoderResult::Malformed(..) => self.text.push(NO_CHARACTER),
            }
        }
        if read == 0 {
            self.decoder = None;
        }
        Ok(())
    }
}

impl<R: Read> Read for Transcoded<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.at == self.text.len() && self.decoder.is_some() {
            self.decode()?;
        }
        let read = (&self.text[self.at..]).read(buffer)?;
        self.at += read;
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config;

    fn utf8(body: &[u8], declared: Option<&str>, content_type: Option<&str>) -> Vec<u8> {
        let body = Bytes::copy_from_slice(body);
        let declared = declared.map(|name| Charset::from_label(name).unwrap());
        let mut read = Vec::new();
        let rest: Box<dyn Read + Send> = Box::new(io::empty());
        let mut reader = utf8_reader(body.clone(), rest, declared, content_type);
        reader.read_to_end(&mut read).unwrap();
        let mut budget = Budget::new(&config::Fetch::default(), body.len());
        let text = to_utf8(body, declared, content_type, &mut budget);
        let text = text.map_err(|_| "spent").unwrap();
        assert_eq!(read, text, "piece by piece");
        text.into()
    }

    const LATIN: &[u8] = b"\"caf\xE9 \x80\"";

    #[test]
    fn the_source_then_a_mark_then_the_bytes_then_the_header_say_the_charset() {
        let header = Some("application/json; charset=ISO-8859-1");
        let cafe = "\"café €\"".as_bytes();
        for (body, declared, content_type, text) in [
            (LATIN, Some("iso-8859-1"), None, cafe),
            (LATIN, None, header, cafe),
            (LATIN, None, Some("text/json;charset=\"latin1\""), cafe),
            // UTF-8 although the header names another charset
            (cafe, None, header, cafe),
            (
                b"\xEF\xBB\xBF\"\xC3\xA9\"",
                None,
                header,
                "\"é\"".as_bytes(),
            ),
            (
                b"\xEF\xBB\xBF\"\xE9\"",
                Some("latin1"),
                None,
                "\"é\"".as_bytes(),
            ),
            (b"\xFF\xFE\"\0\xE9\0\"\0", None, header, "\"é\"".as_bytes()),
            (
                b"\0\"\0\xE9\0\"",
                Some("utf-16be"),
                None,
                "\"é\"".as_bytes(),
            ),
            // not UTF-8 and without a declared charset, so nothing is guessed
            (LATIN, None, None, LATIN),
            (LATIN, None, Some("application/json; charset=utf-8"), LATIN),
            (
                LATIN,
                None,
                Some("application/json; charset=klingon"),
                LATIN,
            ),
            (LATIN, Some("utf-8"), header, LATIN),
        ] {
            let read = utf8(body, declared, content_type);
            assert_eq!(read, text, "{}", String::from_utf8_lossy(body));
        }
    }

    #[test]
    fn what_is_no_character_in_its_charset_is_none_in_the_text() {
        // the first half of a character in Shift JIS, in the middle and at the end
        assert_eq!(utf8(b"\"\x82\x20\"", Some("shift_jis"), None), b"\"\xFF \"");
        assert_eq!(utf8(b"\"\x82", Some("shift_jis"), None), b"\"\xFF");
    }

    #[test]
    fn a_text_grows_no_further_than_its_budget() {
        let limits = config::Fetch {
            max_decoded_bytes: 200_000,
            ..config::Fetch::default()
        };
        let body = Bytes::from(vec![0x80; 100_000]);
        let mut budget = Budget::new(&limits, body.len());
        let euros = transcode(&body, encoding_rs::WINDOWS_1252, &mut budget);
        assert!(euros.is_err());
    }
}
