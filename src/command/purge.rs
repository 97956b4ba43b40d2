//! `purge`: deletes everything that is stored for a source.

use std::process::ExitCode;

use crate::cli::{Global, Purge};
use crate::command::stdout::{print_json, print_line};
use crate::command::table::format_number;
use crate::command::{load_config, run_stoppable};
use crate::error::{Error, Result};
use crate::ledger;
use crate::pipeline;

pub(super) async fn purge(global: &Global, options: Purge) -> Result<ExitCode> {
    let config = load_config(global)?;
    let Purge { source, yes, json } = options;
    let purged = run_stoppable(&config, async |database, stop| {
        let counts = ledger::read_source_counts(database, &source).await?;
        if counts.is_empty() {
            return Err(Error::config(format!("nothing is stored for {source}")));
        }
        if !yes {
            return Err(Error::config(format!(
                "purge would delete {} releases, {} rejects and {} runs of {source} permanently; confirm with --yes",
                format_number(counts.releases),
                format_number(counts.rejects),
                format_number(counts.runs)
            )));
        }
        pipeline::purge(database, &source, &config, stop).await
    })
    .await?;
    if json {
        print_json(&purged)?;
        return Ok(ExitCode::SUCCESS);
    }
    print_line(format_args!(
        "{}: deleted {} releases, {} rejects and {} runs",
        purged.source,
        format_number(purged.releases),
        format_number(purged.rejects),
        format_number(purged.runs)
    ));
    Ok(ExitCode::SUCCESS)
}
