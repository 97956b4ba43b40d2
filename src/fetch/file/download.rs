//! Downloads a publisher's file to disk.
//!
//! If a connection breaks, the download continues where it broke, by a range, if the file is
//! known to be the same. An attempt that brings enough bytes is progress and resets the count of
//! attempts, so that a download of hours survives connections that break every few minutes. A
//! server that stalls again and again makes no progress and uses up the attempts.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use futures::StreamExt as _;
use reqwest::header::{
    ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_TYPE, ETAG, HeaderMap, HeaderValue, IF_RANGE,
    LAST_MODIFIED, RANGE,
};
use reqwest::{Response, StatusCode};

use crate::config;
use crate::decode::error_response;
use crate::decode::file::{FileWriter, WriteError, temporary_file_error};
use crate::error::{Error, Kind, Result};
use crate::http::short_archive;
use crate::http::wire::{self, FilePart, Interruption};
use crate::http::{
    Answer, ArrivingBody, Client, Failure, Receive, RequestSpec, UNKNOWN_ENCODING,
    describe_empty_body, text_header,
};
use crate::source::Http;

/// An attempt is progress only if it brings at least this many bytes.
const PROGRESS_BYTES: u64 = 1 << 20;

struct Download<'a> {
    http: &'a Http,
    writer: tokio::sync::Mutex<FileWriter>,
    /// The number of bytes on disk. `counted` is that number when progress was last made.
    bytes: AtomicU64,
    counted: AtomicU64,
    /// The number of bytes that the last attempt sent although they were on disk already.
    repeated: AtomicU64,
    /// Identifies the content of the file: its `ETag` or `Last-Modified`.
    validator: Mutex<Option<HeaderValue>>,
}

/// Downloads a file, and retries while attempts are left.
pub(super) async fn download(
    client: &Client,
    http: &Http,
    spec: RequestSpec<'_>,
    writer: FileWriter,
) -> Result<Answer<()>> {
    let download = Download {
        http,
        writer: tokio::sync::Mutex::new(writer),
        bytes: AtomicU64::new(0),
        counted: AtomicU64::new(0),
        repeated: AtomicU64::new(0),
        validator: Mutex::new(None),
    };
    let answer = client.ask_for(spec, &download).await?;
    if matches!(answer, Answer::Read(())) {
        let ended = download.writer.into_inner().end().await;
        ended.map_err(temporary_file_error)?;
    }
    Ok(answer)
}

impl Receive for Download<'_> {
    type Received = ();

    fn additional_headers(&self) -> HeaderMap {
        // a range of a compressed body could not be joined to the bytes on disk
        let identity = HeaderValue::from_static("identity");
        let mut headers = HeaderMap::from_iter([(ACCEPT_ENCODING, identity)]);
        let validator = self.lock_validator().clone();
        let bytes = self.bytes.load(Relaxed);
        if let (Some(validator), 1..) = (validator, bytes)
            && let Ok(range) = HeaderValue::from_str(&format!("bytes={bytes}-"))
        {
            headers.insert(RANGE, range);
            headers.insert(IF_RANGE, validator);
        }
        headers
    }

    /// Returns no limit, because a file may take hours. A server that stalls still ends the
    /// attempt.
    fn time_limit(&self, _: &config::Fetch) -> Option<Duration> {
        None
    }

    /// Returns true if the attempt brought enough new bytes. A server without ranges sends the
    /// file from its start each time. Such an attempt must bring at least as many new bytes as
    /// repeated ones. Otherwise a server that breaks a little later each time could go on for
    /// ever.
    fn take_progress(&self) -> bool {
        let bytes = self.bytes.load(Relaxed);
        let least = PROGRESS_BYTES.max(self.repeated.load(Relaxed));
        let has = bytes - self.counted.load(Relaxed) >= least;
        if has {
            self.counted.store(bytes, Relaxed);
        }
        has
    }

    async fn receive(&self, response: Response, arriving: ArrivingBody<'_>) -> Result<(), Failure> {
        let mut writer = self.writer.lock().await;
        let part = self.check(&response, writer.byte_count())?;
        let length = wire::announced_length(response.status(), response.headers(), part);
        let length = length.map_err(Failure::from_interruption)?;
        let mut at = part.map_or(0, |part| part.from);
        let mut skip = writer.byte_count() - at;
        self.repeated.store(skip, Relaxed);
        let content_type = text_header(&response, &CONTENT_TYPE);
        let validators = arriving.validators.clone();
        let status = response.status();
        writer.announce(content_type, validators, length.map(|length| at + length));
        let mut chunks = std::pin::pin!(wire::stream_chunks(response, length, arriving.limits));
        while let Some(chunk) = chunks.next().await {
            let mut chunk = match chunk {
                Ok(chunk) => chunk,
                Err(why) if skip == 0 && self.is_whole(&mut writer, &arriving, &why).await? => {
                    return Ok(());
                }
                Err(why) => return Err(Failure::from_interruption(why)),
            };
            (arriving.count_bytes)(chunk.len() as u64);
            let here = chunk.len().min(usize::try_from(skip).unwrap_or(usize::MAX));
            let rest = chunk.split_off(here);
            if !writer.has_bytes(at, &chunk) {
                return Err(file_changed_error());
            }
            (skip, at) = (skip - here as u64, at + here as u64);
            let chunk = rest;
            writer.write(&chunk).await.map_err(|unkept| match unkept {
                WriteError::TooLarge(_) => Failure::TooLarge(Bytes::new(), unkept.to_string()),
                WriteError::Disk(error) => Failure::Final(temporary_file_error(error)),
            })?;
            self.bytes.store(writer.byte_count(), Relaxed);
        }
        if skip > 0 {
            return Err(file_changed_error());
        }
        let may_be_empty = matches!(status, StatusCode::OK | StatusCode::PARTIAL_CONTENT);
        if writer.byte_count() == 0 && !may_be_empty {
            return Err(Failure::Unreadable(
                Bytes::new(),
                describe_empty_body(status),
            ));
        }
        if part.is_some_and(|part| writer.byte_count() < part.total) {
            // the server sends only a part of the range at once
            let message = "the server sent a part of the file only";
            return Err(Failure::Connection(Error::environment(message)));
        }
        Ok(())
    }
}

