//! Claims a source: acquires the lease that gives a run the right to write the source. The lease
//! is stored in the run's row of `ocds.run`.

use std::collections::{HashMap, HashSet};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use tokio_postgres::types::{ToSql, Type};
use tracing::warn;

use crate::config;
use crate::database::{CloseOnDrop, Database, wait_for_reply};
use crate::error::{Error, Kind, Result};
use crate::ledger::begin_transaction::{LOCK_TIMEOUT, Transaction, begin_transaction};
use crate::ledger::counts::read_requests;
use crate::ledger::hold_lease::END_STUCK_COPIES;
use crate::ledger::verify::{IncompleteRun, verify_ended_runs};
use crate::ledger::{Holder, PageSet, RunKind, RunSpec};
use crate::page::{Chain, Cursor, Position};
use crate::request::Requests;
use crate::retry::Retry;

/// The right to write a source. Every commit checks that the lease is still held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lease {
    /// The id of the run that holds the lease.
    pub run_id: i64,
    /// The number of times that the run was claimed. A commit with an older number changes
    /// nothing.
    pub epoch: i32,
    /// The time of the claim, by the server's clock. A server that has lost a claim may give the
    /// same run id and the same epoch to the next claim. Then only the time tells the two claims
    /// apart.
    pub taken_at: Timestamp,
}

impl Lease {
    /// Returns the parameters by which a statement finds the run's row while the lease is held.
    pub(super) fn parameters(&self) -> [(&(dyn ToSql + Sync), Type); 3] {
        [
            (&self.run_id, Type::INT8),
            (&self.epoch, Type::INT4),
            (&self.taken_at, Type::TIMESTAMPTZ),
        ]
    }

    /// Returns the error of a write that found that another run has the lease.
    pub(crate) fn lost_error() -> Error {
        Error::new(Kind::Lease, "another run has taken over the source")
    }
}

/// A lease that was just taken, and the state of its run.
#[derive(Debug)]
pub struct Claim {
    /// The lease that each commit must present.
    pub lease: Lease,
    /// The positions from which an unfinished run continues. It is `None` for a new run.
    pub resume: Option<Resume>,
    /// The holder of the lease, which renews the lease and ends the run.
    pub holder: Holder,
}

/// The positions from which an unfinished run continues. Only chains whose first page is durable
/// are listed. The other chains start again at their first page.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Resume {
    /// The chains in the order of their names.
    pub chains: Vec<ResumedChain>,
    /// The number of pages that come after a gap in their chain. They are removed from the run
    /// and fetched again, but the releases that they stored remain.
    pub dropped: u64,
    /// The position that earlier processes of the run could not get past.
    pub refusal: Option<Refusal>,
}

/// The same answer of a publisher to the first request of several processes of a run. The request
/// was for the same position, because a process that stores a page ends the count.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The answer, such as `status 403`.
    pub answer: String,
    /// The time of the first of these answers.
    pub since: Timestamp,
    /// The number of days, in UTC, on which the answer came.
    pub days: i32,
}

/// A chain of an unfinished run, and the position from which the chain continues.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResumedChain {
    /// The name of the chain.
    pub chain: Chain,
    /// The number of the last page before the chain's first gap.
    pub after: u64,
    /// The position of the next page to fetch. It is `None` if the chain is complete.
    pub next: Option<Position>,
    /// The number of items on the chain's pages, up to the page `after`.
    pub items: u64,
}

impl Resume {
    /// Returns true if the run has stored nothing yet.
    #[must_use]
    pub fn is_blank(&self) -> bool {
        self.chains.is_empty() && self.dropped == 0
    }

    /// Returns the number of the last page before the first gap, if the feed is a plain feed,
    /// which has a single chain without a name.
    #[must_use]
    pub fn page(&self) -> Option<u64> {
        let mut chains = self.chains.iter();
        let plain = chains.find(|resumed| resumed.chain == Chain::default())?;
        Some(plain.after)
    }
}

/// The maximum number of attempts that may fail because another process claims the same source at
/// the same time.
const MAX_TRIES: u32 = 50;

/// The first pause before the current holder of a lease is checked again. Each further pause is
/// twice as long, up to `LONGEST_PAUSE`.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// The approximate number of statements in one attempt to claim a source. The time limit of the
/// attempt is this number times the time limit of one reply.
const STATEMENTS_PER_ATTEMPT: u32 = 12;

