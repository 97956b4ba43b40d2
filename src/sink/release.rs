//! The rows of `ocds.release`: how they are upserted, and how a release fills one.

use jiff::Timestamp;
use tokio_postgres::types::Type;

use crate::bulk::{Batching, Bind, Binding, Column, Operation, Overwrite, Plan, Rows, Table, Verb};
use crate::error::Result;
use crate::release::Release;

/// The table of releases.
pub const TABLE: Table = Table::new("ocds.release", COLUMNS, &["source", "ocid", "release_id"]);

const COLUMNS: &[Column] = &[
    Column::new("source", Type::TEXT),
    Column::new("ocid", Type::TEXT),
    Column::new("release_id", Type::TEXT),
    Column::new("date", Type::TIMESTAMPTZ),
    Column::new("tag", Type::TEXT_ARRAY),
    Column::new("initiation_type", Type::TEXT),
    Column::new("language", Type::TEXT),
    Column::new("buyer_id", Type::TEXT),
    Column::new("buyer_name", Type::TEXT),
    Column::new("tender_id", Type::TEXT),
    Column::new("tender_title", Type::TEXT),
    Column::new("tender_status", Type::TEXT),
    Column::new("procurement_method", Type::TEXT),
    Column::new("main_procurement_category", Type::TEXT),
    Column::new("tender_value", Type::NUMERIC),
    Column::new("tender_currency", Type::TEXT),
    Column::new("tender_start", Type::TIMESTAMPTZ),
    Column::new("tender_end", Type::TIMESTAMPTZ),
    Column::new("award_count", Type::INT4),
    Column::new("contract_count", Type::INT4),
    Column::new("supplier_names", Type::TEXT_ARRAY),
    Column::new("content_hash", Type::BYTEA),
    Column::new("repairs", Type::TEXT_ARRAY),
    Column::new("run_id", Type::INT8),
    Column::new("page_number", Type::INT8),
    Column::fixed("first_seen_at", Type::TIMESTAMPTZ),
    Column::new("fetched_at", Type::TIMESTAMPTZ),
    Column::new("data", Type::JSONB),
    Column::new("served", Type::BYTEA),
];

/// Fetched releases: what is stored is overwritten if its content differs. Where
/// a release was served is one value for all of its page.
pub const FETCHED: Plan = Plan {
    table: TABLE,
    shared: &[
        "source",
        "run_id",
        "page_number",
        "first_seen_at",
        "fetched_at",
    ],
    each: &[
        "ocid",
        "release_id",
        "date",
        "tag",
        "initiation_type",
        "language",
        "buyer_id",
        "buyer_name",
        "tender_id",
        "tender_title",
        "tender_status",
        "procurement_method",
        "main_procurement_category",
        "tender_value",
        "tender_currency",
        "tender_start",
        "tender_end",
        "award_count",
        "contract_count",
        "supplier_names",
        "content_hash",
        "repairs",
        "data",
        "served",
    ],
    by: &["source", "ocid", "release_id"],
    verb: Verb::Upsert {
        set: &[],
        overwrite: Overwrite::IfDifferent(&["content_hash"]),
        inserted_if: "first_seen_at",
        returning: &[],
    },
};

/// Replayed releases: each was served by a page of its own, and nothing that was
/// fetched later is overwritten.
const REPLAYED: Plan = Plan {
    shared: &["source", "first_seen_at"],
    each: &REPLAYED_EACH,
    verb: Verb::Upsert {
        set: &[],
        overwrite: Overwrite::IfDifferentAndOlder(&["content_hash"], &["run_id", "page_number"]),
        inserted_if: "first_seen_at",
        returning: &[],
    },
    ..FETCHED
};

/// The columns of a fetched release, and those that say where it was served.
const REPLAYED_EACH: [&str; FETCHED.each.len() + 3] = {
    let mut names = ["run_id"; FETCHED.each.len() + 3];
    let (fetched, served) = names.split_at_mut(FETCHED.each.len());
    fetched.copy_from_slice(FETCHED.each);
    served[1] = "page_number";
    served[2] = "fetched_at";
    names
};

/// What all releases of a page have in common.
#[derive(Clone, Debug)]
pub struct Served {
    /// The source that served them.
    pub source: String,
    /// The run that asked for the page.
    pub run_id: i64,
    /// The chain that the page is of.
    pub chain: String,
    /// The page.
    pub page_number: i64,
    /// When the rows are written; no two commits of a process share one.
    pub now: Timestamp,
    /// When the page was fetched.
    pub fetched_at: Timestamp,
}

/// The upsert of fetched releases, and what fills it.
#[derive(Debug)]
pub struct Fetched {
    /// The upsert.
    pub operation: Operation,
    served: Binding<Served>,
    /// What fills a row.
    pub release: Binding<Release>,
}