impl Download<'_> {
    /// Returns true if the bytes on disk are a whole archive, which the source accepts although
    /// its server announced more bytes.
    async fn is_whole(
        &self,
        writer: &mut FileWriter,
        arriving: &ArrivingBody<'_>,
        why: &Interruption,
    ) -> Result<bool, Failure> {
        if !self.http.accept_short_archive {
            return Ok(false);
        }
        let end = writer.read_end(short_archive::LONGEST_END).await;
        let end = end.map_err(|error| Failure::Final(temporary_file_error(error)))?;
        let end = (&*end, writer.byte_count());
        Ok(short_archive::is_accepted(
            self.http,
            arriving.source,
            why,
            end,
        ))
    }

    fn lock_validator(&self) -> std::sync::MutexGuard<'_, Option<HeaderValue>> {
        self.validator
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Checks that a response is for the same file. Returns the part of the file that it brings,
    /// or `None` for the whole file.
    fn check(&self, response: &Response, here: u64) -> Result<Option<FilePart>, Failure> {
        let refused = |message: &str| Failure::Unreadable(Bytes::new(), message.to_owned());
        let content_type = text_header(response, &CONTENT_TYPE);
        error_response::check_content_type(self.http, content_type)
            .map_err(|message| refused(&message))?;
        let encoding = text_header(response, &CONTENT_ENCODING).unwrap_or_default();
        let is_plain = ["", "identity"].contains(&&*encoding.to_ascii_lowercase());
        let is_partial = response.status() == StatusCode::PARTIAL_CONTENT;
        // a body that is compressed although that was not requested is treated as a gzip file
        let is_gzip = ["gzip", "x-gzip"].contains(&&*encoding.to_ascii_lowercase());
        if !is_plain && (!is_gzip || is_partial) {
            return Err(refused(UNKNOWN_ENCODING));
        }
        let part = match is_partial {
            true => {
                let part =
                    FilePart::from_headers(response.headers()).filter(|part| part.from <= here);
                Some(part.ok_or_else(|| refused("a part of the file that was not asked for"))?)
            }
            false => None,
        };
        let validator = read_validator(response.headers());
        let mut known = self.lock_validator();
        // without a validator, the file is compared byte by byte
        let is_other = validator.is_some() && *known != validator;
        if here > 0 && is_other {
            return Err(file_changed_error());
        }
        if part.is_none_or(|part| part.from == 0) {
            *known = validator;
        }
        Ok(part)
    }
}

fn file_changed_error() -> Failure {
    let message = "the file changed when the connection broke in its middle";
    Failure::Final(Error::new(Kind::Truncated, message))
}

/// Returns what identifies the content of a file: a strong `ETag`, or else its `Last-Modified`.
fn read_validator(headers: &HeaderMap) -> Option<HeaderValue> {
    let tag = headers
        .get(ETAG)
        .filter(|tag| !tag.as_bytes().starts_with(b"W/"));
    tag.or(headers.get(LAST_MODIFIED)).cloned()
}
