//! Tests the lease: each source has one writer, and nobody waits for a dead holder.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use ocds_ingest::config;
use ocds_ingest::database::Database;
use ocds_ingest::error::{Error, Kind};
use ocds_ingest::ledger::{self, RunSpec, RunUpdate};
use ocds_ingest::pipeline;
use ocds_ingest::request::Requests;
use rustix::process::Signal;

use crate::harness::{HAS_LOCK_WAIT, Ingest, NUMBER, SOURCE, connect, open_database};
use crate::proxy::{Proxy, Trouble};
use crate::publisher::{Feed, Publisher, Reply, Request, pages};

/// Serves a feed of six pages that stops at the fourth page until the gate is open.
fn serve_gated(gate: &Arc<AtomicBool>) -> impl Fn(&Request) -> Reply + use<> {
    let feed = Feed::number(pages(6, 3));
    let gate = Arc::clone(gate);
    move |request| {
        let page: u64 = request.query("page").unwrap().parse().unwrap();
        if page >= 4 && !gate.load(Ordering::Relaxed) {
            return Reply::status(503);
        }
        feed.reply(request)
    }
}

/// Enough attempts to wait at the gate.
const MANY_ATTEMPTS: &str = "[fetch]\nattempts = 100000\nlongest_wait = \"10ms\"";

const AT_THE_GATE: &str = "select count(*) = 3 from ocds.page";

async fn prepare_ingest(gate: &Arc<AtomicBool>) -> (Publisher, Ingest) {
    let publisher = Publisher::serve(serve_gated(gate)).await;
    let mut ingest = Ingest::with_source(&publisher, NUMBER).await;
    ingest.configure(MANY_ATTEMPTS);
    (publisher, ingest)
}

#[tokio::test]
async fn a_second_run_reports_who_holds_the_source_and_since_when() {
    let gate = Arc::default();
    let (_publisher, ingest) = prepare_ingest(&gate).await;
    let mut first = ingest.start_run(&[]);
    ingest.wait_until(AT_THE_GATE).await;

    let owner = ingest.value("select owner from ocds.run").await;
    let since = ingest
        .value("select to_char(started_at at time zone 'utc', 'YYYY-MM-DD\"T\"HH24:MI:SS') from ocds.run")
        .await;
    for command in [
        &["run", "zambia"][..],
        &["backfill", "zambia", "--from-page", "1"],
    ] {
        let second = ingest.call(command).await.expect(6);
        let said = format!("source zambia is held by run 1 of {owner} since {since}");
        second.expect_log(&said);
        assert_eq!(second.text(), "");
    }
    assert!(
        owner.ends_with(&format!("process {}", first.id())),
        "{owner}"
    );

    assert!(first.is_running());
    gate.store(true, Ordering::Relaxed);
    assert_eq!(first.wait().await.expect(0).counts().inserted, 18);
}

#[tokio::test]
async fn a_second_run_waits_for_the_first_up_to_lease_wait() {
    let gate = Arc::default();
    let (_publisher, mut ingest) = prepare_ingest(&gate).await;
    let first = ingest.start_run(&[]);
    ingest.wait_until(AT_THE_GATE).await;
    ingest.configure("[lease]\nwait = \"60s\"");
    let backends = "select pid::text || backend_start from pg_stat_activity
        where datname = current_database() and application_name = 'ocds-ingest'";
    let of_first: BTreeSet<String> = ingest.column(backends).await.into_iter().collect();
    let second = ingest.start_run(&[]);
    let mut seen: BTreeSet<String> = BTreeSet::new();
    while seen.is_subset(&of_first) {
        seen.extend(ingest.column(backends).await);
    }
    for _ in 0..100 {
        seen.extend(ingest.column(backends).await);
        tokio::time::sleep(Duration::from_millis(15)).await;
    }
    // It checks many times and does not connect for each check.
    let of_second = seen.difference(&of_first).count();
    assert!((1..4).contains(&of_second), "{of_second} connections");
    gate.store(true, Ordering::Relaxed);
    first.wait().await.expect(0);
    assert_eq!(second.wait().await.expect(0).counts().unchanged, 18);
}

