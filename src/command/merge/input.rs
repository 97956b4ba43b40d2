//! Reads the releases of files: release packages, record packages, releases, records, lists of them
//! or one on each line, also in zip and gzip files.

use std::fs::File;
use std::io::{self, Seek as _};
use std::path::Path;

use tracing::warn;

use crate::command::merge::sorter::{Rank, Sorter};
use crate::command::merge::warnings::Warnings;
use crate::config;
use crate::decode::file::{Cutter, FileReader, NextPiece, Piece};
use crate::error::{Error, Result};
use crate::extract::{self, Options};
use crate::release::{Reason, Reject, Release};
use crate::source::{Source, Version};

/// What was read of all files.
#[derive(Debug, Default)]
pub(super) struct Counts {
    /// The releases, with those that their publisher has compiled.
    pub(super) releases: u64,
    /// The items and the parts of files that cannot be read.
    pub(super) rejects: u64,
    /// What was never a release, such as side files of archives.
    pub(super) passed_over: u64,
}

/// Reads files and gives their releases to a sorter.
pub(super) struct Reader {
    source: Source,
    limits: config::Fetch,
    options: Options,
    pub(super) sorter: Sorter,
    pub(super) counts: Counts,
    pub(super) warnings: Warnings,
}

impl Reader {
    /// Creates a reader. If `is_upgraded` is true, it upgrades releases of version 1.0 to 1.1.
    pub(super) fn new(is_upgraded: bool, sorter: Sorter) -> Self {
        // The URL is not used, because files are read.
        let source = Source::new("http://localhost/");
        let settings = config::Extract::default();
        let mut options = Options::new(&source, &settings);
        if !is_upgraded {
            options.version = Some(Version::V1_1);
        }
        Self {
            source,
            limits: config::Fetch::default(),
            options,
            sorter,
            counts: Counts::default(),
            warnings: Warnings::default(),
        }
    }

    /// Reads a file. `-` is standard input.
    pub(super) fn read(&mut self, name: &str) -> Result<()> {
        let file = match name {
            "-" => copy_standard_input(),
            name => open(Path::new(name)),
        };
        let file = file.map_err(|error| error.context(format!("read {name}")))?;
        let mut cutter = Cutter::new(file, &self.source, &self.limits);
        loop {
            match cutter.next() {
                Ok(NextPiece::Piece(piece, _)) => self.add_piece(name, &piece)?,
                Ok(NextPiece::Unreadable(_, message, _)) => {
                    self.counts.rejects += 1;
                    self.warnings
                        .show(|| warn!("{name}: a part cannot be read, because it is {message}"));
                }
                Ok(NextPiece::End) => return Ok(()),
                Err(message) => {
                    return Err(Error::environment(format!("read {name}: {message}")));
                }
            }
        }
    }

    fn add_piece(&mut self, name: &str, piece: &Piece) -> Result<()> {
        let envelope = piece.envelope.clone().unwrap_or_default();
        let extracted =
            extract::extract_documents(&piece.documents, &piece.broken, &envelope, &self.options);
        let passed_over = extracted.count_passed_over();
        self.counts.passed_over += passed_over.values().sum::<u64>();
        for release in &extracted.releases {
            self.add_release(release)?;
        }
        let rejects = extracted.rejects.iter();
        for reject in rejects.filter(|reject| !reject.reason.is_passed_over()) {
            self.add_reject(name, reject)?;
        }
        Ok(())
    }

    fn add_release(&mut self, release: &Release) -> Result<()> {
        let date = release.columns.date;
        let rank = Rank {
            is_compiled: release.key.is_compiled(),
            date: date.map_or(i64::MIN, jiff::Timestamp::as_microsecond),
            hash: release.content_hash,
        };
        self.add(&release.key.ocid, rank, &release.text)
    }

    /// Adds a release that merges, although it could not be stored without its `id`. Warns of any
    /// other reject.
    fn add_reject(&mut self, name: &str, reject: &Reject) -> Result<()> {
        if let (Reason::MissingId, Some(ocid)) = (reject.reason, &reject.ocid) {
            let rank = Rank {
                is_compiled: false,
                date: i64::MIN,
                hash: *blake3::hash(&reject.document).as_bytes(),
            };
            return self.add(ocid, rank, &reject.document);
        }
        self.counts.rejects += 1;
        let Reject {
            pointer, message, ..
        } = reject;
        self.warnings
            .show(|| warn!("{name}, at \"{pointer}\": {message}"));
        Ok(())
    }

    fn add(&mut self, ocid: &str, rank: Rank, text: &[u8]) -> Result<()> {
        self.counts.releases += 1;
        let text = std::str::from_utf8(text)
            .map_err(|e| Error::unexpected("a release is not UTF-8").with_source(e))?;
        self.sorter
            .push(ocid, rank, text)
            .map_err(temporary_file_error)
    }
}

pub(super) fn temporary_file_error(error: io::Error) -> Error {
    Error::environment(format!(
        "write or read a temporary file in {}; the variable TMPDIR names another directory",
        std::env::temp_dir().display()
    ))
    .with_source(error)
}

fn open(path: &Path) -> Result<FileReader> {
    let file = File::open(path).map_err(open_error)?;
    let metadata = file.metadata().map_err(open_error)?;
    match metadata.is_file() {
        true => Ok(FileReader::from_whole_file(file, metadata.len(), None)),
        false if metadata.is_dir() => Err(Error::config("it is a directory; name its files")),
        false => copy(file),
    }
}

/// Standard input may be a pipe, and an archive is not read from its beginning to its end, so it is
/// copied to a temporary file.
fn copy_standard_input() -> Result<FileReader> {
    copy(io::stdin().lock())
}

fn copy(mut from: impl io::Read) -> Result<FileReader> {
    let mut file = tempfile::tempfile().map_err(temporary_file_error)?;
    let bytes = io::copy(&mut from, &mut file).map_err(temporary_file_error)?;
    file.rewind().map_err(temporary_file_error)?;
    Ok(FileReader::from_whole_file(file, bytes, None))
}

fn open_error(error: io::Error) -> Error {
    let message = "open it";
    match error.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::PermissionDenied => Error::config(message),
        _ => Error::environment(message),
    }
    .with_source(error)
}
