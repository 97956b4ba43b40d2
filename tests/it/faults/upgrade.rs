//! Tests an upgrade: an older version of the program was killed in the middle of a feed, and the
//! newer one resumes.

use futures::{SinkExt as _, TryStreamExt as _};
use ocds_ingest::config;
use ocds_ingest::database::migrate;
use tokio_postgres::Client;

use super::{FaultTest, invariants};
use crate::harness::{Ingest, connect};

/// The tables that a run writes, parents first.
const TABLES: [&str; 4] = ["run", "page", "release", "quarantine"];

/// Copies a table to a database in which it may have fewer columns.
async fn copy(from: &Client, to: &Client, table: &str) {
    let columns = "select string_agg(quote_ident(column_name), ', ' order by ordinal_position)
        from information_schema.columns where table_schema = 'ocds' and table_name = $1";
    let row = to.query_one(columns, &[&table]).await.unwrap();
    let columns: String = row.get(0);
    let out = format!("copy (select {columns} from ocds.{table}) to stdout");
    let out = from.copy_out(&out).await.unwrap();
    let into = format!("copy ocds.{table} ({columns}) from stdin");
    let mut into = std::pin::pin!(to.copy_in(&into).await.unwrap());
    let mut out = std::pin::pin!(out);
    while let Some(bytes) = out.try_next().await.unwrap() {
        into.send(bytes).await.unwrap();
    }
    into.finish().await.unwrap();
    let next = format!(
        "select setval(pg_get_serial_sequence('ocds.{table}', 'id'), max(id)) from ocds.{table}"
    );
    if columns.starts_with("id, ") {
        to.batch_execute(&next).await.unwrap();
    }
}

#[tokio::test]
async fn a_run_left_unfinished_by_any_older_schema_is_resumed() {
    let mut test = FaultTest::new(12).await;
    test.ingest
        .set_env("FAILPOINTS", "after-rows=5*off->return(crash)");
    let killed = test.start().wait().await;
    assert_eq!(killed.code, None, "{}", killed.stderr);
    assert!(test.ingest.count("page").await > 0);

    let migrations = migrate::built_in_migrations().unwrap();
    for version in 1..=migrations.len() {
        let mut newer = Ingest::without_schema().await;
        let mut client = connect(&newer.url).await;
        let settings = config::Database::default();
        migrate::apply(&mut client, &migrations[..version], &settings)
            .await
            .unwrap();
        for table in TABLES {
            copy(&test.ingest.client, &client, table).await;
        }
        invariants::insert_truths(&client, &test.oracle).await;
        newer.declare(&test.publisher, &test.oracle.definition());
        newer.configure("[sink]\nmax_bad_ratio = 1.0");
        let durable = invariants::read_checkpoint(&client).await;
        let report = newer.run(&[]).await.expect(0).report();
        let resumed = report["resumed_from"].as_u64().unwrap_or_default();
        assert_eq!(resumed, durable, "{version}");
        assert_eq!(
            newer.count("page").await,
            test.oracle.page_count(),
            "{version}"
        );
        let when = format!("of schema {version}, SEED={}", test.dice.seed());
        invariants::expect_all(&client, &when).await;
    }
}
