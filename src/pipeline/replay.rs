//! Decodes and extracts the documents in the quarantine again.

use std::sync::Arc;

use bytes::Bytes;
use serde::Serialize;
use tokio_util::sync::CancellationToken;

use crate::compile::{Compiled, Compiler, Until};
use crate::config::{self, Config};
use crate::database::Database;
use crate::decode::{Decoded, decode};
use crate::error::{Error, Kind, Result};
use crate::extract::{self, Extracted};
use crate::fetch::Fetcher;
use crate::ledger::quarantine::{self, RejectWithDocument};
use crate::ledger::{Counts, Holder, Lease, RunKind, RunSpec, Unfinished};
use crate::package::Package;
use crate::page::Undecodable;
use crate::pipeline::compile::{stopped_error, tell_compiled, while_renewing};
use crate::pipeline::{MAX_LOSSES, report, server_changed_error, under_lease};
use crate::redact::Redactor;
use crate::release::{Reason, Reject};
use crate::sink::{RetriedReject, Sink};
use crate::source::{Container, Source, Version};

/// The result of a replay of a source's rejects.
#[derive(Clone, Debug, Serialize)]
pub struct ReplayReport {
    /// The source's name.
    pub source: String,
    /// The run's id in `ocds.run`.
    pub run_id: i64,
    /// The number of rejects that were tried again.
    pub rejects: usize,
    /// The number of rejects that were not tried, because placeholders replace secrets in them. A
    /// run that fetches their pages again reads them.
    pub redacted: usize,
    /// The counts of the releases in these rejects.
    #[serde(flatten)]
    pub counts: Counts,
    /// The contracting processes that were compiled after it.
    pub compiled: Compiled,
}

/// Reads rejects of a source again with the present program and configuration. Reads the rejects
/// with these ids, or all if `ids` is `None`.
///
/// # Errors
///
/// Fails if another run holds the source, or if the database cannot be reached. Rejects that were
/// tried before the error stay resolved.
pub async fn replay(
    database: &Database,
    source: &Source,
    config: &Config,
    ids: Option<&[i64]>,
    stop: &CancellationToken,
) -> Result<ReplayReport> {
    let spec = RunSpec {
        kind: RunKind::Replay,
        unfinished: Unfinished::Restart,
        ..RunSpec::incremental(&source.name, source.definition())
    };
    let replay = Replay {
        database,
        source,
        config,
        ids,
        stop,
    };
    under_lease(database, &spec, config, |lease, mut holder| async move {
        let replayed = replay.run(&lease, &mut holder).await;
        (holder, replayed)
    })
    .await
}

/// A replay with its input.
#[derive(Clone, Copy)]
struct Replay<'a> {
    database: &'a Database,
    source: &'a Source,
    config: &'a Config,
    ids: Option<&'a [i64]>,
    stop: &'a CancellationToken,
}

impl Replay<'_> {
    /// Tries the rejects, and compiles the processes whose releases it has stored.
    async fn run(&self, lease: &Lease, holder: &mut Holder) -> Result<ReplayReport> {
        let Self {
            database,
            source,
            config,
            stop,
            ..
        } = *self;
        let compiler = Compiler::new(database.clone(), source, config)?;
        let must_queue = compiler.declare().await?.must_queue;
        let mut replayed = self.try_rejects(lease, holder, must_queue).await?;
        let mut compiled = Compiled::default();
        let compile = compiler.compile(lease, Until::Empty, stop, &mut compiled);
        let is_done = while_renewing(holder, config, compile).await;
        tell_compiled(&source.name, &compiled);
        if !is_done? {
            return Err(stopped_error());
        }
        replayed.compiled = compiled;
        Ok(replayed)
    }

    async fn try_rejects(
        &self,
        lease: &Lease,
        holder: &mut Holder,
        must_queue: bool,
    ) -> Result<ReplayReport> {
        let Self {
            database,
            source,
            config,
            ids,
            stop,
        } = *self;
        let mut replayed = ReplayReport {
            source: source.name.clone(),
            run_id: lease.run_id,
            rejects: 0,
            redacted: 0,
            counts: Counts::default(),
            compiled: Compiled::default(),
        };
        let redactor = find_redactor(source, config);
        let options = extract::Options {
            max_items: config.fetch.max_items,
            redactor: redactor.clone(),
            ..extract::Options::new(source, &config.extract)
        };
        let sink = Sink::open(database.clone(), &source.name, config, source.overwrite()).await?;
        let sink = sink.with_redactor(redactor).queue_processes(must_queue);
        let mut server = holder.reach_server().await?;
        for losses in 0..=MAX_LOSSES {
            let open = quarantine::find_replayable_rejects(database, &source.name, ids).await?;
            replayed.redacted = open.redacted;
            let mut open = open.ids.into_iter();
            loop {
                if stop.is_cancelled() {
                    let message = "stopped; what was not tried yet is still there";
                    return Err(Error::new(Kind::Truncated, message));
                }
                let tried = read_rejects(database, source, &options, config, &mut open).await?;
                if tried.is_empty() {
                    break;
                }
                let rejects = tried.len();
                let counts = sink.replay(lease, tried).await?;
                // a repetition tries the same rejects, which are counted already
                if losses == 0 {
                    replayed.rejects += rejects;
                    replayed.counts += counts;
                    report::measure(&source.name, &counts);
                }
                holder.try_renew().await?;
            }
            // a server that was restarted or replaced may have lost what was stored
            let server_now = holder.reach_server().await?;
            if server_now == server {
                return Ok(replayed);
            }
            server = server_now;
        }
        Err(server_changed_error("replay"))
    }
}

