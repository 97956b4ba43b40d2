//! Measures what compiling processes adds to storing their releases: `cargo bench --bench compile`.
//!
//! A first load of releases is compared with the same load whose source is not compiled, in time
//! and in bytes on disk, for processes of one release with eight and with eighteen rows. The
//! benchmark also compiles stored releases alone, and counts what a load compiles: processes with
//! six releases each in the order of dates, a load that changes one in a hundred, and one that
//! changes nothing.

mod invented;
mod rates;
mod server;

use std::io::Write as _;
use std::path::Path;
use std::process::Command;

use clap::Parser;
use secrecy::ExposeSecret as _;
use serde_json::Value;
use tempfile::NamedTempFile;

use self::rates::{Rates, check_goal, print_rates};
use self::server::{BenchServer, Result};

#[derive(Parser)]
struct Options {
    /// The number of processes
    #[arg(long, default_value_t = 24_000)]
    processes: usize,
    /// The number of times that each method is measured
    #[arg(long, default_value_t = 3)]
    rounds: usize,
    /// An argument that cargo passes
    #[arg(long, hide = true)]
    bench: bool,
}

const WITHOUT: &str = "load, not compiled";
const WITH: &str = "load and compile";
const ALONE: &str = "compile alone";

/// The rows that a process has: its name, the number of items and that of documents.
const SHAPES: [(&str, usize, usize); 2] = [("8 rows", 1, 0), ("18 rows", 5, 6)];

/// Runs the program on a server.
struct Bench {
    server: BenchServer,
    /// The configurations of the source that is compiled and of the one that is not.
    compiled: NamedTempFile,
    not_compiled: NamedTempFile,
}

#[tokio::main]
async fn main() -> Result<()> {
    let options = Options::parse();
    let bench = Bench {
        server: BenchServer::start().await?,
        compiled: write_configuration("")?,
        not_compiled: write_configuration("compile = false")?,
    };
    println!(
        "{} processes, medians of {} rounds",
        options.processes, options.rounds
    );
    let mut columns = Vec::new();
    for (shape, items, documents) in SHAPES {
        columns.push((shape, bench.compare(&options, items, documents).await?));
    }
    let shown: Vec<(&str, &Rates)> = columns
        .iter()
        .map(|(name, it)| (*name, &it.rates))
        .collect();
    print_rates(WITHOUT, &shown);
    for (shape, measured) in &columns {
        println!("{shape}: {:.1} rows a process", measured.rows);
        let most = if *shape == "8 rows" { 2.0 } else { 3.0 };
        let time = measured.rates.median_ratio(WITHOUT, WITH);
        check_goal(&format!("time of a first load, {shape}"), time, ..=most);
        let what = format!("bytes on disk of a first load, {shape}");
        check_goal(&what, measured.bytes, ..=most);
    }
    let alone = columns[0].1.rates.median_rate(ALONE);
    check_goal(
        "processes of one release compiled alone, a second",
        alone,
        6_000.0..,
    );
    bench.count_compiled(options.processes / 3).await?;
    bench.server.stop().await
}

struct Measured {
    rates: Rates,
    /// The rows of a process in all tables.
    rows: f64,
    /// The bytes on disk with processes, divided by those without.
    bytes: f64,
}

impl Bench {
    #[expect(clippy::cast_precision_loss, reason = "counts and bytes need 52 bits")]
    async fn compare(&self, options: &Options, items: usize, documents: usize) -> Result<Measured> {
        let releases = (0..options.processes).map(|n| invented::release_with(n, items, documents));
        let file = write_releases(releases)?;
        let count = options.processes;
        let mut measured = Measured {
            rates: Rates::default(),
            rows: 0.0,
            bytes: 0.0,
        };
        // The first round does not count, because the server has no log files to reuse yet.
        for round in 0..=options.rounds {
            self.server.empty().await?;
            let load = self.run(&self.not_compiled, &["load", SOURCE], Some(file.path()));
            let (without, _) = self.server.time(load).await?;
            let bytes_without = self.server.count(BYTES).await?;

            self.server.count(QUEUE_ALL).await?;
            let compile = self.run(&self.compiled, &["compile", SOURCE], None);
            let (alone, report) = self.server.time(compile).await?;
            assert_eq!(report["changed"], count, "{report}");

            self.server.empty().await?;
            let load = self.run(&self.compiled, &["load", SOURCE], Some(file.path()));
            let (with, report) = self.server.time(load).await?;
            assert_eq!(report["compiled"]["changed"], count, "{report}");
            if round == 0 {
                continue;
            }
            measured.rates.add(WITHOUT, count, without);
            measured.rates.add(WITH, count, with);
            measured.rates.add(ALONE, count, alone);
            let bytes = self.server.count(BYTES).await?;
            measured.bytes = bytes as f64 / bytes_without as f64;
            measured.rows = self.server.count(&count_rows()).await? as f64 / count as f64;
        }
        Ok(measured)
    }

