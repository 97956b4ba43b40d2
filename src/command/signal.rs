//! Handles signals. The first signal asks a task to stop within a time limit. The second signal
//! ends the process.

use std::time::Duration;

use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;
use tracing::warn;

use crate::error::{Error, Kind, Result};

/// Runs a task with a token that the first SIGTERM or SIGINT cancels. If the task has not ended
/// `grace` later, it is aborted, because it may wait forever for a lock or for an unreachable
/// database.
pub(super) async fn run_with_grace<T>(
    grace: Duration,
    task: impl AsyncFnOnce(&CancellationToken) -> Result<T>,
) -> Result<T> {
    let stop = cancel_on_signal()?;
    let overdue = async {
        stop.cancelled().await;
        tokio::time::sleep(grace).await;
    };
    tokio::select! {
        done = Box::pin(task(&stop)) => done,
        () = overdue => Err(Error::new(
            Kind::Truncated,
            format!(
                "the command did not end within the {grace:?} of `shutdown.grace`; \
                 uncommitted work is rolled back, and the next run resumes"
            ),
        )),
    }
}

/// Returns a token that the first SIGTERM or SIGINT cancels. The second signal ends the process
/// at once, with the exit code that a shell expects. The server then rolls back uncommitted work.
fn cancel_on_signal() -> Result<CancellationToken> {
    let listen =
        |kind| signal(kind).map_err(|e| Error::unexpected("listen to signals").with_source(e));
    let mut terminate = listen(SignalKind::terminate())?;
    let mut interrupt = listen(SignalKind::interrupt())?;
    let stop = CancellationToken::new();
    let token = stop.clone();
    tokio::spawn(async move {
        loop {
            let code = tokio::select! {
                _ = terminate.recv() => 143,
                _ = interrupt.recv() => 130,
            };
            if token.is_cancelled() {
                std::process::exit(code);
            }
            token.cancel();
            warn!(
                "stopping after what has begun is committed; a second signal ends the process at once"
            );
        }
    });
    Ok(stop)
}