/// Returns the redactor for documents that are refused again. An archive may show a secret only
/// once it can be read. A replay sends no request and needs no secret, so a missing variable is
/// no error, and secrets are then not searched for.
fn find_redactor(source: &Source, config: &Config) -> Redactor {
    let fetcher = Fetcher::new(source, &config.fetch);
    fetcher.map_or_else(|_| Redactor::default(), |fetcher| fetcher.redactor())
}

/// Reads the next rejects again, as many as one statement writes.
async fn read_rejects(
    database: &Database,
    source: &Source,
    options: &extract::Options,
    config: &Config,
    ids: &mut impl Iterator<Item = i64>,
) -> Result<Vec<RetriedReject>> {
    let mut tried = Vec::new();
    let mut bytes = 0;
    let Config { fetch, sink, .. } = config;
    while tried.len() < sink.batch_size && bytes < sink.batch_bytes {
        let Some(id) = ids.next() else { break };
        let RejectWithDocument {
            entry, document, ..
        } = quarantine::show(database, id).await?;
        bytes += document.len();
        let mut extracted = read_reject(&entry, document.into(), source, options, fetch);
        set_package(&entry, &mut extracted);
        tried.push(RetriedReject {
            entry,
            releases: extracted.releases,
            rejects: extracted.rejects,
        });
    }
    Ok(tried)
}

/// Sets the package of what was read from a reject, unless it has a package of its own.
fn set_package(entry: &quarantine::Entry, extracted: &mut Extracted) {
    let Some(id) = entry.package_id else { return };
    let package = Arc::new(Package::stored(id));
    let releases = extracted.releases.iter_mut().map(|it| &mut it.package);
    let rejects = extracted.rejects.iter_mut().map(|it| &mut it.package);
    for of_item in releases.chain(rejects) {
        of_item.get_or_insert_with(|| Arc::clone(&package));
    }
}

/// Reads a reject again. A page or document is read as its source declares today. A release needs
/// no declaration.
fn read_reject(
    entry: &quarantine::Entry,
    document: Bytes,
    source: &Source,
    options: &extract::Options,
    limits: &config::Fetch,
) -> Extracted {
    let reason = Reason::parse(&entry.reason);
    let is_absent = |reason: &Reason| {
        let is_elsewhere = matches!(
            reason,
            Reason::UnfetchedDocument | Reason::LinkedRelease | Reason::RefusedPage
        );
        is_elsewhere || document.is_empty()
    };
    if let Some(reason) = reason.filter(is_absent) {
        return reject_again(reason, entry, document);
    }
    let Some(reason) = reason.filter(|reason| reason.can_contain_releases()) else {
        let version = entry.version.as_deref().and_then(Version::parse);
        let ocid = entry.ocid.as_deref();
        return extract::extract_document(&document, &entry.pointer, version, ocid, options);
    };
    let source = &adapt_to_kept_document(source, reason, &document);
    // the quarantine does not keep headers, so a charset that only a header names has to be
    // declared
    match decode(document.clone(), None, source, limits) {
        Ok(Decoded {
            envelope,
            documents,
            broken,
        }) => {
            let mut extracted = extract::extract_documents(&documents, &broken, &envelope, options);
            let releases = extracted.releases.iter_mut().map(|it| &mut it.pointer);
            let rejects = extracted.rejects.iter_mut().map(|it| &mut it.pointer);
            for pointer in releases.chain(rejects) {
                pointer.insert_str(0, &entry.pointer);
            }
            extracted
        }
        // the source declares by now that there is nothing to store
        Err(Undecodable::NoData) => Extracted::default(),
        Err(why) => Extracted {
            rejects: vec![match reason {
                Reason::UnreadablePage => Reject::unreadable_page(document, why.into_message()),
                _ => {
                    let pointer = entry.pointer.clone();
                    Reject::unreadable_document(document, pointer, why.into_message())
                }
            }],
            ..Extracted::default()
        },
    }
}

/// Returns the source with settings for a kept document. It is no longer in an archive, and may
/// have been converted to UTF-8.
fn adapt_to_kept_document(source: &Source, reason: Reason, document: &[u8]) -> Source {
    let mut source = source.clone();
    if reason == Reason::UnreadableDocument {
        source.decode.container = Container::Auto;
        if std::str::from_utf8(document).is_ok() {
            source.decode.charset = None;
        }
    }
    source
}

/// Refuses a document again that was never received, is only a link, or could not be kept.
fn reject_again(reason: Reason, entry: &quarantine::Entry, document: Bytes) -> Extracted {
    Extracted {
        releases: Vec::new(),
        rejects: vec![Reject {
            reason,
            pointer: entry.pointer.clone(),
            ..Reject::unreadable_page(document, entry.message.clone())
        }],
        ..Extracted::default()
    }
}
