//! The rows of `ocds.quarantine`.

use bytes::Bytes;
use jiff::Timestamp;
use tokio_postgres::error::SqlState;
use tokio_postgres::types::Type;
use tracing::warn;

use crate::bulk::{
    Batching, Binding, Condition, Failure, Flight, Gathered, OnFailure, Operation, Overwrite, Plan,
    Rows, Set, Transaction, Verb, Writer, WriterLimits,
};
use crate::error::{Error, Result};
use crate::ledger::quarantine::TABLE;
use crate::redact::Redactor;
use crate::release::{Reason, Reject, Release};
use crate::sink::release::{Keys, Served};
use crate::source::Version;
use crate::sqlstate::Blame;

/// The most rejects of a page whose ids are told: more say nothing more to a person.
pub(super) const TOLD_IDS: usize = 100;

/// A document that was refused before is counted, once for each run, and not kept
/// twice. It is open again, unless people have decided that it is not wanted.
const REFUSED: Plan = Plan {
    table: TABLE,
    shared: &[
        "source",
        "run_id",
        "chain",
        "page_number",
        "seen",
        "first_seen_at",
        "last_seen_at",
    ],
    each: &[
        "document_hash",
        "pointer",
        "reason",
        "message",
        "sqlstate",
        "constraint_name",
        "ocid",
        "release_id",
        "url",
        "version",
        "document",
        "is_redacted",
    ],
    by: &["source", "document_hash", "pointer"],
    verb: Verb::Upsert {
        set: &[
            Set {
                column: "seen",
                to: "stored.seen + (stored.run_id <> excluded.run_id)::integer",
            },
            // what could not be kept with its document before
            Set {
                column: "document",
                to: "case when stored.document = '' then excluded.document else stored.document end",
            },
            Set {
                column: "resolved_at",
                to: "case when stored.resolution = 'discarded' then stored.resolved_at end",
            },
            Set {
                column: "resolution",
                to: "case when stored.resolution = 'discarded' then stored.resolution end",
            },
        ],
        overwrite: Overwrite::Always,
        inserted_if: "first_seen_at",
        returning: &["id"],
    },
};

/// What a replay made of rejects: each is stored, or refused again for a reason.
const SETTLED: Plan = Plan {
    table: TABLE,
    shared: &[],
    each: &[
        "id",
        "resolved_at",
        "resolution",
        "reason",
        "message",
        "sqlstate",
        "constraint_name",
    ],
    by: &["id"],
    verb: Verb::Update {
        only_if: &[Condition::IsNull("resolved_at")],
    },
};

/// What the server refused, and what it said of it.
pub(super) fn refused(release: &Release, failure: &Failure) -> Reject {
    let Failure {
        sqlstate,
        constraint,
        message,
        ..
    } = failure;
    Reject {
        reason: Reason::Refused,
        message: format!("SQLSTATE {sqlstate}: {message}"),
        pointer: release.pointer.clone(),
        document: release.served().clone(),
        ocid: Some(release.key.ocid.clone()),
        release_id: Some(release.key.release_id.clone()),
        url: release.url.clone(),
        version: release.version,
        sqlstate: Some(sqlstate.clone()),
        constraint: constraint.clone(),
    }
}

/// A reject as it is kept.
#[derive(Clone, Debug)]
pub(super) struct Row {
    document_hash: blake3::Hash,
    pointer: String,
    reason: &'static str,
    message: String,
    sqlstate: Option<String>,
    constraint: Option<String>,
    ocid: Option<String>,
    release_id: Option<String>,
    url: String,
    version: Option<&'static str>,
    document: Bytes,
    is_redacted: bool,
}