#[tokio::test]
async fn two_sources_run_at_once() {
    let gate = Arc::default();
    let (publisher, mut ingest) = prepare_ingest(&gate).await;
    let first = ingest.start_run(&[]);
    ingest.wait_until(AT_THE_GATE).await;
    let other = Feed::number(pages(2, 2)).serve().await;
    ingest.declare_as("chile", &other.url("/"), NUMBER);
    ingest.call(&["run", "chile"]).await.expect(0);
    gate.store(true, Ordering::Relaxed);
    first.wait().await.expect(0);
    drop(publisher);
}

#[tokio::test]
async fn a_dead_holder_is_replaced_at_once() {
    let gate = Arc::default();
    let (_publisher, ingest) = prepare_ingest(&gate).await;
    let first = ingest.start_run(&[]);
    ingest.wait_until(AT_THE_GATE).await;
    first.kill().await;
    gate.store(true, Ordering::Relaxed);

    let ran = ingest.run(&[]).await.expect(0);
    let report = ran.report();
    assert_eq!(
        (report["run_id"].as_i64(), report["resumed_from"].as_i64()),
        (Some(1), Some(3))
    );
    assert_eq!(ran.counts().inserted, 18);
    assert_eq!(ingest.column("select epoch from ocds.run").await, ["2"]);
}

/// Blocks the commit of a new run until [`RELEASE`].
const BLOCK_COMMIT: &str = "
    create function hold() returns trigger language plpgsql set lock_timeout = 0 as $$
        begin perform pg_advisory_xact_lock(1); return null; end $$;
    create constraint trigger is_held after insert on ocds.run
        deferrable initially deferred for each row execute function hold();
    select pg_advisory_lock(1)";

/// Blocks the commit of a heartbeat.
const BLOCK_HEARTBEAT: &str = "
    create function hold() returns trigger language plpgsql set lock_timeout = 0 as $$
        begin perform pg_advisory_xact_lock(1); return null; end $$;
    create constraint trigger is_held after update on ocds.run
        deferrable initially deferred for each row execute function hold();
    select pg_advisory_lock(1)";

/// True if the commit is blocked.
const IS_COMMIT_BLOCKED: &str = "select exists (select from pg_stat_activity
    where datname = current_database() and wait_event = 'advisory')";

const RELEASE: &str = "select pg_advisory_unlock(1)";

#[tokio::test]
async fn a_claim_whose_reply_was_lost_is_recognized_as_its_own() {
    let publisher = Feed::number(pages(2, 3)).serve().await;
    let mut ingest = Ingest::with_source(&publisher, NUMBER).await;
    ingest.execute(BLOCK_COMMIT).await;
    let proxy = ingest.add_proxy();
    let run = ingest.start_run(&[]);
    ingest.wait_until(IS_COMMIT_BLOCKED).await;
    // A pooler keeps the session that the claim names, too.
    proxy.disturb(Trouble::Kept);
    run.wait_for_log("trying again").await;
    ingest.execute(RELEASE).await;

    let ran = run.wait().await.expect(0);
    assert_eq!(ran.counts().inserted, 6);
    let runs = "select id || ' ' || epoch || ' ' || state from ocds.run";
    assert_eq!(ingest.column(runs).await, ["1 2 complete"]);
}

/// Connects to the database through a proxy.
async fn connect_through_proxy(ingest: &Ingest, statement_timeout: Duration) -> (Proxy, Database) {
    let (socket, user, name) = ingest.socket();
    let proxy = Proxy::slow(&socket, Duration::ZERO);
    let settings = config::Database {
        url: proxy.url(&user, &name).into(),
        statement_timeout,
        ..config::Database::default()
    };
    let database = Database::open(&settings, 2).await.unwrap();
    (proxy, database)
}

