//! A page that could not be read, or is not stored: rejects, and no page of the run.

use jiff::Timestamp;

use crate::error::Result;
use crate::ledger::Lease;
use crate::page::{Chain, Position};
use crate::release::Reject;
use crate::sink::Sink;

/// A page that is not stored, and what is kept of it.
pub(super) struct Unstored<'p> {
    pub(super) chain: &'p Chain,
    pub(super) position: &'p Position,
    pub(super) url: &'p str,
    pub(super) fetched_at: Timestamp,
    pub(super) rejects: &'p [Reject],
}

/// One attempt to quarantine what is kept of a page that is not stored.
pub(super) async fn keep_unstored(sink: &Sink, lease: &Lease, page: &Unstored<'_>) -> Result<()> {
    let served = sink.served(lease, (page.chain, page.position), page.fetched_at);
    let mut transaction = sink.begin(lease).await?;
    let of_page = (&served, page.url);
    let limits = sink.writer_limits();
    sink.rejects
        .keep(&mut transaction, of_page, page.rejects.iter(), limits)
        .await?;
    transaction.commit().await?;
    sink.expect_open_rejects();
    Ok(())
}
