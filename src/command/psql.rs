//! `psql`: opens psql on the configured database.

use std::process::ExitCode;

use tokio::signal::unix::{SignalKind, signal};

use crate::cli::Global;
use crate::command::{load_config, with_database};
use crate::error::{Error, Result};

pub(super) async fn psql(global: &Global, arguments: &[String]) -> Result<ExitCode> {
    let config = load_config(global)?;
    // psql handles Ctrl-C itself. Without this handler, Ctrl-C would end this program and the
    // local server.
    let _interrupts = signal(SignalKind::interrupt())
        .map_err(|e| Error::unexpected("listen to signals").with_source(e))?;
    with_database(&config, async |database| {
        let mut psql = tokio::process::Command::from(database.psql_command());
        let status = psql.args(arguments).status().await.map_err(|e| {
            Error::environment("start psql, which comes with PostgreSQL's client package")
                .with_source(e)
        })?;
        let code = status.code().and_then(|code| u8::try_from(code).ok());
        Ok(ExitCode::from(code.unwrap_or(1)))
    })
    .await
}
