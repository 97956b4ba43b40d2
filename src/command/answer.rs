//! Answers on standard output, where nothing that publishers wrote moves the cursor.

use std::fmt::Arguments;
use std::io::{ErrorKind, Write};

use serde::Serialize;
use tracing::error;

use crate::command::escape::{escaped, escaped_json, escaped_lines};
use crate::command::table::Table;
use crate::error::{Error, Result};

/// Writes a line, and whatever it holds no more than that.
pub(super) fn answer(line: Arguments<'_>) {
    write(&escaped(&line.to_string()));
}

/// Writes a text of several lines.
pub(super) fn answer_text(text: &str) {
    write(&escaped_lines(text));
}

/// Writes a table, whose cells are fit to be shown.
pub(super) fn answer_table(table: &Table) {
    write(&table.to_string());
}

/// Writes a value as a line of JSON.
pub(super) fn answer_json(value: &impl Serialize) -> Result<()> {
    let line = serde_json::to_string(value)
        .map_err(|e| Error::unexpected("write a line of JSON").with_source(e))?;
    write(&escaped_json(&line));
    Ok(())
}

/// Writes a line. A reader who has had enough, such as `head`, ends nothing: a
/// run goes on, and a local server is stopped as it should be.
fn write(line: &str) {
    let written = writeln!(std::io::stdout(), "{line}");
    if let Err(error) = written
        && error.kind() != ErrorKind::BrokenPipe
    {
        error!("an answer could not be written to standard output: {error}");
    }
}
