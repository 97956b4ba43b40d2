//! Tests the request log: the requests to a publisher and their results.

use std::sync::atomic::{AtomicUsize, Ordering};

use crate::harness::{Ingest, LINK, connect};
use crate::publisher::{Feed, Publisher, Reply, short_pages};

#[tokio::test]
async fn each_request_is_a_row_with_its_result() {
    let feed = Feed::link(short_pages(3, 10, 3));
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
    // The URL, without secrets.
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
async fn requests_are_deleted_with_their_run_and_can_be_switched_off() {
    let publisher = Feed::link(short_pages(2, 10, 3)).serve().await;
    let mut ingest = Ingest::with_source(&publisher, LINK).await;
    ingest.run(&[]).await.expect(0);
    assert_eq!(ingest.count("request").await, 2);
    ingest.configure("[ledger]\nrequests = false\nkeep_runs = 1");
    ingest.run(&[]).await.expect(0);
    assert_eq!(ingest.count("request").await, 0);
}

#[tokio::test]
async fn a_blocked_request_log_delays_no_page() {
    let publisher = Feed::link(short_pages(150, 10, 3)).serve().await;
    let mut ingest = Ingest::with_source(&publisher, LINK).await;
    ingest.configure("[database]\nlock_timeout = \"5m\"\nstatement_timeout = \"5m\"");
    let locker = connect(&ingest.url).await;
    let lock = "begin; lock table ocds.request";
    locker.batch_execute(lock).await.unwrap();
    let run = ingest.start_run(&[]);
    // The log has more than a batch, and waits.
    let waits = "select count(*) = 1 from pg_stat_activity \
        where datname = current_database() and wait_event_type = 'Lock' and query like 'insert into \"ocds\".\"request\"%'";
    ingest.wait_until(waits).await;
    ingest
        .wait_until("select count(*) = 150 from ocds.page")
        .await;
    assert_eq!(ingest.value(waits).await, "t");
    locker.batch_execute("rollback").await.unwrap();
    run.wait().await.expect(0);
    assert_eq!(ingest.count("request").await, 150);
}

#[tokio::test]
async fn a_request_log_lost_at_the_end_is_reported_and_fails_no_run() {
    let publisher = Feed::link(short_pages(5, 10, 3)).serve().await;
    let mut ingest = Ingest::with_source(&publisher, LINK).await;
    ingest.configure("[database]\nlock_timeout = \"200ms\"\nretry_for = \"1s\"");
    let client = &ingest.client;
    let lock = "begin; lock table ocds.request";
    client.batch_execute(lock).await.unwrap();
    let ran = ingest.run(&[]).await.expect(0);
    ran.expect_log("are not in ocds.request");
    client.batch_execute("rollback").await.unwrap();
    assert_eq!(ingest.count("release").await, 43);
}

#[tokio::test]
async fn the_target_of_a_redirect_is_logged_without_its_signature() {
    let feed = Feed::link(short_pages(1, 10, 3));
    let publisher = Publisher::serve(move |request| match request.path() {
        "/bucket" => feed.reply(request),
        _ => Reply::redirect(302, "/bucket?signature=hunter2"),
    })
    .await;
    let ingest = Ingest::with_source(&publisher, LINK).await;
    ingest.run(&[]).await.expect(0);
    let urls = "select status || ' ' || substring(url from '[^:]*$') from ocds.request order by id";
    let urls = ingest.column(urls).await;
    assert!(urls[0].starts_with("302 "), "{urls:?}");
    assert!(
        urls[1].starts_with("200 ") && urls[1].ends_with("/bucket"),
        "{urls:?}"
    );
}
