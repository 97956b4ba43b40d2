//! Reads a file that may still be arriving.
//!
//! The bytes from the network or from standard input are written to a temporary file without a
//! name. The system deletes such a file when the process ends, even after a crash.

use std::fmt;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::os::unix::fs::FileExt as _;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use tokio::io::AsyncWriteExt as _;

use crate::error::Error;
use crate::page::Validators;

const WRITE_BYTES: usize = 256 << 10;

const COPY_BYTES: usize = 64 << 10;

/// Counts the bytes of all files of a run.
#[derive(Debug, Default)]
pub(crate) struct FileBytes {
    pub(crate) read: AtomicU64,
    /// The bytes that the senders announced.
    pub(crate) expected: AtomicU64,
    /// The bytes that did not come from a publisher.
    pub(crate) local: AtomicU64,
}

#[derive(Debug, Default)]
struct Arrival {
    state: Mutex<State>,
    changed: Condvar,
    read: AtomicU64,
    is_abandoned: AtomicBool,
    /// True if the file was on this machine from the start.
    is_local: bool,
}

#[derive(Debug, Default)]
struct State {
    bytes: u64,
    content_type: Option<String>,
    validators: Validators,
    announced: u64,
    /// `None` while bytes may still arrive. Then true if the file is whole.
    end: Option<bool>,
}

impl Arrival {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until `is_so` returns true, no more bytes can arrive, or the file is abandoned.
    fn wait_until(&self, is_so: impl Fn(&State) -> bool) -> MutexGuard<'_, State> {
        let wait = |state: &mut State| {
            state.end.is_none() && !is_so(state) && !self.is_abandoned.load(Relaxed)
        };
        let waited = self.changed.wait_while(self.state(), wait);
        waited.unwrap_or_else(PoisonError::into_inner)
    }

    fn change(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.state());
        self.changed.notify_all();
    }
}

/// The error that a file cannot be read for a reason other than its content.
#[derive(Debug)]
pub(crate) struct Unavailable(pub(crate) &'static str);

impl fmt::Display for Unavailable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl std::error::Error for Unavailable {}

/// Reads a file from its own position. A read blocks until its bytes have arrived, so only a
/// thread that may block should read.
#[derive(Clone, Debug)]
pub(crate) struct FileReader {
    file: Arc<File>,
    arrival: Arc<Arrival>,
    file_bytes: Option<Arc<FileBytes>>,
    at: u64,
}

impl FileReader {
    /// Makes a reader of a file that is already whole and has this many bytes.
    pub(crate) fn from_whole_file(
        file: File,
        bytes: u64,
        file_bytes: Option<&Arc<FileBytes>>,
    ) -> Self {
        let arrival = Arrival {
            is_local: true,
            ..Arrival::default()
        };
        arrival.change(|state| {
            state.bytes = bytes;
            state.end = Some(true);
        });
        Self {
            file: Arc::new(file),
            arrival: Arc::new(arrival),
            file_bytes: file_bytes.cloned(),
            at: 0,
        }
    }

    /// Copies a text of at most `most` bytes to a temporary file, because an archive is not read
    /// from its beginning to its end.
    pub(crate) fn copy(mut from: impl Read, most: u64) -> Result<Self, CopyError> {
        let full = |error| CopyError::Write(WriteError::Disk(error));
        let mut file = tempfile::tempfile().map_err(full)?;
        let mut piece = vec![0; COPY_BYTES];
        let mut bytes = 0;
        loop {
            let read = match from.read(&mut piece) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                read => read.map_err(CopyError::Read)?,
            };
            if bytes + read as u64 > most {
                return Err(CopyError::Write(WriteError::TooLarge(most)));
            }
            if read == 0 {
                return Ok(Self::from_whole_file(file, bytes, None));
            }
            io::Write::write_all(&mut file, &piece[..read]).map_err(full)?;
            bytes += read as u64;
        }
    }

    /// Makes all reads of the file fail, also those that wait on other threads.
    pub(crate) fn abandon(&self) {
        self.arrival.is_abandoned.store(true, Relaxed);
        // a reader either waits and is woken, or checks the flag before it waits
        self.arrival.change(|_| {});
    }

    pub(crate) fn start_at(&self, at: u64) -> Self {
        Self { at, ..self.clone() }
    }

    /// Returns a reader of the same file, from its start, whose bytes are not counted.
    pub(crate) fn without_counting(&self) -> Self {
        Self {
            file_bytes: None,
            ..self.start_at(0)
        }
    }

    /// Returns the number of bytes that have arrived, or that are announced if that is more.
    pub(crate) fn expected_length(&self) -> u64 {
        let state = self.arrival.state();
        state.bytes.max(state.announced)
    }

    pub(crate) fn has_begun(&self) -> bool {
        self.arrival.state().bytes > 0
    }

    /// Returns the `Content-Type` of the response. Waits until the first bytes have arrived.
    pub(crate) fn content_type(&self) -> Option<String> {
        let state = self.arrival.wait_until(|state| state.bytes > 0);
        state.content_type.clone()
    }

    /// Returns the validators of the response, which are empty until the response has arrived.
    pub(crate) fn validators(&self) -> Validators {
        self.arrival.state().validators.clone()
    }

    /// Waits until the whole file has arrived, and returns its length.
    fn length(&self) -> io::Result<u64> {
        let state = self.arrival.wait_until(|_| false);
        match state.end {
            Some(true) => Ok(state.bytes),
            _ => Err(incomplete_error()),
        }
    }

    /// Adds the bytes that are read for the first time to the progress of files, and for a local file
    /// also to the bytes of the run. A file may be read more than once.
    fn count_progress(&self) {
        let Some(file_bytes) = &self.file_bytes else {
            return;
        };
        let before = self.arrival.read.fetch_max(self.at, Relaxed);
        let more = self.at.saturating_sub(before);
        file_bytes.read.fetch_add(more, Relaxed);
        if self.arrival.is_local {
            file_bytes.local.fetch_add(more, Relaxed);
        }
    }
}

