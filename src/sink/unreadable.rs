//! A page that could not be read: a reject, and no page of the run.

use jiff::Timestamp;

use crate::error::Result;
use crate::ledger::{Lease, signed};
use crate::page::UnreadablePage;
use crate::release::Reject;
use crate::sink::Sink;
use crate::sink::release::Served;

/// One attempt to quarantine a page that could not be read.
pub(super) async fn keep_unreadable(
    sink: &Sink,
    lease: &Lease,
    page: &UnreadablePage,
    reject: &Reject,
) -> Result<()> {
    let served = Served {
        source: sink.source.clone(),
        run_id: lease.run_id,
        chain: page.chain.to_string(),
        page_number: signed(page.position.number),
        now: Timestamp::now(),
        fetched_at: page.fetched_at,
    };
    let mut transaction = sink.begin(lease).await?;
    let rejects = std::slice::from_ref(reject);
    sink.rejects
        .keep(&mut transaction, &served, &page.url, rejects)
        .await?;
    transaction.commit().await?;
    sink.expect_open_rejects();
    Ok(())
}
