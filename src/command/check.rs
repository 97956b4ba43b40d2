//! `check`: whether the configuration can be used; nothing is written.

use std::process::ExitCode;

use crate::cli::{Check, Global};
use crate::command::answer::answer;
use crate::command::{connections, ingest, load, source};
use crate::config::{self, Config};
use crate::database::Database;
use crate::database::migrate::Migration;
use crate::error::{Error, Kind, Result};
use crate::extract;
use crate::fetch::{self, Client, Fetched};
use crate::source::Source;

/// A check is for somebody who waits for it.
const ATTEMPTS: u32 = 2;

pub(super) async fn check(global: &Global, options: Check) -> Result<ExitCode> {
    let config = load(global)?;
    let names = names(&config, &options.source)?;
    let mut codes = vec![0];
    for name in &names {
        let source = source(&config, name)?;
        codes.push(said(
            name,
            Client::new(source, &config.fetch).map(|_| "can be used".into()),
        ));
    }
    if options.connect {
        codes.push(said("database", check_database(&config).await));
        for name in &names {
            let source = source(&config, name)?;
            codes.push(said(name, check_page(source, &config).await));
        }
    }
    Ok(ingest::worst(codes))
}

/// The sources asked for, else those that the configuration's files declare.
fn names(config: &Config, asked: &[String]) -> Result<Vec<String>> {
    if !asked.is_empty() {
        return Ok(asked.to_vec());
    }
    Ok(config.declared_sources())
}

fn said(what: &str, result: Result<String>) -> u8 {
    match result {
        Ok(found) => {
            answer(format_args!("ok    {what}: {found}"));
            0
        }
        Err(error) => {
            answer(format_args!("fail  {what}: {}", error.chain()));
            error.exit_code()
        }
    }
}

async fn check_database(config: &Config) -> Result<String> {
    let database = Database::open(&config.database, connections(config)).await?;
    let described = database.describe();
    let pending = database.pending().await;
    database.close().await?;
    let pending = pending?;
    if pending.is_empty() {
        return Ok(format!("{described}, schema up to date"));
    }
    let names: Vec<String> = pending.iter().map(Migration::file).collect();
    Ok(format!(
        "{described}, migrations to apply: {}",
        names.join(", ")
    ))
}

/// Fetches the first page and says what it found.
async fn check_page(source: &Source, config: &Config) -> Result<String> {
    let limits = config::Fetch {
        attempts: config.fetch.attempts.min(ATTEMPTS),
        ..config.fetch.clone()
    };
    let client = Client::new(source, &limits)?;
    let page = match client.page(&fetch::first(source)).await? {
        Fetched::Page(page) => page,
        Fetched::Unreadable(page) => {
            let message = format!("the first page cannot be read: {}", page.message);
            return Err(Error::new(Kind::Truncated, message));
        }
    };
    let options = extract::Options::new(source, &config.extract);
    let extracted = extract::extract(&page, &options);
    let more = match (&page.next, page.total_pages) {
        (_, Some(total)) => format!("{total} pages in all"),
        (Some(_), None) => "more pages follow".into(),
        (None, None) => "no page follows".into(),
    };
    let (good, bad) = (extracted.releases.len(), extracted.rejects.len());
    Ok(format!(
        "{good} releases and {bad} rejects on the first page, {more}"
    ))
}
