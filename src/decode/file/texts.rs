//! Opens the texts of a file one after the other: the file itself, or the members of its archives.
//!
//! A text is decompressed while it is read. An archive inside another archive is written to disk
//! if it is a zip file, because a zip file is read from its end. `fetch.max_ratio` limits how
//! many bytes a file decompresses to, compared with the size of the file.

use std::collections::{HashMap, VecDeque};
use std::io::{self, BufReader, Cursor, Read, Seek as _, SeekFrom};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use bytes::Bytes;
use flate2::Crc;
use flate2::bufread::DeflateDecoder;
use zip::CompressionMethod;
use zip::read::Config;
use zip::unstable::read::ZipIterable;

use crate::config;
use crate::decode::budget::{limit_by_ratio, ratio_exceeded_message, too_many_members_message};
use crate::decode::file::arriving_file::{CopyError, FileReader, Unavailable, WriteError};
use crate::decode::gzip::GzipReader;
use crate::decode::side_file::{NameHint, START_BYTES, byte_order_mark, is_blank_start};
use crate::decode::{
    Archive, HEADER_BYTES, Level, number_duplicate, read_content_offset, read_name, read_start,
};
use crate::json;
use crate::page::MAX_KEPT_BYTES;
use crate::source::{Container, Filter, Source};

/// A member that is not a readable text is kept whole only up to this many compressed bytes.
const MAX_PACKED_BYTES: u64 = 4 << 20;

/// The first four bytes show whether a text is an archive.
const MAGIC_BYTES: usize = 4;

/// Returns the texts of a file one after the other, decompressed. The file is one text, or each
/// member of the archive is one.
pub(super) struct Texts {
    file: FileReader,
    container: Container,
    wanted: Filter,
    limits: config::Fetch,
    /// The zip files that are open. The outermost one is the first.
    open: Vec<Zip>,
    is_begun: bool,
    /// The number of texts that the newest member of the outermost archive has had so far.
    inner: u64,
    decoded: Arc<AtomicU64>,
}

/// A text with one or more documents. It is read while it is decompressed.
pub(super) struct Text {
    pub(super) reader: Box<dyn Read + Send>,
    /// The beginning of the JSON Pointers to what is in the text.
    pub(super) pointer: String,
    pub(super) level: Level,
    /// True if the file has no other text.
    pub(super) is_alone: bool,
    pub(super) position: TextPosition,
}

/// The position of a text among all texts of its file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct TextPosition {
    /// The number of the member that is the text or contains it. The first member is 0.
    pub(super) member: u64,
    /// The number of texts of the same member before this text.
    pub(super) inner: u64,
    /// A digest of the member and of all members before it.
    pub(super) seen: [u8; 32],
}

enum OpenedMember {
    Text(Text),
    /// The member is no data. Some of its bytes are kept.
    SideFile(Bytes),
    /// A zip file was opened. Its members come next.
    Zip,
}

pub(super) enum NextText {
    Text(Text),
    /// A member that is no data, with some of its bytes.
    SideFile {
        pointer: String,
        kept: Bytes,
    },
    /// The member is not a readable text. `packed` has its compressed bytes, and true if they are
    /// complete.
    Broken {
        pointer: String,
        message: String,
        packed: (Bytes, bool),
    },
    End,
}

/// The reason why a file cannot be read any further.
#[derive(Debug)]
pub(super) enum ReadError {
    /// The file is not available. The text is a clause that says why.
    Unavailable(String),
    /// The content cannot be read. The text is a clause that completes a sentence with "it is".
    Damaged(String),
}

impl ReadError {
    /// Classifies an error of a reader. `damaged` is the clause for an error that the content
    /// caused.
    pub(super) fn from_io(error: &io::Error, damaged: &str) -> Self {
        if is_unavailable(error) {
            return ReadError::Unavailable(error.to_string());
        }
        ReadError::Damaged(match error.kind() {
            io::ErrorKind::FileTooLarge => error.to_string(),
            _ => damaged.to_owned(),
        })
    }
}

fn is_unavailable(error: &io::Error) -> bool {
    let inner = error.get_ref();
    inner.is_some_and(|inner| inner.is::<Unavailable>())
}

struct Zip {
    file: FileReader,
    pointer: String,
    level: Level,
    members: VecDeque<Member>,
    names: HashMap<String, usize>,
    /// The number of the next member. `seen` is a digest of the members before it.
    next: u64,
    seen: blake3::Hasher,
}

