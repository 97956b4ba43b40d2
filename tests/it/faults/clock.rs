//! A clock that jumps: what waits for time to pass waits by another one.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::{Duration, Instant, SystemTime};

use super::{Stand, THOUGHT};
use crate::harness::{Ingest, PATIENCE, SOURCE};
use crate::publisher::{Publisher, Reply};

/// The library that tells a program another time, where systems keep it.
const LIBRARIES: [&str; 5] = [
    "/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1",
    "/usr/lib/aarch64-linux-gnu/faketime/libfaketime.so.1",
    "/usr/lib64/faketime/libfaketime.so.1",
    "/usr/lib/faketime/libfaketime.so.1",
    "/usr/local/lib/faketime/libfaketime.so.1",
];

/// An hour and more forwards and backwards, as a clock does that is set, or whose
/// machine was asleep.
const JUMPS: [&str; 5] = ["+3700", "-3700", "+86400", "-7", "+0"];

/// How many pages come before each jump.
const STEP: usize = 10;

/// Has the program look at a clock that shows another time: so much later or earlier
/// than it is, and what is written into the file from then on.
pub(crate) fn set(ingest: &mut Ingest, offset: &str) -> PathBuf {
    let mut libraries = LIBRARIES.map(PathBuf::from).into_iter();
    let library = libraries.find(|path| path.is_file());
    let library = library.expect("libfaketime is installed, as `make test` sees to");
    let clock = ingest.directory.path().join("clock");
    std::fs::write(&clock, offset).unwrap();
    for (name, value) in [
        ("LD_PRELOAD", library.to_str().unwrap()),
        ("FAKETIME_TIMESTAMP_FILE", clock.to_str().unwrap()),
        ("FAKETIME_NO_CACHE", "1"),
        ("DONT_FAKE_MONOTONIC", "1"),
    ] {
        ingest.set(name, value);
    }
    clock
}

/// When a page was asked for.
fn asked(publisher: &Publisher, of: usize) -> Vec<Instant> {
    let requests = publisher.requests().into_iter();
    let of_page = requests.filter(|request| request.page() == of);
    of_page.map(|request| request.at).collect()
}

/// Publishes the oracle's feed as far as it is released, and refuses what is behind that.
/// Gives how often it has refused.
fn serve(stand: &Stand) -> Arc<AtomicUsize> {
    let (feed, released) = (stand.oracle.feed(), Arc::clone(&stand.released));
    let thought = stand.oracle.thought(THOUGHT);
    let refusals = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&refusals);
    stand.publisher.turn(move |request| {
        if request.page() <= released.load(Relaxed) {
            return feed.reply(request).after(thought);
        }
        counted.fetch_add(1, Relaxed);
        refusal(request.nth)
    });
    refusals
}

/// Every other one says when to come back, by a clock that does not jump.
fn refusal(nth: usize) -> Reply {
    let reply = Reply::status(503);
    if nth.is_multiple_of(2) {
        return reply;
    }
    let now = SystemTime::now();
    let then = now + Duration::from_secs(1);
    reply
        .header("date", &httpdate::fmt_http_date(now))
        .header("retry-after", &httpdate::fmt_http_date(then))
}

/// Waits until a page has been asked for so often.
async fn until_asked(stand: &Stand, page: usize, times: usize) {
    let give_up = Instant::now() + PATIENCE;
    while asked(&stand.publisher, page).len() < times {
        let when = stand.when("while it waits");
        assert!(Instant::now() < give_up, "{when}: page {page}");
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

const HEARTBEAT: &str = "select heartbeat_at from ocds.run";

#[tokio::test]
async fn a_clock_that_jumps_costs_neither_the_lease_nor_a_wait_nor_a_page() {
    let mut stand = Stand::new(STEP * (JUMPS.len() + 1)).await;
    stand.ingest.configure(
        "[lease]\nwait = \"100ms\"\n\
         [fetch]\nattempts = 100000\nfirst_wait = \"500ms\"\nlongest_wait = \"500ms\"",
    );
    let clock = set(&mut stand.ingest, "+0");
    let refusals = serve(&stand);
    stand.released.store(STEP, Relaxed);
    let run = stand.start();
    for (jump, released) in JUMPS.into_iter().zip((STEP..).step_by(STEP)) {
        let next = released + 1;
        until_asked(&stand, next, 1).await;
        std::fs::write(&clock, jump).unwrap();
        // who comes now does not take a living holder for dead, whose heart has beaten
        // since: by the server's clock, as that of who comes
        let beat = stand.ingest.value(HEARTBEAT).await;
        let since = format!("select heartbeat_at <> '{beat}' from ocds.run");
        stand.ingest.until(&since).await;
        let second = stand.ingest.program(&["run", SOURCE]).await.expect(6);
        assert!(second.stderr.contains("is held by"), "{}", second.stderr);
        // the wait that the clock jumped in ends in time, and so do both that follow
        let so_far = asked(&stand.publisher, next).len();
        until_asked(&stand, next, so_far + 3).await;
        stand.released.store(released + STEP, Relaxed);
    }
    stand.released.store(usize::MAX, Relaxed);
    let ran = run.end().await.expect(0);
    assert_eq!(ran.report()["retries"], refusals.load(Relaxed));
    // it did look at the clock that jumps
    let off = "select count(*) > 0 from ocds.page
        where abs(extract(epoch from fetched_at - now())) > 1800";
    assert_eq!(stand.ingest.value(off).await, "t");
    assert!(stand.is_done(&ran).await);
    stand.expect_all("after jumps of the clock").await;
}
