//! `backfill`: fetches some pages or dates of a source again.

use std::process::ExitCode;

use crate::cli::{Backfill, Global};
use crate::command::{find_source, job, load_config, run_stoppable};
use crate::error::{Error, Result};
use crate::pipeline::Job;

pub(super) async fn backfill(global: &Global, options: Backfill) -> Result<ExitCode> {
    let (from_page, to_page) = (options.from_page, options.to_page);
    if to_page < from_page && to_page.is_some() {
        return Err(Error::config("--to-page is before --from-page"));
    }
    let mut config = load_config(global)?;
    job::override_config(&options.ingest, &mut config)?;
    let source = find_source(&config, &options.source)?;
    run_stoppable(&config, async |database, stop| {
        let job = match (&options.from, from_page) {
            (Some(from), _) => Job::backfill_dates(source, from, options.until.as_ref())?,
            (None, Some(page)) => Job::backfill(database, source, page, to_page).await?,
            (None, None) => return Err(Error::config("backfill needs --from-page or --from")),
        };
        let options = &options.ingest;
        let code = job::run_job(global, options, database, source, &config, &job, stop).await?;
        Ok(ExitCode::from(code))
    })
    .await
}