struct Member {
    name: String,
    hint: NameHint,
    header: u64,
    packed: u64,
    size: u64,
    crc: u32,
    method: CompressionMethod,
    is_encrypted: bool,
}

impl Texts {
    pub(super) fn new(file: FileReader, source: &Source, limits: &config::Fetch) -> Self {
        Self {
            file,
            container: source.decode.container,
            wanted: source.decode.members.clone(),
            limits: limits.clone(),
            open: Vec::new(),
            is_begun: false,
            inner: 0,
            decoded: Arc::default(),
        }
    }

    pub(super) fn next(&mut self) -> Result<NextText, ReadError> {
        if !self.is_begun
            && let OpenedMember::Text(text) = self.open_file()?
        {
            return Ok(NextText::Text(text));
        }
        while let Some(zip) = self.open.last_mut() {
            if let Some(member) = zip.members.pop_front() {
                return self.open_member(&member);
            }
            self.open.pop();
        }
        Ok(NextText::End)
    }

    /// Skips the texts before a position, without decompressing members.
    pub(super) fn skip_to(&mut self, position: TextPosition) -> Result<(), ReadError> {
        if position.member > 0 && !self.is_begun {
            // the file is a zip file, which is opened here and returns no text
            self.open_file()?;
        }
        if let Some(zip) = self.open.first_mut() {
            while zip.next < position.member
                && let Some(member) = zip.members.pop_front()
            {
                zip.count_member(&member);
            }
        }
        for _ in 0..position.inner {
            self.next()?;
        }
        Ok(())
    }

    pub(super) fn position(&self) -> TextPosition {
        let Some(outermost) = self.open.first() else {
            return TextPosition {
                member: u64::from(self.is_begun),
                ..TextPosition::default()
            };
        };
        let is_within = self.open.len() > 1;
        TextPosition {
            member: outermost.next - u64::from(is_within),
            inner: if is_within { self.inner } else { 0 },
            seen: *outermost.seen.finalize().as_bytes(),
        }
    }

    fn detect_archive(&self) -> Result<Option<Archive>, ReadError> {
        let (magic, error) = read_start(&mut self.file.without_counting(), MAGIC_BYTES);
        if let Some(error) = error {
            return Err(file_error(&error));
        }
        Archive::detect_body(&magic, self.container).map_err(|what| ReadError::Damaged(what.into()))
    }

    fn open_file(&mut self) -> Result<OpenedMember, ReadError> {
        self.is_begun = true;
        let text = Text {
            reader: Box::new(self.file.start_at(0)),
            pointer: String::new(),
            level: Level::Outermost,
            is_alone: true,
            position: TextPosition::default(),
        };
        match self.detect_archive()? {
            Some(Archive::Zip) => {
                self.open_zip(self.file.clone(), text.pointer, text.level)?;
                Ok(OpenedMember::Zip)
            }
            Some(Archive::Gzip) => self.open_gzip(text),
            None => Ok(OpenedMember::Text(text)),
        }
    }

    /// Opens a gzip file. Its content may be an archive too.
    fn open_gzip(&mut self, packed: Text) -> Result<OpenedMember, ReadError> {
        let decoder = GzipReader::new(BufReader::new(packed.reader));
        let reader = self.meter(decoder);
        let text = Text {
            reader: Box::new(reader),
            level: packed.level.enter_archive(),
            ..packed
        };
        self.open_unpacked(text, NameHint::Data)
    }

    fn meter<R: Read>(&self, reader: R) -> MeteredReader<R> {
        MeteredReader {
            reader,
            decoded: Arc::clone(&self.decoded),
            file: self.file.clone(),
            ratio: self.limits.max_ratio,
        }
    }

    /// Opens a text from an archive, which may be an archive itself. `hint` is what the name of the
    /// text tells.
    fn open_unpacked(&mut self, text: Text, hint: NameHint) -> Result<OpenedMember, ReadError> {
        let mut packed = text.reader;
        let (start, error) = read_telling_start(&mut packed, hint);
        let is_damaged = match error {
            Some(error) if start.is_empty() || is_unavailable(&error) => {
                return Err(ReadError::from_io(&error, "damaged, or cut short"));
            }
            error => error.is_some(),
        };
        let mut reader = Cursor::new(start.clone()).chain(packed);
        if hint.is_side_file(&start) && (!is_damaged || hint.is_other()) {
            let (kept, _) = read_start(&mut reader, MAX_KEPT_BYTES);
            let kept = Bytes::copy_from_slice(hint.bytes_to_keep(&kept));
            return Ok(OpenedMember::SideFile(kept));
        }
        let archive = Archive::detect(&start, self.container);
        let text = Text {
            reader: Box::new(reader),
            ..text
        };
        match archive {
            None => Ok(OpenedMember::Text(text)),
            Some(_) if text.level == Level::Innermost => {
                let message = "an archive within an archive within an archive";
                Err(ReadError::Damaged(message.into()))
            }
            Some(Archive::Gzip) => self.open_gzip(text),
            Some(Archive::Zip) => {
                let file = self.write_to_disk(text.reader)?;
                self.open_zip(file, text.pointer, text.level)?;
                Ok(OpenedMember::Zip)
            }
        }
    }

