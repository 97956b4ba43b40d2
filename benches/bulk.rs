//! Sets of rows against the row-by-row loops that they replace, over the server's
//! own socket and over links whose round trips take longer:
//! `cargo bench --bench bulk`.
//!
//! Every way starts with values in memory and ends with rows that survive a
//! crash. What it sends is prepared before, and has been sent once.

mod item;
mod job;
mod memory;
#[path = "../tests/it/proxy.rs"]
mod proxy;
mod releases;
mod rows;
mod stand;
mod table;

use std::time::Duration;

use clap::Parser;
use ocds_ingest::demo::Feed;
use ocds_ingest::release::Release;

use self::item::{Change, DELETE, INSERT, Item, UPDATE, UPDATE_WHERE, UPSERT, items};
use self::job::{Job, Link, Way};
use self::releases::Releases;
use self::stand::{Result, Stand, judge};
use self::table::Table;

/// How many rows are written, if nothing is left out.
const SIZES: [usize; 4] = [100, 500, 1_000, 5_000];

/// How many releases are written over a slow link, and how many small rows.
const SLOW: [usize; 2] = [200, 1_000];

const FIFTY: Way = Way::Batches(50);
const HUNDRED: Way = Way::Batches(100);
const COMMITS: [Way; 2] = [Way::Commits(50), Way::Commits(100)];
const COPY: [Way; 1] = [Way::Copy];

#[derive(Parser)]
struct Options {
    /// How many times each way is measured over the server's own socket
    #[arg(long, default_value_t = 7)]
    rounds: usize,
    /// How many times each way is measured over a slow link
    #[arg(long, default_value_t = 3)]
    slow_rounds: usize,
    /// Let commits wait for so many microseconds, as for a slower disk
    #[arg(long)]
    commit_delay: Option<u32>,
    /// Leave out what is nobody's goal
    #[arg(long)]
    brief: bool,
    /// What cargo says
    #[arg(long, hide = true)]
    bench: bool,
}

#[tokio::main]
async fn main() -> Result<()> {
    let options = Options::parse();
    let feed = Feed::clean(5_000, 100);
    let pages = rows::extract((1..=feed.pages()).map_while(|number| feed.page(number)));
    let bytes = rows::mean_bytes(&pages);
    let page = pages[0].0.clone();
    let releases: Vec<Release> = pages.into_iter().flat_map(|(_, some)| some).collect();
    let releases = Releases::of(&page, &releases);
    let items = items(5_000);
    let of_items = INSERT.job(&items)?.bytes()?;
    println!("releases of {bytes} bytes, small rows of {of_items}");
    let stand = Stand::start().await?;
    let connection = stand.database.connection().await?;
    connection.batch_execute(item::SCHEMA).await?;
    let disk = options.commit_delay.map(slower_disk).unwrap_or_default();
    connection.batch_execute(&disk).await?;
    drop(connection);
    let socket = Link::open(&stand, Duration::ZERO).await?;
    // first of all, as long as there is no memory to use again
    judge_memory(&stand, &socket, &releases).await?;
    let [near, far] = [1, 5].map(Duration::from_millis);
    let bench = Bench {
        slow: [
            Link::open(&stand, near).await?,
            Link::open(&stand, far).await?,
        ],
        options,
        stand,
        socket,
        items,
        releases,
    };
    bench.small_rows().await?;
    bench.slow_links().await?;
    bench.stand.stop().await
}

/// Makes each commit wait before it is written, in sessions to come.
fn slower_disk(microseconds: u32) -> String {
    format!(
        "alter role current_user set commit_delay = {microseconds};
        alter role current_user set commit_siblings = 0"
    )
}

/// How far resident memory rises while releases are written, on Linux.
async fn judge_memory(stand: &Stand, link: &Link, releases: &Releases<'_>) -> Result<()> {
    let job = releases::UPSERT.job(releases, 5_000)?;
    // 5 sets the high water mark back to what is resident now
    let is_set_back = std::fs::write("/proc/self/clear_refs", "5").is_ok();
    let before = memory::peak("self");
    link.measure(stand, &job, HUNDRED).await?;
    let stored = stand.count("select count(*) from ocds.release").await?;
    assert_eq!(stored, 5_000, "all are stored");
    let what = "memory for 5000 releases, MB";
    match before.zip(memory::peak("self")) {
        Some((before, after)) if is_set_back => {
            judge(what, (after - before) as f64 / 1e6, ..100.0);
        }
        _ => println!("{what:<58}{:>10}", "-"),
    }
    Ok(())
}

