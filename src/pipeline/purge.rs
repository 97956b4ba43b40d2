//! Deletes everything of a source, under its lease.
//!
//! The run of the purge itself stays, so that people can see later why the data is gone.

use serde::Serialize;
use tokio_util::sync::CancellationToken;

use crate::compile;
use crate::config::Config;
use crate::database::Database;
use crate::error::{Error, Kind, Result};
use crate::ledger::{Holder, Lease, RunKind, RunSpec, Unfinished};
use crate::pipeline::{MAX_LOSSES, server_changed_error, under_lease};
use crate::sink::Purge;

/// The rows that a purge has deleted.
#[derive(Clone, Debug, Serialize)]
pub struct PurgeReport {
    /// The source's name.
    pub source: String,
    /// The id of the purge's own run in `ocds.run`. This run stays.
    pub run_id: i64,
    /// The number of deleted releases, including compiled ones.
    pub releases: u64,
    /// The number of deleted rejects, including resolved ones.
    pub rejects: u64,
    /// The number of deleted runs. Their pages and requests are deleted too.
    pub runs: u64,
}

/// Deletes everything of a source in short transactions. If a purge is stopped, what it has
/// deleted stays deleted, and the next purge continues.
///
/// # Errors
///
/// Fails if another run holds the source, if a row of a table that is not ours refers to a row of
/// ours, or if the database cannot be reached.
pub async fn purge(
    database: &Database,
    source: &str,
    config: &Config,
    stop: &CancellationToken,
) -> Result<PurgeReport> {
    let spec = RunSpec {
        kind: RunKind::Purge,
        unfinished: Unfinished::Restart,
        ..RunSpec::incremental(source, "")
    };
    under_lease(database, &spec, config, |lease, mut holder| async move {
        let purged = purge_under_lease(database, source, config, &lease, &mut holder, stop).await;
        (holder, purged)
    })
    .await
}

async fn purge_under_lease(
    database: &Database,
    source: &str,
    config: &Config,
    lease: &Lease,
    holder: &mut Holder,
    stop: &CancellationToken,
) -> Result<PurgeReport> {
    let mut purged = PurgeReport {
        source: source.to_owned(),
        run_id: lease.run_id,
        releases: 0,
        rejects: 0,
        runs: 0,
    };
    let mut server = holder.reach_server().await?;
    for _ in 0..=MAX_LOSSES {
        let deletions = compile::deletions();
        let mut purge = Purge::new(database.clone(), source, &config.database, deletions)?;
        while let Some(deleted) = purge.delete_some(lease).await? {
            purged.releases += deleted.releases;
            purged.rejects += deleted.rejects;
            purged.runs += deleted.runs;
            if stop.is_cancelled() {
                let message = "stopped; what is left is still there";
                return Err(Error::new(Kind::Truncated, message));
            }
            holder.try_renew().await?;
        }
        // a server that was restarted or replaced may have lost deletions
        let server_now = holder.reach_server().await?;
        if server_now == server {
            return Ok(purged);
        }
        server = server_now;
    }
    Err(server_changed_error("purge"))
}
