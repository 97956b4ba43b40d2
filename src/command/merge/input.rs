//! Reads the releases of files: release packages, record packages, releases, records, lists of them
//! or one on each line, also in zip and gzip files.

use std::fs::File;
use std::io::{self, Read};

use tracing::{info, warn};

use crate::command::merge::messages::{ProgressLog, Warnings};
use crate::command::merge::sorter::{Key, Sorter};
use crate::command::table::format_number;
use crate::config::{self, Config};
use crate::decode::file::{
    CopyError, Cutter, FileReader, NextPiece, Piece, WriteError, temporary_file_error,
};
use crate::error::{Error, Result};
use crate::extract::{self, NO_ID, Options};
use crate::fetch::Input;
use crate::release::{Reject, Release};
use crate::source::{Source, Version};

/// Counts what was read of all files.
#[derive(Debug, Default)]
pub(super) struct Counts {
    /// The releases, with those that their publisher has compiled.
    pub(super) releases: u64,
    /// The items and the parts of files that cannot be read.
    pub(super) rejects: u64,
    /// The parts that were passed over because they are no releases, such as side files of archives.
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
    progress: ProgressLog,
}

impl Reader {
    /// Creates a reader. If `is_upgraded` is true, it upgrades releases of version 1.0 to 1.1.
    pub(super) fn new(config: &Config, is_upgraded: bool, sorter: Sorter) -> Self {
        // The URL is not used, because files are read.
        let source = Source::new("http://localhost/");
        let mut options = Options::new(&source, &config.extract);
        options.is_stored = false;
        if !is_upgraded {
            options.version = Some(Version::V1_1);
        }
        Self {
            source,
            limits: config.fetch.clone(),
            options,
            sorter,
            counts: Counts::default(),
            warnings: Warnings::default(),
            progress: ProgressLog::new(),
        }
    }

    /// Reads a file.
    pub(super) fn read(&mut self, input: &Input) -> Result<()> {
        let name = input.to_string();
        let file = open(input).map_err(|error| error.context(format!("read {name}")))?;
        let mut cutter = Cutter::new(file, &self.source, &self.limits);
        loop {
            match cutter.next() {
                Ok(NextPiece::Piece(piece, _)) => self.add_piece(&name, piece)?,
                Ok(NextPiece::Unreadable(_, message, _)) => {
                    self.counts.rejects += 1;
                    self.warnings.show("what cannot be read", || {
                        warn!("{name}: a part cannot be read, because it is {message}");
                    });
                }
                Ok(NextPiece::End) => return Ok(()),
                Err(message) => {
                    return Err(Error::environment(format!("read {name}: {message}")));
                }
            }
        }
    }

    fn add_piece(&mut self, name: &str, piece: Piece) -> Result<()> {
        let releases = self.counts.releases;
        self.progress
            .show(|| format!("{name}: {} releases so far", format_number(releases)));
        let envelope = piece.envelope.unwrap_or_default();
        let extracted =
            extract::extract_documents(&piece.documents, &piece.broken, &envelope, &self.options);
        let passed_over = extracted.count_passed_over();
        self.counts.passed_over += passed_over.values().sum::<u64>();
        for release in &extracted.releases {
            self.add_release(release)?;
        }
        let rejects = extracted.rejects.iter();
        for reject in rejects.filter(|reject| !reject.reason.is_passed_over()) {
            self.counts.rejects += 1;
            let Reject {
                pointer, message, ..
            } = reject;
            self.warnings.show("what cannot be read", || {
                warn!("{name}, at \"{pointer}\": {message}");
            });
        }
        Ok(())
    }

    fn add_release(&mut self, release: &Release) -> Result<()> {
        let text = std::str::from_utf8(&release.text)
            .map_err(|e| Error::unexpected("a release is not UTF-8").with_source(e))?;
        let mut release_id = release.key.release_id.clone();
        if release_id == NO_ID {
            // only its content tells such a release from others
            release_id.push_str(&blake3::Hash::from(release.content_hash).to_hex());
        }
        let date = release.columns.date;
        let key = Key {
            ocid: release.key.ocid.clone(),
            is_compiled: release.key.is_compiled(),
            release_id,
            date: date.map_or(i64::MIN, jiff::Timestamp::as_microsecond),
            number: self.counts.releases,
        };
        self.counts.releases += 1;
        self.sorter.push(key, text).map_err(temporary_file_error)
    }
}

fn open(input: &Input) -> Result<FileReader> {
    match input {
        Input::Path(path) => {
            let file = File::open(path).map_err(open_error)?;
            let metadata = file.metadata().map_err(open_error)?;
            match metadata.is_file() {
                true => Ok(FileReader::from_whole_file(file, metadata.len(), None)),
                false => copy(file),
            }
        }
        Input::Stdin => {
            if io::IsTerminal::is_terminal(&io::stdin()) {
                info!("reading releases from standard input, until its end");
            }
            copy(io::stdin().lock())
        }
        Input::Url(_) => Err(Error::config(
            "`merge` reads files; of a URL, it can read what curl writes to standard input",
        )),
    }
}

fn copy(pipe: impl Read) -> Result<FileReader> {
    FileReader::copy(pipe, u64::MAX).map_err(|error| match error {
        CopyError::Read(error) => Error::environment("read it").with_source(error),
        CopyError::Write(WriteError::Disk(error)) => temporary_file_error(error),
        CopyError::Write(error @ WriteError::TooLarge(_)) => Error::config(error.to_string()),
    })
}

fn open_error(error: io::Error) -> Error {
    Error::environment("open it").with_source(error)
}
