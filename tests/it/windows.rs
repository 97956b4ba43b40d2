//! Tests feeds in time windows, along axes, by item, or from a token: each release is stored
//! once, with few requests, and no failure leaves a gap.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan as _};
use serde_json::{Value, json};

use crate::harness::{Ingest, SOURCE, TEST_TIMEOUT};
use crate::publisher::{Gate, Publisher, Reply, Request};

/// A publisher's data: releases by the day of their last change.
#[derive(Clone, Default)]
struct Archive(Arc<Mutex<BTreeMap<String, Date>>>);

impl Archive {
    /// Makes this number of releases for each day of a range.
    fn daily(from: &str, until: &str, each: usize) -> Self {
        let archive = Self::default();
        let (mut day, until): (Date, Date) = (from.parse().unwrap(), until.parse().unwrap());
        while day < until {
            for nth in 0..each {
                archive.put(&format!("{day}-{nth}"), day);
            }
            day = day.tomorrow().unwrap();
        }
        archive
    }

    fn put(&self, id: &str, day: Date) {
        self.0.lock().unwrap().insert(id.to_owned(), day);
    }

    fn len(&self) -> usize {
        self.0.lock().unwrap().len()
    }

    /// Returns the ids between two days, both included, ordered by day.
    fn between(&self, from: Date, to: Date) -> Vec<String> {
        let archive = self.0.lock().unwrap();
        let mut found: Vec<(Date, String)> = archive
            .iter()
            .filter(|(_, day)| (from..=to).contains(*day))
            .map(|(id, day)| (*day, id.clone()))
            .collect();
        found.sort();
        found.into_iter().map(|(_, id)| id).collect()
    }
}

fn release(id: &str) -> Value {
    json!({"ocid": format!("ocds-test-{id}"), "id": id, "tag": ["tender"], "date": "2024-01-01T00:00:00Z"})
}

fn releases(ids: &[String]) -> Value {
    ids.iter().map(|id| release(id)).collect()
}

fn parse_date(text: &str) -> Date {
    text.get(..10).unwrap_or(text).parse().unwrap()
}

fn requested_dates(request: &Request) -> (Date, Date) {
    let query = |name: &str| parse_date(&request.query(name).unwrap());
    (query("from"), query("to"))
}

/// Reads the watermark, if there is one.
async fn read_watermark(ingest: &Ingest) -> Option<String> {
    let sql = "select to_char(reached at time zone 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS') from ocds.watermark";
    ingest.column(sql).await.pop()
}

/// Serves a feed of links within windows of days, with three releases on a page.
fn serve_linked(archive: &Archive, request: &Request) -> Reply {
    let (from, to) = requested_dates(request);
    let ids = archive.between(from, to);
    let skip: usize = request
        .query("skip")
        .map_or(0, |skip| skip.parse().unwrap());
    let page = &ids[skip.min(ids.len())..(skip + 3).min(ids.len())];
    let next =
        (skip + 3 < ids.len()).then(|| format!("/feed?from={from}&to={to}&skip={}", skip + 3));
    Reply::json(json!({"releases": releases(page), "links": {"next": next}}).to_string())
}

const LINKED: &str = r#"page = { mode = "link", pointer = "/links/next", size = 3 }"#;

#[tokio::test]
async fn windows_are_fetched_one_by_one_and_the_watermark_follows() {
    let archive = Archive::daily("2024-01-01", "2024-01-20", 1);
    let served = archive.clone();
    let publisher = Publisher::serve(move |request| serve_linked(&served, request)).await;
    let ingest = Ingest::with_definition(&format!(
        "url = \"{}\"\n{LINKED}\nwindow = {{ from = \"2024\", step = \"7d\", basis = \"updated\", overlap = \"1d\" }}",
        publisher.url("/feed?from={from}&to={to}")
    ))
    .await;
    ingest.run(&["--until", "2024-01-16"]).await.expect(0);
    assert_eq!(
        publisher.targets(),
        [
            "/feed?from=2024-01-01&to=2024-01-08",
            "/feed?from=2024-01-01&to=2024-01-08&skip=3",
            "/feed?from=2024-01-01&to=2024-01-08&skip=6",
            "/feed?from=2024-01-08&to=2024-01-15",
            "/feed?from=2024-01-08&to=2024-01-15&skip=3",
            "/feed?from=2024-01-08&to=2024-01-15&skip=6",
            "/feed?from=2024-01-15&to=2024-01-16",
        ]
    );
    assert_eq!(ingest.count("release").await, 16);
    assert_eq!(
        read_watermark(&ingest).await.as_deref(),
        Some("2024-01-16T00:00:00")
    );

    // The next run starts a day before the watermark, whatever the clock shows.
    archive.put("late", parse_date("2024-01-15"));
    ingest.run(&["--until", "2024-01-25"]).await.expect(0);
    let targets = publisher.targets();
    assert_eq!(targets[7], "/feed?from=2024-01-15&to=2024-01-22");
    assert_eq!(ingest.count("release").await, archive.len());
    assert_eq!(
        read_watermark(&ingest).await.as_deref(),
        Some("2024-01-25T00:00:00")
    );
}