/// Acquires the lease of a source for a run.
///
/// A holder is dead if its last heartbeat is older than `lease.ttl`, or if it has missed two
/// heartbeats and its backend is gone. A pooler closes backends of running clients, so with a
/// pooler only the heartbeat decides. A dead holder is replaced at once.
///
/// The function waits up to `lease.wait` for any other holder. It waits longer if the holder
/// may be dead: because its backend is gone, because it has missed two heartbeats, or because it
/// connects through a pooler and has not renewed its lease while this function waits; and if the
/// holder only compiles processes, because it gives the source back after `compile.slice`. If the
/// database is unreachable, each attempt is retried for up to `database.retry_for`.
///
/// # Errors
///
/// Another run holds the source ([`Kind::Lease`]), or the database query fails. In the first case
/// the message names the run, its process and the time of the claim.
pub async fn claim(database: &Database, spec: &RunSpec, settings: &config::Lease) -> Result<Claim> {
    let attempts = ClaimAttempts {
        database,
        spec,
        settings,
        unconfirmed: Mutex::new(None),
        first_seen: Mutex::new(None),
    };
    let deadline = Instant::now() + settings.wait;
    // A holder that has not renewed its lease before this deadline is dead, unless the server's
    // clock was set back.
    let final_deadline = Instant::now() + settings.wait.max(settings.ttl + LOCK_TIMEOUT);
    let mut pause = FIRST_PAUSE;
    loop {
        let what = format!("claim source {}", spec.source);
        let retry = Retry::new("question", what, database.settings().retry_for);
        let attempt = retry
            .for_source(&spec.source)
            .run(|| attempts.attempt_until_no_race());
        let current = match attempt.await? {
            Ok(claim) => return Ok(claim),
            Err(current) => current,
        };
        let now = Instant::now();
        let is_staying = current.is_alive && !current.is_compiling;
        if (is_staying && now >= deadline) || now >= final_deadline {
            let message = format!("source {} is held by {}", spec.source, current.description);
            return Err(Error::new(Kind::Lease, message));
        }
        tokio::time::sleep(pause).await;
        pause = (2 * pause).min(LONGEST_PAUSE);
    }
}

/// The holder of a source that is alive, or may be alive.
struct CurrentHolder {
    /// The run, its process and the time of the claim, as text for messages.
    description: String,
    /// True if the holder is alive. False if it may be dead.
    is_alive: bool,
    /// True if the holder only compiles processes, which it does in slices: it gives the source
    /// back soon.
    is_compiling: bool,
}

/// All attempts to claim one source, and the facts that earlier attempts have found.
struct ClaimAttempts<'a> {
    database: &'a Database,
    spec: &'a RunSpec,
    settings: &'a config::Lease,
    /// The claim that the last attempt tried to commit. If the reply to that commit was lost, the
    /// run that holds the source now may be the run of this claim.
    unconfirmed: Mutex<Option<UnconfirmedClaim>>,
    /// The time of the first heartbeat that was read from the current holder, and the time at
    /// which it was read.
    first_seen: Mutex<Option<(Timestamp, Instant)>>,
}

#[derive(Clone, Copy)]
struct UnconfirmedClaim {
    lease: Lease,
    is_new: bool,
}

