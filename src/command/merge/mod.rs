//! `merge`: reads releases from files, and writes one merged release for each process. It needs no
//! database.

mod input;
mod sorter;
mod warnings;

use std::fs;
use std::io::{self, BufWriter, IsTerminal as _, Write};
use std::process::ExitCode;

use serde_json::Value;
use tracing::{error, info, warn};

use self::input::{Counts, Reader, temporary_file_error};
use self::sorter::{Entry, MEMORY_BYTES, Sorted, Sorter};
use self::warnings::Warnings;
use crate::cli::{Merge, MergeSchema};
use crate::command::escape::escape_json;
use crate::command::table::format_number;
use crate::error::{Error, Kind, Result};
use crate::merge::{self, Form, Rule, Rules};
use crate::source::Version;

pub(super) async fn merge(options: Merge) -> Result<ExitCode> {
    let rules = read_rules(&options)?;
    let merging = tokio::task::spawn_blocking(move || merge_files(&options, &rules));
    merging
        .await
        .map_err(|e| Error::unexpected("merge releases").with_source(e))?
}

fn read_rules(options: &Merge) -> Result<Rules> {
    let mut rules = match &options.schema {
        None | Some(MergeSchema::Version(Version::V1_1)) => Rules::version_1_1().clone(),
        Some(MergeSchema::Version(Version::V1_0)) => Rules::version_1_0().clone(),
        Some(MergeSchema::File(path)) => {
            let name = path.display();
            let text = fs::read(path)
                .map_err(|e| Error::config(format!("read the schema {name}")).with_source(e))?;
            let schema: Value = serde_json::from_slice(&text).map_err(|e| {
                Error::config(format!("the schema {name} is not JSON")).with_source(e)
            })?;
            Rules::from_schema(&schema).map_err(|e| Error::config(format!("{name}: {e}")))?
        }
    };
    for (fields, rule) in [
        (&options.append, Rule::Append),
        (&options.by_position, Rule::ByPosition),
    ] {
        for field in fields {
            rules.set(field, rule);
        }
    }
    Ok(rules)
}

fn merge_files(options: &Merge, rules: &Rules) -> Result<ExitCode> {
    let is_upgraded = options.schema.is_none();
    let mut reader = Reader::new(is_upgraded, Sorter::new(MEMORY_BYTES));
    match &options.file[..] {
        [] => reader.read("-")?,
        files => files.iter().try_for_each(|file| reader.read(file))?,
    }
    let Reader {
        sorter,
        counts,
        warnings,
        ..
    } = reader;
    let sorted = sorter.finish().map_err(temporary_file_error)?;
    let mut merging = Merging {
        rules,
        form: match options.versioned {
            true => Form::Versioned,
            false => Form::Compiled,
        },
        out: Output::new(),
        warnings,
        processes: 0,
        failed: 0,
        unversioned: 0,
    };
    merging.merge_all(sorted)?;
    merging.report(&counts)
}

/// Merges the releases of one process after the other.
struct Merging<'m> {
    rules: &'m Rules,
    form: Form,
    out: Output,
    warnings: Warnings,
    /// The processes that were merged.
    processes: u64,
    /// The processes whose releases cannot be merged.
    failed: u64,
    /// The processes of which there is only a compiled release, which has no versions.
    unversioned: u64,
}

impl Merging<'_> {
    fn merge_all(&mut self, sorted: Sorted) -> Result<()> {
        let mut process: Vec<Entry> = Vec::new();
        for entry in sorted {
            let entry = entry.map_err(temporary_file_error)?;
            if process
                .first()
                .is_some_and(|first| first.ocid != entry.ocid)
            {
                self.merge_process(&process)?;
                process.clear();
            }
            // a copy of a release changes nothing, but its entries without ids would be added twice
            if process.last().is_none_or(|last| last.rank != entry.rank) {
                process.push(entry);
            }
            if self.out.is_closed {
                return Ok(());
            }
        }
        if !process.is_empty() {
            self.merge_process(&process)?;
        }
        self.out.flush()
    }

    fn merge_process(&mut self, process: &[Entry]) -> Result<()> {
        let ocid = &process[0].ocid;
        let releases = process.iter().filter(|entry| !entry.rank.is_compiled);
        let mut texts: Vec<&str> = releases.map(|entry| &*entry.text).collect();
        if texts.is_empty() {
            if self.form == Form::Versioned {
                self.unversioned += 1;
                let warning = || {
                    warn!(
                        "process {ocid}: there is only a compiled release, which has no versions"
                    );
                };
                self.warnings.show(warning);
                return Ok(());
            }
            // the newest is the last one
            texts.extend(process.last().map(|entry| &*entry.text));
        }
        match merge::merge(&texts, self.rules, self.form) {
            Ok(merged) => {
                self.processes += 1;
                if let [first, ..] = &merged.repeated_ids[..] {
                    let count = merged.repeated_ids.len();
                    let warning = || {
                        warn!(
                            "process {ocid}: {count} entries of arrays have the id of an earlier entry of the same release, and were merged into it, the first at {} in {}",
                            first.place, first.release
                        );
                    };
                    self.warnings.show(warning);
                }
                self.out.write_line(&merged.text)
            }
            Err(why) => {
                self.failed += 1;
                self.warnings
                    .show(|| error!("process {ocid} cannot be merged: {why}"));
                Ok(())
            }
        }
    }

    fn report(&self, counts: &Counts) -> Result<ExitCode> {
        self.warnings.finish();
        info!(
            "merged {} releases into {} processes",
            format_number(counts.releases),
            format_number(self.processes)
        );
        if counts.passed_over > 0 {
            info!(
                "{} passed over, because they were never releases",
                format_number(counts.passed_over)
            );
        }
        let lost = [
            (counts.rejects, "parts of the input that cannot be read"),
            (self.failed, "processes that cannot be merged"),
            (self.unversioned, "processes without versions"),
        ];
        let lost: Vec<String> = lost
            .iter()
            .filter(|(count, _)| *count > 0)
            .map(|(count, what)| format!("{} {what}", format_number(*count)))
            .collect();
        match lost.is_empty() {
            true => Ok(ExitCode::SUCCESS),
            false => Err(Error::new(
                Kind::TooManyBad,
                format!(
                    "not everything was merged: {} are left out",
                    lost.join(", ")
                ),
            )),
        }
    }
}

/// Standard output. Text is escaped if it is shown on a terminal.
struct Output {
    out: BufWriter<io::Stdout>,
    is_terminal: bool,
    /// True if nobody reads the output any more, for example because the reader is `head`. That is
    /// no error.
    is_closed: bool,
}

impl Output {
    fn new() -> Self {
        let out = io::stdout();
        Self {
            is_terminal: out.is_terminal(),
            out: BufWriter::with_capacity(1 << 20, out),
            is_closed: false,
        }
    }

    fn write_line(&mut self, line: &str) -> Result<()> {
        let written = match self.is_terminal {
            true => writeln!(self.out, "{}", escape_json(line)),
            false => writeln!(self.out, "{line}"),
        };
        self.check(written)
    }

    fn flush(&mut self) -> Result<()> {
        let flushed = self.out.flush();
        self.check(flushed)
    }

    fn check(&mut self, written: io::Result<()>) -> Result<()> {
        match written {
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {
                self.is_closed = true;
                Ok(())
            }
            written => {
                written.map_err(|e| Error::environment("write to standard output").with_source(e))
            }
        }
    }
}
