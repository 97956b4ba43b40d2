//! Reads the bytes of a body as they arrive over the wire, and checks the length of the body.
//!
//! A body may end early without an error. For example, a proxy that loses its server ends an
//! HTTP/2 stream by `RST_STREAM` with `NO_ERROR`, and hyper takes that for the end of the body.
//! So bytes are counted here, before they are decoded, and compared with the announced length. A
//! body of another length is a broken connection and never an answer.
//!
//! The length of a body cannot be checked if the response does not announce it. Then only the
//! content can show that the body was cut: a gzip stream and a JSON document have an end of their
//! own.
//!
//! Every body is read here, so every body fails if its server stalls.

use std::fmt;

use bytes::Bytes;
use futures::{Stream, StreamExt as _, stream};
use reqwest::header::{CONTENT_LENGTH, CONTENT_RANGE, HeaderMap, TRANSFER_ENCODING};
use reqwest::{Response, StatusCode};

use crate::config;
use crate::http::stall::{Stall, WatchedBody};

/// The reason why a body did not arrive as announced. Another attempt may bring all of it.
#[derive(Debug)]
pub(crate) enum Interruption {
    Connection(reqwest::Error),
    /// The server sent nothing, or almost nothing.
    Stalled(Stall),
    Short {
        announced: u64,
        received: u64,
    },
    Long {
        announced: u64,
    },
    /// The headers that announce the length contradict each other, or are not numbers.
    Unclear,
    /// The response is a part of the target (206), although no part was requested.
    Part,
}

impl fmt::Display for Interruption {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Connection(_) => f.write_str("the connection failed"),
            Self::Stalled(stall) => stall.fmt(f),
            Self::Short {
                announced,
                received,
            } => write!(
                f,
                "the body ended after {received} of the {announced} bytes that its server announced"
            ),
            Self::Long { announced } => write!(
                f,
                "the body has more than the {announced} bytes that its server announced"
            ),
            Self::Unclear => {
                f.write_str("the headers of the answer do not say clearly how long its body is")
            }
            Self::Part => {
                f.write_str("the server sent only a part, although the whole was requested")
            }
        }
    }
}

impl std::error::Error for Interruption {}

impl From<Stall> for Interruption {
    fn from(stall: Stall) -> Self {
        Self::Stalled(stall)
    }
}

/// The part of a file that a response with status 206 brings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct FilePart {
    /// The number of bytes of the file before the part.
    pub(crate) from: u64,
    pub(crate) bytes: u64,
    /// The number of bytes of the whole file. `None` if the server does not know it, and then
    /// this response does not show whether more bytes follow.
    pub(crate) total: Option<u64>,
}

impl FilePart {
    /// Reads a `Content-Range` such as `bytes 100-199/200` or `bytes 100-199/*`.
    pub(crate) fn from_headers(headers: &HeaderMap) -> Option<Self> {
        let (range, total) = split_content_range(headers)?;
        let (from, last) = range.split_once('-')?;
        let (from, last) = (parse_number(from)?, parse_number(last)?);
        let total = match total.trim() {
            "*" => None,
            total => Some(parse_number(total)?),
        };
        // RFC 9110, section 14.4: a range is invalid if it ends before it starts or exceeds the
        // total
        if last < from || total.is_some_and(|total| total <= last) {
            return None;
        }
        Some(Self {
            from,
            bytes: (last - from).checked_add(1)?,
            total,
        })
    }

    fn is_all(self) -> bool {
        Some(self.bytes) == self.total
    }
}

/// Returns the number of bytes of the whole file from the `Content-Range` of a response with
/// status 416, such as `bytes */200`.
pub(crate) fn total_of_unsatisfied_range(headers: &HeaderMap) -> Option<u64> {
    let (range, total) = split_content_range(headers)?;
    parse_number(total).filter(|_| range.trim() == "*")
}

/// Returns the two sides of the slash in a `Content-Range` of bytes.
fn split_content_range(headers: &HeaderMap) -> Option<(&str, &str)> {
    let range = headers.get(CONTENT_RANGE)?.to_str().ok()?;
    range.trim().strip_prefix("bytes ")?.split_once('/')
}

/// Returns the length that the body must have, if the response announces one.
///
/// A `Content-Length` beside a `Transfer-Encoding` does not count (RFC 9112). A length that is
/// given twice counts if both are the same. If they differ, nobody knows where the body ends, and
/// RFC 9110 requires us to reject the response.
pub(crate) fn announced_length(
    status: StatusCode,
    headers: &HeaderMap,
    part: Option<FilePart>,
) -> Result<Option<u64>, Interruption> {
    let part = part.map(|part| part.bytes);
    if matches!(status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED)
        || headers.contains_key(TRANSFER_ENCODING)
    {
        return Ok(part);
    }
    let values = headers.get_all(CONTENT_LENGTH).iter();
    let lengths = values.flat_map(|value| value.as_bytes().split(|byte| *byte == b','));
    lengths
        .map(std::str::from_utf8)
        .try_fold(part, |known, length| {
            let length = length.ok().and_then(parse_number);
            match (known, length) {
                (Some(known), Some(length)) if known != length => Err(Interruption::Unclear),
                (_, None) => Err(Interruption::Unclear),
                (_, length) => Ok(length),
            }
        })
}

