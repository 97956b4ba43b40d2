//! Keeps what releases replace, in `ocds.release_history`.
//!
//! The stored contents are copied before they are overwritten, because the server does not return
//! them afterwards. If some are not overwritten after all, their copies are deleted again. Both
//! happen in the transaction that overwrites them.

use jiff::Timestamp;
use tokio_postgres::types::Type;

use crate::bulk::{Report, Transaction};
use crate::error::Result;
use crate::release::Release;
use crate::sink::release::collect_keys;
use crate::source::Overwrite;

/// The contents that some releases of one table are about to replace. All of the releases are
/// compiled, or none is.
pub(super) struct Replaced<'a> {
    source: &'a str,
    at: Timestamp,
    releases: &'a [&'a Release],
    kept: u64,
}

/// The page and the run that replace contents.
#[derive(Clone, Copy)]
pub(super) struct Replacing<'a> {
    pub(super) source: &'a str,
    pub(super) run_id: i64,
    pub(super) at: Timestamp,
    pub(super) overwrite: Overwrite,
}

impl<'a> Replaced<'a> {
    /// Copies the stored contents that differ from those of the releases, unless they are newer
    /// and stay.
    pub(super) async fn keep(
        transaction: &Transaction,
        replacing: Replacing<'a>,
        releases: &'a [&'a Release],
    ) -> Result<Self> {
        let Replacing {
            source,
            run_id,
            at,
            overwrite,
        } = replacing;
        if releases.is_empty() {
            return Ok(Self {
                source,
                at,
                releases,
                kept: 0,
            });
        }
        let keeps_newer = overwrite == Overwrite::Newer;
        let dates: Vec<Option<Timestamp>> = releases.iter().map(|it| it.columns.date).collect();
        let (ocids, ids) = collect_keys(releases.iter().copied());
        let hashes: Vec<&[u8]> = releases.iter().map(|it| &it.content_hash[..]).collect();
        let mut exchange = transaction.new_exchange();
        exchange.push_query(
            match are_compiled(releases) {
                true => include_str!("../../sql/sink/keep_replaced_compiled.sql"),
                false => include_str!("../../sql/sink/keep_replaced_releases.sql"),
            },
            vec![
                (&source, Type::TEXT),
                (&ocids, Type::TEXT_ARRAY),
                (&ids, Type::TEXT_ARRAY),
                (&hashes, Type::BYTEA_ARRAY),
                (&at, Type::TIMESTAMPTZ),
                (&run_id, Type::INT8),
                (&dates, Type::TIMESTAMPTZ_ARRAY),
                (&keeps_newer, Type::BOOL),
            ],
        );
        let kept = exchange.await_last_answer().await?.affected;
        Ok(Self {
            source,
            at,
            releases,
            kept,
        })
    }

    /// Deletes the copies of contents that were not replaced, as the report of the releases says.
    pub(super) async fn delete_unreplaced(
        self,
        transaction: &Transaction,
        report: &Report,
    ) -> Result<()> {
        if self.kept == 0 || report.unchanged + report.failed == 0 {
            return Ok(());
        }
        let (ocids, ids) = collect_keys(self.releases.iter().copied());
        let mut exchange = transaction.new_exchange();
        exchange.push_query(
            match are_compiled(self.releases) {
                true => include_str!("../../sql/sink/forget_kept_compiled.sql"),
                false => include_str!("../../sql/sink/forget_kept_releases.sql"),
            },
            vec![
                (&self.source, Type::TEXT),
                (&ocids, Type::TEXT_ARRAY),
                (&ids, Type::TEXT_ARRAY),
                (&self.at, Type::TIMESTAMPTZ),
            ],
        );
        exchange.await_last_answer().await?;
        Ok(())
    }
}

fn are_compiled(releases: &[&Release]) -> bool {
    releases.first().is_some_and(|it| it.key.is_compiled())
}
