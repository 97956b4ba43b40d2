//! Tests runs: every release of a feed is stored once, and how a run starts, ends and resumes.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::harness::{Counts, Ingest, LINK, NUMBER, SOURCE};
use crate::publisher::{Feed, Items, Publisher, Reply, Request, package, pages, release};

/// Returns a release with a key and a title.
pub(crate) fn titled(i: usize, title: &str) -> String {
    format!(
        r#"{{"ocid":"ocds-213czf-{i}","id":"{i}","date":"2026-01-01T00:00:00Z","tender":{{"title":"{title}"}}}}"#
    )
}

/// Returns the keys of releases in the order of the database.
fn list_ocids(releases: std::ops::Range<usize>) -> Vec<String> {
    let mut keys: Vec<String> = releases.map(|i| format!("ocds-213czf-{i}")).collect();
    keys.sort();
    keys
}

const STORED: &str = r#"select ocid from ocds.release order by ocid collate "C""#;

#[tokio::test]
async fn every_release_of_a_feed_is_stored_exactly_once() {
    let offset = r#"page = { mode = "offset", size = 10, total_items = "/total_items" }"#;
    let empty = r#"page = { mode = "number", stop = "empty" }"#;
    let many = "http = { concurrency = 3 }";
    let feeds = [
        (Feed::link(pages(5, 10)), LINK.into(), 5),
        (Feed::number(pages(5, 10)), NUMBER.into(), 5),
        (Feed::number(pages(5, 10)), format!("{NUMBER}\n{many}"), 5),
        (Feed::number(pages(5, 10)), empty.into(), 6),
        (Feed::offset(pages(5, 10)), offset.into(), 5),
        (Feed::link(pages(1, 50)), String::new(), 1),
    ];
    let mut ingest = Ingest::new().await;
    let mut publishers = Vec::new();
    for (number, (feed, table, _)) in feeds.iter().enumerate() {
        let feed = feed.clone();
        let publisher = feed.serve().await;
        ingest.declare_as(&format!("feed-{number}"), &publisher.url("/"), table);
        publishers.push(publisher);
    }
    let ran = ingest.call(&["run", "--all", "--json"]).await.expect(0);
    for (report, (number, (_, table, durable))) in
        ran.parse_lines().iter().zip(feeds.iter().enumerate())
    {
        let inserted = "50 inserted";
        assert_eq!(Counts::from_report(report), inserted, "{table}");
        assert_eq!(report["verdict"], "complete", "{table}");
        assert_eq!(report["pages"], *durable, "{table}");
        let stored = format!(
            r#"select ocid from ocds.release where source = 'feed-{number}' order by ocid collate "C""#
        );
        assert_eq!(ingest.column(&stored).await, list_ocids(0..50), "{table}");
    }
    assert_eq!(ran.parse_lines().len(), feeds.len());
}

#[tokio::test]
async fn a_second_run_over_unchanged_pages_writes_no_row() {
    let publisher = Feed::link(make_defective_pages()).serve().await;
    let ingest = Ingest::with_source(&publisher, LINK).await;
    ingest.run(&["--max-bad-ratio", "1"]).await.expect(0);
    let before = ingest.read_row_versions().await;
    let ran = ingest.run(&["--max-bad-ratio", "1"]).await.expect(0);
    assert_eq!(ran.counts(), "23 unchanged, 1 folded, 1 quarantined");
    assert_eq!(ingest.read_row_versions().await, before);
    assert_eq!(
        ingest.column("select seen from ocds.quarantine").await,
        ["2", "2"]
    );
}

/// Returns 25 items: one has no ocid, and one key occurs twice on a page.
fn make_defective_pages() -> Vec<Items> {
    let mut pages = pages(5, 5);
    pages[1][2] = r#"{"id":"no ocid"}"#.into();
    pages[3][0] = titled(17, "the earlier one");
    pages
}