struct Bench<'r> {
    options: Options,
    stand: Stand,
    socket: Link,
    /// Of one millisecond more each round trip, and of five.
    slow: [Link; 2],
    items: Vec<Item>,
    releases: Releases<'r>,
}

impl Bench<'_> {
    async fn small_rows(&self) -> Result<()> {
        let table = self.by_size(&INSERT, &COPY, &[100, 1_000, 5_000]).await?;
        table.judge_loops("1000 rows", HUNDRED, [50.0, 35.0]);
        table.judge_loops("1000 rows", FIFTY, [35.0, 25.0]);
        // of rates; of times the other way round
        table.judge("5000 rows", HUNDRED, Way::Copy, ..=0.6);
        table.judge_milliseconds("100 rows", HUNDRED, 20.0);
        table.judge_milliseconds("1000 rows", HUNDRED, 100.0);
        table.judge_statements("1000 rows", HUNDRED, 0.9);
        table.judge_growth(["1000 rows", "5000 rows"], HUNDRED, 0.75);

        let table = self.by_size(&UPDATE, &COMMITS, &[1_000]).await?;
        table.judge_loops("1000 rows", HUNDRED, [45.0, 33.0]);
        table.judge_loops("1000 rows", Way::Commits(100), [30.0, 22.0]);

        let table = self.by_size(&UPDATE_WHERE, &[], &[100]).await?;
        table.judge("100 rows", HUNDRED, Way::Loop, 20.0..);

        if !self.options.brief {
            self.by_size(&UPSERT, &COPY, &SIZES).await?;
            self.by_size(&DELETE, &[], &SIZES).await?;
            self.releases().await?;
        }
        Ok(())
    }

    /// Measures what is done to small rows by their number.
    async fn by_size(&self, change: &Change, more: &[Way], goals: &[usize]) -> Result<Table<'_>> {
        let sizes = if self.options.brief { goals } else { &SIZES };
        let mut table = self.table(format!("small rows, {}", change.name), more);
        for size in sizes {
            let job = change.job(&self.items[..*size])?;
            table.column(format!("{size} rows"), &self.socket, job);
        }
        table.measure(&self.stand, self.options.rounds).await?;
        Ok(table)
    }

    async fn releases(&self) -> Result<()> {
        for change in [&releases::INSERT, &releases::UPSERT] {
            let mut table = self.table(format!("releases, {}", change.name), &COPY);
            for size in SIZES {
                let job = change.job(&self.releases, size)?;
                table.column(format!("{size} rows"), &self.socket, job);
            }
            table.measure(&self.stand, self.options.rounds).await?;
        }
        Ok(())
    }

    async fn slow_links(&self) -> Result<()> {
        let [releases, rows] = SLOW;
        let job = || releases::UPSERT.job(&self.releases, releases);
        let name = format!("{releases} releases, {}", releases::UPSERT.name);
        let table = self.by_link(name, &COPY, job).await?;
        table.judge_loops("5 ms", HUNDRED, [70.0, 40.0]);
        table.judge_loops("1 ms", HUNDRED, [30.0, 15.0]);
        if self.options.brief {
            return Ok(());
        }
        let job = || releases::INSERT.job(&self.releases, releases);
        let name = format!("{releases} releases, {}", releases::INSERT.name);
        self.by_link(name, &COPY, job).await?;
        let none = &[][..];
        for (change, more) in [
            (&INSERT, &COPY[..]),
            (&UPDATE, &COMMITS),
            (&UPDATE_WHERE, none),
            (&UPSERT, &COPY),
            (&DELETE, none),
        ] {
            let job = || change.job(&self.items[..rows]);
            let name = format!("{rows} small rows, {}", change.name);
            self.by_link(name, more, job).await?;
        }
        Ok(())
    }

    /// Measures what is done over slow links.
    async fn by_link<'b>(
        &'b self,
        name: String,
        more: &[Way],
        job: impl Fn() -> Result<Job<'b>>,
    ) -> Result<Table<'b>> {
        let mut table = self.table(name, more);
        for link in &self.slow {
            table.column(link.name(), link, job()?);
        }
        table.measure(&self.stand, self.options.slow_rounds).await?;
        Ok(table)
    }

    /// A table of the ways that anything is done, and more.
    fn table(&self, name: String, more: &[Way]) -> Table<'_> {
        let mut ways = vec![Way::Loop, Way::Autocommit];
        if !self.options.brief {
            ways.push(Way::OneTransaction);
        }
        ways.extend([FIFTY, HUNDRED]);
        ways.extend(more);
        Table::new(name, ways)
    }
}