/// Returns the length that the body must have if the whole target was requested.
pub(crate) fn read_whole_length(response: &Response) -> Result<Option<u64>, Interruption> {
    let (status, headers) = (response.status(), response.headers());
    let part = match status {
        StatusCode::PARTIAL_CONTENT => {
            let part = FilePart::from_headers(headers).filter(|part| part.is_all());
            Some(part.ok_or(Interruption::Part)?)
        }
        _ => None,
    };
    announced_length(status, headers, part)
}

/// Returns the bytes of a body as they arrive. Fails if the body ends before or after the length.
pub(crate) fn stream_chunks(
    response: Response,
    length: Option<u64>,
    limits: &config::Fetch,
) -> impl Stream<Item = Result<Bytes, Interruption>> + Send + use<> {
    let chunks = response
        .bytes_stream()
        .map(|chunk| chunk.map_err(Interruption::Connection));
    let chunks = WatchedBody::new(Box::pin(chunks), limits);
    stream::try_unfold((chunks, 0), move |(mut chunks, received)| async move {
        let Some(chunk) = chunks.next().await else {
            return match length {
                Some(announced) if received < announced => Err(Interruption::Short {
                    announced,
                    received,
                }),
                _ => Ok(None),
            };
        };
        let chunk = chunk?;
        let received = received + chunk.len() as u64;
        match length {
            Some(announced) if received > announced => Err(Interruption::Long { announced }),
            _ => Ok(Some((chunk, (chunks, received)))),
        }
    })
}

/// Reads a number in a header, which may have only digits.
fn parse_number(text: &str) -> Option<u64> {
    let text = text.trim();
    let is_number = text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|_| is_number)
}

#[cfg(test)]
mod tests {
    use reqwest::header::HeaderValue;

    use super::*;

    fn length_of(status: u16, headers: &[(&'static str, &'static str)]) -> Result<Option<u64>, ()> {
        let status = StatusCode::from_u16(status).unwrap();
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(*name, HeaderValue::from_static(value));
        }
        announced_length(status, &map, FilePart::from_headers(&map)).map_err(|_| ())
    }

    #[test]
    fn the_length_of_a_body_is_what_its_headers_agree_on() {
        let length = |value| ("content-length", value);
        for (status, headers, expected) in [
            (200, &[][..], Ok(None)),
            (200, &[length("42")], Ok(Some(42))),
            (200, &[length("0")], Ok(Some(0))),
            (200, &[length("42"), length("42")], Ok(Some(42))),
            (200, &[length("42, 42")], Ok(Some(42))),
            (200, &[length("42"), length("43")], Err(())),
            (200, &[length("42, 43")], Err(())),
            (200, &[length("-1")], Err(())),
            (200, &[length("+42")], Err(())),
            (200, &[length("")], Err(())),
            (200, &[length("18446744073709551616")], Err(())),
            (
                200,
                &[length("42"), ("transfer-encoding", "chunked")],
                Ok(None),
            ),
            (204, &[length("42")], Ok(None)),
            (304, &[length("42")], Ok(None)),
            (
                206,
                &[length("100"), ("content-range", "bytes 100-199/200")],
                Ok(Some(100)),
            ),
            (
                206,
                &[("content-range", "bytes 100-199/200")],
                Ok(Some(100)),
            ),
            (
                206,
                &[length("200"), ("content-range", "bytes 100-199/200")],
                Err(()),
            ),
        ] {
            assert_eq!(length_of(status, headers), expected, "{headers:?}");
        }
    }

    #[test]
    fn a_part_of_a_file_says_where_it_is_and_how_long_the_file_is() {
        let part = |text| {
            let range = (CONTENT_RANGE, HeaderValue::from_static(text));
            FilePart::from_headers(&HeaderMap::from_iter([range]))
        };
        let second_half = FilePart {
            from: 100,
            bytes: 100,
            total: Some(200),
        };
        assert_eq!(part("bytes 100-199/200"), Some(second_half));
        assert!(part("bytes 0-199/200").unwrap().is_all());
        let of_unknown_total = FilePart {
            total: None,
            ..second_half
        };
        assert_eq!(part("bytes 100-199/*"), Some(of_unknown_total));
        assert!(!part("bytes 0-199/*").unwrap().is_all());
        for invalid in [
            "bytes 100-199/",
            "bytes 0-18446744073709551615/*",
            "bytes */200",
            "bytes 199-100/200",
            "bytes 100-200/200",
            "lines 100-199/200",
        ] {
            assert_eq!(part(invalid), None, "{invalid}");
        }
    }

    #[test]
    fn a_range_that_is_not_there_says_how_long_the_file_is() {
        for (range, expected) in [
            ("bytes */200", Some(200)),
            ("bytes */0", Some(0)),
            ("bytes */*", None),
            ("bytes 0-199/200", None),
            ("lines */200", None),
        ] {
            let header = (CONTENT_RANGE, HeaderValue::from_static(range));
            let headers = HeaderMap::from_iter([header]);
            assert_eq!(total_of_unsatisfied_range(&headers), expected, "{range}");
        }
    }
}
