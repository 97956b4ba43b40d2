//! Tests that the releases are marked that two complete walks in a row have not met, and no others.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::harness::{Ingest, LINK, ProgramOutput, SOURCE};
use crate::publisher::{Feed, Items, Publisher, Reply, release};

/// The releases that are marked as absent.
const ABSENT: &str = "select release_id from ocds.release where absent_since is not null
    order by release_id::integer";

/// Divides releases into pages of ten.
fn feed_of(releases: Items) -> Feed {
    Feed::link(releases.chunks(10).map(<[String]>::to_vec).collect())
}

/// Returns a feed of all numbers but some.
fn feed_without(count: usize, gone: &[usize]) -> Feed {
    let numbers = (0..count).filter(|i| !gone.contains(i));
    feed_of(numbers.map(release).collect())
}

fn serve(publisher: &Publisher, feed: Feed) {
    publisher.set_script(move |request| feed.reply(request));
}

async fn begin(count: usize, table: &str) -> (Publisher, Ingest) {
    let publisher = feed_without(count, &[]).serve().await;
    let ingest = Ingest::with_source(&publisher, &format!("{LINK}\n{table}")).await;
    ingest.run(&[]).await.expect(0);
    (publisher, ingest)
}

fn absence(ran: &ProgramOutput, field: &str) -> Value {
    ran.report()["absent"][field].clone()
}

/// The processes that have rows and those that are gone, in the order of their numbers.
async fn read_processes(ingest: &Ingest) -> (usize, Vec<String>, Vec<String>) {
    let absent = "select ocid from ocds.process where absent_since is not null order by ocid";
    let gone = "select ocid from ocds.process_gone order by ocid";
    (
        ingest.count("process").await,
        ingest.column(absent).await,
        ingest.column(gone).await,
    )
}

#[tokio::test]
async fn only_what_two_walks_in_a_row_have_not_met_is_marked() {
    let (publisher, ingest) = begin(40, "").await;
    // half of the feed is missing once
    serve(&publisher, feed_without(20, &[]));
    ingest.run(&[]).await.expect(0);
    serve(&publisher, feed_without(40, &[]));
    let ran = ingest.run(&[]).await.expect(0);
    assert_eq!(absence(&ran, "marked"), 0);

    let gone = [3, 17, 39];
    serve(&publisher, feed_without(40, &gone));
    let ran = ingest.run(&[]).await.expect(0);
    assert_eq!(absence(&ran, "marked"), 0);
    assert!(ingest.column(ABSENT).await.is_empty());
    let first_without = ran.report()["run_id"].clone();

    let ran = ingest.run(&[]).await.expect(0);
    assert_eq!(absence(&ran, "marked"), 3);
    assert_eq!(absence(&ran, "compared_with"), first_without);
    ran.expect_log("3 releases of zambia are gone");
    assert_eq!(ingest.column(ABSENT).await, ["3", "17", "39"]);
    let since = format!(
        "select count(*) from ocds.release join ocds.run on run.id = {first_without}
        where release.absent_since = run.started_at"
    );
    assert_eq!(ingest.value(&since).await, "3");
    let status = ingest.call(&["status", "--json"]).await.expect(0).report();
    assert_eq!(
        (&status["stored"], &status["absent"]),
        (&json!(40), &json!(3))
    );

    // the marks stay, and nothing is written again
    let before = ingest.read_row_versions().await;
    let ran = ingest.run(&[]).await.expect(0);
    assert_eq!(absence(&ran, "marked"), 0);
    assert_eq!(ingest.read_row_versions().await, before);
    assert_eq!(ingest.column(ABSENT).await, ["3", "17", "39"]);
}

