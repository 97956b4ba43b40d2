//! Tests stretches of positions that a server answers with errors: a run skips them if the source
//! says so, and returns to them.

use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};

use ocds_ingest::source::Source;
use serde_json::{Value, json};

use crate::harness::{Ingest, SOURCE};
use crate::publisher::{Gate, Publisher, Reply, Request, release};

/// The number of releases of the feeds here. In a feed of changes, release N changed at N × 1,000.
const RELEASES: usize = 10;

/// A feed of changes whose links have the time of the next change.
const CHANGES: &str = r#"
page = { mode = "link", pointer = "/next_page/uri", stop = "same_url" }
http = { skip_errors = { param = "offset", step = 100, most = 10000 } }
"#;

/// Answers as a feed of changes does: a page has the first change since its offset, and the newest
/// page leads to itself.
fn page_of_changes(request: &Request, releases: usize) -> Reply {
    let offset = read_offset(request);
    let number = offset.div_ceil(1_000).max(1);
    let list: Vec<Value> = (number..=releases)
        .take(1)
        .map(|number| release(number).parse().unwrap())
        .collect();
    let next = match number < releases {
        true => (number + 1) * 1_000,
        false => offset,
    };
    let uri = format!("/?offset={next}");
    let page = json!({"releases": list, "next_page": {"uri": uri, "offset": next.to_string()}});
    Reply::json(page.to_string())
}

fn read_offset(request: &Request) -> usize {
    request
        .query("offset")
        .map_or(0, |offset| offset.parse().unwrap())
}

/// Returns a script of a feed of changes that answers 500 in some stretches, which are named by
/// their beginnings and ends.
fn script(
    broken: &'static [(usize, usize)],
    releases: usize,
) -> impl Fn(&Request) -> Reply + Send + Sync {
    move |request| {
        let offset = read_offset(request);
        let is_broken = |(begin, end): &(usize, usize)| (*begin..*end).contains(&offset);
        match broken.iter().any(is_broken) {
            true => Reply::status(500),
            false => page_of_changes(request, releases),
        }
    }
}

/// Returns the offsets that were requested since the last call, each once.
fn requested_offsets(publisher: &Publisher, seen: &mut usize) -> Vec<usize> {
    let requests = publisher.requests();
    let mut offsets: Vec<usize> = requests[*seen..].iter().map(read_offset).collect();
    *seen = requests.len();
    offsets.dedup();
    offsets
}

const OPEN: &str = "quarantine where resolved_at is null";

#[tokio::test]
async fn a_stretch_of_errors_is_skipped_and_asked_for_again_until_it_can_be_read() {
    let publisher = Publisher::serve(script(&[(3_500, 6_450)], RELEASES)).await;
    let ingest = Ingest::with_source(&publisher, CHANGES).await;
    let mut seen = 0;
    let metrics = ingest.directory.path().join("metrics");
    let option = format!("--metrics-file={}", metrics.display());
    let ran = ingest.run(&[&option]).await.expect(4);
    let skipped =
        "page 4 of zambia: status 500 after 4 attempts; positions 4000 to 6500 are skipped";
    ran.expect_log(skipped);
    assert_eq!(
        requested_offsets(&publisher, &mut seen),
        [
            // the usual walk, and the end of the stretch, to a hundred
            0, 2000, 3000, 4000, 4100, 4200, 4400, 4800, 5600, 7200, 6400, 6800, 6600, 6500,
            // are there still errors at its beginning and at its end?
            4000, 6400, // the walk goes on
            6500, 8000, 9000, 10_000
        ]
    );
    assert_eq!(ingest.count("release").await, RELEASES - 3);
    let report = ran.report();
    assert_eq!(report["verdict"], "truncated");
    assert!(
        report["missing"][0].as_str().unwrap().contains(skipped),
        "{report}"
    );
    let counted = r#"ocds_decisions_total{source="zambia",decision="stepped-over"} 1"#;
    let metrics = std::fs::read_to_string(metrics).unwrap();
    assert!(metrics.contains(counted), "{metrics}");

    // the next run asks for the beginning of the stretch, and continues at the newest page
    let ran = ingest.run(&[]).await.expect(4);
    assert_eq!(requested_offsets(&publisher, &mut seen), [4000, 10_000]);
    assert_eq!(ran.report()["missing"], report["missing"]);
    assert_eq!(ingest.count(OPEN).await, 1);

    publisher.set_script(script(&[], RELEASES));
    let ran = ingest.run(&[]).await.expect(0);
    ran.expect_log("answers at a position that was skipped, so the run begins there");
    assert_eq!(
        requested_offsets(&publisher, &mut seen),
        [4000, 5000, 6000, 7000, 8000, 9000, 10_000]
    );
    assert_eq!(ran.report()["verdict"], "complete");
    assert_eq!(ran.counts().inserted, 3);
    assert_eq!(ingest.count("release").await, RELEASES);
    assert_eq!(ingest.count(OPEN).await, 0);

    // from then on the feed is read as if nothing had happened
    publisher.set_script(script(&[], RELEASES + 1));
    ingest.run(&[]).await.expect(0);
    assert_eq!(requested_offsets(&publisher, &mut seen), [10_000, 11_000]);
    assert_eq!(ingest.count("release").await, RELEASES + 1);
}

