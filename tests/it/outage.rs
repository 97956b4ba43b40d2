//! Tests failures of the environment: an unavailable database, and a failing publisher.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use crate::harness::{Cluster, Counts, Ingest, LINK, NUMBER, ProgramOutput, UNTIL_EMPTY, connect};
use crate::publisher::{Feed, Gate, Publisher, Reply, pages};

#[tokio::test]
async fn a_database_stopped_during_a_run_is_waited_for() {
    let cluster = Cluster::start().await;
    let gate = Gate::open_up_to(6);
    let publisher = Publisher::serve(Feed::link(pages(15, 20)).hold_at(&gate)).await;
    let mut ingest = Ingest::on_cluster(&cluster).await;
    ingest.declare(&publisher, LINK);
    ingest.configure("[database]\nretry_for = \"100s\"");
    let mut run = ingest.start_run(&[]);
    ingest.wait_for_pages(3).await;
    cluster.server.crash().await.unwrap();
    gate.open();
    run.wait_for_log("trying again").await;
    assert!(run.is_running());
    cluster.server.ensure_running().await.unwrap();

    let ran = run.wait().await.expect(0);
    ingest.client = connect(&ingest.url).await;
    assert_eq!(ingest.count("release").await, 300);
    assert_eq!(ingest.count("quarantine").await, 0);
    assert_eq!(ingest.count("run where state = 'complete'").await, 1);
    // The releases count once, although they may be sent more than once. A commit whose reply was
    // lost keeps its counts.
    assert_eq!(ran.counts().inserted, 300);
}

#[tokio::test]
async fn a_lasting_outage_ends_the_run_and_the_next_one_resumes() {
    let cluster = Cluster::start().await;
    let gate = Gate::open_up_to(6);
    let publisher = Publisher::serve(Feed::link(pages(15, 20)).hold_at(&gate)).await;
    let mut ingest = Ingest::on_cluster(&cluster).await;
    ingest.declare(&publisher, LINK);
    ingest.configure("[database]\nretry_for = \"500ms\"");
    let run = ingest.start_run(&[]);
    ingest.wait_for_pages(6).await;
    cluster.server.crash().await.unwrap();
    gate.open();
    let ran = run.wait().await.expect(3);
    let report = ran.report();
    assert_eq!(report["verdict"], "truncated");
    assert!(report["pages"].as_i64() >= Some(3));

    cluster.server.ensure_running().await.unwrap();
    ingest.client = connect(&ingest.url).await;
    let report = ingest.run(&[]).await.expect(0).report();
    assert!(report["resumed_from"].as_i64() >= Some(3));
    assert_eq!(ingest.count("release").await, 300);
}

#[tokio::test]
async fn a_last_page_that_could_not_be_committed_is_resumed() {
    let gate = Gate::open_up_to(3);
    let publisher = Publisher::serve(Feed::link(pages(4, 2)).hold_at(&gate)).await;
    let mut ingest = Ingest::with_source(&publisher, LINK).await;
    // With more workers, a later page could be durable before an earlier one.
    ingest.configure("[database]\nlock_timeout = \"100ms\"\nretry_for = \"300ms\"");
    ingest.configure("[sink]\nworkers = 1");
    let run = ingest.start_run(&[]);
    ingest.wait_for_pages(2).await;
    let lock = connect(&ingest.url).await;
    let sql = "begin; lock table ocds.page in share mode";
    lock.batch_execute(sql).await.unwrap();
    gate.open();
    let durable = run.wait().await.expect(3).report()["pages"].clone();
    lock.batch_execute("rollback").await.unwrap();

    let report = ingest.run(&[]).await.expect(0).report();
    assert_eq!(report["resumed_from"], durable);
    assert_eq!(ingest.count("release").await, 8);
}

