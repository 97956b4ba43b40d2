//! Marks the releases that a publisher no longer serves, in `absent_since`.
//!
//! A release is marked when two complete walks of the whole feed in a row have not met it. One walk
//! is not enough, because some publishers serve half of a feed while their database is being
//! rebuilt, and an item that moves to an earlier page in mid-walk is missed. A release that was first
//! stored after the earlier walk began cannot have been missed by it, and waits for another. A page that has a marked
//! release clears the mark.
//!
//! A page of a walk keeps the digests of the keys that it has met ([`walked`](super::walked)), so
//! that the end of a walk can be compared with the walk before it. What was rejected, folded or
//! older was served too. A page with a reject whose key is unknown may have served anything, so a
//! walk with such a page proves nothing. What a `load` has brought belongs to no walk.
//!
//! The stored keys are read only if a release may be unmarked that neither walk has met: if the walk
//! before this one has missed some that the one before it has met, if that is not known, or if a run
//! between the two has stored releases. If the marks would be too many, the feed is damaged rather
//! than emptied, so none is made.

use std::sync::atomic::{AtomicU64, Ordering};

use jiff::Timestamp;
use serde::Serialize;
use tokio_postgres::types::Type;
use tokio_util::sync::CancellationToken;
use tracing::debug;

use crate::bulk::{Transaction, TypedParameter, next_reply};
use crate::error::{Error, Kind, Result};
use crate::failpoint;
use crate::ledger::Lease;
use crate::release::Release;
use crate::sink::Sink;
use crate::sink::changed::SortedReleases;
use crate::sink::queue::ChangedProcesses;
use crate::sink::release::collect_keys;
use crate::sink::walked::{KEY_BYTES, digest_key};

/// This many releases may be marked in any case, because a tenth of a small feed is very few.
const ALWAYS_MARKED: u64 = 10;

/// This many keys of two walks are in memory at once: 32 MiB. If the walks have more, they are
/// compared in several passes.
const MAX_KEYS: u64 = 4 << 20;

/// The releases that the publisher no longer serves or serves again, as a run has found them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Absence {
    /// The run of the complete walk with which this one was compared. It is `None` if the run is no
    /// complete walk of a whole feed, if there was no such walk before, or if one of them has met
    /// something whose key is unknown.
    pub compared_with: Option<i64>,
    /// The number of releases that were marked as absent.
    pub marked: u64,
    /// The number of releases that were marked before, and are served again.
    pub returned: u64,
    /// The number of releases that were not marked, because they are too many.
    pub withheld: u64,
}

/// A walk, and the complete walk before it.
#[derive(Debug)]
struct Walks {
    lease: Lease,
    /// The run of the walk before.
    previous: i64,
    /// The time at which the walk before began.
    since: Timestamp,
    /// True if every stored release that neither walk has met is marked already.
    has_settled: bool,
    /// True if one of the two has met nothing at all. It then says nothing about any release.
    has_empty: bool,
    /// The number of parts in which the digests of both fit into memory.
    parts: u64,
}

impl Walks {
    fn parts(&self) -> impl Iterator<Item = Part> + use<> {
        let of = self.parts;
        (0..of).map(move |nth| Part { nth, of })
    }
}

/// One of several equal parts of all digests.
#[derive(Clone, Copy, Debug)]
struct Part {
    nth: u64,
    of: u64,
}

impl Part {
    fn contains(self, digest: u64) -> bool {
        digest % self.of == self.nth
    }
}

/// The digests of a walk in order, each once.
fn sort_digests(mut digests: Vec<u64>) -> Vec<u64> {
    digests.sort_unstable();
    digests.dedup();
    digests
}

/// Counts the digests of the first list that are not in the second. Both are in order.
fn count_missing(digests: &[u64], from: &[u64]) -> u64 {
    let is_missing = |digest: &&u64| from.binary_search(digest).is_err();
    digests.iter().filter(is_missing).count() as u64
}