/// Runs that are killed at each commit in turn, until one ends. Returns the number of kills.
async fn run_with_kills(ingest: &mut Ingest, moment: &str, code: i32) -> usize {
    let mut kills = 0;
    loop {
        ingest.set_env(
            "FAILPOINTS",
            &format!("{moment}={}*off->return(crash)", kills % 3),
        );
        let ran = ingest.run(&[]).await;
        if ran.code.is_some() {
            ran.expect(code);
            ingest.set_env("FAILPOINTS", "");
            return kills;
        }
        kills += 1;
        assert!(kills < 50, "{moment}: no progress");
    }
}

#[tokio::test]
async fn a_run_that_is_killed_around_a_stretch_loses_nothing_and_doubles_nothing() {
    const BROKEN: &[(usize, usize)] = &[(3_500, 6_450)];
    let publisher = Publisher::serve(script(BROKEN, RELEASES)).await;
    let calm = Ingest::with_source(&publisher, CHANGES).await;
    calm.run(&[]).await.expect(4);
    let skipping = calm.read_tables().await;

    for moment in ["before-commit", "commit-sent", "commit-acknowledged"] {
        publisher.set_script(script(BROKEN, RELEASES));
        let mut ingest = Ingest::with_source(&publisher, CHANGES).await;
        ingest.configure("[ledger]\nrequests = false");
        let kills = run_with_kills(&mut ingest, moment, 4).await;
        assert!(kills > 2, "{moment}");
        let tables = ingest.read_tables().await;
        tables.expect_equal(&skipping, moment);
        assert_eq!(ingest.count("run").await, 1);
        let pages = "select concat_ws(' ', number, cursor) from ocds.page order by number";
        let pages = ingest.column(pages).await;
        assert_eq!(pages.len(), RELEASES - 3, "{pages:?}");

        publisher.set_script(script(&[], RELEASES));
        run_with_kills(&mut ingest, moment, 0).await;
        assert_eq!(ingest.count("release").await, RELEASES, "{moment}");
        assert_eq!(ingest.count(OPEN).await, 0, "{moment}");
    }
}

#[tokio::test]
async fn a_numbered_walk_that_is_killed_around_a_stretch_loses_nothing_and_doubles_nothing() {
    let publisher = Publisher::serve(whole_feed("page", 1, 3..6)).await;
    let table = "page = { mode = \"number\", start = 0, total_pages = \"/pages\" }\n\
                 http = { concurrency = 3, skip_errors = { step = 1, most = 8 } }";
    for commits in 0..8 {
        let mut ingest = Ingest::with_source(&publisher, table).await;
        ingest.configure("[ledger]\nrequests = false");
        let kill = format!("commit-acknowledged={commits}*off->return(crash)");
        ingest.set_env("FAILPOINTS", &kill);
        let ran = ingest.run(&[]).await;
        assert!(ran.signal.is_some(), "{commits}: {}", ran.stderr);
        ingest.set_env("FAILPOINTS", "");
        let ran = ingest.run(&[]).await.expect(4);
        assert_eq!(ingest.count("run").await, 1);
        assert_eq!(ingest.count("release").await, RELEASES - 3, "{commits}");
        assert_eq!(ingest.count(OPEN).await, 1, "{commits}");
        let report = ran.report();
        assert_eq!(report["run_totals"]["releases"], RELEASES - 3, "{report}");
    }
}