impl Fetched {
    /// The upsert of fetched releases, in statements of such a size.
    ///
    /// # Errors
    /// So many rows have more parameters than a statement can have.
    pub fn new(batching: Batching) -> Result<Self> {
        let operation = Operation::new(&FETCHED, batching)?;
        Ok(Self {
            served: operation
                .bind_shared()
                .column("source", |served: &Served| &served.source)
                .column("run_id", |served| &served.run_id)
                .column("page_number", |served| &served.page_number)
                .column("first_seen_at", |served| &served.now)
                .column("fetched_at", |served| &served.fetched_at)
                .bound()?,
            release: bind_release(operation.bind_each(), |release| release).bound()?,
            operation,
        })
    }

    /// The values that all releases of a page have in common.
    ///
    /// # Errors
    /// As [`Rows::push`].
    pub fn shared(&self, served: &Served) -> Result<Rows> {
        Rows::of(&self.served, [served])
    }
}

/// A release of a reject, and where that was served last.
#[derive(Clone, Debug)]
pub(super) struct Recovered {
    pub(super) release: Release,
    pub(super) run_id: i64,
    pub(super) page_number: i64,
    pub(super) fetched_at: Timestamp,
}

/// The upsert of replayed releases, and what fills it.
#[derive(Debug)]
pub(super) struct Replayed {
    pub(super) operation: Operation,
    written: Binding<(String, Timestamp)>,
    pub(super) recovered: Binding<Recovered>,
}

impl Replayed {
    pub(super) fn new() -> Result<Self> {
        let operation = Operation::new(&REPLAYED, Batching::default())?;
        Ok(Self {
            written: operation
                .bind_shared()
                .column("source", |(source, _): &(String, Timestamp)| source)
                .column("first_seen_at", |(_, now)| now)
                .bound()?,
            recovered: bind_release(operation.bind_each(), |row: &Recovered| &row.release)
                .column("run_id", |row| &row.run_id)
                .column("page_number", |row| &row.page_number)
                .column("fetched_at", |row| &row.fetched_at)
                .bound()?,
            operation,
        })
    }

    /// The values that all rows have in common: their source, and now.
    pub(super) fn shared(&self, source: &str, now: Timestamp) -> Result<Rows> {
        Rows::of(&self.written, [&(source.to_owned(), now)])
    }
}

/// Fills the columns that come from a release itself.
fn bind_release<R>(
    bind: Bind<R>,
    release: impl Fn(&R) -> &Release + Copy + Send + Sync + 'static,
) -> Bind<R> {
    bind.column("ocid", move |row| &release(row).key.ocid)
        .column("release_id", move |row| &release(row).key.release_id)
        .column("date", move |row| &release(row).columns.date)
        .column("tag", move |row| &release(row).columns.tag)
        .column("initiation_type", move |row| {
            &release(row).columns.initiation_type
        })
        .column("language", move |row| &release(row).columns.language)
        .column("buyer_id", move |row| &release(row).columns.buyer_id)
        .column("buyer_name", move |row| &release(row).columns.buyer_name)
        .column("tender_id", move |row| &release(row).columns.tender_id)
        .column("tender_title", move |row| {
            &release(row).columns.tender_title
        })
        .column("tender_status", move |row| {
            &release(row).columns.tender_status
        })
        .column("procurement_method", move |row| {
            &release(row).columns.procurement_method
        })
        .column("main_procurement_category", move |row| {
            &release(row).columns.main_procurement_category
        })
        .column("tender_value", move |row| {
            &release(row).columns.tender_value
        })
        .column("tender_currency", move |row| {
            &release(row).columns.tender_currency
        })
        .column("tender_start", move |row| {
            &release(row).columns.tender_start
        })
        .column("tender_end", move |row| &release(row).columns.tender_end)
        .column("award_count", move |row| &release(row).columns.award_count)
        .column("contract_count", move |row| {
            &release(row).columns.contract_count
        })
        .column("supplier_names", move |row| {
            &release(row).columns.supplier_names
        })
        .bytes("content_hash", move |row| &release(row).content_hash)
        .optional("repairs", move |row| repairs(release(row)))
        .json_text("data", move |row| &release(row).text)
        .optional_bytes("served", move |row| served(release(row)))
}

/// What was done to a release, if anything was.
pub(super) fn repairs(release: &Release) -> Option<&Vec<&'static str>> {
    release.change.as_ref().map(|change| &change.repairs)
}

/// The bytes that a release was served in, if it is stored otherwise.
pub(super) fn served(release: &Release) -> Option<&[u8]> {
    release.change.as_ref().map(|change| &*change.served)
}

/// The keys of releases: their ocids, and their ids at the same places.
pub(super) type Keys<'a> = (Vec<&'a str>, Vec<&'a str>);

pub(super) fn keys<'r>(releases: impl IntoIterator<Item = &'r Release>) -> Keys<'r> {
    let releases = releases.into_iter();
    releases
        .map(|release| (&*release.key.ocid, &*release.key.release_id))
        .unzip()
}

/// How many rows, as PostgreSQL counts them.
pub(super) fn count(rows: usize) -> i64 {
    i64::try_from(rows).expect("rows in memory")
}
