//! Tests `--metrics-file`, which is written at the end of every command, whatever its result.

use std::path::{Path, PathBuf};

use crate::harness::{Ingest, LINK, SOURCE, connect};
use crate::publisher::{Feed, Publisher, Reply, pages, release};

fn metrics_file(directory: &Path) -> (PathBuf, String) {
    let path = directory.join("ocds.prom");
    let option = format!("--metrics-file={}", path.display());
    (path, option)
}

/// Returns the value of a series by its name and labels.
#[track_caller]
fn read_series(text: &str, series: &str) -> u64 {
    let value = text.lines().find_map(|line| line.strip_prefix(series));
    let value = value.unwrap_or_else(|| panic!("{series} is not in:\n{text}"));
    value.trim().parse().unwrap()
}

#[tokio::test]
async fn a_run_writes_its_counts_for_a_collector() {
    let directory = tempfile::tempdir().unwrap();
    let (path, option) = metrics_file(directory.path());
    let feed = Feed::link(vec![
        vec![release(0), release(1)],
        vec![release(2), "null".into()],
    ]);
    let publisher = Publisher::serve(move |request| match request.nth {
        0 => Reply::status(503),
        _ => feed.reply(request),
    })
    .await;
    let ingest = Ingest::with_source(&publisher, LINK).await;
    // Too many bad rows: a failed command is counted too.
    let report = ingest.run(&[&option]).await.expect(5).report();
    let text = std::fs::read_to_string(&path).unwrap();
    for (series, expected) in [
        (
            "ocds_fetch_requests_total{source=\"zambia\"}",
            &report["requests"],
        ),
        (
            "ocds_fetch_retries_total{source=\"zambia\"}",
            &report["retries"],
        ),
        (
            "ocds_fetch_bytes_total{source=\"zambia\"}",
            &report["bytes"],
        ),
        (
            "ocds_releases_total{source=\"zambia\",outcome=\"inserted\"}",
            &3.into(),
        ),
        (
            "ocds_releases_total{source=\"zambia\",outcome=\"quarantined\"}",
            &1.into(),
        ),
    ] {
        assert_eq!(
            Some(read_series(&text, series)),
            expected.as_u64(),
            "{series}"
        );
    }
    assert!(text.contains("# HELP ocds_releases_total "), "{text}");
    let left: Vec<_> = std::fs::read_dir(directory.path()).unwrap().collect();
    assert_eq!(left.len(), 1, "{left:?}");

    // Another process counts from 0 and replaces the file.
    ingest.call(&["run", "atlantis", &option]).await.expect(2);
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "");
}

#[tokio::test]
async fn a_page_that_is_sent_again_is_counted() {
    let directory = tempfile::tempdir().unwrap();
    let (path, option) = metrics_file(directory.path());
    let publisher = Feed::link(pages(1, 3)).serve().await;
    let mut ingest = Ingest::with_source(&publisher, LINK).await;
    ingest.configure("[database]\nlock_timeout = \"50ms\"");
    let holder = connect(&ingest.url).await;
    holder
        .batch_execute("begin; lock table ocds.release")
        .await
        .unwrap();
    let run = ingest.start_run(&[&option]);
    run.wait_for_log("trying again").await;
    holder.batch_execute("rollback").await.unwrap();
    run.wait().await.expect(0);
    let text = std::fs::read_to_string(&path).unwrap();
    assert!(read_series(&text, "ocds_bulk_retries_total{what=\"page\"}") > 0);
}

#[tokio::test]
async fn an_invalid_metrics_path_is_refused_before_the_command() {
    let publisher = Feed::link(pages(1, 1)).serve().await;
    let ingest = Ingest::with_source(&publisher, LINK).await;
    let ran = ingest
        .run(&["--metrics-file", "no/such/ocds.prom"])
        .await
        .expect(2);
    ran.expect_log("no/such/ocds.prom");
    assert_eq!(publisher.targets(), [""; 0]);
    assert_eq!(ingest.count("run").await, 0);
}

#[tokio::test]
async fn a_failed_metrics_write_hides_no_worse_exit_code() {
    for (item, code) in [(release(0), 3), ("null".to_owned(), 5)] {
        let directory = tempfile::tempdir().unwrap();
        let (path, option) = metrics_file(directory.path());
        let gone = directory.path().to_owned();
        let feed = Feed::link(vec![vec![item]]);
        let publisher = Publisher::serve(move |request| {
            let _ = std::fs::remove_dir(&gone);
            feed.reply(request)
        })
        .await;
        let ingest = Ingest::with_source(&publisher, LINK).await;
        let ran = ingest.run(&[&option]).await.expect(code);
        let named = format!("write metrics to {}", path.display());
        ran.expect_log(&named);
        assert_eq!(
            ingest
                .count(&format!("run where source = '{SOURCE}'"))
                .await,
            1
        );
    }
}