#[tokio::test]
async fn repeatedly_cut_connections_are_replaced() {
    let gate = Gate::open_up_to(usize::MAX);
    let publisher =
        Publisher::serve(Feed::link(crate::kill::make_rough_pages(20)).hold_at(&gate)).await;
    let calm = Ingest::with_source(&publisher, LINK).await;
    calm.run(&["--max-bad-ratio", "1"]).await.expect(0);

    let ingest = Ingest::with_source(&publisher, LINK).await;
    let asked = publisher.targets().len();
    gate.move_to(2);
    let run = ingest.start_run(&["--max-bad-ratio", "1"]);
    ingest.wait_for_pages(2).await;
    // Between two cuts, two pages are stored.
    for pages in (4..=18).step_by(2) {
        gate.move_to(pages);
        publisher.wait_for_requests(asked + pages).await;
        // Wait until there is a connection to cut, because the last ones may not be replaced yet.
        let sql = "select count(pg_terminate_backend(pid)) > 0 from pg_stat_activity
            where datname = current_database() and pid <> pg_backend_pid()";
        ingest.wait_until(sql).await;
        ingest.wait_for_pages(pages).await;
    }
    gate.open();
    let ran = run.wait().await.expect(0);
    ingest
        .read_tables()
        .await
        .expect_equal(&calm.read_tables().await, "after cuts");
    assert_eq!(ingest.read_pages().await, calm.read_pages().await);
    assert_eq!(ran.report()["pages"], 20);
}

#[tokio::test]
async fn a_port_without_a_listener_is_an_environment_error() {
    // The port is bound, but not listened on.
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let address = socket.local_addr().unwrap();

    let mut ingest = Ingest::new().await;
    ingest.declare_as("zambia", &format!("http://{address}/"), LINK);
    let ran = ingest.run(&[]).await.expect(3);
    assert_eq!(ran.report()["retries"], 3);
    ran.expect_log("zambia");

    let publisher = Feed::link(pages(1, 1)).serve().await;
    ingest.declare(&publisher, LINK);
    let url = format!("postgresql://nobody:pass-phrase@{address}/nowhere");
    for command in [
        &["run", "zambia"][..],
        &["status"],
        &["migrate"],
        &["quarantine", "list"],
    ] {
        let ran = ingest
            .call(&[command, &["--database-url", &url]].concat())
            .await
            .expect(3);
        ran.expect_log(&address.to_string());
        assert!(!ran.stderr.contains("pass-phrase"), "{}", ran.stderr);
    }
    assert_eq!(publisher.targets(), [""; 0]);
}

/// The wrong answers that a publisher gives twice before the right one.
type Trouble = fn(Reply) -> Reply;

