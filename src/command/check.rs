//! `check`: tests whether the configuration works. It writes nothing.

use std::collections::BTreeSet;
use std::num::NonZeroUsize;
use std::process::ExitCode;
use std::sync::Arc;

use futures::StreamExt as _;
use jiff::Timestamp;
use secrecy::ExposeSecret as _;
use tokio_util::sync::CancellationToken;

use crate::cli::{Check, Global};
use crate::command::stdout::print_line;
use crate::command::{connection_count, find_source, job, load_config};
use crate::config::{self, Config};
use crate::database::migrate::Migration;
use crate::database::{Database, LOCAL_URL};
use crate::error::{Error, Kind, Result};
use crate::extract;
use crate::fetch::{self, Axes, Event, Fetched, Fetcher, PageBudget, Plan, PreviousRun};
use crate::source::Source;

/// The maximum number of attempts at a page. It is small because a person waits for the result.
const MAX_ATTEMPTS: u32 = 2;

/// The maximum number of items of an index page that are fetched. A few are enough to check the
/// declaration.
const MAX_DETAILS: NonZeroUsize = NonZeroUsize::new(3).expect("not zero");

pub(super) async fn check(global: &Global, options: Check) -> Result<ExitCode> {
    let config = load_config(global)?;
    let names = match &options.source[..] {
        [] => config.declared_sources(),
        names => names.to_vec(),
    };
    let mut codes = vec![0];
    for name in &names {
        let source = find_source(&config, name)?;
        let usable = Fetcher::new(source, &config.fetch).map(|_| "can be used".into());
        codes.push(print_result(name, usable));
    }
    if !options.connect && config.database.url.expose_secret() != LOCAL_URL {
        codes.push(print_result("database", check_address(&config).await));
    }
    if options.connect {
        codes.push(print_result("database", check_database(&config).await));
        for name in &names {
            let source = find_source(&config, name)?;
            codes.push(print_result(name, check_page(source, &config).await));
        }
    }
    Ok(job::most_urgent_code(codes))
}

fn print_result(what: &str, result: Result<String>) -> u8 {
    match result {
        Ok(found) => {
            print_line(format_args!("ok    {what}: {found}"));
            0
        }
        Err(error) => {
            print_line(format_args!("fail  {what}: {}", error.chain()));
            error.exit_code()
        }
    }
}

/// Reads the address of the database. Logs a warning if a password may be sent to another machine
/// whose identity nobody verifies.
async fn check_address(config: &Config) -> Result<String> {
    let database = Database::open(&config.database, connection_count(config)).await?;
    let described = database.describe();
    database.close().await?;
    Ok(format!("{described}, not contacted without --connect"))
}

async fn check_database(config: &Config) -> Result<String> {
    let database = Database::open(&config.database, connection_count(config)).await?;
    let described = database.describe();
    let pending = database.pending_migrations().await;
    database.close().await?;
    let pending = pending?;
    if pending.is_empty() {
        return Ok(format!("{described}, schema up to date"));
    }
    let names: Vec<String> = pending.iter().map(Migration::file).collect();
    let names = names.join(", ");
    Ok(format!("{described}, migrations to apply: {names}"))
}

/// Fetches one page in the same way as a run would do it now, and describes the page's content.
async fn check_page(source: &Source, config: &Config) -> Result<String> {
    let limits = config::Fetch {
        attempts: config.fetch.attempts.min(MAX_ATTEMPTS),
        ..config.fetch.clone()
    };
    let mut source = source.clone();
    source.http.retry_max = None;
    if let Some(detail) = &mut source.detail {
        detail.together = detail.together.min(MAX_DETAILS);
    }
    let fetcher = Arc::new(Fetcher::new(&source, &limits)?);
    let axes = fetch::fetch_axes(&fetcher).await?;
    let axes_text = describe_axes(&source, &axes);
    let Some(fetched) = fetch_first_page(&source, fetcher, axes).await? else {
        return Ok(format!("no page in the newest part of it{axes_text}"));
    };
    let page = match fetched {
        Fetched::Page(page) => page,
        Fetched::Unchanged(_) => {
            let message = "the server answered with status 304 to a request without validators";
            return Err(Error::unexpected(message));
        }
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
    let chain_text = match &page.chain {
        chain if chain.as_str().is_empty() => String::new(),
        chain => format!(" of {chain}"),
    };
    Ok(format!(
        "{good} releases and {bad} rejects on the first page{chain_text}{axes_text}, {more}"
    ))
}

/// Says how many values each axis has, because only the first value is fetched.
fn describe_axes(source: &Source, axes: &[Axes]) -> String {
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

/// Fetches the first page of the feed. If the source has windows or axes, fetches the first page
/// of the newest window and of the first value of each axis. Returns `None` if there is no page.
async fn fetch_first_page(
    source: &Source,
    fetcher: Arc<Fetcher>,
    axes: Vec<Axes>,
) -> Result<Option<Fetched>> {
    let now = Timestamp::now();
    let dates = fetch::incremental(source, Some(now), now);
    let axes = axes.into_iter().take(1).collect();
    let start = fetch::Start {
        plan: Plan::new(source, dates, axes, fetch::first_page(source)).keep_newest_window(),
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
