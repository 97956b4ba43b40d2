//! The sink against other ways of writing the same rows, two binary `COPY`s at
//! once being the fastest that the server knows: `cargo bench --bench sink`.
//!
//! Everything starts with rows in memory and ends with rows that survive a
//! crash, in a table with the same indexes and compression.

mod copies;
mod noise;
mod rows;
mod stand;

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use clap::Parser;
use jiff::Timestamp;
use ocds_ingest::bulk::Batching;
use ocds_ingest::demo::Feed;
use ocds_ingest::ledger::{self, Counts, Lease, RunSpec};
use ocds_ingest::sink::{Fetched, Sink};
use tokio_postgres::types::ToSql;

use self::copies::two_copies;
use self::noise::long_ocid;
use self::rows::{Extracted, Row, SOURCE, Shared};
use self::stand::{Rates, Result, Stand, judge, print};

/// The releases of a page.
const PAGE: u64 = 100;

#[derive(Parser)]
struct Options {
    /// How many releases are written each time
    #[arg(long, default_value_t = 20_000)]
    releases: u64,
    /// How many times each way is measured
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// Leave out the ways that are nobody's goal
    #[arg(long)]
    brief: bool,
    /// What cargo says
    #[arg(long, hide = true)]
    bench: bool,
}

const COPIES: &str = "two COPYs at once";
const SINK: &str = "the sink, 2 workers";
const AGAIN: &str = "the sink, the same pages again";
const BAD: &str = "the sink, a row in each batch that the server refuses";
const ROWS: &str = "row by row: begin, insert, commit";

#[tokio::main]
async fn main() -> Result<()> {
    let options = Options::parse();
    let feed = Feed::clean(options.releases, PAGE);
    let pages = rows::extract((1..=feed.pages()).map_while(|number| feed.page(number)));
    let stand = Stand::start().await?;
    println!(
        "{} releases of {} bytes, medians of {} rounds",
        rows::count(&pages),
        rows::mean_bytes(&pages),
        options.rounds
    );
    let mut rates = Rates::default();
    // the first round finds no log file to use again
    round(
        &stand,
        &pages,
        &Options {
            brief: true,
            ..options
        },
        &mut Rates::default(),
    )
    .await?;
    for _ in 0..options.rounds {
        round(&stand, &pages, &options, &mut rates).await?;
    }
    print(COPIES, &[("", &rates)]);
    judge("sink / two COPYs", rates.ratio(SINK, COPIES), 0.75..);
    judge(
        "same pages again / first time",
        rates.ratio(AGAIN, SINK),
        4.0..,
    );
    judge(
        "a bad row in each batch / clean",
        rates.ratio(BAD, SINK),
        0.15..,
    );
    stand.stop().await
}

/// Measures every way once.
async fn round(
    stand: &Stand,
    pages: &[Extracted],
    options: &Options,
    rates: &mut Rates,
) -> Result<()> {
    let count = rows::count(pages);
    if !options.brief {
        stand.empty().await?;
        let (took, ()) = stand.time(row_by_row(stand, pages)).await?;
        rates.add(ROWS, count, took);
        for batch in [10, 50, 100, 500] {
            stand.empty().await?;
            let (took, ()) = stand.time(multi_values(stand, pages, batch)).await?;
            let way = format!("values of {batch} rows, one connection");
            rates.add(&way, count, took);
        }
    }
    stand.empty().await?;
    let (took, ()) = stand.time(two_copies(&stand.database, pages)).await?;
    rates.add(COPIES, count, took);
    assert_eq!(stored(stand).await?, count, "COPY stores all");

    stand.empty().await?;
    let (took, counts) = sink(stand, pages).await?;
    rates.add(SINK, count, took);
    assert_eq!((stored(stand).await?, counts.quarantined), (count, 0));

    let forget = stand.database.connection().await?;
    forget.batch_execute("truncate ocds.run cascade").await?;
    drop(forget);
    let (took, counts) = sink(stand, pages).await?;
    rates.add(AGAIN, count, took);
    assert_eq!(usize::try_from(counts.unchanged), Ok(count));

    stand.empty().await?;
    let damaged = damaged(pages);
    let (took, counts) = sink(stand, &damaged).await?;
    rates.add(BAD, count, took);
    assert_eq!(usize::try_from(counts.quarantined), Ok(pages.len()));
    assert_eq!(stored(stand).await?, count - pages.len());
    Ok(())
}

