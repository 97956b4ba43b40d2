//! Queues the processes whose releases a transaction has changed, so that they are compiled.

use tokio_postgres::Row;
use tokio_postgres::types::Type;

use crate::bulk::{Exchange, Report, Transaction, TypedParameter};
use crate::error::Result;
use crate::release::Release;
use crate::sink::release::{Served, collect_keys};

pub(super) const QUEUE_PROCESSES: &str = include_str!("../../sql/sink/queue_processes.sql");

/// The processes whose releases have changed.
#[derive(Debug, Default)]
pub(super) struct ChangedProcesses {
    ocids: Vec<String>,
}

impl ChangedProcesses {
    /// Adds the processes of which releases were written. `taken` are the releases that the
    /// server has not refused, which are all compiled or all not.
    ///
    /// If some of them were stored already, the written ones are found by the page that is noted
    /// in their rows.
    pub(super) async fn add_written(
        &mut self,
        transaction: &Transaction,
        served: &Served,
        report: &Report,
        taken: &[&Release],
    ) -> Result<()> {
        if report.inserted + report.updated == 0 {
            return Ok(());
        }
        if report.unchanged == 0 {
            self.add(taken);
            return Ok(());
        }
        let (ocids, ids) = collect_keys(taken.iter().copied());
        let is_compiled = taken.first().is_some_and(|it| it.key.is_compiled());
        let mut parameters: Vec<TypedParameter<'_>> = vec![(&ocids, Type::TEXT_ARRAY)];
        let sql = if is_compiled {
            include_str!("../../sql/sink/written_compiled.sql")
        } else {
            parameters.push((&ids, Type::TEXT_ARRAY));
            include_str!("../../sql/sink/written_releases.sql")
        };
        parameters.extend([
            (&served.source as _, Type::TEXT),
            (&served.run_id as _, Type::INT8),
            (&served.chain_number as _, Type::INT4),
            (&served.page_number as _, Type::INT8),
        ]);
        let mut exchange = transaction.new_exchange();
        exchange.push_query(sql, parameters);
        let written = exchange.await_last_answer().await?.rows;
        self.add_rows(&written).map(drop)
    }

    /// Adds the processes of releases.
    pub(super) fn add(&mut self, releases: &[&Release]) {
        let ocids = releases.iter().map(|release| release.key.ocid.clone());
        self.ocids.extend(ocids);
    }

    /// Adds the processes of rows whose first column is the ocid. Returns the number of rows.
    pub(super) fn add_rows(&mut self, rows: &[Row]) -> Result<u64> {
        for row in rows {
            self.ocids.push(row.try_get(0)?);
        }
        Ok(rows.len() as u64)
    }

    /// Removes duplicates.
    pub(super) fn sort(&mut self) {
        self.ocids.sort_unstable();
        self.ocids.dedup();
    }

    /// Inserts a row for each process into the queue. It waits for nothing, because no key but the
    /// row's own is unique.
    pub(super) fn insert<'f>(&'f self, exchange: &mut Exchange<'f>, source: &'f String) {
        if !self.ocids.is_empty() {
            exchange.push_query(
                QUEUE_PROCESSES,
                vec![(&self.ocids, Type::TEXT_ARRAY), (source, Type::TEXT)],
            );
        }
    }
}
