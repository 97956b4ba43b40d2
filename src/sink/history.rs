//! Keeps what releases replace, in `ocds.release_history`.
//!
//! The stored contents are copied before they are overwritten, because the server does not return
//! them afterwards. If some are not overwritten after all, their copies are deleted again. Both
//! happen in the transaction that overwrites them.

use jiff::Timestamp;
use tokio_postgres::types::Type;

use crate::bulk::Transaction;
use crate::error::Result;
use crate::release::Release;
use crate::sink::release::collect_keys;

/// The contents that some releases of one table are about to replace. All of the releases are
/// compiled, or none is.
pub(super) struct Replaced<'a> {
    source: &'a str,
    at: Timestamp,
    releases: &'a [&'a Release],
    kept: u64,
}

impl<'a> Replaced<'a> {
    /// Copies the stored contents that differ from those of the releases.
    pub(super) async fn keep(
        transaction: &Transaction,
        source: &'a str,
        run_id: i64,
        at: Timestamp,
        releases: &'a [&'a Release],
    ) -> Result<Self> {
        let (ocids, ids) = collect_keys(releases.iter().copied());
        let hashes: Vec<&[u8]> = releases.iter().map(|it| &it.content_hash[..]).collect();
        let mut exchange = transaction.new_exchange();
        if are_compiled(releases) {
            exchange.push_query(
                include_str!("../../sql/sink/keep_replaced_compiled.sql"),
                vec![
                    (&source, Type::TEXT),
                    (&ocids, Type::TEXT_ARRAY),
                    (&hashes, Type::BYTEA_ARRAY),
                    (&at, Type::TIMESTAMPTZ),
                    (&run_id, Type::INT8),
                ],
            );
        } else {
            exchange.push_query(
                include_str!("../../sql/sink/keep_replaced_releases.sql"),
                vec![
                    (&source, Type::TEXT),
                    (&ocids, Type::TEXT_ARRAY),
                    (&ids, Type::TEXT_ARRAY),
                    (&hashes, Type::BYTEA_ARRAY),
                    (&at, Type::TIMESTAMPTZ),
                    (&run_id, Type::INT8),
                ],
            );
        }
        let kept = exchange.await_last_answer().await?.affected;
        Ok(Self {
            source,
            at,
            releases,
            kept,
        })
    }

    /// Deletes the copies of contents that were not replaced. `updated` is the number of contents
    /// that were.
    pub(super) async fn forget_others(self, transaction: &Transaction, updated: u64) -> Result<()> {
        if self.kept == updated {
            return Ok(());
        }
        let (ocids, ids) = collect_keys(self.releases.iter().copied());
        let mut exchange = transaction.new_exchange();
        if are_compiled(self.releases) {
            exchange.push_query(
                include_str!("../../sql/sink/forget_kept_compiled.sql"),
                vec![
                    (&self.source, Type::TEXT),
                    (&ocids, Type::TEXT_ARRAY),
                    (&self.at, Type::TIMESTAMPTZ),
                ],
            );
        } else {
            exchange.push_query(
                include_str!("../../sql/sink/forget_kept_releases.sql"),
                vec![
                    (&self.source, Type::TEXT),
                    (&ocids, Type::TEXT_ARRAY),
                    (&ids, Type::TEXT_ARRAY),
                    (&self.at, Type::TIMESTAMPTZ),
                ],
            );
        }
        exchange.await_last_answer().await?;
        Ok(())
    }
}

fn are_compiled(releases: &[&Release]) -> bool {
    releases.first().is_some_and(|it| it.key.is_compiled())
}
