//! Quarantines a page that cannot be read or has too many rejects. Such a page gets rejects,
//! but no row of the run.

use jiff::Timestamp;

use crate::error::Result;
use crate::ledger::Lease;
use crate::page::{Chain, Position};
use crate::release::Reject;
use crate::sink::Sink;

/// A page that is not stored, with the rejects to keep.
pub(super) struct UnstoredPage<'p> {
    pub(super) chain: &'p Chain,
    pub(super) position: &'p Position,
    pub(super) url: &'p str,
    pub(super) fetched_at: Timestamp,
    pub(super) rejects: &'p [Reject],
}

/// Attempts once to quarantine the rejects of a page that is not stored.
pub(super) async fn quarantine_unstored(
    sink: &Sink,
    lease: &Lease,
    page: &UnstoredPage<'_>,
) -> Result<()> {
    let served = sink.describe_page(lease, (page.chain, page.position), page.fetched_at);
    let mut transaction = sink.begin(lease).await?;
    let page_source = (&served, page.url);
    let limits = sink.writer_limits();
    sink.rejects
        .write(&mut transaction, page_source, page.rejects.iter(), limits)
        .await?;
    transaction.commit().await?;
    sink.note_open_rejects();
    Ok(())
}
