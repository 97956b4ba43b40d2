//! Compares the merging of releases with `ocdsmerge_rs`, the implementation in Rust that the Open
//! Contracting Partnership publishes as a Python package: `cargo bench --bench merge`.
//!
//! Both get the texts of the releases of each process and return the text of the compiled release,
//! on one thread. `make bench` installs the package. The benchmark also prints which share of the
//! time that PostgreSQL needs to write the releases is added by merging them.

mod copies;
mod invented;
mod rates;
mod rows;
mod server;

use std::hint::black_box;
use std::io::Write;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use clap::Parser;
use ocds_ingest::merge::{self, Form, Rules};
use serde_json::{Value, json};
use tempfile::NamedTempFile;

use self::copies::run_two_copies;
use self::rates::{Rates, check_goal, print_rates};
use self::rows::extract_pages;
use self::server::{BenchServer, Result};

#[derive(Parser)]
struct Options {
    /// The number of releases
    #[arg(long, default_value_t = 20_000)]
    releases: usize,
    /// The number of releases of each process
    #[arg(long, default_value_t = 6)]
    process: usize,
    /// The number of times that each method is measured
    #[arg(long, default_value_t = 3)]
    rounds: usize,
    /// The Python that has the package `ocdsmerge_rs`
    #[arg(long, default_value = "target/ocdsmerge/bin/python")]
    python: String,
    /// An argument that cargo passes
    #[arg(long, hide = true)]
    bench: bool,
}

const OURS: &str = "ocds-ingest, compiled";
const VERSIONED: &str = "ocds-ingest, versioned";
const THEIRS: &str = "ocdsmerge_rs, compiled";
const COPIES: &str = "two COPYs of the releases";

#[tokio::main]
async fn main() -> Result<()> {
    let options = Options::parse();
    let processes: Vec<Vec<String>> = (0..options.releases / options.process)
        .map(|number| invent_process(number, options.process))
        .collect();
    let file = write_processes(&processes)?;
    let pages = extract_pages(processes.chunks(16).map(|processes| {
        let releases: Vec<&str> = processes.iter().flatten().map(String::as_str).collect();
        format!("{{\"releases\":[{}]}}", releases.join(","))
    }));
    let count = rows::count_releases(&pages);
    println!(
        "{count} releases of {} bytes, {} for each process, medians of {} rounds",
        rows::mean_bytes(&pages),
        options.process,
        options.rounds
    );
    let server = BenchServer::start().await?;
    let mut rates = Rates::default();
    let has_python = Path::new(&options.python).exists();
    for _ in 0..options.rounds {
        for (method, form) in [(OURS, Form::Compiled), (VERSIONED, Form::Versioned)] {
            rates.add(method, count, merge_all(&processes, form));
        }
        if has_python {
            rates.add(THEIRS, count, run_package(&options.python, file.path())?);
        }
        server.empty().await?;
        let copies = run_two_copies(&server.database, &pages);
        let (duration, ()) = server.time(copies).await?;
        rates.add(COPIES, count, duration);
        let stored = server.count("select count(*) from ocds.release").await?;
        assert_eq!(
            usize::try_from(stored),
            Ok(count),
            "all releases are stored"
        );
    }
    server.stop().await?;
    print_rates(if has_python { THEIRS } else { OURS }, &[("", &rates)]);
    let ratio = |method, to| rates.median_ratio(method, to);
    if has_python {
        check_goal("merge / ocdsmerge_rs", ratio(OURS, THEIRS), 5.0..);
    } else {
        println!(
            "{} does not exist: `make bench` installs it",
            options.python
        );
    }
    let share = ratio(COPIES, OURS);
    check_goal("time of merge / of two COPYs", share, ..0.25);
    Ok(())
}

/// Merges all processes one after the other.
fn merge_all(processes: &[Vec<String>], form: Form) -> Duration {
    let began = Instant::now();
    for releases in processes {
        let texts: Vec<&str> = releases.iter().map(String::as_str).collect();
        let merged = merge::merge(black_box(&texts), Rules::version_1_1(), form);
        black_box(merged.expect("releases that can be merged"));
    }
    began.elapsed()
}

/// Writes the releases of each process as an array on a line of its own.
fn write_processes(processes: &[Vec<String>]) -> Result<NamedTempFile> {
    let mut file = NamedTempFile::new()?;
    for releases in processes {
        writeln!(file, "[{}]", releases.join(","))?;
    }
    file.flush()?;
    Ok(file)
}

/// Merges each line of a file with the package. The script prints the seconds that this takes,
/// without the start of Python.
fn run_package(python: &str, file: &Path) -> Result<Duration> {
    const SCRIPT: &str = include_str!("ocdsmerge.py");
    let output = Command::new(python)
        .args(["-c", SCRIPT])
        .arg(file)
        .output()?;
    let printed = String::from_utf8_lossy(&output.stdout);
    let seconds = printed.trim().parse().map_err(|_| {
        let error = String::from_utf8_lossy(&output.stderr);
        format!("{python} printed no time: {printed}{error}")
    })?;
    Ok(Duration::from_secs_f64(seconds))
}

/// Invents the releases of a process in the order of their dates. Each states everything that is
/// known by then.
fn invent_process(number: usize, count: usize) -> Vec<String> {
    let whole = invented::release(number);
    let releases = (0..count).map(|stage| {
        let mut release = whole.clone();
        release["id"] = json!(format!("{number:06}-{stage}"));
        release["date"] = json!(format!("2025-{:02}-03T09:30:00Z", stage % 12 + 1));
        let tag = ["tender", "tenderUpdate", "award", "contract"][stage.min(3)];
        release["tag"] = json!([tag]);
        let tender = &mut release["tender"];
        let status = ["planned", "active", "complete"][stage.min(2)];
        tender["status"] = json!(status);
        tender["value"]["amount"] = json!(1_250_000 + stage);
        let documents = tender["documents"].as_array_mut().expect("an array");
        documents.push(json!({"id": format!("notice-{stage}"), "title": "Notice"}));
        if stage < 2 {
            remove(&mut release, "contracts");
        }
        release
    });
    releases.map(|release| release.to_string()).collect()
}

fn remove(release: &mut Value, name: &str) {
    if let Some(members) = release.as_object_mut() {
        members.remove(name);
    }
}
