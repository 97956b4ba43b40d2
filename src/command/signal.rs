//! Signals: the first asks a task to end, within a time; the second ends the process.

use std::time::Duration;

use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;
use tracing::warn;

use crate::error::{Error, Kind, Result};

/// Does a task with a token that the first SIGTERM or SIGINT cancels, and gives it up if
/// it has not ended so long after that: what it waits for then, such as a lock or a
/// database that is away, would be waited for until somebody kills the process.
///
/// # Errors
/// The task's own, or [`Kind::Truncated`] if it was given up.
pub(super) async fn within_grace<T>(
    grace: Duration,
    task: impl AsyncFnOnce(&CancellationToken) -> Result<T>,
) -> Result<T> {
    let stop = stop_token()?;
    let overdue = async {
        stop.cancelled().await;
        tokio::time::sleep(grace).await;
    };
    tokio::select! {
        done = Box::pin(task(&stop)) => done,
        () = overdue => Err(Error::new(
            Kind::Truncated,
            format!(
                "not done within the {grace:?} of `shutdown.grace`; \
                 what was not committed is rolled back, and the next run goes on"
            ),
        )),
    }
}

/// A token that the first SIGTERM or SIGINT cancels. The second ends the
/// process at once, with the exit code a shell expects of it; what was not
/// committed is rolled back by the server.
fn stop_token() -> Result<CancellationToken> {
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
            warn!("stopping: what was fetched is committed; a second signal stops at once");
        }
    });
    Ok(stop)
}
