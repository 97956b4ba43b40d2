//! The rows of `ocds.release`: the one statement that writes them, and how a
//! release fills it.

use bytes::BytesMut;
use jiff::Timestamp;
use tokio_postgres::types::{IsNull, ToSql, Type, to_sql_checked};

use crate::bulk::{Column, Table, Upsert, Write};
use crate::release::Release;

const fn column(name: &'static str, r#type: Type) -> Column {
    Column { name, r#type }
}

const TABLE: Table = Table {
    schema: "ocds",
    name: "release",
    shared: &[
        column("source", Type::TEXT),
        column("run_id", Type::INT8),
        column("page_number", Type::INT8),
        column("first_seen_at", Type::TIMESTAMPTZ),
        column("fetched_at", Type::TIMESTAMPTZ),
    ],
    each: &[
        column("ocid", Type::TEXT),
        column("release_id", Type::TEXT),
        column("date", Type::TIMESTAMPTZ),
        column("tag", Type::TEXT_ARRAY),
        column("initiation_type", Type::TEXT),
        column("language", Type::TEXT),
        column("buyer_id", Type::TEXT),
        column("buyer_name", Type::TEXT),
        column("tender_id", Type::TEXT),
        column("tender_title", Type::TEXT),
        column("tender_status", Type::TEXT),
        column("procurement_method", Type::TEXT),
        column("main_procurement_category", Type::TEXT),
        column("tender_value", Type::NUMERIC),
        column("tender_currency", Type::TEXT),
        column("tender_start", Type::TIMESTAMPTZ),
        column("tender_end", Type::TIMESTAMPTZ),
        column("award_count", Type::INT4),
        column("contract_count", Type::INT4),
        column("supplier_names", Type::TEXT_ARRAY),
        column("content_hash", Type::BYTEA),
        column("data", Type::JSONB),
    ],
    key: &["source", "ocid", "release_id"],
};

/// Fetched releases: what is stored is overwritten if its content differs.
pub(super) const FETCHED: Upsert = Upsert {
    table: TABLE,
    keep: &["first_seen_at"],
    write: Write::IfDifferent("content_hash"),
    inserted_if: "first_seen_at",
};

/// Replayed releases: nothing that was fetched later is overwritten.
pub(super) const REPLAYED: Upsert = Upsert {
    write: Write::IfDifferentAndOlder("content_hash", &["run_id", "page_number"]),
    ..FETCHED
};

/// What all rows of a page have in common.
#[derive(Clone, Debug)]
pub(super) struct Shared<'a> {
    pub(super) source: &'a str,
    pub(super) run_id: i64,
    pub(super) page_number: i64,
    /// When the row is written; no two commits of a process share one.
    pub(super) now: Timestamp,
    pub(super) fetched_at: Timestamp,
}

/// A row as it is sent: what a release owns, by reference.
pub(super) struct Row<'a> {
    release: &'a Release,
    hash: &'a [u8],
    text: JsonText<'a>,
}

impl<'a> Row<'a> {
    pub(super) fn new(release: &'a Release) -> Self {
        Self {
            release,
            hash: &release.content_hash,
            text: JsonText(&release.text),
        }
    }

    pub(super) fn release(&self) -> &'a Release {
        self.release
    }

    /// How much of a statement's bytes the row takes, near enough.
    pub(super) fn bytes(&self) -> usize {
        self.release.text.len()
    }

    fn values(&self) -> [&(dyn ToSql + Sync); TABLE.each.len()] {
        let Release { key, columns, .. } = self.release;
        [
            &key.ocid,
            &key.release_id,
            &columns.date,
            &columns.tag,
            &columns.initiation_type,
            &columns.language,
            &columns.buyer_id,
            &columns.buyer_name,
            &columns.tender_id,
            &columns.tender_title,
            &columns.tender_status,
            &columns.procurement_method,
            &columns.main_procurement_category,
            &columns.tender_value,
            &columns.tender_currency,
            &columns.tender_start,
            &columns.tender_end,
            &columns.award_count,
            &columns.contract_count,
            &columns.supplier_names,
            &self.hash,
            &self.text,
        ]
    }
}

/// The parameters of one statement, in the order of [`Upsert::types`].
pub(super) fn parameters<'a>(
    shared: &'a Shared<'a>,
    rows: &'a [Row<'a>],
) -> Vec<&'a (dyn ToSql + Sync)> {
    let mut parameters: Vec<&(dyn ToSql + Sync)> =
        Vec::with_capacity(TABLE.shared.len() + rows.len() * TABLE.each.len());
    parameters.extend([
        &shared.source as &(dyn ToSql + Sync),
        &shared.run_id,
        &shared.page_number,
        &shared.now,
        &shared.fetched_at,
    ]);
    for row in rows {
        parameters.extend(row.values());
    }
    parameters
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

/// JSON sent as the text it came in, so that the server parses what was served.
#[derive(Debug)]
struct JsonText<'a>(&'a [u8]);

impl ToSql for JsonText<'_> {
    fn to_sql(
        &self,
        _: &Type,
        out: &mut BytesMut,
    ) -> Result<IsNull, Box<dyn std::error::Error + Sync + Send>> {
        // version 1 of jsonb's binary format is the text itself
        out.extend_from_slice(&[1]);
        out.extend_from_slice(self.0);
        Ok(IsNull::No)
    }

    fn accepts(ty: &Type) -> bool {
        *ty == Type::JSONB
    }

    to_sql_checked!();
}