impl ClaimAttempts<'_> {
    /// Attempts to claim the source, and repeats the attempt while other processes claim the
    /// source at the same time.
    async fn attempt_until_no_race(&self) -> Result<Result<Claim, CurrentHolder>> {
        let mut tries = 0;
        loop {
            tries += 1;
            let mut connection = self.database.close_on_drop_connection().await?;
            let limit = self.database.reply_limit() * STATEMENTS_PER_ATTEMPT;
            match wait_for_reply(limit, self.attempt_once(&mut connection)).await? {
                Ok(Ok((acquired, resume))) => {
                    let lease = acquired.lease;
                    let (database, source) = (self.database.clone(), &self.spec.source);
                    let heartbeat = self.settings.heartbeat;
                    let holder = Holder::new(database, connection, source, acquired, heartbeat);
                    return Ok(Ok(Claim {
                        lease,
                        resume,
                        holder,
                    }));
                }
                Ok(Err(current)) => {
                    connection.return_to_pool();
                    return Ok(Err(current));
                }
                Err(error) if tries < MAX_TRIES && is_race(&error) => {}
                Err(error) => return Err(error.into()),
            }
            tokio::time::sleep(FIRST_PAUSE).await;
        }
    }

    /// Attempts once to claim the source. The whole attempt is one transaction.
    async fn attempt_once(
        &self,
        connection: &mut CloseOnDrop,
    ) -> Result<Result<(HeldRun, Option<Resume>), CurrentHolder>, tokio_postgres::Error> {
        let transaction = begin_transaction(connection, self.database.settings()).await?;
        let resumable = match self.find_running_run(&transaction).await? {
            RunningRun::Alive(current) => {
                transaction.rollback().await?;
                return Ok(Err(current));
            }
            RunningRun::Dead { run_id, is_same } if is_same => Some(run_id),
            RunningRun::Dead { run_id, .. } => {
                abandon_run(&transaction, run_id).await?;
                None
            }
            RunningRun::None => {
                let sql = include_str!("../../sql/ledger/wait_for_late_commits.sql");
                transaction
                    .query_typed(sql, &[(&self.spec.source, Type::TEXT)])
                    .await?;
                None
            }
        };
        let incomplete = verify_ended_runs(&transaction, self.spec).await?;
        // If the watermark was set back, the missing pages must be fetched again. A resumed run
        // would move the watermark forward without fetching them, so a new run starts.
        let is_set_back = self.spec.kind == RunKind::Incremental
            && incomplete.iter().any(IncompleteRun::is_incremental);
        let run_id = match resumable {
            Some(run_id) if is_set_back => {
                abandon_run(&transaction, run_id).await?;
                None
            }
            None if !is_set_back => find_unfinished_run(&transaction, self.spec).await?,
            resumable => resumable,
        };
        let (acquired, resume) = self.start_or_resume(&transaction, run_id).await?;
        let (lease, is_new) = (acquired.lease, resume.is_none());
        *self.unconfirmed.lock().expect(UNPOISONED) = Some(UnconfirmedClaim { lease, is_new });
        transaction.commit().await?;
        for run in incomplete {
            run.log(&self.spec.source);
        }
        Ok(Ok((acquired, resume)))
    }

    async fn start_or_resume(
        &self,
        transaction: &Transaction<'_>,
        run_id: Option<i64>,
    ) -> Result<(HeldRun, Option<Resume>), tokio_postgres::Error> {
        // The program learns of a pooler by itself only when a connection has reached a second
        // backend. Until then, only this setting shows that there is a pooler.
        let is_pooled = !self.database.settings().prepare;
        let heartbeat = self.settings.heartbeat.as_secs_f64();
        let holder = [
            (&is_pooled as _, Type::BOOL),
            (&heartbeat as _, Type::FLOAT8),
        ];
        let Some(run_id) = run_id else {
            return Ok((start_run(transaction, self.spec, holder).await?, None));
        };
        let (mut acquired, refusal) = resume_run(transaction, run_id, holder).await?;
        let resume = Resume {
            refusal,
            ..prepare_resume(transaction, run_id, self.spec).await?
        };
        let (pages, first) = (&mut acquired.pages, self.spec.first_page);
        for resumed in &resume.chains {
            pages.insert_range(&resumed.chain, first, resumed.after);
        }
        let is_own_new_run = self.is_own_new_run(acquired.lease);
        Ok((acquired, Some(resume).filter(|_| !is_own_new_run)))
    }

    fn unconfirmed_claim(&self) -> Option<UnconfirmedClaim> {
        *self.unconfirmed.lock().expect(UNPOISONED)
    }

    /// Returns true if the last attempt started the acquired run and no other process has held
    /// the run since. The run is then new, although its row exists.
    fn is_own_new_run(&self, acquired: Lease) -> bool {
        let Some(UnconfirmedClaim { lease, is_new }) = self.unconfirmed_claim() else {
            return false;
        };
        is_new && lease.run_id == acquired.run_id && lease.epoch + 1 == acquired.epoch
    }

    /// Reads the run that holds the source. If its holder looks dead, the row of the run is
    /// locked to block further commits, and is then read again. No lock blocks a holder that is
    /// alive.
    async fn find_running_run(
        &self,
        transaction: &Transaction<'_>,
    ) -> Result<RunningRun, tokio_postgres::Error> {
        let running = self.read_running_run(transaction).await?;
        let RunningRun::Dead { run_id, .. } = running else {
            return Ok(running);
        };
        let limit = self.database.settings().statement_timeout;
        let limit = [(&limit.as_secs_f64() as _, Type::FLOAT8)];
        transaction.query_typed(END_STUCK_COPIES, &limit).await?;
        let sql = include_str!("../../sql/ledger/lock_run_to_take_over.sql");
        transaction
            .query_typed(sql, &[(&run_id, Type::INT8)])
            .await?;
        self.read_running_run(transaction).await
    }

    /// Decides whether the holder of a run is alive.
    ///
    /// A missing backend alone does not prove that the holder is dead, because a holder whose
    /// connection broke opens another one for its next heartbeat. With a pooler, backends prove
    /// nothing. If the server was restarted, or is not the server that received the last
    /// heartbeat, the holder needs time to connect. So the holder counts as dead only after it
    /// was watched for two heartbeat intervals.
    fn assess_holder(
        &self,
        row: &tokio_postgres::Row,
    ) -> Result<HolderState, tokio_postgres::Error> {
        let read_bool = |column| row.try_get::<_, bool>(column);
        let heartbeat_at = row.try_get("heartbeat_at")?;
        let mut first_seen = self.first_seen.lock().expect(UNPOISONED);
        let (first_heartbeat, since) = *first_seen.get_or_insert((heartbeat_at, Instant::now()));
        let has_renewed = first_heartbeat != heartbeat_at;
        let was_watched_long = !has_renewed && since.elapsed() > 2 * self.settings.heartbeat;
        let may_lack_backend =
            read_bool("is_pooled")? || (!read_bool("is_same_server")? && !was_watched_long);
        let is_gone = !read_bool("has_backend")? && !read_bool("is_in_time")? && !may_lack_backend;
        if is_gone || !read_bool("is_within_ttl")? {
            return Ok(HolderState::Dead);
        }
        let is_connected =
            read_bool("has_backend")? && read_bool("is_in_time")? && !read_bool("is_pooled")?;
        Ok(match has_renewed || is_connected {
            true => HolderState::Alive,
            false => HolderState::Unknown,
        })
    }

    async fn read_running_run(
        &self,
        transaction: &Transaction<'_>,
    ) -> Result<RunningRun, tokio_postgres::Error> {
        let spec = self.spec;
        let sql = include_str!("../../sql/ledger/running_run.sql");
        let parameters = [
            (&spec.source as _, Type::TEXT),
            (&self.settings.ttl.as_secs_f64() as _, Type::FLOAT8),
            (&self.settings.heartbeat.as_secs_f64() as _, Type::FLOAT8),
        ];
        let rows = transaction.query_typed(sql, &parameters).await?;
        let Some(row) = rows.first() else {
            return Ok(RunningRun::None);
        };
        let lease = read_lease(row)?;
        if self.unconfirmed_claim().is_some_and(|it| it.lease == lease) {
            return Ok(RunningRun::Dead {
                run_id: lease.run_id,
                is_same: true,
            });
        }
        let state = self.assess_holder(row)?;
        if state != HolderState::Dead {
            let (owner, since): (&str, &str) = (row.try_get("owner")?, row.try_get("since")?);
            return Ok(RunningRun::Alive(CurrentHolder {
                description: format!("run {} of {owner} since {since}", lease.run_id),
                is_alive: state == HolderState::Alive,
                is_compiling: row.try_get::<_, &str>("kind")? == RunKind::Compile.as_str(),
            }));
        }
        let is_same = spec.unfinished.can_resume(lease.run_id)
            && row.try_get::<_, &str>("kind")? == spec.kind.as_str()
            && row.try_get::<_, &str>("definition")? == spec.definition
            && row.try_get::<_, Option<i64>>("from_page")? == spec.from_page.map(signed)
            && row.try_get::<_, Option<i64>>("to_page")? == spec.to_page.map(signed);
        Ok(RunningRun::Dead {
            run_id: lease.run_id,
            is_same,
        })
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum HolderState {
    Alive,
    Unknown,
    Dead,
}

const UNPOISONED: &str = "no holder of this lock panics";

/// Returns true if another process was faster. The error then says that the row was locked for
/// too long, that a running run appeared, or that the transactions were in conflict.
fn is_race(error: &tokio_postgres::Error) -> bool {
    matches!(
        error.code().map(|state| state.code()),
        Some("55P03" | "23505" | "40P01" | "40001")
    )
}

enum RunningRun {
    None,
    Alive(CurrentHolder),
    Dead { run_id: i64, is_same: bool },
}

/// Ends the run of a dead holder. It is called if that run is not resumed.
async fn abandon_run(
    transaction: &Transaction<'_>,
    run_id: i64,
) -> Result<(), tokio_postgres::Error> {
    let sql = include_str!("../../sql/ledger/abandon_run.sql");
    let parameters = [(&run_id as _, Type::INT8)];
    transaction.execute_typed(sql, &parameters).await?;
    Ok(())
}

/// Returns the id of the last run with the same spec, if that run is unfinished.
async fn find_unfinished_run(
    transaction: &Transaction<'_>,
    spec: &RunSpec,
) -> Result<Option<i64>, tokio_postgres::Error> {
    let sql = include_str!("../../sql/ledger/last_ended_run.sql");
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

/// The statement parameters that describe the holder's connection. They are `is_pooled` and
/// `heartbeat_seconds`.
type HolderParameters<'a> = [(&'a (dyn ToSql + Sync), Type); 2];

