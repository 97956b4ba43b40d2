//! Stores a page that has not changed. It writes a row of `ocds.page`, but no release.

use std::sync::atomic::Ordering;

use tokio_postgres::types::Type;

use crate::bulk::Transaction;
use crate::error::{Error, Kind, Result};
use crate::ledger::{Counts, Lease, signed};
use crate::page::UnchangedPage;
use crate::sink::Sink;
use crate::sink::page::{commit_page_row, read_durable_counts};
use crate::sink::reject::resolve_unreadable;
use crate::sink::release::Served;

const INSERT_UNCHANGED_PAGE: &str = include_str!("../../sql/sink/insert_unchanged_page.sql");

/// Attempts once to commit an unchanged page.
pub(super) async fn commit_unchanged(
    sink: &Sink,
    lease: &Lease,
    page: &UnchangedPage,
) -> Result<Counts> {
    let served = sink.describe_page(lease, (&page.chain, &page.position), page.fetched_at);
    let transaction = sink.begin(lease).await?;
    transaction.send_deferred().await?;
    let counts = match commit_with_page_row(sink, &transaction, &served, page).await? {
        Some(counts) => counts,
        None => read_durable_counts(&transaction, &served).await?,
    };
    transaction.release_connection();
    if counts.quarantined > 0 {
        sink.note_open_rejects();
    }
    Ok(counts)
}

/// Writes the page's row and commits. Returns `None` if the page was stored already. The whole
/// transaction is rolled back then.
async fn commit_with_page_row(
    sink: &Sink,
    transaction: &Transaction,
    served: &Served,
    page: &UnchangedPage,
) -> Result<Option<Counts>> {
    let known_number = signed(page.remembered.number);
    let next = page.next();
    let next_number = next.as_ref().map(|next| signed(next.number));
    let is_end_of_file = page.position.is_end_of_file(next.as_ref());
    let mut exchange = transaction.new_exchange();
    if sink.has_open_rejects.load(Ordering::Relaxed) {
        resolve_unreadable(&mut exchange, served, &is_end_of_file);
    }
    exchange.push_query(
        INSERT_UNCHANGED_PAGE,
        vec![
            (&served.run_id, Type::INT8),
            (&page.remembered.run_id, Type::INT8),
            (&served.chain, Type::TEXT),
            (&known_number, Type::INT8),
            (&served.page_number, Type::INT8),
            (&next_number, Type::INT8),
            (&page.fetched_at, Type::TIMESTAMPTZ),
            (&served.now, Type::TIMESTAMPTZ),
            (&page.validators.etag, Type::TEXT),
            (&page.validators.last_modified, Type::TEXT),
        ],
    );
    let Some(inserted) = commit_page_row(exchange).await? else {
        return Ok(None);
    };
    // Only a failure of the server can lose the row of the earlier run. A purge and the deletion
    // of old runs would need the lease that this transaction holds.
    let lost_page_error = || {
        let message = "the database has lost the earlier copy of an unchanged page";
        Error::new(Kind::Lost, message)
    };
    let row = inserted.rows.first().ok_or_else(lost_page_error)?;
    Ok(Some(Counts::from_row(row)?))
}
