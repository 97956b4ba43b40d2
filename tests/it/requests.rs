//! The log of requests: what a publisher was asked, and what came of it.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use crate::harness::{Ingest, LINK};
use crate::publisher::{Feed, Items, Publisher, Reply, pages};

/// Pages of which the last looks like it, and so is asked for once.
fn feed(count: usize) -> Vec<Items> {
    let mut pages = pages(count, 10);
    pages[count - 1].truncate(3);
    pages
}

#[tokio::test]
async fn each_request_is_a_row_with_what_came_of_it() {
    let feed = Feed::link(feed(3));
    let asked = AtomicUsize::new(0);
    let publisher = Publisher::serve(move |request| match asked.fetch_add(1, Ordering::Relaxed) {
        1 => Reply::status(503),
        3 => feed.reply(request).cut_after(100),
        _ => feed.reply(request),
    })
    .await;
    let mut ingest = Ingest::new().await;
    ingest.configure("[fetch]\nfirst_wait = \"1ms\"");
    ingest.declare(
        &publisher,
        &format!("{LINK}\nquery = {{ key = \"{{env.PATH}}\" }}"),
    );
    let report = ingest.run(&[]).await.expect(0).report();
    let rows = "select page_number || ' ' || attempt || ' ' || coalesce(status::text, '-') || ' ' || (error is not null) from ocds.request order by id";
    assert_eq!(
        ingest.column(rows).await,
        [
            "1 1 200 false",
            "2 1 503 true",
            "2 2 200 false",
            "3 1 200 true",
            "3 2 200 false"
        ]
    );
    assert_eq!(report["requests"], 5);
    let bytes = ingest.value("select sum(bytes) from ocds.request").await;
    assert_eq!(report["bytes"].to_string(), bytes);
    // where it was asked for, and no secret
    let secrets = "request where url not like '%key={env.PATH}%' or url like '%/bin%'";
    assert_eq!(ingest.count(secrets).await, 0);
    assert_eq!(
        ingest
            .count("request where requested_at > now() or milliseconds < 0")
            .await,
        0
    );
}

#[tokio::test]
async fn requests_go_with_their_run_and_are_not_logged_where_nobody_wants_them() {
    let publisher = Publisher::feed(Feed::link(feed(2))).await;
    let mut ingest = Ingest::new().await;
    ingest.declare(&publisher, LINK);
    ingest.run(&[]).await.expect(0);
    assert_eq!(ingest.count("request").await, 2);
    ingest.configure("[ledger]\nrequests = false\nkeep_runs = 1");
    ingest.run(&[]).await.expect(0);
    assert_eq!(ingest.count("request").await, 0);
}

#[tokio::test]
async fn a_log_that_cannot_be_written_holds_no_page_up() {
    let publisher = Publisher::feed(Feed::link(feed(5))).await;
    let mut ingest = Ingest::new().await;
    ingest.declare(&publisher, LINK);
    ingest.configure("[database]\nlock_timeout = \"200ms\"\nretry_for = \"1s\"");
    let client = &ingest.client;
    client
        .batch_execute("begin; lock table ocds.request")
        .await
        .unwrap();
    let ran = tokio::time::timeout(Duration::from_secs(30), ingest.run(&[])).await;
    let ran = ran.unwrap().expect(0);
    assert!(
        ran.stderr.contains("are not in ocds.request"),
        "{}",
        ran.stderr
    );
    client.batch_execute("rollback").await.unwrap();
    assert_eq!(ingest.count("release").await, 43);
    assert_eq!(ingest.count("request").await, 0);
}
