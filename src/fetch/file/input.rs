//! Names the files that a user loads.

use std::fmt;
use std::fs::{File, Metadata};
use std::io;
use std::os::fd::AsFd as _;
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _};
use std::path::PathBuf;

use url::Url;

use crate::error::{Error, Result};
use crate::fetch::scope::Axes;
use crate::http::host::clear_user;
use crate::userinfo::{ENCODING_ADVICE, has_unclear_userinfo, hide_userinfo};

/// The name of the axis that tells the files of one load apart.
const AXIS: &str = "file";

/// A file to load.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Input {
    /// A file on this machine, with its absolute path.
    Path(PathBuf),
    /// Standard input.
    Stdin,
    /// A file to download from this URL.
    Url(Url),
}

impl Input {
    /// Parses `-`, an `http` or `https` URL, or a path.
    ///
    /// # Errors
    ///
    /// [`Kind::Config`](crate::error::Kind): the file does not exist or is a directory, or the
    /// URL is not valid.
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
                .map_err(|e| Error::config(format!("URL {shown} is not valid")).with_source(e));
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

    /// Returns the size of the file in bytes, if it is known before the file is read.
    #[must_use]
    pub fn byte_count(&self) -> Option<u64> {
        let Self::Path(path) = self else { return None };
        let metadata = std::fs::metadata(path).ok()?;
        metadata.is_file().then_some(metadata.len())
    }

    /// Returns a text that differs if another file has the same name. The text is empty if the
    /// file's size and time are not known.
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

    /// Returns true if the file can be skipped once all of it is stored. Standard input cannot,
    /// because it may be something else the next time.
    #[must_use]
    pub fn is_lasting(&self) -> bool {
        *self != Self::Stdin
    }

    /// Returns the host from which the file is downloaded.
    #[must_use]
    pub fn host(&self) -> Option<&str> {
        match self {
            Self::Url(url) => url.host_str(),
            Self::Path(_) | Self::Stdin => None,
        }
    }

    /// Returns the part of the load that the file is, as a value of an axis.
    #[must_use]
    pub fn axes(&self) -> Axes {
        Axes::from([(AXIS.to_owned(), self.to_string())])
    }

    /// Returns the URL that is stored with the releases of the file.
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

/// Fails if the file is neither a regular file nor a pipe.
pub(super) fn check_kind(metadata: &Metadata) -> Result<()> {
    if metadata.is_file() || metadata.file_type().is_fifo() {
        return Ok(());
    }
    Err(Error::config("it is neither a file nor a pipe"))
}

/// Removes what may be a secret from a URL: its user and its query, which may be a signature. A
/// digest replaces the query.
fn remove_signature(url: &Url) -> String {
    let mut shown = url.clone();
    clear_user(&mut shown);
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