impl Sink {
    /// Compares a complete walk of a whole feed with the complete walk before it, and marks the
    /// releases that neither has met. `max_ratio` is the largest share of the stored releases that
    /// may be marked. Repeating it does no harm.
    ///
    /// # Errors
    ///
    /// The lease is lost ([`Kind::Lease`]), the server is unreachable for too long
    /// ([`Kind::Environment`]), or `stop` is cancelled ([`Kind::Truncated`]).
    pub async fn mark_absent(
        &self,
        lease: &Lease,
        max_ratio: f64,
        stop: &CancellationToken,
    ) -> Result<Absence> {
        let mut absence = Absence::default();
        if let Some(walks) = self.find_walks(*lease).await? {
            self.compare_walks(&walks, max_ratio, stop, &mut absence)
                .await?;
        }
        self.forget_walks(lease).await?;
        Ok(absence)
    }

    /// Returns the number of releases whose marks pages of this sink have cleared.
    #[must_use]
    pub fn count_returned(&self) -> u64 {
        self.returned.load(Ordering::Relaxed)
    }

    /// Returns true if a release of the source was marked when the first page was stored.
    pub(super) async fn has_absent(&self, transaction: &Transaction) -> Result<bool> {
        if let Some(has_absent) = self.has_absent.get() {
            return Ok(*has_absent);
        }
        let mut exchange = transaction.new_exchange();
        let sql = include_str!("../../sql/sink/has_absent.sql");
        exchange.push_query(sql, vec![(&self.source, Type::TEXT)]);
        let rows = exchange.await_last_answer().await?.rows;
        let has_absent = rows.first().is_some_and(|row| row.get(0));
        Ok(*self.has_absent.get_or_init(|| has_absent))
    }

    /// Notes that a run loads files, so that what it brings belongs to no walk.
    ///
    /// # Errors
    ///
    /// The database query fails.
    pub async fn add_load(&self, run_id: i64) -> Result<()> {
        let sql = include_str!("../../sql/sink/add_load.sql");
        let parameters = [(&self.source as _, Type::TEXT), (&run_id as _, Type::INT8)];
        self.database.query(sql, &parameters).await.map(drop)
    }

    /// Finds the complete walk before the run of the lease. Returns `None` if the two cannot be
    /// compared.
    async fn find_walks(&self, lease: Lease) -> Result<Option<Walks>> {
        let sql = include_str!("../../sql/sink/previous_walk.sql");
        let source = (&self.source as _, Type::TEXT);
        let run = (&lease.run_id as _, Type::INT8);
        let rows = self.ask(sql, &[source, run]).await?;
        let Some(row) = rows.first() else {
            return Ok(None);
        };
        if !row.try_get::<_, bool>("is_alike")? {
            return Ok(None);
        }
        let previous = row.try_get("id")?;
        let (mut keys, mut has_empty) = (0, false);
        for run_id in [previous, lease.run_id] {
            let sql = include_str!("../../sql/sink/count_walked.sql");
            let rows = self.ask(sql, &[(&run_id as _, Type::INT8)]).await?;
            let row = rows.first().expect("an aggregate has a row");
            let unknown: i64 = row.try_get("unknown_pages")?;
            if unknown > 0 {
                debug!(
                    source.name = %self.source,
                    "run {run_id} does not say which releases of {} are gone, because something with an \
                     unknown key was rejected on {unknown} of its pages",
                    self.source
                );
                return Ok(None);
            }
            let met = row.try_get::<_, i64>("keys")?.unsigned_abs();
            has_empty |= met == 0;
            keys += met;
        }
        Ok(Some(Walks {
            previous,
            since: row.try_get("started_at")?,
            has_settled: row.try_get::<_, Option<i64>>("unserved")? == Some(0)
                && !row.try_get::<_, bool>("has_others")?,
            has_empty,
            parts: keys.div_ceil(MAX_KEYS).max(1),
            lease,
        }))
    }

