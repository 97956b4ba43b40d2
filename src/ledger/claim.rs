//! Taking the lease: the right to write a source, as a row of `ocds.run`.

use std::collections::{HashMap, HashSet};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use tokio_postgres::types::{ToSql, Type};
use tracing::warn;

use crate::config;
use crate::database::{Database, Lent, limited};
use crate::error::{Error, Kind, Result};
use crate::ledger::transaction::{LOCK_TIMEOUT, Transaction, set_limits};
use crate::ledger::verify::{Incomplete, verify_ended_runs};
use crate::ledger::{Holder, PageSet, Requests, RunKind, RunSpec};
use crate::page::{Chain, Cursor, Position};
use crate::retry::Patience;

/// The right to write a source, proven by each commit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lease {
    /// The run that holds it.
    pub run_id: i64,
    /// Raised by each taking; a commit under an older one changes nothing.
    pub epoch: i32,
    /// When it was taken, by the server's clock. A server that has lost a claim gives the
    /// same epoch, or the same run, to the next one, at another time.
    pub taken_at: Timestamp,
}

/// A lease just taken, and where its run stands.
#[derive(Debug)]
pub struct Claim {
    /// What each commit proves.
    pub lease: Lease,
    /// Where an unfinished run goes on; `None` for a new one.
    pub resume: Option<Resume>,
    /// What keeps the lease alive and ends the run.
    pub holder: Holder,
}

/// Where an unfinished run goes on: its chains that have pages before a gap.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Resume {
    /// In the order of their names.
    pub chains: Vec<ResumedChain>,
    /// How many pages behind a gap are no longer the run's, though what they stored
    /// is there.
    pub dropped: u64,
}

/// A chain of an unfinished run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResumedChain {
    /// Which one.
    pub chain: Chain,
    /// The last page before its first gap.
    pub after: u64,
    /// The page that follows; `None` if that was the chain's last.
    pub next: Option<Position>,
    /// How many items its pages have till there.
    pub items: u64,
}

impl Resume {
    /// Whether the run has stored nothing yet.
    #[must_use]
    pub fn is_blank(&self) -> bool {
        self.chains.is_empty() && self.dropped == 0
    }

    /// The last page of a plain feed before its first gap.
    #[must_use]
    pub fn page(&self) -> Option<u64> {
        let mut chains = self.chains.iter();
        let plain = chains.find(|resumed| resumed.chain == Chain::default())?;
        Some(plain.after)
    }
}

/// The most tries against others who claim the same source at the same time.
const TRIES: u32 = 50;

/// How long to wait before looking again at who holds the source: first, and at most.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// About as many statements as an attempt has.
const STATEMENTS: u32 = 12;

/// Takes the lease of a source for a run.
///
/// A holder is dead whose heartbeat is older than `lease.ttl`, or who has missed one and
/// whose backend is gone; behind a pooler, which closes backends of the living, the
/// heartbeat alone decides. A dead holder is taken over at once. Another one is waited for
/// as long as `lease.wait`, and longer if it is not known to be alive: if it has missed a
/// heartbeat, or a pooler is between and it has not renewed its lease meanwhile. A database
/// that is away meanwhile is spec again, each time for as long as `database.retry_for`.
///
/// # Errors
/// Another run holds the source ([`Kind::Lease`]; the message says who and
/// since when), or the database cannot be spec.
pub async fn claim(database: &Database, spec: &RunSpec, settings: &config::Lease) -> Result<Claim> {
    let claiming = Claiming {
        database,
        spec,
        settings,
        unanswered: Mutex::new(None),
        first_seen: Mutex::new(None),
    };
    let deadline = Instant::now() + settings.wait;
    // by then a holder that says nothing is dead, unless the server's clock was set back
    let final_deadline = Instant::now() + settings.wait.max(settings.ttl + LOCK_TIMEOUT);
    let mut pause = FIRST_PAUSE;
    loop {
        let what = format!("claim source {}", spec.source);
        let patience = Patience::new("question", what, database.settings().retry_for);
        let attempt = patience.of(&spec.source).over(|| claiming.among_others());
        match attempt.await? {
            Ok(claim) => return Ok(claim),
            Err(HeldBy { holder, is_alive }) => {
                let now = Instant::now();
                if (is_alive && now >= deadline) || now >= final_deadline {
                    let message = format!("source {} is held by {holder}", spec.source);
                    return Err(Error::new(Kind::Lease, message));
                }
            }
        }
        tokio::time::sleep(pause).await;
        pause = (2 * pause).min(LONGEST_PAUSE);
    }
}

