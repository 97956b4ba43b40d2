//! Writes rejects as rows of `ocds.quarantine`, and resolves rejects.
//!
//! # Rejects are upserted
//!
//! A run meets again what an earlier run rejected. It is kept once, and counted.
//!
//! # A reject that the server refuses
//!
//! It is kept without its document, and a warning says so. Otherwise its page could never be
//! committed, and would stop its source.

use bytes::Bytes;
use jiff::Timestamp;
use tokio_postgres::error::SqlState;
use tokio_postgres::types::Type;
use tracing::warn;

use crate::bulk::{
    Assignment, Batching, Binding, Condition, Exchange, Failure, OnFailure, Operation, Overwrite,
    Plan, Rows, TableOutcome, Transaction, Verb, Writer, WriterLimits,
};
use crate::error::{Error, Result};
use crate::ledger::quarantine::TABLE;
use crate::package::PackageId;
use crate::redact::Redactor;
use crate::release::{Reason, Reject, Release};
use crate::sink::release::{Keys, Served};
use crate::source::Version;
use crate::sqlstate::Blame;

/// The maximum number of reject ids that a log line lists. A longer list would not help a reader.
pub(super) const MAX_LOGGED_IDS: usize = 100;

/// Upserts rejects. If the same document was rejected before, the document is not stored again,
/// but counted once for each run. The stored reject becomes open again, unless it was discarded.
const UPSERT: Plan = Plan {
    table: TABLE,
    shared: &[
        "source",
        "run_id",
        "chain",
        "chain_number",
        "page_number",
        "overwrite",
        "seen",
        "first_seen_at",
        "last_seen_at",
    ],
    per_row: &[
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
        "package_id",
        "document",
        "is_redacted",
    ],
    key: &["source", "document_hash", "pointer"],
    verb: Verb::Upsert {
        set: &[
            Assignment {
                column: "seen",
                expression: "stored.seen + (stored.run_id <> excluded.run_id)::integer",
            },
            // An earlier run may have stored the reject without its document, because the server
            // refused the document.
            Assignment {
                column: "document",
                expression: "case when stored.document = '' then excluded.document else stored.document end",
            },
            Assignment {
                column: "resolved_at",
                expression: "case when stored.resolution = 'discarded' then stored.resolved_at end",
            },
            Assignment {
                column: "resolution",
                expression: "case when stored.resolution = 'discarded' then stored.resolution end",
            },
        ],
        overwrite: Overwrite::Always,
        insert_marker: "first_seen_at",
        returning: &["id"],
    },
};

/// Stores the result of a replay for each reject. The reject was either stored, or refused again
/// for a reason.
const UPDATE_RETRIED: Plan = Plan {
    table: TABLE,
    shared: &[],
    per_row: &[
        "id",
        "resolved_at",
        "resolution",
        "reason",
        "message",
        "sqlstate",
        "constraint_name",
    ],
    key: &["id"],
    verb: Verb::Update {
        only_if: &[Condition::IsNull("resolved_at")],
    },
};

pub(super) fn reject_refused(release: &Release, failure: &Failure) -> Reject {
    Reject {
        reason: Reason::Refused,
        message: format!("SQLSTATE {}: {}", failure.sqlstate, failure.message),
        pointer: release.pointer.clone(),
        document: release.served_text().clone(),
        ocid: Some(release.key.ocid.clone()),
        release_id: Some(release.key.release_id.clone()),
        url: release.url.clone(),
        version: release.version,
        package: release.package.clone(),
        sqlstate: Some(failure.sqlstate.clone()),
        constraint: failure.constraint.clone(),
    }
}

#[derive(Clone, Debug)]
pub(super) struct RejectRow {
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
    package: Option<PackageId>,
    document: Bytes,
    is_redacted: bool,
}

