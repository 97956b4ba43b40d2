//! Tests `status --database`, which reports what real servers say about themselves.

use std::time::Instant;

use serde_json::Value;

use crate::harness::{Cluster, Ingest, LINK, SOURCE, TEST_TIMEOUT, connect};
use crate::publisher::{Feed, pages};

const STATUS: [&str; 2] = ["status", "--database"];

const STATUS_JSON: [&str; 3] = ["status", "--database", "--json"];

fn filter_lines(lines: Vec<Value>, kind: &str) -> Vec<Value> {
    let lines = lines.into_iter().filter(|line| line["type"] == kind);
    lines.collect()
}

/// Runs the command until it lists a session that waits for a lock.
async fn wait_for_lock_wait(ingest: &Ingest) -> Value {
    let give_up = Instant::now() + TEST_TIMEOUT;
    loop {
        let said = ingest.call(&STATUS_JSON).await.expect(0).parse_lines();
        if let Some(wait) = filter_lines(said, "lock_wait").pop() {
            return wait;
        }
        assert!(Instant::now() < give_up, "no session waits for a lock");
    }
}

/// Starts a server that counts statements. Its extension is in the server's package on Debian,
/// and in a package of additional modules elsewhere. Without it the server, and so the test,
/// fails to start.
async fn start_counting_cluster() -> Cluster {
    Cluster::start_with(&[("shared_preload_libraries", "pg_stat_statements")]).await
}

#[tokio::test]
async fn status_says_how_to_enable_statement_statistics() {
    let ingest = Ingest::without_schema().await;
    let said = ingest.call(&STATUS).await.expect(0).text();
    assert!(said.contains("shared_preload_libraries"), "{said}");
    assert!(said.contains("create extension"), "{said}");
    assert!(said.contains("no session waits for a lock"), "{said}");
    let line = ingest.call(&STATUS_JSON).await.expect(0).report();
    assert_eq!(line["type"], "statements_unknown");
    // The command migrates nothing.
    let schemas = "select count(*) from pg_namespace where nspname = 'ocds'";
    assert_eq!(ingest.value(schemas).await, "0");
}

#[tokio::test]
async fn an_extension_without_its_library_or_its_rights_is_no_error() {
    let cluster = Cluster::start().await;
    let ingest = Ingest::on_cluster(&cluster).await;
    ingest
        .value("create extension pg_stat_statements; select 1")
        .await;
    let said = ingest.call(&STATUS).await.expect(0).text();
    assert!(said.contains("does not load pg_stat_statements"), "{said}");
    ingest
        .value(
            "revoke select on pg_stat_statements from public; create role modest login; select 1",
        )
        .await;
    let url = ingest.url.replacen("ocds@", "modest@", 1);
    let said = ingest
        .call(&[&STATUS[..], &["--database-url", &url]].concat())
        .await
        .expect(0)
        .text();
    assert!(said.contains("may not be read"), "{said}");
}

