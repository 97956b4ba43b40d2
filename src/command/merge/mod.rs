//! `merge`: reads releases from files, and writes one merged release for each process. It needs no
//! database.

mod input;
mod messages;
mod sorter;

use std::fs;
use std::io::{self, BufWriter, IsTerminal as _, Write};
use std::process::ExitCode;

use serde_json::Value;
use tracing::{error, info, warn};

use self::input::{Counts, Reader};
use self::messages::{ProgressLog, Warnings};
use self::sorter::{Entry, Sorted, Sorter};
use crate::cli::{Global, Merge, MergeSchema};
use crate::command::escape::escape_json;
use crate::command::load::parse_inputs;
use crate::command::load_config;
use crate::command::table::format_number;
use crate::config::Config;
use crate::decode::file::temporary_file_error;
use crate::error::{Error, Kind, Result};
use crate::fetch::Input;
use crate::merge::{self, Form, RepeatedIds, Rule, Rules, is_new_in_merged_release};
use crate::source::Version;

/// The exit code of a shell's command that writes to a pipe without a reader.
const CLOSED_PIPE: u8 = 141;

pub(super) async fn merge(global: &Global, options: Merge) -> Result<ExitCode> {
    let config = load_config(global)?;
    let rules = read_rules(&options)?;
    let inputs = match &options.file[..] {
        [] => vec![Input::parse("-").map_err(|e| e.context("no file is named"))?],
        files => parse_inputs(files)?,
    };
    let merging =
        tokio::task::spawn_blocking(move || merge_files(&config, &options, &rules, &inputs));
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
            let text = fs::read(path).map_err(|e| {
                let message = format!("the schema {name} is neither 1.0 nor 1.1, nor a file");
                Error::config(message).with_source(e)
            })?;
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
            if is_new_in_merged_release(field) {
                let message =
                    format!("{field} has no rule, because every merged release has a new one");
                return Err(Error::config(message));
            }
            rules.set(field, rule);
        }
    }
    let is_by_position = |field: &&String| options.by_position.contains(field);
    if let Some(field) = options.append.iter().find(is_by_position) {
        let message = format!("{field} has both --append and --by-position");
        return Err(Error::config(message));
    }
    Ok(rules)
}

fn merge_files(
    config: &Config,
    options: &Merge,
    rules: &Rules,
    inputs: &[Input],
) -> Result<ExitCode> {
    let is_upgraded = options.schema.is_none();
    let sorter = Sorter::new(usize::from(options.memory) << 20);
    let mut reader = Reader::new(config, is_upgraded, sorter);
    for input in inputs {
        reader.read(input)?;
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
        older: 0,
        releases: 0,
        processes: 0,
        failed: 0,
        unversioned: 0,
    };
    merging.merge_all(sorted)?;
    if merging.out.is_closed {
        warn!("stopped, because the reader of the output has closed it");
        return Ok(ExitCode::from(CLOSED_PIPE));
    }
    merging.report(&counts)
}

/// Merges the releases of one process after the other.
struct Merging<'m> {
    rules: &'m Rules,
    form: Form,
    out: Output,
    warnings: Warnings,
    /// The contents of releases that were left out, because a newer one has the same `id`.
    older: u64,
    /// The releases that were merged.
    releases: u64,
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
        let mut progress = ProgressLog::new();
        for entry in sorted {
            let entry = entry.map_err(temporary_file_error)?;
            progress.show(|| format!("{} processes so far", format_number(self.processes)));
            match process.last() {
                Some(last) if last.key.ocid != entry.key.ocid => {
                    self.merge_process(&process)?;
                    process.clear();
                }
                // of several contents of a release, the last one has the newest date
                Some(last) if last.key.release_id == entry.key.release_id => {
                    self.older += u64::from(last.text != entry.text);
                    process.pop();
                }
                _ => {}
            }
            process.push(entry);
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
        let ocid = &process[0].key.ocid;
        let releases = process.iter().filter(|entry| !entry.key.is_compiled);
        let mut texts: Vec<&str> = releases.map(|entry| &*entry.text).collect();
        if texts.is_empty() {
            if self.form == Form::Versioned {
                self.unversioned += 1;
                self.warnings.show("processes without versions", || {
                    warn!(
                        "process {ocid}: there is only a compiled release, which has no versions"
                    );
                });
                return Ok(());
            }
            texts.extend(process.iter().map(|entry| &*entry.text));
        }
        match merge::merge(&texts, self.rules, self.form) {
            Ok(merged) => {
                self.processes += 1;
                self.releases += texts.len() as u64;
                if let Some(repeated) = &merged.repeated_ids {
                    let RepeatedIds {
                        count,
                        place,
                        release,
                    } = repeated;
                    self.warnings.show("repeated ids", || {
                        warn!(
                            "process {ocid}: {count} times, an entry of an array has the id of an earlier \
                             entry of the same release, and was merged into it, the first time \
                             at {place} in {release}"
                        );
                    });
                }
                self.out.write_line(&merged.text)
            }
            Err(why) => {
                self.failed += 1;
                self.warnings.show("processes that cannot be merged", || {
                    error!("process {ocid} cannot be merged: {why}");
                });
                Ok(())
            }
        }
    }

    fn report(&self, counts: &Counts) -> Result<ExitCode> {
        self.warnings.finish();
        info!(
            "read {}, and merged {} into {}",
            count(counts.releases, "release", "releases"),
            format_number(self.releases),
            count(self.processes, "process", "processes")
        );
        if self.older > 0 {
            info!(
                "{} left out, because a newer or later one has the same id",
                count(
                    self.older,
                    "content of a release was",
                    "contents of releases were"
                )
            );
        }
        if counts.passed_over > 0 {
            info!(
                "passed over {}, such as versioned releases and side files",
                count(
                    counts.passed_over,
                    "part of the input",
                    "parts of the input"
                )
            );
        }
        let lost = [
            (
                counts.rejects,
                ["part of the input", "parts of the input"],
                "cannot be read",
            ),
            (self.failed, ["process", "processes"], "cannot be merged"),
            (
                self.unversioned,
                ["process", "processes"],
                "without versions",
            ),
        ];
        let lost: Vec<String> = lost
            .iter()
            .filter(|(number, ..)| *number > 0)
            .map(|(number, [one, many], why)| format!("{} ({why})", count(*number, one, many)))
            .collect();
        match lost.is_empty() {
            true => Ok(ExitCode::SUCCESS),
            false => Err(Error::new(
                Kind::TooManyBad,
                format!("not everything was merged; left out: {}", lost.join(", ")),
            )),
        }
    }
}

/// Writes a number with its noun.
fn count(number: u64, one: &str, many: &str) -> String {
    let noun = if number == 1 { one } else { many };
    format!("{} {noun}", format_number(number))
}

/// Standard output. Text is escaped if it is shown on a terminal.
struct Output {
    out: BufWriter<io::Stdout>,
    is_terminal: bool,
    /// True if nobody reads the output any more, for example because the reader is `head`.
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
