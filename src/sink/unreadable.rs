//! A page that could not be read: a reject, and no page of the run.

use jiff::Timestamp;

use crate::error::Result;
use crate::ledger::{Lease, signed};
use crate::page::UnreadablePage;
use crate::release::Reject;
use crate::sink::Sink;
use crate::sink::lease::{begin_holding, is_lease_held, lease_lost};
use crate::sink::reject::{RejectColumns, insert_rejects};
use crate::sink::release::Shared;
use crate::sink::transaction::{Transaction, next};

/// One attempt to quarantine a page that could not be read.
pub(super) async fn keep_unreadable(
    sink: &Sink,
    lease: &Lease,
    page: &UnreadablePage,
    reject: &Reject,
) -> Result<()> {
    let shared = Shared {
        source: &sink.source,
        run_id: lease.run_id,
        page_number: signed(page.position.number),
        now: Timestamp::now(),
        fetched_at: page.fetched_at,
    };
    let rejects = RejectColumns::new(std::iter::once(reject));
    let connection = sink.database.connection().await?;
    let transaction = Transaction::on(connection, sink.limits.reply_timeout);
    let mut flight = transaction.flight();
    begin_holding(sink, lease, &mut flight);
    insert_rejects(&mut flight, &shared, &page.url, &rejects);
    let mut replies = flight.land().await?.into_iter();
    if !is_lease_held(&mut replies)? {
        transaction.roll_back().await?;
        return Err(lease_lost());
    }
    next(&mut replies)??;
    let mut flight = transaction.flight();
    flight.simple("commit");
    next(&mut flight.land().await?.into_iter())??;
    transaction.ended();
    sink.expect_open_rejects();
    Ok(())
}
