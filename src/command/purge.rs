//! `purge`: forgets a source.

use std::process::ExitCode;

use crate::cli::{Global, Purge};
use crate::command::answer::{answer, answer_json};
use crate::command::table::grouped;
use crate::command::{load, stoppable};
use crate::error::{Error, Result};
use crate::ledger;
use crate::pipeline::{self, Purged};

pub(super) async fn purge(global: &Global, options: Purge) -> Result<ExitCode> {
    let config = load(global)?;
    let Purge { source, yes, json } = options;
    let purged = stoppable(&config, async |database, stop| {
        let there = ledger::source_counts(database, &source).await?;
        if there.runs + there.releases + there.rejects == 0 {
            return Err(Error::config(format!("there is nothing of {source}")));
        }
        if !yes {
            return Err(Error::config(format!(
                "{} releases, {} rejects and {} runs of {source} would go for good; with --yes they do",
                grouped(there.releases),
                grouped(there.rejects),
                grouped(there.runs)
            )));
        }
        pipeline::purge(database, &source, &config, stop).await
    })
    .await?;
    if json {
        answer_json(&purged)?;
        return Ok(ExitCode::SUCCESS);
    }
    let Purged {
        source,
        releases,
        rejects,
        runs,
        ..
    } = purged;
    let shown = |count: u64| grouped(i64::try_from(count).unwrap_or(i64::MAX));
    answer(format_args!(
        "{source}: {} releases, {} rejects and {} runs are gone",
        shown(releases),
        shown(rejects),
        shown(runs)
    ));
    Ok(ExitCode::SUCCESS)
}
