//! Compares the sink with other methods of writing the same rows: `cargo bench --bench sink`. The
//! fastest method is two binary `COPY`s at the same time.
//!
//! Each method starts with rows in memory and ends with rows that survive a crash. The rows are
//! in a table with the same indexes and the same compression.

mod copies;
mod long_ocid;
mod rates;
mod rows;
mod server;

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use clap::Parser;
use jiff::Timestamp;
use ocds_ingest::bulk::Batching;
use ocds_ingest::demo::Feed;
use ocds_ingest::ledger::{self, Counts, Lease, RunSpec};
use ocds_ingest::sink::{FetchedReleases, Sink};
use ocds_ingest::source::Overwrite;
use tokio_postgres::types::ToSql;

use self::copies::run_two_copies;
use self::long_ocid::make_long_ocid;
use self::rates::{Rates, check_goal, print_rates};
use self::rows::{Extracted, Row, SOURCE, Shared};
use self::server::{BenchServer, Result};

/// The number of releases on a page.
const PAGE: u64 = 100;

#[derive(Parser)]
struct Options {
    /// The number of releases that each measurement writes
    #[arg(long, default_value_t = 20_000)]
    releases: u64,
    /// The number of times that each method is measured
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// Measure only the methods that have a goal
    #[arg(long)]
    brief: bool,
    /// An argument that cargo passes
    #[arg(long, hide = true)]
    bench: bool,
}

const COPIES: &str = "two COPYs at once";
const SINK: &str = "the sink, 2 workers";
const UNCHANGED: &str = "the sink, the same pages again";
const BAD: &str = "the sink, a row in each batch that the server refuses";
const ROWS: &str = "row by row: begin, insert, commit";

#[tokio::main]
async fn main() -> Result<()> {
    let options = Options::parse();
    let feed = Feed::clean(options.releases, PAGE);
    let pages = rows::extract_pages((1..=feed.pages()).map_while(|number| feed.page(number)));
    let server = BenchServer::start().await?;
    println!(
        "{} releases of {} bytes, medians of {} rounds",
        rows::count_releases(&pages),
        rows::mean_bytes(&pages),
        options.rounds
    );
    let mut rates = Rates::default();
    // The first round does not count, because the server has no log files to reuse yet.
    measure_round(
        &server,
        &pages,
        &Options {
            brief: true,
            ..options
        },
        &mut Rates::default(),
    )
    .await?;
    for _ in 0..options.rounds {
        measure_round(&server, &pages, &options, &mut rates).await?;
    }
    print_rates(COPIES, &[("", &rates)]);
    check_goal("sink / two COPYs", rates.median_ratio(SINK, COPIES), 0.75..);
    check_goal(
        "same pages again / first time",
        rates.median_ratio(UNCHANGED, SINK),
        4.0..,
    );
    check_goal(
        "a bad row in each batch / clean",
        rates.median_ratio(BAD, SINK),
        0.15..,
    );
    server.stop().await
}

/// Measures every method once.
async fn measure_round(
    server: &BenchServer,
    pages: &[Extracted],
    options: &Options,
    rates: &mut Rates,
) -> Result<()> {
    let count = rows::count_releases(pages);
    if !options.brief {
        server.empty().await?;
        let (duration, ()) = server.time(write_row_by_row(server, pages)).await?;
        rates.add(ROWS, count, duration);
        for batch in [10, 50, 100, 500] {
            server.empty().await?;
            let (duration, written) = server
                .time(write_multi_values(server, pages, batch))
                .await?;
            let method = format!("values of {batch} rows, one connection");
            rates.add(&method, written, duration);
        }
    }
    server.empty().await?;
    let (duration, ()) = server.time(run_two_copies(&server.database, pages)).await?;
    rates.add(COPIES, count, duration);
    assert_eq!(count_stored(server).await?, count, "COPY stores all");

    server.empty().await?;
    let (duration, counts) = measure_sink(server, pages).await?;
    rates.add(SINK, count, duration);
    assert_eq!(
        (count_stored(server).await?, counts.quarantined),
        (count, 0)
    );

    let connection = server.database.connection().await?;
    connection
        .batch_execute("truncate ocds.run cascade")
        .await?;
    drop(connection);
    let (duration, counts) = measure_sink(server, pages).await?;
    rates.add(UNCHANGED, count, duration);
    assert_eq!(usize::try_from(counts.unchanged), Ok(count));

    server.empty().await?;
    let damaged = damage_pages(pages);
    let (duration, counts) = measure_sink(server, &damaged).await?;
    rates.add(BAD, count, duration);
    assert_eq!(usize::try_from(counts.quarantined), Ok(pages.len()));
    assert_eq!(count_stored(server).await?, count - pages.len());
    Ok(())
}