#[tokio::test]
async fn the_outcomes_of_the_releases_add_up() {
    let publisher = Feed::link(make_defective_pages()).serve().await;
    let ingest = Ingest::with_source(&publisher, LINK).await;
    ingest.run(&["--max-pages", "1"]).await.expect(0);
    publisher.set_script({
        let mut pages = make_defective_pages();
        pages[4][4] = titled(3, "overwritten");
        let feed = Feed::link(pages);
        move |request| feed.reply(request)
    });
    let ran = ingest
        .run(&["--restart", "--max-bad-ratio", "1"])
        .await
        .expect(0);
    let counts = Counts {
        inserted: 17,
        updated: 1,
        unchanged: 5,
        folded: 1,
        quarantined: 1,
        older: 0,
    };
    assert_eq!(ran.counts(), counts);
    assert_eq!(ingest.count("release").await, 22);
}

#[tokio::test]
async fn a_release_whose_content_changed_is_updated() {
    let publisher = Feed::link(vec![(0..3).map(release).collect()])
        .serve()
        .await;
    let ingest = Ingest::with_source(&publisher, LINK).await;
    ingest.run(&[]).await.expect(0);
    let first_seen = "select first_seen_at from ocds.release where release_id = '1'";
    let seen = ingest.value(first_seen).await;

    let feed = Feed::link(vec![vec![release(0), titled(1, "new"), release(2)]]);
    publisher.set_script(move |request| feed.reply(request));
    let ran = ingest.run(&[]).await.expect(0);
    assert_eq!(ran.counts(), "1 updated, 2 unchanged");
    let titles = "select concat(tender_title, data->'tender'->>'title') from ocds.release order by release_id";
    assert_eq!(
        ingest.column(titles).await,
        ["Works 0Works 0", "newnew", "Works 2Works 2"]
    );
    assert_eq!(ingest.value(first_seen).await, seen);
    assert_eq!(
        ingest
            .column("select run_id from ocds.release order by release_id")
            .await,
        ["1", "2", "1"]
    );
}

#[tokio::test]
async fn white_space_does_not_change_the_content() {
    let publisher = Feed::link(vec![vec![release(0)]]).serve().await;
    let ingest = Ingest::with_source(&publisher, LINK).await;
    ingest.run(&[]).await.expect(0);
    let feed = Feed::link(vec![vec![
        release(0)
            .replace(':', " :\n ")
            .replace("00 :\n 00 :\n 00", "00:00:00"),
    ]]);
    publisher.set_script(move |request| feed.reply(request));
    assert_eq!(ingest.run(&[]).await.expect(0).counts().unchanged, 1);
}

#[tokio::test]
async fn the_later_of_two_releases_with_one_key_on_a_page_is_stored() {
    let earlier = titled(7, "earlier");
    let page = vec![
        release(1),
        earlier.clone(),
        release(2),
        release(2),
        titled(7, "later"),
    ];
    let publisher = Feed::link(vec![page]).serve().await;
    let ingest = Ingest::with_source(&publisher, LINK).await;
    // A superseded release is not a bad row.
    let ran = ingest.run(&["--max-bad-ratio", "0"]).await.expect(0);
    assert_eq!(ran.counts(), "3 inserted, 2 folded");
    let title = "select tender_title from ocds.release where release_id = '7'";
    assert_eq!(ingest.value(title).await, "later");
    let kept = "select concat_ws(' ', reason, pointer, ocid, release_id, convert_from(document, 'utf8')) from ocds.quarantine";
    assert_eq!(
        ingest.column(kept).await,
        [format!("superseded /releases/1 ocds-213czf-7 7 {earlier}")]
    );
}

