//! Works under the lease of a source, in a run whose end is always written.

use crate::config::Config;
use crate::database::{Database, wait_for_reply};
use crate::error::{Error, Kind, Result};
use crate::ledger::{self, Claim, End, Holder, Lease, RunSpec, RunUpdate, Verdict};
use crate::pipeline::dispatch::choose_verdict;
use crate::retry::Retry;

/// Claims a source, works under its lease, and writes the end of the run, whatever the work
/// returns. If the future is dropped, the end is not written, and the lease has to expire.
///
/// `work` gets the lease and its holder, and returns the holder with its result. If the work
/// takes longer than `lease.heartbeat`, it has to renew the lease by [`Holder::try_renew`].
/// Otherwise another run takes the source over.
///
/// # Errors
/// Fails like [`ledger::claim`] and like the work. Also fails if the end of the run cannot be
/// written, or if the database has lost the claim.
pub async fn under_lease<T, F>(
    database: &Database,
    spec: &RunSpec,
    config: &Config,
    work: impl FnOnce(Lease, Holder) -> F,
) -> Result<T>
where
    F: Future<Output = (Holder, Result<T>)>,
{
    let Claim { lease, holder, .. } = ledger::claim(database, spec, &config.lease).await?;
    let (mut holder, worked) = work(lease, holder).await;
    let end = End {
        verdict: worked
            .as_ref()
            .map_or_else(choose_verdict, |_| Verdict::Complete),
        end_seen: true,
        is_given_up: false,
        has_progress: true,
        refused: None,
        error: worked.as_ref().err().map(Error::chain),
    };
    match write_end(&mut holder, &end, &RunUpdate::default(), config).await {
        // the database has lost the claim, so the result of the work does not count
        Err(error) if error.kind() == Kind::Lost => Err(error),
        ended => worked.and_then(|worked| ended.map(|()| worked)),
    }
}

/// Writes the end of a run. Retries as long as a page is retried.
pub(super) async fn write_end(
    holder: &mut Holder,
    end: &End,
    update: &RunUpdate,
    config: &Config,
) -> Result<()> {
    let task = "write the end of the run";
    let mut retry = Retry::new("run", task, config.database.retry_for);
    loop {
        let ending = holder.end(end, update);
        match wait_for_reply(config.lease.ttl / 2, ending)
            .await
            .and_then(|it| it)
        {
            Ok(()) => return Ok(()),
            Err(error) => retry.wait(error).await?,
        }
    }
}