#[tokio::test]
async fn a_watermark_does_not_move_past_a_gap() {
    let archive = Archive::daily("2024-01-01", "2024-02-01", 1);
    let served = archive.clone();
    let publisher = Publisher::serve(move |request| serve_linked(&served, request)).await;
    let table = |step: &str| {
        format!(
            "url = \"{}\"\n{LINKED}\nwindow = {{ from = \"2024\", step = \"{step}\", basis = \"updated\" }}",
            publisher.url("/feed?from={from}&to={to}")
        )
    };
    let ingest = Ingest::with_definition(&table("7d")).await;
    ingest.run(&["--until", "2024-01-10"]).await.expect(0);
    // A run after a gap and a backfill store releases, and do not move the watermark.
    ingest
        .run(&["--from", "2024-01-20", "--until", "2024-01-31"])
        .await
        .expect(0);
    ingest
        .call(&[
            "backfill",
            SOURCE,
            "--from",
            "2024-01-12",
            "--until",
            "2024-01-13",
        ])
        .await
        .expect(0);
    assert_eq!(
        read_watermark(&ingest).await.as_deref(),
        Some("2024-01-10T00:00:00")
    );
    // A run that fills the gap moves it.
    ingest
        .run(&["--from", "2024-01-09", "--until", "2024-01-31"])
        .await
        .expect(0);
    assert_eq!(
        read_watermark(&ingest).await.as_deref(),
        Some("2024-01-31T00:00:00")
    );
    assert_eq!(ingest.count("release").await, 31);
}

#[tokio::test]
async fn a_failed_window_is_skipped_and_fetched_by_the_next_run() {
    let archive = Archive::daily("2024-01-01", "2024-01-29", 1);
    let served = archive.clone();
    let publisher = Publisher::serve(move |request| match requested_dates(request).0 {
        from if from == parse_date("2024-01-08") => Reply::status(502),
        _ => serve_linked(&served, request),
    })
    .await;
    let ingest = Ingest::with_definition(&format!(
        "url = \"{}\"\n{LINKED}\nwindow = {{ from = \"2024\", step = \"7d\", basis = \"updated\" }}",
        publisher.url("/feed?from={from}&to={to}")
    ))
    .await;
    let run = ingest.run(&["--until", "2024-01-28"]).await.expect(3);
    assert!(
        run.stderr
            .contains("in 2024-01-08T00:00:00Z/2024-01-15T00:00:00Z"),
        "{}",
        run.stderr
    );
    assert_eq!(
        read_watermark(&ingest).await.as_deref(),
        Some("2024-01-08T00:00:00")
    );
    // The neighbours include days 8 and 15 too.
    assert_eq!(ingest.count("release").await, 28 - 6);
    let asked = publisher.targets().len();
    let served = archive.clone();
    publisher.set_script(move |request| serve_linked(&served, request));
    ingest.run(&["--until", "2024-01-28"]).await.expect(0);
    let targets = publisher.targets();
    assert!(
        targets[asked..]
            .iter()
            .all(|target| target.contains("from=2024-01-08&")),
        "{targets:?}"
    );
    assert_eq!(ingest.count("release").await, 28);
    assert_eq!(
        read_watermark(&ingest).await.as_deref(),
        Some("2024-01-28T00:00:00")
    );
}

#[tokio::test]
async fn a_window_with_more_results_than_the_publisher_serves_is_split() {
    // As behind a search engine that returns at most 20 results.
    let archive = Archive::daily("2024-01-01", "2024-02-01", 3);
    let served = archive.clone();
    let publisher = Publisher::serve(move |request| {
        let (from, to) = requested_dates(request);
        let ids = served.between(from, to);
        let page: usize = request.query("page").unwrap().parse().unwrap();
        let ids = &ids[..ids.len().min(20)];
        let some = &ids[((page - 1) * 10).min(ids.len())..(page * 10).min(ids.len())];
        let total = ids.len();
        Reply::json(json!({"releases": releases(some), "total": total}).to_string())
    })
    .await;
    let ingest = Ingest::with_definition(&format!(
        "url = \"{}\"\npage = {{ mode = \"number\", total_items = \"/total\", size = 10 }}\n\
         window = {{ from = \"2024\", step = \"1mo\", basis = \"updated\", split_when = {{ items = 20, smallest = \"1d\" }} }}",
        publisher.url("/feed?from={from}&to={to}")
    ))
    .await;
    ingest.run(&["--until", "2024-02-01"]).await.expect(0);
    assert_eq!(ingest.count("release").await, 31 * 3);
    assert_eq!(
        read_watermark(&ingest).await.as_deref(),
        Some("2024-02-01T00:00:00")
    );
    // 31 days in windows of at most four: at most 16 windows, 15 splits, two pages each.
    let requests = publisher.targets().len();
    assert!(requests <= 16 * 2 + 15, "{requests} requests");

    // A day with too many results is stored as far as possible, and reported.
    for nth in 0..30 {
        archive.put(&format!("busy-{nth}"), parse_date("2024-02-10"));
    }
    let run = ingest.run(&["--until", "2024-02-15"]).await.expect(4);
    run.expect_log("all the publisher gives");
    let mark = read_watermark(&ingest).await.unwrap();
    assert!(mark.as_str() <= "2024-02-10", "{mark}");
    // The next run does not treat it as complete either, although it has all pages that exist.
    let asked = publisher.targets().len();
    let run = ingest.run(&["--until", "2024-02-15"]).await.expect(4);
    run.expect_log("all the publisher gives");
    assert_eq!(publisher.targets().len(), asked);
    assert_eq!(read_watermark(&ingest).await.as_deref(), Some(&*mark));
}

