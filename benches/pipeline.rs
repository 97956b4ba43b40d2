//! Compares a run of the program with two binary `COPY`s of the same rows: `cargo bench --bench
//! pipeline`. A run starts with a feed on loopback and ends with rows that survive a crash.
//!
//! Processes are not compiled; the benchmark `compile` measures that.
//!
//! The program, the publisher and the server are three processes on the same machine. With
//! `--large`, the program also runs over a feed that is ten times as long. This shows that memory
//! does not grow with the feed.

mod copies;
mod long_ocid;
mod process_memory;
mod publisher;
mod rates;
mod rows;
mod server;

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use clap::Parser;
use ocds_ingest::demo::Feed;
use secrecy::ExposeSecret;
use tempfile::NamedTempFile;

use self::copies::run_two_copies;
use self::publisher::{Publisher, Quality, publish};
use self::rates::{Rates, check_goal, print_rates};
use self::rows::{Extracted, SOURCE};
use self::server::{BenchServer, Result};

/// The pause between two readings of the program's memory.
const SAMPLE_INTERVAL: Duration = Duration::from_millis(10);

#[derive(Parser)]
struct Options {
    /// The number of releases of the feed
    #[arg(long, default_value_t = 50_000)]
    releases: u64,
    /// The number of releases on a page
    #[arg(long, default_value_t = 100)]
    page_size: u64,
    /// The number of times that each method is measured
    #[arg(long, default_value_t = 3)]
    rounds: usize,
    /// Also run over a feed that is ten times as long
    #[arg(long)]
    large: bool,
    /// Run as the publisher
    #[arg(long, hide = true)]
    publish: Option<Quality>,
    /// An argument that cargo passes
    #[arg(long, hide = true)]
    bench: bool,
}

const COPIES: &str = "two COPYs at once";
const FIRST: &str = "ocds-ingest run";
const UNCHANGED: &str = "ocds-ingest run, nothing new";
const BAD: &str = "ocds-ingest run, a row on each page that is refused";

#[tokio::main]
async fn main() -> Result<()> {
    let options = Options::parse();
    if let Some(quality) = options.publish {
        return publish(options.releases, options.page_size, quality).await;
    }
    let server = BenchServer::start().await?;
    let mut bench = Bench {
        server,
        rates: Rates::default(),
        peak: 0,
    };
    bench.compare(&options).await?;
    if options.large {
        bench.run_large_feed(&options).await?;
    }
    bench.server.stop().await
}

struct Bench {
    server: BenchServer,
    rates: Rates,
    /// The peak of the program's resident memory in bytes.
    peak: u64,
}

impl Bench {
    async fn compare(&mut self, options: &Options) -> Result<()> {
        let Options {
            releases,
            page_size,
            rounds,
            ..
        } = *options;
        let feed = Feed::clean(releases, page_size);
        let pages = rows::extract_pages((1..=feed.pages()).map_while(|number| feed.page(number)));
        let count = rows::count_releases(&pages);
        let bytes = rows::mean_bytes(&pages);
        println!(
            "{count} releases of {bytes} bytes on {} pages, medians of {rounds} rounds",
            pages.len()
        );
        let clean = Publisher::start(releases, page_size, Quality::Clean)?;
        let bad = Publisher::start(releases, page_size, Quality::Bad)?;
        // The first round does not count, because the server has no log files to reuse yet.
        self.measure_copies(&pages).await?;
        self.rates = Rates::default();
        for _ in 0..rounds {
            self.measure_copies(&pages).await?;

            self.server.empty().await?;
            self.measure_run(FIRST, &clean, count).await?;
            self.check_counts(count, 0).await?;

            self.measure_run(UNCHANGED, &clean, count).await?;
            self.check_counts(count, 0).await?;

            self.server.empty().await?;
            self.measure_run(BAD, &bad, count).await?;
            self.check_counts(count - pages.len(), pages.len()).await?;
        }
        print_rates(COPIES, &[("", &self.rates)]);
        let ratio = |method, to| self.rates.median_ratio(method, to);
        check_goal("run / two COPYs", ratio(FIRST, COPIES), 0.6..);
        check_goal(
            "run with nothing new / first run",
            ratio(UNCHANGED, FIRST),
            4.0..,
        );
        check_goal("a bad row on each page / clean", ratio(BAD, FIRST), 0.15..);
        self.check_memory();
        Ok(())
    }

    #[expect(clippy::cast_precision_loss, reason = "less than 2^52 bytes")]
    fn check_memory(&self) {
        check_goal("peak memory, MB", self.peak as f64 / 1e6, ..100.0);
    }

    async fn run_large_feed(&mut self, options: &Options) -> Result<()> {
        let releases = options.releases * 10;
        println!("\n{releases} releases");
        let publisher = Publisher::start(releases, options.page_size, Quality::Clean)?;
        let count = usize::try_from(releases).expect("a feed's length");
        self.rates = Rates::default();
        self.peak = 0;
        self.server.empty().await?;
        self.measure_run(FIRST, &publisher, count).await?;
        self.check_counts(count, 0).await?;
        print_rates(FIRST, &[("", &self.rates)]);
        self.check_memory();
        Ok(())
    }

    async fn measure_copies(&mut self, pages: &[Extracted]) -> Result<()> {
        self.server.empty().await?;
        let copies = run_two_copies(&self.server.database, pages);
        let (duration, ()) = self.server.time(copies).await?;
        self.rates
            .add(COPIES, rows::count_releases(pages), duration);
        self.check_counts(rows::count_releases(pages), 0).await
    }

    async fn measure_run(
        &mut self,
        method: &str,
        publisher: &Publisher,
        count: usize,
    ) -> Result<()> {
        let config = write_configuration(&publisher.url)?;
        let command = build_command(
            config.path(),
            self.server.config.database.url.expose_secret(),
        );
        let (duration, peak) = self.server.time(run_and_read_peak(command)).await?;
        self.rates.add(method, count, duration);
        self.peak = self.peak.max(peak);
        Ok(())
    }

    async fn check_counts(&self, stored: usize, quarantined: usize) -> Result<()> {
        let server = &self.server;
        let releases = server.count("select count(*) from ocds.release").await?;
        let rejects = server.count("select count(*) from ocds.quarantine where sqlstate = '54000'");
        let found = [releases, rejects.await?].map(usize::try_from);
        assert_eq!(found, [Ok(stored), Ok(quarantined)], "stored, quarantined");
        Ok(())
    }
}

/// Writes a configuration that declares the publisher as a source.
fn write_configuration(url: &str) -> Result<NamedTempFile> {
    let mut file = NamedTempFile::new()?;
    writeln!(
        file,
        "[sources.{SOURCE}]\nurl = \"{url}\"\npage = {{ mode = \"link\", pointer = \"/links/next\" }}\n\
         compile = false"
    )?;
    Ok(file)
}

fn build_command(config: &Path, database: &str) -> Command {
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

/// Runs a program to its end. Returns the peak of its resident memory in bytes.
async fn run_and_read_peak(mut command: Command) -> Result<u64> {
    let mut process = command.spawn()?;
    let mut peak = 0;
    let began = Instant::now();
    loop {
        peak = process_memory::peak(&process.id().to_string()).unwrap_or(peak);
        if let Some(status) = process.try_wait()? {
            assert!(status.success(), "{status} after {:?}", began.elapsed());
            return Ok(peak);
        }
        tokio::time::sleep(SAMPLE_INTERVAL).await;
    }
}
