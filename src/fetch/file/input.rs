//! Files that a person names.

use std::fmt;
use std::fs::{File, Metadata};
use std::io;
use std::os::fd::AsFd as _;
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _};
use std::path::PathBuf;

use url::Url;

use crate::error::{Error, Result};
use crate::fetch::scope::Axes;
use crate::userinfo::{ENCODING_ADVICE, has_unclear_userinfo, hide_userinfo};

/// The axis of the files of a load.
const AXIS: &str = "file";

/// A file to load.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Input {
    /// A file on this machine, by its absolute path.
    Path(PathBuf),
    /// Standard input.
    Stdin,
    /// A file to download.
    Url(Url),
}

impl Input {
    /// Parses `-`, an `http` or `https` URL, or a path.
    ///
    /// # Errors
    ///
    /// [`Kind::Config`](crate::error::Kind): the file does not exist, or is a directory.
    pub fn parse(name: &str) -> Result<Self> {
        if name == "-" {
            let metadata = standard_input().and_then(|it| it.metadata().map_err(file_error));
            check_kind(&metadata?).map_err(|e| e.context("standard input"))?;
            return Ok(Self::Stdin);
        }
        let shown = hide_userinfo(name);
        if name.starts_with("http://") || name.starts_with("https://") {
            if has_unclear_userinfo(name) {
                return Err(Error::config(format!("URL {shown}: {ENCODING_ADVICE}")));
            }
            let url = Url::parse(name);
            return url
                .map(Self::Url)
                .map_err(|e| Error::config("a URL that is none").with_source(e));
        }
        let file_error = |e: io::Error| Error::config(format!("file {shown}")).with_source(e);
        let path = std::path::absolute(name).map_err(file_error)?;
        let metadata = std::fs::metadata(&path).map_err(file_error)?;
        if metadata.is_dir() {
            let message = format!("{shown} is a directory: name the files in it");
            return Err(Error::config(message));
        }
        check_kind(&metadata).map_err(|e| e.context(format!("file {shown}")))?;
        if metadata.is_file() {
            File::open(&path).map_err(file_error)?;
        }
        Ok(Self::Path(path))
    }

    /// How many bytes it has, if that is known before it is read.
    #[must_use]
    pub fn bytes(&self) -> Option<u64> {
        let Self::Path(path) = self else { return None };
        let metadata = std::fs::metadata(path).ok()?;
        metadata.is_file().then_some(metadata.len())
    }

    /// What tells it from an older file of the same name, as far as that can be seen.
    #[must_use]
    pub fn state(&self) -> String {
        let Self::Path(path) = self else {
            return String::new();
        };
        let Ok(metadata) = std::fs::metadata(path) else {
            return String::new();
        };
        format!(
            "{} {}.{}",
            metadata.len(),
            metadata.mtime(),
            metadata.mtime_nsec()
        )
    }

    /// It may be skipped once all of it is stored. What comes through a pipe may be something
    /// else the next time.
    #[must_use]
    pub fn is_lasting(&self) -> bool {
        *self != Self::Stdin
    }

    /// The host that it is downloaded from.
    #[must_use]
    pub fn host(&self) -> Option<&str> {
        match self {
            Self::Url(url) => url.host_str(),
            Self::Path(_) | Self::Stdin => None,
        }
    }

    /// The part of a load that it is.
    #[must_use]
    pub fn axes(&self) -> Axes {
        Axes::from([(AXIS.to_owned(), self.to_string())])
    }

    /// Where it is, as stored with what comes from it.
    pub(super) fn url(&self) -> String {
        match self {
            Self::Path(path) => {
                let url = Url::from_file_path(path);
                url.map_or_else(|()| self.to_string(), String::from)
            }
            Self::Stdin | Self::Url(_) => self.to_string(),
        }
    }
}

impl fmt::Display for Input {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Path(path) => path.display().fmt(f),
            Self::Stdin => f.write_str("-"),
            Self::Url(url) => f.write_str(&remove_signature(url)),
        }
    }
}

/// Refuses what cannot be read to an end.
pub(super) fn check_kind(metadata: &Metadata) -> Result<()> {
    if metadata.is_file() || metadata.file_type().is_fifo() {
        return Ok(());
    }
    Err(Error::config("it is neither a file nor a pipe"))
}

/// A URL without what may be a secret: a user, and the query of a signed URL, in whose place a
/// digest stands.
fn remove_signature(url: &Url) -> String {
    let mut shown = url.clone();
    // a URL of http has a host, and so may have a user
    let _ = shown.set_username("");
    let _ = shown.set_password(None);
    shown.set_fragment(None);
    shown.set_query(None);
    match url.query() {
        None => shown.into(),
        Some(query) => format!("{shown}?{}", &blake3::hash(query.as_bytes()).to_hex()[..16]),
    }
}

pub(super) fn file_error(error: io::Error) -> Error {
    Error::environment("open it").with_source(error)
}

pub(super) fn standard_input() -> Result<File> {
    let input = io::stdin().as_fd().try_clone_to_owned();
    input.map(File::from).map_err(file_error)
}
