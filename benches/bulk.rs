//! Compares statements of many rows with the row-by-row loops that they replace: `cargo bench
//! --bench bulk`. Both are measured over the server's own socket and over links with longer round
//! trips.
//!
//! Each measurement starts with values in memory and ends with rows that survive a crash.
//! Statements are prepared, and executed once, before the measurement.

mod comparison;
mod item;
mod job;
mod process_memory;
#[path = "../tests/it/proxy.rs"]
mod proxy;
mod rates;
mod releases;
mod rows;
mod server;

use std::time::Duration;

use clap::Parser;
use ocds_ingest::demo::Feed;
use ocds_ingest::release::Release;

use self::comparison::Comparison;
use self::item::{Change, DELETE, INSERT, Item, UPDATE, UPDATE_WHERE, UPSERT, make_items};
use self::job::{Job, Link, WriteMethod};
use self::rates::check_goal;
use self::releases::Releases;
use self::server::{BenchServer, Result};

/// The numbers of small rows that are written. With `--brief`, only the numbers that have a goal
/// are used.
const SIZES: [usize; 4] = [100, 500, 1_000, 5_000];

/// The number of releases and the number of small rows that are written over a slow link.
const SLOW: [usize; 2] = [200, 1_000];

const FIFTY: WriteMethod = WriteMethod::Batches(50);
const HUNDRED: WriteMethod = WriteMethod::Batches(100);
const COMMITS: [WriteMethod; 2] = [WriteMethod::Commits(50), WriteMethod::Commits(100)];
const COPY: [WriteMethod; 1] = [WriteMethod::Copy];

#[derive(Parser)]
struct Options {
    /// The number of times that each method is measured over the server's own socket
    #[arg(long, default_value_t = 7)]
    rounds: usize,
    /// The number of times that each method is measured over a slow link
    #[arg(long, default_value_t = 3)]
    slow_rounds: usize,
    /// Delay each commit by this many microseconds, as a slower disk would
    #[arg(long)]
    commit_delay: Option<u32>,
    /// Measure only the sizes and methods that have a goal
    #[arg(long)]
    brief: bool,
    /// An argument that cargo passes
    #[arg(long, hide = true)]
    bench: bool,
}

#[tokio::main]
async fn main() -> Result<()> {
    let options = Options::parse();
    let feed = Feed::clean(5_000, 100);
    let pages = rows::extract_pages((1..=feed.pages()).map_while(|number| feed.page(number)));
    let bytes = rows::mean_bytes(&pages);
    let page = pages[0].0.clone();
    let releases: Vec<Release> = pages.into_iter().flat_map(|(_, some)| some).collect();
    let releases = Releases::new(&page, &releases);
    let items = make_items(5_000);
    let item_bytes = INSERT.build_job(&items)?.byte_count()?;
    println!("releases of {bytes} bytes, small rows of {item_bytes}");
    let server = BenchServer::start().await?;
    let connection = server.database.connection().await?;
    connection.batch_execute(item::SCHEMA).await?;
    let disk = options.commit_delay.map(delay_commits).unwrap_or_default();
    connection.batch_execute(&disk).await?;
    drop(connection);
    let socket = Link::open(&server, Duration::ZERO).await?;
    // Memory is measured first, because later the process would already have enough of it.
    check_memory(&server, &socket, &releases).await?;
    let [near, far] = [1, 5].map(Duration::from_millis);
    let bench = Bench {
        slow: [
            Link::open(&server, near).await?,
            Link::open(&server, far).await?,
        ],
        options,
        server,
        socket,
        items,
        releases,
    };
    bench.measure_small_rows().await?;
    bench.measure_slow_links().await?;
    bench.server.stop().await
}

/// Returns the statement that makes each commit of later sessions wait before it is written.
fn delay_commits(microseconds: u32) -> String {
    format!(
        "alter role current_user set commit_delay = {microseconds};
        alter role current_user set commit_siblings = 0"
    )
}

/// Checks how much the resident memory grows while releases are written. This works only on
/// Linux.
async fn check_memory(server: &BenchServer, link: &Link, releases: &Releases<'_>) -> Result<()> {
    let job = releases::UPSERT.build_job(releases, 5_000)?;
    // The value 5 sets the peak to the current resident memory.
    let is_reset = std::fs::write("/proc/self/clear_refs", "5").is_ok();
    let before = process_memory::peak("self");
    link.measure(server, &job, HUNDRED).await?;
    let stored = server.count("select count(*) from ocds.release").await?;
    assert_eq!(stored, 5_000, "all are stored");
    let what = "memory for 5000 releases, MB";
    match before.zip(process_memory::peak("self")) {
        Some((before, after)) if is_reset => {
            check_goal(what, (after - before) as f64 / 1e6, ..100.0);
        }
        _ => println!("{what:<58}{:>10}", "-"),
    }
    Ok(())
}

struct Bench<'r> {
    options: Options,
    server: BenchServer,
    socket: Link,
    /// Links that add one millisecond and five milliseconds to each round trip.
    slow: [Link; 2],
    items: Vec<Item>,
    releases: Releases<'r>,
}

