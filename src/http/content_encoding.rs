//! Decodes the content encodings of a body, and checks each by the first bytes of the body.
//!
//! Some servers name an encoding that the body does not have, name one twice, or write a charset
//! where an encoding belongs. Browsers and common clients read most of these bodies. Here, a body
//! is read contrary to its header only if its own first bytes prove what it is.

use std::io::{self, Cursor, ErrorKind};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use async_compression::tokio::bufread::{
    BrotliDecoder, DeflateDecoder, GzipDecoder, ZlibDecoder, ZstdDecoder,
};
use async_compression::zstd::DParameter;
use reqwest::header::{CONTENT_ENCODING, HeaderMap};
use tokio::io::{
    AsyncBufRead, AsyncBufReadExt as _, AsyncRead, AsyncReadExt as _, BufReader, ReadBuf,
};

/// The largest window of zstd, as a power of two: 8 MiB, the most that RFC 9659 allows a server.
/// The decoder needs that much memory, however small the body is.
const MAX_ZSTD_WINDOW_LOG: u32 = 23;

/// The most encodings of one body. No real body has more than two, and each takes memory.
const MAX_ENCODINGS: usize = 5;

/// The most members of a gzip stream that bring nothing, one after the other. No real stream has
/// any, and each takes time that no limit of sizes counts.
const MAX_EMPTY_MEMBERS: u32 = 1_000;

/// The number of bytes that show what a body is.
const HEAD_BYTES: usize = 512;

const GZIP: &[u8] = &[0x1F, 0x8B];
const ZIP: &[u8] = b"PK\x03\x04";
const BYTE_ORDER_MARK: &[u8] = b"\xEF\xBB\xBF";

pub(super) type Reader<'r> = Box<dyn AsyncBufRead + Send + Unpin + 'r>;

/// An encoding that a response names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Encoding {
    Gzip,
    Brotli,
    Zstd,
    /// RFC 9110 means the format of zlib. Some servers send the bare deflate stream instead.
    Deflate,
    /// An encoding that this program does not know, or a text that is no encoding.
    Unknown,
}

impl Encoding {
    /// Reads `Content-Encoding`, which may be a list or occur more than once. Returns the
    /// encodings in the order in which they were applied, without the names that mean none.
    pub(crate) fn list(headers: &HeaderMap) -> Vec<Self> {
        let values = headers.get_all(CONTENT_ENCODING).into_iter();
        let names = values.flat_map(|value| value.as_bytes().split(|byte| *byte == b','));
        let encodings: Vec<Self> = names.filter_map(Self::from_name).collect();
        match encodings.len() {
            0..=MAX_ENCODINGS => encodings,
            _ => vec![Self::Unknown],
        }
    }

    /// Returns `None` if the name means that the body is not encoded. Some servers write the
    /// charset here.
    fn from_name(name: &[u8]) -> Option<Self> {
        match name.trim_ascii().to_ascii_lowercase().as_slice() {
            b"" | b"identity" | b"none" => None,
            b"gzip" | b"x-gzip" => Some(Self::Gzip),
            b"br" => Some(Self::Brotli),
            b"zstd" => Some(Self::Zstd),
            b"deflate" => Some(Self::Deflate),
            name if encoding_rs::Encoding::for_label(name).is_some() => None,
            _ => Some(Self::Unknown),
        }
    }

    /// Returns true if a body that begins with these bytes does not have this encoding. A gzip
    /// stream begins with a byte that no text begins with. For the other encodings, the whole
    /// beginning must be a text.
    fn is_absent(self, head: &[u8]) -> bool {
        let is_document = match self {
            Self::Gzip => is_document_start(head),
            _ => is_document_start(head) && is_text(head),
        };
        let is_gzip_file = self == Self::Unknown && head.starts_with(GZIP);
        head.is_empty() || head.starts_with(ZIP) || is_document || is_gzip_file
    }
}

/// Returns true if JSON or HTML may begin with these bytes.
fn is_document_start(head: &[u8]) -> bool {
    let head = head.strip_prefix(BYTE_ORDER_MARK).unwrap_or(head);
    matches!(head.trim_ascii_start().first(), Some(b'{' | b'[' | b'<'))
}

