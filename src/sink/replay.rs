//! Stores the releases of rejects that were tried again.

use jiff::Timestamp;

use crate::bulk::{OnFailure, Report, Rows, TableOutcome, Transaction};
use crate::error::Result;
use crate::ledger::quarantine::Entry;
use crate::ledger::{Counts, Lease, signed};
use crate::release::{Reason, Reject, Release};
use crate::sink::Sink;
use crate::sink::fold::fold_duplicates;
use crate::sink::package::PackageRows;
use crate::sink::reject::{ReplayResult, check_all_written, reject_refused, replace_nul};
use crate::sink::release::{RecoveredRelease, Served, signed_count};

/// A reject that was tried again, and the releases and rejects that were read from it.
#[derive(Debug)]
pub struct RetriedReject {
    /// The reject that was tried again.
    pub entry: Entry,
    /// The releases that were read from the reject.
    pub releases: Vec<Release>,
    /// The parts of the reject that still cannot be read as releases. Each is a new reject.
    pub rejects: Vec<Reject>,
}

impl Sink {
    /// Stores the releases that were read from rejects, and updates the rejects, in one
    /// transaction. A reject is marked as replayed, or it gets the reason for which it is refused
    /// now. A stored release that was fetched later than the reject is not overwritten.
    ///
    /// If a rejected page or document contains parts that cannot be stored, each such part
    /// becomes a reject of its own.
    ///
    /// # Errors
    ///
    /// The commit fails for one of the reasons that [`Sink::commit`] lists.
    pub async fn replay(&self, lease: &Lease, tried: Vec<RetriedReject>) -> Result<Counts> {
        let mut folded = 0;
        let mut recovered = Vec::new();
        let mut entries = Vec::with_capacity(tried.len());
        for (index, tried) in tried.into_iter().enumerate() {
            let RetriedReject {
                entry,
                releases,
                rejects,
            } = tried;
            let result = fold_duplicates(releases);
            folded += signed_count(result.folded);
            let rejects = [rejects, result.superseded].concat();
            recovered.extend(result.releases.into_iter().map(|release| {
                let row = RecoveredRelease {
                    release,
                    run_id: entry.run_id,
                    page_number: entry.page_number,
                    fetched_at: entry.last_seen_at,
                };
                (row, index)
            }));
            entries.push((entry, rejects));
        }
        let waves = split_into_waves(recovered);
        let replay = Replay {
            sink: self,
            lease,
            waves,
            tried: entries,
            folded,
        };
        self.new_retry("replay", "replay rejects")
            .run(|| replay.run())
            .await
    }
}

/// Releases with different keys, in the order of their keys. The number of each release is the
/// index of the reject from which it was read.
type Wave = Vec<(RecoveredRelease, usize)>;

/// Puts releases with the same key into different waves. So if several rejects have the same key,
/// the release that was served later is written later, and each release is counted.
fn split_into_waves(mut recovered: Vec<(RecoveredRelease, usize)>) -> Vec<Wave> {
    // The sort is stable, so releases with the same key stay in the order in which they were
    // served.
    recovered.sort_by(|a, b| a.0.release.key.cmp(&b.0.release.key));
    let mut waves: Vec<Wave> = Vec::new();
    let mut nth = 0;
    let mut before = None;
    for row in recovered {
        let key = Some(row.0.release.key.clone());
        nth = if key == before { nth + 1 } else { 0 };
        before = key;
        if nth == waves.len() {
            waves.push(Wave::new());
        }
        waves[nth].push(row);
    }
    waves
}

/// One attempt to store replayed rejects, with its input.
struct Replay<'a> {
    sink: &'a Sink,
    lease: &'a Lease,
    /// The releases, each with the index of the reject from which it was read.
    waves: Vec<Wave>,
    /// The replayed rejects. Each has the list of its parts that were rejected again before
    /// anything was written.
    tried: Vec<(Entry, Vec<Reject>)>,
    folded: i64,
}