/// Somebody who is not known to be dead.
struct HeldBy {
    /// Who, and since when, for people.
    holder: String,
    /// Whether the holder is known to be alive.
    is_alive: bool,
}

/// What is claimed, and what is known of attempts before.
struct Claiming<'a> {
    database: &'a Database,
    spec: &'a RunSpec,
    settings: &'a config::Lease,
    /// What the last attempt was to commit. If its reply was lost, that may be what
    /// holds the source now, and nobody else.
    unanswered: Mutex<Option<Unanswered>>,
    /// The last heartbeat of the holder that was seen first, and when it was seen.
    first_seen: Mutex<Option<(Timestamp, Instant)>>,
}

#[derive(Clone, Copy)]
struct Unanswered {
    lease: Lease,
    is_new: bool,
}

impl Claiming<'_> {
    /// Attempts until nobody else does so at the same time.
    async fn among_others(&self) -> Result<Result<Claim, HeldBy>> {
        let mut tries = 0;
        loop {
            tries += 1;
            let mut connection = self.database.lend().await?;
            let attempt = self.attempt(&mut connection);
            match limited(self.database.reply_limit() * STATEMENTS, attempt).await? {
                Ok(Ok((taken, resume))) => {
                    let source = &self.spec.source;
                    let lease = taken.lease;
                    let database = self.database.clone();
                    let holder =
                        Holder::new(database, connection, source, taken, self.settings.heartbeat);
                    return Ok(Ok(Claim {
                        lease,
                        resume,
                        holder,
                    }));
                }
                Ok(Err(held_by)) => {
                    connection.give_back();
                    return Ok(Err(held_by));
                }
                Err(error) if tries < TRIES && is_race(&error) => {}
                Err(error) => return Err(error.into()),
            }
            tokio::time::sleep(FIRST_PAUSE).await;
        }
    }

    /// One transaction.
    async fn attempt(
        &self,
        connection: &mut Lent,
    ) -> Result<Result<(Taken, Option<Resume>), HeldBy>, tokio_postgres::Error> {
        let transaction = connection.transaction().await?;
        set_limits(&transaction, self.database.settings()).await?;
        let same = match self.running(&transaction).await? {
            Running::Alive(held_by) => {
                transaction.rollback().await?;
                return Ok(Err(held_by));
            }
            Running::Dead {
                run_id,
                is_same: true,
            } => Some(run_id),
            Running::Dead {
                run_id,
                is_same: false,
            } => {
                abandon(&transaction, run_id).await?;
                None
            }
            Running::None => {
                let sql = include_str!("../../sql/ledger/lock_ended_runs.sql");
                transaction
                    .query_typed(sql, &[(&self.spec.source, Type::TEXT)])
                    .await?;
                None
            }
        };
        let incomplete = verify_ended_runs(&transaction, self.spec).await?;
        // a run that goes on would move the watermark over what it goes back for
        let is_set_back = self.spec.kind == RunKind::Incremental
            && incomplete.iter().any(Incomplete::is_incremental);
        let run_id = match same {
            Some(run_id) if is_set_back => {
                abandon(&transaction, run_id).await?;
                None
            }
            None if !is_set_back => unfinished(&transaction, self.spec).await?,
            same => same,
        };
        let (taken, resume) = self.begin(&transaction, run_id).await?;
        let (lease, is_new) = (taken.lease, resume.is_none());
        *self.unanswered.lock().expect(UNPOISONED) = Some(Unanswered { lease, is_new });
        transaction.commit().await?;
        for run in incomplete {
            run.log(&self.spec.source);
        }
        Ok(Ok((taken, resume)))
    }

    /// Takes the run that goes on, or starts a new one.
    async fn begin(
        &self,
        transaction: &Transaction<'_>,
        run_id: Option<i64>,
    ) -> Result<(Taken, Option<Resume>), tokio_postgres::Error> {
        // before a connection has led to another backend, only this tells of a pooler
        let is_pooled = !self.database.settings().prepare;
        let heartbeat = self.settings.heartbeat.as_secs_f64();
        let holder = [
            (&is_pooled as _, Type::BOOL),
            (&heartbeat as _, Type::FLOAT8),
        ];
        let Some(run_id) = run_id else {
            return Ok((start(transaction, self.spec, holder).await?, None));
        };
        let mut taken = take(transaction, run_id, holder).await?;
        let resume = resume(transaction, run_id, self.spec).await?;
        for resumed in &resume.chains {
            let first = self.spec.first_page;
            taken
                .pages
                .insert_range(&resumed.chain, first, resumed.after);
        }
        let is_begun_here = self.is_begun_here(taken.lease);
        Ok((taken, Some(resume).filter(|_| !is_begun_here)))
    }

    fn unanswered(&self) -> Option<Unanswered> {
        *self.unanswered.lock().expect(UNPOISONED)
    }

    /// Whether the run that is taken is the one that the last attempt began, and nobody
    /// has had in between.
    fn is_begun_here(&self, taken: Lease) -> bool {
        let Some(Unanswered { lease, is_new }) = self.unanswered() else {
            return false;
        };
        is_new && lease.run_id == taken.run_id && lease.epoch + 1 == taken.epoch
    }

    /// Who holds the source. One who looks dead is looked at again once his commits
    /// are locked out; one who lives is not disturbed by a lock.
    async fn running(
        &self,
        transaction: &Transaction<'_>,
    ) -> Result<Running, tokio_postgres::Error> {
        let seen = self.look(transaction).await?;
        let Running::Dead { run_id, .. } = seen else {
            return Ok(seen);
        };
        let sql = include_str!("../../sql/ledger/lock_run.sql");
        transaction
            .query_typed(sql, &[(&run_id, Type::INT8)])
            .await?;
        self.look(transaction).await
    }

    /// Judges whether the holder of a run lives. A missing backend alone is no proof of
    /// death: a holder whose connection broke makes another one for its next heartbeat.
    /// Where a pooler is between, backends prove nothing. Where the server is another one
    /// than the holder was heard at, or was started again, the holder must be able to come
    /// there first: it is watched for as long as it may take to its next heartbeat.
    fn judge(&self, row: &tokio_postgres::Row) -> Result<Life, tokio_postgres::Error> {
        let is = |column| row.try_get::<_, bool>(column);
        let heartbeat_at = row.try_get("heartbeat_at")?;
        let mut first_seen = self.first_seen.lock().expect(UNPOISONED);
        let (first, since) = *first_seen.get_or_insert((heartbeat_at, Instant::now()));
        let was_heard = first != heartbeat_at;
        let was_watched = !was_heard && since.elapsed() > 2 * self.settings.heartbeat;
        let may_lack_backend = is("is_pooled")? || (!is("is_same_server")? && !was_watched);
        let is_gone = !is("has_backend")? && !is("is_in_time")? && !may_lack_backend;
        if is_gone || !is("is_within_ttl")? {
            return Ok(Life::Dead);
        }
        let is_there = is("has_backend")? && is("is_in_time")? && !is("is_pooled")?;
        Ok(match was_heard || is_there {
            true => Life::Alive,
            false => Life::Unknown,
        })
    }

    async fn look(&self, transaction: &Transaction<'_>) -> Result<Running, tokio_postgres::Error> {
        let spec = self.spec;
        let sql = include_str!("../../sql/ledger/running_run.sql");
        let parameters = [
            (&spec.source as _, Type::TEXT),
            (&self.settings.ttl.as_secs_f64() as _, Type::FLOAT8),
            (&self.settings.heartbeat.as_secs_f64() as _, Type::FLOAT8),
        ];
        let rows = transaction.query_typed(sql, &parameters).await?;
        let Some(row) = rows.first() else {
            return Ok(Running::None);
        };
        let lease = lease(row)?;
        if self.unanswered().is_some_and(|it| it.lease == lease) {
            return Ok(Running::Dead {
                run_id: lease.run_id,
                is_same: true,
            });
        }
        let life = self.judge(row)?;
        if life != Life::Dead {
            let (owner, since): (&str, &str) = (row.try_get("owner")?, row.try_get("since")?);
            return Ok(Running::Alive(HeldBy {
                holder: format!("run {} of {owner} since {since}", lease.run_id),
                is_alive: life == Life::Alive,
            }));
        }
        let is_same = spec.unfinished.can_resume(lease.run_id)
            && row.try_get::<_, &str>("kind")? == spec.kind.as_str()
            && row.try_get::<_, &str>("definition")? == spec.definition
            && row.try_get::<_, Option<i64>>("from_page")? == spec.from_page.map(signed)
            && row.try_get::<_, Option<i64>>("to_page")? == spec.to_page.map(signed);
        Ok(Running::Dead {
            run_id: lease.run_id,
            is_same,
        })
    }
}