#[tokio::test]
async fn what_is_served_again_is_not_absent_any_more() {
    let (publisher, ingest) = begin(40, "").await;
    serve(&publisher, feed_without(40, &[3, 17]));
    ingest.run(&[]).await.expect(0);
    ingest.run(&[]).await.expect(0);
    assert_eq!(ingest.column(ABSENT).await, ["3", "17"]);
    let (_, absent, gone) = read_processes(&ingest).await;
    assert_eq!(absent, ["ocds-213czf-17", "ocds-213czf-3"]);
    assert!(gone.is_empty());

    // one as it was, and one corrected
    let mut releases: Items = (0..40).map(release).collect();
    releases[17] = releases[17].replace("Works 17", "Other works");
    serve(&publisher, feed_of(releases));
    let ran = ingest.run(&[]).await.expect(0);
    assert_eq!(absence(&ran, "returned"), 2);
    assert_eq!(ran.counts().updated, 1);
    assert!(ingest.column(ABSENT).await.is_empty());
    assert!(read_processes(&ingest).await.1.is_empty());
}

#[tokio::test]
async fn absent_releases_do_not_count_if_the_source_says_so() {
    let (publisher, ingest) = begin(40, "compile = { absent = \"drop\" }").await;
    serve(&publisher, feed_without(40, &[3]));
    ingest.run(&[]).await.expect(0);
    assert_eq!(read_processes(&ingest).await, (40, vec![], vec![]));
    ingest.run(&[]).await.expect(0);
    let gone = vec!["ocds-213czf-3".to_owned()];
    assert_eq!(read_processes(&ingest).await, (39, vec![], gone));
    // what was stored stays
    assert_eq!(ingest.count("release").await, 40);
    serve(&publisher, feed_without(40, &[]));
    ingest.run(&[]).await.expect(0);
    assert_eq!(read_processes(&ingest).await, (40, vec![], vec![]));
}

#[tokio::test]
async fn a_process_is_absent_only_if_nothing_of_it_is_served() {
    let of_process = |id: &str, tag: &str, title: &str| {
        json!({"ocid": "o-1", "id": id, "tag": [tag], "date": "2026-01-01T00:00:00Z",
            "tender": {"title": title}})
        .to_string()
    };
    let first = of_process("1", "tender", "first");
    let second = of_process("2", "tender", "second");
    let mut compiled: Value =
        serde_json::from_str(&of_process("", "compiled", "compiled")).unwrap();
    compiled.as_object_mut().unwrap().remove("id");
    let compiled = compiled.to_string();
    let others: Items = (0..20).map(release).collect();
    let with = |items: &[&String]| {
        let items = items.iter().map(|it| (*it).clone());
        feed_of(others.iter().cloned().chain(items).collect())
    };
    let publisher = with(&[&first, &second, &compiled]).serve().await;
    let mut ingest = Ingest::with_source(&publisher, LINK).await;
    ingest.run(&[]).await.expect(0);
    let state = "select concat_ws(' ', releases, absent_since is not null, tender_title)
        from ocds.process where ocid = 'o-1'";
    for (served, keep, drop) in [
        (vec![&first, &compiled], "2 f second", Some("1 f first")),
        (vec![&compiled], "2 f second", Some("0 f compiled")),
        (vec![], "2 t second", None),
    ] {
        serve(&publisher, with(&served));
        ingest.run(&[]).await.expect(0);
        ingest.run(&[]).await.expect(0);
        assert_eq!(ingest.column(state).await, [keep]);
        for (rule, expected) in [("drop", drop), ("keep", Some(keep))] {
            ingest.declare(
                &publisher,
                &format!("{LINK}\ncompile = {{ absent = \"{rule}\" }}"),
            );
            ingest.call(&["compile"]).await.expect(0);
            assert_eq!(ingest.column(state).await, Vec::from_iter(expected));
        }
    }
}