#[tokio::test]
async fn a_run_that_is_killed_after_its_last_commit_moves_the_watermark_when_it_is_resumed() {
    let publisher = Publisher::serve(script(&[], RELEASES)).await;
    let mut ingest = Ingest::with_source(&publisher, CHANGES).await;
    ingest.set_env("FAILPOINTS", "commit-acknowledged=9*off->return(crash)");
    let ran = ingest.run(&[]).await;
    assert!(ran.signal.is_some(), "{}", ran.stderr);
    assert_eq!(ingest.count("release").await, RELEASES);
    ingest.set_env("FAILPOINTS", "");
    let mut seen = publisher.requests().len();
    for expected in [&[][..], &[10_000]] {
        ingest.run(&[]).await.expect(0);
        assert_eq!(requested_offsets(&publisher, &mut seen), expected);
    }
    assert_eq!(ingest.count("run").await, 2);
}

#[tokio::test]
async fn a_stretch_that_can_be_read_when_its_run_is_resumed_is_no_longer_missing() {
    let publisher = Publisher::serve(script(&[(3_500, 6_450)], RELEASES)).await;
    let mut ingest = Ingest::with_source(&publisher, CHANGES).await;
    ingest.configure("[ledger]\nrequests = false\n[sink]\nworkers = 1");
    // the stretch is in the quarantine, and the page behind it is not stored
    ingest.set_env("FAILPOINTS", "before-commit=4*off->return(crash)");
    let ran = ingest.run(&[]).await;
    assert!(ran.signal.is_some(), "{}", ran.stderr);
    assert_eq!(ingest.count("page").await, 3);
    assert_eq!(ingest.count(OPEN).await, 1);
    ingest.set_env("FAILPOINTS", "");
    publisher.set_script(script(&[], RELEASES));
    ingest.run(&[]).await.expect(0);
    assert_eq!(ingest.count("release").await, RELEASES);
    assert_eq!(ingest.count(OPEN).await, 0);
}

#[tokio::test]
async fn a_run_returns_to_a_stretch_at_most_once_a_day() {
    let publisher = Publisher::serve(script(&[(2_500, 3_500), (6_500, 7_500)], RELEASES)).await;
    let ingest = Ingest::with_source(&publisher, CHANGES).await;
    let mut seen = 0;
    let ran = ingest.run(&[]).await.expect(4);
    assert_eq!(ran.report()["missing"].as_array().unwrap().len(), 2);
    assert_eq!(ingest.count("release").await, RELEASES - 2);
    // the second stretch can be read
    publisher.set_script(script(&[(2_500, 3_500)], RELEASES));
    requested_offsets(&publisher, &mut seen);
    let ran = ingest.run(&[]).await.expect(4);
    assert_eq!(
        requested_offsets(&publisher, &mut seen),
        [3000, 7000, 8000, 9000, 10_000]
    );
    assert_eq!(ran.report()["missing"].as_array().unwrap().len(), 1);
    // so can the first, but what is behind it was requested today
    publisher.set_script(script(&[], RELEASES));
    ingest.run(&[]).await.expect(4);
    assert_eq!(requested_offsets(&publisher, &mut seen), [10_000]);
    let day = "update ocds.quarantine set resolved_at = resolved_at - interval '1 day'";
    ingest.execute(day).await;
    ingest.run(&[]).await.expect(0);
    assert_eq!(
        requested_offsets(&publisher, &mut seen).first(),
        Some(&3000)
    );
    assert_eq!(ingest.count("release").await, RELEASES);
}