/// Returns true if the bytes are UTF-8 without control characters. The last character may be cut.
fn is_text(head: &[u8]) -> bool {
    let is_control = |byte: &u8| byte.is_ascii_control() && !byte.is_ascii_whitespace();
    let is_utf_8 = match std::str::from_utf8(head) {
        Ok(_) => true,
        Err(error) => error.error_len().is_none(),
    };
    is_utf_8 && !head.iter().any(is_control)
}

/// A body behind its decoders.
pub(super) struct Decoded<'r> {
    pub(super) reader: Reader<'r>,
    /// True if the reader returns bytes of an encoding that this program does not know.
    pub(super) is_unknown: bool,
}

/// Puts a decoder before a body for each encoding that the body has. Reads the beginning of the
/// body. A decoder fails with [`ErrorKind::QuotaExceeded`] after more than `most` bytes, and with
/// another error if other data follows its stream.
pub(super) async fn decode<'r>(
    encodings: &[Encoding],
    mut reader: Reader<'r>,
    most: usize,
) -> io::Result<Decoded<'r>> {
    let mut is_unknown = false;
    for encoding in encodings.iter().rev() {
        let head;
        (head, reader) = read_head(reader).await?;
        if encoding.is_absent(&head) {
            continue;
        }
        let decoder = match encoding {
            Encoding::Unknown => {
                is_unknown = true;
                break;
            }
            Encoding::Deflate if head.starts_with(GZIP) => gzip_decoder(reader),
            Encoding::Deflate if is_zlib(&head) => Decoder::Zlib(ZlibDecoder::new(reader)),
            Encoding::Deflate => Decoder::Deflate(DeflateDecoder::new(reader)),
            Encoding::Gzip => gzip_decoder(reader),
            Encoding::Brotli => Decoder::Brotli(BrotliDecoder::new(reader)),
            Encoding::Zstd => zstd_decoder(reader),
        };
        reader = Box::new(BufReader::new(WholeStream {
            decoder,
            is_padded: false,
            empty_members: 0,
            left: most,
        }));
    }
    Ok(Decoded { reader, is_unknown })
}

/// Reads the first bytes of a body. Returns them and a reader of the whole body.
async fn read_head(mut reader: Reader<'_>) -> io::Result<(Vec<u8>, Reader<'_>)> {
    let mut head = Vec::with_capacity(HEAD_BYTES);
    let mut beginning = (&mut reader).take(HEAD_BYTES as u64);
    beginning.read_to_end(&mut head).await?;
    let whole = Cursor::new(head.clone()).chain(reader);
    Ok((head, Box::new(whole)))
}

/// Returns true if the bytes are the header of a zlib stream (RFC 1950).
fn is_zlib(head: &[u8]) -> bool {
    match head {
        [method, flags, ..] => {
            method & 0x0F == 8
                && method >> 4 <= 7
                && u16::from_be_bytes([*method, *flags]).is_multiple_of(31)
        }
        _ => false,
    }
}

