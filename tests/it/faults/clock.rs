//! Tests a wall clock that jumps: waits and leases do not depend on it.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::{Duration, Instant, SystemTime};

use super::{FaultTest, REPLY_DELAY};
use crate::harness::{Ingest, SOURCE, TEST_TIMEOUT};
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
pub(crate) fn fake_clock(ingest: &mut Ingest, offset: &str) -> PathBuf {
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
        ingest.set_env(name, value);
    }
    clock
}

/// Returns the times when a page was requested.
fn request_times(publisher: &Publisher, of: usize) -> Vec<Instant> {
    let requests = publisher.requests().into_iter();
    let of_page = requests.filter(|request| request.page() == of);
    of_page.map(|request| request.at).collect()
}

/// Serves the oracle's feed up to the released page, and refuses later pages. Returns the counter
/// of refusals.
fn serve_released_pages(test: &FaultTest) -> Arc<AtomicUsize> {
    let (feed, released) = (test.oracle.feed(), Arc::clone(&test.released));
    let thought = test.oracle.reply_delay(REPLY_DELAY);
    let refusals = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&refusals);
    test.publisher.set_script(move |request| {
        if request.page() <= released.load(Relaxed) {
            return feed.reply(request).delay(thought);
        }
        counted.fetch_add(1, Relaxed);
        make_refusal(request.nth)
    });
    refusals
}

/// Every second refusal has a `Retry-After` date, by a clock that does not jump.
fn make_refusal(nth: usize) -> Reply {
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
async fn wait_for_page_requests(test: &FaultTest, page: usize, times: usize) {
    let give_up = Instant::now() + TEST_TIMEOUT;
    while request_times(&test.publisher, page).len() < times {
        let when = test.describe("while it waits");
        assert!(Instant::now() < give_up, "{when}: page {page}");
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

const HEARTBEAT: &str = "select heartbeat_at from ocds.run";

#[tokio::test]
async fn a_clock_that_jumps_affects_no_lease_wait_or_page() {
    let mut test = FaultTest::new(STEP * (JUMPS.len() + 1)).await;
    test.ingest.configure(
        "[lease]\nwait = \"100ms\"\n\
         [fetch]\nattempts = 100000\nfirst_wait = \"500ms\"\nlongest_wait = \"500ms\"",
    );
    let clock = fake_clock(&mut test.ingest, "+0");
    let refusals = serve_released_pages(&test);
    test.released.store(STEP, Relaxed);
    let run = test.start();
    for (jump, released) in JUMPS.into_iter().zip((STEP..).step_by(STEP)) {
        let next = released + 1;
        wait_for_page_requests(&test, next, 1).await;
        std::fs::write(&clock, jump).unwrap();
        // A second run does not take over from the living holder, because the server's clock
        // decides.
        let beat = test.ingest.value(HEARTBEAT).await;
        let since = format!("select heartbeat_at <> '{beat}' from ocds.run");
        test.ingest.wait_until(&since).await;
        let second = test.ingest.call(&["run", SOURCE]).await.expect(6);
        second.expect_log("is held by");
        // The wait during the jump ends in time, and so do the next two.
        let so_far = request_times(&test.publisher, next).len();
        wait_for_page_requests(&test, next, so_far + 3).await;
        test.released.store(released + STEP, Relaxed);
    }
    test.released.store(usize::MAX, Relaxed);
    let ran = run.wait().await.expect(0);
    assert_eq!(ran.report()["retries"], refusals.load(Relaxed));
    // The program used the clock that jumps.
    let off = "select count(*) > 0 from ocds.page
        where abs(extract(epoch from fetched_at - now())) > 1800";
    assert_eq!(test.ingest.value(off).await, "t");
    assert!(test.has_completed(&ran).await);
    test.expect_all("after jumps of the clock").await;
}