    async fn compare_walks(
        &self,
        walks: &Walks,
        max_ratio: f64,
        stop: &CancellationToken,
        absence: &mut Absence,
    ) -> Result<()> {
        absence.compared_with = Some(walks.previous);
        let unserved = self.count_unserved(walks).await?;
        if walks.has_settled {
            return self.set_unserved(&walks.lease, Some(unserved)).await;
        }
        let loads = self.read_loads().await?;
        let count = async || {
            let mut keys = AbsentKeys::new(self, walks, &loads, stop);
            let mut absent = 0;
            while let Some(more) = keys.next().await? {
                absent += more.len() as u64;
            }
            Ok((absent, keys.stored, keys.recent))
        };
        let retry = self.new_retry("absence", "look for releases that are gone");
        let (absent, stored, recent) = retry.run(count).await?;
        let is_many = absent > ALWAYS_MARKED && is_above(absent, stored, max_ratio);
        if is_many || (absent > 0 && walks.has_empty) {
            absence.withheld = absent;
            return self.set_unserved(&walks.lease, None).await;
        }
        if absent > 0 {
            let marked = AtomicU64::new(0);
            let mark = async || {
                let mut keys = AbsentKeys::new(self, walks, &loads, stop);
                while let Some(more) = keys.next().await? {
                    if !more.is_empty() {
                        let count = self.mark(walks, &more).await?;
                        marked.fetch_add(count, Ordering::Relaxed);
                    }
                }
                Ok(())
            };
            let retry = self.new_retry("absence", "mark releases that are gone");
            retry.run(mark).await?;
            absence.marked = marked.into_inner();
        }
        let unserved = (recent == 0).then_some(unserved);
        self.set_unserved(&walks.lease, unserved).await
    }

    /// Counts the keys that the previous walk has met and this one has not.
    async fn count_unserved(&self, walks: &Walks) -> Result<u64> {
        let mut unserved = 0;
        for part in walks.parts() {
            let before = sort_digests(self.read_digests(walks.previous, part).await?);
            let now = sort_digests(self.read_digests(walks.lease.run_id, part).await?);
            unserved += count_missing(&before, &now);
        }
        Ok(unserved)
    }

    /// Reads those digests of the keys that a walk has met that are in a part.
    async fn read_digests(&self, run_id: i64, part: Part) -> Result<Vec<u64>> {
        let sql = include_str!("../../sql/sink/next_walked_pages.sql");
        let mut digests = Vec::new();
        let (mut chain, mut number) = (String::new(), i64::MIN);
        loop {
            let parameters = [
                (&run_id as _, Type::INT8),
                (&chain as _, Type::TEXT),
                (&number as _, Type::INT8),
            ];
            let rows = self.ask(sql, &parameters).await?;
            for row in &rows {
                let keys: &[u8] = row.try_get("keys")?;
                let all = keys.chunks_exact(KEY_BYTES).map(|bytes| {
                    u64::from_be_bytes(bytes.try_into().expect("chunks have this length"))
                });
                digests.extend(all.filter(|digest| part.contains(*digest)));
            }
            let Some(last) = rows.last() else {
                return Ok(digests);
            };
            (chain, number) = (last.try_get("chain")?, last.try_get("number")?);
        }
    }

    async fn read_loads(&self) -> Result<Vec<i64>> {
        let sql = include_str!("../../sql/sink/find_loads.sql");
        let rows = self.ask(sql, &[(&self.source as _, Type::TEXT)]).await?;
        let loads = rows.first().map(|row| row.try_get("loads")).transpose()?;
        Ok(loads.unwrap_or_default())
    }

    /// Marks releases, and queues their processes. Returns how many were not marked before.
    async fn mark(&self, walks: &Walks, keys: &[StoredKey]) -> Result<u64> {
        let since = walks.since;
        let (compiled, releases): (Vec<&StoredKey>, Vec<&StoredKey>) =
            keys.iter().partition(|(_, id)| id.is_empty());
        let ocids: Vec<&str> = releases.iter().map(|(ocid, _)| &**ocid).collect();
        let ids: Vec<&str> = releases.iter().map(|(_, id)| &**id).collect();
        let compiled: Vec<&str> = compiled.iter().map(|(ocid, _)| &**ocid).collect();
        let mark = async || {
            let transaction = self.begin(&walks.lease).await?;
            let mut exchange = transaction.new_exchange();
            exchange.push_query(
                include_str!("../../sql/sink/mark_absent_releases.sql"),
                vec![
                    (&self.source, Type::TEXT),
                    (&ocids, Type::TEXT_ARRAY),
                    (&ids, Type::TEXT_ARRAY),
                    (&since, Type::TIMESTAMPTZ),
                ],
            );
            exchange.push_query(
                include_str!("../../sql/sink/mark_absent_compiled.sql"),
                vec![
                    (&self.source, Type::TEXT),
                    (&compiled, Type::TEXT_ARRAY),
                    (&since, Type::TIMESTAMPTZ),
                ],
            );
            let mut processes = ChangedProcesses::default();
            let mut marked = 0;
            for reply in exchange.await_replies().await? {
                marked += processes.add_rows(&reply?.rows)?;
            }
            if self.queues_processes {
                processes.sort();
                let mut exchange = transaction.new_exchange();
                processes.insert(&mut exchange, &self.source);
                exchange.await_last_answer().await?;
            }
            transaction.commit().await?;
            failpoint::reach("absent-marked");
            Ok(marked)
        };
        let retry = self.new_retry("absence", "mark releases that are gone");
        retry.run(mark).await
    }