#[tokio::test]
async fn a_stretch_that_is_discarded_is_given_up() {
    let publisher = Publisher::serve(script(&[(3_500, 6_450)], RELEASES)).await;
    let ingest = Ingest::with_source(&publisher, CHANGES).await;
    ingest.run(&[]).await.expect(4);
    let id = ingest.value("select id from ocds.quarantine").await;
    let discard = ["quarantine", "discard", id.as_str()];
    ingest.call(&discard).await.expect(0);
    let mut seen = publisher.requests().len();
    let ran = ingest.run(&[]).await.expect(0);
    assert_eq!(requested_offsets(&publisher, &mut seen), [10_000]);
    assert_eq!(ran.report()["missing"], json!([]));
    // only later positions of it can be read again
    publisher.set_script(script(&[(3_500, 4_450)], RELEASES));
    ingest.run(&["--restart"]).await.expect(4);
    assert_eq!(ingest.count("release").await, RELEASES - 1);
}

#[tokio::test]
async fn a_discarded_stretch_that_has_grown_is_missing_again() {
    let table = "page = { mode = \"number\", start = 0 }\n\
                 http = { skip_errors = { step = 1, most = 8 } }";
    let publisher = Publisher::serve(whole_feed("page", 1, 3..6)).await;
    let ingest = Ingest::with_source(&publisher, table).await;
    ingest.run(&[]).await.expect(4);
    let id = ingest.value("select id from ocds.quarantine").await;
    ingest.call(&["quarantine", "discard", &id]).await.expect(0);
    ingest.run(&[]).await.expect(0);
    publisher.set_script(whole_feed("page", 1, 3..9));
    let ran = ingest.run(&[]).await.expect(4);
    ran.expect_log("positions 3 to 9 are skipped");
    // a replay leaves the stretch as it is
    ingest.call(&["quarantine", "replay"]).await.expect(0);
    let open = "select reason from ocds.quarantine where resolved_at is null";
    assert_eq!(ingest.column(open).await, ["refused-page"]);
    publisher.set_script(whole_feed("page", 1, 0..0));
    ingest.run(&[]).await.expect(0);
    assert_eq!(ingest.count("release").await, RELEASES);
    assert_eq!(ingest.count(OPEN).await, 0);
}

#[tokio::test]
async fn an_outage_that_ends_during_the_search_is_no_stretch() {
    // the server recovers after the search has begun, and answers errors at some positions or none
    for broken in [&[][..], &[(3_500, 4_450)]] {
        let outage = script(&[(3_500, 9_000)], RELEASES);
        let after = script(broken, RELEASES);
        let is_over = AtomicBool::new(false);
        let publisher = Publisher::serve(move |request| {
            if is_over.load(Relaxed) {
                return after(request);
            }
            is_over.store(read_offset(request) == 7_200, Relaxed);
            outage(request)
        })
        .await;
        let ingest = Ingest::with_source(&publisher, CHANGES).await;
        ingest.run(&[]).await.expect(3);
        assert_eq!(ingest.count("quarantine").await, 0, "{broken:?}");
        // the next run continues there
        let code = if broken.is_empty() { 0 } else { 4 };
        ingest.run(&[]).await.expect(code);
        let missing = if broken.is_empty() { 0 } else { 1 };
        assert_eq!(ingest.count("release").await, RELEASES - missing);
    }
}

#[tokio::test]
async fn a_stretch_belongs_to_the_feed_in_which_it_was_skipped() {
    let publisher = Publisher::serve(script(&[(3_500, 6_450)], RELEASES)).await;
    let mut ingest = Ingest::with_source(&publisher, CHANGES).await;
    ingest.run(&[]).await.expect(4);
    let id = ingest.value("select id from ocds.quarantine").await;
    let mut seen = publisher.requests().len();
    // the feed moves: its first run knows nothing of the old one's positions
    publisher.set_script(script(&[], RELEASES));
    ingest.declare_as(SOURCE, &publisher.url("/v2"), CHANGES);
    for expected in [&[0, 2000, 3000, 4000, 5000][..], &[10_000]] {
        let ran = ingest.run(&[]).await.expect(0);
        let requested = requested_offsets(&publisher, &mut seen);
        assert_eq!(requested[..expected.len()], *expected);
        assert_eq!(ran.report()["missing"], json!([]));
    }
    assert_eq!(ingest.count(OPEN).await, 1);
    ingest.call(&["quarantine", "discard", &id]).await.expect(0);
    // nor is a stretch given up that was discarded in the old one
    publisher.set_script(script(&[(3_500, 6_450)], RELEASES));
    ingest.run(&["--restart"]).await.expect(4);
    assert_eq!(ingest.count(OPEN).await, 1);
}

