//! Tests SIGTERM at any moment, and a holder that sleeps.

use std::time::{Duration, Instant};

use rustix::process::Signal;

use super::{FaultTest, declare_feed};
use crate::harness::connect;
use crate::proxy::{Proxy, Trouble};

/// The number of SIGTERMs; 500 in the long form.
fn term_count() -> usize {
    std::env::var("TERMS").map_or(40, |terms| terms.parse().unwrap())
}

/// The time in which a run must end, including a second for blocking threads.
const GRACE: Duration = Duration::from_secs(30);

#[tokio::test]
async fn a_run_stopped_at_any_moment_ends_in_time_with_the_right_verdict() {
    let mut test = FaultTest::new(50 + term_count()).await;
    let (mut longest, mut obeyed) = (Duration::ZERO, 0);
    for turn in 0..term_count() {
        // A run reaches this page in a moment, and needs seconds for the rest of the feed.
        test.release_pages(turn + 1, term_count());
        let mut run = test.start_and_wait().await;
        tokio::time::sleep(Duration::from_millis(test.dice.roll(100))).await;
        let told = Instant::now();
        if run.is_running() {
            run.send_signal(Signal::TERM);
        }
        let ran = run.wait().await;
        longest = longest.max(told.elapsed());
        // The signal kills the program if it comes before the program handles signals.
        if ran.signal == Some(Signal::TERM.as_raw()) && ran.stderr.is_empty() {
            continue;
        }
        // The run stopped, or was complete; then the next run starts from the first page.
        if !test.has_completed(&ran).await {
            let ran = ran.expect(4);
            obeyed += 1;
            if let Some(report) = ran.parse_lines().pop() {
                let run = &report["run_id"];
                let state = format!("select state from ocds.run where id = {run}");
                assert_eq!(test.ingest.value(&state).await, "truncated");
            }
        }
    }
    assert!(longest < GRACE, "{longest:?}");
    println!(
        "{obeyed} of {} signals obeyed, each within {longest:.2?}",
        term_count()
    );
    assert!(2 * obeyed >= term_count(), "{obeyed} of {}", term_count());
    test.release_pages(1, 1);
    let ran = test.start().wait().await.expect(0);
    assert!(test.has_completed(&ran).await);
    test.expect_all("after signals").await;
}

/// The time in which a run must end although its server does not reply; its other timeouts are
/// much longer.
const SILENT_SERVER_LIMIT: Duration = Duration::from_secs(20);

#[tokio::test]
async fn a_run_without_replies_stops_within_its_grace_period() {
    for is_database in [true, false] {
        let mut test = FaultTest::new(40).await;
        // Without a publisher there is nothing to wait for.
        let grace = if is_database { "1s" } else { "60s" };
        let grace = format!("[shutdown]\ngrace = {grace:?}");
        test.ingest.configure(&grace);
        let proxy = if is_database {
            test.ingest.add_proxy()
        } else {
            let proxy =
                Proxy::disturb_publisher_after(test.publisher.address(), u64::MAX, Trouble::Cut);
            declare_feed(&mut test.ingest, &proxy.http(), &test.oracle);
            proxy
        };
        test.release_pages(1, 4);
        let run = test.start();
        test.ingest.wait_for_pages(3).await;
        proxy.disturb(Trouble::BlackHole);
        let told = Instant::now();
        run.send_signal(Signal::TERM);
        let ran = run.wait().await.expect(4);
        let took = told.elapsed();
        assert!(took < SILENT_SERVER_LIMIT, "{took:?}: {}", ran.stderr);
        let given_up = ran.stderr.contains("shutdown.grace");
        assert_eq!(given_up, is_database, "{}", ran.stderr);
        println!("ended {took:.2?} after it was told to");
        test.release_pages(1, 1);
        test.use_long_timeouts();
        test.start().wait().await.expect(0);
        test.expect_all("after deafness").await;
    }
}

#[tokio::test]
async fn a_holder_asleep_in_a_transaction_is_replaced_and_cannot_commit_later() {
    let mut test = FaultTest::new(30).await;
    test.ingest.configure(
        "[lease]\nheartbeat = \"100ms\"\nttl = \"5s\"\nwait = \"60s\"\n\
         [database]\nidle_in_transaction_timeout = \"4s\"",
    );
    // The run holds the transaction of its fifth page open longer than any other, and is stopped
    // there.
    test.ingest
        .set_env("FAILPOINTS", "after-rows=5*off->1*sleep(6000)");
    let asleep = test.start();
    test.ingest.wait_for_pages(3).await;
    let long = Duration::from_millis(500);
    test.ingest.wait_until_idle_in_transaction(long).await;
    asleep.send_signal(Signal::STOP);

    test.ingest.set_env("FAILPOINTS", "");
    let stopped = Instant::now();
    let ran = test.start().wait().await.expect(0);
    assert!(test.has_completed(&ran).await);
    println!("taken over and done within {:.2?}", stopped.elapsed());
    let calm = test.ingest.read_tables().await;
    let pages = test.ingest.read_pages().await;

    asleep.send_signal(Signal::CONT);
    let ran = asleep.wait().await.expect(6);
    ran.expect_log("has taken over");
    test.ingest.client = connect(&test.ingest.url).await;
    test.ingest
        .read_tables()
        .await
        .expect_equal(&calm, "after it woke");
    assert_eq!(test.ingest.read_pages().await, pages);
    test.expect_all("after it woke").await;
}
