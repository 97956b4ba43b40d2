//! Derives the rows of processes, and keeps the statements that write them.

use std::sync::LazyLock;

use jiff::Timestamp;

use crate::bulk::{self, Batching, Column, Method, Operation, Plan, Rows, Verb};
use crate::compile::cell::Cell;
use crate::compile::content::{Content, Decision, Stored};
use crate::compile::document::Document;
use crate::compile::process::{RowSink, read_rows};
use crate::compile::row::State;
use crate::compile::rules::Rules;
use crate::compile::tables::TABLES;
use crate::config;
use crate::error::Result;
use crate::merge::Merged;

/// The insertion into each table, in the order of [`TABLES`].
static PLANS: LazyLock<Vec<Plan>> = LazyLock::new(|| {
    let plans = TABLES.iter().map(|table| {
        let columns = table.describe_columns().into_iter();
        let columns: Vec<Column> = columns.map(|it| Column::new(it.name, it.r#type)).collect();
        // The plans are made once and live as long as the program.
        let columns: &'static [Column] = columns.leak();
        let names = columns.iter().map(Column::name);
        let per_row: Vec<&'static str> = names.filter(|name| *name != "source").collect();
        Plan {
            table: bulk::Table::new(table.label, columns, &["ocid", "source"]),
            shared: &["source"],
            per_row: per_row.leak(),
            key: &[],
            verb: Verb::Insert { returning: &[] },
        }
    });
    plans.collect()
});

/// The statements that write and delete the rows of processes.
#[derive(Debug)]
pub(super) struct Statements {
    /// The insertion into each table, in the order of [`TABLES`].
    pub(super) insertions: Vec<Operation>,
    /// The deletion of the rows of processes from each table. The parameters are the source and the
    /// ocids.
    pub(super) deletions: Vec<String>,
    /// The values that all rows share.
    pub(super) shared: Vec<Rows>,
}

impl Statements {
    pub(super) fn new(source: &str, settings: &config::Database) -> Result<Self> {
        let batching = Batching {
            // `COPY` needs a prepared statement
            method: match settings.prepare {
                true => Method::Copy,
                false => Method::Values,
            },
            ..Batching::default()
        };
        let insertions = PLANS.iter().map(|plan| Operation::new(plan, batching));
        let insertions = insertions.collect::<Result<Vec<Operation>>>()?;
        let shared = insertions.iter().map(|insertion| {
            let name = insertion.bind_shared().column("source", |it: &String| it);
            Rows::encode(&name.build()?, [&source.to_owned()])
        });
        Ok(Self {
            shared: shared.collect::<Result<_>>()?,
            deletions: deletions(),
            insertions,
        })
    }
}

/// Writes the statements that delete the rows of processes from each table. The parameters are the
/// source and the ocids. The condition on the source is of a form that no index serves, for the
/// reason given in `take_from_queue.sql`.
#[must_use]
pub fn deletions() -> Vec<String> {
    let tables = TABLES.iter().map(|table| table.label);
    let deletion =
        |table| format!("delete from {table} where source || '' = $1 and ocid = any($2)");
    tables.map(deletion).collect()
}

/// A process that is to be compiled.
#[derive(Clone, Debug, Default)]
pub(super) struct Input {
    pub(super) ocid: String,
    pub(super) stored: Stored,
    /// The hash of the content whose rows are stored.
    pub(super) hash: Option<Vec<u8>>,
}

/// The rows of some processes.
#[derive(Debug, Default)]
pub(super) struct Derived {
    /// The rows of each table, in the order of [`TABLES`].
    pub(super) rows: Vec<Rows>,
    /// The processes that had other rows.
    pub(super) replaced: Vec<String>,
    /// The processes that had no rows.
    pub(super) new: Vec<String>,
    /// The processes that had rows, and have none any more.
    pub(super) gone: Vec<String>,
    /// The processes of which the publisher's compiled release must be read.
    pub(super) undecided: Vec<Input>,
    /// The number of processes whose releases could not be merged or whose rows were refused.
    pub(super) failed: u64,
}

/// The rows of tables that are being collected.
struct RowWriter<'s> {
    statements: &'s Statements,
    rows: &'s mut [Rows],
}

impl RowSink for RowWriter<'_> {
    fn push_row(&mut self, table: usize, values: &[Cell<'_>]) -> Result<()> {
        self.statements.insertions[table].push_row(&mut self.rows[table], values)
    }
}

impl Derived {
    pub(super) fn new() -> Self {
        Self {
            rows: TABLES.iter().map(|_| Rows::default()).collect(),
            ..Self::default()
        }
    }

    /// Derives the rows of a process, unless its content is that of the stored rows.
    /// `has_read_publisher` says that the publisher's compiled release was looked for.
    pub(super) fn add(
        &mut self,
        input: Input,
        has_read_publisher: bool,
        rules: &Rules,
        statements: &Statements,
        now: Timestamp,
    ) -> Result<()> {
        let (content, mut state) = match input.stored.decide(rules, has_read_publisher) {
            Decision::Content(content, state) => (content, state),
            Decision::NeedsPublisher => {
                self.undecided.push(input);
                return Ok(());
            }
            Decision::Gone => {
                if input.hash.is_some() {
                    self.gone.push(input.ocid);
                }
                return Ok(());
            }
        };
        self.failed += u64::from(state.merge_error.is_some());
        if let Content::Merged(Merged {
            repeated_ids: Some(repeated),
            ..
        }) = &content
        {
            state.repeated_ids = repeated.count;
        }
        state.content_hash = hash(rules, &state, &content);
        if input.hash.as_deref() == Some(&state.content_hash) {
            return Ok(());
        }
        state.changed_at = now;
        let ocid = &input.ocid;
        let mut out = RowWriter {
            statements,
            rows: &mut self.rows,
        };
        match content {
            Content::Stored(text, tokens) => {
                let document = match tokens {
                    Some(tokens) => Document::new(tokens, &rules.zone),
                    None => Document::read(text, &rules.zone)?,
                };
                read_rows(ocid, document, &state, &mut out)?;
            }
            Content::Merged(merged) => {
                state.merged = Some(merged.text);
                let text = state.merged.as_deref().unwrap_or_default();
                let document = Document::read(text, &rules.zone)?;
                read_rows(ocid, document, &state, &mut out)?;
            }
            Content::Unknown => {
                let document = Document::read("{}", &rules.zone)?;
                read_rows(ocid, document, &state, &mut out)?;
            }
        }
        let list = match input.hash {
            Some(_) => &mut self.replaced,
            None => &mut self.new,
        };
        list.push(input.ocid);
        Ok(())
    }

    /// Returns true if there is nothing to write.
    pub(super) fn is_empty(&self) -> bool {
        self.replaced.is_empty() && self.new.is_empty() && self.gone.is_empty()
    }
}

/// Returns a digest of everything that the rows of a process depend on.
fn hash(rules: &Rules, state: &State, content: &Content<'_>) -> [u8; 32] {
    let State {
        origin,
        releases,
        release_id,
        first_date,
        last_date,
        absent_since,
        tags,
        merge_error,
        repeated_ids,
        merged: _,
        content_hash: _,
        changed_at: _,
    } = state;
    let mut hasher = blake3::Hasher::new();
    let known = (
        (&rules.reading, origin, releases, release_id),
        (first_date, last_date, tags, merge_error, repeated_ids),
    );
    hasher.update(format!("{known:?}").as_bytes());
    // left out if it is null, so that the hash of the others is the one of earlier versions
    if let Some(since) = absent_since {
        hasher.update(since.to_string().as_bytes());
    }
    hasher.update(match content {
        Content::Stored(text, _) => text.as_bytes(),
        Content::Merged(merged) => merged.text.as_bytes(),
        Content::Unknown => &[],
    });
    *hasher.finalize().as_bytes()
}
