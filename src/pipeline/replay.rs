//! Extract and sink joined for what is in quarantine.

use bytes::Bytes;
use serde::Serialize;
use tokio_util::sync::CancellationToken;

use crate::config::{self, Config};
use crate::database::Database;
use crate::error::{Error, Kind, Result};
use crate::extract::{self, Extracted};
use crate::json;
use crate::ledger::Verdict;
use crate::ledger::quarantine::{self, Document};
use crate::ledger::{self, Asked, Counts, End, Requests, RunKind, Unfinished};
use crate::pipeline::dispatch::verdict;
use crate::pipeline::report;
use crate::release::{Reason, Reject};
use crate::sink::{Sink, Tried};
use crate::source::{Source, Version};

/// What a replay made of the rejects of a source.
#[derive(Clone, Debug, Serialize)]
pub struct Replayed {
    /// The source's name.
    pub source: String,
    /// The run's id in `ocds.run`.
    pub run_id: i64,
    /// How many rejects were tried.
    pub rejects: usize,
    /// What became of the releases they hold.
    #[serde(flatten)]
    pub counts: Counts,
}

/// Tries rejects of a source again, with the program and configuration of today:
/// those named, or all.
///
/// # Errors
/// Another run holds the source, or the database cannot be asked. Rejects tried
/// before the error are settled.
pub async fn replay(
    database: &Database,
    source: &Source,
    config: &Config,
    ids: Option<&[i64]>,
    stop: &CancellationToken,
) -> Result<Replayed> {
    let asked = Asked {
        kind: RunKind::Replay,
        unfinished: Unfinished::Restart,
        ..Asked::incremental(&source.name, source.definition())
    };
    let ledger::Claim {
        lease, mut holder, ..
    } = ledger::claim(database, &asked, &config.lease).await?;
    let options = extract::Options::new(source, &config.extract);
    let mut replayed = Replayed {
        source: source.name.clone(),
        run_id: lease.run_id,
        rejects: 0,
        counts: Counts::default(),
    };
    let tried = async {
        let sink = Sink::open(database.clone(), &source.name, config).await?;
        let mut ids = quarantine::replayable(database, &source.name, ids)
            .await?
            .into_iter();
        loop {
            if stop.is_cancelled() {
                let message = "stopped; what was not tried yet is still there";
                return Err(Error::new(Kind::Truncated, message));
            }
            let tried = some(database, source, &options, &config.sink, &mut ids).await?;
            if tried.is_empty() {
                break;
            }
            replayed.rejects += tried.len();
            replayed.counts += sink.replay(&lease, tried).await?;
            holder.keep().await?;
        }
        Ok(())
    }
    .await;
    report::measure(&source.name, &replayed.counts);
    let end = End {
        verdict: tried.as_ref().map_or_else(verdict, |()| Verdict::Complete),
        end_seen: true,
        error: tried.as_ref().err().map(Error::chain),
    };
    let ended = holder.end(&end, Requests::default()).await;
    tried.and(ended).map(|()| replayed)
}

/// Reads the next rejects again, as many as one statement writes.
async fn some(
    database: &Database,
    source: &Source,
    options: &extract::Options,
    limits: &config::Sink,
    ids: &mut impl Iterator<Item = i64>,
) -> Result<Vec<Tried>> {
    let mut tried = Vec::new();
    let mut bytes = 0;
    while tried.len() < limits.batch_size && bytes < limits.batch_bytes {
        let Some(id) = ids.next() else { break };
        let Document {
            entry, document, ..
        } = quarantine::show(database, id).await?;
        bytes += document.len();
        let Extracted { releases, rejects } = again(&entry, document.into(), source, options);
        tried.push(Tried {
            entry,
            releases,
            rejects,
        });
    }
    Ok(tried)
}

/// Reads a reject again: a page by the shapes of its source, a release as it is.
fn again(
    entry: &quarantine::Entry,
    document: Bytes,
    source: &Source,
    options: &extract::Options,
) -> Extracted {
    match Reason::parse(&entry.reason) {
        Some(Reason::UnreadablePage | Reason::UnreadableDocument) => {}
        Some(Reason::MissingDocument) => return still_missing(entry, document),
        _ => {
            let version = entry.version.as_deref().and_then(Version::parse);
            return extract::extract_document(&document, &entry.pointer, version, options);
        }
    }
    match json::cut(&document, &source.items.shapes) {
        Ok(cut) => extract::extract_items(&document, &cut, options),
        Err(json::Unreadable(message)) => Extracted {
            releases: Vec::new(),
            rejects: vec![Reject::unreadable_page(document, message)],
        },
    }
}

/// What could not be had is not here to be read.
fn still_missing(entry: &quarantine::Entry, document: Bytes) -> Extracted {
    Extracted {
        releases: Vec::new(),
        rejects: vec![Reject {
            reason: Reason::MissingDocument,
            pointer: entry.pointer.clone(),
            ..Reject::unreadable_page(document, entry.message.clone())
        }],
    }
}
