//! `migrate`: brings the database's schema up to date.

use std::process::ExitCode;

use crate::cli::Global;
use crate::command::answer::answer;
use crate::command::{connections, load};
use crate::database::Database;
use crate::error::Result;

pub(super) async fn migrate(global: &Global) -> Result<ExitCode> {
    let config = load(global)?;
    let database = Database::open(&config.database, connections(&config)).await?;
    let applied = database.migrate().await;
    database.close().await?;
    let applied = applied?;
    for migration in &applied {
        answer(format_args!("applied {}", migration.file()));
    }
    if applied.is_empty() {
        answer(format_args!("nothing to apply"));
    }
    Ok(ExitCode::SUCCESS)
}