    /// Prints how many processes are compiled where only some have changed.
    #[expect(clippy::cast_precision_loss, reason = "a count needs 52 bits")]
    async fn count_compiled(&self, processes: usize) -> Result<()> {
        self.server.empty().await?;
        let release = |process: usize, month: usize, title: &str| {
            let mut release = invented::release_with(process, 1, 0);
            release["id"] = format!("{process}-{month}").into();
            release["date"] = format!("2025-{month:02}-03T09:30:00Z").into();
            release["tender"]["title"] = title.into();
            release
        };
        let in_order = (1..=6).flat_map(|month| (0..processes).map(move |it| (it, month)));
        let first = write_releases(in_order.clone().map(|(it, month)| release(it, month, "a")))?;
        let changed = in_order.map(|(it, month)| {
            let is_changed = it % 100 == 0 && month == 6;
            release(it, month, if is_changed { "b" } else { "a" })
        });
        let changed = write_releases(changed)?;
        for (file, expected, what) in [
            (&first, 1.0, "a first load of six releases each"),
            (&changed, 0.01, "a load that changes 1 %"),
            (&changed, 0.0, "a load that changes nothing"),
        ] {
            let load = ["load", SOURCE, "--restart", "--overwrite", "always"];
            let report = self.run(&self.compiled, &load, Some(file.path())).await?;
            let compiled = &report["compiled"];
            for (key, name) in [("processes", "compiled"), ("changed", "rewritten")] {
                let n = compiled[key].as_u64().unwrap_or_default();
                let share = n as f64 / processes as f64;
                check_goal(&format!("{name} by {what}"), share, expected..=expected);
            }
        }
        Ok(())
    }

    /// Runs the program and returns its report.
    async fn run(
        &self,
        config: &NamedTempFile,
        arguments: &[&str],
        file: Option<&Path>,
    ) -> Result<Value> {
        let mut command = Command::new(env!("CARGO_BIN_EXE_ocds-ingest"));
        command
            .args(arguments)
            .args(file)
            .args(["--json", "--quiet", "--no-progress", "--config"])
            .arg(config.path())
            .env(
                "DATABASE_URL",
                self.server.config.database.url.expose_secret(),
            );
        let output = tokio::task::spawn_blocking(move || command.output()).await??;
        let log = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{}: {log}", output.status);
        Ok(serde_json::from_slice(&output.stdout)?)
    }
}

/// The name of the source.
const SOURCE: &str = "bench";

/// Counts the bytes of all tables and indexes of the schema.
const BYTES: &str = "select sum(pg_total_relation_size(oid))::bigint from pg_class
    where relnamespace = 'ocds'::regnamespace and relkind = 'r'";

/// Queues all processes of a source that was not compiled.
const QUEUE_ALL: &str = "with queued as (
        insert into ocds.compile_queue (ocid, source)
        select ocid, source from ocds.release returning 1
    ), present as (delete from ocds.source)
    select count(*) from queued";

/// Counts the rows of all processes.
fn count_rows() -> String {
    let tables = ocds_ingest::compile::tables().iter();
    let counts = tables.map(|table| format!("(select count(*) from {})", table.label));
    format!("select {}", counts.collect::<Vec<_>>().join(" + "))
}

fn write_configuration(key: &str) -> Result<NamedTempFile> {
    let mut file = NamedTempFile::new()?;
    writeln!(
        file,
        "[sources.{SOURCE}]\nurl = \"http://localhost/\"\n{key}"
    )?;
    Ok(file)
}

/// Writes one release on each line.
fn write_releases(releases: impl Iterator<Item = Value>) -> Result<NamedTempFile> {
    let mut file = tempfile::Builder::new().suffix(".jsonl").tempfile()?;
    for release in releases {
        writeln!(file, "{release}")?;
    }
    file.flush()?;
    Ok(file)
}
