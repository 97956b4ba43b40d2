//! Writes the output of commands to standard output. Text of publishers is escaped, so that it
//! cannot control the terminal.

use std::fmt::Display;
use std::io::{ErrorKind, Write};

use serde::Serialize;
use tracing::error;

use crate::command::escape::{escape, escape_json, escape_keeping_lines};
use crate::command::table::format_table;
use crate::error::{Error, Result};

/// Writes a single line. Line breaks in its text are escaped.
pub(super) fn print_line(line: impl Display) {
    write(&escape(&line.to_string()));
}

/// Writes a text that may have several lines.
pub(super) fn print_text(text: &str) {
    write(&escape_keeping_lines(text));
}

/// Writes a table. `numbers` lists the columns that contain numbers.
pub(super) fn print_table<const N: usize>(
    header: [&str; N],
    numbers: &[usize],
    rows: impl IntoIterator<Item = [String; N]>,
) {
    write(&format_table(header, numbers, rows));
}

/// Writes a value as one line of JSON.
pub(super) fn print_json(value: &impl Serialize) -> Result<()> {
    let line = serde_json::to_string(value)
        .map_err(|e| Error::unexpected("write a line of JSON").with_source(e))?;
    write(&escape_json(&line));
    Ok(())
}

/// Writes a line. A closed pipe is not an error. If, for example, the reader is `head`, the run
/// continues, and a local server is stopped properly.
fn write(line: &str) {
    let written = writeln!(std::io::stdout(), "{line}");
    if let Err(error) = written
        && error.kind() != ErrorKind::BrokenPipe
    {
        error!("could not write to standard output: {error}");
    }
}