#[tokio::test]
async fn the_later_page_wins_with_concurrent_commits() {
    // All pages have the key 0. The first page is the largest, and so the slowest to write.
    let pages: Vec<Items> = (0..12)
        .map(|page| {
            let others = if page % 2 == 0 { 300 } else { 1 };
            let others = (1..=others).map(|i| release(page * 1000 + i));
            others
                .chain([titled(0, &format!("of page {}", page + 1))])
                .collect()
        })
        .collect();
    let publisher = Feed::number(pages).serve().await;
    let mut ingest = Ingest::with_source(
        &publisher,
        &format!("{NUMBER}\nhttp = {{ concurrency = 4 }}"),
    )
    .await;
    ingest.configure("[sink]\nworkers = 4");
    let counts = ingest.run(&[]).await.expect(0).counts();
    assert_eq!(counts.updated, 11);
    let title =
        "select tender_title || ' ' || page_number from ocds.release where release_id = '0'";
    assert_eq!(ingest.value(title).await, "of page 12 12");
}

#[tokio::test]
async fn a_report_has_exactly_these_fields() {
    let publisher = Feed::link(pages(2, 2)).serve().await;
    let ingest = Ingest::with_source(&publisher, LINK).await;
    let ran = ingest.run(&[]).await.expect(0);
    let report = ran.report();
    let mut fields: Vec<&String> = report.as_object().unwrap().keys().collect();
    fields.sort();
    let mut expected = [
        "source",
        "run_id",
        "kind",
        "verdict",
        "resumed_from",
        "pages",
        "unchanged_pages",
        "unreadable_pages",
        "shrunk_from",
        "missing",
        "absent",
        "compiled",
        "run_totals",
        "requests",
        "retries",
        "bytes",
        "releases",
        "inserted",
        "updated",
        "unchanged",
        "folded",
        "quarantined",
        "older",
        "passed_over",
        "duration_seconds",
        "releases_per_second",
    ];
    expected.sort_unstable();
    assert_eq!(fields, expected);
    // The last page is as full as the first, and is fetched twice.
    assert_eq!(report["requests"], 3);
    assert_eq!(report["kind"], "incremental");
}

#[tokio::test]
async fn a_run_with_max_pages_is_resumed() {
    let publisher = Feed::link(pages(5, 2)).serve().await;
    let ingest = Ingest::with_source(&publisher, LINK).await;
    let ran = ingest.run(&["--max-pages", "2"]).await.expect(0);
    assert_eq!(ran.report()["pages"], 2);
    assert_eq!(ingest.count("release").await, 4);
    assert_eq!(publisher.targets(), ["/", "/?page=2"]);

    let ran = ingest.run(&[]).await.expect(0);
    let report = ran.report();
    assert_eq!(report["resumed_from"], 2);
    assert_eq!(report["run_id"], 1);
    // The counts are those of this process, and the totals those of the whole run.
    for (counts, pages, releases) in [(&report, 3, 6), (&report["run_totals"], 5, 10)] {
        assert_eq!(counts["pages"], pages);
        assert_eq!(counts["inserted"], releases);
        assert_eq!(counts["releases"], releases);
    }
    assert_eq!(publisher.targets()[2..4], ["/?page=3", "/?page=4"]);
    assert_eq!(ingest.count("release").await, 10);

    // After a complete run, the next one starts at the first page.
    let asked = publisher.targets().len();
    let report = ingest.run(&[]).await.expect(0).report();
    assert_eq!(report["run_id"], 2);
    assert_eq!(publisher.targets()[asked], "/");
}

#[tokio::test]
async fn a_chain_with_an_unreadable_cursor_starts_again() {
    let publisher = Feed::link(pages(5, 2)).serve().await;
    let ingest = Ingest::with_source(&publisher, LINK).await;
    ingest.run(&["--max-pages", "2"]).await.expect(0);
    // A newer version might write this.
    let newer = "update ocds.page set next_cursor = 'sideways 3' where number = 2";
    ingest.execute(newer).await;
    let asked = publisher.targets().len();
    let ran = ingest.run(&[]).await.expect(0);
    let pages = ["/", "/?page=2", "/?page=3", "/?page=4", "/?page=5"];
    assert_eq!(publisher.targets()[asked..asked + 5], pages);
    assert_eq!(ran.report()["verdict"], "complete");
    assert_eq!(ingest.count("release").await, 10);
    let said = "another version of the program stored the position after page 2";
    ran.expect_log(said);
}