#[tokio::test]
async fn statements_on_our_tables_are_listed_without_values() {
    let cluster = start_counting_cluster().await;
    let mut ingest = Ingest::on_cluster(&cluster).await;
    // In a schema of its own, as on some hosted servers.
    ingest
        .value("create schema extensions; create extension pg_stat_statements schema extensions; select extensions.pg_stat_statements_reset()")
        .await;
    // Each page is written in a batch of seven rows and one of three.
    let publisher = Feed::link(pages(4, 10)).serve().await;
    ingest.declare(&publisher, LINK);
    ingest.configure("[sink]\nbatch_size = 7");
    ingest.run(&[]).await.expect(0);
    let typed = "copy (select ocid from ocds.release where ocid = 'typed-by-somebody') to stdout";
    ingest.client.copy_out(typed).await.unwrap();

    let said = ingest.call(&STATUS_JSON).await.expect(0);
    assert!(
        !said.text().contains("typed-by-somebody"),
        "{}",
        said.text()
    );
    let statements = filter_lines(said.parse_lines(), "statement");
    let text = |statement: &Value| statement["statement"].as_str().unwrap().to_owned();
    let upserts: Vec<&Value> = statements
        .iter()
        .filter(|statement| text(statement).starts_with("insert into \"ocds\".\"release\""))
        .collect();
    assert_eq!(upserts.len(), 1, "{statements:#?}");
    assert_eq!(upserts[0]["calls"], 8);
    assert_eq!(upserts[0]["rows_per_call"], 5.0);
    assert!(upserts[0]["mean_milliseconds"].as_f64().unwrap() > 0.0);
    for statement in &statements {
        let text = text(statement);
        assert!(
            text.contains("ocds.") || text.contains("\"ocds\"."),
            "{text}"
        );
    }
    assert!(statements.len() <= 20, "{}", statements.len());
    let totals = statements
        .iter()
        .map(|s| s["total_milliseconds"].as_f64().unwrap());
    assert!(totals.is_sorted_by(|one, next| one >= next));

    let said = ingest.call(&STATUS).await.expect(0).text();
    assert!(said.contains("insert into \"ocds\".\"release\""), "{said}");
    assert!(said.contains("rows/call"), "{said}");
}

#[tokio::test]
async fn a_lock_wait_shows_who_blocks_it() {
    let publisher = Feed::link(pages(1, 3)).serve().await;
    let ingest = Ingest::with_source(&publisher, LINK).await;
    ingest.run(&[]).await.expect(0);
    ingest
        .value("create temp table copied as select * from ocds.release; delete from ocds.release; select 1")
        .await;
    for (waits_for, hold) in [
        (
            "relation",
            "lock table ocds.release in access exclusive mode",
        ),
        // Inserts keys and does not commit them.
        (
            "transactionid",
            "insert into ocds.release select * from copied",
        ),
    ] {
        ingest.execute("begin").await;
        ingest.execute(hold).await;
        let blocker: i32 = ingest
            .value("select pg_backend_pid()")
            .await
            .parse()
            .unwrap();
        let run = ingest.start_run(&["--restart"]);

        let wait = wait_for_lock_wait(&ingest).await;
        assert_eq!(wait["waits_for"], waits_for, "{wait}");
        assert_eq!(wait["blocked_by"], Value::from(vec![blocker]), "{wait}");
        assert_eq!(wait["tables"], Value::from(vec!["ocds.release"]), "{wait}");
        assert_eq!(wait["application_name"], "ocds-ingest", "{wait}");
        assert_eq!(wait["state"], "active", "{wait}");
        let said = ingest.call(&STATUS).await.expect(0).text();
        assert!(said.contains(&format!("{blocker}")), "{said}");
        assert!(!said.contains("copied"), "{said}");

        ingest.execute("rollback").await;
        run.wait().await.expect(0);
        ingest.value("delete from ocds.release; select 1").await;
    }
}

#[tokio::test]
async fn lock_waits_on_other_tables_are_left_out() {
    let ingest = Ingest::new().await;
    ingest
        .value("create table public.theirs (id int); select 1")
        .await;
    ingest.execute("begin; lock table public.theirs").await;
    let other = connect(&ingest.url).await;
    let waiting =
        tokio::spawn(async move { other.batch_execute("begin; lock table public.theirs").await });
    ingest.wait_for_lock_wait().await;
    let said = ingest.call(&STATUS_JSON).await.expect(0).parse_lines();
    assert!(filter_lines(said, "lock_wait").is_empty());
    ingest.execute("rollback").await;
    waiting.await.unwrap().unwrap();
}

#[tokio::test]
async fn status_without_the_option_omits_the_server() {
    let ingest = Ingest::new().await;
    let said = ingest.call(&["status"]).await.expect(0).text();
    assert!(!said.contains("pg_stat_statements"), "{said}");
    assert_eq!(
        ingest
            .count(&format!("run where source = '{SOURCE}'"))
            .await,
        0
    );
}