const TROUBLES: [(&str, Trouble); 8] = [
    ("a web page with 200", |_| {
        Reply::status(200).body("<html>busy</html>")
    }),
    ("nothing with 200", |_| Reply::status(200)),
    ("an error object with 200", |_| {
        Reply::json(r#"{"error":"busy"}"#)
    }),
    ("503", |_| Reply::status(503)),
    ("a reset in mid-body", |reply| reply.cut_after(100)),
    ("truncated JSON", |_| {
        Reply::json(r#"{"releases":[{"ocid":"o","id":"1"}"#)
    }),
    ("429 with Retry-After", |_| {
        Reply::status(429).header("retry-after", "1")
    }),
    ("500", |_| Reply::status(500).body("null")),
];

/// Runs one source for each trouble. Each is a feed of three pages, with the trouble at the last
/// page for this many requests.
async fn run_with_trouble(
    table: &str,
    feed: &Feed,
    times: usize,
) -> (Ingest, ProgramOutput, Vec<Publisher>) {
    let mut ingest = Ingest::new().await;
    let mut publishers = Vec::new();
    for (number, (_, trouble)) in TROUBLES.into_iter().enumerate() {
        let feed = feed.clone();
        let publisher = Publisher::serve(move |request| {
            let reply = feed.reply(request);
            let is_last = request.query("page").as_deref() == Some("3");
            if is_last && request.nth < times {
                trouble(reply)
            } else {
                reply
            }
        })
        .await;
        ingest.declare_as(&format!("trouble-{number}"), &publisher.url("/"), table);
        publishers.push(publisher);
    }
    let ran = ingest.call(&["run", "--all", "--json"]).await;
    assert_eq!(ran.parse_lines().len(), TROUBLES.len(), "{}", ran.stderr);
    (ingest, ran, publishers)
}

#[tokio::test]
async fn a_temporary_publisher_failure_is_retried_and_never_the_end() {
    for (table, feed) in [
        (LINK, Feed::link(pages(3, 4))),
        (UNTIL_EMPTY, Feed::number(pages(3, 4))),
    ] {
        let (ingest, ran, publishers) = run_with_trouble(table, &feed, 2).await;
        let reports = ran.expect(0).parse_lines();
        for ((report, publisher), (name, _)) in reports.iter().zip(&publishers).zip(TROUBLES) {
            assert_eq!(Counts::from_report(report).inserted, 12, "{name}");
            assert_eq!(report["retries"], 2, "{name}");
            if name.starts_with("429") {
                let asked = publisher.requests();
                let asked: Vec<Instant> = asked
                    .iter()
                    .filter(|request| request.query("page").as_deref() == Some("3"))
                    .map(|request| request.at)
                    .collect();
                assert!(asked[2] - asked[0] >= Duration::from_secs(2), "{name}");
            }
        }
        assert_eq!(ingest.count("quarantine").await, 0);
    }
}

#[tokio::test]
async fn a_permanent_publisher_failure_is_never_a_complete_run() {
    let (ingest, ran, _publishers) =
        run_with_trouble(UNTIL_EMPTY, &Feed::number(pages(3, 4)), usize::MAX).await;
    assert!(
        matches!(ran.code, Some(3 | 4)),
        "{:?} {}",
        ran.code,
        ran.stderr
    );
    for (report, (name, _)) in ran.parse_lines().iter().zip(TROUBLES) {
        assert_eq!(report["verdict"], "truncated", "{name}");
    }
    for (number, (name, _)) in TROUBLES.into_iter().enumerate() {
        // The two pages before the trouble.
        let stored = format!("release where source = 'trouble-{number}'");
        assert_eq!(ingest.count(&stored).await, 8, "{name}");
    }
}

#[tokio::test]
async fn a_wait_over_the_limit_ends_the_run_and_keeps_its_progress() {
    let feed = Feed::link(pages(3, 4));
    let publisher = Publisher::serve(move |request| {
        if request.query("page").as_deref() == Some("3") && request.nth == 0 {
            return Reply::status(429).header("retry-after", "3600");
        }
        feed.reply(request)
    })
    .await;
    let ingest = Ingest::with_source(&publisher, LINK).await;
    let ran = ingest.run(&[]).await.expect(4);
    assert_eq!(ran.report()["pages"], 2);
    assert_eq!(ingest.run(&[]).await.expect(0).report()["resumed_from"], 2);
    assert_eq!(ingest.count("release").await, 12);
}

#[tokio::test]
async fn a_temporary_redirect_to_another_host_loses_no_progress() {
    let feed = Feed::number(pages(6, 2));
    let detour = Arc::new(AtomicBool::new(false));
    let is_away = Arc::clone(&detour);
    let publisher = Publisher::serve(move |request| match request.query("page").as_deref() {
        Some("4") if is_away.load(Ordering::Relaxed) => {
            Reply::redirect(302, "http://maintenance.example/")
        }
        _ => feed.reply(request),
    })
    .await;
    let ingest = Ingest::with_source(&publisher, NUMBER).await;
    // As in scheduled runs: the first one stores what comes before, later ones nothing.
    detour.store(true, Ordering::Relaxed);
    for _ in 0..3 {
        let ran = ingest.run(&[]).await.expect(4);
        let said = "a redirect leads to host `maintenance.example`";
        ran.expect_log(said);
    }
    detour.store(false, Ordering::Relaxed);
    let report = ingest.run(&[]).await.expect(0).report();
    assert_eq!(report["resumed_from"], 3);
    assert_eq!(ingest.count("release").await, 12);
    assert_eq!(ingest.count("run").await, 1);
}

#[tokio::test]
async fn a_query_that_takes_too_long_is_ended_by_the_server() {
    let publisher = Feed::number(pages(2, 2)).serve().await;
    let mut ingest = Ingest::with_source(&publisher, NUMBER).await;
    ingest.configure("[database]\nstatement_timeout = \"1s\"");
    let lock = connect(&ingest.url).await;
    let sql = "begin; lock table ocds.watermark in access exclusive mode";
    lock.batch_execute(sql).await.unwrap();
    let run = ingest.start_run(&[]);
    // The log shows the server's own timeout: the client did not only stop waiting.
    run.wait_for_log("57014").await;
    lock.batch_execute("rollback").await.unwrap();
    let ran = run.wait().await.expect(0);
    ran.expect_log("trying again");
    assert_eq!(ran.counts().inserted, 4);
}
