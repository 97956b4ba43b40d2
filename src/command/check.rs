//! `check`: whether the configuration can be used; nothing is written.

use std::collections::BTreeSet;
use std::num::NonZeroUsize;
use std::process::ExitCode;
use std::sync::Arc;

use futures::StreamExt as _;
use jiff::Timestamp;
use secrecy::ExposeSecret as _;
use tokio_util::sync::CancellationToken;

use crate::cli::{Check, Global};
use crate::command::answer::answer;
use crate::command::{connections, ingest, load, source};
use crate::config::{self, Config};
use crate::database::migrate::Migration;
use crate::database::{Database, LOCAL};
use crate::error::{Error, Kind, Result};
use crate::extract;
use crate::fetch::{self, Axes, Event, Fetched, Fetcher, PageBudget, Plan, PreviousRun};
use crate::source::Source;

/// A check is for somebody who waits for it.
const ATTEMPTS: u32 = 2;

/// How much of what an index names is asked for.
const SOME: NonZeroUsize = NonZeroUsize::new(3).expect("not zero");

pub(super) async fn check(global: &Global, options: Check) -> Result<ExitCode> {
    let config = load(global)?;
    let names = names(&config, &options.source)?;
    let mut codes = vec![0];
    for name in &names {
        let source = source(&config, name)?;
        codes.push(said(
            name,
            Fetcher::new(source, &config.fetch).map(|_| "can be used".into()),
        ));
    }
    if !options.connect && config.database.url.expose_secret() != LOCAL {
        codes.push(said("database", check_address(&config).await));
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

/// Reads where the database is, which warns of a password that may go astray there.
async fn check_address(config: &Config) -> Result<String> {
    let database = Database::open(&config.database, connections(config)).await?;
    let described = database.describe();
    database.close().await?;
    Ok(format!("{described}, not asked without --connect"))
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

/// Fetches one page as a run would now, and says what it found.
async fn check_page(source: &Source, config: &Config) -> Result<String> {
    let limits = config::Fetch {
        attempts: config.fetch.attempts.min(ATTEMPTS),
        ..config.fetch.clone()
    };
    let mut source = source.clone();
    source.http.retry_max = None;
    if let Some(detail) = &mut source.detail {
        detail.together = detail.together.min(SOME);
    }
    let fetcher = Arc::new(Fetcher::new(&source, &limits)?);
    let axes = fetch::fetch_axes(&fetcher).await?;
    let of_how_many = of_how_many(&source, &axes);
    let Some(fetched) = one_page(&source, fetcher, axes).await? else {
        return Ok(format!("the newest part of it{of_how_many} has no page"));
    };
    let page = match fetched {
        Fetched::Page(page) => page,
        Fetched::Unchanged(_) => return Err(Error::unexpected("nothing is remembered of it")),
        Fetched::Unreadable(page) => {
            let message = format!("the first page cannot be read: {}", page.message);
            return Err(Error::new(Kind::Truncated, message));
        }
    };
    let options = extract::Options::new(&source, &config.extract);
    let extracted = extract::extract(&page, &options);
    let more = match (&page.next, page.total_pages) {
        (_, Some(total)) => format!("{total} pages in all"),
        (Some(_), None) => "more pages follow".into(),
        (None, None) => "no page follows".into(),
    };
    let (good, bad) = (extracted.releases.len(), extracted.rejects.len());
    let of = match &page.chain {
        chain if chain.as_str().is_empty() => String::new(),
        chain => format!(" of {chain}"),
    };
    Ok(format!(
        "{good} releases and {bad} rejects on the first page{of}{of_how_many}, {more}"
    ))
}

/// How many values each axis has, of which the first alone is asked for.
fn of_how_many(source: &Source, axes: &[Axes]) -> String {
    let counts = source.axis.keys().map(|name| {
        let values: BTreeSet<_> = axes.iter().filter_map(|axes| axes.get(name)).collect();
        format!("the first of {} values of axis {name}", values.len())
    });
    let counts: Vec<String> = counts.collect();
    match &counts[..] {
        [] => String::new(),
        counts => format!(" ({})", counts.join(", ")),
    }
}

/// The first page of the newest window and of the first value of each axis, or of the
/// feed; `None` if there is none.
async fn one_page(
    source: &Source,
    fetcher: Arc<Fetcher>,
    axes: Vec<Axes>,
) -> Result<Option<Fetched>> {
    let now = Timestamp::now();
    let dates = fetch::incremental(source, Some(now), now);
    let axes = axes.into_iter().take(1).collect();
    let start = fetch::Start {
        plan: Plan::new(source, dates, axes, fetch::first_page(source)).newest(),
        fullest: usize::MAX,
        until: None,
        max_pages: Some(1),
        files: Vec::new(),
        previous: PreviousRun::default(),
    };
    let budget = PageBudget::new(1, usize::MAX);
    let events = fetch::pages(fetcher, start, budget, CancellationToken::new());
    let mut events = std::pin::pin!(events);
    while let Some(event) = events.next().await {
        match event? {
            Event::Page(fetched, _) => return Ok(Some(*fetched)),
            Event::Failed(error) | Event::Gone(error) => return Err(error),
            Event::Ended { .. } | Event::Split { .. } => {}
        }
    }
    Ok(None)
}
