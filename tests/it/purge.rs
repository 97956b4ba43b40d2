//! Tests the deletion of a source.

use std::time::Duration;

use ocds_ingest::compile;
use ocds_ingest::config::Config;
use ocds_ingest::ledger::{self, RunKind, RunSpec};
use ocds_ingest::sink::Purge;

use crate::harness::{Ingest, LINK, SOURCE, open_database};
use crate::publisher::{Feed, pages};
use crate::sink::refused_release;

#[tokio::test]
async fn a_purge_deletes_one_source_and_no_other() {
    let mut bad = pages(13, 100);
    bad[4][50] = refused_release(5);
    let publisher = Feed::link(bad).serve().await;
    let mut ingest = Ingest::with_source(&publisher, LINK).await;
    ingest.declare_as("malawi", &publisher.url("/"), LINK);
    let run = ingest.call(&["run", SOURCE, "malawi"]).await.expect(0);
    assert_eq!(ingest.count("release").await, 2 * 1_299, "{}", run.stderr);

    let asked = ingest.call(&["purge", SOURCE]).await.expect(2);
    assert!(
        asked
            .stderr
            .contains("1,299 releases, 1 rejects and 1 runs of zambia permanently"),
        "{}",
        asked.stderr
    );
    let purged = ingest
        .call(&["purge", SOURCE, "--yes", "--json"])
        .await
        .expect(0);
    let report = purged.report();
    let counts = ["releases", "rejects", "runs"].map(|key| report[key].as_u64().unwrap());
    assert_eq!(counts, [1_299, 1, 1]);
    for table in ["release", "quarantine"] {
        let rows = format!("{table} where source = '{SOURCE}'");
        assert_eq!(ingest.count(&rows).await, 0);
    }
    // The runs remain as a record of the deletion.
    let runs = "select source || ' ' || kind || ' ' || state from ocds.run order by id";
    assert_eq!(
        ingest.column(runs).await,
        ["malawi incremental complete", "zambia purge complete"]
    );
    assert_eq!(
        ingest
            .count("page join ocds.run on id = run_id where source = 'malawi'")
            .await,
        13
    );
    assert_eq!(ingest.count("release").await, 1_299);

    let report = ingest.run(&[]).await.expect(0).report();
    assert_eq!(report["inserted"], 1_299);
}

#[tokio::test]
async fn an_unknown_source_cannot_be_purged() {
    let ingest = Ingest::new().await;
    let ran = ingest.call(&["purge", "atlantis", "--yes"]).await.expect(2);
    ran.expect_log("nothing is stored for atlantis");
    assert_eq!(ingest.count("run").await, 0);
}

#[tokio::test]
async fn a_source_of_which_only_a_queued_process_is_left_is_purged() {
    let ingest = Ingest::new().await;
    let queue = "insert into ocds.compile_queue (ocid, source) values ('o-1', 'atlantis')";
    ingest.execute(queue).await;
    ingest.call(&["purge", "atlantis", "--yes"]).await.expect(0);
    assert_eq!(ingest.count("compile_queue").await, 0);
}

#[tokio::test]
async fn a_source_with_a_running_run_is_not_purged() {
    let publisher = Feed::link(pages(1, 5)).serve().await;
    let mut ingest = Ingest::with_source(&publisher, LINK).await;
    ingest.configure("[lease]\nwait = \"100ms\"");
    ingest.run(&[]).await.expect(0);
    // The backend of this test holds the source, and renews the lease.
    let held = "update ocds.run set state = 'running', heartbeat_at = now(), \
        (backend_pid, backend_start) = (select pid, backend_start from pg_stat_activity where pid = pg_backend_pid())";
    ingest.execute(held).await;
    let mut purge = ingest.start(&["purge", SOURCE, "--yes"]);
    while purge.is_running() {
        ingest.execute(held).await;
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    purge.wait().await.expect(6);
    assert_eq!(ingest.count("release").await, 5);
}

#[tokio::test]
async fn a_purge_that_is_killed_anywhere_leaves_no_page_without_its_releases() {
    let publisher = Feed::link(pages(13, 100)).serve().await;
    // Through the watermark, requests, pages, runs, rejects, replaced contents and processes.
    for steps in 1..11 {
        let ingest = Ingest::with_source(&publisher, LINK).await;
        ingest.run(&["--max-pages", "12"]).await.expect(0);
        let database = open_database(&ingest.url).await;
        let mut config = Config::default();
        // The next run takes over after two of these.
        config.lease.heartbeat = Duration::from_millis(200);
        let spec = RunSpec {
            kind: RunKind::Purge,
            ..RunSpec::incremental(SOURCE, "")
        };
        let claim = ledger::claim(&database, &spec, &config.lease)
            .await
            .unwrap();
        let mut purge = Purge::new(
            database.clone(),
            SOURCE,
            &config.database,
            compile::deletions(),
        )
        .unwrap();
        for _ in 0..steps {
            purge.delete_some(&claim.lease).await.unwrap();
        }
        let left = ingest.count("release").await;
        assert_eq!(left < 1_200, steps == 10, "{left} after {steps}");
        drop(claim);
        database.close().await.unwrap();
        ingest.run(&[]).await.expect(0);
        assert_eq!(ingest.count("release").await, 1_300, "after {steps}");
    }
}

#[tokio::test]
async fn a_purge_continues_after_its_reading_connection_is_lost() {
    let publisher = Feed::link(pages(25, 100)).serve().await;
    let ingest = Ingest::with_source(&publisher, LINK).await;
    ingest.run(&[]).await.expect(0);
    let database = open_database(&ingest.url).await;
    let config = Config::default();
    let spec = RunSpec {
        kind: RunKind::Purge,
        ..RunSpec::incremental(SOURCE, "")
    };
    let claim = ledger::claim(&database, &spec, &config.lease)
        .await
        .unwrap();
    let mut purge = Purge::new(
        database.clone(),
        SOURCE,
        &config.database,
        compile::deletions(),
    )
    .unwrap();
    let (mut releases, mut lost) = (0, 0);
    while let Some(gone) = purge.delete_some(&claim.lease).await.unwrap() {
        releases += gone.releases;
        let readers = "select count(pg_terminate_backend(pid)) from pg_stat_activity
            where datname = current_database() and state = 'idle in transaction'";
        lost += ingest.value(readers).await.parse::<u32>().unwrap();
    }
    // After each chunk: one of pages, of requests and of runs, and three of processes.
    assert!(lost >= 6, "{lost}");
    assert_eq!(releases, 2_500);
    assert_eq!(ingest.count("release").await, 0);
    assert_eq!(ingest.count("page").await, 0);
}
