//! Reads the rows of a process from its merged release.

use std::borrow::Cow;
use std::cell::OnceCell;

use crate::compile::cell::Cell;
use crate::compile::document::{At, Document};
use crate::compile::row::{ProcessRow, Row, State};
use crate::compile::summary::{Lists, Summary};
use crate::compile::table::{Column, Table, Value};
use crate::compile::tables::{DOCUMENT, MILESTONE, PROCESS, TABLES, TRANSACTION};
use crate::error::Result;
use crate::value::Typed;

/// Stores the rows of processes.
pub(super) trait RowSink {
    /// Adds a row of a table, whose index in [`TABLES`] is given. The values are those of its
    /// columns, in their order.
    fn push_row(&mut self, table: usize, values: &[Cell<'_>]) -> Result<()>;
}

/// Reads all rows of a process from its content.
pub(super) fn read_rows<'t>(
    ocid: &str,
    document: Document<'t>,
    state: &'t State,
    out: &mut impl RowSink,
) -> Result<()> {
    let lists = Lists {
        documents: DOCUMENT.lists,
        milestones: MILESTONE.lists,
        transactions: TRANSACTION.lists,
    };
    let summary = Summary::new(&document, lists);
    let mut values = Vec::new();
    for (index, table) in TABLES.iter().enumerate() {
        for list in table.lists {
            for ((around_position, around), (position, at)) in list.rows(&document) {
                let row = Row {
                    document: &document,
                    summary: &summary,
                    section: list.section,
                    around,
                    around_position,
                    at,
                    position,
                    organisation: OnceCell::new(),
                };
                values.clear();
                values.push(Cell::Text(Cow::Borrowed(ocid)));
                for column in table.columns {
                    values.push(match column.value {
                        Value::OfRow(_, read) => read(&row),
                        _ => read_value(&document, table, column, at),
                    });
                }
                out.push_row(index, &values)?;
            }
        }
    }
    for (column, sums) in [
        ("award_value", &summary.award_value),
        ("award_value_active", &summary.active_award_value),
        ("contract_value", &summary.contract_value),
        ("spent", &summary.spent),
    ] {
        if sums.is_too_large() {
            document.note_unread(PROCESS.name, column);
        }
    }
    let process = ProcessRow {
        state,
        summary: &summary,
        document: &document,
    };
    values.clear();
    values.push(Cell::Text(Cow::Borrowed(ocid)));
    // `unread` is the last column that is read, because the others may add to it
    for column in PROCESS.columns {
        values.push(match column.value {
            Value::OfProcess(_, read) => read(&process),
            _ => read_value(&document, &PROCESS, column, Document::ROOT),
        });
    }
    out.push_row(TABLES.len() - 1, &values)
}

/// Reads the value of a column that has a place of its own.
fn read_value<'t>(document: &Document<'t>, table: &Table, column: &Column, from: At) -> Cell<'t> {
    let at = document.find(from, column.path);
    let note = |is_unread: bool| {
        if is_unread {
            document.note_unread(table.name, column.name);
        }
    };
    match column.value {
        Value::Text => Cell::text(document.text(at)),
        Value::TextOr(other) => {
            Cell::text(document.text(at.or_else(|| document.find(from, other))))
        }
        Value::Texts => Cell::texts(document.texts(at)),
        Value::Count => Cell::count(document.count(at)),
        Value::Days => Cell::integer(document.days(at)),
        Value::SchemeId => {
            let scheme = at.and_then(|at| document.text(document.find(at, "scheme")));
            let id = at.and_then(|at| document.text(document.find(at, "id")));
            Cell::text(scheme.zip(id).map(|(scheme, id)| format!("{scheme}-{id}")))
        }
        Value::Date => {
            let date = document.read_date(at);
            note(date == Typed::Unread);
            Cell::date(date.value())
        }
        Value::Amount | Value::AmountOr(_) => {
            let at = match column.value {
                Value::AmountOr(other) => at.or_else(|| document.find(from, other)),
                _ => at,
            };
            let amount = document.read_amount(at);
            note(amount == Typed::Unread);
            Cell::amount(amount.value())
        }
        Value::Integer => {
            let integer = document.read_integer(at);
            note(integer == Typed::Unread);
            Cell::integer(integer.value())
        }
        Value::OfRow(..) | Value::OfProcess(..) => Cell::Null,
    }
}
