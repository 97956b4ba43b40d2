//! Measures how fast one core divides pages and reads releases: `cargo bench --bench extract`, or
//! `… -- FILE…` for pages of your own.
//!
//! It prints the shortest time of many calls, so that other work of the machine does not count.

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
            "releases": (0..100).map(release).collect::<Vec<Value>>(),
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

/// Returns a release of about 4.8 KB with the structure of real ones.
fn release(number: usize) -> Value {
    let organisation = |role: &str, n: usize| {
        json!({
            "id": format!("GB-COH-{:08}", n * 7919 % 99_999_999),
            "name": format!("{role} of the Northern District No. {n}"),
            "identifier": {"scheme": "GB-COH", "id": format!("{:08}", n * 7919 % 99_999_999), "legalName": format!("{role} of the Northern District No. {n}")},
            "address": {"streetAddress": format!("{} Station Road", n % 300), "locality": "Middleton", "postalCode": "MD4 7QX", "countryName": "United Kingdom"},
            "contactPoint": {"name": "Procurement Team", "email": format!("tenders{n}@example.org"), "telephone": "+44 20 7946 0000"},
            "roles": [role],
        })
    };
    let document = |n: usize| {
        json!({
            "id": format!("document-{number}-{n}"),
            "documentType": "biddingDocuments",
            "title": "Invitation to tender, volume 2 (\"specification\")",
            "url": format!("https://example.org/documents/{number}/{n}/specification.pdf"),
            "datePublished": "2025-11-03T09:30:00Z",
            "format": "application/pdf",
            "language": "en",
        })
    };
    let item = |n: usize| {
        json!({
            "id": format!("{n}"),
            "description": "Resurfacing of carriageways and footways, including drainage, kerbs and road markings",
            "classification": {"scheme": "CPV", "id": "45233220", "description": "Surface work for roads"},
            "quantity": 12 + n,
            "unit": {"name": "km", "value": {"amount": 185_000.5 + n as f64, "currency": "GBP"}},
        })
    };
    json!({
        "ocid": format!("ocds-h6vhtk-{number:06x}"),
        "id": format!("{number:06}-2025"),
        "date": "2025-11-03T09:30:00Z",
        "tag": ["tender", "award"],
        "initiationType": "tender",
        "language": "en",
        "parties": [organisation("buyer", number), organisation("supplier", number + 1), organisation("tenderer", number + 2)],
        "buyer": {"id": format!("GB-COH-{number:08}"), "name": format!("buyer of the Northern District No. {number}")},
        "tender": {
            "id": format!("tender-{number}"),
            "title": "Highways maintenance framework — northern district",
            "description": "The authority seeks a contractor for the planned and reactive maintenance of its roads. The framework runs for four years; call-offs are awarded by mini-competition. Caf\u{e9}s, kiosks and markets along the route stay open throughout, and works are phased around them.",
            "status": "complete",
            "procurementMethod": "open",
            "mainProcurementCategory": "works",
            "value": {"amount": 1_250_000.75, "currency": "GBP"},
            "tenderPeriod": {"startDate": "2025-09-01T00:00:00Z", "endDate": "2025-10-15T12:00:00+01:00"},
            "items": [item(1), item(2), item(3)],
            "documents": [document(1), document(2), document(3)],
        },
        "awards": [{
            "id": format!("award-{number}"),
            "title": "Highways maintenance framework, lot 1",
            "status": "active",
            "date": "2025-10-30T00:00:00Z",
            "value": {"amount": 1_199_500, "currency": "GBP"},
            "suppliers": [{"id": format!("GB-COH-{:08}", number + 1), "name": format!("supplier of the Northern District No. {}", number + 1)}],
        }],
        "contracts": [{
            "id": format!("contract-{number}"),
            "awardID": format!("award-{number}"),
            "status": "active",
            "period": {"startDate": "2025-12-01T00:00:00Z", "endDate": "2029-11-30T23:59:59Z"},
            "value": {"amount": 1_199_500, "currency": "GBP"},
            "dateSigned": "2025-11-02T16:00:00Z",
            "documents": [document(4)],
            "implementation": {"milestones": [{"id": "1", "title": "Mobilisation complete", "dueDate": "2026-01-15T00:00:00Z", "status": "scheduled"}]},
        }],
    })
}
