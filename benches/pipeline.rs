//! The program itself, from a feed on loopback to rows that survive a crash,
//! against two binary `COPY`s of the same rows: `cargo bench --bench pipeline`.
//!
//! The program runs as a process of its own, and so does the publisher; the
//! server shares the machine with both. With `--large` a feed ten times as long
//! shows that memory does not grow with it.

mod copies;
mod memory;
mod noise;
mod publisher;
mod rows;
mod stand;

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use clap::Parser;
use ocds_ingest::demo::Feed;
use secrecy::ExposeSecret;
use tempfile::NamedTempFile;

use self::copies::two_copies;
use self::publisher::{Publisher, Quality, publish};
use self::rows::{Extracted, SOURCE};
use self::stand::{Rates, Result, Stand, judge, print};

/// How often the program's memory is looked at.
const LOOK: Duration = Duration::from_millis(10);

#[derive(Parser)]
struct Options {
    /// How many releases the feed has
    #[arg(long, default_value_t = 50_000)]
    releases: u64,
    /// How many releases a page has
    #[arg(long, default_value_t = 100)]
    page_size: u64,
    /// How many times each way is measured
    #[arg(long, default_value_t = 3)]
    rounds: usize,
    /// Run over a feed ten times as long, too
    #[arg(long)]
    large: bool,
    /// Be the publisher
    #[arg(long, hide = true)]
    publish: Option<Quality>,
    /// What cargo says
    #[arg(long, hide = true)]
    bench: bool,
}

const COPIES: &str = "two COPYs at once";
const FIRST: &str = "ocds-ingest run";
const AGAIN: &str = "ocds-ingest run, nothing new";
const BAD: &str = "ocds-ingest run, a row on each page that is refused";

#[tokio::main]
async fn main() -> Result<()> {
    let options = Options::parse();
    if let Some(quality) = options.publish {
        return publish(options.releases, options.page_size, quality).await;
    }
    let stand = Stand::start().await?;
    let mut bench = Bench {
        stand,
        rates: Rates::default(),
        peak: 0,
    };
    bench.side_by_side(&options).await?;
    if options.large {
        bench.large(&options).await?;
    }
    bench.stand.stop().await
}

struct Bench {
    stand: Stand,
    rates: Rates,
    /// The most memory that the program has had, in bytes.
    peak: u64,
}

impl Bench {
    async fn side_by_side(&mut self, options: &Options) -> Result<()> {
        let Options {
            releases,
            page_size,
            rounds,
            ..
        } = *options;
        let feed = Feed::clean(releases, page_size);
        let pages = rows::extract((1..=feed.pages()).map_while(|number| feed.page(number)));
        let count = rows::count(&pages);
        let bytes = rows::mean_bytes(&pages);
        println!(
            "{count} releases of {bytes} bytes on {} pages, medians of {rounds} rounds",
            pages.len()
        );
        let clean = Publisher::start(releases, page_size, Quality::Clean)?;
        let bad = Publisher::start(releases, page_size, Quality::Bad)?;
        // the first round finds no log file to use again
        self.copies(&pages).await?;
        self.rates = Rates::default();
        for _ in 0..rounds {
            self.copies(&pages).await?;

            self.stand.empty().await?;
            self.run(FIRST, &clean, count).await?;
            self.expect(count, 0).await?;

            self.run(AGAIN, &clean, count).await?;
            self.expect(count, 0).await?;

            self.stand.empty().await?;
            self.run(BAD, &bad, count).await?;
            self.expect(count - pages.len(), pages.len()).await?;
        }
        print(COPIES, &[("", &self.rates)]);
        let ratio = |way, to| self.rates.ratio(way, to);
        judge("run / two COPYs", ratio(FIRST, COPIES), 0.6..);
        judge(
            "run with nothing new / first run",
            ratio(AGAIN, FIRST),
            4.0..,
        );
        judge("a bad row on each page / clean", ratio(BAD, FIRST), 0.15..);
        self.judge_memory();
        Ok(())
    }

    #[expect(clippy::cast_precision_loss, reason = "less than 2^52 bytes")]
    fn judge_memory(&self) {
        judge("peak memory, MB", self.peak as f64 / 1e6, ..100.0);
    }

    async fn large(&mut self, options: &Options) -> Result<()> {
        let releases = options.releases * 10;
        println!("\n{releases} releases");
        let publisher = Publisher::start(releases, options.page_size, Quality::Clean)?;
        let count = usize::try_from(releases).expect("a feed's length");
        self.rates = Rates::default();
        self.peak = 0;
        self.stand.empty().await?;
        self.run(FIRST, &publisher, count).await?;
        self.expect(count, 0).await?;
        print(FIRST, &[("", &self.rates)]);
        self.judge_memory();
        Ok(())
    }

    async fn copies(&mut self, pages: &[Extracted]) -> Result<()> {
        self.stand.empty().await?;
        let copies = two_copies(&self.stand.database, pages);
        let (took, ()) = self.stand.time(copies).await?;
        self.rates.add(COPIES, rows::count(pages), took);
        self.expect(rows::count(pages), 0).await
    }

    /// Runs the program from its start to its end.
    async fn run(&mut self, way: &str, publisher: &Publisher, count: usize) -> Result<()> {
        let config = configuration(&publisher.url)?;
        let program = program(
            config.path(),
            self.stand.config.database.url.expose_secret(),
        );
        let (took, peak) = self.stand.time(watch(program)).await?;
        self.rates.add(way, count, took);
        self.peak = self.peak.max(peak);
        Ok(())
    }

    async fn expect(&self, stored: usize, quarantined: usize) -> Result<()> {
        let stand = &self.stand;
        let releases = stand.count("select count(*) from ocds.release").await?;
        let rejects = stand.count("select count(*) from ocds.quarantine where sqlstate = '54000'");
        let found = [releases, rejects.await?].map(usize::try_from);
        assert_eq!(found, [Ok(stored), Ok(quarantined)], "stored, quarantined");
        Ok(())
    }
}

/// A file that declares the publisher as a source.
fn configuration(url: &str) -> Result<NamedTempFile> {
    let mut file = NamedTempFile::new()?;
    writeln!(
        file,
        "[sources.{SOURCE}]\nurl = \"{url}\"\npage = {{ mode = \"link\", pointer = \"/links/next\" }}"
    )?;
    Ok(file)
}

fn program(config: &Path, database: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ocds-ingest"));
    command
        .args([
            "run",
            SOURCE,
            "--quiet",
            "--no-progress",
            "--json",
            "--config",
        ])
        .arg(config)
        .env("DATABASE_URL", database)
        .stdin(Stdio::null())
        .stdout(Stdio::null());
    command
}

/// Waits for a program, and tells the most memory that it had, in bytes.
async fn watch(mut program: Command) -> Result<u64> {
    let mut process = program.spawn()?;
    let mut peak = 0;
    let began = Instant::now();
    loop {
        peak = memory::peak(&process.id().to_string()).unwrap_or(peak);
        if let Some(status) = process.try_wait()? {
            assert!(status.success(), "{status} after {:?}", began.elapsed());
            return Ok(peak);
        }
        tokio::time::sleep(LOOK).await;
    }
}