async fn start_run(
    transaction: &Transaction<'_>,
    spec: &RunSpec,
    holder: HolderParameters<'_>,
) -> Result<HeldRun, tokio_postgres::Error> {
    let sql = include_str!("../../sql/ledger/start_run.sql");
    let [is_pooled, heartbeat] = holder;
    let parameters = [
        (&spec.source as _, Type::TEXT),
        (&spec.kind.as_str() as _, Type::TEXT),
        (&spec.definition as _, Type::TEXT),
        (&spec.from_page.map(signed) as _, Type::INT8),
        (&spec.to_page.map(signed) as _, Type::INT8),
        (&format_owner() as _, Type::TEXT),
        is_pooled,
        heartbeat,
    ];
    read_held_run(&transaction.query_typed(sql, &parameters).await?[0])
}

async fn resume_run(
    transaction: &Transaction<'_>,
    run_id: i64,
    holder: HolderParameters<'_>,
) -> Result<(HeldRun, Option<Refusal>), tokio_postgres::Error> {
    let sql = include_str!("../../sql/ledger/resume_run.sql");
    let [is_pooled, heartbeat] = holder;
    let parameters = [
        (&run_id as _, Type::INT8),
        (&format_owner() as _, Type::TEXT),
        is_pooled,
        heartbeat,
    ];
    let row = &transaction.query_typed(sql, &parameters).await?[0];
    let refusal = match row.try_get("refused_answer")? {
        Some(answer) => Some(Refusal {
            answer,
            since: row.try_get("refused_since")?,
            days: row.try_get("refused_days")?,
        }),
        None => None,
    };
    Ok((read_held_run(row)?, refusal))
}