impl Row {
    /// The one place where a reject becomes what is kept of it. A key that shows a secret
    /// is not kept, and so the reject is resolved by its place alone.
    fn new(reject: &Reject, document_hash: blake3::Hash, url: &str, redactor: &Redactor) -> Self {
        let redacted = redactor.redact(&reject.document).map(Bytes::from);
        let is_redacted = redacted.is_some();
        let document = redacted.unwrap_or_else(|| reject.document.clone());
        Self {
            document_hash,
            pointer: storable(&redactor.redact_text(&reject.pointer)),
            reason: reject.reason.as_str(),
            message: storable(&redactor.redact_text(&reject.message)),
            sqlstate: reject.sqlstate.clone(),
            constraint: reject.constraint.clone(),
            ocid: if_storable(reject.ocid.as_ref(), redactor),
            release_id: if_storable(reject.release_id.as_ref(), redactor),
            url: reject.url.as_deref().unwrap_or(url).to_owned(),
            version: reject.version.map(Version::as_str),
            document,
            is_redacted,
        }
    }

    /// The row that is kept where the server refused this one: without its document,
    /// which is the one thing in it that may be large.
    fn without_document(&self, failure: &Failure) -> Self {
        let Failure {
            sqlstate, message, ..
        } = failure;
        Self {
            message: format!(
                "{}; the document of {} bytes could not be kept with it: SQLSTATE {sqlstate}: {message}",
                self.message,
                self.document.len()
            ),
            document: Bytes::new(),
            ..self.clone()
        }
    }
}

/// Text without the one character that PostgreSQL's text cannot hold.
pub(super) fn storable(text: &str) -> String {
    storable_chars(text).collect()
}

fn storable_chars(text: &str) -> impl Iterator<Item = char> {
    let storable = |character| match character {
        '\0' => '\u{fffd}',
        character => character,
    };
    text.chars().map(storable)
}

/// A key that PostgreSQL's text cannot hold is the key of nothing stored, and one that
/// shows a secret is not kept.
fn if_storable(text: Option<&String>, redactor: &Redactor) -> Option<String> {
    let is_shown = |text: &&String| redactor.find(text.as_bytes()).is_some();
    text.filter(|text| !text.contains('\0') && !is_shown(text))
        .cloned()
}

/// Where rejects were served.
#[derive(Debug)]
struct Where {
    served: Served,
    seen: i32,
}

/// How rejects are kept, and what fills their rows.
#[derive(Debug)]
pub(super) struct Rejects {
    pub(super) operation: Operation,
    place: Binding<Where>,
    pub(super) row: Binding<Row>,
    pub(super) redactor: Redactor,
}

impl Rejects {
    pub(super) fn new() -> Result<Self> {
        let operation = Operation::new(&REFUSED, Batching::default())?;
        Ok(Self {
            place: operation
                .bind_shared()
                .column("source", |place: &Where| &place.served.source)
                .column("run_id", |place| &place.served.run_id)
                .column("chain", |place| &place.served.chain)
                .column("page_number", |place| &place.served.page_number)
                .column("seen", |place| &place.seen)
                .column("first_seen_at", |place| &place.served.now)
                .column("last_seen_at", |place| &place.served.now)
                .bound()?,
            row: operation
                .bind_each()
                .bytes("document_hash", |row: &Row| row.document_hash.as_bytes())
                .column("pointer", |row| &row.pointer)
                .column("reason", |row| &row.reason)
                .column("message", |row| &row.message)
                .column("sqlstate", |row| &row.sqlstate)
                .column("constraint_name", |row| &row.constraint)
                .column("ocid", |row| &row.ocid)
                .column("release_id", |row| &row.release_id)
                .column("url", |row| &row.url)
                .column("version", |row| &row.version)
                .bytes("document", |row| &row.document)
                .column("is_redacted", |row| &row.is_redacted)
                .bound()?,
            operation,
            redactor: Redactor::default(),
        })
    }

    /// The values that all rejects of a page have in common.
    pub(super) fn shared(&self, served: &Served) -> Result<Rows> {
        let place = Where {
            served: served.clone(),
            seen: 1,
        };
        Rows::of(&self.place, [&place])
    }