impl RejectRow {
    /// Builds the row of a reject. All rejects are stored through this function, so it removes
    /// every secret. A key that contains a secret is left out. A reject without a key is not
    /// resolved by a stored release with the same key.
    fn new(reject: &Reject, document_hash: blake3::Hash, url: &str, redactor: &Redactor) -> Self {
        let redacted = redactor.redact(&reject.document).map(Bytes::from);
        let is_redacted = redacted.is_some();
        let document = redacted.unwrap_or_else(|| reject.document.clone());
        Self {
            document_hash,
            pointer: replace_nul(&redactor.redact_text(&reject.pointer)),
            reason: reject.reason.as_str(),
            message: replace_nul(&redactor.redact_text(&reject.message)),
            sqlstate: reject.sqlstate.clone(),
            constraint: reject.constraint.clone(),
            ocid: filter_key(reject.ocid.as_ref(), redactor),
            release_id: filter_key(reject.release_id.as_ref(), redactor),
            url: reject.url.as_deref().unwrap_or(url).to_owned(),
            version: reject.version.map(Version::as_str),
            package: reject.package.as_ref().map(|package| package.id),
            document,
            is_redacted,
        }
    }

    /// Gives up the rejected bytes of a row that the server refused, and says so in its message. No
    /// other value can be large, so these are the cause.
    fn without_document(&self, failure: &Failure) -> Self {
        let (sqlstate, message) = (&failure.sqlstate, &failure.message);
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

/// Replaces NUL, the only character that PostgreSQL's `text` cannot hold.
pub(super) fn replace_nul(text: &str) -> String {
    text.replace('\0', "\u{fffd}")
}

/// Returns the key, unless it contains NUL or a secret. No stored release has a key with NUL,
/// and a secret must not be stored.
fn filter_key(text: Option<&String>, redactor: &Redactor) -> Option<String> {
    let has_secret = |text: &&String| redactor.find(text.as_bytes()).is_some();
    text.filter(|text| !text.contains('\0') && !has_secret(text))
        .cloned()
}

#[derive(Debug)]
pub(super) struct RejectWriter {
    pub(super) operation: Operation,
    served: Binding<Served>,
    pub(super) row: Binding<RejectRow>,
    pub(super) redactor: Redactor,
}

impl RejectWriter {
    pub(super) fn new() -> Result<Self> {
        let operation = Operation::new(&UPSERT, Batching::default())?;
        Ok(Self {
            served: operation
                .bind_shared()
                .column("source", |served: &Served| &served.source)
                .column("run_id", |served| &served.run_id)
                .column("chain", |served| &served.chain)
                .column("chain_number", |served| &served.chain_number)
                .column("overwrite", |served| served.overwrite.as_str_ref())
                .column("page_number", |served| &served.page_number)
                .column("seen", |_| &1_i32)
                .column("first_seen_at", |served| &served.now)
                .column("last_seen_at", |served| &served.now)
                .build()?,
            row: operation
                .bind_row()
                .bytes("document_hash", |row: &RejectRow| {
                    row.document_hash.as_bytes()
                })
                .column("pointer", |row| &row.pointer)
                .column("reason", |row| &row.reason)
                .column("message", |row| &row.message)
                .column("sqlstate", |row| &row.sqlstate)
                .column("constraint_name", |row| &row.constraint)
                .column("ocid", |row| &row.ocid)
                .column("release_id", |row| &row.release_id)
                .column("url", |row| &row.url)
                .column("version", |row| &row.version)
                .column("package_id", |row| &row.package)
                .bytes("document", |row| &row.document)
                .column("is_redacted", |row| &row.is_redacted)
                .build()?,
            operation,
            redactor: Redactor::default(),
        })
    }

    /// Writes rejects in a transaction and returns their ids. A reject without a URL gets
    /// `page_url`. If the server refuses a reject, it is written without its document, so that
    /// the page can still be committed.
    pub(super) async fn write<'r>(
        &self,
        transaction: &mut Transaction,
        (served, page_url): (&Served, &str),
        rejects: impl Iterator<Item = &'r Reject>,
        limits: WriterLimits,
    ) -> Result<Vec<i64>> {
        let shared = Rows::encode(&self.served, [served])?;
        let rejects = self.sort_by_key(rejects);
        let row =
            |(hash, reject): &(_, &Reject)| RejectRow::new(reject, *hash, page_url, &self.redactor);
        let mut ids = Vec::new();
        let rows = rejects.iter().map(row);
        let failures = self
            .write_rows(transaction, &shared, rows, limits, &mut ids)
            .await?;
        let without_documents = failures.iter().map(|failure| {
            check_not_server_fault(failure)?;
            let row = row(&rejects[failure.position]);
            warn!(
                sqlstate = failure.sqlstate,
                "a rejected document of {} bytes could not be kept: {}",
                row.document.len(),
                failure.message
            );
            Ok(row.without_document(failure))
        });
        let without_documents = without_documents
            .collect::<Result<Vec<RejectRow>>>()?
            .into_iter();
        let failures = self
            .write_rows(transaction, &shared, without_documents, limits, &mut ids)
            .await?;
        check_all_written(&failures)?;
        Ok(ids)
    }

    /// Sorts rejects by their unique key, because every transaction locks rows in that order. The
    /// key contains the hash of the redacted document.
    fn sort_by_key<'r>(
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
            let pointer =
                |reject: &Reject| replace_nul(&self.redactor.redact_text(&reject.pointer));
            by_hash.then_with(|| pointer(a).cmp(&pointer(b)))
        });
        hashed
    }

    /// Writes rows. Returns the rows that the server refused, and adds the ids of the first
    /// written rows to `ids`.
    ///
    /// Each row is built only when it is written, because a row takes more memory than its reject
    /// and a page may have very many rejects. The server's replies are collected as they arrive,
    /// because they also take memory.
    async fn write_rows(
        &self,
        transaction: &mut Transaction,
        shared: &Rows,
        rows: impl Iterator<Item = RejectRow>,
        limits: WriterLimits,
        ids: &mut Vec<i64>,
    ) -> Result<Vec<Failure>> {
        let mut writer = Writer::in_transaction(transaction, limits);
        let isolate = OnFailure::Isolate;
        let table = writer.add_table(&self.operation, shared.clone(), &self.row, isolate);
        let mut failures = Vec::new();
        let mut collect = |outcome: TableOutcome| -> Result<()> {
            failures.extend(outcome.failures);
            let left = MAX_LOGGED_IDS.saturating_sub(ids.len());
            for (_, row) in outcome.returned.iter().take(left) {
                ids.push(row.try_get("id")?);
            }
            Ok(())
        };
        for row in rows {
            writer.add_row(&table, &row).await?;
            collect(writer.take_outcome(&table))?;
        }
        writer.flush().await?;
        collect(writer.take_outcome(&table))?;
        Ok(failures)
    }
}

