//! `backfill`: fetches some pages of a source again.

use std::process::ExitCode;

use crate::cli::{Backfill, Global};
use crate::command::{ingest, load, signal, source, with_database};
use crate::error::{Error, Result};
use crate::pipeline::Walk;

pub(super) async fn backfill(global: &Global, options: Backfill) -> Result<ExitCode> {
    let Backfill {
        source: name,
        from_page,
        to_page,
        ingest: options,
    } = options;
    if to_page.is_some_and(|last| last < from_page) {
        return Err(Error::config("--to-page is before --from-page"));
    }
    let mut config = load(global)?;
    ingest::apply(&options, &mut config)?;
    let source = source(&config, &name)?;
    let stop = signal::stop_token()?;
    with_database(&config, async |database| {
        let walk = Walk::backfill(database, source, from_page, to_page).await?;
        let code =
            ingest::ingest(global, &options, database, source, &config, &walk, &stop).await?;
        Ok(ExitCode::from(code))
    })
    .await
}
