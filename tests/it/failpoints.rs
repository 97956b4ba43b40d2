//! The program ended at each named moment of a commit: a resume equals the calm run.

use crate::harness::{Ingest, LINK, NUMBER};
use crate::kill::rough;
use crate::publisher::{Feed, Publisher};

/// The moments, in their order.
const MOMENTS: [&str; 6] = [
    "before-begin",
    "after-begin",
    "after-rows",
    "before-commit",
    "commit-sent",
    "commit-acknowledged",
];

/// What a process dies of that ends itself at a moment.
const ABORTED: i32 = 6;

/// Ends a run at a moment, again and again until one comes to its end.
async fn ends_at(moment: &str, how: &str, table: &str, feed: &Feed) {
    let what = format!("{how} at {moment}");
    let publisher = Publisher::feed(feed.clone()).await;
    let mut calm = Ingest::new().await;
    calm.declare(&publisher, table);
    calm.run(&["--max-bad-ratio", "1"]).await.expect(0);

    let mut ingest = Ingest::new().await;
    ingest.declare(&publisher, table);
    let mut ended = 0;
    loop {
        // the log of requests has transactions too: the first moments may be theirs
        ingest.set(
            "FAILPOINTS",
            &format!("{moment}={}*off->return({how})", 3 + ended),
        );
        let ran = ingest.run(&["--max-bad-ratio", "1"]).await;
        if ran.code.is_some() {
            ran.expect(0);
            break;
        }
        assert_eq!(ran.signal, Some(ABORTED), "{what}: {}", ran.stderr);
        ended += 1;
        assert!(ended < 100, "{what}: it does not get on");
    }
    assert!(ended > 0, "{what}: it never was");
    ingest.tables().await.expect(&calm.tables().await, &what);
    assert_eq!(ingest.pages().await, calm.pages().await, "{what}");
}

#[tokio::test]
async fn a_run_that_ends_at_any_moment_of_a_commit_is_resumed_to_the_same_tables() {
    for moment in MOMENTS {
        ends_at(moment, "crash", LINK, &Feed::link(rough(10))).await;
    }
}

#[tokio::test]
async fn a_commit_whose_reply_came_to_nobody_is_not_done_twice() {
    let feed = Feed::number(rough(10));
    let table = format!("{NUMBER}\nhttp = {{ concurrency = 3 }}");
    ends_at("commit-sent", "linger", &table, &feed).await;
}