/// Returns an error if the server may be the cause of the failure. The error makes the caller
/// send the page again instead of giving up the document.
fn check_not_server_fault(failure: &Failure) -> Result<()> {
    let state = SqlState::from_code(&failure.sqlstate);
    match Blame::from_sqlstate(&state) {
        Blame::RowOrServer => Err(Error::environment(describe_failure(failure))),
        _ => Ok(()),
    }
}

/// Returns an error if a reject was not written. The error makes the transaction fail, because
/// the reject would be lost otherwise.
pub(super) fn check_all_written(failures: &[Failure]) -> Result<()> {
    let Some(failure) = failures.first() else {
        return Ok(());
    };
    Err(Error::unexpected(describe_failure(failure)))
}

fn describe_failure(failure: &Failure) -> String {
    let (sqlstate, message) = (&failure.sqlstate, &failure.message);
    format!("could not store a reject: SQLSTATE {sqlstate}: {message}")
}

/// The result of trying to store a reject again.
#[derive(Debug)]
pub(super) struct ReplayResult {
    pub(super) id: i64,
    pub(super) resolved_at: Option<Timestamp>,
    pub(super) resolution: Option<&'static str>,
    pub(super) reason: String,
    pub(super) message: String,
    pub(super) sqlstate: Option<String>,
    pub(super) constraint: Option<String>,
}

