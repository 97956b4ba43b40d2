//! Answers on standard output.

use std::fmt::Arguments;
use std::io::{ErrorKind, Write};

use serde::Serialize;
use tracing::error;

use crate::error::{Error, Result};

/// Writes a line. A reader who has had enough, such as `head`, ends nothing: a
/// run goes on, and a local server is stopped as it should be.
pub(super) fn answer(line: Arguments<'_>) {
    let written = writeln!(std::io::stdout(), "{line}");
    if let Err(error) = written
        && error.kind() != ErrorKind::BrokenPipe
    {
        error!("an answer could not be written to standard output: {error}");
    }
}

/// Writes a value as a line of JSON.
pub(super) fn answer_json(value: &impl Serialize) -> Result<()> {
    let line = serde_json::to_string(value)
        .map_err(|e| Error::unexpected("write a line of JSON").with_source(e))?;
    answer(format_args!("{line}"));
    Ok(())
}
