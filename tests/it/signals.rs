//! Signals: the first ends a run in good order, the second at once.

use std::time::Duration;

use rustix::process::Signal;

use crate::harness::{Ingest, LINK, NUMBER};
use crate::publisher::{Feed, Publisher, pages};

#[tokio::test]
async fn the_first_signal_saves_what_was_fetched_and_a_resume_equals_the_calm_run() {
    for (signal, table, feed) in [
        (Signal::TERM, LINK, Feed::link as fn(_) -> _),
        (Signal::INT, NUMBER, Feed::number),
    ] {
        let feed = feed(pages(12, 5));
        let publisher =
            Publisher::serve(move |request| feed.reply(request).after(Duration::from_millis(30)))
                .await;
        let mut calm = Ingest::new().await;
        calm.declare(&publisher, table);
        calm.run(&[]).await.expect(0);
        let before = publisher.targets().len();

        let mut ingest = Ingest::new().await;
        ingest.declare(&publisher, table);
        let run = ingest.start_run(&[]);
        ingest.until("select count(*) >= 3 from ocds.page").await;
        run.signal(signal);
        let ran = run.end().await.expect(4);
        let report = ran.report();
        assert_eq!(report["verdict"], "truncated");
        let durable = report["pages"].as_u64().unwrap();
        assert!((3..12).contains(&durable), "{durable} pages");
        assert_eq!(
            ingest.value("select state from ocds.run").await,
            "truncated"
        );
        // at most the page that was under way was asked for in vain
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
            .tables()
            .await
            .expect(&calm.tables().await, "after a resume");
        assert_eq!(ingest.pages().await, calm.pages().await);
    }
}

#[tokio::test]
async fn the_second_signal_ends_the_program_at_once() {
    for (signal, code) in [(Signal::TERM, 143), (Signal::INT, 130)] {
        let publisher = Publisher::feed(Feed::link(pages(3, 2))).await;
        let mut ingest = Ingest::new().await;
        ingest.declare(&publisher, LINK);
        // a commit that has to wait, longer than the test does
        ingest.configure("[database]\nlock_timeout = \"50s\"");
        let lock = crate::harness::connect(&ingest.url).await;
        lock.batch_execute("begin; lock table ocds.page in share mode")
            .await
            .unwrap();
        let mut run = ingest.start_run(&[]);
        ingest
            .until("select exists (select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock')")
            .await;
        run.signal(signal);
        tokio::time::sleep(Duration::from_millis(200)).await;
        assert!(run.is_running(), "it waits for the commit");
        run.signal(signal);
        run.end().await.expect(code);
        lock.batch_execute("rollback").await.unwrap();
        assert_eq!(ingest.count("page").await, 0);
        ingest.run(&[]).await.expect(0);
        assert_eq!(ingest.count("release").await, 6);
    }
}
