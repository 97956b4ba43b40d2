//! A page that has not changed: a row of the run, and no release.

use std::sync::atomic::Ordering;

use tokio_postgres::types::Type;

use crate::bulk::{Flight, Transaction};
use crate::error::{Error, Kind, Result};
use crate::ledger::{Counts, Lease, signed};
use crate::page::UnchangedPage;
use crate::sink::Sink;
use crate::sink::page::{durable_counts, land_with_row};
use crate::sink::reject::resolve_unreadable;
use crate::sink::release::Served;

const KEEP_PAGE: &str = include_str!("../../sql/sink/keep_page.sql");

/// The row as it is sent.
struct KeptRow<'a> {
    page: &'a UnchangedPage,
    number: i64,
    known_number: i64,
    next_number: Option<i64>,
    chain: &'a str,
}

impl<'a> KeptRow<'a> {
    fn new(page: &'a UnchangedPage) -> Self {
        Self {
            page,
            number: signed(page.position.number),
            known_number: signed(page.remembered.number),
            next_number: page.next().map(|next| signed(next.number)),
            chain: page.chain.as_str(),
        }
    }

    fn insert<'f>(&'f self, flight: &mut Flight<'f>, served: &'f Served) {
        let validators = &self.page.validators;
        flight.typed(
            KEEP_PAGE,
            vec![
                (&served.run_id, Type::INT8),
                (&self.page.remembered.run_id, Type::INT8),
                (&self.chain, Type::TEXT),
                (&self.known_number, Type::INT8),
                (&self.number, Type::INT8),
                (&self.next_number, Type::INT8),
                (&self.page.fetched_at, Type::TIMESTAMPTZ),
                (&served.now, Type::TIMESTAMPTZ),
                (&validators.etag, Type::TEXT),
                (&validators.last_modified, Type::TEXT),
            ],
        );
    }
}

/// One attempt to make a page that has not changed durable.
pub(super) async fn keep_unchanged(
    sink: &Sink,
    lease: &Lease,
    page: &UnchangedPage,
) -> Result<Counts> {
    let served = sink.served(lease, (&page.chain, &page.position), page.fetched_at);
    let transaction = sink.begin(lease).await?;
    transaction.settle().await?;
    let counts = match close(sink, &transaction, &served, page).await? {
        Some(counts) => counts,
        None => durable_counts(lease, (&page.chain, &page.position), &transaction).await?,
    };
    transaction.ended();
    if counts.quarantined > 0 {
        sink.expect_open_rejects();
    }
    Ok(counts)
}

/// Writes the page's row, and commits; `None` if the page is durable already and all
/// was rolled back.
async fn close(
    sink: &Sink,
    transaction: &Transaction,
    served: &Served,
    page: &UnchangedPage,
) -> Result<Option<Counts>> {
    let row = KeptRow::new(page);
    let is_end_of_file = page.position.is_end_of_file(page.next().as_ref());
    let mut flight = transaction.flight();
    if sink.has_open_rejects.load(Ordering::Relaxed) {
        resolve_unreadable(&mut flight, served, &is_end_of_file);
    }
    row.insert(&mut flight, served);
    let Some(inserted) = land_with_row(flight).await? else {
        return Ok(None);
    };
    // purging and forgetting take the lease that is held here: only a server can lose it
    let gone = || {
        let message = "the database has lost the earlier copy of an unchanged page";
        Error::new(Kind::Lost, message)
    };
    let row = inserted.rows.first().ok_or_else(gone)?;
    Ok(Some(Counts::from_row(row)?))
}