/// A run whose lease is held.
#[derive(Debug)]
pub(super) struct HeldRun {
    pub(super) lease: Lease,
    /// The requests that earlier processes of the run have sent.
    pub(super) before: Requests,
    /// The pages that were found in the database by the last check.
    pub(super) pages: PageSet,
    /// The start time of the server that answered last. It identifies the server.
    pub(super) server: String,
}

fn read_held_run(row: &tokio_postgres::Row) -> Result<HeldRun, tokio_postgres::Error> {
    Ok(HeldRun {
        lease: read_lease(row)?,
        before: read_requests(row)?,
        pages: PageSet::default(),
        server: row.try_get("server")?,
    })
}

fn read_lease(row: &tokio_postgres::Row) -> Result<Lease, tokio_postgres::Error> {
    Ok(Lease {
        run_id: row.try_get("id")?,
        epoch: row.try_get("epoch")?,
        taken_at: row.try_get("taken_at")?,
    })
}

/// Finds the first gap in each chain of a run, and deletes the pages after the gap.
async fn prepare_resume(
    transaction: &Transaction<'_>,
    run_id: i64,
    spec: &RunSpec,
) -> Result<Resume, tokio_postgres::Error> {
    let sql = include_str!("../../sql/ledger/resume_points.sql");
    let first_page = signed(spec.first_page);
    let parameters = [(&run_id as _, Type::INT8), (&first_page as _, Type::INT8)];
    let rows = transaction.query_typed(sql, &parameters).await?;
    let mut chains = Vec::with_capacity(rows.len());
    for row in &rows {
        let chain = Chain::new(row.try_get::<_, &str>("chain")?);
        let after = row.try_get::<_, i64>("number")?.unsigned_abs();
        let Ok(next) = read_next_position(row)? else {
            let source = &spec.source;
            warn!(
                source.name = %source,
                run.id = run_id,
                page = after,
                "run {run_id} of {source}: another version of the program stored the position after \
                 page {after}, and this version cannot read it; the chain starts again at its first page",
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
    // The only page of a feed may show that more pages follow, and a later process cannot know
    // that from its row. So the page is fetched again.
    chains.retain(|it| !is_only_page(it, spec));
    let chains = retain_resumable(chains, &spec.ordered_chains, spec.must_keep_order);
    let names: Vec<&str> = chains.iter().map(|it| it.chain.as_str()).collect();
    let last: Vec<i64> = chains.iter().map(|it| signed(it.after)).collect();
    let sql = include_str!("../../sql/ledger/delete_pages_after_gap.sql");
    let parameters = [
        (&run_id as _, Type::INT8),
        (&names as _, Type::TEXT_ARRAY),
        (&last as _, Type::INT8_ARRAY),
    ];
    let dropped = transaction.execute_typed(sql, &parameters).await?;
    Ok(Resume {
        chains,
        dropped,
        refusal: None,
    })
}

/// Returns true if a plain feed has a single page, and this page is durable.
fn is_only_page(resumed: &ResumedChain, spec: &RunSpec) -> bool {
    resumed.chain == Chain::default() && resumed.next.is_none() && resumed.after == spec.first_page
}

/// Keeps the chains that need not be walked again from their first page. These are the chains that
/// are complete and can be skipped, and the incomplete ones, which continue in their middle. If
/// later chains override earlier ones, nothing is kept behind the first chain that is walked on or
/// again.
fn retain_resumable(
    mut resumed: Vec<ResumedChain>,
    order: &[(Chain, bool)],
    must_keep_order: bool,
) -> Vec<ResumedChain> {
    if order.is_empty() {
        return resumed;
    }
    if !must_keep_order {
        let skippable = order.iter().filter(|(_, can_skip)| *can_skip);
        let skippable: HashSet<&Chain> = skippable.map(|(chain, _)| chain).collect();
        resumed.retain(|it| it.next.is_some() || skippable.contains(&it.chain));
        return resumed;
    }
    let completeness = resumed
        .iter()
        .map(|it| (it.chain.clone(), it.next.is_none()));
    let is_complete: HashMap<Chain, bool> = completeness.collect();
    let is_skipped =
        |(chain, can_skip): &&(Chain, bool)| *can_skip && is_complete.get(chain) == Some(&true);
    let skipped = order.iter().take_while(is_skipped).count();
    let following = order.get(skipped);
    let is_resumable = following.is_some_and(|(chain, _)| is_complete.get(chain) == Some(&false));
    let kept = order[..skipped + usize::from(is_resumable)].iter();
    let kept: HashSet<&Chain> = kept.map(|(chain, _)| chain).collect();
    resumed.retain(|it| kept.contains(&it.chain));
    resumed
}

/// Says that a next page exists, but that this version of the program cannot read its cursor,
/// because another version wrote it. The current page must not be treated as the last one.
pub(super) struct UnreadableCursor;

/// Reads the position of the next page from the row of a page. Returns `None` if the page is the
/// last one of its chain.
pub(super) fn read_next_position(
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

/// Returns the cursor by which a page was requested, from the newest run of the same definition
/// that stored the page. Returns `None` if no run did. Only the pages of a feed that is one chain
/// are found, because otherwise their numbers are ambiguous.
pub async fn find_page_cursor(
    database: &Database,
    source: &str,
    definition: &str,
    page: u64,
) -> Result<Option<Cursor>> {
    let sql = include_str!("../../sql/ledger/find_page_cursor.sql");
    let parameters = [
        (&source as _, Type::TEXT),
        (&signed(page) as _, Type::INT8),
        (&definition as _, Type::TEXT),
    ];
    let rows = database.query(sql, &parameters).await?;
    Ok(rows.first().and_then(|row| Cursor::parse(row.get(0))))
}

/// Returns the names of the host and of the process, so that an operator can find the holder of a
/// lease.
fn format_owner() -> String {
    let system = rustix::system::uname();
    let host = system.nodename().to_string_lossy();
    format!("{host} process {}", std::process::id())
}

/// Converts a number to PostgreSQL's type `bigint`. A number that is too large becomes the
/// largest `bigint`.
pub(crate) fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

fn unsigned(number: Option<i64>) -> Option<u64> {
    number.and_then(|n| u64::try_from(n).ok())
}