#[tokio::test]
async fn a_restart_starts_at_the_first_page() {
    let publisher = Feed::link(pages(3, 2)).serve().await;
    let ingest = Ingest::with_source(&publisher, LINK).await;
    ingest.run(&["--max-pages", "2"]).await.expect(0);
    let report = ingest.run(&["--restart"]).await.expect(0).report();
    assert_eq!(report["resumed_from"], serde_json::Value::Null);
    assert_eq!(
        (report["run_id"].as_i64(), report["unchanged"].as_i64()),
        (Some(2), Some(4))
    );
    assert_eq!(publisher.targets()[2], "/");
}

#[tokio::test]
async fn an_unfinished_run_of_another_definition_is_not_resumed() {
    let publisher = Feed::number(pages(4, 2)).serve().await;
    let mut ingest = Ingest::with_source(&publisher, NUMBER).await;
    ingest.run(&["--max-pages", "2"]).await.expect(0);
    ingest.declare(
        &publisher,
        &format!("{NUMBER}\nquery = {{ region = \"east\" }}"),
    );
    let report = ingest.run(&[]).await.expect(0).report();
    assert_eq!(report["run_id"], 2);
    assert_eq!(report["pages"], 4);
    assert!(
        publisher.targets()[2].contains("page=1"),
        "{:?}",
        publisher.targets()
    );
}

#[tokio::test]
async fn a_full_last_page_is_confirmed_by_another_request() {
    let dropped = AtomicBool::new(false);
    let feed = Feed::link(pages(4, 3));
    let publisher = Publisher::serve(move |request| {
        let is_second = request.query("page").as_deref() == Some("2");
        if is_second && !dropped.swap(true, Ordering::Relaxed) {
            return Reply::json(package(&pages(4, 3)[1], ""));
        }
        feed.reply(request)
    })
    .await;
    let ingest = Ingest::with_source(&publisher, LINK).await;
    assert_eq!(ingest.run(&[]).await.expect(0).report()["pages"], 4);
    assert_eq!(ingest.count("release").await, 12);
}

