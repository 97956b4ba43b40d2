//! Reads a response's body, decodes its content encoding, and enforces both size limits while it
//! arrives.
//!
//! reqwest could decode bodies, but then this crate could not count the bytes on the wire or
//! refuse a body by the number of those bytes.

use bytes::{BufMut as _, Bytes, BytesMut};
use futures::StreamExt as _;
use reqwest::Response;
use tokio::io::AsyncReadExt as _;
use tokio_util::io::StreamReader;

use crate::config;
use crate::http::content_encoding::{self, Encoding};
use crate::http::wire::{self, Interruption};
use crate::page::copy_beginning;

pub(super) const ACCEPT_ENCODING: &str = "gzip, br, zstd";

const READ_BYTES: usize = 64 << 10;

const MAX_RESERVED: usize = 16 << 20;

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
    Corrupt { body: Bytes },
    /// The body has an encoding that the request did not offer, so `body` is still encoded.
    Encoding { body: Bytes },
}

/// Reads a body and decodes its content encoding. Calls `count` with the number of bytes that
/// arrive over the wire.
pub(super) async fn read(
    response: Response,
    limits: &config::Fetch,
    count: impl Fn(u64) + Send + Sync,
) -> Result<Bytes, BodyError> {
    let encodings = Encoding::list(response.headers());
    let length = wire::read_whole_length(&response).map_err(|why| BodyError::Interrupted {
        why,
        body: Bytes::new(),
    })?;
    let capacity = match &*encodings {
        [] => choose_capacity(length, limits),
        // the response announces the encoded length, not the decoded one
        _ => READ_BYTES,
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
    let encoded = Box::new(StreamReader::new(Box::pin(chunks)));
    let mut body = BytesMut::with_capacity(capacity);
    let decoded = content_encoding::decode(&encodings, encoded, limits.max_decoded_bytes).await;
    let mut decoded = match decoded {
        Ok(decoded) => decoded,
        Err(error) => return Err(classify_error(error, limits, body)),
    };
    loop {
        if body.capacity() - body.len() < READ_BYTES / 2 {
            body.reserve(READ_BYTES.max(body.len()));
        }
        // a decoder fills all the capacity that it gets with zeros, so it gets only a part of it
        let mut free = (&mut body).limit(READ_BYTES);
        match decoded.reader.read_buf(&mut free).await {
            Ok(0) => break,
            Ok(_) if body.len() > limits.max_decoded_bytes => {
                let limit = limits.max_decoded_bytes;
                return Err(too_large_error("fetch.max_decoded_bytes", limit, &body));
            }
            Ok(_) => {}
            Err(error) => return Err(classify_error(error, limits, body)),
        }
    }
    let body = body.freeze();
    match decoded.is_unknown {
        true => Err(BodyError::Encoding { body }),
        false => Ok(body),
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
    match error.kind() {
        std::io::ErrorKind::FileTooLarge => {
            return too_large_error("fetch.max_body_bytes", limits.max_body_bytes, &body);
        }
        std::io::ErrorKind::QuotaExceeded => {
            return too_large_error("fetch.max_decoded_bytes", limits.max_decoded_bytes, &body);
        }
        _ => {}
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
