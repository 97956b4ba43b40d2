//! `check`: tests whether the configuration works. It writes nothing.

use std::collections::{BTreeSet, HashSet};
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
use crate::page::{MorePages, Page};
use crate::source::{Pagination, Source};

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
            codes.push(print_result(name, check_pages(source, &config).await));
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

/// Fetches the first pages in the same way as a run would do it now, and describes the content of
/// the first one. Fails if they show that the declared pagination does not lead through the feed.
async fn check_pages(source: &Source, config: &Config) -> Result<String> {
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
    let mut pages = fetch_first_pages(&source, fetcher, axes).await?.into_iter();
    let Some(fetched) = pages.next() else {
        return Ok(format!("no page in the newest part of it{axes_text}"));
    };
    let page = read_page(fetched, "first")?;
    match pages.next() {
        None => check_only_page(&page)?,
        Some(second) => check_second_page(&source, &page, &read_page(second, "second")?)?,
    }
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

/// Returns the page if it could be read. `which` says which page of the feed it is.
fn read_page(fetched: Fetched, which: &str) -> Result<Page> {
    match fetched {
        Fetched::Page(page) => Ok(page),
        Fetched::Unchanged(_) => Err(Error::unexpected(
            "the server answered with status 304 to a request without validators",
        )),
        Fetched::Unreadable(page) => {
            let message = format!("the {which} page cannot be read: {}", page.message);
            Err(Error::new(Kind::Truncated, message))
        }
    }
}

/// Fails if the only page has a sign that others follow.
fn check_only_page(page: &Page) -> Result<()> {
    // the first items of an index page are followed by its other items
    let is_last = page.next.is_none() || page.entries.is_some();
    let sign = page.more_pages.as_ref().filter(|_| is_last);
    sign.map_or(Ok(()), |more_pages| {
        let why = more_pages.explain("the first page");
        Err(Error::new(Kind::Misdeclared, why))
    })
}

/// Fails if the first page has fewer items than the offset grows by, although both the second page
/// and a total show that items follow. Then a run skips items.
fn check_offset_size(source: &Source, first: &Page, second: &Page) -> Result<()> {
    let Pagination::Offset { size, .. } = &source.page else {
        return Ok(());
    };
    let items = first.item_count();
    let has_more =
        second.item_count() > 0 && first.more_pages.as_ref().is_some_and(MorePages::has_total);
    if (items as u64) >= *size || !has_more {
        return Ok(());
    }
    let message = format!(
        "the first page has {items} items, and the offset of the second one is {size} higher, so \
         the items between them are skipped: declare `size = {items}` in `page`, or ask for {size} \
         items by the publisher's parameter, in `query`"
    );
    Err(Error::new(Kind::Misdeclared, message))
}

/// Fails if the server sent the first page again for the second one, which means that it ignores
/// the number, offset or token in the request.
fn check_second_page(source: &Source, first: &Page, second: &Page) -> Result<()> {
    check_offset_size(source, first, second)?;
    let is_same = first.item_count() > 0 && first.iter_items().eq(second.iter_items());
    if !is_same || source.page.stops_at_repeated_page() {
        return Ok(());
    }
    let sign = match &first.more_pages {
        Some(more_pages) => format!("; the first page {more_pages}"),
        None => String::new(),
    };
    let parameter = match source.page.param() {
        Some(param) => format!("the parameter `{param}`"),
        None => "the place of the page in the request".into(),
    };
    Err(Error::new(
        Kind::Misdeclared,
        format!(
            "the second page has the items of the first, so the server ignores {parameter}{sign}: \
             correct `page`, or declare `page = {{ mode = \"none\" }}` if one page is the whole \
             feed"
        ),
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

/// Fetches the first two pages of the feed, or those that there are. If the source has windows or
/// axes, they are pages of the newest window and of the first value of each axis. Of an index, only
/// the first few items are fetched.
async fn fetch_first_pages(
    source: &Source,
    fetcher: Arc<Fetcher>,
    axes: Vec<Axes>,
) -> Result<Vec<Fetched>> {
    let most = if source.detail.is_some() { 1 } else { 2 };
    let now = Timestamp::now();
    let dates = fetch::incremental(source, Some(now), now);
    let axes = axes.into_iter().take(1).collect();
    let start = fetch::Start {
        plan: Plan::new(source, dates, axes, fetch::first_page(source)).keep_newest_window(),
        fullest: usize::MAX,
        until: None,
        max_pages: Some(most),
        files: Vec::new(),
        previous: PreviousRun::default(),
        refused: HashSet::new(),
        returns_to_stretch: false,
    };
    let budget = PageBudget::new(1, usize::MAX);
    let events = fetch::pages(fetcher, start, budget, CancellationToken::new());
    let mut events = std::pin::pin!(events);
    let mut pages = Vec::new();
    while let Some(event) = events.next().await {
        let error = match event {
            Ok(Event::Page(fetched, _)) => {
                pages.push(*fetched);
                continue;
            }
            Ok(Event::Ended { .. } | Event::Split { .. }) => continue,
            Ok(Event::Failed(error) | Event::Gone(error)) | Err(error) => error,
        };
        // an error after the last page is about pages that the check does not fetch
        let is_after_last = pages.len() as u64 == most && error.kind() != Kind::Misdeclared;
        return if is_after_last { Ok(pages) } else { Err(error) };
    }
    Ok(pages)
}