impl Replay<'_> {
    async fn run(&self) -> Result<Counts> {
        let mut transaction = self.sink.begin(self.lease).await?;
        let mut rejects: Vec<Vec<Reject>> = self
            .tried
            .iter()
            .map(|(_, rejects)| rejects.clone())
            .collect();
        let mut report = Report::default();
        for wave in &self.waves {
            let (compiled, releases): (Vec<_>, Vec<_>) = wave
                .iter()
                .partition(|(row, _)| row.release.key.is_compiled());
            for rows in [releases, compiled] {
                let written = self.write(&mut transaction, &rows).await?;
                for failure in &written.failures {
                    let (row, index) = rows[failure.position];
                    rejects[*index].push(reject_refused(&row.release, failure));
                }
                report += written.report;
            }
        }
        let now = Timestamp::now();
        self.update_rejects(&mut transaction, now, &rejects).await?;
        let releases = self.waves.iter().flatten().map(|(row, _)| &row.release);
        let packages = PackageRows::collect(releases, rejects.iter().flatten());
        packages.write(&transaction, &self.sink.source, now).await?;
        transaction.commit().await?;

        let all = || rejects.iter().flatten();
        let passed_over = all().filter(|it| it.reason.is_passed_over()).count();
        let superseded = all().filter(|it| it.reason == Reason::Superseded).count();
        let quarantined = signed_count(all().count() - passed_over - superseded);
        let stored = signed(report.inserted + report.updated + report.unchanged);
        Ok(Counts {
            releases: stored + self.folded + quarantined,
            inserted: signed(report.inserted),
            updated: signed(report.updated),
            unchanged: signed(report.unchanged),
            folded: self.folded,
            quarantined,
            passed_over: signed_count(passed_over),
        })
    }

    /// Writes rows to their table. All of them must be compiled releases, or none of them.
    async fn write(
        &self,
        transaction: &mut Transaction,
        rows: &[&(RecoveredRelease, usize)],
    ) -> Result<TableOutcome> {
        let Sink {
            replayed,
            replayed_compiled,
            source,
            ..
        } = self.sink;
        let Some((first, _)) = rows.first() else {
            return Ok(TableOutcome::default());
        };
        let replayed = match first.release.key.is_compiled() {
            true => replayed_compiled,
            false => replayed,
        };
        let shared = replayed.shared(source, Timestamp::now())?;
        let rows = Rows::encode(&replayed.recovered, rows.iter().map(|(row, _)| row))?;
        let isolate = OnFailure::Isolate;
        transaction
            .apply(&replayed.operation, &shared, &rows, isolate)
            .await
    }

    /// Marks each reject as replayed, or with the new reason.
    async fn update_rejects(
        &self,
        transaction: &mut Transaction,
        now: Timestamp,
        rejects: &[Vec<Reject>],
    ) -> Result<()> {
        let mut results = Vec::with_capacity(self.tried.len());
        for ((entry, _), rejects) in self.tried.iter().zip(rejects) {
            // A rejected page or document may contain several releases. Those that cannot be
            // stored get rejects of their own, and so does what a record has besides releases.
            let container_reason =
                Reason::parse(&entry.reason).filter(|reason| reason.can_contain_releases());
            let is_same_reject = |reject: &&Reject| match container_reason {
                Some(reason) => reject.reason == reason && reject.pointer == entry.pointer,
                None => !reject.reason.is_passed_over(),
            };
            let refused_again = rejects.iter().find(is_same_reject);
            if refused_again.is_none() {
                self.write_nested_rejects(transaction, entry, now, rejects)
                    .await?;
            }
            results.push(build_replay_result(entry, refused_again, now));
        }
        let replay_results = &self.sink.replay_results;
        let rows = Rows::encode(&replay_results.row, &results)?;
        let none = Rows::default();
        let applied = transaction
            .apply(&replay_results.operation, &none, &rows, OnFailure::RollBack)
            .await?;
        check_all_written(&applied.failures)
    }

    /// Writes the rejects that were found in a rejected page, document or record.
    async fn write_nested_rejects(
        &self,
        transaction: &mut Transaction,
        page: &Entry,
        now: Timestamp,
        refused: &[Reject],
    ) -> Result<()> {
        let served = Served {
            source: self.sink.source.clone(),
            run_id: page.run_id,
            chain: page.chain.clone(),
            page_number: page.page_number,
            now,
            fetched_at: page.last_seen_at,
        };
        let page_source = (&served, &*page.url);
        let limits = self.sink.writer_limits();
        let rejects = &self.sink.rejects;
        rejects
            .write(transaction, page_source, refused.iter(), limits)
            .await?;
        Ok(())
    }
}

/// Builds the result of a replay for one reject. `refused_again` is the new reject if the replay
/// was refused.
fn build_replay_result(
    entry: &Entry,
    refused_again: Option<&Reject>,
    now: Timestamp,
) -> ReplayResult {
    let is_resolved = refused_again.is_none();
    ReplayResult {
        id: entry.id,
        resolved_at: is_resolved.then_some(now),
        resolution: is_resolved.then_some("replayed"),
        reason: refused_again
            .map_or(&*entry.reason, |reject| reject.reason.as_str())
            .to_owned(),
        message: replace_nul(refused_again.map_or(&entry.message, |reject| &reject.message)),
        sqlstate: refused_again
            .map_or(&entry.sqlstate, |reject| &reject.sqlstate)
            .clone(),
        constraint: refused_again.and_then(|reject| reject.constraint.clone()),
    }
}
