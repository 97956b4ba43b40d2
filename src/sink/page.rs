//! The row of `ocds.page` that makes a page durable.

use tokio_postgres::error::SqlState;
use tokio_postgres::types::Type;

use crate::bulk::{Answer, Exchange, Transaction, TypedParameter, next_reply};
use crate::error::Result;
use crate::failpoint;
use crate::ledger::{Counts, Lease, signed};
use crate::page::{PageRecord, Validators};
use crate::sink::release::Served;
use crate::sink::walked::WalkedKeys;

pub(super) const INSERT_PAGE: &str = include_str!("../../sql/sink/insert_page.sql");

pub(super) struct PageRow<'a> {
    served: &'a Served,
    page: &'a PageRecord,
    cursor: String,
    next_number: Option<i64>,
    next_cursor: Option<String>,
    counts: [i32; 8],
    items: i32,
    /// A digest of the rules by which the page was read. It is `None` if the page has no
    /// validators, because no later run compares the rules then.
    rules: Option<&'a str>,
    /// The keys that the page has met, if they are kept.
    walked: Option<WalkedKeys>,
}

impl<'a> PageRow<'a> {
    pub(super) fn new(
        served: &'a Served,
        page: &'a PageRecord,
        counts: &Counts,
        walked: Option<WalkedKeys>,
    ) -> Self {
        let Counts {
            releases,
            inserted,
            updated,
            unchanged,
            folded,
            quarantined,
            older,
            passed_over,
        } = *counts;
        let counts = [
            releases,
            inserted,
            updated,
            unchanged,
            folded,
            quarantined,
            older,
            passed_over,
        ];
        Self {
            served,
            page,
            cursor: page.position.cursor.to_string(),
            next_number: page.next.as_ref().map(|next| signed(next.number)),
            next_cursor: page.next.as_ref().map(|next| next.cursor.to_string()),
            counts: counts.map(|n| i32::try_from(n).expect("a page's items fit its bytes")),
            items: i32::try_from(page.items).expect("a page's items fit its bytes"),
            rules: page
                .rules
                .as_deref()
                .filter(|_| !page.validators.is_empty()),
            walked,
        }
    }

    /// Inserts the row. Its key is unique, so the server refuses it if an earlier commit of the
    /// page succeeded.
    pub(super) fn insert<'f>(&'f self, exchange: &mut Exchange<'f>) {
        let mut parameters: Vec<TypedParameter<'f>> = vec![
            (&self.served.run_id, Type::INT8),
            (&self.served.chain, Type::TEXT),
            (&self.served.page_number, Type::INT8),
            (&self.cursor, Type::TEXT),
            (&self.next_number, Type::INT8),
            (&self.next_cursor, Type::TEXT),
            (&self.page.url, Type::TEXT),
            (&self.page.fetched_at, Type::TIMESTAMPTZ),
            (&self.served.now, Type::TIMESTAMPTZ),
            (&self.page.package, Type::JSONB),
        ];
        parameters.extend(self.counts.iter().map(|n| (n as _, Type::INT4)));
        let Validators {
            etag,
            last_modified,
        } = &self.page.validators;
        parameters.extend([
            (&self.items as _, Type::INT4),
            (etag as _, Type::TEXT),
            (last_modified as _, Type::TEXT),
            (&self.rules as _, Type::TEXT),
        ]);
        parameters.extend(match &self.walked {
            Some(walked) => [
                (&walked.digests as _, Type::BYTEA),
                (&walked.is_whole as _, Type::BOOL),
            ],
            None => [
                (&None::<&[u8]> as _, Type::BYTEA),
                (&false as _, Type::BOOL),
            ],
        });
        exchange.push_query(INSERT_PAGE, parameters);
    }
}

/// Sends an exchange and commits. The last statement of the exchange must insert the page's row.
/// Returns the reply to that insertion, or `None` if the page was stored already. The whole
/// transaction is rolled back then.
pub(super) async fn commit_page_row(mut exchange: Exchange<'_>) -> Result<Option<Answer>> {
    exchange.push_commit();
    let mut replies = exchange.await_replies().await?;
    failpoint::reach("commit-acknowledged");
    let committed = replies.pop();
    let inserted = replies.pop();
    for reply in replies {
        reply?;
    }
    let inserted = match next_reply(&mut inserted.into_iter())? {
        Err(error) if error.code() == Some(&SqlState::UNIQUE_VIOLATION) => return Ok(None),
        inserted => inserted?,
    };
    next_reply(&mut committed.into_iter())??;
    Ok(Some(inserted))
}

/// Reads the counts of a page that an earlier commit has stored. Fails if the row is missing,
/// because then another run has taken over the source.
pub(super) async fn read_durable_counts(
    transaction: &Transaction,
    served: &Served,
) -> Result<Counts> {
    let mut exchange = transaction.new_exchange();
    exchange.push_query(
        include_str!("../../sql/sink/page_counts.sql"),
        vec![
            (&served.run_id, Type::INT8),
            (&served.chain, Type::TEXT),
            (&served.page_number, Type::INT8),
        ],
    );
    let rows = exchange.await_last_answer().await?.rows;
    let row = rows.first().ok_or_else(Lease::lost_error)?;
    Ok(Counts::from_row(row)?)
}
