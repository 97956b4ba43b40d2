//! The upserts of `ocds.publisher_compiled`.

use tokio_postgres::types::Type;

use crate::bulk::{Column, Plan, Table};
use crate::sink::release::{OVERWRITE_DIFFERENT, OVERWRITE_EARLIER_PAGE, with_served};

pub(super) const TABLE: Table = Table::new("ocds.publisher_compiled", COLUMNS, &["source", "ocid"]);

const COLUMNS: &[Column] = &[
    Column::new("source", Type::TEXT),
    Column::new("ocid", Type::TEXT),
    Column::new("origin", Type::TEXT),
    Column::new("date", Type::TIMESTAMPTZ),
    Column::new("tag", Type::TEXT_ARRAY),
    Column::new("unread", Type::TEXT_ARRAY),
    Column::new("content_hash", Type::BYTEA),
    Column::new("package_id", Type::UUID),
    Column::new("repairs", Type::TEXT_ARRAY),
    Column::new("run_id", Type::INT8),
    Column::new("chain_number", Type::INT4),
    Column::new("page_number", Type::INT8),
    Column::fixed("first_seen_at", Type::TIMESTAMPTZ),
    Column::new("fetched_at", Type::TIMESTAMPTZ),
    Column::new("data", Type::JSONB),
    Column::new("served", Type::BYTEA),
];

pub(super) const FETCHED: Plan = Plan {
    table: TABLE,
    shared: &[
        "source",
        "origin",
        "run_id",
        "chain_number",
        "page_number",
        "first_seen_at",
        "fetched_at",
    ],
    per_row: &[
        "ocid",
        "date",
        "tag",
        "unread",
        "content_hash",
        "package_id",
        "repairs",
        "data",
        "served",
    ],
    key: &["source", "ocid"],
    verb: OVERWRITE_DIFFERENT,
};

pub(super) const REPLAYED: Plan = Plan {
    shared: &["source", "origin", "first_seen_at"],
    per_row: &with_served::<{ FETCHED.per_row.len() + 4 }>(FETCHED.per_row),
    verb: OVERWRITE_EARLIER_PAGE,
    ..FETCHED
};
