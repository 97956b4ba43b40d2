//! A page that could not be read: a reject, and no page of the run.

use crate::error::Result;
use crate::ledger::Lease;
use crate::page::UnreadablePage;
use crate::release::Reject;
use crate::sink::Sink;

/// One attempt to quarantine a page that could not be read.
pub(super) async fn keep_unreadable(
    sink: &Sink,
    lease: &Lease,
    page: &UnreadablePage,
    reject: &Reject,
) -> Result<()> {
    let served = sink.served(lease, (&page.chain, &page.position), page.fetched_at);
    let mut transaction = sink.begin(lease).await?;
    let of_page = (&served, &*page.url);
    let rejects = std::iter::once(reject);
    sink.rejects
        .keep(&mut transaction, of_page, rejects, sink.writer_limits())
        .await?;
    transaction.commit().await?;
    sink.expect_open_rejects();
    Ok(())
}
