//! Downloads a publisher's file to disk.
//!
//! If a connection breaks, the download continues a little before it broke, by a range, if the
//! file is known to be the same. The bytes that arrive twice are compared. A server that answers a
//! range by anything else than this part of this file is not asked for a range again. It must
//! then send the whole file, which is compared with the bytes on disk.
//!
//! An attempt that brings enough bytes is progress and resets the count of attempts, so that a
//! download of hours survives connections that break every few minutes. A server that stalls
//! again and again makes no progress and uses up the attempts.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use futures::StreamExt as _;
use reqwest::header::{
    ACCEPT_ENCODING, CONTENT_TYPE, ETAG, HeaderMap, HeaderValue, IF_RANGE, LAST_MODIFIED, RANGE,
};
use reqwest::{Response, StatusCode};

use crate::config;
use crate::decode::error_response;
use crate::decode::file::{FileWriter, WriteError, temporary_file_error};
use crate::error::{Error, Kind, Result};
use crate::http::content_encoding::Encoding;
use crate::http::short_archive;
use crate::http::wire::{self, FilePart, Interruption};
use crate::http::{
    Answer, ArrivingBody, Client, Failure, Receive, RequestSpec, UNKNOWN_ENCODING,
    describe_empty_body, text_header,
};
use crate::source::Http;

/// An attempt is progress only if it brings at least this many bytes. Some caches answer a range by
/// 1 MiB of it, of which a little is on disk already.
const PROGRESS_BYTES: u64 = 1 << 19;

/// A range begins this many bytes before the end of what is on disk. They show whether the server
/// sends the same file, and from the right position. They also are there if nothing else is left,
/// as when all of a chunked body has arrived except for its end.
const OVERLAP_BYTES: u64 = 4 << 10;

struct Download<'a> {
    http: &'a Http,
    writer: tokio::sync::Mutex<FileWriter>,
    /// The number of bytes on disk. `counted` is that number when progress was last made.
    bytes: AtomicU64,
    counted: AtomicU64,
    /// The number of bytes that the last attempt sent although they were on disk already.
    repeated: AtomicU64,
    file: Mutex<KnownFile>,
}

/// The responses so far tell this about the file.
#[derive(Default)]
struct KnownFile {
    /// Identifies the content of the file: its `ETag` or `Last-Modified`.
    validator: Option<HeaderValue>,
    encodings: Vec<Encoding>,
    /// The number of bytes of the whole file.
    total: Option<u64>,
    /// True after a response to a range that was not usable.
    rejects_ranges: bool,
}

