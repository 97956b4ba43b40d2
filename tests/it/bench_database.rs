//! Tests `bench-database`: it measures the configured server, and leaves nothing behind.

use rustix::process::Signal;

use crate::harness::Ingest;

const SCHEMAS: &str = "select count(*) from pg_namespace where nspname = 'ocds_ingest_bench'";

#[tokio::test]
async fn each_batch_size_is_measured_and_one_is_recommended() {
    let ingest = Ingest::new().await;
    let ran = ingest
        .call(&["bench-database", "--rows", "100", "--json"])
        .await;
    let report = ran.expect(0).report();
    let sizes = report["sizes"].as_array().unwrap();
    let rows: Vec<u64> = sizes
        .iter()
        .map(|size| size["rows_per_statement"].as_u64().unwrap())
        .collect();
    assert_eq!(rows, [1, 10, 50, 100]);
    for way in ["insert", "update", "upsert", "copy"] {
        assert!(
            sizes.iter().all(|size| size[way].as_f64().unwrap() > 0.0),
            "{way}"
        );
    }
    let recommended = report["recommended"]["batch_size"].as_u64().unwrap();
    assert!(rows.contains(&recommended));
    assert_eq!(ingest.value(SCHEMAS).await, "0");
    assert_eq!(ingest.count("release").await, 0);
}

#[tokio::test]
async fn a_stopped_benchmark_removes_its_tables() {
    let ingest = Ingest::new().await;
    let running = ingest.start(&["bench-database", "--rows", "5000"]);
    let begun = "select exists (select from pg_namespace where nspname = 'ocds_ingest_bench')";
    ingest.wait_until(begun).await;
    running.send_signal(Signal::TERM);
    running.wait().await.expect(4);
    assert_eq!(ingest.value(SCHEMAS).await, "0");
}

#[tokio::test]
async fn a_schema_that_exists_already_is_not_changed() {
    let ingest = Ingest::new().await;
    ingest.execute("create schema ocds_ingest_bench").await;
    let ran = ingest.call(&["bench-database"]).await.expect(2);
    ran.expect_log("ocds_ingest_bench");
    assert_eq!(ingest.value(SCHEMAS).await, "1");
}
