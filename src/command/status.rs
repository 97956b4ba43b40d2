//! `status`: where each source stands; with `--database`, what the server is
//! busy with.
//!
//! The two are asked apart. Where sources stand is counted in our tables, behind
//! whatever lock is on them; the server's own view needs neither them nor their
//! schema, so that it answers when they do not.

use std::process::ExitCode;

use jiff::Timestamp;
use serde::Serialize;

use crate::cli::{self, Global};
use crate::command::answer::{answer, answer_json, answer_table};
use crate::command::table::{grouped, right, table};
use crate::command::{connections, load, with_database};
use crate::config::Config;
use crate::database::Database;
use crate::database::activity::{self, LockWait, Statement, Statements};
use crate::error::Result;
use crate::ledger::{self, SourceStatus};

pub(super) async fn status(global: &Global, options: cli::Status) -> Result<ExitCode> {
    let config = load(global)?;
    if options.database {
        let (statements, waits) = ask_server(&config).await?;
        if options.json {
            print_server_json(&statements, &waits)?;
        } else {
            print_statements(&statements);
            print_waits(&waits);
        }
        return Ok(ExitCode::SUCCESS);
    }
    let sources = with_database(&config, async |database| ledger::status(database).await).await?;
    if options.json {
        for source in &sources {
            answer_json(source)?;
        }
    } else {
        print_sources(&sources);
    }
    Ok(ExitCode::SUCCESS)
}

fn print_sources(sources: &[SourceStatus]) {
    if sources.is_empty() {
        return answer(format_args!(
            "nothing has run yet; `ocds-ingest sources` lists what can"
        ));
    }
    let mut rows = table([
        "source",
        "last run",
        "state",
        "since",
        "pages",
        "stored",
        "newest release",
        "all up to",
        "quarantined",
    ]);
    let date = |date: Option<Timestamp>| date.map_or_else(String::new, |date| format!("{date:.0}"));
    for source in sources {
        rows.add_row([
            source.source.clone(),
            format!("{} {}", source.kind, source.run_id),
            source.state.clone(),
            format!("{:.0}", source.ended_at.unwrap_or(source.started_at)),
            grouped(source.pages),
            grouped(source.stored),
            date(source.newest),
            date(source.watermark),
            grouped(source.quarantined),
        ]);
    }
    right(&mut rows, &[4, 5, 8]);
    answer_table(&rows);
    for source in sources.iter().filter(|source| source.error.is_some()) {
        answer(format_args!(""));
        answer(format_args!(
            "{}: {}",
            source.source,
            source.error.as_deref().unwrap_or_default()
        ));
    }
}

/// Asks on a connection that nothing is migrated on.
async fn ask_server(config: &Config) -> Result<(Statements, Vec<LockWait>)> {
    let database = Database::open(&config.database, connections(config)).await?;
    let asked = async {
        let statements = activity::statements(&database).await?;
        Ok((statements, activity::lock_waits(&database).await?))
    }
    .await;
    database.close().await?;
    asked
}

/// A line of `status --database --json`.
#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Line<'a> {
    Statement(&'a Statement),
    StatementsUnknown { message: &'a str },
    LockWait(&'a LockWait),
}

fn print_server_json(statements: &Statements, waits: &[LockWait]) -> Result<()> {
    match statements {
        Statements::Unknown(message) => answer_json(&Line::StatementsUnknown { message })?,
        Statements::Listed(statements) => {
            for statement in statements {
                answer_json(&Line::Statement(statement))?;
            }
        }
    }
    for wait in waits {
        answer_json(&Line::LockWait(wait))?;
    }
    Ok(())
}

fn print_statements(statements: &Statements) {
    let statements = match statements {
        Statements::Unknown(message) => return answer(format_args!("{message}")),
        Statements::Listed(statements) if statements.is_empty() => {
            return answer(format_args!(
                "the server has counted no statement on our tables"
            ));
        }
        Statements::Listed(statements) => statements,
    };
    let mut rows = table(["total s", "calls", "mean ms", "rows/call", "statement"]);
    for statement in statements {
        rows.add_row([
            format!("{:.3}", statement.total_milliseconds / 1_000.0),
            grouped(statement.calls),
            format!("{:.2}", statement.mean_milliseconds),
            format!("{:.1}", statement.rows_per_call),
            shortened(&statement.statement),
        ]);
    }
    right(&mut rows, &[0, 1, 2, 3]);
    answer_table(&rows);
}

/// What tells statements apart is at their beginning and at their end.
fn shortened(statement: &str) -> String {
    const BEGINNING: usize = 60;
    const END: usize = 30;
    let chars: Vec<char> = statement.chars().collect();
    if chars.len() <= BEGINNING + END {
        return statement.to_owned();
    }
    let text = |chars: &[char]| chars.iter().collect::<String>();
    let (beginning, end) = (text(&chars[..BEGINNING]), text(&chars[chars.len() - END..]));
    format!("{} … {}", beginning.trim_end(), end.trim_start())
}

fn print_waits(waits: &[LockWait]) {
    answer(format_args!(""));
    if waits.is_empty() {
        return answer(format_args!("nobody waits for a lock on our tables"));
    }
    let mut rows = table([
        "waiting",
        "application",
        "state",
        "table",
        "for",
        "mode",
        "seconds",
        "blocked by",
    ]);
    for wait in waits {
        let blockers: Vec<String> = wait.blocked_by.iter().map(i32::to_string).collect();
        rows.add_row([
            wait.pid.to_string(),
            wait.application_name.clone(),
            wait.state.clone().unwrap_or_default(),
            wait.tables.join(", "),
            wait.waits_for.clone(),
            wait.mode.clone(),
            wait.waited_seconds
                .map_or_else(String::new, |seconds| format!("{seconds:.1}")),
            blockers.join(", "),
        ]);
    }
    right(&mut rows, &[0, 6]);
    answer_table(&rows);
}