#[tokio::test]
async fn a_run_does_not_walk_on_from_a_stretch_at_which_the_server_fails_again() {
    let publisher = Publisher::serve(script(&[(3_500, 6_450)], RELEASES)).await;
    let ingest = Ingest::with_source(&publisher, CHANGES).await;
    ingest.run(&[]).await.expect(4);
    let mut seen = publisher.requests().len();
    for _ in 0..2 {
        // the beginning of the stretch answers once
        let has_answered = AtomicBool::new(false);
        let broken = script(&[(3_500, 6_450)], RELEASES);
        publisher.set_script(move |request| {
            match read_offset(request) == 4_000 && !has_answered.swap(true, Relaxed) {
                true => page_of_changes(request, RELEASES),
                false => broken(request),
            }
        });
        ingest.run(&[]).await.expect(3);
        assert_eq!(requested_offsets(&publisher, &mut seen), [4000]);
    }
    assert_eq!(ingest.count(OPEN).await, 1);
    publisher.set_script(script(&[], RELEASES));
    ingest.run(&[]).await.expect(0);
    assert_eq!(ingest.count("release").await, RELEASES);
}

#[tokio::test]
async fn a_run_that_skips_a_stretch_counts_as_one_that_has_seen_the_end() {
    let publisher = Publisher::serve(script(&[(3_500, 6_450)], RELEASES)).await;
    let ingest = Ingest::with_source(&publisher, CHANGES).await;
    ingest.run(&[]).await.expect(4);
    let id = ingest.value("select id from ocds.quarantine").await;
    ingest.call(&["quarantine", "discard", &id]).await.expect(0);
    ingest.run(&[]).await.expect(0);
    // the database loses the only page of the second run, so the next run begins where the first
    // one ended
    let lose = "delete from ocds.page where run_id = (select max(id) from ocds.run)";
    ingest.execute(lose).await;
    let mut seen = publisher.requests().len();
    ingest.run(&[]).await.expect(0);
    assert_eq!(requested_offsets(&publisher, &mut seen), [10_000]);
}

#[tokio::test]
async fn runs_that_skip_a_stretch_begin_anew_as_often_as_complete_runs() {
    // the links of a feed have an epoch, and the server knows only those of the present one
    let epoch = Arc::new(AtomicUsize::new(0));
    let present = Arc::clone(&epoch);
    let publisher = Publisher::serve(move |request| {
        let present = present.load(Relaxed).to_string();
        if request.query("epoch").is_some_and(|epoch| epoch != present) {
            return Reply::status(410);
        }
        match read_offset(request) {
            0 => Reply::json(page_with_next(1, &format!("/?offset=2000&epoch={present}"))),
            2_000..4_000 => Reply::status(500),
            offset => Reply::json(page_with_next(
                2,
                &format!("/?offset={offset}&epoch={present}"),
            )),
        }
    })
    .await;
    let ingest = Ingest::with_source(&publisher, CHANGES).await;
    ingest.run(&[]).await.expect(4);
    for day in 1..=4 {
        epoch.fetch_add(1, Relaxed);
        let ran = ingest.run(&[]).await.expect(4);
        assert!(
            ran.stderr
                .contains("another run begins at the beginning of the feed"),
            "day {day}: {}",
            ran.stderr
        );
        let back = "update ocds.run set ended_at = ended_at - interval '1 day'";
        ingest.execute(back).await;
    }
}