    /// Keeps rejects within a transaction, those that do not say where they came from as
    /// of `page_url`, and gives back their ids. One that the server refuses to keep is
    /// kept without its document, so that the page can become durable.
    pub(super) async fn keep<'r>(
        &self,
        transaction: &mut Transaction,
        (served, page_url): (&Served, &str),
        rejects: impl Iterator<Item = &'r Reject>,
        limits: WriterLimits,
    ) -> Result<Vec<i64>> {
        let shared = self.shared(served)?;
        let rejects = self.in_order(rejects);
        let row = |(hash, reject): &(_, &Reject)| Row::new(reject, *hash, page_url, &self.redactor);
        let mut ids = Vec::new();
        let rows = rejects.iter().map(row);
        let failures = self
            .write(transaction, &shared, rows, limits, &mut ids)
            .await?;
        let bare = failures.iter().map(|failure| {
            expect_of_row(failure)?;
            let row = row(&rejects[failure.position]);
            warn!(
                sqlstate = failure.sqlstate,
                "a rejected document of {} bytes could not be kept: {}",
                row.document.len(),
                failure.message
            );
            Ok(row.without_document(failure))
        });
        let bare = bare.collect::<Result<Vec<Row>>>()?.into_iter();
        let failures = self
            .write(transaction, &shared, bare, limits, &mut ids)
            .await?;
        expect_kept(&failures)?;
        Ok(ids)
    }

    /// Rejects and the hashes of what is kept of them, in the order of their unique key,
    /// in which rows are locked.
    fn in_order<'r>(
        &self,
        rejects: impl Iterator<Item = &'r Reject>,
    ) -> Vec<(blake3::Hash, &'r Reject)> {
        let hash = |reject: &Reject| match self.redactor.redact(&reject.document) {
            Some(redacted) => blake3::hash(&redacted),
            None => blake3::hash(&reject.document),
        };
        let mut hashed: Vec<_> = rejects.map(|reject| (hash(reject), reject)).collect();
        hashed.sort_by(|(a_hash, a), (b_hash, b)| {
            let by_hash = a_hash.as_bytes().cmp(b_hash.as_bytes());
            by_hash.then_with(|| {
                let (a, b) = (
                    self.redactor.redact_text(&a.pointer),
                    self.redactor.redact_text(&b.pointer),
                );
                storable_chars(&a).cmp(storable_chars(&b))
            })
        });
        hashed
    }

    /// Writes rows, gives back those that the server refused, and adds the ids of the
    /// first of the others.
    ///
    /// A row is made when its turn comes, because it takes more than its reject, of which
    /// a page may have very many. So does what the server gives back.
    async fn write(
        &self,
        transaction: &mut Transaction,
        shared: &Rows,
        rows: impl Iterator<Item = Row>,
        limits: WriterLimits,
        ids: &mut Vec<i64>,
    ) -> Result<Vec<Failure>> {
        let mut writer = Writer::within(transaction, limits);
        let isolate = OnFailure::Isolate;
        let slot = writer.table(&self.operation, shared.clone(), &self.row, isolate);
        let mut failures = Vec::new();
        let mut note = |kept: Gathered| -> Result<()> {
            failures.extend(kept.failures);
            let left = TOLD_IDS.saturating_sub(ids.len());
            for (_, row) in kept.returned.iter().take(left) {
                ids.push(row.try_get("id")?);
            }
            Ok(())
        };
        for row in rows {
            writer.add(&slot, &row).await?;
            note(writer.take(&slot))?;
        }
        writer.flush().await?;
        note(writer.take(&slot))?;
        Ok(failures)
    }
}

/// A document is not given up because of the server's state: the page is sent again.
fn expect_of_row(failure: &Failure) -> Result<()> {
    let state = SqlState::from_code(&failure.sqlstate);
    match Blame::of(&state) {
        Blame::RowOrServer => Err(Error::environment(not_kept(failure))),
        _ => Ok(()),
    }
}

