//! Compiles processes: while a run lasts, at its end, and as work of its own.
//!
//! A run compiles at its end what it has changed. An incremental run also compiles while it lasts,
//! so that the rows of processes follow the releases within `compile.interval`. A first run, a
//! backfill and a load do not, because a feed in the order of dates would have each process compiled
//! once for each of its releases.

use std::sync::Arc;
use std::time::{Duration, Instant};

use serde::Serialize;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::compile::{Compiled, Compiler, Until};
use crate::config::Config;
use crate::database::Database;
use crate::error::{Error, Kind, Result};
use crate::ledger::{Holder, Lease, RunKind, RunSpec, Unfinished};
use crate::metrics;
use crate::pipeline::{Progress, under_lease};
use crate::source::Source;

/// The result of the command `compile` for a source.
#[derive(Clone, Debug, Serialize)]
pub struct CompileReport {
    /// The source's name.
    pub source: String,
    /// What was compiled.
    #[serde(flatten)]
    pub compiled: Compiled,
    /// The time that it took, in seconds.
    pub duration_seconds: f64,
}

/// The pause in which a run that waits for the source can begin. It is longer than the longest
/// pause of a claim that waits.
const PAUSE_BETWEEN_SLICES: Duration = Duration::from_millis(1_200);

/// Compiles all processes of a source that are queued, in slices of time between which other runs
/// can take the source.
///
/// # Errors
///
/// Fails if another run holds the source, if the database cannot be reached, or if `stop` is
/// cancelled before the queue is empty. What was compiled before stays compiled.
pub async fn compile(
    database: &Database,
    source: &Source,
    config: &Config,
    stop: &CancellationToken,
    progress: &Arc<Progress>,
) -> Result<CompileReport> {
    let began = Instant::now();
    let compiler = Compiler::new(database.clone(), source, config)?;
    progress.set_compile(compiler.progress());
    compiler.declare().await?;
    let spec = RunSpec {
        kind: RunKind::Compile,
        unfinished: Unfinished::Restart,
        ..RunSpec::incremental(&source.name, "")
    };
    let slice = config.compile.slice.min(config.lease.ttl / 2);
    let mut compiled = Compiled::default();
    let mut slices = 0;
    while !compiler.is_up_to_date().await? {
        if stop.is_cancelled() {
            tell_compiled(&source.name, &compiled);
            return Err(stopped_error());
        }
        let until = Until::EmptyOrAt(Instant::now() + slice);
        let worked = under_lease(database, &spec, config, |lease, mut holder| {
            let (compiler, compiled) = (&compiler, &mut compiled);
            async move {
                let compile = compiler.compile(&lease, until, stop, compiled);
                let worked = while_renewing(&mut holder, config, compile).await;
                (holder, worked)
            }
        });
        let is_done = match worked.await {
            Ok(is_done) => is_done,
            // a run has begun between two slices; it also compiles, and the rest waits for its end
            Err(error) if error.kind() == Kind::Lease && slices > 0 => false,
            Err(error) => {
                tell_compiled(&source.name, &compiled);
                return Err(error);
            }
        };
        slices += 1;
        if !is_done {
            let pause = tokio::time::sleep(PAUSE_BETWEEN_SLICES);
            stop.run_until_cancelled(pause).await;
        }
    }
    tell_compiled(&source.name, &compiled);
    Ok(CompileReport {
        source: source.name.clone(),
        compiled,
        duration_seconds: began.elapsed().as_secs_f64(),
    })
}

/// Makes the error of compiling that was stopped.
pub(super) fn stopped_error() -> Error {
    let message = "stopped; what is not compiled yet is still in the queue";
    Error::new(Kind::Truncated, message)
}

/// Waits for work, and renews the lease until it is done.
pub(super) async fn while_renewing<T>(
    holder: &mut Holder,
    config: &Config,
    work: impl Future<Output = Result<T>>,
) -> Result<T> {
    let mut work = std::pin::pin!(work);
    loop {
        tokio::select! {
            done = &mut work => return done,
            () = tokio::time::sleep(config.lease.heartbeat) => holder.try_renew().await?,
        }
    }
}

/// Compiles processes from time to time while a run lasts.
#[derive(Debug)]
pub(super) struct CompileTask {
    is_over: CancellationToken,
    task: JoinHandle<Compiled>,
}

impl CompileTask {
    /// Begins to compile at each `interval`.
    pub(super) fn spawn(compiler: Arc<Compiler>, lease: Lease, interval: Duration) -> Self {
        let is_over = CancellationToken::new();
        let token = is_over.clone();
        let task = tokio::spawn(async move {
            let mut all = Compiled::default();
            let pause = || token.run_until_cancelled(tokio::time::sleep(interval));
            while pause().await.is_some() {
                let compiling = compiler.compile(&lease, Until::EndOfQueue, &token, &mut all);
                match compiling.await {
                    Ok(_) => {}
                    // the run notices it too
                    Err(error) if error.kind().is_lost_lease_or_data() => break,
                    Err(error) => {
                        warn!(error = %error.chain(), "could not compile processes; the run tries again");
                    }
                }
            }
            all
        });
        Self { is_over, task }
    }

    /// Ends the task, and returns what it has compiled.
    pub(super) async fn end(self) -> Result<Compiled> {
        self.is_over.cancel();
        let ended = self.task.await;
        ended.map_err(|e| Error::unexpected("compiling stopped").with_source(e))
    }
}

/// Says once how many processes could not be compiled from their releases, and counts all.
pub(super) fn tell_compiled(source: &str, compiled: &Compiled) {
    let Compiled {
        processes,
        changed,
        gone,
        failed,
        ..
    } = *compiled;
    for (outcome, n) in [
        ("changed", changed),
        ("gone", gone),
        ("unchanged", processes - changed - gone),
    ] {
        metrics::add_processes(source, outcome, n);
    }
    metrics::add_merge_errors(source, failed);
    if processes > 0 {
        info!(source.name = %source, processes, changed, gone, "compiled {processes} processes of {source}: {changed} changed, {gone} gone");
    }
    if failed > 0 {
        warn!(
            source.name = %source,
            failed,
            "the releases of {failed} processes of {source} could not be merged: \
             `ocds.process.merge_error` says why, and what is shown instead is the publisher's \
             compiled release or the newest release"
        );
    }
}