fn page_with_next(number: usize, next: &str) -> String {
    let release: Value = release(number).parse().unwrap();
    json!({"releases": [release], "next_page": {"uri": next}}).to_string()
}

#[tokio::test]
async fn a_stretch_stays_missing_without_the_key_by_which_it_was_skipped() {
    let publisher = Publisher::serve(script(&[(3_500, 6_450)], RELEASES)).await;
    let mut ingest = Ingest::with_source(&publisher, CHANGES).await;
    ingest.run(&[]).await.expect(4);
    let no_key = CHANGES.lines().take(2).collect::<Vec<_>>().join("\n");
    ingest.declare_as(SOURCE, &publisher.url("/"), &no_key);
    for settings in ["", "[fetch]\nrecover = false"] {
        ingest.configure(settings);
        let ran = ingest.run(&[]).await.expect(4);
        ran.expect_log("a stretch of the feed is skipped, and is in the quarantine");
    }
}

#[tokio::test]
async fn a_process_that_has_lost_its_lease_resolves_no_stretch() {
    let publisher = Publisher::serve(script(&[(3_500, 6_450)], RELEASES)).await;
    let ingest = Ingest::with_source(&publisher, CHANGES).await;
    ingest.run(&[]).await.expect(4);
    let gate = Gate::open_up_to(9_000);
    let held = gate.clone();
    publisher.set_script(move |request| {
        page_of_changes(request, RELEASES).hold_at(&held, read_offset(request))
    });
    let before = ingest.count("page").await;
    let running = ingest.start_run(&[]);
    // the beginning of the stretch is stored, and another process takes the lease
    ingest.wait_for_pages(before + 6).await;
    ingest
        .execute("update ocds.run set epoch = epoch + 1 where state = 'running'")
        .await;
    gate.open();
    let ran = running.wait().await;
    assert_ne!(ran.code, Some(0), "{}", ran.stderr);
    assert_eq!(ingest.count(OPEN).await, 1);
}

#[tokio::test]
async fn what_is_no_stretch_within_the_bound_ends_the_run() {
    let no_key = CHANGES.lines().take(2).collect::<Vec<_>>().join("\n");
    let short = CHANGES.replace("most = 10000", "most = 2000");
    let off = "[fetch]\nrecover = false";
    for (broken, table, settings) in [
        // the key is off by default, and one key switches it off
        (&[(3_500, 6_450)][..], no_key.as_str(), ""),
        (&[(3_500, 6_450)], CHANGES, off),
        (&[(3_500, 6_450)], &short, ""),
        // the rest of the feed, and the whole server
        (&[(3_500, usize::MAX)], CHANGES, ""),
        (&[(0, usize::MAX)], CHANGES, ""),
    ] {
        let publisher = Publisher::serve(script(broken, RELEASES)).await;
        let mut ingest = Ingest::with_source(&publisher, table).await;
        ingest.configure(settings);
        for _ in 0..2 {
            ingest.run(&[]).await.expect(3);
        }
        assert_eq!(ingest.count("quarantine").await, 0, "{table} {settings}");
        // the run continues where it ended
        publisher.set_script(script(&[], RELEASES));
        ingest.run(&[]).await.expect(0);
        assert_eq!(ingest.count("release").await, RELEASES);
    }
}

/// Serves a feed that is walked from the beginning each time. `param` is the position, which grows
/// by `step` with each page. Each page has one release, and some pages are answered with an error.
fn whole_feed(
    param: &'static str,
    step: usize,
    broken: Range<usize>,
) -> impl Fn(&Request) -> Reply + Send + Sync {
    move |request| {
        let value = request.query(param).map(|it| it.parse::<usize>().unwrap());
        let number = value.unwrap_or(0) / step;
        if broken.contains(&number) {
            return Reply::status(502);
        }
        let list: Vec<Value> = (number + 1..=RELEASES)
            .take(1)
            .map(|id| release(id).parse().unwrap())
            .collect();
        let next = (number + 1 < RELEASES).then(|| number + 1);
        let page = json!({"releases": list, "next": next, "pages": RELEASES});
        Reply::json(page.to_string())
    }
}

