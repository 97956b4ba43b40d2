//! Rejects tried again.

use jiff::Timestamp;

use crate::bulk::{Applied, OnFailure, Report, Rows, Transaction};
use crate::error::Result;
use crate::ledger::quarantine::Entry;
use crate::ledger::{Counts, Lease, signed};
use crate::release::{Reason, Reject, Release};
use crate::sink::Sink;
use crate::sink::fold::fold;
use crate::sink::reject::{Settlement, expect_kept, refused, storable};
use crate::sink::release::{Recovered, Served, count};

/// A reject, and what it turned out to hold.
#[derive(Debug)]
pub struct Tried {
    /// The reject.
    pub entry: Entry,
    /// The releases that were read from it.
    pub releases: Vec<Release>,
    /// What of it is refused again.
    pub rejects: Vec<Reject>,
}

impl Sink {
    /// Stores what rejects turned out to hold, and settles them, all in one
    /// transaction: as replayed, or as refused for what refuses them now. Nothing
    /// that was fetched after a reject is overwritten.
    ///
    /// What a page or document holds and cannot be stored becomes rejects of its own.
    ///
    /// # Errors
    /// As [`Sink::commit`].
    pub async fn replay(&self, lease: &Lease, tried: Vec<Tried>) -> Result<Counts> {
        let mut folded = 0;
        let mut recovered = Vec::new();
        let mut again = Vec::with_capacity(tried.len());
        for (index, tried) in tried.into_iter().enumerate() {
            let Tried {
                entry,
                releases,
                rejects,
            } = tried;
            let one = fold(releases);
            folded += count(one.folded);
            let rejects = [rejects, one.superseded].concat();
            recovered.extend(one.releases.into_iter().map(|release| {
                let row = Recovered {
                    release,
                    run_id: entry.run_id,
                    page_number: entry.page_number,
                    fetched_at: entry.last_seen_at,
                };
                (row, index)
            }));
            again.push((entry, rejects));
        }
        let waves = waves(recovered);
        let replay = Replay {
            sink: self,
            lease,
            waves,
            tried: again,
            folded,
        };
        self.patience("replay", "replay rejects")
            .over(|| replay.run())
            .await
    }
}

/// Releases of different keys in the order of these, each with the place of the
/// reject that it came from.
type Wave = Vec<(Recovered, usize)>;

/// Puts the releases of one key into as many waves: of several rejects of one key
/// the one served later is written later, and each is counted for itself.
fn waves(mut recovered: Vec<(Recovered, usize)>) -> Vec<Wave> {
    // stable, so that those of one key stay in the order they were served
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

/// One attempt, and what it begins with.
struct Replay<'a> {
    sink: &'a Sink,
    lease: &'a Lease,
    /// Releases, and from which reject each came.
    waves: Vec<Wave>,
    /// The rejects, and what of each is refused already.
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
                    rejects[*index].push(refused(&row.release, failure));
                }
                report += written.report;
            }
        }
        let now = Timestamp::now();
        self.settle(&mut transaction, now, &rejects).await?;
        transaction.commit().await?;

        let is_refused = |reject: &&Reject| reject.reason != Reason::Superseded;
        let quarantined = count(rejects.iter().flatten().filter(is_refused).count());
        let stored = signed(report.inserted + report.updated + report.unchanged);
        Ok(Counts {
            releases: stored + self.folded + quarantined,
            inserted: signed(report.inserted),
            updated: signed(report.updated),
            unchanged: signed(report.unchanged),
            folded: self.folded,
            quarantined,
        })
    }

    /// Writes releases, or compiled releases, to their table.
    async fn write(
        &self,
        transaction: &mut Transaction,
        rows: &[&(Recovered, usize)],
    ) -> Result<Applied> {
        let Sink {
            replayed,
            replayed_compiled,
            source,
            ..
        } = self.sink;
        let Some((first, _)) = rows.first() else {
            return Ok(Applied::default());
        };
        let now = Timestamp::now();
        let (operation, shared, recovered) = if first.release.key.is_compiled() {
            let shared = replayed_compiled.shared(source, now)?;
            let to = &replayed_compiled.operation;
            (to, shared, &replayed_compiled.recovered)
        } else {
            let shared = replayed.shared(source, now)?;
            (&replayed.operation, shared, &replayed.recovered)
        };
        let rows = Rows::of(recovered, rows.iter().map(|(row, _)| row))?;
        let isolate = OnFailure::Isolate;
        transaction.apply(operation, &shared, &rows, isolate).await
    }

    /// Says of each reject what became of it.
    async fn settle(
        &self,
        transaction: &mut Transaction,
        now: Timestamp,
        rejects: &[Vec<Reject>],
    ) -> Result<()> {
        let mut settled = Vec::with_capacity(self.tried.len());
        for ((entry, _), rejects) in self.tried.iter().zip(rejects) {
            // what may hold several keeps the rejects among them beside itself
            let holder = Reason::parse(&entry.reason).filter(|reason| reason.is_unreadable());
            let is_itself = |reject: &&Reject| {
                holder
                    .is_none_or(|holder| reject.reason == holder && reject.pointer == entry.pointer)
            };
            let again = rejects.iter().find(is_itself);
            if holder.is_some() && again.is_none() {
                self.keep(transaction, entry, now, rejects).await?;
            }
            settled.push(settlement(entry, again, now));
        }
        let settlements = &self.sink.settlements;
        let rows = Rows::of(&settlements.row, &settled)?;
        let none = Rows::default();
        let applied = transaction
            .apply(&settlements.operation, &none, &rows, OnFailure::RollBack)
            .await?;
        expect_kept(&applied.failures)
    }

    /// Keeps what a page holds and cannot be stored.
    async fn keep(
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
        let of_page = (&served, &*page.url);
        let limits = self.sink.writer_limits();
        let rejects = &self.sink.rejects;
        rejects
            .keep(transaction, of_page, refused.iter(), limits)
            .await?;
        Ok(())
    }
}

/// What a reject's row says after a replay, if it is refused again or not.
fn settlement(entry: &Entry, again: Option<&Reject>, now: Timestamp) -> Settlement {
    let is_resolved = again.is_none();
    Settlement {
        id: entry.id,
        resolved_at: is_resolved.then_some(now),
        resolution: is_resolved.then_some("replayed"),
        reason: again
            .map_or(&*entry.reason, |reject| reject.reason.as_str())
            .to_owned(),
        message: storable(again.map_or(&entry.message, |reject| &reject.message)),
        sqlstate: again
            .map_or(&entry.sqlstate, |reject| &reject.sqlstate)
            .clone(),
        constraint: again.and_then(|reject| reject.constraint.clone()),
    }
}
