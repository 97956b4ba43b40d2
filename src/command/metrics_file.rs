//! Writes the metrics to a file that the textfile collector of Prometheus' node exporter reads.
//!
//! # The exit code
//!
//! A command that succeeded exits 3 if its metrics file cannot be written, because the file was
//! requested too. Any other exit code says more, and stays.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use crate::error::{Error, Result};

/// Checks that the metrics file can be written. It is called before any work is done. If the path
/// names something that is not a regular file, such as a device, the check fails.
pub(super) fn check(path: &Path) -> Result<()> {
    let wrong = |why| {
        let message = format!("--metrics-file {}: {why}", path.display());
        Err(Error::config(message))
    };
    if path.file_name().is_none() {
        return wrong("does not name a file");
    }
    if !parent_directory(path).is_dir() {
        return wrong("its directory does not exist");
    }
    match fs::symlink_metadata(path) {
        Ok(metadata) if !metadata.is_file() => wrong("exists and is not a regular file"),
        _ => Ok(()),
    }
}

/// Writes the whole file, or leaves the old file unchanged. The new text is written to another
/// file, which is renamed when it is complete. So a reader sees either the old text or the new
/// one.
pub(super) fn write(path: &Path, text: &str) -> Result<()> {
    let temporary = temporary_path(path);
    let written = write_new(&temporary, text).and_then(|()| fs::rename(&temporary, path));
    written.map_err(|error| {
        // An error is ignored, because the file may not exist.
        let _ = fs::remove_file(&temporary);
        Error::environment(format!("write metrics to {}", path.display())).with_source(error)
    })
}

fn write_new(path: &Path, text: &str) -> io::Result<()> {
    // A killed process with the same process id may have left this file.
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = OpenOptions::new().write(true).create_new(true).open(path)?;
    file.write_all(text.as_bytes())
}

/// Returns the path of a file that no other process uses. Prometheus' collector ignores the file,
/// because it reads only `*.prom`.
fn temporary_path(path: &Path) -> PathBuf {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    parent_directory(path).join(format!(".{name}.{}", std::process::id()))
}

fn parent_directory(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if parent != Path::new("") => parent,
        _ => Path::new("."),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_replaced_whole_and_leaves_nothing_beside_it() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("ocds.prom");
        fs::write(&path, "a longer text that was there").unwrap();
        check(&path).unwrap();
        write(&path, "new\n").unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "new\n");
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_typo_is_named_before_any_work() {
        let directory = tempfile::tempdir().unwrap();
        for path in ["missing/ocds.prom", ".", "..", "/"] {
            let path = directory.path().join(path);
            let error = check(&path).unwrap_err();
            assert_eq!(error.exit_code(), 2, "{}", path.display());
            let named = format!("--metrics-file {}: ", path.display());
            assert!(error.to_string().starts_with(&named), "{error}");
        }
        check(Path::new("in-the-working-directory.prom")).unwrap();
        check(Path::new("/dev/null")).unwrap_err();
    }

    #[test]
    fn a_file_that_cannot_be_written_is_the_environment_s_trouble() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("gone/ocds.prom");
        let error = write(&path, "").unwrap_err();
        assert_eq!(error.exit_code(), 3);
        assert!(
            error.chain().contains("gone/ocds.prom"),
            "{}",
            error.chain()
        );
    }
}