/// A decoder of one encoding.
enum Decoder<'r> {
    Gzip(GzipDecoder<Reader<'r>>),
    Brotli(BrotliDecoder<Reader<'r>>),
    Zstd(ZstdDecoder<Reader<'r>>),
    Zlib(ZlibDecoder<Reader<'r>>),
    Deflate(DeflateDecoder<Reader<'r>>),
}

/// Makes a decoder that stops at the end of a gzip member, so that [`WholeStream`] sees what follows.
fn gzip_decoder(reader: Reader<'_>) -> Decoder<'_> {
    Decoder::Gzip(GzipDecoder::new(reader))
}

fn zstd_decoder(reader: Reader<'_>) -> Decoder<'_> {
    let window = DParameter::window_log_max(MAX_ZSTD_WINDOW_LOG);
    let mut decoder = ZstdDecoder::with_params(reader, &[window]);
    // RFC 8878: a zstd stream consists of one or more frames
    decoder.multiple_members(true);
    Decoder::Zstd(decoder)
}

impl<'r> Decoder<'r> {
    fn encoded(&mut self) -> &mut Reader<'r> {
        match self {
            Self::Gzip(decoder) => decoder.get_mut(),
            Self::Brotli(decoder) => decoder.get_mut(),
            Self::Zstd(decoder) => decoder.get_mut(),
            Self::Zlib(decoder) => decoder.get_mut(),
            Self::Deflate(decoder) => decoder.get_mut(),
        }
    }

    fn poll_read(&mut self, cx: &mut Context<'_>, out: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match self {
            Self::Gzip(decoder) => Pin::new(decoder).poll_read(cx, out),
            Self::Brotli(decoder) => Pin::new(decoder).poll_read(cx, out),
            Self::Zstd(decoder) => Pin::new(decoder).poll_read(cx, out),
            Self::Zlib(decoder) => Pin::new(decoder).poll_read(cx, out),
            Self::Deflate(decoder) => Pin::new(decoder).poll_read(cx, out),
        }
    }
}

/// Decodes a body to its end. A decoder alone stops at the end of its own stream, and so would
/// not see other data that follows.
struct WholeStream<'r> {
    decoder: Decoder<'r>,
    /// True if padding has followed the stream.
    is_padded: bool,
    /// The number of members since the last byte.
    empty_members: u32,
    /// The number of bytes that may still be decoded.
    left: usize,
}

impl WholeStream<'_> {
    /// Looks behind the end of the decoder's stream. Returns true if a member of a gzip stream
    /// begins there, which is decoded next. Some servers pad a gzip stream with zeros or end it
    /// with a line feed; any other data is an error.
    fn poll_next_member(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<bool>> {
        let is_gzip = matches!(self.decoder, Decoder::Gzip(_));
        let encoded = self.decoder.encoded();
        loop {
            let rest = ready!(Pin::new(&mut *encoded).poll_fill_buf(cx))?;
            if rest.is_empty() {
                return Poll::Ready(Ok(false));
            }
            let is_padding = |byte: &&u8| is_gzip && matches!(**byte, 0 | b'\r' | b'\n');
            let padding = rest.iter().take_while(is_padding).count();
            if padding == 0 {
                break;
            }
            encoded.consume(padding);
            self.is_padded = true;
        }
        if !is_gzip || self.is_padded {
            return Poll::Ready(Err(ErrorKind::InvalidData.into()));
        }
        let encoded = std::mem::replace(encoded, Box::new(tokio::io::empty()));
        self.decoder = gzip_decoder(encoded);
        Poll::Ready(Ok(true))
    }
}

impl AsyncRead for WholeStream<'_> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        out: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        loop {
            let before = out.filled().len();
            ready!(self.decoder.poll_read(cx, out))?;
            let decoded = out.filled().len() - before;
            if decoded > 0 || out.remaining() == 0 {
                let left = self.left.checked_sub(decoded);
                self.left = left.ok_or(ErrorKind::QuotaExceeded)?;
                self.empty_members = 0;
                return Poll::Ready(Ok(()));
            }
            if !ready!(self.poll_next_member(cx))? {
                return Poll::Ready(Ok(()));
            }
            self.empty_members += 1;
            if self.empty_members > MAX_EMPTY_MEMBERS {
                return Poll::Ready(Err(ErrorKind::InvalidData.into()));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_encoding_is_absent_only_if_the_first_bytes_prove_it() {
        use Encoding::{Brotli, Deflate, Gzip, Unknown, Zstd};
        let latin_1 = b"{\"a\":\"caf\xE9\"}";
        for (head, absent) in [
            (
                &b"{\"a\":1}"[..],
                &[Gzip, Brotli, Zstd, Deflate, Unknown][..],
            ),
            (b" \r\n[1]", &[Gzip, Brotli, Zstd, Deflate, Unknown]),
            (
                b"\xEF\xBB\xBF<html>",
                &[Gzip, Brotli, Zstd, Deflate, Unknown],
            ),
            ("{\"é".as_bytes(), &[Gzip, Brotli, Zstd, Deflate, Unknown]),
            // a character that is cut
            (b"{\"\xC3", &[Gzip, Brotli, Zstd, Deflate, Unknown]),
            (b"", &[Gzip, Brotli, Zstd, Deflate, Unknown]),
            (b"PK\x03\x04", &[Gzip, Brotli, Zstd, Deflate, Unknown]),
            (latin_1, &[Gzip]),
            (b"\x1F\x8B\x08", &[Unknown]),
            // a zstd stream may begin with a skippable frame
            (b"[*M\x18", &[Gzip]),
            (b"text", &[]),
            (b" ", &[]),
            (b"\x78\x9C", &[]),
        ] {
            let all = [Gzip, Brotli, Zstd, Deflate, Unknown].into_iter();
            let found: Vec<Encoding> = all.filter(|it| it.is_absent(head)).collect();
            assert_eq!(found, absent, "{head:?}");
        }
    }
}
