//! A response's body: decoded, and held to both of its limits while it arrives.
//!
//! The client would decode by itself, but then neither the bytes of the wire
//! could be counted nor a body be refused by its size there.

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
use crate::page::beginning;

/// What [`read`] can decode, as a request says it.
pub(super) const ACCEPT_ENCODING: &str = "gzip, br, zstd";

/// The least room that a read is given.
const READ_BYTES: usize = 64 << 10;

/// The most room that is made for a body before it comes.
const MOST_ROOM: usize = 16 << 20;

/// How far back zstd may refer, as a power of two: 8 MiB, which is the most that RFC 9659
/// lets a server use. What is behind that has to be held, however small the body.
const MOST_ZSTD_WINDOW_LOG: u32 = 23;

/// Why there is no whole body, and what came of it.
pub(super) enum Broken {
    /// It did not come as it was announced.
    Interrupted(Interruption),
    /// It is larger than the limit of this key, in bytes.
    TooLarge {
        key: &'static str,
        limit: usize,
        body: Bytes,
    },
    /// It is not what its content encoding says, stops short of its end or goes on behind
    /// it.
    Corrupt { body: Bytes },
    /// Its content encoding is not one that was asked for.
    Encoding,
}

/// Reads a body, undoes its content encoding, and tells `count` how many bytes
/// come over the wire.
pub(super) async fn read(
    response: Response,
    limits: &config::Fetch,
    count: impl Fn(u64) + Send + Sync,
) -> Result<Bytes, Broken> {
    let encoding = Encoding::of(response.headers()).ok_or(Broken::Encoding)?;
    let length = wire::whole_length(&response).map_err(Broken::Interrupted)?;
    let room = match encoding {
        Encoding::Identity => room(length, limits),
        // how long it will be is not announced
        Encoding::Gzip | Encoding::Brotli | Encoding::Zstd => READ_BYTES,
    };
    let mut left = limits.max_body_bytes;
    let chunks = wire::chunks(response, length, limits).map(move |chunk| {
        let chunk = chunk.map_err(std::io::Error::other)?;
        count(chunk.len() as u64);
        left = left
            .checked_sub(chunk.len())
            .ok_or_else(|| std::io::Error::other(TooLarge))?;
        Ok::<Bytes, std::io::Error>(chunk)
    });
    let mut encoded = StreamReader::new(Box::pin(chunks));
    let mut reader = encoding.decode(&mut encoded);
    let mut body = BytesMut::with_capacity(room);
    loop {
        if body.capacity() - body.len() < READ_BYTES / 2 {
            body.reserve(READ_BYTES.max(body.len()));
        }
        // decoders clear all the room they are given
        match reader.read_buf(&mut (&mut body).limit(READ_BYTES)).await {
            Ok(0) => break,
            Ok(_) if body.len() > limits.max_decoded_bytes => {
                let limit = limits.max_decoded_bytes;
                return Err(too_large("fetch.max_decoded_bytes", limit, &body));
            }
            Ok(_) => {}
            Err(error) => return Err(broken(error, limits, body)),
        }
    }
    drop(reader);
    // a decoder stops at the end of its stream, which need not be that of the body
    match encoded.fill_buf().await {
        Ok([]) => Ok(body.freeze()),
        Ok(_) => Err(Broken::Corrupt {
            body: body.freeze(),
        }),
        Err(error) => Err(broken(error, limits, body)),
    }
}

/// Room for a body of the length that was announced, and to see its end without
/// growing. The length may be a lie: beyond [`MOST_ROOM`] the body has to come
/// before its room does.
fn room(announced: Option<u64>, limits: &config::Fetch) -> usize {
    let announced = usize::try_from(announced.unwrap_or_default()).unwrap_or(usize::MAX);
    announced.min(limits.max_decoded_bytes).min(MOST_ROOM) + READ_BYTES
}

/// Marks the error of a chunk too many on its way through the decoder.
#[derive(Debug)]
struct TooLarge;

impl std::fmt::Display for TooLarge {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("too large")
    }
}

impl std::error::Error for TooLarge {}

/// Tells an interruption from what the decoder says and from our own limit.
fn broken(error: std::io::Error, limits: &config::Fetch, body: BytesMut) -> Broken {
    let corrupt = |body: BytesMut| Broken::Corrupt {
        body: body.freeze(),
    };
    let Some(inner) = error.into_inner() else {
        return corrupt(body);
    };
    let inner = match inner.downcast::<Interruption>() {
        Ok(interruption) => return Broken::Interrupted(*interruption),
        Err(inner) => inner,
    };
    match inner.is::<TooLarge>() {
        true => too_large("fetch.max_body_bytes", limits.max_body_bytes, &body),
        false => corrupt(body),
    }
}

fn too_large(key: &'static str, limit: usize, body: &[u8]) -> Broken {
    Broken::TooLarge {
        key,
        limit,
        body: beginning(body),
    }
}

/// How a body is encoded.
enum Encoding {
    Identity,
    Gzip,
    Brotli,
    Zstd,
}

impl Encoding {
    /// `None` for one that was not asked for, or several on top of each other.
    fn of(headers: &HeaderMap) -> Option<Self> {
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
