//! `status`: shows the state of each source, or the activity of the server with `--database`.
//!
//! The two outputs come from separate queries. The state of the sources is read from our tables,
//! so it waits for locks on them. The activity is read from the server's own statistics, so it
//! can be shown even if our tables are locked or missing.

use std::process::ExitCode;

use jiff::Timestamp;
use serde::Serialize;

use crate::cli::{self, Global};
use crate::command::stdout::{print_json, print_line, print_table};
use crate::command::table::format_number;
use crate::command::{connection_count, load_config, with_database};
use crate::config::Config;
use crate::database::Database;
use crate::database::activity::{self, LockWait, Statement, Statements};
use crate::error::Result;
use crate::ledger::{self, SourceStatus, StuckPosition};

pub(super) async fn status(global: &Global, options: cli::Status) -> Result<ExitCode> {
    let config = load_config(global)?;
    if options.database {
        let (statements, waits) = query_server(&config).await?;
        if options.json {
            print_server_json(&statements, &waits)?;
        } else {
            print_statements(&statements);
            print_waits(&waits);
        }
        return Ok(ExitCode::SUCCESS);
    }
    let sources = with_database(&config, async |database| {
        ledger::read_status(database).await
    })
    .await?;
    if options.json {
        for source in &sources {
            print_json(source)?;
        }
    } else {
        print_sources(&sources);
    }
    Ok(ExitCode::SUCCESS)
}

fn print_sources(sources: &[SourceStatus]) {
    if sources.is_empty() {
        return print_line("nothing has run yet; `ocds-ingest sources` lists the known sources");
    }
    let header = [
        "source",
        "last run",
        "state",
        "since",
        "pages",
        "stored",
        "absent",
        "newest release",
        "all up to",
        "quarantined",
        "unread",
    ];
    let date = |date: Option<Timestamp>| date.map_or_else(String::new, |date| format!("{date:.0}"));
    let rows = sources.iter().map(|source| {
        [
            source.source.clone(),
            format!("{} {}", source.kind, source.run_id),
            source.state.clone(),
            format!("{:.0}", source.ended_at.unwrap_or(source.started_at)),
            format_number(source.pages),
            format_number(source.stored),
            format_number(source.absent),
            date(source.newest),
            date(source.watermark),
            format_number(source.quarantined),
            describe_unread(source),
        ]
    });
    print_table(header, &[4, 5, 6, 9], rows);
    for status in sources {
        let source = &status.source;
        if let Some(error) = &status.error {
            print_line("");
            print_line(format_args!("{source}: {error}"));
        }
        if let Some(stuck) = &status.stuck {
            let StuckPosition {
                page,
                answer,
                since,
                days,
            } = stuck;
            let days = match days {
                1 => "1 day".to_owned(),
                days => format!("{days} days"),
            };
            print_line(format_args!(
                "{source}: stuck at page {page} since {since:.0}, on {days}: {answer}"
            ));
        }
    }
}

/// Returns the columns with unreadable values, each with their number.
fn describe_unread(source: &SourceStatus) -> String {
    let columns = source.unread.iter();
    let columns =
        columns.map(|(column, releases)| format!("{column} {}", format_number(*releases)));
    columns.collect::<Vec<_>>().join(", ")
}

/// Queries the server's statistics. The connection applies no migrations.
async fn query_server(config: &Config) -> Result<(Statements, Vec<LockWait>)> {
    let database = Database::open(&config.database, connection_count(config)).await?;
    let result = async {
        let statements = activity::list_statements(&database).await?;
        Ok((statements, activity::list_lock_waits(&database).await?))
    }
    .await;
    database.close().await?;
    result
}

/// A line of the output of `status --database --json`.
#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Line<'a> {
    Statement(&'a Statement),
    StatementsUnknown { message: &'a str },
    LockWait(&'a LockWait),
}

fn print_server_json(statements: &Statements, waits: &[LockWait]) -> Result<()> {
    match statements {
        Statements::Unavailable(message) => print_json(&Line::StatementsUnknown { message })?,
        Statements::Listed(statements) => {
            for statement in statements {
                print_json(&Line::Statement(statement))?;
            }
        }
    }
    for wait in waits {
        print_json(&Line::LockWait(wait))?;
    }
    Ok(())
}

fn print_statements(statements: &Statements) {
    let statements = match statements {
        Statements::Unavailable(message) => return print_line(format_args!("{message}")),
        Statements::Listed(statements) if statements.is_empty() => {
            return print_line("the server has no statistics of statements on our tables");
        }
        Statements::Listed(statements) => statements,
    };
    let header = ["total s", "calls", "mean ms", "rows/call", "statement"];
    let rows = statements.iter().map(|statement| {
        [
            format!("{:.3}", statement.total_milliseconds / 1_000.0),
            format_number(statement.calls),
            format!("{:.2}", statement.mean_milliseconds),
            format!("{:.1}", statement.rows_per_call),
            shorten_statement(&statement.statement),
        ]
    });
    print_table(header, &[0, 1, 2, 3], rows);
}

/// Shortens a statement by cutting out its middle, because statements differ at the beginning and
/// at the end.
fn shorten_statement(statement: &str) -> String {
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
    print_line("");
    if waits.is_empty() {
        return print_line("no session waits for a lock on our tables");
    }
    let header = [
        "waiting",
        "application",
        "state",
        "table",
        "for",
        "mode",
        "seconds",
        "blocked by",
    ];
    let rows = waits.iter().map(|wait| {
        let blockers: Vec<String> = wait.blocked_by.iter().map(i32::to_string).collect();
        [
            wait.pid.to_string(),
            wait.application_name.clone(),
            wait.state.clone().unwrap_or_default(),
            wait.tables.join(", "),
            wait.waits_for.clone(),
            wait.mode.clone(),
            wait.waited_seconds
                .map_or_else(String::new, |seconds| format!("{seconds:.1}")),
            blockers.join(", "),
        ]
    });
    print_table(header, &[0, 6], rows);
}