async fn count_stored(server: &BenchServer) -> Result<usize> {
    let count = server.count("select count(*) from ocds.release").await?;
    Ok(usize::try_from(count).expect("a count"))
}

/// Measures the sink. The number of tasks that commit pages from memory is the sink's number of
/// workers.
async fn measure_sink(server: &BenchServer, pages: &[Extracted]) -> Result<(Duration, Counts)> {
    let sink = Arc::new(
        Sink::open(
            server.database.clone(),
            SOURCE,
            &server.config,
            Overwrite::Always,
        )
        .await?,
    );
    let spec = RunSpec::incremental(SOURCE, "");
    let claim = ledger::claim(&server.database, &spec, &server.config.lease).await?;
    let pages = Arc::new(Mutex::new(VecDeque::from(pages.to_vec())));
    let workers: Vec<_> = (0..server.config.sink.workers)
        .map(|_| commit_all(Arc::clone(&sink), claim.lease, Arc::clone(&pages)))
        .collect();
    server
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

/// Changes one release on each page, so that the server refuses it. The position of the release
/// differs from page to page.
fn damage_pages(pages: &[Extracted]) -> Vec<Extracted> {
    let mut pages = pages.to_vec();
    for (number, (_, releases)) in pages.iter_mut().enumerate() {
        let at = number * 37 % releases.len();
        releases[at].key.ocid = make_long_ocid(number as u64);
    }
    pages
}

async fn write_row_by_row(server: &BenchServer, pages: &[Extracted]) -> Result<()> {
    let connection = server.database.connection().await?;
    let upsert = FetchedReleases::new(Batching::default())?.operation;
    let insert = connection
        .prepare_typed(&upsert.sql(1), &upsert.parameter_types(1))
        .await?;
    let now = Timestamp::now();
    for (page, releases) in pages {
        let shared = Shared::new(page, now);
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

/// Writes statements of `batch` rows, one after another. There is a commit for each 500 rows.
/// Returns the number of rows written, without the last ones if they do not fill a statement.
async fn write_multi_values(
    server: &BenchServer,
    pages: &[Extracted],
    batch: usize,
) -> Result<usize> {
    const COMMIT: usize = 500;
    let connection = server.database.connection().await?;
    let upsert = FetchedReleases::new(Batching::default())?.operation;
    let insert = connection
        .prepare_typed(&upsert.sql(batch), &upsert.parameter_types(batch))
        .await?;
    let now = Timestamp::now();
    let rows: Vec<Row<'_>> = pages
        .iter()
        .flat_map(|(_, releases)| releases)
        .map(Row::new)
        .collect();
    let shared = Shared::new(&pages[0].0, now);
    let mut written = 0;
    for together in rows.chunks(COMMIT) {
        connection.batch_execute("begin").await?;
        for batch in together.chunks_exact(batch) {
            let mut values: Vec<&(dyn ToSql + Sync)> = shared.values().to_vec();
            values.extend(batch.iter().flat_map(|row| row.values()));
            connection.query(&insert, &values).await?;
            written += batch.len();
        }
        connection.batch_execute("commit").await?;
    }
    Ok(written)
}
