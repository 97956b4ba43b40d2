//! Rows of `ocds.compiled_release`: the upserts, and the columns that a compiled release fills.

use jiff::Timestamp;
use tokio_postgres::types::Type;

use crate::bulk::{Batching, Binding, Column, Operation, Overwrite, Plan, Rows, Table, Verb};
use crate::error::Result;
use crate::release::Release;
use crate::sink::release::{Recovered, Served, bind_release};

pub(super) const TABLE: Table = Table::new("ocds.compiled_release", COLUMNS, &["source", "ocid"]);

const COLUMNS: &[Column] = &[
    Column::new("source", Type::TEXT),
    Column::new("ocid", Type::TEXT),
    Column::new("origin", Type::TEXT),
    Column::new("date", Type::TIMESTAMPTZ),
    Column::new("tag", Type::TEXT_ARRAY),
    Column::new("content_hash", Type::BYTEA),
    Column::new("repairs", Type::TEXT_ARRAY),
    Column::new("run_id", Type::INT8),
    Column::new("page_number", Type::INT8),
    Column::fixed("first_seen_at", Type::TIMESTAMPTZ),
    Column::new("fetched_at", Type::TIMESTAMPTZ),
    Column::new("data", Type::JSONB),
    Column::new("served", Type::BYTEA),
];

/// The origin of compiled releases that a publisher serves.
const PUBLISHER: &str = "publisher";

/// The upsert of fetched compiled releases. It overwrites a row if its content differs.
const FETCHED: Plan = Plan {
    table: TABLE,
    shared: &[
        "source",
        "origin",
        "run_id",
        "page_number",
        "first_seen_at",
        "fetched_at",
    ],
    per_row: &[
        "ocid",
        "date",
        "tag",
        "content_hash",
        "repairs",
        "data",
        "served",
    ],
    key: &["source", "ocid"],
    verb: Verb::Upsert {
        set: &[],
        overwrite: Overwrite::IfDifferent(&["content_hash"]),
        insert_marker: "first_seen_at",
        returning: &[],
    },
};

/// The upsert of replayed compiled releases. It does not overwrite a row that was fetched
/// later.
const REPLAYED: Plan = Plan {
    shared: &["source", "origin", "first_seen_at"],
    per_row: &[
        "ocid",
        "date",
        "tag",
        "content_hash",
        "repairs",
        "data",
        "served",
        "run_id",
        "page_number",
        "fetched_at",
    ],
    verb: Verb::Upsert {
        set: &[],
        overwrite: Overwrite::IfDifferentAndOlder(&["content_hash"], &["run_id", "page_number"]),
        insert_marker: "first_seen_at",
        returning: &[],
    },
    ..FETCHED
};

/// The upsert of fetched compiled releases, with its bindings.
#[derive(Debug)]
pub(super) struct FetchedCompiled {
    pub(super) operation: Operation,
    served: Binding<Served>,
    pub(super) release: Binding<Release>,
}

impl FetchedCompiled {
    pub(super) fn new(batching: Batching) -> Result<Self> {
        let operation = Operation::new(&FETCHED, batching)?;
        Ok(Self {
            served: operation
                .bind_shared()
                .column("source", |served: &Served| &served.source)
                .column("origin", |_| &PUBLISHER)
                .column("run_id", |served| &served.run_id)
                .column("page_number", |served| &served.page_number)
                .column("first_seen_at", |served| &served.now)
                .column("fetched_at", |served| &served.fetched_at)
                .build()?,
            release: bind_release(operation.bind_row(), FETCHED.per_row, |release| release)
                .build()?,
            operation,
        })
    }

    /// Builds the values that all compiled releases of a page share.
    pub(super) fn shared(&self, served: &Served) -> Result<Rows> {
        Rows::encode(&self.served, [served])
    }
}

/// The upsert of replayed compiled releases, with its bindings.
#[derive(Debug)]
pub(super) struct ReplayedCompiled {
    pub(super) operation: Operation,
    written: Binding<(String, Timestamp)>,
    pub(super) recovered: Binding<Recovered>,
}

impl ReplayedCompiled {
    pub(super) fn new() -> Result<Self> {
        let operation = Operation::new(&REPLAYED, Batching::default())?;
        Ok(Self {
            written: operation
                .bind_shared()
                .column("source", |(source, _): &(String, Timestamp)| source)
                .column("origin", |_| &PUBLISHER)
                .column("first_seen_at", |(_, now)| now)
                .build()?,
            recovered: bind_release(operation.bind_row(), FETCHED.per_row, |row: &Recovered| {
                &row.release
            })
            .column("run_id", |row| &row.run_id)
            .column("page_number", |row| &row.page_number)
            .column("fetched_at", |row| &row.fetched_at)
            .build()?,
            operation,
        })
    }

    /// Builds the values that all rows share: the source and the time of the write.
    pub(super) fn shared(&self, source: &str, now: Timestamp) -> Result<Rows> {
        Rows::encode(&self.written, [&(source.to_owned(), now)])
    }
}