async fn stored(stand: &Stand) -> Result<usize> {
    let count = stand.count("select count(*) from ocds.release").await?;
    Ok(usize::try_from(count).expect("a count"))
}

/// The sink, given pages from memory by as many tasks as it has workers.
async fn sink(stand: &Stand, pages: &[Extracted]) -> Result<(Duration, Counts)> {
    let sink = Arc::new(Sink::open(stand.database.clone(), SOURCE, &stand.config).await?);
    let spec = RunSpec::incremental(SOURCE, "");
    let claim = ledger::claim(&stand.database, &spec, &stand.config.lease).await?;
    let pages = Arc::new(Mutex::new(VecDeque::from(pages.to_vec())));
    let workers: Vec<_> = (0..stand.config.sink.workers)
        .map(|_| commit_all(Arc::clone(&sink), claim.lease, Arc::clone(&pages)))
        .collect();
    stand
        .time(async {
            let mut counts = Counts::default();
            let workers: Vec<_> = workers.into_iter().map(tokio::spawn).collect();
            for worker in workers {
                counts += worker.await??;
            }
            Ok(counts)
        })
        .await
}

async fn commit_all(
    sink: Arc<Sink>,
    lease: Lease,
    pages: Arc<Mutex<VecDeque<Extracted>>>,
) -> Result<Counts> {
    let next = || pages.lock().expect("no holder panics").pop_front();
    let mut counts = Counts::default();
    while let Some((page, releases)) = next() {
        counts += sink.commit(&lease, &page, releases, Vec::new()).await?;
    }
    Ok(counts)
}

/// The pages with one release on each, in another place on each, that only the
/// server refuses.
fn damaged(pages: &[Extracted]) -> Vec<Extracted> {
    let mut pages = pages.to_vec();
    for (number, (_, releases)) in pages.iter_mut().enumerate() {
        let at = number * 37 % releases.len();
        releases[at].key.ocid = long_ocid(number as u64);
    }
    pages
}

async fn row_by_row(stand: &Stand, pages: &[Extracted]) -> Result<()> {
    let connection = stand.database.connection().await?;
    let upsert = Fetched::new(Batching::default())?.operation;
    let insert = connection
        .prepare_typed(&upsert.sql(1), &upsert.types(1))
        .await?;
    let now = Timestamp::now();
    for (page, releases) in pages {
        let shared = Shared::of(page, now);
        for release in releases {
            let row = Row::new(release);
            let values: Vec<_> = shared.values().into_iter().chain(row.values()).collect();
            connection.batch_execute("begin").await?;
            connection.query(&insert, &values).await?;
            connection.batch_execute("commit").await?;
        }
    }
    Ok(())
}

/// Statements of many rows, one after another, a commit for each 500 rows.
async fn multi_values(stand: &Stand, pages: &[Extracted], batch: usize) -> Result<()> {
    const COMMIT: usize = 500;
    let connection = stand.database.connection().await?;
    let upsert = Fetched::new(Batching::default())?.operation;
    let insert = connection
        .prepare_typed(&upsert.sql(batch), &upsert.types(batch))
        .await?;
    let now = Timestamp::now();
    let rows: Vec<Row<'_>> = pages
        .iter()
        .flat_map(|(_, releases)| releases)
        .map(Row::new)
        .collect();
    let shared = Shared::of(&pages[0].0, now);
    for together in rows.chunks(COMMIT) {
        connection.batch_execute("begin").await?;
        for batch in together.chunks_exact(batch) {
            let mut values: Vec<&(dyn ToSql + Sync)> = shared.values().to_vec();
            values.extend(batch.iter().flat_map(|row| row.values()));
            connection.query(&insert, &values).await?;
        }
        connection.batch_execute("commit").await?;
    }
    Ok(())
}
