//! Reads a response's body: undoes its content encoding, and holds it to both size limits while
//! it arrives.
//!
//! reqwest could decode bodies, but then the bytes on the wire could not be counted, nor a body
//! be refused by its size there.

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

const MOST_RESERVED: usize = 16 << 20;

/// How far back zstd may refer, as a power of two: 8 MiB, the most that RFC 9659 allows a
/// server. The decoder holds as much, however small the body.
const MOST_ZSTD_WINDOW_LOG: u32 = 23;

/// Why there is no whole body.
pub(super) enum Broken {
    Interrupted(Interruption),
    /// The body exceeds the limit of this key, in bytes.
    TooLarge {
        key: &'static str,
        limit: usize,
        body: Bytes,
    },
    /// The body does not match its content encoding, stops before its end, or continues after
    /// it.
    Corrupt {
        body: Bytes,
    },
    Encoding,
}

/// Reads a body, undoes its content encoding, and tells `count` how many bytes arrive over the
/// wire.
pub(super) async fn read(
    response: Response,
    limits: &config::Fetch,
    count: impl Fn(u64) + Send + Sync,
) -> Result<Bytes, Broken> {
    let encoding = Encoding::from_headers(response.headers()).ok_or(Broken::Encoding)?;
    let length = wire::whole_length(&response).map_err(Broken::Interrupted)?;
    let capacity = match encoding {
        Encoding::Identity => capacity(length, limits),
        // the decoded length is not announced
        Encoding::Gzip | Encoding::Brotli | Encoding::Zstd => READ_BYTES,
    };
    let mut left = limits.max_body_bytes;
    let chunks = wire::chunks(response, length, limits).map(move |chunk| {
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
        // decoders zero all the capacity that they get
        match reader.read_buf(&mut (&mut body).limit(READ_BYTES)).await {
            Ok(0) => break,
            Ok(_) if body.len() > limits.max_decoded_bytes => {
                let limit = limits.max_decoded_bytes;
                return Err(too_large("fetch.max_decoded_bytes", limit, &body));
            }
            Ok(_) => {}
            Err(error) => return Err(classify_error(error, limits, body)),
        }
    }
    drop(reader);
    // a decoder stops at the end of its stream, which may be before the end of the body
    match encoded.fill_buf().await {
        Ok([]) => Ok(body.freeze()),
        Ok(_) => Err(Broken::Corrupt {
            body: body.freeze(),
        }),
        Err(error) => Err(classify_error(error, limits, body)),
    }
}

/// The capacity for a body of the announced length, with a rest in which its end is seen
/// without growing. The announcement may be a lie: beyond [`MOST_RESERVED`] the body has to arrive
/// first.
fn capacity(announced: Option<u64>, limits: &config::Fetch) -> usize {
    let announced = usize::try_from(announced.unwrap_or_default()).unwrap_or(usize::MAX);
    announced.min(limits.max_decoded_bytes).min(MOST_RESERVED) + READ_BYTES
}

/// Tells an interruption and our own limit from an error of the decoder.
fn classify_error(error: std::io::Error, limits: &config::Fetch, body: BytesMut) -> Broken {
    if error.kind() == std::io::ErrorKind::FileTooLarge {
        return too_large("fetch.max_body_bytes", limits.max_body_bytes, &body);
    }
    match error.downcast::<Interruption>() {
        Ok(interruption) => Broken::Interrupted(interruption),
        Err(_) => Broken::Corrupt {
            body: body.freeze(),
        },
    }
}

fn too_large(key: &'static str, limit: usize, body: &[u8]) -> Broken {
    Broken::TooLarge {
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
    /// Reads `Content-Encoding`; `None` for an encoding that was not offered, or several on top
    /// of each other.
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
                let window = DParameter::window_log_max(MOST_ZSTD_WINDOW_LOG);
                let mut decoder = ZstdDecoder::with_params(reader, &[window]);
                // RFC 8878: a stream is one or more frames
                decoder.multiple_members(true);
                Box::new(decoder)
            }
        }
    }
}
