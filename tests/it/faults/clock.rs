//! A clock that jumps: what waits for time to pass waits by another one.

use std::path::PathBuf;
use std::time::Duration;

use super::Stand;
use crate::harness::{Ingest, SOURCE};

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

#[tokio::test]
async fn a_clock_that_jumps_costs_neither_the_lease_nor_a_page() {
    let mut stand = Stand::new(300).await;
    stand.ingest.configure("[lease]\nwait = \"100ms\"");
    let clock = set(&mut stand.ingest, "+0");
    let mut run = stand.start();
    let mut jumped = 0;
    for jump in JUMPS.into_iter().cycle() {
        if !run.is_running() {
            break;
        }
        std::fs::write(&clock, jump).unwrap();
        tokio::time::sleep(Duration::from_millis(100)).await;
        jumped += 1;
        if jumped == JUMPS.len() {
            let second = stand.ingest.program(&["run", SOURCE]).await.expect(6);
            assert!(second.stderr.contains("is held by"), "{}", second.stderr);
        }
    }
    let ran = run.end().await.expect(0);
    assert_eq!(ran.report()["retries"], 0);
    assert!(jumped > JUMPS.len(), "{jumped} jumps");
    // it did look at the clock that jumps
    let off = "select count(*) > 0 from ocds.page
        where abs(extract(epoch from fetched_at - now())) > 1800";
    assert_eq!(stand.ingest.value(off).await, "t");
    assert!(stand.is_done(&ran).await);
    stand.expect_all("after jumps of the clock").await;
}