/// What is known of a holder.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Life {
    Alive,
    Unknown,
    Dead,
}

const UNPOISONED: &str = "nobody panics who holds it";

/// Whether somebody else was quicker: the row was locked for too long, or a
/// running run appeared.
fn is_race(error: &tokio_postgres::Error) -> bool {
    matches!(
        error.code().map(|state| state.code()),
        Some("55P03" | "23505" | "40P01" | "40001")
    )
}

enum Running {
    None,
    Alive(HeldBy),
    Dead { run_id: i64, is_same: bool },
}

/// Ends the run of a dead holder that is not resumed.
async fn abandon(transaction: &Transaction<'_>, run_id: i64) -> Result<(), tokio_postgres::Error> {
    let sql = include_str!("../../sql/ledger/abandon_run.sql");
    let parameters = [(&run_id as _, Type::INT8)];
    transaction.execute_typed(sql, &parameters).await?;
    Ok(())
}

/// The last run spec for the same, if it has not come to its end.
async fn unfinished(
    transaction: &Transaction<'_>,
    spec: &RunSpec,
) -> Result<Option<i64>, tokio_postgres::Error> {
    let sql = include_str!("../../sql/ledger/last_run.sql");
    let parameters = [
        (&spec.source as _, Type::TEXT),
        (&spec.kind.as_str() as _, Type::TEXT),
        (&spec.from_page.map(signed) as _, Type::INT8),
        (&spec.to_page.map(signed) as _, Type::INT8),
    ];
    let rows = transaction.query_typed(sql, &parameters).await?;
    let Some(row) = rows.first() else {
        return Ok(None);
    };
    let run_id = row.try_get("id")?;
    let is_unfinished = spec.unfinished.can_resume(run_id)
        && row.try_get::<_, &str>("state")? != "complete"
        && !row.try_get::<_, bool>("end_seen")?
        && row.try_get::<_, &str>("definition")? == spec.definition;
    Ok(is_unfinished.then_some(run_id))
}

