//! Tests SIGTERM at any moment, and a holder that sleeps.

use std::time::{Duration, Instant};

use rustix::process::Signal;

use super::{Stand, declare};
use crate::harness::connect;
use crate::proxy::{Proxy, Trouble};

/// The number of SIGTERMs; 500 in the long form.
fn terms() -> usize {
    std::env::var("TERMS").map_or(40, |terms| terms.parse().unwrap())
}

/// The time in which a run must end, including a second for blocking threads.
const GRACE: Duration = Duration::from_secs(30);

#[tokio::test]
async fn a_run_that_is_told_to_stop_at_any_moment_ends_in_time_and_honestly() {
    let mut stand = Stand::new(50 + terms()).await;
    let (mut longest, mut obeyed) = (Duration::ZERO, 0);
    for turn in 0..terms() {
        // A run reaches this page in a moment, and needs seconds for the rest of the feed.
        stand.release(turn + 1, terms());
        let mut run = stand.start_and_wait().await;
        tokio::time::sleep(Duration::from_millis(stand.dice.roll(100))).await;
        let told = Instant::now();
        if run.is_running() {
            run.signal(Signal::TERM);
        }
        let ran = run.end().await;
        longest = longest.max(told.elapsed());
        // The signal kills the program if it comes before the program handles signals.
        if ran.signal == Some(Signal::TERM.as_raw()) && ran.stderr.is_empty() {
            continue;
        }
        // The run stopped, or was complete; then the next run starts from the first page.
        if !stand.is_done(&ran).await {
            let ran = ran.expect(4);
            obeyed += 1;
            if let Some(report) = ran.lines().pop() {
                let run = &report["run_id"];
                let state = format!("select state from ocds.run where id = {run}");
                assert_eq!(stand.ingest.value(&state).await, "truncated");
            }
        }
    }
    assert!(longest < GRACE, "{longest:?}");
    println!(
        "{obeyed} of {} signals obeyed, each within {longest:.2?}",
        terms()
    );
    assert!(2 * obeyed >= terms(), "{obeyed} of {}", terms());
    stand.release(1, 1);
    let ran = stand.start().end().await.expect(0);
    assert!(stand.is_done(&ran).await);
    stand.expect_all("after signals").await;
}

/// The time in which a run must end although its server does not reply; its other timeouts are
/// much longer.
const DEAF: Duration = Duration::from_secs(20);

#[tokio::test]
async fn a_run_that_hears_nothing_ends_within_its_grace() {
    for is_database in [true, false] {
        let mut stand = Stand::new(40).await;
        // Without a publisher there is nothing to wait for.
        let grace = if is_database { "1s" } else { "60s" };
        let grace = format!("[shutdown]\ngrace = {grace:?}");
        stand.ingest.configure(&grace);
        let proxy = if is_database {
            stand.ingest.link()
        } else {
            let proxy = Proxy::before(stand.publisher.address(), u64::MAX, Trouble::Cut);
            declare(&mut stand.ingest, &proxy.http(), &stand.oracle);
            proxy
        };
        stand.release(1, 4);
        let run = stand.start();
        stand.ingest.until_durable(3).await;
        proxy.trouble(Trouble::BlackHole);
        let told = Instant::now();
        run.signal(Signal::TERM);
        let ran = run.end().await.expect(4);
        let took = told.elapsed();
        assert!(took < DEAF, "{took:?}: {}", ran.stderr);
        let given_up = ran.stderr.contains("shutdown.grace");
        assert_eq!(given_up, is_database, "{}", ran.stderr);
        println!("ended {took:.2?} after it was told to");
        stand.release(1, 1);
        stand.be_patient();
        stand.start().end().await.expect(0);
        stand.expect_all("after deafness").await;
    }
}

#[tokio::test]
async fn a_holder_that_sleeps_in_a_transaction_is_taken_over_and_its_late_commit_refused() {
    let mut stand = Stand::new(30).await;
    stand.ingest.configure(
        "[lease]\nheartbeat = \"100ms\"\nttl = \"5s\"\nwait = \"60s\"\n\
         [database]\nidle_in_transaction_timeout = \"4s\"",
    );
    // The run holds the transaction of its fifth page open longer than any other, and is stopped
    // there.
    stand
        .ingest
        .set("FAILPOINTS", "after-rows=5*off->1*sleep(6000)");
    let asleep = stand.start();
    stand.ingest.until_durable(3).await;
    let long = Duration::from_millis(500);
    stand.ingest.until_idle_in_transaction(long).await;
    asleep.signal(Signal::STOP);

    stand.ingest.set("FAILPOINTS", "");
    let stopped = Instant::now();
    let ran = stand.start().end().await.expect(0);
    assert!(stand.is_done(&ran).await);
    println!("taken over and done within {:.2?}", stopped.elapsed());
    let calm = stand.ingest.tables().await;
    let pages = stand.ingest.pages().await;

    asleep.signal(Signal::CONT);
    let ran = asleep.end().await.expect(6);
    ran.expect_log("has taken over");
    stand.ingest.client = connect(&stand.ingest.url).await;
    stand.ingest.tables().await.expect(&calm, "after it woke");
    assert_eq!(stand.ingest.pages().await, pages);
    stand.expect_all("after it woke").await;
}
