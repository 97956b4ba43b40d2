//! Tests a wall clock that jumps: waits and leases do not depend on it.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::{Duration, Instant, SystemTime};

use super::{Stand, THOUGHT};
use crate::harness::{Ingest, PATIENCE, SOURCE};
use crate::publisher::{Publisher, Reply};

/// The places where systems install the library that changes a program's clock.
const LIBRARIES: [&str; 5] = [
    "/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1",
    "/usr/lib/aarch64-linux-gnu/faketime/libfaketime.so.1",
    "/usr/lib64/faketime/libfaketime.so.1",
    "/usr/lib/faketime/libfaketime.so.1",
    "/usr/local/lib/faketime/libfaketime.so.1",
];

/// Offsets of an hour or more forwards and backwards, as after the clock is set or the machine
/// wakes up.
const JUMPS: [&str; 5] = ["+3700", "-3700", "+86400", "-7", "+0"];

/// The number of pages before each jump.
const STEP: usize = 10;

/// Changes the program's clock by an offset. Writing another offset into the returned file
/// changes it again.
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

/// Returns the times when a page was requested.
fn asked(publisher: &Publisher, of: usize) -> Vec<Instant> {
    let requests = publisher.requests().into_iter();
    let of_page = requests.filter(|request| request.page() == of);
    of_page.map(|request| request.at).collect()
}

/// Serves the oracle's feed up to the released page, and refuses later pages. Returns the counter
/// of refusals.
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

/// Every second refusal has a `Retry-After` date, by a clock that does not jump.
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

/// Waits until a page was requested this many times.
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
        // A second run does not take over from the living holder, because the server's clock
        // decides.
        let beat = stand.ingest.value(HEARTBEAT).await;
        let since = format!("select heartbeat_at <> '{beat}' from ocds.run");
        stand.ingest.until(&since).await;
        let second = stand.ingest.program(&["run", SOURCE]).await.expect(6);
        second.expect_log("is held by");
        // The wait during the jump ends in time, and so do the next two.
        let so_far = asked(&stand.publisher, next).len();
        until_asked(&stand, next, so_far + 3).await;
        stand.released.store(released + STEP, Relaxed);
    }
    stand.released.store(usize::MAX, Relaxed);
    let ran = run.end().await.expect(0);
    assert_eq!(ran.report()["retries"], refusals.load(Relaxed));
    // The program used the clock that jumps.
    let off = "select count(*) > 0 from ocds.page
        where abs(extract(epoch from fetched_at - now())) > 1800";
    assert_eq!(stand.ingest.value(off).await, "t");
    assert!(stand.is_done(&ran).await);
    stand.expect_all("after jumps of the clock").await;
}
