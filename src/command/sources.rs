//! `sources`: lists the known sources, or shows one.

use std::process::ExitCode;

use crate::cli::{Global, SourcesCommand};
use crate::command::definition::{declared_in, definition};
use crate::command::stdout::{print_line, print_table};
use crate::command::{find_source, load_config};
use crate::error::Result;

pub(super) fn sources(global: &Global, command: Option<SourcesCommand>) -> Result<ExitCode> {
    let config = load_config(global)?;
    if let Some(SourcesCommand::Show { source: name }) = command {
        for (name, shown) in definition(find_source(&config, &name)?) {
            print_line(format_args!("{name:<14}{shown}"));
        }
        return Ok(ExitCode::SUCCESS);
    }
    let rows = config.sources.into_iter().map(|(name, source)| {
        let declared = declared_in(source.origin).to_owned();
        [name, source.country, source.publisher, declared]
    });
    print_table(["source", "country", "publisher", "declared in"], &[], rows);
    Ok(ExitCode::SUCCESS)
}