#[tokio::test]
async fn a_window_refused_as_too_wide_is_split_and_resumed() {
    let archive = Archive::daily("2024-01-01", "2024-01-31", 1);
    let script = |archive: Archive, fails: bool| {
        move |request: &Request| {
            let (from, to) = requested_dates(request);
            match from.until(to).unwrap().get_days() {
                9.. => Reply::status(400),
                _ if fails && from > parse_date("2024-01-10") => Reply::status(502),
                _ => serve_linked(&archive, request),
            }
        }
    };
    let publisher = Publisher::serve(script(archive.clone(), true)).await;
    let ingest = Ingest::with_definition(&format!(
        "url = \"{}\"\n{LINKED}\nwindow = {{ from = \"2024\", basis = \"updated\", split_when = {{ status = [400], smallest = \"1d\" }} }}",
        publisher.url("/feed?from={from}&to={to}")
    ))
    .await;
    ingest.run(&["--until", "2024-01-31"]).await.expect(3);
    publisher.set_script(script(archive.clone(), false));
    let asked = publisher.targets().len();
    ingest.run(&["--until", "2024-01-31"]).await.expect(0);
    assert_eq!(ingest.count("release").await, 30);
    let targets = publisher.targets();
    let again = &targets[asked..];
    assert!(
        again
            .iter()
            .all(|target| !target.contains("from=2024-01-01")),
        "what was halved and stored is not asked for again: {again:?}"
    );
}