#[tokio::test]
async fn each_walk_of_a_whole_feed_meets_its_stretches_again() {
    for (param, step, table) in [
        (
            "page",
            1,
            r#"page = { mode = "number", start = 0 }"#.to_owned(),
        ),
        (
            "page",
            1,
            r#"page = { mode = "number", start = 0, total_pages = "/pages" }"#.to_owned(),
        ),
        (
            "skip",
            5,
            r#"page = { mode = "offset", param = "skip", size = 5 }"#.to_owned(),
        ),
        (
            "t",
            1,
            r#"page = { mode = "token", param = "t", pointer = "/next" }"#.to_owned(),
        ),
    ] {
        let serve = |broken| whole_feed(param, step, broken);
        let publisher = Publisher::serve(serve(3..6)).await;
        let table = format!(
            "{table}\nhttp = {{ concurrency = 3, \
             skip_errors = {{ step = {step}, most = {} }} }}",
            8 * step
        );
        let ingest = Ingest::with_source(&publisher, &table).await;
        for _ in 0..2 {
            let ran = ingest.run(&[]).await.expect(4);
            assert_eq!(
                ran.report()["missing"].as_array().unwrap().len(),
                1,
                "{table}"
            );
            assert_eq!(ingest.count("release").await, RELEASES - 3, "{table}");
            assert_eq!(ingest.count(OPEN).await, 1, "{table}");
        }
        // only a part of it can be read
        publisher.set_script(serve(4..6));
        ingest.run(&[]).await.expect(4);
        assert_eq!(ingest.count("release").await, RELEASES - 2, "{table}");
        assert_eq!(ingest.count(OPEN).await, 1, "{table}");
        publisher.set_script(serve(0..0));
        ingest.run(&[]).await.expect(0);
        assert_eq!(ingest.count("release").await, RELEASES, "{table}");
        assert_eq!(ingest.count(OPEN).await, 0, "{table}");
    }
}

#[tokio::test]
async fn pages_that_are_requested_at_once_are_searched_from_together() {
    let publisher = Publisher::serve(whole_feed("page", 1, 3..6)).await;
    let table = "page = { mode = \"number\", start = 0, total_pages = \"/pages\" }\n\
                 http = { concurrency = 3, skip_errors = { step = 1, most = 8 } }";
    let ingest = Ingest::with_source(&publisher, table).await;
    ingest.run(&[]).await.expect(4);
    let requests = publisher.requests();
    let behind = requests
        .iter()
        .filter(|it| it.query("page").as_deref() == Some("6"));
    // it is found once, and then it is read
    assert_eq!(behind.count(), 2);
}

#[test]
fn a_source_whose_positions_are_no_numbers_cannot_skip_errors() {
    let link = r#"page = { mode = "link", pointer = "/next" }"#;
    let number = r#"page = { mode = "number" }"#;
    let offset = r#"page = { mode = "offset", size = 7 }"#;
    let axes = format!("{number}\nquery = {{ kind = '{{axis.kind}}' }}\naxis.kind = ['a', 'b']");
    for (table, param, said) in [
        ("", "", Some("needs a `page` that leads on")),
        (link, "", Some("needs `param` if pages are links")),
        (link, "param = 'at', ", None),
        (number, "", None),
        (
            number,
            "param = 'at', ",
            Some("needs `param` if pages are links"),
        ),
        (offset, "", Some("a multiple of `page.size`")),
        (&axes, "", Some("cannot be used with `window`, `axis`")),
    ] {
        let skip = format!("http.skip_errors = {{ {param}step = 10, most = 100 }}");
        let text = format!("url = 'https://feed.example/'\n{table}\n{skip}");
        let mut source: Source = toml::from_str(&text).unwrap();
        let why = source.validate().err().map(|(key, why)| {
            assert_eq!(key, "http.skip_errors");
            why
        });
        let is_said = why
            .as_ref()
            .zip(said)
            .is_some_and(|(why, said)| why.contains(said));
        assert!(
            is_said || (why.is_none() && said.is_none()),
            "{text}: {why:?}"
        );
    }
}