#[tokio::test]
async fn so_many_that_the_feed_must_be_damaged_are_not_marked() {
    let (publisher, mut ingest) = begin(120, "").await;
    let gone: Vec<usize> = (0..30).collect();
    serve(&publisher, feed_without(120, &gone));
    ingest.run(&[]).await.expect(0);
    for _ in 0..2 {
        let ran = ingest.run(&[]).await.expect(0);
        assert_eq!(absence(&ran, "withheld"), 30);
        ran.expect_log("did not find 30 stored releases, a share above the 0.1");
        assert!(ingest.column(ABSENT).await.is_empty());
    }
    ingest.set_env("OCDS_INGEST__COMPILE__ABSENT_MAX", "1");
    let ran = ingest.run(&[]).await.expect(0);
    assert_eq!(absence(&ran, "marked"), 30);
    assert_eq!(ingest.column(ABSENT).await.len(), 30);
    // a feed that is empty says nothing, whatever may be marked
    serve(&publisher, feed_of(vec![]));
    publisher.set_script(|_| Reply::json(crate::publisher::package(&[], "")));
    for _ in 0..3 {
        let ran = ingest.run(&[]).await.expect(0);
        assert_eq!(absence(&ran, "marked"), 0);
    }
    assert_eq!(ingest.column(ABSENT).await.len(), 30);
}

#[tokio::test]
async fn ten_releases_of_a_small_feed_may_be_marked() {
    let (publisher, ingest) = begin(5, "").await;
    serve(&publisher, feed_without(5, &[3]));
    ingest.run(&[]).await.expect(0);
    let said = ingest.call(&["run", SOURCE]).await.expect(0).text();
    assert!(said.contains("1 stored releases are gone, 0"), "{said}");
    assert_eq!(ingest.column(ABSENT).await, ["3"]);
}

#[tokio::test]
async fn what_was_rejected_under_its_key_was_served() {
    let (publisher, ingest) = begin(20, "").await;
    // the same release, which nests too deep now, and one without a key
    let deep = format!("{}{}", "[".repeat(200), "]".repeat(200));
    let nested = release(3).replace("\"title\"", &format!("\"deep\":{deep},\"title\""));
    let mut releases: Items = (0..20).map(release).collect();
    releases[3] = nested;
    let keyed = feed_of(releases.clone());
    releases[3] = r#"{"tag":["tender"]}"#.to_owned();
    let keyless = feed_of(releases);
    let bad = ["--max-bad-ratio", "1"];
    for (feed, compared) in [
        (keyed.clone(), true),
        (keyed, true),
        (keyless.clone(), false),
    ] {
        serve(&publisher, feed);
        let ran = ingest.run(&bad).await.expect(0);
        assert_eq!(absence(&ran, "compared_with").is_null(), !compared);
    }
    // the reject without a key may be any release
    serve(&publisher, keyless);
    ingest.run(&bad).await.expect(0);
    assert!(ingest.column(ABSENT).await.is_empty());
    // the walk before had it
    serve(&publisher, feed_without(20, &[3]));
    let ran = ingest.run(&bad).await.expect(0);
    assert!(absence(&ran, "compared_with").is_null());
    let ran = ingest.run(&bad).await.expect(0);
    assert_eq!(absence(&ran, "marked"), 1);
    assert_eq!(ingest.column(ABSENT).await, ["3"]);
}

#[tokio::test]
async fn what_a_load_has_brought_belongs_to_no_walk() {
    let (publisher, ingest) = begin(20, "").await;
    let file = ingest.directory.path().join("older.jsonl");
    let loaded: Items = (18..25).map(release).collect();
    std::fs::write(&file, loaded.join("\n")).unwrap();
    let load = ["load", SOURCE, file.to_str().unwrap()];
    ingest.call(&load).await.expect(0);
    serve(&publisher, feed_without(20, &[5, 19]));
    ingest.run(&[]).await.expect(0);
    // a load between the walks serves nothing
    ingest.call(&load).await.expect(0);
    ingest.run(&[]).await.expect(0);
    ingest.run(&[]).await.expect(0);
    assert_eq!(ingest.column(ABSENT).await, ["5", "19"]);
    ingest.call(&load).await.expect(0);
    assert_eq!(ingest.column(ABSENT).await, ["5", "19"]);
    // a walk that meets what a load has brought makes nothing of it absent
    assert_eq!(ingest.count("release").await, 25);
}

