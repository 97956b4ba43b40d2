//! Tests SIGKILL at any moment: after a resume the tables are those of an undisturbed run.
//!
//! `KILLS=1000 cargo test --test it kill::` kills this many times, over feeds of five pages for
//! each kill, at most 2,000 pages, which are then read more than once. A failure prints its seed,
//! and `SEED` repeats it.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use rustix::process::Signal;

use crate::dice::Dice;
use crate::faults::invariants::Watcher;
use crate::harness::{Ingest, LINK, NUMBER, SOURCE, TEST_TIMEOUT, Tables, connect};
use crate::publisher::{Feed, Gate, Items, Publisher, pages};
use crate::run::titled;

/// The maximum number of pages that are fetched again after a kill; the value of `fetch.ahead`.
const AHEAD: usize = 4;

/// The maximum number of pages for a run before its kill, so that a fast machine does not reach
/// the end of the feed first.
const MAX_PAGES: usize = 20;

fn kill_count() -> usize {
    std::env::var("KILLS").map_or(120, |kills| kills.parse().unwrap())
}

/// Makes a feed for this number of kills.
fn make_feed(kills: usize) -> Vec<Items> {
    make_rough_pages((kills * 5).min(2_000))
}

/// Makes pages that show whether a page was stored twice: keys that come again on later pages and
/// on the same page, rejects, and rows that the server refuses.
pub(crate) fn make_rough_pages(count: usize) -> Vec<Items> {
    let mut pages = pages(count, 12);
    for (number, page) in pages.iter_mut().enumerate() {
        page.push(titled(1_000_000, &format!("on every page, here {number}")));
        page.push(titled(
            number % 7,
            &format!("a few pages later, on {number}"),
        ));
        if number % 3 == 0 {
            page.push(titled(number * 12, &format!("superseded on {number}")));
            page.push(titled(number * 12, &format!("twice on {number}")));
        }
        if number % 4 == 0 {
            page.push(format!(r#"{{"id":"without an ocid","page":{number}}}"#));
        }
        if number % 5 == 0 {
            page.push(crate::sink::refused_release(number));
        }
    }
    pages
}

#[tokio::test]
async fn a_linked_feed_survives_kills_at_any_moment() {
    let feed = Feed::link(make_feed(kill_count().div_ceil(2)));
    check_kills(LINK, feed, kill_count().div_ceil(2)).await;
}

#[tokio::test]
async fn a_numbered_feed_survives_kills_at_any_moment() {
    let table = format!("{NUMBER}\nhttp = {{ concurrency = 3 }}");
    let feed = Feed::number(make_feed(kill_count().div_ceil(2)));
    check_kills(&table, feed, kill_count().div_ceil(2)).await;
}

async fn check_kills(table: &str, feed: Feed, kills: usize) {
    let mut dice = Dice::new();
    let gate = Gate::open_up_to(usize::MAX);
    let held = gate.clone();
    let publisher =
        Publisher::serve(move |request| feed.reply(request).hold_at(&held, request.number)).await;
    let (calm, pages) = run_undisturbed(&publisher, table).await;

    let mut ingest = Ingest::with_source(&publisher, table).await;
    ingest.configure(&settings());
    let watcher = Watcher::start_for_checkpoints(&ingest.url);
    let mut fetched = BTreeSet::new();
    let (mut killed, mut at_start) = (0, 0);
    for kill in 0..kills {
        let asked = publisher.targets().len();
        gate.move_to(asked + MAX_PAGES);
        let mut run = ingest.start_run(&["--max-bad-ratio", "1"]);
        // Kill at any moment within the next pages, and sometimes before the first.
        let until = asked + usize::try_from(dice.roll(9)).unwrap();
        let give_up = Instant::now() + TEST_TIMEOUT;
        while publisher.targets().len() < until && run.is_running() {
            assert!(Instant::now() < give_up, "kill {kill}: no progress");
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        tokio::time::sleep(Duration::from_micros(dice.roll(15_000))).await;
        if run.is_running() {
            run.send_signal(Signal::KILL);
        }
        let ran = run.wait().await;
        if ran.signal != Some(Signal::KILL.as_raw()) {
            // The feed was complete, so the next run starts at its first page.
            ran.expect(0);
            fetched.clear();
            continue;
        }
        killed += 1;
        let targets = publisher.targets().split_off(asked);
        at_start += usize::from(targets.is_empty());
        expect_few_repeated(&mut fetched, &targets, kill);
        if ingest.value(IS_COMPLETE).await == "t" {
            // The run was complete, although its process was not.
            fetched.clear();
        }
    }
    println!("{killed} of {kills} were killed, {at_start} before they asked for a page");
    assert!(10 * killed >= 9 * kills, "{killed} of {kills}");
    assert!(2 * at_start < killed, "{at_start} of {killed}");
    watcher.expect_calm().await;
    let asked = publisher.targets().len();
    gate.open();
    ingest.run(&["--max-bad-ratio", "1"]).await.expect(0);
    expect_few_repeated(&mut fetched, &publisher.targets()[asked..], kills);

    ingest
        .read_tables()
        .await
        .expect_equal(&calm, "after kills and a resume");
    assert_eq!(ingest.read_pages().await, pages);
    assert_eq!(
        ingest
            .value("select count(*) from ocds.run where state = 'running'")
            .await,
        "0"
    );
}

/// True if the newest run, if there is one, is complete.
const IS_COMPLETE: &str = "select exists (select from ocds.run where state = 'complete'
    and id = (select max(id) from ocds.run))";

fn settings() -> String {
    format!("[fetch]\nahead = {AHEAD}")
}

/// Returns the tables of an undisturbed run in another database.
async fn run_undisturbed(publisher: &Publisher, table: &str) -> (Tables, Vec<String>) {
    let mut ingest = Ingest::with_source(publisher, table).await;
    ingest.configure(&settings());
    ingest.run(&["--max-bad-ratio", "1"]).await.expect(0);
    (ingest.read_tables().await, ingest.read_pages().await)
}

/// Checks that a process requested few pages again: at most as many as the program fetches ahead.
fn expect_few_repeated(fetched: &mut BTreeSet<String>, targets: &[String], kill: usize) {
    let targets: BTreeSet<String> = targets.iter().cloned().collect();
    let again = targets.intersection(fetched).count();
    assert!(
        again <= AHEAD,
        "after kill {kill}: {again} pages were fetched again: {targets:?}"
    );
    fetched.extend(targets);
}

#[tokio::test]
async fn a_killed_replay_is_finished_by_the_next_one() {
    let publisher = Feed::link(vec![
        (0..30)
            .map(|i| {
                format!(
                    r#"{{"ocid":"o{i}","id":"1","deep":{}1{}}}"#,
                    "[".repeat(20),
                    "]".repeat(20)
                )
            })
            .collect(),
    ])
    .serve()
    .await;
    let mut ingest = Ingest::with_source(&publisher, LINK).await;
    ingest.configure("[extract]\nmax_depth = 10");
    ingest.run(&["--max-bad-ratio", "1"]).await.expect(0);
    assert_eq!(ingest.count("quarantine").await, 30);

    ingest.configure("[extract]\nmax_depth = 100\n[sink]\nbatch_size = 5");
    let replay = ["quarantine", "replay", "--source", SOURCE];
    // The last batch but one must wait.
    let lock = connect(&ingest.url).await;
    let sql = "begin; select from ocds.quarantine
        where id = (select id from ocds.quarantine order by id offset 22 limit 1) for update";
    lock.batch_execute(sql).await.unwrap();
    let run = ingest.start(&replay);
    ingest.wait_for_lock_wait().await;
    run.kill().await;
    lock.batch_execute("rollback").await.unwrap();
    assert_eq!(ingest.count("release").await, 20);
    ingest.call(&replay).await.expect(0);
    assert_eq!(ingest.count("release").await, 30);
    assert_eq!(
        ingest
            .count("quarantine where resolution = 'replayed'")
            .await,
        30
    );
}
