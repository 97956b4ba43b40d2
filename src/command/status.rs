//! `status`: where each source stands.

use std::process::ExitCode;

use crate::cli::Global;
use crate::command::answer::{answer, answer_json};
use crate::command::table::{grouped, right, table};
use crate::command::{load, with_database};
use crate::error::Result;
use crate::ledger;

pub(super) async fn status(global: &Global, json: bool) -> Result<ExitCode> {
    let config = load(global)?;
    let sources = with_database(&config, async |database| ledger::status(database).await).await?;
    if json {
        for source in &sources {
            answer_json(source)?;
        }
        return Ok(ExitCode::SUCCESS);
    }
    if sources.is_empty() {
        answer(format_args!(
            "nothing has run yet; `ocds-ingest sources` lists what can"
        ));
        return Ok(ExitCode::SUCCESS);
    }
    let mut rows = table([
        "source",
        "last run",
        "state",
        "since",
        "pages",
        "stored",
        "newest release",
        "quarantined",
    ]);
    for source in &sources {
        rows.add_row([
            source.source.clone(),
            format!("{} {}", source.kind, source.run_id),
            source.state.clone(),
            format!("{:.0}", source.ended_at.unwrap_or(source.started_at)),
            grouped(source.pages),
            grouped(source.stored),
            source
                .newest
                .map_or_else(String::new, |newest| format!("{newest:.0}")),
            grouped(source.quarantined),
        ]);
    }
    right(&mut rows, &[4, 5, 7]);
    answer(format_args!("{}", rows.trim_fmt()));
    for source in sources.iter().filter(|source| source.error.is_some()) {
        answer(format_args!(
            "\n{}: {}",
            source.source,
            source.error.as_deref().unwrap_or_default()
        ));
    }
    Ok(ExitCode::SUCCESS)
}