#[tokio::test]
async fn a_walk_that_was_killed_and_resumed_marks_the_same() {
    for moment in [
        "before-commit=4*off->return(crash)",
        "absent-marked=return(crash)",
    ] {
        let (publisher, mut ingest) = begin(60, "").await;
        serve(&publisher, feed_without(60, &[3, 17, 59]));
        ingest.run(&[]).await.expect(0);
        ingest.set_env("FAILPOINTS", moment);
        let ran = ingest.run(&[]).await;
        assert_eq!(ran.code, None, "{moment}: {}", ran.stderr);
        ingest.set_env("FAILPOINTS", "");
        ingest.run(&[]).await.expect(0);
        assert_eq!(ingest.column(ABSENT).await, ["3", "17", "59"], "{moment}");
        let absent = read_processes(&ingest).await.1;
        assert_eq!(absent.len(), 3, "{moment}");
        assert_eq!(ingest.count("compile_queue").await, 0);
    }
}

#[tokio::test]
async fn a_page_that_has_not_changed_has_met_what_it_had() {
    let scripted = |feed: Feed| {
        move |request: &crate::publisher::Request| feed.reply(request).with_etag(request)
    };
    let publisher = Publisher::serve(scripted(feed_without(40, &[]))).await;
    let ingest = Ingest::with_source(&publisher, LINK).await;
    ingest.run(&[]).await.expect(0);
    publisher.set_script(scripted(feed_without(40, &[35])));
    ingest.run(&[]).await.expect(0);
    let ran = ingest.run(&[]).await.expect(0);
    assert_eq!(ran.report()["unchanged_pages"], 4);
    assert_eq!(ingest.column(ABSENT).await, ["35"]);
    // only the keys of the last walk are kept
    let walks: BTreeSet<String> =
        BTreeSet::from_iter(ingest.column("select run_id from ocds.walked_page").await);
    assert_eq!(walks, BTreeSet::from([ran.report()["run_id"].to_string()]));
}

#[tokio::test]
async fn a_run_that_is_no_walk_of_the_whole_feed_marks_nothing() {
    let (publisher, mut ingest) = begin(40, "").await;
    serve(&publisher, feed_without(40, &[3]));
    for _ in 0..3 {
        ingest
            .call(&["backfill", SOURCE, "--from-page", "2"])
            .await
            .expect(0);
        ingest.run(&["--max-pages", "1"]).await.expect(0);
        ingest
            .run(&["--restart", "--max-pages", "1"])
            .await
            .expect(0);
    }
    assert!(ingest.column(ABSENT).await.is_empty());
    // another definition is another feed
    ingest.run(&[]).await.expect(0);
    ingest.declare(&publisher, &format!("{LINK}\nquery = {{ other = \"1\" }}"));
    let ran = ingest.run(&[]).await.expect(0);
    assert!(absence(&ran, "compared_with").is_null());
    assert!(ingest.column(ABSENT).await.is_empty());
    ingest.run(&[]).await.expect(0);
    assert_eq!(ingest.column(ABSENT).await, ["3"]);
}

#[tokio::test]
async fn a_release_that_came_after_a_walk_had_begun_was_not_missed_by_it() {
    let (publisher, ingest) = begin(30, "").await;
    ingest.run(&["--max-pages", "1"]).await.expect(0);
    // it comes to the first page, which the walk has behind it
    let mut releases: Items = (0..30).map(release).collect();
    releases.insert(0, release(99));
    serve(&publisher, feed_of(releases));
    let first_page = ["backfill", SOURCE, "--from-page", "1", "--to-page", "1"];
    ingest.call(&first_page).await.expect(0);
    let ran = ingest.run(&[]).await.expect(0);
    assert_eq!(ran.report()["resumed_from"], 1);
    assert!(absence(&ran, "compared_with").is_number());
    assert_eq!(ingest.count("release").await, 31);
    assert!(ingest.column(ABSENT).await.is_empty());
    // once it is gone, two walks that have begun after it must not find it
    serve(&publisher, feed_without(30, &[]));
    ingest.run(&[]).await.expect(0);
    assert!(ingest.column(ABSENT).await.is_empty());
    ingest.run(&[]).await.expect(0);
    assert_eq!(ingest.column(ABSENT).await, ["99"]);
}