/// What a holder says of its connection.
type OfHolder<'a> = [(&'a (dyn ToSql + Sync), Type); 2];

async fn start(
    transaction: &Transaction<'_>,
    spec: &RunSpec,
    holder: OfHolder<'_>,
) -> Result<Taken, tokio_postgres::Error> {
    let sql = include_str!("../../sql/ledger/start_run.sql");
    let [is_pooled, heartbeat] = holder;
    let parameters = [
        (&spec.source as _, Type::TEXT),
        (&spec.kind.as_str() as _, Type::TEXT),
        (&spec.definition as _, Type::TEXT),
        (&spec.from_page.map(signed) as _, Type::INT8),
        (&spec.to_page.map(signed) as _, Type::INT8),
        (&owner() as _, Type::TEXT),
        is_pooled,
        heartbeat,
    ];
    taken(&transaction.query_typed(sql, &parameters).await?[0])
}

async fn take(
    transaction: &Transaction<'_>,
    run_id: i64,
    holder: OfHolder<'_>,
) -> Result<Taken, tokio_postgres::Error> {
    let sql = include_str!("../../sql/ledger/take_run.sql");
    let [is_pooled, heartbeat] = holder;
    let parameters = [
        (&run_id as _, Type::INT8),
        (&owner() as _, Type::TEXT),
        is_pooled,
        heartbeat,
    ];
    taken(&transaction.query_typed(sql, &parameters).await?[0])
}

/// A lease just taken.
pub(super) struct Taken {
    pub(super) lease: Lease,
    /// What the run has spec for before.
    pub(super) before: Requests,
    /// The pages that the run has already.
    pub(super) pages: PageSet,
    /// The server that gave it.
    pub(super) server: String,
}

fn taken(row: &tokio_postgres::Row) -> Result<Taken, tokio_postgres::Error> {
    let count = |column| Ok(row.try_get::<_, i64>(column)?.unsigned_abs());
    let before = Requests {
        requests: count("requests")?,
        retries: count("retries")?,
        bytes: count("bytes")?,
    };
    Ok(Taken {
        lease: lease(row)?,
        before,
        pages: PageSet::default(),
        server: row.try_get("server")?,
    })
}

fn lease(row: &tokio_postgres::Row) -> Result<Lease, tokio_postgres::Error> {
    Ok(Lease {
        run_id: row.try_get("id")?,
        epoch: row.try_get("epoch")?,
        taken_at: row.try_get("taken_at")?,
    })
}

