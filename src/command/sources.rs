//! `sources`: the known sources.

use std::process::ExitCode;

use crate::cli::{Global, SourcesCommand};
use crate::command::answer::{answer, answer_table};
use crate::command::definition::{declared_in, definition};
use crate::command::table::table;
use crate::command::{load, source};
use crate::error::Result;

pub(super) fn sources(global: &Global, command: Option<SourcesCommand>) -> Result<ExitCode> {
    let config = load(global)?;
    if let Some(SourcesCommand::Show { source: name }) = command {
        for (name, shown) in definition(source(&config, &name)?) {
            answer(format_args!("{name:<14}{shown}"));
        }
        return Ok(ExitCode::SUCCESS);
    }
    let mut rows = table(["source", "country", "publisher", "declared in"]);
    for (name, source) in &config.sources {
        let declared = declared_in(source.origin);
        rows.add_row([name, &source.country, &source.publisher, declared]);
    }
    answer_table(&rows);
    Ok(ExitCode::SUCCESS)
}