/// The bytes of the file that a response brings.
struct ArrivingBytes {
    /// The number of bytes of the file before them.
    from: u64,
    /// Their number, if the response announces it.
    bytes: Option<u64>,
    /// The number of bytes of the whole file, if it is known.
    total: Option<u64>,
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
        file: Mutex::default(),
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
        let file = self.lock_file();
        let begin = self.range_begin(&file);
        if let (Some(validator), 1..) = (&file.validator, begin)
            && let Ok(range) = HeaderValue::from_str(&format!("bytes={begin}-"))
        {
            headers.insert(RANGE, range);
            headers.insert(IF_RANGE, validator.clone());
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
        if response.status() == StatusCode::RANGE_NOT_SATISFIABLE {
            return self.check_end(response.headers(), writer.byte_count());
        }
        let ArrivingBytes { from, bytes, total } = self.check(&response)?;
        let status = response.status();
        let is_part = status == StatusCode::PARTIAL_CONTENT;
        let changed = || match is_part {
            true => self.reject_ranges("the part does not continue the bytes on disk"),
            false => file_changed_error(),
        };
        let (mut at, mut skip) = (from, writer.byte_count() - from);
        self.repeated.store(skip, Relaxed);
        // a part may lack headers that the whole file has
        if from == 0 {
            let content_type = text_header(&response, &CONTENT_TYPE);
            writer.announce(content_type, arriving.validators.clone(), total);
        }
        let mut chunks = std::pin::pin!(wire::stream_chunks(response, bytes, arriving.limits));
        while let Some(chunk) = chunks.next().await {
            let mut chunk = match chunk {
                Ok(chunk) => chunk,
                Err(why) if skip == 0 && self.is_whole(&mut writer, &arriving, &why).await? => {
                    return Ok(());
                }
                Err(why @ Interruption::Long { .. }) if is_part => {
                    return Err(self.reject_ranges(&why.to_string()));
                }
                Err(why) => return Err(Failure::from_interruption(why)),
            };
            (arriving.count_bytes)(chunk.len() as u64);
            let here = chunk.len().min(usize::try_from(skip).unwrap_or(usize::MAX));
            let rest = chunk.split_off(here);
            if !writer.has_bytes(at, &chunk) {
                return Err(changed());
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
            return Err(changed());
        }
        let may_be_empty = matches!(status, StatusCode::OK | StatusCode::PARTIAL_CONTENT);
        if writer.byte_count() == 0 && !may_be_empty {
            return Err(Failure::Unreadable(
                Bytes::new(),
                describe_empty_body(status),
            ));
        }
        if is_part && total.is_none_or(|total| writer.byte_count() < total) {
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

    fn lock_file(&self) -> MutexGuard<'_, KnownFile> {
        self.file.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns the number of bytes before the range that a request asks for. 0 means the whole
    /// file.
    fn range_begin(&self, file: &KnownFile) -> u64 {
        match (&file.validator, file.rejects_ranges) {
            (Some(_), false) => self.bytes.load(Relaxed).saturating_sub(OVERLAP_BYTES),
            _ => 0,
        }
    }

    /// Makes the next requests ask for the whole file, and returns the failure of this one.
    fn reject_ranges(&self, message: &str) -> Failure {
        self.lock_file().rejects_ranges = true;
        let message = format!("{message}; the next request is for the whole file");
        Failure::Connection(Error::new(Kind::Interrupted, message))
    }

    /// Succeeds if the response says that the file ends where the bytes on disk end. Then they are
    /// the whole file.
    fn check_end(&self, headers: &HeaderMap, here: u64) -> Result<(), Failure> {
        let is_end = {
            let file = self.lock_file();
            let validator = read_validator(headers);
            let is_same = validator.is_none() || file.validator == validator;
            let total = wire::total_of_unsatisfied_range(headers);
            is_same && total == Some(here) && file.total.is_none_or(|total| total == here)
        };
        match is_end {
            true => Ok(()),
            false => Err(self.reject_ranges("the server does not have the rest of the file")),
        }
    }

    /// Checks that a response is for the same file, and returns which bytes of the file it brings.
    fn check(&self, response: &Response) -> Result<ArrivingBytes, Failure> {
        let refused = |message: &str| Failure::Unreadable(Bytes::new(), message.to_owned());
        let (status, headers) = (response.status(), response.headers());
        let content_type = text_header(response, &CONTENT_TYPE);
        error_response::check_content_type(self.http, content_type)
            .map_err(|message| refused(&message))?;
        let encodings = Encoding::list(headers);
        // a file that is compressed although that was not requested is treated as a gzip file, and
        // one with an unknown encoding by its content
        let is_readable =
            |encoding: &Encoding| matches!(encoding, Encoding::Gzip | Encoding::Unknown);
        if !encodings.iter().all(is_readable) {
            return Err(refused(UNKNOWN_ENCODING));
        }
        let validator = read_validator(headers);
        if status == StatusCode::PARTIAL_CONTENT {
            return self.check_part(headers, validator, encodings);
        }
        let bytes = wire::announced_length(status, headers, None);
        let bytes = bytes.map_err(Failure::from_interruption)?;
        let mut file = self.lock_file();
        (file.validator, file.encodings, file.total) = (validator, encodings, bytes);
        Ok(ArrivingBytes {
            from: 0,
            bytes,
            total: bytes,
        })
    }

    /// Checks that a part of the file is usable, and returns which bytes it brings.
    fn check_part(
        &self,
        headers: &HeaderMap,
        validator: Option<HeaderValue>,
        encodings: Vec<Encoding>,
    ) -> Result<ArrivingBytes, Failure> {
        let part = FilePart::from_headers(headers).filter(|part| {
            let length = wire::announced_length(StatusCode::PARTIAL_CONTENT, headers, Some(*part));
            length.is_ok()
        });
        let (begin, located) = {
            let mut file = self.lock_file();
            let begin = self.range_begin(&file);
            let is_same =
                file.encodings == encodings && (validator.is_none() || file.validator == validator);
            if begin == 0 {
                // the part is compared with all the bytes on disk
                (file.validator, file.encodings, file.total) = (validator, encodings, None);
            }
            let part = part.filter(|_| begin == 0 || is_same);
            (begin, part.and_then(|part| file.locate(part, begin)))
        };
        let what = "a part of the file that was not asked for";
        located.ok_or_else(|| match begin {
            0 => Failure::Unreadable(Bytes::new(), what.to_owned()),
            _ => self.reject_ranges(&format!("the server sent {what}")),
        })
    }
}

impl KnownFile {
    /// Returns the bytes that a part brings, if it begins at or before `begin`. Without the number
    /// of bytes of the file, from this response or from an earlier one for the same file, nothing
    /// would show whether the file ends with the part.
    fn locate(&mut self, part: FilePart, begin: u64) -> Option<ArrivingBytes> {
        let total = part.total.or(self.total)?;
        let is_known_total = self.total.is_none_or(|known| known == total);
        let is_within = part.from <= begin && part.from.checked_add(part.bytes)? <= total;
        if !is_known_total || !is_within {
            return None;
        }
        self.total = Some(total);
        Some(ArrivingBytes {
            from: part.from,
            bytes: Some(part.bytes),
            total: Some(total),
        })
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
