//! Reads a response's body, decodes its content encoding, and enforces both size limits while it
//! arrives.
//!
//! reqwest could decode bodies, but then this crate could not count the bytes on the wire or
//! refuse a body by the number of those bytes.

use async_compression::tokio::bufread::{BrotliDecoder, GzipDecoder, ZstdDecoder};
use async_compression::zstd::DParameter;
use bytes::{BufMut as _, Bytes, BytesMut};
use futures::StreamExt as _;
use reqwest::Response;
use reqwest::header::{CONTENT_ENCODING, HeaderMap};
use tokio::io::{AsyncBufRead, AsyncBufReadExt as _, AsyncRead, AsyncReadExt as _};
use tokio_util::io::StreamReader;

use crate::config;
use crate::http::wire::{self, Interruption};
use crate::page::copy_beginning;

pub(super) const ACCEPT_ENCODING: &str = "gzip, br, zstd";

const READ_BYTES: usize = 64 << 10;

const MAX_RESERVED: usize = 16 << 20;

/// The largest window of zstd, as a power of two: 8 MiB, the most that RFC 9659 allows a server.
/// The decoder needs that much memory, however small the body is.
const MAX_ZSTD_WINDOW_LOG: u32 = 23;

/// The reason why there is no whole body.
pub(super) enum BodyError {
    Interrupted {
        why: Interruption,
        /// The bytes that arrived.
        body: Bytes,
    },
    /// The body exceeds the size limit that `key` names.
    TooLarge {
        key: &'static str,
        limit: usize,
        body: Bytes,
    },
    /// The body does not match its content encoding, stops before its end, or continues after it.
    Corrupt {
        body: Bytes,
    },
    Encoding,
}

/// Reads a body and decodes its content encoding. Calls `count` with the number of bytes that
/// arrive over the wire.
pub(super) async fn read(
    response: Response,
    limits: &config::Fetch,
    count: impl Fn(u64) + Send + Sync,
) -> Result<Bytes, BodyError> {
    let encoding = Encoding::from_headers(response.headers()).ok_or(BodyError::Encoding)?;
    let length = wire::read_whole_length(&response).map_err(|why| BodyError::Interrupted {
        why,
        body: Bytes::new(),
    })?;
    let capacity = match encoding {
        Encoding::Identity => choose_capacity(length, limits),
        // the response announces the encoded length, not the decoded one
        Encoding::Gzip | Encoding::Brotli | Encoding::Zstd => READ_BYTES,
    };
    let mut left = limits.max_body_bytes;
    let chunks = wire::stream_chunks(response, length, limits).map(move |chunk| {
        let chunk = chunk.map_err(std::io::Error::other)?;
        count(chunk.len() as u64);
        left = left
            .checked_sub(chunk.len())
            .ok_or(std::io::ErrorKind::FileTooLarge)?;
        Ok::<Bytes, std::io::Error>(chunk)
    });
    let mut encoded = StreamReader::new(Box::pin(chunks));
    let mut reader = encoding.decode(&mut encoded);
    let mut body = BytesMut::with_capacity(capacity);
    loop {
        if body.capacity() - body.len() < READ_BYTES / 2 {
            body.reserve(READ_BYTES.max(body.len()));
        }
        // a decoder fills all the capacity that it gets with zeros, so it gets only a part of it
        match reader.read_buf(&mut (&mut body).limit(READ_BYTES)).await {
            Ok(0) => break,
            Ok(_) if body.len() > limits.max_decoded_bytes => {
                let limit = limits.max_decoded_bytes;
                return Err(too_large_error("fetch.max_decoded_bytes", limit, &body));
            }
            Ok(_) => {}
            Err(error) => return Err(classify_error(error, limits, body)),
        }
    }
    drop(reader);
    // a decoder stops at the end of its stream, which may come before the end of the body
    match encoded.fill_buf().await {
        Ok([]) => Ok(body.freeze()),
        Ok(_) => Err(BodyError::Corrupt {
            body: body.freeze(),
        }),
        Err(error) => Err(classify_error(error, limits, body)),
    }
}

/// Returns the buffer's capacity for a body of the announced length. It has a little room more,
/// so that the end of the body is found without growing the buffer. The announcement may be a
/// lie, so no more than [`MAX_RESERVED`] is reserved before the body arrives.
fn choose_capacity(announced: Option<u64>, limits: &config::Fetch) -> usize {
    let announced = usize::try_from(announced.unwrap_or_default()).unwrap_or(usize::MAX);
    announced.min(limits.max_decoded_bytes).min(MAX_RESERVED) + READ_BYTES
}

/// Tells a broken connection and our own size limit from an error of the decoder.
fn classify_error(error: std::io::Error, limits: &config::Fetch, body: BytesMut) -> BodyError {
    if error.kind() == std::io::ErrorKind::FileTooLarge {
        return too_large_error("fetch.max_body_bytes", limits.max_body_bytes, &body);
    }
    match error.downcast::<Interruption>() {
        Ok(why) => BodyError::Interrupted {
            why,
            body: body.freeze(),
        },
        Err(_) => BodyError::Corrupt {
            body: body.freeze(),
        },
    }
}

fn too_large_error(key: &'static str, limit: usize, body: &[u8]) -> BodyError {
    BodyError::TooLarge {
        key,
        limit,
        body: copy_beginning(body),
    }
}

enum Encoding {
    Identity,
    Gzip,
    Brotli,
    Zstd,
}

impl Encoding {
    /// Reads `Content-Encoding`. Returns `None` for several encodings, and for one that the
    /// request did not offer.
    fn from_headers(headers: &HeaderMap) -> Option<Self> {
        let mut values = headers.get_all(CONTENT_ENCODING).iter();
        let Some(value) = values.next() else {
            return Some(Self::Identity);
        };
        let value = value.to_str().ok().filter(|_| values.next().is_none())?;
        match value.trim().to_ascii_lowercase().as_str() {
            "" | "identity" => Some(Self::Identity),
            "gzip" | "x-gzip" => Some(Self::Gzip),
            "br" => Some(Self::Brotli),
            "zstd" => Some(Self::Zstd),
            _ => None,
        }
    }

    fn decode<'r>(
        &self,
        reader: impl AsyncBufRead + Send + Unpin + 'r,
    ) -> Box<dyn AsyncRead + Send + Unpin + 'r> {
        match self {
            Self::Identity => Box::new(reader),
            Self::Gzip => {
                let mut decoder = GzipDecoder::new(reader);
                decoder.multiple_members(true);
                Box::new(decoder)
            }
            Self::Brotli => Box::new(BrotliDecoder::new(reader)),
            Self::Zstd => {
                let window = DParameter::window_log_max(MAX_ZSTD_WINDOW_LOG);
                let mut decoder = ZstdDecoder::with_params(reader, &[window]);
                // RFC 8878: a zstd stream consists of one or more frames
                decoder.multiple_members(true);
                Box::new(decoder)
            }
        }
    }
}
