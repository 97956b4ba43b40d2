//! Rows of `ocds.release`: the upserts, and the bindings that they share with those of
//! `ocds.publisher_compiled`.
//!
//! The primary key begins with `ocid`, so a lookup by ocid needs no index of its own.

use std::mem;

use jiff::Timestamp;
use tokio_postgres::types::Type;

use crate::bulk::{
    Batching, Binding, BindingBuilder, Column, Operation, Overwrite, Plan, Rows, Table, Verb,
};
use crate::error::Result;
use crate::release::{self, Release, Value};
use crate::source;

/// The table of releases.
pub const TABLE: Table = Table::new("ocds.release", COLUMNS, &["source", "ocid", "release_id"]);

/// The number of columns that say where and when a release was served.
const SERVED_COLUMNS: usize = 6;

const COLUMNS: &[Column] = &{
    let mut columns =
        [const { Column::new("", Type::TEXT) }; SERVED_COLUMNS + release::COLUMNS.len()];
    let mut index = 0;
    while index < columns.len() {
        // A constant cannot drop a value, so the replaced column is forgotten.
        mem::forget(mem::replace(&mut columns[index], column(index)));
        index += 1;
    }
    columns
};

const fn column(index: usize) -> Column {
    match index {
        0 => Column::new("source", Type::TEXT),
        1 => Column::new("run_id", Type::INT8),
        2 => Column::new("chain_number", Type::INT4),
        3 => Column::new("page_number", Type::INT8),
        4 => Column::fixed("first_seen_at", Type::TIMESTAMPTZ),
        5 => Column::new("fetched_at", Type::TIMESTAMPTZ),
        _ => {
            let release::Column { name, value } = release::COLUMNS[index - SERVED_COLUMNS];
            Column::new(name, value.r#type())
        }
    }
}

/// The names of the columns that the release itself fills.
const RELEASE_COLUMNS: [&str; release::COLUMNS.len()] = {
    let mut names = [""; release::COLUMNS.len()];
    let mut index = 0;
    while index < names.len() {
        names[index] = release::COLUMNS[index].name;
        index += 1;
    }
    names
};

/// The upsert of fetched releases. All releases of a page share the columns that say where they
/// were served.
pub const FETCHED: Plan = Plan {
    table: TABLE,
    shared: &[
        "source",
        "run_id",
        "chain_number",
        "page_number",
        "first_seen_at",
        "fetched_at",
    ],
    per_row: &RELEASE_COLUMNS,
    key: &["source", "ocid", "release_id"],
    verb: OVERWRITE_DIFFERENT,
};

/// The upsert of replayed releases. Each was served by a page of its own.
pub(super) const REPLAYED: Plan = Plan {
    shared: &["source", "first_seen_at"],
    per_row: &with_served::<{ FETCHED.per_row.len() + 4 }>(FETCHED.per_row),
    verb: OVERWRITE_EARLIER_PAGE,
    ..FETCHED
};

/// Overwrites a row if its content differs.
pub(super) const OVERWRITE_DIFFERENT: Verb = Verb::Upsert {
    set: &[],
    overwrite: Overwrite::IfDifferent(&["content_hash"]),
    insert_marker: "first_seen_at",
    returning: &[],
};

/// Overwrites a row if its content differs and was served before.
pub(super) const OVERWRITE_EARLIER_PAGE: Verb = Verb::Upsert {
    set: &[],
    overwrite: Overwrite::IfDifferentAndOlder(
        &["content_hash"],
        &["run_id", "chain_number", "page_number"],
    ),
    insert_marker: "first_seen_at",
    returning: &[],
};

/// Overwrites a row if its content differs and is older, or is as old and was served before.
///
/// The run comes before the place in it: a file that somebody loads later, or that a publisher
/// has corrected without a new date, replaces an earlier one wherever it stands. So if two files of
/// a source have different contents with one date, each run writes both. The hash is last, so that
/// the result does not depend on which of two pages is committed first.
///
/// A served content that equals the stored one does not rewrite the row, which keeps the place where
/// it was served first. So of three contents with one date, of which the first and the last are
/// equal, the second is kept if it is committed last.
const OVERWRITE_OLDER: Verb = Verb::Upsert {
    set: &[],
    overwrite: Overwrite::IfDifferentAndOlder(
        &["content_hash"],
        &[
            "date",
            "run_id",
            "chain_number",
            "page_number",
            "content_hash",
        ],
    ),
    insert_marker: "first_seen_at",
    returning: &[],
};

/// Returns the plan with the verb for this choice. A plan itself is for the present answer.
pub(super) const fn choose_verb(plan: Plan, overwrite: source::Overwrite) -> Plan {
    match overwrite {
        source::Overwrite::Always => plan,
        source::Overwrite::Newer => Plan {
            verb: OVERWRITE_OLDER,
            ..plan
        },
    }
}

/// Adds the columns that say where a replayed release was served.
pub(super) const fn with_served<const N: usize>(fetched: &[&'static str]) -> [&'static str; N] {
    let mut names = ["run_id"; N];
    let (own, served) = names.split_at_mut(fetched.len());
    own.copy_from_slice(fetched);
    served[1] = "chain_number";
    served[2] = "page_number";
    served[3] = "fetched_at";
    names
}

/// The values that all releases of a page share.
#[derive(Clone, Debug)]
pub struct Served {
    /// The name of the source that served the releases.
    pub source: String,
    /// The id of the run that fetched the page.
    pub run_id: i64,
    /// The chain that the page belongs to.
    pub chain: String,
    /// The number of the chain among the chains of the run.
    pub chain_number: i32,
    /// The number of the page.
    pub page_number: i64,
    /// Says which of several contents of one release is kept.
    pub overwrite: source::Overwrite,
    /// The time of the commit. A row whose `first_seen_at` equals it was inserted, not updated.
    pub now: Timestamp,
    /// The time at which the page was fetched.
    pub fetched_at: Timestamp,
}

/// The operation that stores the releases of a fetched page, and the bindings that fill its
/// columns. The releases are all compiled, or none is.
#[derive(Debug)]
pub struct FetchedReleases {
    /// The upsert.
    pub operation: Operation,
    served: Binding<Served>,
    /// Encodes a row.
    pub release: Binding<Release>,
}

impl FetchedReleases {
    /// Builds the upsert of fetched releases.
    ///
    /// # Errors
    /// A batch has more parameters than a statement can have.
    pub fn new(batching: Batching) -> Result<Self> {
        Self::from_plan(&FETCHED, batching)
    }

    pub(super) fn from_plan(plan: &Plan, batching: Batching) -> Result<Self> {
        let operation = Operation::new(plan, batching)?;
        let served = bind_origin(operation.bind_shared(), plan)
            .column("source", |served: &Served| &served.source)
            .column("run_id", |served| &served.run_id)
            .column("chain_number", |served| &served.chain_number)
            .column("page_number", |served| &served.page_number)
            .column("first_seen_at", |served| &served.now)
            .column("fetched_at", |served| &served.fetched_at);
        Ok(Self {
            served: served.build()?,
            release: bind_release(operation.bind_row(), plan, |release| release).build()?,
            operation,
        })
    }

    /// Builds the values that all releases of a page share.
    ///
    /// # Errors
    /// As [`Rows::push`].
    pub fn shared(&self, served: &Served) -> Result<Rows> {
        Rows::encode(&self.served, [served])
    }
}

/// A release of a reject, and the page that served the reject last.
#[derive(Clone, Debug)]
pub(super) struct RecoveredRelease {
    pub(super) release: Release,
    pub(super) run_id: i64,
    pub(super) chain_number: i32,
    pub(super) page_number: i64,
    pub(super) fetched_at: Timestamp,
}

/// The operation that stores releases which a replay has read from rejects, and the bindings that
/// fill its columns. The releases are all compiled, or none is.
#[derive(Debug)]
pub(super) struct ReplayedReleases {
    pub(super) operation: Operation,
    written: Binding<(String, Timestamp)>,
    pub(super) recovered: Binding<RecoveredRelease>,
}

impl ReplayedReleases {
    pub(super) fn new(plan: &Plan) -> Result<Self> {
        let operation = Operation::new(plan, Batching::default())?;
        let written = bind_origin(operation.bind_shared(), plan)
            .column("source", |(source, _): &(String, Timestamp)| source)
            .column("first_seen_at", |(_, now)| now);
        let recovered = bind_release(operation.bind_row(), plan, |row: &RecoveredRelease| {
            &row.release
        })
        .column("run_id", |row| &row.run_id)
        .column("chain_number", |row| &row.chain_number)
        .column("page_number", |row| &row.page_number)
        .column("fetched_at", |row| &row.fetched_at);
        Ok(Self {
            written: written.build()?,
            recovered: recovered.build()?,
            operation,
        })
    }

    /// Builds the values that all rows share: the source and the time of the write.
    pub(super) fn shared(&self, source: &str, now: Timestamp) -> Result<Rows> {
        Rows::encode(&self.written, [&(source.to_owned(), now)])
    }
}

/// The origin of compiled releases that a publisher serves.
const PUBLISHER: &str = "publisher";

/// Binds the origin, which only compiled releases have.
fn bind_origin<S>(bind: BindingBuilder<S>, plan: &Plan) -> BindingBuilder<S> {
    if plan.shared.contains(&"origin") {
        bind.column("origin", |_| &PUBLISHER)
    } else {
        bind
    }
}

fn bind_release<R>(
    bind: BindingBuilder<R>,
    plan: &Plan,
    release: impl Fn(&R) -> &Release + Copy + Send + Sync + 'static,
) -> BindingBuilder<R> {
    let columns = release::COLUMNS.iter();
    let columns = columns.filter(|column| plan.per_row.contains(&column.name));
    columns.fold(bind, |bind, &release::Column { name, value }| match value {
        Value::Text(get) => bind.optional(name, move |row| get(release(row))),
        Value::Texts(get) => bind.optional(name, move |row| get(release(row))),
        Value::Names(get) => bind.optional(name, move |row| get(release(row))),
        Value::Instant(get) => bind.optional(name, move |row| get(release(row))),
        Value::Decimal(get) => bind.optional(name, move |row| get(release(row))),
        Value::Count(get) => bind.column(name, move |row| get(release(row))),
        Value::Bytes(get) => bind.optional_bytes(name, move |row| get(release(row))),
        Value::Package(get) => bind.optional(name, move |row| get(release(row))),
        Value::Json(get) => bind.json_text(name, move |row| get(release(row))),
    })
}

/// The keys of releases: a list of ocids, and a list of release ids in the same order.
pub(super) type Keys<'a> = (Vec<&'a str>, Vec<&'a str>);

pub(super) fn collect_keys<'r>(releases: impl IntoIterator<Item = &'r Release>) -> Keys<'r> {
    let releases = releases.into_iter();
    releases
        .map(|release| (&*release.key.ocid, &*release.key.release_id))
        .unzip()
}

/// Converts a number of rows into the integer type of PostgreSQL.
pub(super) fn signed_count(rows: usize) -> i64 {
    i64::try_from(rows).expect("rows in memory")
}