fn incomplete_error() -> io::Error {
    io::Error::other(Unavailable("the file did not arrive whole"))
}

impl Read for FileReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.arrival.is_abandoned.load(Relaxed) {
            return Err(io::Error::other(Unavailable(
                "the file is not wanted any more",
            )));
        }
        let at = self.at;
        let there = {
            let state = self.arrival.wait_until(|state| state.bytes > at);
            match state.end {
                Some(false) | None if state.bytes <= at => return Err(incomplete_error()),
                _ => state.bytes.saturating_sub(at),
            }
        };
        let most = buffer
            .len()
            .min(usize::try_from(there).unwrap_or(usize::MAX));
        let read = match self.file.read_at(&mut buffer[..most], at) {
            Ok(0) if most > 0 => {
                return Err(io::Error::other(Unavailable("the file became shorter")));
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => return Err(error),
            Err(_) => return Err(io::Error::other(Unavailable("the file cannot be read"))),
            Ok(read) => read,
        };
        self.at += read as u64;
        self.count_progress();
        Ok(read)
    }
}

impl Seek for FileReader {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let (from, by) = match to {
            SeekFrom::Start(at) => (at, 0),
            SeekFrom::Current(by) => (self.at, by),
            SeekFrom::End(by) => (self.length()?, by),
        };
        let invalid = || io::Error::from(io::ErrorKind::InvalidInput);
        self.at = from.checked_add_signed(by).ok_or_else(invalid)?;
        Ok(self.at)
    }
}

/// Writes a temporary file that others read at the same time. The file counts as whole only after
/// [`FileWriter::end`].
pub(crate) struct FileWriter {
    file: tokio::fs::File,
    written_file: Arc<File>,
    waiting: Vec<u8>,
    written: u64,
    most: u64,
    arrival: Arc<Arrival>,
    file_bytes: Arc<FileBytes>,
}

#[derive(Debug)]
pub(crate) enum WriteError {
    TooLarge(u64),
    Disk(io::Error),
}

impl fmt::Display for WriteError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLarge(most) => write!(
                f,
                "larger than {most} bytes, the limit of `fetch.max_file_bytes`"
            ),
            Self::Disk(error) => error.fmt(f),
        }
    }
}

/// Returns the error that a temporary file cannot be written or read.
pub(crate) fn temporary_file_error(error: io::Error) -> Error {
    Error::environment(format!(
        "write or read a temporary file in {}; the variable TMPDIR names another directory",
        std::env::temp_dir().display()
    ))
    .with_source(error)
}

/// The reason why a text could not be copied to a temporary file.
#[derive(Debug)]
pub(crate) enum CopyError {
    Read(io::Error),
    Write(WriteError),
}

impl FileWriter {
    /// Makes a temporary file for at most `most` bytes, and its reader.
    pub(crate) fn new(most: u64, file_bytes: &Arc<FileBytes>) -> io::Result<(Self, FileReader)> {
        let file = tempfile::tempfile()?;
        let reader = FileReader {
            file: Arc::new(file.try_clone()?),
            arrival: Arc::default(),
            file_bytes: Some(Arc::clone(file_bytes)),
            at: 0,
        };
        let writer = Self {
            file: tokio::fs::File::from_std(file),
            written_file: Arc::clone(&reader.file),
            waiting: Vec::with_capacity(WRITE_BYTES),
            written: 0,
            most,
            arrival: Arc::clone(&reader.arrival),
            file_bytes: Arc::clone(file_bytes),
        };
        Ok((writer, reader))
    }

    pub(crate) fn byte_count(&self) -> u64 {
        self.written + self.waiting.len() as u64
    }