#[tokio::test]
async fn a_run_that_another_process_held_in_between_is_resumed() {
    let ingest = Ingest::new().await;
    ingest.execute(BLOCK_COMMIT).await;
    let (proxy, database) = connect_through_proxy(&ingest, Duration::from_secs(60)).await;
    let claim = async |database: Database| {
        let spec = RunSpec::incremental(SOURCE, "any");
        // Each takes over from the other after two of these.
        let lease = config::Lease {
            heartbeat: Duration::from_millis(500),
            ..config::Lease::default()
        };
        ledger::claim(&database, &spec, &lease).await.unwrap()
    };
    let first = tokio::spawn(claim(database));
    ingest.wait_until(IS_COMMIT_BLOCKED).await;
    proxy.refuse_connections(true);
    proxy.disturb(Trouble::Cut);
    ingest.execute(RELEASE).await;
    ingest.wait_until("select count(*) = 1 from ocds.run").await;

    let other = open_database(&ingest.url).await;
    let second = claim(other.clone()).await;
    assert_eq!((second.lease.run_id, second.lease.epoch), (1, 2));
    drop(second);
    other.close().await.unwrap();
    proxy.refuse_connections(false);
    let first = first.await.unwrap();
    assert_eq!((first.lease.run_id, first.lease.epoch), (1, 3));
    assert!(
        first.resume.is_some(),
        "what the other has stored is not begun again"
    );
}

#[tokio::test]
async fn a_heartbeat_after_a_lost_reply_counts_no_request_twice() {
    let ingest = Ingest::new().await;
    let (proxy, database) = connect_through_proxy(&ingest, Duration::from_secs(10)).await;
    let spec = RunSpec::incremental(SOURCE, "any");
    let lease = config::Lease::default();
    let mut holder = ledger::claim(&database, &spec, &lease)
        .await
        .unwrap()
        .holder;
    let update = RunUpdate {
        requests: Requests {
            requests: 5,
            retries: 2,
            bytes: 1_000,
        },
        ..RunUpdate::default()
    };
    ingest.execute(BLOCK_HEARTBEAT).await;
    let cut = async {
        ingest.wait_until(IS_COMMIT_BLOCKED).await;
        proxy.disturb(Trouble::Kept);
    };
    let (beat, ()) = tokio::join!(holder.send_heartbeat(&update), cut);
    beat.expect_err("its reply is lost");
    let told = "select requests || ' ' || retries || ' ' || bytes from ocds.run";
    ingest.execute(RELEASE).await;
    ingest
        .wait_until(&format!("select '5 2 1000' = ({told})"))
        .await;
    holder.send_heartbeat(&update).await.unwrap();
    assert_eq!(ingest.value(told).await, "5 2 1000");
}

#[tokio::test]
async fn a_run_that_lost_its_lease_commits_nothing_more() {
    // Either one shows the loss first.
    for (heartbeat, by) in [("10s", "a commit"), ("20ms", "a heartbeat")] {
        let gate = Arc::default();
        let (_publisher, mut ingest) = prepare_ingest(&gate).await;
        ingest.configure(&format!("[lease]\nheartbeat = {heartbeat:?}"));
        let run = ingest.start_run(&[]);
        ingest.wait_until(AT_THE_GATE).await;
        ingest.column("update ocds.run set epoch = epoch + 1").await;
        if by == "a commit" {
            gate.store(true, Ordering::Relaxed);
        }
        let ran = run.wait().await.expect(6);
        assert!(
            ran.stderr.contains("has taken over"),
            "{by}: {}",
            ran.stderr
        );
        assert_eq!(ingest.count("page").await, 3, "{by}");
        assert_eq!(ingest.count("release").await, 9, "{by}");
        // The run does not end the run of the other process.
        assert_eq!(
            ingest.value("select state from ocds.run").await,
            "running",
            "{by}"
        );
    }
}

