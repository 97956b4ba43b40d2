//! Tests signals: the first one ends a run in good order, the second one at once.

use std::time::{Duration, Instant};

use rustix::process::Signal;
use tokio_postgres::Client;

use crate::harness::{Ingest, LINK, NUMBER, Running, connect};
use crate::publisher::{Feed, Gate, Publisher, pages};

#[tokio::test]
async fn the_first_signal_stores_the_fetched_pages_and_the_run_can_resume() {
    for (signal, table, feed) in [
        (Signal::TERM, LINK, Feed::link as fn(_) -> _),
        (Signal::INT, NUMBER, Feed::number),
    ] {
        let feed = feed(pages(12, 5));
        let gate = Gate::open_up_to(usize::MAX);
        let publisher = Publisher::serve(feed.hold_at(&gate)).await;
        let calm = Ingest::with_source(&publisher, table).await;
        calm.run(&[]).await.expect(0);
        let before = publisher.targets().len();

        let ingest = Ingest::with_source(&publisher, table).await;
        gate.move_to(6);
        let run = ingest.start_run(&[]);
        // Six are fetched, and not all of them are stored.
        publisher.wait_for_requests(before + 7).await;
        run.send_signal(signal);
        let ran = run.wait().await.expect(4);
        gate.open();
        let report = ran.report();
        assert_eq!(report["verdict"], "truncated");
        let durable = report["pages"].as_u64().unwrap();
        assert!((6..12).contains(&durable), "{durable} pages");
        assert_eq!(
            ingest.value("select state from ocds.run").await,
            "truncated"
        );
        // At most the page that was being fetched is fetched again.
        let asked = publisher.targets().len();
        let lost = (asked - before) as u64 - durable;
        assert!(lost <= 1, "{lost} pages were fetched and not committed");

        let report = ingest.run(&[]).await.expect(0).report();
        assert_eq!(report["resumed_from"], durable);
        assert_eq!(
            publisher.targets()[asked],
            format!("/?page={}", durable + 1)
        );
        ingest
            .read_tables()
            .await
            .expect_equal(&calm.read_tables().await, "after a resume");
        assert_eq!(ingest.read_pages().await, calm.read_pages().await);
    }
}

/// Starts a run whose first commit waits longer than a test.
async fn start_locked_out(ingest: &mut Ingest) -> (Client, Running) {
    ingest.configure("[database]\nlock_timeout = \"50s\"");
    let lock = connect(&ingest.url).await;
    let sql = "begin; lock table ocds.page in share mode";
    lock.batch_execute(sql).await.unwrap();
    let run = ingest.start_run(&[]);
    ingest.wait_for_lock_wait().await;
    (lock, run)
}

#[tokio::test]
async fn work_over_the_grace_period_is_left_to_the_next_run() {
    let publisher = Feed::link(pages(3, 2)).serve().await;
    let mut ingest = Ingest::with_source(&publisher, LINK).await;
    ingest.configure("[shutdown]\ngrace = \"300ms\"");
    let (lock, run) = start_locked_out(&mut ingest).await;
    let told = Instant::now();
    run.send_signal(Signal::TERM);
    let ran = run.wait().await.expect(4);
    assert!(
        told.elapsed() < Duration::from_secs(45),
        "it waits for the lock"
    );
    ran.expect_log("shutdown.grace");
    lock.batch_execute("rollback").await.unwrap();
    assert_eq!(ingest.count("page").await, 0);

    // Its backend is gone, so the next run does not wait for its lease.
    assert_eq!(ingest.run(&[]).await.expect(0).counts().inserted, 6);
}

#[tokio::test]
async fn the_second_signal_ends_the_program_at_once() {
    for (signal, code) in [(Signal::TERM, 143), (Signal::INT, 130)] {
        let publisher = Feed::link(pages(3, 2)).serve().await;
        let mut ingest = Ingest::with_source(&publisher, LINK).await;
        let (lock, mut run) = start_locked_out(&mut ingest).await;
        run.send_signal(signal);
        // A signal before this would not count as the second one.
        run.wait_for_log("stopping").await;
        assert!(run.is_running(), "the run waits for the commit");
        run.send_signal(signal);
        run.wait().await.expect(code);
        lock.batch_execute("rollback").await.unwrap();
        assert_eq!(ingest.count("page").await, 0);
        ingest.run(&[]).await.expect(0);
        assert_eq!(ingest.count("release").await, 6);
    }
}