/// Finds the first gap of each chain of a run, and drops the pages behind it.
async fn resume(
    transaction: &Transaction<'_>,
    run_id: i64,
    spec: &RunSpec,
) -> Result<Resume, tokio_postgres::Error> {
    let rows = transaction
        .query_typed(
            include_str!("../../sql/ledger/resume_points.sql"),
            &[
                (&run_id, Type::INT8),
                (&signed(spec.first_page), Type::INT8),
            ],
        )
        .await?;
    let mut chains = Vec::with_capacity(rows.len());
    for row in &rows {
        let chain = Chain::new(row.try_get::<_, &str>("chain")?);
        let after = row.try_get::<_, i64>("number")?.unsigned_abs();
        let Ok(next) = next_position(row)? else {
            let source = &spec.source;
            warn!(
                source.name = %source,
                run.id = run_id,
                page = after,
                "run {run_id} of {source}: another version of the program stored what follows \
                 page {after}, and this one cannot read it; the chain begins anew",
            );
            continue;
        };
        let items = row.try_get::<_, i64>("items")?.unsigned_abs();
        chains.push(ResumedChain {
            chain,
            after,
            next,
            items,
        });
    }
    let chains = ordered_chains(chains, &spec.ordered_chains);
    let names: Vec<&str> = chains.iter().map(|it| it.chain.as_str()).collect();
    let last: Vec<i64> = chains.iter().map(|it| signed(it.after)).collect();
    let dropped = transaction
        .execute_typed(
            include_str!("../../sql/ledger/drop_pages_behind.sql"),
            &[
                (&run_id, Type::INT8),
                (&names, Type::TEXT_ARRAY),
                (&last, Type::INT8_ARRAY),
            ],
        )
        .await?;
    Ok(Resume { chains, dropped })
}

/// Of chains that are walked one after the other, those up to the first that is not
/// durable as a whole, that one included if it goes on in its middle.
fn ordered_chains(mut resumed: Vec<ResumedChain>, order: &[(Chain, bool)]) -> Vec<ResumedChain> {
    if order.is_empty() {
        return resumed;
    }
    let whole = resumed
        .iter()
        .map(|it| (it.chain.clone(), it.next.is_none()));
    let is_whole: HashMap<Chain, bool> = whole.collect();
    let is_done =
        |(chain, may_pass): &&(Chain, bool)| *may_pass && is_whole.get(chain) == Some(&true);
    let done = order.iter().take_while(is_done).count();
    let behind = order.get(done);
    let goes_on = behind.is_some_and(|(chain, _)| is_whole.get(chain) == Some(&false));
    let kept = order[..done + usize::from(goes_on)].iter();
    let kept: HashSet<&Chain> = kept.map(|(chain, _)| chain).collect();
    resumed.retain(|it| kept.contains(&it.chain));
    resumed
}

/// A page follows, and its cursor cannot be read, because another version of the program
/// wrote it. The page before must not be taken for the last.
pub(super) struct UnreadableCursor;

/// Reads what follows the page of a row; `None` if that is the last of its chain.
pub(super) fn next_position(
    row: &tokio_postgres::Row,
) -> Result<Result<Option<Position>, UnreadableCursor>, tokio_postgres::Error> {
    let Some(cursor) = row.try_get::<_, Option<&str>>("next_cursor")? else {
        return Ok(Ok(None));
    };
    let number = unsigned(row.try_get("next_number")?);
    let next = number.zip(Cursor::parse(cursor));
    let next = next.map(|(number, cursor)| Some(Position { number, cursor }));
    Ok(next.ok_or(UnreadableCursor))
}

/// How the newest run of a source that reached a page spec for it.
///
/// # Errors
/// The database cannot be spec.
pub async fn known_cursor(
    database: &Database,
    source: &str,
    definition: &str,
    page: u64,
) -> Result<Option<Cursor>> {
    let rows = database
        .query(
            include_str!("../../sql/ledger/page_cursor.sql"),
            &[
                (&source, Type::TEXT),
                (&Some(signed(page)), Type::INT8),
                (&definition, Type::TEXT),
            ],
        )
        .await?;
    Ok(rows.first().and_then(|row| Cursor::parse(row.get(0))))
}

/// Host and process, for people who look for the holder.
fn owner() -> String {
    let host = rustix::system::uname();
    format!(
        "{} process {}",
        host.nodename().to_string_lossy(),
        std::process::id()
    )
}

/// PostgreSQL's integers are signed.
pub(crate) fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

fn unsigned(number: Option<i64>) -> Option<u64> {
    number.and_then(|n| u64::try_from(n).ok())
}