#[tokio::test]
async fn a_run_waits_for_a_late_commit_of_an_ended_backfill() {
    let gate = Arc::new(AtomicBool::new(true));
    let (_publisher, ingest) = prepare_ingest(&gate).await;
    let backfill = ["backfill", SOURCE, "--from-page", "1", "--to-page", "2"];
    ingest.call(&backfill).await.expect(0);

    // A backend may still have a commit that the program has given up.
    let late = connect(&ingest.url).await;
    let hold = "begin; select from ocds.run where id = 1 for key share";
    late.batch_execute(hold).await.unwrap();
    let mut run = ingest.start_run(&[]);
    while run.is_running() && ingest.value(HAS_LOCK_WAIT).await != "t" {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert!(run.is_running(), "the run did not wait");
    assert_eq!(ingest.count("run").await, 1);
    late.batch_execute("commit").await.unwrap();
    run.wait().await.expect(0);
}

#[tokio::test]
async fn a_silent_holder_is_replaced_and_stops_when_it_wakes() {
    let gate = Arc::default();
    let (_publisher, mut ingest) = prepare_ingest(&gate).await;
    ingest.configure(
        "[lease]\nheartbeat = \"100ms\"\nttl = \"3s\"\n[database]\nidle_in_transaction_timeout = \"2s\"",
    );
    let asleep = ingest.start_run(&[]);
    ingest.wait_until(AT_THE_GATE).await;
    asleep.send_signal(Signal::STOP);
    gate.store(true, Ordering::Relaxed);
    ingest
        .wait_until("select heartbeat_at < now() - interval '3.1s' from ocds.run")
        .await;

    assert_eq!(ingest.run(&[]).await.expect(0).counts().inserted, 18);
    let calm = ingest.read_tables().await;
    asleep.send_signal(Signal::CONT);
    asleep.wait().await.expect(6);
    ingest
        .read_tables()
        .await
        .expect_equal(&calm, "after it woke");
    assert_eq!(ingest.value("select state from ocds.run").await, "complete");
}

#[tokio::test]
async fn an_unfinished_run_can_be_resumed_after_a_killed_backfill() {
    let gate = Arc::new(AtomicBool::new(true));
    let (_publisher, ingest) = prepare_ingest(&gate).await;
    ingest.run(&["--max-pages", "2"]).await.expect(0);
    gate.store(false, Ordering::Relaxed);
    let backfill = ingest.start(&["backfill", SOURCE, "--from-page", "3"]);
    ingest.wait_until(AT_THE_GATE).await;
    backfill.kill().await;
    gate.store(true, Ordering::Relaxed);

    let report = ingest.run(&[]).await.expect(0).report();
    assert_eq!(
        (report["run_id"].as_i64(), report["resumed_from"].as_i64()),
        (Some(1), Some(2))
    );
}

#[tokio::test]
async fn a_holder_s_time_is_that_of_its_claim_and_not_of_the_run_s_start() {
    let gate = Arc::new(AtomicBool::new(true));
    let (_publisher, ingest) = prepare_ingest(&gate).await;
    ingest.run(&["--max-pages", "2"]).await.expect(0);
    let long_ago = "update ocds.run set started_at = '2001-01-01', taken_at = '2001-01-01'";
    ingest.column(long_ago).await;
    gate.store(false, Ordering::Relaxed);
    let first = ingest.start_run(&[]);
    ingest.wait_until(AT_THE_GATE).await;
    let ran = ingest.run(&[]).await.expect(6);
    assert!(ran.stderr.contains("since 20") && !ran.stderr.contains("since 2001"));
    first.kill().await;
}

#[tokio::test]
async fn work_under_a_lease_always_ends_its_run() {
    let ingest = Ingest::new().await;
    let database = open_database(&ingest.url).await;
    let config = config::Config::default();
    for (outcome, verdict, error) in [
        (Ok(7), "complete", ""),
        (
            Err(Error::new(Kind::Truncated, "stopped")),
            "truncated",
            "stopped",
        ),
        (Err(Error::unexpected("a defect")), "failed", "a defect"),
    ] {
        let spec = RunSpec::incremental("zambia", "version 1");
        let is_ok = outcome.is_ok();
        let worked = pipeline::under_lease(&database, &spec, &config, |_, holder| async move {
            (holder, outcome)
        });
        assert_eq!(worked.await.is_ok(), is_ok);
        let newest = "select concat_ws(' ', state, error) from ocds.run order by id desc limit 1";
        let expected = format!("{verdict} {error}");
        assert_eq!(ingest.value(newest).await, expected.trim());
    }
}