/// A reject that is not kept is lost, and so the transaction is.
pub(super) fn expect_kept(failures: &[Failure]) -> Result<()> {
    let Some(failure) = failures.first() else {
        return Ok(());
    };
    Err(Error::unexpected(not_kept(failure)))
}

fn not_kept(failure: &Failure) -> String {
    let Failure {
        sqlstate, message, ..
    } = failure;
    format!("a reject could not be kept: SQLSTATE {sqlstate}: {message}")
}

/// What became of a reject that was tried again.
#[derive(Debug)]
pub(super) struct Settlement {
    pub(super) id: i64,
    pub(super) resolved_at: Option<Timestamp>,
    pub(super) resolution: Option<&'static str>,
    pub(super) reason: String,
    pub(super) message: String,
    pub(super) sqlstate: Option<String>,
    pub(super) constraint: Option<String>,
}

/// How rejects that were tried again are settled.
#[derive(Debug)]
pub(super) struct Settlements {
    pub(super) operation: Operation,
    pub(super) row: Binding<Settlement>,
}

impl Settlements {
    pub(super) fn new() -> Result<Self> {
        let operation = Operation::new(&SETTLED, Batching::default())?;
        Ok(Self {
            row: operation
                .bind_each()
                .column("id", |row: &Settlement| &row.id)
                .column("resolved_at", |row| &row.resolved_at)
                .column("resolution", |row| &row.resolution)
                .column("reason", |row| &row.reason)
                .column("message", |row| &row.message)
                .column("sqlstate", |row| &row.sqlstate)
                .column("constraint_name", |row| &row.constraint)
                .bound()?,
            operation,
        })
    }
}

/// What may resolve rejects.
pub(super) struct Resolvable<'p> {
    /// What is stored now.
    pub(super) keys: Keys<'p>,
    /// Where the page's documents came from that did not come with it.
    pub(super) documents: Vec<&'p str>,
    /// Whether all of a file could be read that the page is the end of.
    pub(super) is_end_of_file: bool,
}

/// Resolves what was kept of the page when it could not be read, and the rest of its
/// file if that can be read now. Pages that a feed does not have any more may hold what
/// nothing else has.
pub(super) fn resolve_unreadable<'f>(
    flight: &mut Flight<'f>,
    served: &'f Served,
    is_end_of_file: &'f bool,
) {
    flight.typed(
        include_str!("../../sql/sink/resolve_unreadable.sql"),
        vec![
            (&served.source, Type::TEXT),
            (&served.chain, Type::TEXT),
            (&served.page_number, Type::INT8),
            (&served.now, Type::TIMESTAMPTZ),
            (is_end_of_file, Type::BOOL),
        ],
    );
}

/// Resolves the rejects of keys that are stored now, and those of the page and its
/// documents, if they could not be had or read before.
pub(super) fn resolve_rejects<'f>(
    flight: &mut Flight<'f>,
    served: &'f Served,
    Resolvable {
        keys: (ocids, ids),
        documents,
        is_end_of_file,
    }: &'f Resolvable<'f>,
) {
    flight.typed(
        include_str!("../../sql/sink/resolve_rejects.sql"),
        vec![
            (&served.source, Type::TEXT),
            (ocids, Type::TEXT_ARRAY),
            (ids, Type::TEXT_ARRAY),
            (&served.now, Type::TIMESTAMPTZ),
        ],
    );
    resolve_unreadable(flight, served, is_end_of_file);
    if !documents.is_empty() {
        flight.typed(
            include_str!("../../sql/sink/resolve_documents.sql"),
            vec![
                (&served.source, Type::TEXT),
                (documents, Type::TEXT_ARRAY),
                (&served.now, Type::TIMESTAMPTZ),
            ],
        );
    }
}
