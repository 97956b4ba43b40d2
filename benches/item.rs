//! Defines a small table, and the changes of its rows that are measured.

use jiff::{SignedDuration, Timestamp};
use ocds_ingest::bulk::{
    Batching, BindingBuilder, Column, Operation, Overwrite, Plan, Rows, Table, Verb,
};
use tokio_postgres::types::Type;

use crate::job::{Job, Value};
use crate::server::Result;

pub(crate) const SCHEMA: &str = "
    create schema bench;
    create table bench.item (
        id bigint primary key,
        code text not null,
        title text not null,
        price integer not null,
        changed_at timestamptz not null,
        stamp bigint not null
    );";

const COLUMNS: &[Column] = &[
    Column::new("id", Type::INT8),
    Column::new("code", Type::TEXT),
    Column::new("title", Type::TEXT),
    Column::new("price", Type::INT4),
    Column::new("changed_at", Type::TIMESTAMPTZ),
    Column::fixed("stamp", Type::INT8),
];

/// A change of the table's rows. It is given as a plan, and as a statement for one row.
pub(crate) struct Change {
    pub(crate) name: &'static str,
    plan: Plan,
    /// The statement for one row. Its parameters are the plan's shared columns, and then the
    /// row's columns.
    sql: &'static str,
    /// The SQL function that returns the ids of the rows that are stored before the measurement.
    stored: &'static str,
}

const NONE: &str = "generate_series(1, 0)";
const ALL: &str = "generate_series(1, 10000)";
const EVERY_OTHER: &str = "generate_series(2, 10000, 2)";

pub(crate) const INSERT: Change = Change {
    name: "insert",
    plan: Plan {
        table: Table::new("bench.item", COLUMNS, &["id"]),
        shared: &["stamp"],
        per_row: &["id", "code", "title", "price", "changed_at"],
        key: &["id"],
        verb: Verb::Insert { returning: &[] },
    },
    sql: "insert into bench.item (stamp, id, code, title, price, changed_at)
        values ($1, $2, $3, $4, $5, $6)",
    stored: NONE,
};

pub(crate) const UPDATE: Change = Change {
    name: "update to other values",
    plan: Plan {
        shared: &[],
        per_row: &["id", "title", "price", "changed_at"],
        verb: Verb::Update { only_if: &[] },
        ..INSERT.plan
    },
    sql: "update bench.item set title = $2, price = $3, changed_at = $4 where id = $1",
    stored: ALL,
};

pub(crate) const UPDATE_WHERE: Change = Change {
    name: "update to the same values",
    plan: Plan {
        shared: &["price", "changed_at"],
        per_row: &["id"],
        ..UPDATE.plan
    },
    sql: "update bench.item set price = $1, changed_at = $2 where id = $3",
    stored: ALL,
};

pub(crate) const UPSERT: Change = Change {
    name: "upsert, half of the rows stored",
    plan: Plan {
        verb: Verb::Upsert {
            set: &[],
            overwrite: Overwrite::Always,
            insert_marker: "stamp",
            returning: &[],
        },
        ..INSERT.plan
    },
    sql: "insert into bench.item (stamp, id, code, title, price, changed_at)
        values ($1, $2, $3, $4, $5, $6)
        on conflict (id) do update
        set code = excluded.code, title = excluded.title,
            price = excluded.price, changed_at = excluded.changed_at",
    stored: EVERY_OTHER,
};

pub(crate) const DELETE: Change = Change {
    name: "delete",
    plan: Plan {
        shared: &[],
        per_row: &["id"],
        verb: Verb::Delete { only_if: &[] },
        ..INSERT.plan
    },
    sql: "delete from bench.item where id = $1",
    stored: ALL,
};

pub(crate) struct Item {
    id: i64,
    code: String,
    title: String,
    price: i32,
    changed_at: Timestamp,
    stamp: i64,
}

/// Returns rows with the ids from 1 on. Their values differ from those that are stored before the
/// measurement.
pub(crate) fn make_items(count: i32) -> Vec<Item> {
    let item = |id: i32| Item {
        id: id.into(),
        code: format!("item-{id:011}"),
        title: format!(
            "Kerb stones of granite, lot {id:05}, {}",
            "straight, ".repeat(10)
        ),
        price: 1_000 + id,
        changed_at: Timestamp::UNIX_EPOCH + SignedDuration::from_secs(id.into()),
        stamp: 1,
    };
    (1..=count).map(item).collect()
}

impl Change {
    /// Returns the job that changes `items`. The shared values are those of the first item.
    pub(crate) fn build_job<'r>(&self, items: &'r [Item]) -> Result<Job<'r>> {
        let plan = self.plan;
        let operation = Operation::new(&plan, Batching::default())?;
        let shared = bind(operation.bind_shared(), plan.shared).build()?;
        let each = bind(operation.bind_row(), plan.per_row).build()?;
        let values = |item| {
            let shared = plan.shared.iter().map(|name| value(&items[0], name));
            let each = plan.per_row.iter().map(|name| value(item, name));
            shared.chain(each).collect()
        };
        Ok(Job {
            plan,
            fill_sql: self.fill_sql(),
            sql: self.sql.to_owned(),
            values: items.iter().map(values).collect(),
            encode: Box::new(move |range| {
                let shared = match plan.shared {
                    [] => Rows::default(),
                    _ => Rows::encode(&shared, &items[..1])?,
                };
                Ok((shared, Rows::encode(&each, &items[range])?))
            }),
        })
    }

    /// Returns the statements that fill the table before the measurement.
    fn fill_sql(&self) -> String {
        format!(
            "truncate bench.item;
            insert into bench.item
            select id, 'item-' || lpad(id::text, 11, '0'), repeat('title ', 22), 0, now(), 0
            from {} as id;
            analyze bench.item",
            self.stored
        )
    }
}

fn value<'i>(item: &'i Item, column: &str) -> Value<'i> {
    match column {
        "id" => &item.id,
        "code" => &item.code,
        "title" => &item.title,
        "price" => &item.price,
        "changed_at" => &item.changed_at,
        "stamp" => &item.stamp,
        _ => unreachable!("a column of the table"),
    }
}

fn bind(bind: BindingBuilder<Item>, columns: &[&str]) -> BindingBuilder<Item> {
    columns.iter().fold(bind, |bind, name| match *name {
        "id" => bind.column("id", |item: &Item| &item.id),
        "code" => bind.column("code", |item: &Item| &item.code),
        "title" => bind.column("title", |item: &Item| &item.title),
        "price" => bind.column("price", |item: &Item| &item.price),
        "changed_at" => bind.column("changed_at", |item: &Item| &item.changed_at),
        "stamp" => bind.column("stamp", |item: &Item| &item.stamp),
        _ => unreachable!("a column of the table"),
    })
}
