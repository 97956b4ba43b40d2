//! Opens zip and gzip files in memory.
//!
//! A member is decompressed in small pieces, and the [`Budget`] counts the bytes that come out,
//! whatever size the member claims. The name of a member is only a label and never a path,
//! because nothing is written to disk.

use std::io::{self, Cursor, Read};

use bytes::Bytes;
use zip::ZipReadOptions;
use zip::read::{Config, ZipFileEntry};
use zip::result::ZipError;
use zip::unstable::read::ZipIterable;

use super::budget::{Budget, LimitExceeded, read_within_budget};
use super::gzip::GzipReader;
use super::side_file::{NameHint, START_BYTES, is_blank_start, skip_blank};
use crate::page::{MAX_KEPT_BYTES, Undecodable};
use crate::source::{Container, Filter};

/// The number of characters that are kept of a member's name. It is limited, because each item of
/// the member carries the name.
const NAME_LENGTH: usize = 100;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Archive {
    Zip,
    Gzip,
}

impl Archive {
    /// Recognizes an archive by its first bytes. No JSON text begins like this. Returns `None` if
    /// the source declares that its documents are not in archives.
    pub(crate) fn detect(bytes: &[u8], container: Container) -> Option<Self> {
        match bytes {
            _ if container == Container::Json => None,
            // the second one is a zip file without members
            [b'P', b'K', 3, 4, ..] | [b'P', b'K', 5, 6, ..] => Some(Archive::Zip),
            [0x1F, 0x8B, ..] => Some(Archive::Gzip),
            _ => None,
        }
    }

    /// Recognizes whether a whole body is an archive. Fails if it is not the kind of archive that
    /// the source declares.
    pub(crate) fn detect_body(
        body: &[u8],
        container: Container,
    ) -> Result<Option<Self>, &'static str> {
        let archive = Self::detect(body, container);
        match container {
            Container::Zip if archive != Some(Archive::Zip) => Err("no zip file"),
            Container::Gzip if archive != Some(Archive::Gzip) => Err("no gzip file"),
            _ => Ok(archive),
        }
    }
}

/// The length of the fixed part of a member's local header, in bytes.
pub(crate) const HEADER_BYTES: usize = 30;

/// Returns the number of bytes from the start of a member's local header to its content. They are
/// the header, a name and an extra field.
pub(crate) fn read_content_offset(header: &[u8; HEADER_BYTES]) -> usize {
    let two = |at: usize| usize::from(u16::from_le_bytes([header[at], header[at + 1]]));
    HEADER_BYTES + two(26) + two(28)
}

pub(crate) struct Member {
    pub(crate) name: String,
    hint: NameHint,
    entry: ZipFileEntry<'static>,
}

/// The content of a member.
pub(crate) enum Content {
    /// The member may be data.
    Text(Bytes),
    /// The member is no data. Some of its bytes are kept.
    SideFile(Bytes),
    /// The member cannot be read. The bytes are those that are available, and the text is a clause
    /// that says what is wrong.
    Unreadable(Bytes, String),
}

#[derive(Debug)]
pub(crate) enum ArchiveError {
    /// The file is no readable archive. The text is a clause that says what the file is.
    Damaged(String),
    Undecodable(Undecodable),
}

impl From<Undecodable> for ArchiveError {
    fn from(why: Undecodable) -> Self {
        ArchiveError::Undecodable(why)
    }
}

impl From<LimitExceeded> for ArchiveError {
    fn from(spent: LimitExceeded) -> Self {
        ArchiveError::Undecodable(spent.into())
    }
}

/// Decompresses a gzip file. If the file has several members, their contents are joined.
pub(crate) fn gunzip(body: &[u8], budget: &mut Budget) -> Result<Bytes, ArchiveError> {
    let content = read_within_budget(GzipReader::new(body), 0, budget)?;
    let damaged = "a gzip file that is damaged or cut short";
    content.map_err(|_| ArchiveError::Damaged(damaged.into()))
}

pub(crate) struct Zip(ZipIterable<Cursor<Bytes>>);

impl Zip {
    pub(crate) fn open(body: &Bytes, budget: &mut Budget) -> Result<Self, ArchiveError> {
        let reader = Cursor::new(body.clone());
        let archive = ZipIterable::try_new(reader, Config::default()).map_err(damaged_zip_error)?;
        budget.spend_members(archive.len())?;
        Ok(Self(archive))
    }