    /// Notes how many keys of the previous walk this one has not met. `None` makes the next walk read
    /// the stored keys.
    async fn set_unserved(&self, lease: &Lease, unserved: Option<u64>) -> Result<()> {
        let unserved = unserved.map(|count| i64::try_from(count).unwrap_or(i64::MAX));
        let set = async || {
            let transaction = self.begin(lease).await?;
            let mut exchange = transaction.new_exchange();
            let parameters: Vec<TypedParameter<'_>> =
                vec![(&lease.run_id, Type::INT8), (&unserved, Type::INT8)];
            exchange.push_query(include_str!("../../sql/sink/set_unserved.sql"), parameters);
            exchange.await_last_answer().await?;
            transaction.commit().await
        };
        let retry = self.new_retry("absence", "note what a walk has met");
        retry.run(set).await
    }

    /// Deletes the keys of the walks before this one, with which no walk is compared any more.
    async fn forget_walks(&self, lease: &Lease) -> Result<()> {
        let forget = async || {
            let transaction = self.begin(lease).await?;
            let mut exchange = transaction.new_exchange();
            exchange.push_query(
                include_str!("../../sql/sink/forget_walks.sql"),
                vec![(&self.source, Type::TEXT), (&lease.run_id, Type::INT8)],
            );
            let deleted = exchange.await_last_answer().await?.affected;
            transaction.commit().await?;
            Ok(deleted)
        };
        loop {
            let retry = self.new_retry("absence", "forget earlier walks");
            if retry.run(forget).await? == 0 {
                return Ok(());
            }
        }
    }

    /// Queries the database, again and again while it is unreachable.
    async fn ask(
        &self,
        sql: &str,
        parameters: &[TypedParameter<'_>],
    ) -> Result<Vec<tokio_postgres::Row>> {
        let retry = self.new_retry("question", "compare two walks");
        retry.run(|| self.database.query(sql, parameters)).await
    }
}

/// Reads the keys of the stored releases that neither of two walks has met and that are not marked.
struct AbsentKeys<'a> {
    sink: &'a Sink,
    walks: &'a Walks,
    loads: &'a [i64],
    stop: &'a CancellationToken,
    /// The parts that are still to be read.
    parts: Box<dyn Iterator<Item = Part> + Send + 'a>,
    part: Option<OpenPart>,
    /// The number of stored releases that were read, whether or not a walk has met them.
    stored: u64,
    /// The number of those that neither walk has met, but that were first stored after the earlier one
    /// began.
    recent: u64,
}

struct OpenPart {
    part: Part,
    /// The digests that the walks have met, in order.
    met: Vec<u64>,
    /// Its cursor reads the stored keys.
    reader: Transaction,
}

impl<'a> AbsentKeys<'a> {
    fn new(
        sink: &'a Sink,
        walks: &'a Walks,
        loads: &'a [i64],
        stop: &'a CancellationToken,
    ) -> Self {
        Self {
            parts: Box::new(walks.parts()),
            part: None,
            stored: 0,
            recent: 0,
            sink,
            walks,
            loads,
            stop,
        }
    }

