//! Tests that a run resumes to the same tables after the program ends at any named moment of a
//! commit.

use std::time::Duration;

use crate::harness::{Ingest, LINK, NUMBER};
use crate::kill::make_rough_pages;
use crate::proxy::Trouble;
use crate::publisher::{Feed, pages};

/// The failpoints in their order.
const FAILPOINTS: [&str; 6] = [
    "before-begin",
    "after-begin",
    "after-rows",
    "before-commit",
    "commit-sent",
    "commit-acknowledged",
];

/// The signal that kills a process which aborts at a failpoint.
const SIGABRT: i32 = 6;

/// Ends a run at a failpoint again and again, until one completes.
async fn check_resumes_after(moment: &str, how: &str, table: &str, feed: &Feed) {
    let what = format!("{how} at {moment}");
    let publisher = feed.clone().serve().await;
    let calm = Ingest::with_source(&publisher, table).await;
    calm.run(&["--max-bad-ratio", "1"]).await.expect(0);

    let mut ingest = Ingest::with_source(&publisher, table).await;
    let mut ended = 0;
    loop {
        // The request log has transactions too, so the first ones may be its own.
        ingest.set_env(
            "FAILPOINTS",
            &format!("{moment}={}*off->return({how})", 3 + ended),
        );
        let ran = ingest.run(&["--max-bad-ratio", "1"]).await;
        if ran.code.is_some() {
            ran.expect(0);
            break;
        }
        assert_eq!(ran.signal, Some(SIGABRT), "{what}: {}", ran.stderr);
        ended += 1;
        assert!(ended < 100, "{what}: no progress");
    }
    assert!(ended > 0, "{what}: never reached");
    ingest
        .read_tables()
        .await
        .expect_equal(&calm.read_tables().await, &what);
    assert_eq!(ingest.read_pages().await, calm.read_pages().await, "{what}");
}

#[tokio::test]
async fn a_run_killed_at_any_moment_of_a_commit_resumes_to_the_same_tables() {
    for moment in FAILPOINTS {
        check_resumes_after(moment, "crash", LINK, &Feed::link(make_rough_pages(10))).await;
    }
}

#[tokio::test]
async fn a_commit_whose_reply_was_lost_is_not_repeated() {
    let feed = Feed::number(make_rough_pages(10));
    let table = format!("{NUMBER}\nhttp = {{ concurrency = 3 }}");
    check_resumes_after("commit-sent", "linger", &table, &feed).await;
}

/// Only transactions of pages, one after the other.
const PAGE_BY_PAGE: &str = "[ledger]\nrequests = false\n[sink]\nworkers = 1";

#[tokio::test]
async fn a_page_is_durable_only_after_its_commit_has_arrived() {
    let publisher = Feed::link(pages(6, 3)).serve().await;
    for (at, durable) in [
        ("before-begin=3*off->return(crash)", 3),
        ("after-rows=3*off->return(crash)", 3),
        ("before-commit=3*off->return(crash)", 3),
        ("commit-sent=3*off->return(linger)", 4),
        ("commit-acknowledged=3*off->return(crash)", 4),
    ] {
        let mut ingest = Ingest::with_source(&publisher, LINK).await;
        ingest.configure(PAGE_BY_PAGE);
        ingest.set_env("FAILPOINTS", at);
        let ran = ingest.run(&[]).await;
        assert_eq!(ran.signal, Some(SIGABRT), "{at}: {}", ran.stderr);
        // The server may still process what it has received.
        let idle = "select not exists (select from pg_stat_activity
            where datname = current_database() and application_name = 'ocds-ingest')";
        ingest.wait_until(idle).await;
        assert_eq!(ingest.count("page").await, durable, "{at}");
        assert_eq!(ingest.count("release").await, 3 * durable, "{at}");

        ingest.set_env("FAILPOINTS", "");
        let report = ingest.run(&[]).await.expect(0).report();
        assert_eq!(report["resumed_from"], durable, "{at}");
        assert_eq!(ingest.count("release").await, 18, "{at}");
    }
}

#[tokio::test]
async fn a_run_finds_its_own_commit_after_a_lost_reply() {
    let publisher = Feed::link(pages(6, 3)).serve().await;
    let mut ingest = Ingest::with_source(&publisher, LINK).await;
    ingest.configure(PAGE_BY_PAGE);
    ingest.configure("[database]\nstatement_timeout = \"2s\"");
    let proxy = ingest.add_proxy();
    // The fourth page was sent, and its commit follows.
    ingest.set_env("FAILPOINTS", "before-commit=3*off->1*sleep(5000)");
    let run = ingest.start_run(&[]);
    ingest
        .wait_until_idle_in_transaction(Duration::from_millis(300))
        .await;
    proxy.disturb(Trouble::HalfOpen);
    let arrived = "select count(*) = 4 from ocds.page";
    ingest.wait_until(arrived).await;

    let ran = run.wait().await.expect(0);
    ran.expect_log("trying again");
    // The counts are those of the first attempt, because a second one would insert nothing.
    assert_eq!(ran.counts().inserted, 18);
    assert_eq!(ran.report()["pages"], 6);
    assert_eq!(ingest.count("release").await, 18);
}