    pub(crate) fn announce(
        &self,
        content_type: Option<&str>,
        validators: Validators,
        bytes: Option<u64>,
    ) {
        self.arrival.change(|state| {
            state.content_type = content_type.map(str::to_owned);
            state.validators = validators;
            state.announced = bytes.unwrap_or(state.announced);
        });
        if let (0, Some(bytes)) = (self.byte_count(), bytes) {
            self.file_bytes.expected.fetch_add(bytes, Relaxed);
        }
    }

    /// Returns true if these bytes equal the bytes that were written at the position `at`.
    pub(crate) fn has_bytes(&self, at: u64, bytes: &[u8]) -> bool {
        let on_disk = self.written.saturating_sub(at);
        let on_disk = bytes
            .len()
            .min(usize::try_from(on_disk).unwrap_or(usize::MAX));
        let (on_disk, rest) = bytes.split_at(on_disk);
        let mut before = vec![0; on_disk.len()];
        if self.written_file.read_exact_at(&mut before, at).is_err() || before != on_disk {
            return false;
        }
        let start = (at + on_disk.len() as u64).saturating_sub(self.written);
        let waiting = usize::try_from(start)
            .ok()
            .and_then(|at| self.waiting.get(at..));
        rest.is_empty() || waiting.is_some_and(|waiting| waiting.starts_with(rest))
    }

    /// Counts bytes that did not come from a publisher.
    pub(crate) fn count_local(&self, bytes: usize) {
        self.file_bytes.local.fetch_add(bytes as u64, Relaxed);
    }

    pub(crate) async fn write(&mut self, bytes: &[u8]) -> Result<(), WriteError> {
        if self.byte_count() + bytes.len() as u64 > self.most {
            return Err(WriteError::TooLarge(self.most));
        }
        self.waiting.extend_from_slice(bytes);
        if self.waiting.len() >= WRITE_BYTES {
            self.flush().await.map_err(WriteError::Disk)?;
        }
        Ok(())
    }

    /// Reads the last bytes that were written, at most `most`.
    pub(crate) async fn read_end(&mut self, most: usize) -> io::Result<Vec<u8>> {
        self.flush().await?;
        let bytes = usize::try_from(self.written)
            .unwrap_or(usize::MAX)
            .min(most);
        let mut end = vec![0; bytes];
        self.written_file
            .read_exact_at(&mut end, self.written - bytes as u64)?;
        Ok(end)
    }

    async fn flush(&mut self) -> io::Result<()> {
        self.file.write_all(&self.waiting).await?;
        self.file.flush().await?;
        self.written += self.waiting.len() as u64;
        self.waiting.clear();
        let written = self.written;
        self.arrival.change(|state| state.bytes = written);
        Ok(())
    }

    pub(crate) async fn end(mut self) -> io::Result<()> {
        self.flush().await?;
        self.arrival.change(|state| state.end = Some(true));
        Ok(())
    }
}

impl Drop for FileWriter {
    fn drop(&mut self) {
        self.arrival.change(|state| {
            state.end.get_or_insert(false);
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_reader_waits_for_what_has_not_arrived() {
        let file_bytes = Arc::default();
        let (mut writer, mut reader) = FileWriter::new(1 << 20, &file_bytes).unwrap();
        let read = tokio::task::spawn_blocking(move || {
            let mut text = Vec::new();
            reader.read_to_end(&mut text).map(|_| text)
        });
        let piece = vec![b'x'; WRITE_BYTES];
        writer.write(&piece).await.unwrap();
        writer.write(b"yz").await.unwrap();
        writer.end().await.unwrap();
        let text = read.await.unwrap().unwrap();
        assert_eq!(text.len(), WRITE_BYTES + 2);
        assert!(text.ends_with(b"xyz"));
        assert_eq!(file_bytes.read.load(Relaxed), text.len() as u64);
    }

    #[tokio::test]
    async fn what_is_broken_off_is_not_taken_for_an_end() {
        let (mut writer, mut reader) = FileWriter::new(1 << 20, &Arc::default()).unwrap();
        writer.write(&vec![b'x'; WRITE_BYTES]).await.unwrap();
        drop(writer);
        let mut text = Vec::new();
        let error = reader.read_to_end(&mut text).unwrap_err();
        assert!(
            error
                .get_ref()
                .is_some_and(|inner| inner.is::<Unavailable>())
        );
        assert_eq!(text.len(), WRITE_BYTES);
        assert!(reader.seek(SeekFrom::End(0)).is_err());
    }

    #[tokio::test]
    async fn more_than_the_limit_is_not_kept() {
        let (mut writer, _reader) = FileWriter::new(3, &Arc::default()).unwrap();
        writer.write(b"ab").await.unwrap();
        assert!(matches!(
            writer.write(b"cd").await,
            Err(WriteError::TooLarge(3))
        ));
    }
}
