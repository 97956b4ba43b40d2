//! Tests what happens to a run that cannot get past a position: it is never stuck for ever, and
//! never asks for the whole feed again more than once a day.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::{Value, json};

use crate::harness::{Ingest, LINK, SOURCE};
use crate::publisher::{Publisher, Reply, package, release};

const NUMBER: &str = r#"page = { mode = "number", stop = "empty" }"#;

/// The number of pages of the feeds here. Each has one release.
const PAGES: usize = 5;

fn page(number: usize) -> Reply {
    let next = number + 1;
    let link = format!(r#","links":{{"next":"/?page={next}"}}"#);
    let link = if number < PAGES { link } else { String::new() };
    let releases: Vec<String> = (1..=PAGES)
        .filter(|it| *it == number)
        .map(release)
        .collect();
    Reply::json(package(&releases, &link))
}

/// Serves a feed that answers one page with a status.
async fn serve_with_status(refused: usize, status: u16) -> Publisher {
    Publisher::serve(move |request| match request.page() {
        number if number == refused => Reply::status(status),
        number => page(number),
    })
    .await
}

/// Makes a day pass for the ledger.
async fn pass_a_day(ingest: &Ingest) {
    let back = "update ocds.run set refused_at = refused_at - interval '1 day', \
                refused_since = refused_since - interval '1 day', \
                ended_at = ended_at - interval '1 day'";
    ingest.execute(back).await;
}

/// Returns the pages that were requested since the last call.
fn requested_pages(publisher: &Publisher, seen: &mut usize) -> Vec<usize> {
    let requests = publisher.requests();
    let pages = requests[*seen..].iter().map(|it| it.page()).collect();
    *seen = requests.len();
    pages
}

#[tokio::test]
async fn a_page_that_is_refused_for_three_days_is_stepped_over_until_it_can_be_read() {
    let publisher = serve_with_status(3, 403).await;
    let ingest = Ingest::with_source(&publisher, NUMBER).await;
    let mut seen = 0;
    ingest.run(&[]).await.expect(4);
    assert_eq!(requested_pages(&publisher, &mut seen), [1, 2, 3]);
    // several runs on one day count once
    for (day, runs) in [(1, 2), (2, 2), (3, 1)] {
        for _ in 0..runs {
            let ran = ingest.run(&[]).await.expect(4);
            assert_eq!(requested_pages(&publisher, &mut seen), [3]);
            let report = ran.report();
            assert_eq!(report["pages"], 0, "{report}");
            assert_eq!(report["inserted"], 0, "{report}");
            assert_eq!(report["run_totals"]["inserted"], 2, "{report}");
        }
        let status = ingest.call(&["status", "--json"]).await.expect(0);
        let stuck = &status.report()["stuck"];
        assert_eq!(stuck["page"], 3);
        assert_eq!(stuck["answer"], "page 3: status 403");
        assert_eq!(stuck["days"], day);
        let status = ingest.call(&["status"]).await.expect(0).text();
        assert!(
            status.contains("zambia: stuck at page 3 since "),
            "{status}"
        );
        if day < 3 {
            pass_a_day(&ingest).await;
        }
    }
    let ran = ingest.run(&[]).await.expect(4);
    ran.expect_log("so the run steps over it");
    ran.expect_log("one page could not be read");
    assert_eq!(requested_pages(&publisher, &mut seen), [3, 4, 5, 6]);
    assert_eq!(ingest.count("release").await, PAGES - 1);
    let quarantined = "select reason || ' ' || page_number || ' ' || message from ocds.quarantine";
    assert_eq!(
        ingest.column(quarantined).await,
        ["refused-page 3 fetch page 3 of zambia: status 403"]
    );
    // later runs step over it at once, and ask for all pages before it
    ingest.run(&[]).await.expect(4);
    assert_eq!(requested_pages(&publisher, &mut seen), [1, 2, 3, 4, 5, 6]);
    assert_eq!(ingest.column(quarantined).await.len(), 1);
    publisher.set_script(|request| page(request.page()));
    ingest.run(&[]).await.expect(0);
    assert_eq!(ingest.count("release").await, PAGES);
    assert_eq!(
        ingest.count("quarantine where resolved_at is null").await,
        0
    );
}

#[tokio::test]
async fn more_neighbouring_pages_are_stepped_over_than_may_be_unreadable() {
    let publisher = Publisher::serve(|request| match request.page() {
        2..=4 => Reply::status(403),
        number => page(number),
    })
    .await;
    let mut ingest = Ingest::with_source(&publisher, NUMBER).await;
    ingest.configure("[fetch]\nunreadable_in_a_row = 2");
    // the run is stuck at each page for three days
    for _ in 0..10 {
        ingest.run(&[]).await.expect(4);
        pass_a_day(&ingest).await;
    }
    let ran = ingest.run(&[]).await.expect(4);
    ran.expect_log("3 pages could not be read");
    assert_eq!(ingest.count("release").await, PAGES - 3);
    publisher.set_script(|request| page(request.page()));
    ingest.run(&[]).await.expect(0);
    assert_eq!(ingest.count("release").await, PAGES);
}

#[tokio::test]
async fn a_link_that_is_refused_for_three_days_makes_a_run_begin_anew_at_growing_intervals() {
    let publisher = serve_with_status(3, 403).await;
    let ingest = Ingest::with_source(&publisher, LINK).await;
    let mut seen = 0;
    ingest.run(&[]).await.expect(4);
    requested_pages(&publisher, &mut seen);
    let mut days_of_walks = Vec::new();
    for day in 1..=20 {
        let ran = ingest.run(&[]).await.expect(4);
        let pages = requested_pages(&publisher, &mut seen);
        if pages.contains(&1) {
            ran.expect_log("another run begins at the beginning of the feed");
            days_of_walks.push(day);
            // it begins anew once a day at most
            ingest.run(&[]).await.expect(4);
            assert_eq!(requested_pages(&publisher, &mut seen), [3]);
        } else {
            assert_eq!(pages, [3]);
        }
        pass_a_day(&ingest).await;
    }
    assert_eq!(days_of_walks, [4, 7, 10, 14]);
    // what is behind the link is seen once it can be read
    publisher.set_script(|request| page(request.page()));
    ingest.run(&[]).await.expect(0);
    assert_eq!(ingest.count("release").await, PAGES);
    let status = ingest.call(&["status", "--json"]).await.expect(0);
    assert_eq!(status.report()["stuck"], Value::Null);
}

#[tokio::test]
async fn an_answer_that_may_pass_never_counts_as_stuck() {
    for (status, table) in [
        (401, NUMBER.to_owned()),
        (429, NUMBER.to_owned()),
        (503, LINK.to_owned()),
        (403, format!("{NUMBER}\nhttp.retry_status = [403]")),
    ] {
        let publisher = serve_with_status(2, status).await;
        let mut ingest = Ingest::with_source(&publisher, &table).await;
        ingest.configure("[fetch]\nattempts = 1");
        let code = if status == 503 { 3 } else { 4 };
        for _ in 0..5 {
            ingest.run(&[]).await.expect(code);
            pass_a_day(&ingest).await;
        }
        let stuck = ingest.count("run where refused_answer is not null").await;
        assert_eq!(stuck, 0, "{status}");
        assert_eq!(ingest.count("quarantine").await, 0, "{status}");
    }
}

/// Serves a feed of changes that grows. Its tokens are `EPOCH-NUMBER`, and it knows only those of
/// the present epoch. It answers other tokens with `status`.
async fn serve_changes(status: u16, epoch: Arc<AtomicUsize>, table: &str) -> (Publisher, Ingest) {
    let publisher = Publisher::serve(move |request| {
        let epoch = epoch.load(Ordering::SeqCst);
        let token = request
            .query("offset")
            .unwrap_or_else(|| format!("{epoch}-1"));
        let (its_epoch, number) = token.split_once('-').unwrap();
        let number: usize = number.parse().unwrap();
        if its_epoch != epoch.to_string() {
            return Reply::status(status);
        }
        let next = (number + 1).min(PAGES + epoch);
        let release: Value = release(number).parse().unwrap();
        let members = json!({"next": format!("{epoch}-{next}"), "releases": [release]});
        Reply::json(members.to_string())
    })
    .await;
    let ingest = Ingest::with_source(&publisher, table).await;
    (publisher, ingest)
}

const CHANGES: &str = r#"page = { mode = "token", pointer = "/next", stop = "same_url" }"#;

#[tokio::test]
async fn a_run_begins_anew_if_the_publisher_has_forgotten_the_stored_position() {
    for status in [400, 404, 410] {
        let epoch = Arc::new(AtomicUsize::new(0));
        let (publisher, ingest) = serve_changes(status, Arc::clone(&epoch), CHANGES).await;
        ingest.run(&[]).await.expect(0);
        assert_eq!(ingest.count("release").await, PAGES);
        epoch.store(1, Ordering::SeqCst);
        let ran = ingest.run(&[]).await.expect(0);
        ran.expect_log("the publisher no longer knows the stored position");
        ran.expect_log("another run begins at the beginning of the feed");
        assert_eq!(ingest.count("release").await, PAGES + 1, "{status}");
        // the new position is stored, and the next run asks for it
        let requests = publisher.requests().len();
        ingest.run(&[]).await.expect(0);
        assert_eq!(publisher.requests().len(), requests + 1, "{status}");
        let states = ingest
            .column("select state from ocds.run order by id")
            .await;
        assert_eq!(states, ["complete", "truncated", "complete", "complete"]);
    }
}

#[tokio::test]
async fn a_forgotten_position_stays_while_the_feed_has_no_beginning() {
    let epoch = Arc::new(AtomicUsize::new(0));
    let (publisher, ingest) = serve_changes(410, epoch, CHANGES).await;
    ingest.run(&[]).await.expect(0);
    let position = ingest.value("select cursor from ocds.watermark").await;
    publisher.set_script(|_| Reply::status(404));
    for _ in 0..2 {
        ingest.run(&[]).await.expect(4);
        assert_eq!(
            ingest.value("select cursor from ocds.watermark").await,
            position
        );
    }
}

#[tokio::test]
async fn positions_that_are_forgotten_all_the_time_make_a_run_begin_anew_once_a_day() {
    let epoch = Arc::new(AtomicUsize::new(0));
    let (publisher, ingest) = serve_changes(410, Arc::clone(&epoch), CHANGES).await;
    ingest.run(&["--max-pages", "2"]).await.expect(0);
    let mut seen = publisher.requests().len();
    for (is_new_day, begins) in [(false, true), (false, false), (true, true), (true, false)] {
        if is_new_day {
            pass_a_day(&ingest).await;
        }
        epoch.fetch_add(1, Ordering::SeqCst);
        // a run that stops early keeps no run complete, so the days between runs double
        let code = if begins { 0 } else { 4 };
        ingest.run(&["--max-pages", "2"]).await.expect(code);
        let requests = publisher.requests().len() - seen;
        seen += requests;
        assert_eq!(requests > 2, begins, "{requests} requests");
    }
}

#[tokio::test]
async fn a_restart_uses_no_stored_position() {
    let epoch = Arc::new(AtomicUsize::new(0));
    let (publisher, ingest) = serve_changes(410, epoch, CHANGES).await;
    ingest.run(&[]).await.expect(0);
    let seen = publisher.requests().len();
    ingest.run(&["--restart"]).await.expect(0);
    assert_eq!(publisher.requests().len(), seen + PAGES);
    assert_eq!(publisher.targets()[seen], "/");
}

#[tokio::test]
async fn a_resumed_run_and_a_backfill_begin_anew_if_their_link_is_forgotten() {
    // the first part of a link is forgotten, and the feed begins with other links
    let publisher = serve_links("old").await;
    let ingest = Ingest::with_source(&publisher, LINK).await;
    ingest.run(&["--max-pages", "2"]).await.expect(0);
    publisher.set_script(|request| reply_with_link("new", &request.target));
    let ran = ingest.run(&[]).await.expect(0);
    ran.expect_log("another run begins at the beginning of the feed");
    assert_eq!(ran.report()["resumed_from"], Value::Null);
    assert_eq!(ingest.count("release").await, PAGES);

    let publisher = serve_links("old").await;
    let ingest = Ingest::with_source(&publisher, LINK).await;
    ingest.run(&[]).await.expect(0);
    publisher.set_script(|request| reply_with_link("new", &request.target));
    let backfill = ["backfill", SOURCE, "--from-page", "4", "--json"];
    let ran = ingest.call(&backfill).await.expect(0);
    // the pages before page 4 are fetched to reach it, and are not stored
    assert_eq!(ran.report()["pages"], 2);
}

async fn serve_links(epoch: &'static str) -> Publisher {
    Publisher::serve(move |request| reply_with_link(epoch, &request.target)).await
}

fn reply_with_link(epoch: &str, target: &str) -> Reply {
    let number = match target.strip_prefix("/?at=") {
        None => 1,
        Some(at) => match at.split_once('-') {
            Some((its_epoch, number)) if its_epoch == epoch => number.parse().unwrap(),
            _ => return Reply::status(404),
        },
    };
    let next = number + 1;
    let link = match number < PAGES {
        true => format!(r#","links":{{"next":"/?at={epoch}-{next}"}}"#),
        false => String::new(),
    };
    Reply::json(package(&[release(number)], &link))
}

#[tokio::test]
async fn one_key_switches_off_all_ways_past_a_position() {
    const OFF: &str = "[fetch]\nrecover = false";
    // a page or a link that is refused for days
    for table in [NUMBER, LINK] {
        let publisher = serve_with_status(3, 403).await;
        let mut ingest = Ingest::with_source(&publisher, table).await;
        ingest.configure(OFF);
        ingest.run(&[]).await.expect(4);
        let mut seen = publisher.requests().len();
        for _ in 0..5 {
            ingest.run(&[]).await.expect(4);
            assert_eq!(requested_pages(&publisher, &mut seen), [3], "{table}");
            pass_a_day(&ingest).await;
        }
        assert_eq!(ingest.count("run").await, 1);
        // it is said all the same where the run is stuck
        let status = ingest.call(&["status", "--json"]).await.expect(0);
        assert_eq!(status.report()["stuck"]["days"], 5);
        // once the key is on again, the run gets past the position
        ingest.configure("[fetch]\nrecover = true");
        ingest.run(&[]).await.expect(4);
        assert_ne!(requested_pages(&publisher, &mut seen), [3], "{table}");
    }

    // a position that the publisher has forgotten
    let epoch = Arc::new(AtomicUsize::new(0));
    let (publisher, mut ingest) = serve_changes(410, Arc::clone(&epoch), CHANGES).await;
    ingest.configure(OFF);
    ingest.run(&[]).await.expect(0);
    epoch.store(1, Ordering::SeqCst);
    let requests = publisher.requests().len();
    ingest.run(&[]).await.expect(4);
    assert_eq!(publisher.requests().len(), requests + 1);

    // a run of several chains that meets only its failures
    let publisher = Publisher::serve(|_| Reply::status(403)).await;
    let two = "query = { kind = \"{axis.kind}\" }\naxis.kind = [\"a\", \"b\"]";
    for (settings, runs) in [("", 2), (OFF, 1)] {
        let mut ingest = Ingest::with_source(&publisher, two).await;
        ingest.configure(settings);
        for _ in 0..3 {
            ingest.run(&[]).await.expect(4);
        }
        assert_eq!(ingest.count("run").await, runs, "{settings}");
    }
}

/// Serves an index of the items from 1 to `items`, each with its reply.
async fn serve_index(
    items: usize,
    reply: impl Fn(usize) -> Reply + Send + Sync + 'static,
) -> (Publisher, Ingest) {
    let publisher = Publisher::serve(move |request| match request.path() {
        "/index" => Reply::json(json!((1..=items).collect::<Vec<_>>()).to_string()),
        path => reply(path[1..].parse().unwrap()),
    })
    .await;
    let mut ingest = Ingest::new().await;
    let item = publisher.url("/{item}");
    let table = format!(r#"detail = {{ each = "/*", url = "{item}" }}"#);
    ingest.declare_as(SOURCE, &publisher.url("/index"), &table);
    (publisher, ingest)
}

#[tokio::test]
async fn an_item_whose_body_is_always_cut_or_that_is_refused_costs_only_itself() {
    let cut = |number: usize| Reply::json(release(number)).cut_after(20);
    for (bad, reply, said) in [
        (vec![2, 7], cut as fn(usize) -> Reply, "read the body"),
        (vec![3, 4], |_| Reply::status(403), "status 403"),
    ] {
        let are_bad = bad.clone();
        let (_publisher, mut ingest) =
            serve_index(9, move |number| match are_bad.contains(&number) {
                true => reply(number),
                false => Reply::json(release(number)),
            })
            .await;
        ingest.configure("[fetch]\nattempts = 2\n[sink]\nmax_bad_ratio = 1");
        ingest.run(&[]).await.expect(0);
        assert_eq!(ingest.count("release").await, 9 - bad.len(), "{said}");
        let messages = ingest.column("select message from ocds.quarantine").await;
        assert_eq!(messages.len(), bad.len());
        assert!(messages.iter().all(|it| it.contains(said)), "{messages:?}");
    }
    // if several in a row are cut, the server is at fault, and the run can be resumed
    let (_publisher, mut ingest) = serve_index(5, cut).await;
    ingest.configure("[fetch]\nattempts = 1");
    ingest.run(&[]).await.expect(3);
    assert_eq!(ingest.count("quarantine").await, 0);
}

#[tokio::test]
async fn a_load_reads_all_named_files_and_says_why_some_cannot_be_read() {
    let publisher = Publisher::serve(|_| Reply::status(404)).await;
    let ingest = Ingest::with_source(&publisher, "").await;
    let folder = tempfile::tempdir().unwrap();
    let mut arguments = vec!["load".to_owned(), SOURCE.to_owned(), "--json".to_owned()];
    for number in 0..12 {
        let path = folder.path().join(format!("{number}.json"));
        let text = match number {
            1..=5 => "<html>maintenance</html>".to_owned(),
            _ => release(number),
        };
        std::fs::write(&path, text).unwrap();
        arguments.push(path.to_str().unwrap().to_owned());
    }
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let ran = ingest.call(&arguments).await.expect(4);
    assert_eq!(ingest.count("release").await, 7);
    let missing = ran.report()["missing"].as_array().unwrap().clone();
    for number in 1..=5 {
        let named = format!("{number}.json");
        let is_named = |reason: &&Value| reason.as_str().unwrap().contains(&named);
        let reasons: Vec<_> = missing.iter().filter(is_named).collect();
        assert!(!reasons.is_empty(), "{missing:?}");
        ran.expect_log(&named);
    }
    ran.expect_log("is in the quarantine: ");
}