/// The update of replayed rejects, and the binding that encodes its rows.
#[derive(Debug)]
pub(super) struct ReplayResultWriter {
    pub(super) operation: Operation,
    pub(super) row: Binding<ReplayResult>,
}

impl ReplayResultWriter {
    pub(super) fn new() -> Result<Self> {
        let operation = Operation::new(&UPDATE_RETRIED, Batching::default())?;
        Ok(Self {
            row: operation
                .bind_row()
                .column("id", |row: &ReplayResult| &row.id)
                .column("resolved_at", |row| &row.resolved_at)
                .column("resolution", |row| &row.resolution)
                .column("reason", |row| &row.reason)
                .column("message", |row| &row.message)
                .column("sqlstate", |row| &row.sqlstate)
                .column("constraint_name", |row| &row.constraint)
                .build()?,
            operation,
        })
    }
}

/// The rejects that a stored page resolves.
pub(super) struct ResolvedByPage<'p> {
    /// The keys of the page's stored releases. Rejects with one of these keys are resolved.
    pub(super) keys: Keys<'p>,
    /// The URL of each of these releases, if only rejects of the same URL are resolved.
    pub(super) urls: Option<Vec<&'p str>>,
    /// The URLs of the page and of the documents that it names. Rejects of documents with one of
    /// these URLs are resolved.
    pub(super) documents: Vec<&'p str>,
    /// The URL of the file, if the page is a piece of one.
    pub(super) file: Option<&'p str>,
    /// True if this page is the last one of a file, so that the whole file could be read.
    pub(super) is_end_of_file: bool,
}

/// Resolves the reject that says that this page could not be read. If the page is the last one of
/// a file, it also resolves the rejects of later pages of the file, because the whole file could
/// be read now. Rejects of pages that a feed no longer has stay open, because they may hold the
/// only copy of a release.
pub(super) fn resolve_unreadable<'f>(
    exchange: &mut Exchange<'f>,
    served: &'f Served,
    is_end_of_file: &'f bool,
) {
    exchange.push_query(
        include_str!("../../sql/sink/resolve_page_rejects.sql"),
        vec![
            (&served.source, Type::TEXT),
            (&served.chain, Type::TEXT),
            (&served.page_number, Type::INT8),
            (&served.now, Type::TIMESTAMPTZ),
            (is_end_of_file, Type::BOOL),
        ],
    );
}

/// Resolves rejects whose keys are stored now. Also resolves rejects that say that this page, or
/// a document that the page names, could not be fetched or read before.
pub(super) fn resolve_rejects<'f>(
    exchange: &mut Exchange<'f>,
    served: &'f Served,
    ResolvedByPage {
        keys: (ocids, ids),
        urls,
        documents,
        file,
        is_end_of_file,
    }: &'f ResolvedByPage<'f>,
) {
    exchange.push_query(
        include_str!("../../sql/sink/resolve_rejects.sql"),
        vec![
            (&served.source, Type::TEXT),
            (ocids, Type::TEXT_ARRAY),
            (ids, Type::TEXT_ARRAY),
            (&served.now, Type::TIMESTAMPTZ),
            (urls, Type::TEXT_ARRAY),
            (&served.run_id, Type::INT8),
        ],
    );
    resolve_unreadable(exchange, served, is_end_of_file);
    if !documents.is_empty() {
        exchange.push_query(
            include_str!("../../sql/sink/resolve_document_rejects.sql"),
            vec![
                (&served.source, Type::TEXT),
                (documents, Type::TEXT_ARRAY),
                (&served.now, Type::TIMESTAMPTZ),
                (file, Type::TEXT),
                (&served.chain, Type::TEXT),
                (&served.page_number, Type::INT8),
                (is_end_of_file, Type::BOOL),
            ],
        );
    }
}