    /// Reads some stored keys, and returns those that are absent. Returns `None` at the end.
    async fn next(&mut self) -> Result<Option<Vec<StoredKey>>> {
        if self.stop.is_cancelled() {
            let message = "stopped before the releases that are gone were marked";
            return Err(Error::new(Kind::Truncated, message));
        }
        let open = match &mut self.part {
            Some(open) => open,
            none => match self.parts.next() {
                Some(part) => none.insert(self.walks.open(self.sink, self.loads, part).await?),
                None => return Ok(None),
            },
        };
        let mut exchange = open.reader.new_exchange();
        let fetch = include_str!("../../sql/sink/fetch_stored_keys.sql");
        exchange.push_query(fetch, Vec::new());
        let rows = exchange.await_last_answer().await?.rows;
        let mut absent = Vec::new();
        for row in &rows {
            let (ocid, id): (&str, &str) = (row.try_get(0)?, row.try_get(1)?);
            let digest = digest_key(ocid, id);
            if open.part.contains(digest) {
                self.stored += 1;
                if open.met.binary_search(&digest).is_ok() {
                    continue;
                }
                match row.try_get(2)? {
                    true => absent.push((ocid.to_owned(), id.to_owned())),
                    false => self.recent += 1,
                }
            }
        }
        if rows.is_empty()
            && let Some(open) = self.part.take()
        {
            // all keys are read, so an error here changes nothing
            drop(open.reader.roll_back().await);
        }
        Ok(Some(absent))
    }
}

impl Walks {
    /// Reads which digests of a part the walks have met, and opens a cursor over the stored keys.
    async fn open(&self, sink: &Sink, loads: &[i64], part: Part) -> Result<OpenPart> {
        let mut met = sink.read_digests(self.previous, part).await?;
        met.extend(sink.read_digests(self.lease.run_id, part).await?);
        let reader = Transaction::begin(&sink.database, &sink.session).await?;
        let mut exchange = reader.new_exchange();
        exchange.push_query(
            include_str!("../../sql/sink/find_stored_keys.sql"),
            vec![
                (&sink.source, Type::TEXT),
                (&loads, Type::INT8_ARRAY),
                (&self.since, Type::TIMESTAMPTZ),
            ],
        );
        exchange.await_last_answer().await?;
        Ok(OpenPart {
            part,
            met: sort_digests(met),
            reader,
        })
    }
}

/// The ocid and the id of a stored release. A compiled release has an empty id.
type StoredKey = (String, String);

#[expect(
    clippy::cast_precision_loss,
    reason = "a ratio needs no more than 52 bits"
)]
fn is_above(part: u64, of: u64, ratio: f64) -> bool {
    part as f64 > ratio * of as f64
}

/// Clears the marks of the releases of a page, because the publisher serves them, and adds their
/// processes. Returns the number of cleared marks.
pub(super) async fn clear_marks(
    transaction: &Transaction,
    source: &String,
    releases: &[Release],
    processes: &mut ChangedProcesses,
) -> Result<u64> {
    let SortedReleases { releases, compiled } = SortedReleases::new(releases);
    let (ocids, ids) = collect_keys(releases);
    let (compiled, _) = collect_keys(compiled);
    let mut exchange = transaction.new_exchange();
    exchange.push_query(
        include_str!("../../sql/sink/clear_absent_releases.sql"),
        vec![
            (source, Type::TEXT),
            (&ocids, Type::TEXT_ARRAY),
            (&ids, Type::TEXT_ARRAY),
        ],
    );
    exchange.push_query(
        include_str!("../../sql/sink/clear_absent_compiled.sql"),
        vec![(source, Type::TEXT), (&compiled, Type::TEXT_ARRAY)],
    );
    let mut replies = exchange.await_replies().await?.into_iter();
    let mut cleared = 0;
    for _ in 0..2 {
        cleared += processes.add_rows(&next_reply(&mut replies)??.rows)?;
    }
    Ok(cleared)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_of_one_walk_that_another_has_not_met_are_counted_once() {
        let before = sort_digests(vec![5, 1, 3, 3, 9]);
        assert_eq!(before, [1, 3, 5, 9]);
        let now = sort_digests(vec![9, 5, 2]);
        assert_eq!(count_missing(&before, &now), 2);
        assert_eq!(count_missing(&now, &before), 1);
        assert_eq!(count_missing(&now, &now), 0);
    }

    #[test]
    fn parts_hold_each_digest_once() {
        let of = 3;
        let parts = (0..of).map(|nth| Part { nth, of });
        for digest in [0, 1, 2, 7, u64::MAX] {
            assert_eq!(
                parts.clone().filter(|part| part.contains(digest)).count(),
                1
            );
        }
    }

    #[test]
    fn a_share_is_above_a_ratio_only_if_it_exceeds_it() {
        assert!(is_above(11, 100, 0.1));
        assert!(!is_above(10, 100, 0.1));
        assert!(!is_above(100, 100, 1.0));
        assert!(is_above(1, 100, 0.0));
    }
}
