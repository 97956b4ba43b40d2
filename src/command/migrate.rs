//! `migrate`: brings the database's schema up to date.

use std::process::ExitCode;

use crate::cli::Global;
use crate::command::stdout::print_line;
use crate::command::{connection_count, load_config};
use crate::database::Database;
use crate::error::Result;

pub(super) async fn migrate(global: &Global) -> Result<ExitCode> {
    let config = load_config(global)?;
    let database = Database::open(&config.database, connection_count(&config)).await?;
    let applied = database.migrate().await;
    database.close().await?;
    let applied = applied?;
    for migration in &applied {
        print_line(format_args!("applied {}", migration.file()));
    }
    if applied.is_empty() {
        print_line("nothing to apply");
    }
    Ok(ExitCode::SUCCESS)
}
