//! Stores the releases of rejects that were tried again.

use jiff::Timestamp;

use crate::bulk::{Failure, OnFailure, Report, Rows, Transaction};
use crate::error::Result;
use crate::ledger::quarantine::Entry;
use crate::ledger::{Counts, Lease, signed};
use crate::release::{Reason, Reject, Release};
use crate::sink::changed::SortedReleases;
use crate::sink::commit::without_refused;
use crate::sink::fold::fold_duplicates;
use crate::sink::history::{Replaced, Replacing};
use crate::sink::package::PackageRows;
use crate::sink::queue::ChangedProcesses;
use crate::sink::reject::{ReplayResult, check_all_written, reject_refused, replace_nul};
use crate::sink::release::{
    self, RecoveredRelease, ReplayedReleases, Served, choose_verb, signed_count,
};
use crate::sink::{Sink, compiled};
use crate::source::Overwrite;

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
    /// now.
    ///
    /// A release is stored as the run that met its reject would have stored it. A run that keeps
    /// the present answer does not overwrite what was fetched later. A run that keeps the newest
    /// content does not overwrite what is newer, but overwrites an older content that was fetched
    /// later, even by a run that keeps the present answer.
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
            let overwrite = entry.overwrite.unwrap_or(self.overwrite);
            let result = fold_duplicates(releases, overwrite);
            folded += signed_count(result.folded);
            let rejects = [rejects, result.superseded].concat();
            recovered.extend(result.releases.into_iter().map(|release| {
                let row = RecoveredRelease {
                    release,
                    run_id: entry.run_id,
                    chain_number: entry.chain_number,
                    page_number: entry.page_number,
                    fetched_at: entry.last_seen_at,
                };
                ReplayedRelease {
                    row,
                    overwrite,
                    index,
                }
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

/// A release that was read from a reject.
struct ReplayedRelease {
    row: RecoveredRelease,
    /// Says which content is kept by the run that met the reject.
    overwrite: Overwrite,
    /// The index of the reject.
    index: usize,
}

/// Releases with different keys, in the order of their keys.
type Wave = Vec<ReplayedRelease>;

/// Puts releases with the same key into different waves. So if several rejects have the same key,
/// the release that was served later is written later, and each release is counted.
fn split_into_waves(mut recovered: Vec<ReplayedRelease>) -> Vec<Wave> {
    // The sort is stable, so releases with the same key stay in the order in which they were
    // served.
    recovered.sort_by(|a, b| a.row.release.key.cmp(&b.row.release.key));
    let mut waves: Vec<Wave> = Vec::new();
    let mut nth = 0;
    let mut before = None;
    for release in recovered {
        let key = Some(release.row.release.key.clone());
        nth = if key == before { nth + 1 } else { 0 };
        before = key;
        if nth == waves.len() {
            waves.push(Wave::new());
        }
        waves[nth].push(release);
    }
    waves
}

/// One attempt to store replayed rejects, with its input.
struct Replay<'a> {
    sink: &'a Sink,
    lease: &'a Lease,
    waves: Vec<Wave>,
    /// The replayed rejects. Each has the list of its parts that were rejected again before
    /// anything was written.
    tried: Vec<(Entry, Vec<Reject>)>,
    folded: i64,
}

/// The outcome of what a replay has written so far.
#[derive(Default)]
struct Written {
    report: Report,
    /// The number of releases that were not stored, because newer contents are.
    older: i64,
    /// The processes whose releases may have changed.
    processes: ChangedProcesses,
}

impl Replay<'_> {
    async fn run(&self) -> Result<Counts> {
        let mut transaction = self.sink.begin(self.lease).await?;
        let mut rejects: Vec<Vec<Reject>> = self
            .tried
            .iter()
            .map(|(_, rejects)| rejects.clone())
            .collect();
        let mut written = Written::default();
        for wave in &self.waves {
            for is_compiled in [false, true] {
                for overwrite in Overwrite::ALL {
                    let is_alike = |it: &&ReplayedRelease| {
                        it.overwrite == overwrite && it.row.release.key.is_compiled() == is_compiled
                    };
                    let alike: Vec<_> = wave.iter().filter(is_alike).collect();
                    let failures = self.write(&mut transaction, &alike, &mut written).await?;
                    for failure in &failures {
                        let ReplayedRelease { row, index, .. } = alike[failure.position];
                        rejects[*index].push(reject_refused(&row.release, failure));
                    }
                }
            }
        }
        let Written {
            report,
            older,
            mut processes,
        } = written;
        processes.sort();
        let now = Timestamp::now();
        self.update_rejects(&mut transaction, now, &rejects).await?;
        let releases = self.waves.iter().flatten().map(|it| &it.row.release);
        let packages = PackageRows::collect(releases, rejects.iter().flatten());
        packages.write(&transaction, &self.sink.source, now).await?;
        let mut exchange = transaction.new_exchange();
        processes.insert(&mut exchange, &self.sink.source);
        exchange.await_last_answer().await?;
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
            unchanged: signed(report.unchanged) - older,
            folded: self.folded,
            quarantined,
            older,
            passed_over: signed_count(passed_over),
        })
    }

    /// Writes releases to their table and returns those that the server refused. All of them are
    /// compiled, or none is, and all were met by runs that keep the same one of several contents.
    async fn write(
        &self,
        transaction: &mut Transaction,
        alike: &[&ReplayedRelease],
        written: &mut Written,
    ) -> Result<Vec<Failure>> {
        let Some(first) = alike.first() else {
            return Ok(Vec::new());
        };
        let Sink {
            source, settings, ..
        } = self.sink;
        let plan = match first.row.release.key.is_compiled() {
            true => compiled::REPLAYED,
            false => release::REPLAYED,
        };
        let replayed = ReplayedReleases::new(&choose_verb(plan, first.overwrite))?;
        let now = Timestamp::now();
        let releases: Vec<&Release> = alike.iter().map(|it| &it.row.release).collect();
        let replacing = Replacing {
            source,
            run_id: self.lease.run_id,
            at: now,
            overwrite: first.overwrite,
        };
        let replaced = match settings.history {
            true => Some(Replaced::keep(transaction, replacing, &releases).await?),
            false => None,
        };
        let shared = replayed.shared(source, now)?;
        let rows = Rows::encode(&replayed.recovered, alike.iter().map(|it| &it.row))?;
        let isolate = OnFailure::Isolate;
        let outcome = transaction
            .apply(&replayed.operation, &shared, &rows, isolate)
            .await?;
        if let Some(replaced) = replaced {
            replaced
                .delete_unreplaced(transaction, &outcome.report)
                .await?;
        }
        let taken = without_refused(&releases, &outcome.failures);
        let has_written = outcome.report.inserted + outcome.report.updated > 0;
        if self.sink.queues_processes && has_written {
            written.processes.add(&taken);
        }
        if outcome.report.unchanged > 0 {
            let older = SortedReleases::new(taken);
            written.older += signed_count(older.retain_changed(transaction, source).await?.len());
        }
        written.report += outcome.report;
        Ok(outcome.failures)
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
            chain_number: page.chain_number,
            overwrite: page.overwrite.unwrap_or(self.sink.overwrite),
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