    /// Writes a text to a temporary file. Its bytes were counted when they were decompressed.
    fn write_to_disk(&self, reader: Box<dyn Read + Send>) -> Result<FileReader, ReadError> {
        let copied = FileReader::copy(reader, self.limits.max_file_bytes);
        copied.map_err(|error| match error {
            CopyError::Read(error) => ReadError::from_io(&error, "a member that is damaged"),
            CopyError::Write(WriteError::TooLarge(most)) => ReadError::Damaged(format!(
                "an archive of more than {most} bytes, the limit of `fetch.max_file_bytes`"
            )),
            CopyError::Write(WriteError::Disk(_)) => {
                ReadError::Unavailable("no temporary file can be written".into())
            }
        })
    }

    fn open_zip(
        &mut self,
        file: FileReader,
        pointer: String,
        level: Level,
    ) -> Result<(), ReadError> {
        let most = self.limits.max_members;
        let zip = Zip::open(file, pointer, level, most, &self.wanted)?;
        self.open.push(zip);
        Ok(())
    }

    /// Opens a member of the innermost zip file that is open.
    fn open_member(&mut self, member: &Member) -> Result<NextText, ReadError> {
        let position = self.position();
        self.inner = match self.open.len() {
            1 => 0,
            _ => self.inner + 1,
        };
        let Some(zip) = self.open.last_mut() else {
            return Ok(NextText::End);
        };
        let pointer = zip.count_member(member);
        let level = zip.level.enter_archive();
        let packed = zip.read_packed(member);
        let content = zip.open_content(member);
        let seen = self.position().seen;
        let opened = content.and_then(|content| {
            let text = Text {
                reader: Box::new(self.meter(content)),
                pointer: pointer.clone(),
                level,
                is_alone: false,
                position: TextPosition { seen, ..position },
            };
            self.open_unpacked(text, member.hint)
        });
        match opened {
            Ok(OpenedMember::Text(text)) => Ok(NextText::Text(text)),
            Ok(OpenedMember::SideFile(kept)) => Ok(NextText::SideFile { pointer, kept }),
            Err(ReadError::Damaged(_)) if member.hint.is_other() => Ok(NextText::SideFile {
                pointer,
                kept: Bytes::new(),
            }),
            Ok(OpenedMember::Zip) => self.next(),
            Err(ReadError::Damaged(message)) => Ok(NextText::Broken {
                pointer,
                message,
                packed: read_packed(packed).map_err(|e| file_error(&e))?,
            }),
            Err(lost) => Err(lost),
        }
    }
}

/// Reads the first bytes of a member, which show whether it is data. If the name of the member does
/// not show it, long white space before them is left out, because nothing after it would be seen.
fn read_telling_start(reader: &mut impl Read, hint: NameHint) -> (Vec<u8>, Option<io::Error>) {
    let (mut start, mut error) = read_start(reader, START_BYTES);
    while hint != NameHint::Data && error.is_none() && is_blank_start(&start) {
        let (more, failed) = read_start(reader, START_BYTES);
        start.truncate(byte_order_mark(&start).len());
        start.extend(more);
        error = failed;
    }
    (start, error)
}

/// Reads the compressed bytes of a member that is not a readable text. Also returns true if these
/// are all its bytes.
fn read_packed(mut packed: io::Take<FileReader>) -> io::Result<(Bytes, bool)> {
    let is_whole = packed.limit() <= MAX_PACKED_BYTES;
    if !is_whole {
        packed.set_limit(MAX_KEPT_BYTES as u64);
    }
    let mut bytes = Vec::new();
    packed.read_to_end(&mut bytes)?;
    Ok((bytes.into(), is_whole))
}

fn file_error(error: &io::Error) -> ReadError {
    ReadError::from_io(error, "a file that is damaged")
}

