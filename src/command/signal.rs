//! Signals: the first asks a run to end, the second ends the process.

use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;
use tracing::warn;

use crate::error::{Error, Result};

/// A token that the first SIGTERM or SIGINT cancels. The second ends the
/// process at once, with the exit code a shell expects of it; what was not
/// committed is rolled back by the server.
pub(super) fn stop_token() -> Result<CancellationToken> {
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
