//! Measures how fast one core divides pages and reads releases: `cargo bench --bench extract`, or
//! `… -- FILE…` for pages of your own.
//!
//! It prints the shortest time of many calls, so that other work of the machine does not count.

mod invented;

use std::hint::black_box;
use std::time::{Duration, Instant};

use bytes::Bytes;
use jiff::tz::TimeZone;
use ocds_ingest::extract::{Options, extract_items};
use ocds_ingest::json::{ItemsAt, cut};
use serde_json::{Value, json};

const ROUND: Duration = Duration::from_secs(2);

fn main() {
    let files: Vec<String> = std::env::args()
        .skip(1)
        .filter(|argument| !argument.starts_with("--"))
        .collect();
    if files.is_empty() {
        let page = json!({
            "uri": "https://example.org/releases?page=1",
            "publishedDate": "2026-01-01T00:00:00Z",
            "releases": (0..100).map(invented::release).collect::<Vec<Value>>(),
            "links": {"next": "https://example.org/releases?page=2"},
        });
        measure("compact", serde_json::to_vec(&page).expect("a value"));
        measure(
            "indented",
            serde_json::to_vec_pretty(&page).expect("a value"),
        );
    }
    for file in files {
        let body = std::fs::read(&file).expect("a readable file");
        measure(&file, body);
    }
}

fn measure(name: &str, body: Vec<u8>) {
    let shapes = ["/releases/*", "/*", ""].map(|at| ItemsAt::parse(at).expect("a valid pointer"));
    let options = Options {
        max_depth: 512,
        zone: TimeZone::UTC,
        ..Options::default()
    };
    let body = Bytes::from(body);
    let once = cut(&body, &shapes).expect("a readable page");
    let extracted = extract_items(&body, &once, &options);
    println!(
        "{name}: {} bytes, {} releases of {} bytes on average, {} rejects",
        body.len(),
        extracted.releases.len(),
        body.len() / once.items.len().max(1),
        extracted.rejects.len(),
    );
    let report = |what: &str, work: &dyn Fn()| {
        let time = measure_best(work).as_secs_f64();
        println!(
            "  {what:<8} {:>6.0} MB/s {:>8.0} releases/s",
            body.len() as f64 / time / 1e6,
            once.items.len() as f64 / time,
        );
    };
    report("cut", &|| drop(black_box(cut(black_box(&body), &shapes))));
    report("extract", &|| {
        drop(black_box(extract_items(&body, black_box(&once), &options)));
    });
    report("both", &|| {
        let cut = cut(black_box(&body), &shapes).expect("a readable page");
        drop(black_box(extract_items(&body, &cut, &options)));
    });
}

/// Returns the shortest time of one call of `work`. A call takes less time than the scheduler
/// gives a process at once, so other work of the machine hardly counts.
fn measure_best(work: &dyn Fn()) -> Duration {
    let start = Instant::now();
    let mut best = Duration::MAX;
    while start.elapsed() < ROUND {
        let call = Instant::now();
        work();
        best = best.min(call.elapsed());
    }
    best
}