impl Zip {
    fn open(
        file: FileReader,
        pointer: String,
        level: Level,
        most: usize,
        wanted: &Filter,
    ) -> Result<Self, ReadError> {
        let damaged = "a zip file that is damaged or cut short";
        let stop = |error: zip::result::ZipError| match error {
            zip::result::ZipError::Io(error) => ReadError::from_io(&error, damaged),
            _ => ReadError::Damaged(damaged.into()),
        };
        // buffered, because the directory of a zip file is read a few bytes at a time
        let reader = BufReader::new(file.without_counting());
        let mut archive = ZipIterable::try_new(reader, Config::default()).map_err(stop)?;
        if archive.len() > most {
            return Err(ReadError::Damaged(too_many_members_message(most)));
        }
        let mut members = VecDeque::new();
        for entry in archive.files().map_err(stop)? {
            let entry = entry.map_err(stop)?;
            let Some((name, hint)) = read_name(&entry, wanted) else {
                continue;
            };
            members.push_back(Member {
                name,
                hint,
                header: entry.header_start(),
                packed: entry.compressed_size(),
                size: entry.size(),
                crc: entry.crc32(),
                method: entry.compression(),
                is_encrypted: entry.encrypted(),
            });
        }
        Ok(Self {
            file,
            pointer,
            level,
            members,
            names: HashMap::new(),
            next: 0,
            seen: blake3::Hasher::new(),
        })
    }

    /// Counts a member, and returns the JSON Pointer to it.
    fn count_member(&mut self, member: &Member) -> String {
        self.next += 1;
        self.seen.update(member.name.as_bytes());
        self.seen.update(&member.size.to_le_bytes());
        self.seen.update(&member.crc.to_le_bytes());
        let name = number_duplicate(member.name.clone(), &mut self.names);
        format!("{}/{}", self.pointer, json::escape_token(&name))
    }

    fn open_content(&self, member: &Member) -> Result<ChecksumReader, ReadError> {
        let damaged = |what: &str| ReadError::Damaged(format!("a member that is {what}"));
        if member.is_encrypted {
            return Err(damaged("encrypted"));
        }
        let start = self
            .content_start(member)
            .map_err(|e| ReadError::from_io(&e, "a member that is damaged"))?;
        let packed = BufReader::new(self.file.start_at(start).take(member.packed));
        let reader: Box<dyn Read + Send> = match member.method {
            CompressionMethod::Stored => Box::new(packed),
            CompressionMethod::Deflated => Box::new(DeflateDecoder::new(packed)),
            _ => return Err(damaged("not stored or deflated")),
        };
        Ok(ChecksumReader {
            reader,
            left: member.size,
            crc: Crc::new(),
            expected: member.crc,
        })
    }

    /// Returns a reader of the compressed bytes of a member. It is empty if the local header of
    /// the member cannot be read.
    fn read_packed(&self, member: &Member) -> io::Take<FileReader> {
        let file = self.file.without_counting();
        match self.content_start(member) {
            Ok(start) => file.start_at(start).take(member.packed),
            Err(_) => file.take(0),
        }
    }

    fn content_start(&self, member: &Member) -> io::Result<u64> {
        let mut header = [0; HEADER_BYTES];
        let mut reader = self.file.without_counting();
        reader.seek(SeekFrom::Start(member.header))?;
        reader.read_exact(&mut header)?;
        Ok(member.header + read_content_offset(&header) as u64)
    }
}

/// Checks that the content of a member has the size and the checksum that its archive declares.
struct ChecksumReader {
    reader: Box<dyn Read + Send>,
    left: u64,
    crc: Crc,
    expected: u32,
}

impl Read for ChecksumReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.reader.read(buffer)?;
        self.crc.update(&buffer[..read]);
        let is_end = read == 0 && !buffer.is_empty();
        let left = self.left.checked_sub(read as u64);
        if left.is_none() || (is_end && (self.left > 0 || self.crc.sum() != self.expected)) {
            return Err(io::ErrorKind::InvalidData.into());
        }
        self.left = left.unwrap_or_default();
        Ok(read)
    }
}

/// Limits how many bytes all content of a file decompresses to.
struct MeteredReader<R> {
    reader: R,
    decoded: Arc<AtomicU64>,
    file: FileReader,
    ratio: u32,
}

impl<R: Read> Read for MeteredReader<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.reader.read(buffer)?;
        let decoded = self.decoded.fetch_add(read as u64, Relaxed) + read as u64;
        if decoded > limit_by_ratio(self.file.expected_length(), self.ratio) {
            let message = ratio_exceeded_message(self.ratio);
            return Err(io::Error::new(io::ErrorKind::FileTooLarge, message));
        }
        Ok(read)
    }
}