#[tokio::test]
async fn a_page_can_be_a_single_release() {
    // MTender (Moldova) and ProZorro (Ukraine) serve bare releases.
    let publisher = Publisher::serve(|request| match request.query("page").as_deref() {
        Some(page @ ("1" | "2" | "3")) => Reply::json(release(page.parse().unwrap())),
        _ => Reply::json("[]"),
    })
    .await;
    let ingest =
        Ingest::with_source(&publisher, r#"page = { mode = "number", stop = "empty" }"#).await;
    assert_eq!(ingest.run(&[]).await.expect(0).counts().inserted, 3);
}

/// Replaces page `bad` of a feed by HTML while `is_bad` is true.
fn serve_unreadable_at(
    feed: Feed,
    bad: &'static str,
    is_bad: Arc<AtomicBool>,
) -> impl Fn(&Request) -> Reply {
    move |request| {
        let is_asked = request.query("page").as_deref() == Some(bad);
        if is_asked && is_bad.load(Ordering::Relaxed) {
            return Reply::status(200).body(HTML);
        }
        feed.reply(request)
    }
}

const HTML: &str = "<html><body>Down for maintenance</body></html>";

const QUARANTINE: &str = "select concat_ws(' ', reason, page_number, resolution, pointer, convert_from(document, 'utf8'))
    from ocds.quarantine order by id";

#[tokio::test]
async fn a_numbered_feed_continues_after_an_unreadable_page() {
    let is_bad = Arc::new(AtomicBool::new(true));
    let feed = serve_unreadable_at(Feed::number(pages(5, 2)), "3", Arc::clone(&is_bad));
    let publisher = Publisher::serve(feed).await;
    let ingest = Ingest::with_source(&publisher, NUMBER).await;

    let ran = ingest.run(&[]).await.expect(4);
    let report = ran.report();
    assert_eq!(report["verdict"], "truncated");
    assert_eq!(
        (
            report["pages"].as_i64(),
            report["unreadable_pages"].as_i64()
        ),
        (Some(4), Some(1))
    );
    // A page is not a row, so it does not count among the releases.
    assert_eq!(ran.counts().quarantined, 0);
    assert_eq!(ingest.count("release").await, 8);
    assert_eq!(
        ingest.column(QUARANTINE).await,
        [format!("unreadable-page 3  {HTML}")]
    );

    // The page is still bad: it is counted again, and kept once.
    ingest.run(&[]).await.expect(4);
    assert_eq!(
        ingest.column("select seen from ocds.quarantine").await,
        ["2"]
    );

    is_bad.store(false, Ordering::Relaxed);
    let report = ingest.run(&[]).await.expect(0).report();
    assert_eq!(
        (report["inserted"].as_i64(), report["unchanged"].as_i64()),
        (Some(2), Some(8))
    );
    assert_eq!(
        ingest.column(QUARANTINE).await,
        [format!("unreadable-page 3 stored  {HTML}")]
    );
}

#[tokio::test]
async fn a_linked_feed_stops_at_an_unreadable_page_and_resumes_there() {
    let is_bad = Arc::new(AtomicBool::new(true));
    let feed = serve_unreadable_at(Feed::link(pages(5, 2)), "3", Arc::clone(&is_bad));
    let publisher = Publisher::serve(feed).await;
    let ingest = Ingest::with_source(&publisher, LINK).await;

    let report = ingest.run(&[]).await.expect(4).report();
    assert_eq!(
        (
            report["pages"].as_i64(),
            report["unreadable_pages"].as_i64()
        ),
        (Some(2), Some(1))
    );
    assert_eq!(
        ingest.column(QUARANTINE).await,
        [format!("unreadable-page 3  {HTML}")]
    );
    let asked = publisher.targets();
    assert!(!asked.contains(&"/?page=4".to_owned()), "{asked:?}");

    is_bad.store(false, Ordering::Relaxed);
    let report = ingest.run(&[]).await.expect(0).report();
    assert_eq!(
        (report["run_id"].as_i64(), report["resumed_from"].as_i64()),
        (Some(1), Some(2))
    );
    assert_eq!(publisher.targets()[asked.len()], "/?page=3");
    assert_eq!(ingest.count("release").await, 10);
    assert_eq!(
        ingest.column(QUARANTINE).await,
        [format!("unreadable-page 3 stored  {HTML}")]
    );
}

#[tokio::test]
async fn too_many_bad_rows_stop_a_run_until_the_ratio_is_raised() {
    let mut pages = pages(6, 10);
    pages[1] = vec!["null".into(); 10];
    let publisher = Feed::link(pages).serve().await;
    let mut ingest = Ingest::with_source(&publisher, LINK).await;
    // So few pages ahead that the end of the feed is not fetched meanwhile.
    ingest.configure("[sink]\nmax_bad_after = 15\n[fetch]\nahead = 2");

    let ran = ingest.run(&[]).await.expect(5);
    let report = ran.report();
    assert_eq!(report["verdict"], "failed");
    // The page that exceeds the ratio is committed.
    assert_eq!(ran.counts().quarantined, 10);
    ran.expect_log("--max-bad-ratio");

    let asked = publisher.targets().len();
    ingest.run(&[]).await.expect(5);
    assert_eq!(
        publisher.targets().len(),
        asked,
        "a resume refuses before it asks"
    );

    let ran = ingest.run(&["--max-bad-ratio", "0.6"]).await.expect(0);
    assert!(ran.report()["resumed_from"].as_u64() >= Some(2));
    assert_eq!(ran.counts(), "50 inserted, 10 quarantined");
}

#[tokio::test]
async fn a_page_with_too_many_bad_rows_is_not_stored_and_keeps_some_rejects() {
    let mut pages = pages(3, 10);
    let nulls = (0..3_000).map(|_| "null".to_owned());
    pages[1].extend(nulls);
    let publisher = Feed::link(pages).serve().await;
    let ingest = Ingest::with_source(&publisher, LINK).await;

    let durable = "select number from ocds.page order by number";
    // The next run fetches the page again.
    for asked in [2, 3] {
        let ran = ingest.run(&[]).await.expect(5);
        let says = "page 2 is not stored, and only the first 1000 of its 3000 rejects are kept: \
                    3000 of 3020 releases were refused";
        ran.expect_log(says);
        assert_eq!(ran.report()["verdict"], "failed");
        assert_eq!(ingest.column(durable).await, ["1"]);
        assert_eq!(ingest.column(STORED).await, list_ocids(0..10));
        assert_eq!(ingest.count("quarantine").await, 1_000);
        let of_page = publisher.requests();
        let of_page = of_page.iter().filter(|request| request.page() == 2);
        assert_eq!(of_page.count(), asked - 1);
    }

    let ran = ingest.run(&["--max-bad-ratio", "1"]).await.expect(0);
    assert_eq!(ran.counts().quarantined, 3_000);
    assert_eq!(ingest.column(STORED).await, list_ocids(0..30));
    assert_eq!(ingest.count("quarantine").await, 3_000);
}

#[tokio::test]
async fn a_page_with_many_bad_rows_is_stored_after_enough_good_ones() {
    let mut pages = pages(4, 3_000);
    // A later page would be committed at the same time if it did not have to wait.
    pages[2] = vec!["null".to_owned(); 1_500];
    let publisher = Feed::number(pages).serve().await;
    let mut ingest =
        Ingest::with_source(&publisher, &format!("{NUMBER}\nhttp.concurrency = 4")).await;
    ingest.configure("[sink]\nmax_bad_ratio = 0.2");
    let ran = ingest.run(&[]).await.expect(0);
    assert_eq!(ran.counts(), "9000 inserted, 1500 quarantined");
}

#[tokio::test]
async fn too_many_bad_rows_are_seen_at_the_end_of_a_short_feed() {
    let publisher = Feed::link(vec![vec![release(0), "null".into()]])
        .serve()
        .await;
    let ingest = Ingest::with_source(&publisher, LINK).await;
    ingest.run(&[]).await.expect(5);
    assert_eq!(ingest.count("release").await, 1);
    ingest.run(&["--max-bad-ratio", "0.5"]).await.expect(0);
}

#[tokio::test]
async fn a_backfill_fetches_the_requested_pages() {
    let publisher = Feed::number(pages(6, 2)).serve().await;
    let ingest = Ingest::with_source(&publisher, NUMBER).await;
    let backfill = [
        "backfill",
        SOURCE,
        "--json",
        "--from-page",
        "3",
        "--to-page",
        "4",
    ];
    let report = ingest.call(&backfill).await.expect(0).report();
    assert_eq!(report["kind"], "backfill");
    assert_eq!(publisher.targets(), ["/?page=3", "/?page=4"]);
    assert_eq!(ingest.column(STORED).await, list_ocids(4..8));

    // Without an end, the backfill ends with the feed.
    let report = ingest.call(&backfill[..5]).await.expect(0).report();
    assert_eq!(
        (report["pages"].as_i64(), report["unchanged"].as_i64()),
        (Some(4), Some(4))
    );
    assert_eq!(ingest.column(STORED).await, list_ocids(4..12));
}

#[tokio::test]
async fn a_backfill_of_a_linked_feed_finds_its_first_page() {
    let publisher = Feed::link(pages(6, 2)).serve().await;
    let ingest = Ingest::with_source(&publisher, LINK).await;
    let backfill = [
        "backfill",
        SOURCE,
        "--json",
        "--from-page",
        "3",
        "--to-page",
        "4",
    ];
    let report = ingest.call(&backfill).await.expect(0).report();
    assert_eq!(report["pages"], 2);
    assert_eq!(
        publisher.targets(),
        ["/", "/?page=2", "/?page=3", "/?page=4"]
    );
    assert_eq!(ingest.column(STORED).await, list_ocids(4..8));

    ingest.run(&[]).await.expect(0);
    let asked = publisher.targets().len();
    ingest.call(&backfill).await.expect(0);
    assert_eq!(publisher.targets()[asked..], ["/?page=3", "/?page=4"]);
}

#[tokio::test]
async fn a_backfill_does_not_change_an_unfinished_run() {
    let publisher = Feed::number(pages(6, 2)).serve().await;
    let ingest = Ingest::with_source(&publisher, NUMBER).await;
    ingest.run(&["--max-pages", "2"]).await.expect(0);
    let backfill = ["backfill", SOURCE, "--json", "--from-page", "5"];
    ingest.call(&backfill).await.expect(0);
    let report = ingest.run(&[]).await.expect(0).report();
    assert_eq!(
        (report["run_id"].as_i64(), report["resumed_from"].as_i64()),
        (Some(1), Some(2))
    );
    assert_eq!(ingest.column(STORED).await, list_ocids(0..12));
}

#[tokio::test]
async fn a_backfill_beyond_the_end_of_a_linked_feed_reports_its_length() {
    let publisher = Feed::link(pages(3, 2)).serve().await;
    let ingest = Ingest::with_source(&publisher, LINK).await;
    let backfill = ["backfill", SOURCE, "--from-page", "9"];
    let ran = ingest.call(&backfill).await.expect(2);
    ran.expect_log("ends at page 3");
}

#[tokio::test]
async fn a_backfill_from_before_the_first_page_starts_there_and_resumes() {
    let publisher = Feed::number(pages(3, 2)).serve().await;
    let ingest = Ingest::with_source(&publisher, NUMBER).await;
    let backfill = ["backfill", SOURCE, "--json", "--from-page", "0"];
    ingest.call(&backfill).await.expect(0);
    // As if the run had been killed before it recorded its end.
    let unfinished = "update ocds.run set state = 'truncated', end_seen = false";
    ingest.column(unfinished).await;
    let report = ingest.call(&backfill).await.expect(0).report();
    assert_eq!(report["resumed_from"], 3);
    assert_eq!(publisher.targets().len(), 3);
}

#[tokio::test]
async fn too_many_bad_rows_fail_a_resumed_run_with_only_its_end_left() {
    let publisher = Feed::link(vec![vec![release(0), "null".into()]])
        .serve()
        .await;
    let ingest = Ingest::with_source(&publisher, LINK).await;
    ingest.run(&["--max-bad-ratio", "1"]).await.expect(0);
    let unfinished = "update ocds.run set state = 'truncated', end_seen = false";
    ingest.column(unfinished).await;
    ingest.run(&[]).await.expect(5);
}

#[tokio::test]
async fn an_abandoned_source_hides_no_worse_exit_code() {
    let bad = Feed::link(vec![vec![r#"{"no":"ocid"}"#.into()]])
        .serve()
        .await;
    let good = Feed::link(pages(2, 2)).serve().await;
    let mut ingest = Ingest::new().await;
    ingest.declare_as("a-bad-one", &bad.url("/"), LINK);
    ingest.declare_as("good", &good.url("/"), LINK);
    ingest.configure("[shutdown]\ngrace = \"200ms\"\n[database]\nlock_timeout = \"50s\"");
    ingest.call(&["run", "good"]).await.expect(0);
    let changed = Feed::link(vec![vec![titled(0, "changed")]]);
    good.set_script(move |request| changed.reply(request));
    // The commit of the second source waits.
    let lock = crate::harness::connect(&ingest.url).await;
    let sql = "begin; update ocds.release set language = 'en' where source = 'good'";
    lock.batch_execute(sql).await.unwrap();
    let run = ingest.start(&["run", "--all"]);
    let is_bad =
        "select exists (select from ocds.run where source = 'a-bad-one' and state = 'failed')";
    ingest.wait_until(is_bad).await;
    ingest.wait_for_lock_wait().await;
    run.send_signal(rustix::process::Signal::TERM);
    let ran = run.wait().await.expect(5);
    ran.expect_log("shutdown.grace");
    lock.batch_execute("rollback").await.unwrap();
}