#[tokio::test]
async fn a_server_that_ignores_dates_is_detected() {
    let table = |publisher: &Publisher, query: &str| {
        format!(
            "url = \"{}\"\nwindow = {{ from = \"2024\", step = \"2d\", basis = \"updated\" }}",
            publisher.url(query)
        )
    };
    // The newest releases are served for every window.
    let newest = ["7".to_owned(), "8".into()];
    let body = json!({"releases": releases(&newest)}).to_string();
    let publisher = Publisher::serve(move |_| Reply::json(body.clone())).await;
    let ignored = Ingest::with_definition(&table(&publisher, "/feed?from={from}&to={to}")).await;
    let run = ignored.run(&["--until", "2024-02-01"]).await.expect(4);
    run.expect_log("the server ignores its dates");
    assert_eq!(run.report()["verdict"], "truncated");
    assert_eq!(ignored.count("release").await, 2);
    assert_eq!(
        read_watermark(&ignored).await.as_deref(),
        Some("2024-01-05T00:00:00")
    );
    // Two windows, and three in a row that fail.
    assert_eq!(publisher.requests().len(), 5);

    // A feed of everything since a date may start with the same releases.
    let since = table(&publisher, "/feed?since={from}").replace("2d", "1d");
    let since = Ingest::with_definition(&since).await;
    since.run(&["--until", "2024-02-01"]).await.expect(0);

    // Windows without releases cause no message.
    publisher.set_script(|_| Reply::json(r#"{"releases": []}"#));
    let quiet = Ingest::with_definition(&table(&publisher, "/feed?from={from}&to={to}")).await;
    quiet.run(&["--until", "2024-02-01"]).await.expect(0);
    assert_eq!(
        read_watermark(&quiet).await.as_deref(),
        Some("2024-02-01T00:00:00")
    );
}

#[tokio::test]
async fn each_month_and_axis_value_is_a_chain() {
    let publisher = Publisher::serve(|request| {
        let id = request.path().trim_start_matches('/').replace('/', "-");
        Reply::json(json!({"releases": [release(&id)]}).to_string())
    })
    .await;
    let ingest = Ingest::with_definition(&format!(
        "url = \"{}\"\naxis = {{ kind = [\"one\", \"two three\"] }}\n\
         window = {{ from = \"2024-11\", step = \"1mo\", overlap = \"1mo\" }}",
        publisher.url("/{axis.kind}/{from:%Y/%m|raw}")
    ))
    .await;
    ingest.run(&["--until", "2025-01-15"]).await.expect(0);
    assert_eq!(
        publisher.targets(),
        [
            "/one/2024/11",
            "/two%20three/2024/11",
            "/one/2024/12",
            "/two%20three/2024/12",
            "/one/2025/01",
            "/two%20three/2025/01",
        ]
    );
    assert_eq!(ingest.count("release").await, 6);
    // A month is fetched as a whole, so it is not complete before its end.
    assert_eq!(
        ingest
            .column("select chain from ocds.page order by chain limit 1")
            .await,
        ["2024-11-01T00:00:00Z/2024-12-01T00:00:00Z kind=one"]
    );
}

#[tokio::test]
async fn an_axis_is_read_from_an_index() {
    let publisher = Publisher::serve(|request| match request.path() {
        "/buyers" if request.query("page").as_deref() == Some("1") => Reply::json(
            r#"{"buyers": [{"id": 7, "kind": "A"}, {"id": 8, "kind": "B"}], "pages": 2}"#,
        ),
        "/buyers" => Reply::json(r#"{"buyers": [{"id": "x y", "kind": "a"}], "pages": 2}"#),
        path => Reply::json(json!({"releases": [release(path)]}).to_string()),
    })
    .await;
    let ingest = Ingest::with_definition(&format!(
        "url = \"{}\"\naxis.buyer = {{ url = \"{}\", page = {{ mode = \"number\", total_pages = \"/pages\" }}, \
         each = \"/buyers/*\", value = \"/id\", only = {{ \"/kind\" = \"A\" }} }}",
        publisher.url("/of/{axis.buyer}"),
        publisher.url("/buyers"),
    ))
    .await;
    ingest.run(&[]).await.expect(0);
    assert_eq!(
        publisher.targets(),
        ["/buyers?page=1", "/buyers?page=2", "/of/7", "/of/x%20y"]
    );
    assert_eq!(ingest.count("release").await, 2);

    let checked = ingest.call(&["check", SOURCE, "--connect"]).await;
    let said = checked.expect(0).text();
    let line = "1 releases and 0 rejects on the first page of buyer=7 \
                (the first of 2 values of axis buyer), no page follows";
    assert!(said.contains(line), "{said}");
}

/// A publisher whose index of buyers grows.
struct GrowingIndex {
    publisher: Publisher,
    ingest: Ingest,
    buyers: Arc<Mutex<Vec<&'static str>>>,
    /// The statuses for windows of the new buyer from before it was in the index, by the year in
    /// which they start.
    refused: Arc<Mutex<BTreeMap<&'static str, u16>>>,
    asked: usize,
}

impl GrowingIndex {
    /// Everything of `old` is stored until June 2025, and `new` is a new buyer.
    async fn new() -> Self {
        let buyers = Arc::new(Mutex::new(vec!["old"]));
        let refused = Arc::new(Mutex::new(BTreeMap::new()));
        let (served, statuses) = (Arc::clone(&buyers), Arc::clone(&refused));
        let publisher = Publisher::serve(move |request| match request.path() {
            "/buyers" => Reply::json(json!({"buyers": *served.lock().unwrap()}).to_string()),
            path => {
                let from = request.query("from").unwrap();
                let year = from.strip_suffix("-01-01").filter(|_| path == "/of/new");
                let statuses: &BTreeMap<&str, u16> = &statuses.lock().unwrap();
                match year.and_then(|year| statuses.get(year)) {
                    Some(status) => Reply::status(*status),
                    None => {
                        let one = release(&format!("{path} {from}"));
                        Reply::json(json!({"releases": [one]}).to_string())
                    }
                }
            }
        })
        .await;
        let ingest = Ingest::with_definition(&format!(
            "url = \"{}\"\nwindow = {{ from = \"2020\", step = \"1y\", basis = \"updated\" }}\n\
             axis.buyer = {{ url = \"{}\", each = \"/buyers/*\" }}",
            publisher.url("/of/{axis.buyer}?from={from}&to={to}"),
            publisher.url("/buyers"),
        ))
        .await;
        let mut growing = Self {
            publisher,
            ingest,
            buyers,
            refused,
            asked: 0,
        };
        growing.run("2025-06-01", 0).await;
        assert_eq!(growing.count_requests(), [6, 0, 0, 0]);
        growing.buyers.lock().unwrap().push("new");
        growing
    }

    async fn run(&self, until: &str, code: i32) {
        self.ingest.run(&["--until", until]).await.expect(code);
    }

    /// Returns how many windows the last run requested of the old buyer and of the new one: for
    /// each, whole years, which are all before the watermark, and others.
    fn count_requests(&mut self) -> [usize; 4] {
        let targets = self.publisher.targets().split_off(self.asked);
        self.asked += targets.len();
        let count = |buyer: &str, is_old: bool| {
            let of = |it: &&String| it.starts_with(&format!("/of/{buyer}?"));
            let is_year = |it: &&String| it.contains("-01-01&") == is_old;
            targets.iter().filter(of).filter(is_year).count()
        };
        [
            count("old", true),
            count("old", false),
            count("new", true),
            count("new", false),
        ]
    }
}

#[tokio::test]
async fn a_new_axis_value_is_walked_from_the_start_until_it_is_complete() {
    let mut growing = GrowingIndex::new().await;
    growing.refused.lock().unwrap().insert("2023", 404);
    growing.run("2025-07-01", 4).await;
    assert_eq!(growing.count_requests(), [0, 1, 6, 1]);
    growing.refused.lock().unwrap().clear();
    growing.run("2025-08-01", 0).await;
    assert_eq!(growing.count_requests(), [0, 1, 6, 1], "incomplete");
    growing.run("2025-09-01", 0).await;
    assert_eq!(growing.count_requests(), [0, 1, 0, 1]);
    let stored = "select count(*) from ocds.release where ocid like '%/of/new %-01-01'";
    assert_eq!(growing.ingest.value(stored).await, "6");
}

#[tokio::test]
async fn a_new_axis_value_that_fails_does_not_block_the_others() {
    let mut growing = GrowingIndex::new().await;
    let years = ["2020", "2021", "2022", "2023", "2024", "2025"];
    let refused = years.map(|year| (year, 400));
    growing.refused.lock().unwrap().extend(refused);
    growing.run("2025-07-01", 4).await;
    assert_eq!(
        growing.count_requests(),
        [0, 1, 3, 1],
        "three in a row are enough"
    );
    growing.run("2025-07-01", 4).await;
    assert_eq!(growing.count_requests(), [0, 0, 3, 0], "continues");
    growing.run("2025-07-01", 4).await;
    assert_eq!(growing.count_requests(), [0, 1, 3, 1], "and begins anew");
}

#[tokio::test]
async fn files_are_found_by_a_pattern_and_a_missing_one_is_reported() {
    let publisher = Publisher::serve(|request| match request.path() {
        "/" => Reply::status(200).body(
            r#"<a href="/a.json?x=1&amp;y=2">a</a> <a href="b.csv">b</a> <a href="/gone.json">c</a>"#,
        ),
        "/gone.json" => Reply::status(404),
        path => Reply::json(json!({"releases": [release(path)]}).to_string()),
    })
    .await;
    let table = |empty: &str| {
        format!(
            "url = \"{{axis.file|raw}}\"\naxis.file = {{ url = \"{}\", pattern = 'href=\"([^\"]+)\"', matching = '\\.json' }}\n{empty}",
            publisher.url("/"),
        )
    };
    let mut ingest = Ingest::with_definition(&table("")).await;
    let run = ingest.run(&[]).await.expect(4);
    run.expect_log("status 404");
    assert_eq!(publisher.targets(), ["/", "/a.json?x=1&y=2", "/gone.json"]);
    ingest.configure(&format!(
        "[sources.{SOURCE}]\n{}",
        table("http = { empty_status = [404] }")
    ));
    ingest.run(&[]).await.expect(0);
    assert_eq!(ingest.count("release").await, 1);
}

#[tokio::test]
async fn index_entries_are_fetched_and_missing_ones_are_kept_with_their_url() {
    let publisher = Publisher::serve(|request| match (request.path(), request.query("page")) {
        ("/search", Some(page)) => {
            let ids = match page.as_str() {
                "1" => json!(["a/1", "gone", "c"]),
                _ => json!(["d", "broken"]),
            };
            Reply::json(json!({"data": ids, "pages": 2}).to_string())
        }
        ("/one/gone", _) => Reply::status(404),
        ("/one/broken", _) => Reply::status(200).body("<html>sorry</html>"),
        (path, _) => Reply::json(json!({"releases": [release(path)]}).to_string()),
    })
    .await;
    let mut ingest = Ingest::with_definition(&format!(
        "url = \"{}\"\npage = {{ mode = \"number\", total_pages = \"/pages\" }}\n\
         detail = {{ each = \"/data/*\", url = \"{}\", together = 2 }}",
        publisher.url("/search"),
        publisher.url("/one/{item}"),
    ))
    .await;
    ingest.configure("[sink]\nmax_bad_ratio = 1.0\n");
    ingest.run(&[]).await.expect(0);
    assert_eq!(ingest.count("release").await, 3);
    assert_eq!(
        ingest
            .column(
                "select number || ' ' || regexp_replace(cursor, ' [0-9a-f]{16} ', ' SEEN ')
                from ocds.page order by number"
            )
            .await,
        [
            "1 detail 0 - number 1",
            "2 detail 2 SEEN number 1",
            "3 detail 0 - number 2"
        ]
    );
    let kept = "select reason || ' ' || pointer || ' ' || replace(url, $$URL$$, '') || ' ' || convert_from(document, 'UTF8') \
                from ocds.quarantine where resolved_at is null order by reason";
    let kept = kept.replace("URL", &publisher.url(""));
    assert_eq!(
        ingest.column(&kept).await,
        [
            "missing-document gone /one/gone gone",
            "unreadable-document broken /one/broken <html>sorry</html>",
        ]
    );
    // The index is requested once, however many pages the run has.
    let searches = |targets: &[String]| {
        targets
            .iter()
            .filter(|it| it.starts_with("/search"))
            .count()
    };
    assert_eq!(searches(&publisher.targets()), 2);

    // When they exist, they are stored and no longer missing.
    publisher.set_script(|request| match (request.path(), request.query("page")) {
        ("/search", Some(_)) => Reply::json(r#"{"data": ["gone", "broken"], "pages": 1}"#),
        (path, _) => Reply::json(json!({"releases": [release(path)]}).to_string()),
    });
    ingest.run(&[]).await.expect(0);
    assert_eq!(ingest.count("release").await, 5);
    assert!(ingest.column(&kept).await.is_empty());
}

#[tokio::test]
async fn items_too_large_for_one_page_are_spread_over_several() {
    let index = json!([0, 1, 2, 3, 4, 5, 6, 7, 8]).to_string();
    // Two of the large ones do not fit on a page, and one with some small ones does.
    for (large, together, pages) in [
        (&["0", "1", "2", "6"][..], 3, "1 1 3 3 1"),
        (&["0", "1", "2", "6"], 100, "1 1 4 3"),
        // The second page, while the third is being fetched.
        (&["3", "4", "8"], 3, "3 1 3 2"),
        (&["3", "4", "8"], 100, "4 4 1"),
    ] {
        let index = index.clone();
        let publisher = Publisher::serve(move |request| {
            let Some(item) = request.path().strip_prefix("/one/") else {
                return Reply::json(index.clone());
            };
            let length = if large.contains(&item) { 60_000 } else { 10 };
            let mut one = release(item);
            one["title"] = "x".repeat(length).into();
            Reply::json(json!({"releases": [one]}).to_string())
        })
        .await;
        for runs in [1, 3] {
            let mut ingest = Ingest::with_definition(&format!(
                "url = \"{}\"\nhttp = {{ concurrency = 3 }}\n\
                 detail = {{ each = \"/*\", url = \"{}\", together = {together} }}",
                publisher.url("/search"),
                publisher.url("/one/{item}"),
            ))
            .await;
            ingest.configure("[fetch]\nmax_decoded_bytes = 100000");
            for _ in 1..runs {
                ingest.run(&["--max-pages", "1"]).await.expect(0);
            }
            ingest.run(&["--max-pages", "9"]).await.expect(0);
            assert_eq!(ingest.count("release").await, 9);
            let cut = "select items::text from ocds.page order by number";
            assert_eq!(ingest.column(cut).await.join(" "), pages);
        }
    }
}

#[tokio::test]
async fn a_publisher_that_answers_no_item_counts_as_down() {
    let publisher = Publisher::serve(|request| match request.path() {
        "/search" => Reply::json(r#"["a", "b", "c", "d"]"#),
        _ => Reply::status(500),
    })
    .await;
    let ingest = Ingest::with_definition(&format!(
        "url = \"{}\"\ndetail = {{ each = \"/*\", url = \"{}\" }}",
        publisher.url("/search"),
        publisher.url("/one/{item}"),
    ))
    .await;
    let run = ingest.run(&[]).await.expect(3);
    run.expect_log("status 500 for 3 items in a row");
    assert_eq!(ingest.count("quarantine").await, 0);
}

#[tokio::test]
async fn a_change_feed_continues_at_its_last_page() {
    // Pages of two with a growing token. The last page links to itself.
    let archive = Arc::new(Mutex::new(vec!["a".to_owned(), "b".into(), "c".into()]));
    let served = Arc::clone(&archive);
    let publisher = Publisher::serve(move |request| {
        let ids = served.lock().unwrap();
        let offset: usize = request.query("offset").map_or(0, |it| it.parse().unwrap());
        let page = &ids[offset.min(ids.len())..(offset + 2).min(ids.len())];
        let next = offset + page.len();
        Reply::json(json!({"releases": releases(page), "next_page": {"offset": next}}).to_string())
    })
    .await;
    let ingest = Ingest::with_definition(&format!(
        "url = \"{}\"\npage = {{ mode = \"token\", pointer = \"/next_page/offset\", stop = \"same_url\" }}",
        publisher.url("/changes"),
    ))
    .await;
    ingest.run(&[]).await.expect(0);
    assert_eq!(
        publisher.targets(),
        ["/changes", "/changes?offset=2", "/changes?offset=3"]
    );
    archive.lock().unwrap().push("d".into());
    ingest.run(&[]).await.expect(0);
    ingest.run(&[]).await.expect(0);
    assert_eq!(
        publisher.targets()[3..],
        [
            "/changes?offset=3",
            "/changes?offset=4",
            "/changes?offset=4"
        ]
    );
    assert_eq!(ingest.count("release").await, 4);
}

#[tokio::test]
async fn a_page_number_is_posted_and_the_page_says_its_size() {
    // As Mexico's platform: a JSON body, counted from 0, with bare releases under a key.
    let publisher = Publisher::serve(|request| {
        let asked: Value = serde_json::from_str(&request.body).unwrap();
        let page = asked["page"].as_u64().unwrap();
        let ids: Vec<String> = (0..25).map(|nth| format!("r{nth}")).collect();
        let some = ids.chunks(10).nth(page as usize).unwrap();
        let body = json!({"data": releases(some), "pagination": {"total": 25, "pageSize": 10}});
        Reply::json(body.to_string())
    })
    .await;
    let ingest = Ingest::with_definition(&format!(
        "url = \"{}\"\nbody = {{ json = {{ page = \"{{page}}\", pageSize = 10 }} }}\nitems = \"/data/*\"\n\
         page = {{ mode = \"number\", start = 0, total_items = \"/pagination/total\", size = \"/pagination/pageSize\" }}",
        publisher.url("/search?supplier=7"),
    ))
    .await;
    ingest.run(&[]).await.expect(0);
    let asked: Vec<String> = publisher
        .requests()
        .iter()
        .map(|request| format!("{} {} {}", request.method, request.target, request.body))
        .collect();
    assert_eq!(
        asked,
        [
            r#"POST /search?supplier=7 {"page":0,"pageSize":10}"#,
            r#"POST /search?supplier=7 {"page":1,"pageSize":10}"#,
            r#"POST /search?supplier=7 {"page":2,"pageSize":10}"#,
        ]
    );
    assert_eq!(ingest.count("release").await, 25);
}

#[tokio::test]
async fn pages_end_at_a_status_or_at_a_repeated_link() {
    let publisher = Publisher::serve(|request| match request.query("code").as_deref() {
        Some("1" | "2") => {
            let id = request.query("code").unwrap();
            Reply::json(json!({"releases": [release(&id)]}).to_string())
        }
        Some(_) => Reply::status(404),
        None => {
            let at = request.query("cursor").map_or(0, |it| it.parse().unwrap());
            let next = match at {
                2 => "/links".to_owned(),
                at => format!("/links?cursor={}", at + 1),
            };
            Reply::json(json!({"releases": [release(&format!("l{at}"))], "next": next}).to_string())
        }
    })
    .await;
    let numbered = Ingest::with_definition(&format!(
        "url = \"{}\"\npage = {{ mode = \"number\", param = \"code\", status = 404 }}",
        publisher.url("/numbered"),
    ))
    .await;
    numbered.run(&[]).await.expect(0);
    assert_eq!(
        publisher.targets(),
        ["/numbered?code=1", "/numbered?code=2", "/numbered?code=3"]
    );
    let table = |stop| {
        format!(
            "url = \"{}\"\npage = {{ mode = \"link\", pointer = \"/next\", stop = \"{stop}\" }}",
            publisher.url("/links"),
        )
    };
    let repeated = Ingest::with_definition(&table("repeated")).await;
    repeated.run(&[]).await.expect(0);
    assert_eq!(repeated.count("release").await, 3);
    // Unless the source declares it, this is a loop, and the run reports it.
    let looping = Ingest::with_definition(&table("no_link")).await;
    let run = looping.run(&[]).await.expect(4);
    run.expect_log("a loop");
    assert_eq!(looping.count("release").await, 3);
    // A page that never existed is not an end.
    let gone = Ingest::with_definition(&format!(
        "url = \"{}\"\npage = {{ mode = \"number\", param = \"code\", start = 7, status = 404 }}",
        publisher.url("/numbered"),
    ))
    .await;
    gone.run(&[]).await.expect(4);
}

#[tokio::test]
async fn a_killed_run_resumes_in_each_of_its_windows() {
    let archive = Archive::daily("2024-01-01", "2024-03-01", 2);
    let served = archive.clone();
    let gate = Gate::open_up_to(0);
    let held = gate.clone();
    let publisher = Publisher::serve(move |request| {
        serve_linked(&served, request).hold_at(&held, request.number)
    })
    .await;
    let ingest = Ingest::with_definition(&format!(
        "url = \"{}\"\n{LINKED}\nwindow = {{ from = \"2024\", step = \"3d\", basis = \"updated\" }}\nhttp = {{ concurrency = 4 }}",
        publisher.url("/feed?from={from}&to={to}")
    ))
    .await;
    let arguments = ["run", SOURCE, "--until", "2024-03-01"];
    for kill in 0..6 {
        let (asked, durable) = (publisher.targets().len(), ingest.count("page").await);
        gate.move_to(asked + 8);
        let mut run = ingest.start(&arguments);
        // Four windows have stored two pages each, and their third pages are open.
        publisher.wait_for_requests(asked + 12).await;
        // Either while these are being stored, or when they are.
        if kill % 2 == 1 {
            ingest.wait_for_pages(durable + 8).await;
        }
        assert!(run.is_running());
        run.kill().await;
    }
    gate.open();
    ingest.call(&arguments).await.expect(0);
    assert_eq!(ingest.count("release").await, archive.len());
    assert_eq!(
        read_watermark(&ingest).await.as_deref(),
        Some("2024-03-01T00:00:00")
    );
    assert_eq!(
        ingest.column("select count(*)::text from ocds.run").await,
        ["1"],
        "one run went on"
    );
}

#[tokio::test]
async fn as_many_windows_as_declared_are_fetched_concurrently() {
    let archive = Archive::daily("2024-01-01", "2024-02-10", 1);
    let served = archive.clone();
    let gate = Gate::open_up_to(0);
    let held = gate.clone();
    // A run begins with one request at a time. The answers to the first days allow more.
    let is_late = |target: &str| target.contains("from=2024-02");
    let publisher = Publisher::serve(move |request| {
        let reply = serve_linked(&served, request);
        match is_late(&request.target) {
            true => reply.hold_at(&held, 1),
            false => reply,
        }
    })
    .await;
    let count_held = || publisher.targets().iter().filter(|it| is_late(it)).count();
    for concurrency in [1, 8] {
        let ingest = Ingest::with_definition(&format!(
            "url = \"{}\"\n{LINKED}\nwindow = {{ from = \"2024\", step = \"1d\", basis = \"updated\" }}\nhttp = {{ concurrency = {concurrency} }}",
            publisher.url("/feed?from={from}&to={to}")
        ))
        .await;
        let before = count_held();
        gate.move_to(0);
        let run = ingest.start(&["run", SOURCE, "--until", "2024-02-10"]);
        // No request of a late day is answered before this number is open, and no further one
        // comes then.
        let give_up = Instant::now() + TEST_TIMEOUT;
        while count_held() < before + concurrency {
            assert!(Instant::now() < give_up, "{:?}", publisher.targets());
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
        assert_eq!(count_held(), before + concurrency);
        gate.open();
        run.wait().await.expect(0);
        assert_eq!(ingest.count("release").await, archive.len());
    }
}

#[tokio::test]
async fn dates_for_a_source_without_windows_are_refused() {
    let publisher = Publisher::serve(|_| Reply::json(r#"{"releases": []}"#)).await;
    let ingest = Ingest::with_definition(&format!("url = \"{}\"", publisher.url("/"))).await;
    let run = ingest.run(&["--from", "2024-01-01"]).await.expect(2);
    run.expect_log("has no `window`");
    let now = Timestamp::now().checked_add(1.hour()).unwrap().to_string();
    let program = ingest.call(&["backfill", SOURCE, "--from", &now]).await;
    program.expect(2);
}

/// Serves an index of the days of a window, and a document for each day. While `broken` is true,
/// the documents of two days cannot be had: that of an old day, and that of a recent one.
async fn serve_days(recent: String, old: &'static str) -> (Publisher, Arc<AtomicBool>) {
    let broken = Arc::new(AtomicBool::new(true));
    let is_broken = Arc::clone(&broken);
    let publisher = Publisher::serve(move |request| match request.path().strip_prefix("/day/") {
        None => {
            let day = request.query("from").unwrap();
            Reply::json(json!([day, format!("{day}-b"), format!("{day}-c")]).to_string())
        }
        Some(day) if is_broken.load(Relaxed) && (day == old || day == recent) => Reply::status(500),
        Some(day) => Reply::json(json!({ "releases": [release(day)] }).to_string()),
    })
    .await;
    (publisher, broken)
}

#[tokio::test]
async fn a_recent_window_is_fetched_again_until_all_its_documents_could_be_had() {
    let today = Timestamp::now().to_zoned(TimeZone::UTC).date();
    let day = |ago: i64| today.checked_sub(ago.days()).unwrap().to_string();
    let (first, old) = (day(12), &*day(11).leak());
    let (publisher, broken) = serve_days(day(1), old).await;
    let mut ingest = Ingest::new().await;
    let host = publisher.url("");
    ingest.declare_as(
        SOURCE,
        &format!("{host}/?from={{from}}&to={{to}}"),
        &format!(
            "window = {{ from = \"{first}\", step = \"1d\", format = \"%Y-%m-%d\", basis = \"updated\" }}
            detail = {{ each = \"/*\", url = \"{host}/day/{{item}}\" }}
            http.retry_max = 1"
        ),
    );
    let ran = ingest.run(&[]).await.expect(0);
    assert_eq!(ran.counts().quarantined, 2);
    ran.expect_log("runs ask for them again for three days after the end of their window");
    let watermark = "select reached::date from ocds.watermark";
    let watermark = async || ingest.value(watermark).await;
    assert_eq!(watermark().await, day(1));
    let has = async |day: &str| {
        let has = format!("select exists (select from ocds.release where release_id = '{day}')");
        ingest.value(&has).await
    };
    assert_eq!(has(&day(1)).await, "f");
    // an old document that fails for ever does not have all later windows fetched by each run
    broken.store(false, Relaxed);
    ingest.run(&[]).await.expect(0);
    assert_eq!(has(&day(1)).await, "t");
    assert_eq!(has(old).await, "f");
    assert_eq!(watermark().await, today.to_string());
    let open = "select count(*) from ocds.quarantine where resolved_at is null";
    assert_eq!(ingest.value(open).await, "1");
    let until = day(10);
    let backfill = ["backfill", SOURCE, "--from", old, "--until", &until];
    ingest.call(&backfill).await.expect(0);
    assert_eq!(has(old).await, "t");
    assert_eq!(ingest.value(open).await, "0");
}