impl Bench<'_> {
    async fn measure_small_rows(&self) -> Result<()> {
        let comparison = self
            .compare_sizes(&INSERT, &COPY, &[100, 1_000, 5_000])
            .await?;
        comparison.check_loops("1000 rows", HUNDRED, [50.0, 35.0]);
        comparison.check_loops("1000 rows", FIFTY, [35.0, 25.0]);
        // The figure is a ratio of rates.
        comparison.check_goal("5000 rows", HUNDRED, WriteMethod::Copy, ..=0.6);
        comparison.check_milliseconds("100 rows", HUNDRED, 20.0);
        comparison.check_milliseconds("1000 rows", HUNDRED, 100.0);
        comparison.check_statements("1000 rows", HUNDRED, 0.9);
        comparison.check_growth(["1000 rows", "5000 rows"], HUNDRED, 0.75);

        let comparison = self.compare_sizes(&UPDATE, &COMMITS, &[1_000]).await?;
        comparison.check_loops("1000 rows", HUNDRED, [45.0, 33.0]);
        comparison.check_loops("1000 rows", WriteMethod::Commits(100), [30.0, 22.0]);

        let comparison = self.compare_sizes(&UPDATE_WHERE, &[], &[100]).await?;
        comparison.check_goal("100 rows", HUNDRED, WriteMethod::Loop, 20.0..);

        if !self.options.brief {
            self.compare_sizes(&UPSERT, &COPY, &SIZES).await?;
            self.compare_sizes(&DELETE, &[], &SIZES).await?;
            self.measure_releases().await?;
        }
        Ok(())
    }

    /// Compares the methods of writing small rows, for several numbers of rows.
    async fn compare_sizes(
        &self,
        change: &Change,
        more: &[WriteMethod],
        goals: &[usize],
    ) -> Result<Comparison<'_>> {
        let sizes = if self.options.brief { goals } else { &SIZES };
        let mut comparison = self.new_comparison(format!("small rows, {}", change.name), more);
        for size in sizes {
            let job = change.build_job(&self.items[..*size])?;
            comparison.add_column(format!("{size} rows"), &self.socket, job);
        }
        comparison
            .measure(&self.server, self.options.rounds)
            .await?;
        Ok(comparison)
    }

    async fn measure_releases(&self) -> Result<()> {
        for change in [&releases::INSERT, &releases::UPSERT] {
            let mut comparison = self.new_comparison(format!("releases, {}", change.name), &COPY);
            for size in SIZES {
                let job = change.build_job(&self.releases, size)?;
                comparison.add_column(format!("{size} rows"), &self.socket, job);
            }
            comparison
                .measure(&self.server, self.options.rounds)
                .await?;
        }
        Ok(())
    }

    async fn measure_slow_links(&self) -> Result<()> {
        let [releases, rows] = SLOW;
        let job = || releases::UPSERT.build_job(&self.releases, releases);
        let name = format!("{releases} releases, {}", releases::UPSERT.name);
        let comparison = self.compare_links(name, &COPY, job).await?;
        comparison.check_loops("5 ms", HUNDRED, [70.0, 40.0]);
        comparison.check_loops("1 ms", HUNDRED, [30.0, 15.0]);
        if self.options.brief {
            return Ok(());
        }
        let job = || releases::INSERT.build_job(&self.releases, releases);
        let name = format!("{releases} releases, {}", releases::INSERT.name);
        self.compare_links(name, &COPY, job).await?;
        let none = &[][..];
        for (change, more) in [
            (&INSERT, &COPY[..]),
            (&UPDATE, &COMMITS),
            (&UPDATE_WHERE, none),
            (&UPSERT, &COPY),
            (&DELETE, none),
        ] {
            let job = || change.build_job(&self.items[..rows]);
            let name = format!("{rows} small rows, {}", change.name);
            self.compare_links(name, more, job).await?;
        }
        Ok(())
    }

    /// Compares the methods of doing a job over the slow links.
    async fn compare_links<'b>(
        &'b self,
        name: String,
        more: &[WriteMethod],
        job: impl Fn() -> Result<Job<'b>>,
    ) -> Result<Comparison<'b>> {
        let mut comparison = self.new_comparison(name, more);
        for link in &self.slow {
            comparison.add_column(link.name(), link, job()?);
        }
        comparison
            .measure(&self.server, self.options.slow_rounds)
            .await?;
        Ok(comparison)
    }

    /// Creates a comparison of the usual methods and of the methods in `more`.
    fn new_comparison(&self, name: String, more: &[WriteMethod]) -> Comparison<'_> {
        let mut methods = vec![WriteMethod::Loop, WriteMethod::Autocommit];
        if !self.options.brief {
            methods.push(WriteMethod::OneTransaction);
        }
        methods.extend([FIFTY, HUNDRED]);
        methods.extend(more);
        Comparison::new(name, methods)
    }
}