    /// Returns the wanted members in their order in the file. Members that share a name are all
    /// returned.
    pub(crate) fn members<'z>(
        &'z mut self,
        wanted: &'z Filter,
    ) -> Result<impl Iterator<Item = Result<Member, ArchiveError>> + 'z, ArchiveError> {
        let entries = self.0.files().map_err(damaged_zip_error)?;
        Ok(entries.filter_map(|entry| match entry {
            Err(error) => Some(Err(damaged_zip_error(error))),
            Ok(entry) => {
                let (name, hint) = read_name(&entry, wanted)?;
                Some(Ok(Member { name, hint, entry }))
            }
        }))
    }
}

fn damaged_zip_error(_: ZipError) -> ArchiveError {
    ArchiveError::Damaged("a zip file that is damaged or cut short".into())
}

/// Returns the name of a member, shortened if it is long, and what the whole name tells about the
/// content. Returns `None` if the member is a directory or is not wanted.
pub(crate) fn read_name(entry: &ZipFileEntry<'_>, wanted: &Filter) -> Option<(String, NameHint)> {
    let name = entry
        .name()
        .unwrap_or_else(|_| String::from_utf8_lossy(entry.name_raw()));
    let is_wanted = !entry.is_dir() && wanted.is_wanted(&name);
    is_wanted.then(|| {
        let shortened = name.chars().take(NAME_LENGTH).collect();
        (shortened, NameHint::read(&name))
    })
}

impl Member {
    /// Decompresses the content. Of a side file, at most `room` bytes are kept.
    pub(crate) fn read(
        self,
        body: &Bytes,
        budget: &mut Budget,
        room: usize,
    ) -> Result<Content, LimitExceeded> {
        let (hint, entry) = (self.hint, self.entry);
        let packed = slice_packed(body, entry.header_start(), entry.compressed_size());
        let unreadable = |bytes, message: &str| match hint.is_other() {
            true => Content::SideFile(Bytes::new()),
            false => Content::Unreadable(bytes, message.to_owned()),
        };
        if entry.encrypted() {
            return Ok(unreadable(packed, "a member that is encrypted"));
        }
        let claimed = usize::try_from(entry.size()).unwrap_or(usize::MAX);
        let mut reader = Cursor::new(&body[..]);
        let Ok(mut member) = entry.with_reader(&mut reader, ZipReadOptions::default()) else {
            return Ok(unreadable(
                packed,
                "a member that is not stored or deflated",
            ));
        };
        let room = room.min(MAX_KEPT_BYTES);
        let keep = |bytes: &[u8]| {
            let kept = hint.bytes_to_keep(&bytes[..bytes.len().min(room)]);
            Content::SideFile(Bytes::copy_from_slice(kept))
        };
        let is_side_file = |start: &[u8], is_damaged: bool| {
            hint.is_side_file(start) && (!is_damaged || hint.is_other())
        };
        let (mut start, error) = read_start(&mut member, START_BYTES);
        let is_blank = is_blank_start(&start);
        if !is_blank && is_side_file(&start, error.is_some()) {
            let more = room.saturating_sub(start.len());
            start.extend(read_start(&mut member, more).0);
            return Ok(keep(&start));
        }
        let whole = Cursor::new(start).chain(member);
        let read = read_within_budget(whole, claimed, budget)?;
        let is_damaged = read.is_err();
        let (Ok(content) | Err(content)) = read;
        Ok(match is_damaged {
            _ if is_blank && is_side_file(skip_blank(&content), is_damaged) => keep(&content),
            false => Content::Text(content),
            true => Content::Unreadable(content, "a member that is damaged".into()),
        })
    }
}

/// Reads the first `most` bytes of a text. If that fails, also returns the error, which comes again
/// when the rest is read.
pub(crate) fn read_start(reader: &mut impl Read, most: usize) -> (Vec<u8>, Option<io::Error>) {
    let mut start = Vec::new();
    let error = reader.take(most as u64).read_to_end(&mut start).err();
    (start, error)
}

/// Returns the compressed bytes of a member. Returns nothing if the body does not hold all of
/// them.
fn slice_packed(body: &Bytes, header_start: u64, length: u64) -> Bytes {
    let range = || {
        let header = usize::try_from(header_start).ok()?;
        let start = header + read_content_offset(body.get(header..)?.first_chunk()?);
        let end = start.checked_add(usize::try_from(length).ok()?)?;
        (end <= body.len()).then_some(start..end)
    };
    range().map_or_else(Bytes::new, |range| body.slice(range))
}
