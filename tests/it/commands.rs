//! Tests the other commands, and that no command shows a secret.

use serde_json::Value;

use crate::harness::{Ingest, LINK, SOURCE};
use crate::publisher::{Feed, Publisher, Reply, package, pages, release};

#[tokio::test]
async fn an_undeclared_source_is_a_usage_error() {
    let ingest = Ingest::new().await;
    for command in [
        &["run", "atlantis"][..],
        &["backfill", "atlantis", "--from-page", "1"],
        &["check", "atlantis"],
        &["sources", "show", "atlantis"],
    ] {
        let ran = ingest.call(command).await.expect(2);
        ran.expect_log("no source is called atlantis");
    }
    assert_eq!(ingest.count("run").await, 0);
}

#[tokio::test]
async fn the_exit_code_is_that_of_the_worst_source_and_each_has_a_report() {
    let good = Feed::link(pages(2, 2)).serve().await;
    let bad = Publisher::serve(|_| Reply::status(404)).await;
    let mut ingest = Ingest::new().await;
    ingest.declare_as("bad", &bad.url("/"), LINK);
    ingest.declare_as("good", &good.url("/"), LINK);
    let code = ingest.call(&["run", "bad"]).await.code.unwrap();
    assert_ne!(code, 0);
    let ran = ingest
        .call(&["run", "bad", "good", "--json"])
        .await
        .expect(code);
    let reports = ran.parse_lines();
    assert_eq!(reports[1]["source"], "good");
    assert_eq!(reports[1]["verdict"], "complete");
    assert_eq!(ingest.count("release").await, 4);
    // Without names, all declared sources run.
    let ran = ingest.call(&["run", "--all", "--json"]).await.expect(code);
    assert_eq!(ran.parse_lines().len(), 2);
}

#[tokio::test]
async fn a_missing_schema_is_reported_if_migration_is_off() {
    let publisher = Feed::link(pages(1, 1)).serve().await;
    let mut ingest = Ingest::without_schema().await;
    ingest.declare(&publisher, LINK);
    ingest.configure("[database]\nmigrate = false");
    for command in [&["run", SOURCE][..], &["status"], &["quarantine", "list"]] {
        let ran = ingest.call(command).await.expect(2);
        ran.expect_log("ocds-ingest migrate");
    }
    assert_eq!(publisher.targets(), [""; 0]);

    let applied = ingest.call(&["migrate"]).await.expect(0).text();
    assert!(applied.starts_with("applied 0001_"), "{applied}");
    assert_eq!(
        ingest.call(&["migrate"]).await.expect(0).text(),
        "nothing to apply\n"
    );
    ingest.run(&[]).await.expect(0);
}

#[tokio::test]
async fn a_run_migrates_by_default() {
    let publisher = Feed::link(pages(1, 1)).serve().await;
    let mut ingest = Ingest::without_schema().await;
    ingest.declare(&publisher, LINK);
    ingest.run(&[]).await.expect(0);
    assert_eq!(ingest.count("release").await, 1);
}

#[tokio::test]
async fn a_check_writes_nothing() {
    let publisher = Feed::link(vec![vec![release(0), "null".into()], vec![]])
        .serve()
        .await;
    let mut ingest = Ingest::without_schema().await;
    ingest.declare(&publisher, LINK);
    let said = ingest.call(&["check"]).await.expect(0).text();
    let (of_source, of_database) = said.split_once('\n').unwrap();
    assert_eq!(of_source, "ok    zambia: can be used");
    assert!(of_database.starts_with("ok    database: "), "{said}");
    assert!(
        of_database.ends_with(", not contacted without --connect\n"),
        "{said}"
    );
    assert_eq!(publisher.targets(), [""; 0]);

    let said = ingest.call(&["check", "--connect"]).await.expect(0).text();
    assert!(said.contains("migrations to apply: 0001_"), "{said}");
    assert!(
        said.contains("1 releases and 1 rejects on the first page, more pages follow"),
        "{said}"
    );
    assert_eq!(publisher.targets(), ["/", "/?page=2"]);
    let schemas = "select count(*) from pg_namespace where nspname = 'ocds'";
    assert_eq!(ingest.value(schemas).await, "0");

    ingest.call(&["migrate"]).await.expect(0);
    let said = ingest
        .call(&["check", SOURCE, "--connect"])
        .await
        .expect(0)
        .text();
    assert!(said.contains("schema up to date"), "{said}");
    for table in ["run", "page", "release", "quarantine"] {
        assert_eq!(ingest.count(table).await, 0);
    }

    let gone = Publisher::serve(|_| Reply::status(404)).await;
    ingest.declare(&gone, LINK);
    let ran = ingest.call(&["check", "--connect"]).await;
    assert_ne!(ran.code, Some(0));
    assert!(ran.text().contains("fail  zambia: "), "{}", ran.text());
}

#[tokio::test]
async fn a_configuration_error_names_the_file_and_key() {
    let mut ingest = Ingest::new().await;
    ingest.configure("[sources.zambia]\nurl = \"http://localhost/\"\npgae = 1");
    let ran = ingest.call(&["check"]).await.expect(2);
    assert!(
        ran.stderr.contains("1.toml") && ran.stderr.contains("pgae"),
        "{}",
        ran.stderr
    );
}

#[tokio::test]
async fn sources_are_listed_and_shown() {
    let mut ingest = Ingest::new().await;
    ingest.declare_as("chile", "https://publisher.example/?key={env.KEY}", LINK);
    let listed = ingest.call(&["sources"]).await.expect(0).text();
    for (name, declared) in [
        ("find-a-tender", "the program"),
        ("chile", "the configuration"),
    ] {
        let line = listed.lines().find(|line| line.contains(name)).unwrap();
        assert!(line.contains(declared), "{line}");
    }
    ingest.set_env("KEY", "pass-phrase");
    let shown = ingest
        .call(&["sources", "show", "chile"])
        .await
        .expect(0)
        .text();
    assert!(
        shown.contains("https://publisher.example/?key={env.KEY}"),
        "{shown}"
    );
    assert!(shown.contains("page.pointer      /links/next"), "{shown}");
    assert!(!shown.contains("pass-phrase"), "{shown}");
}

#[tokio::test]
async fn status_shows_the_state_of_each_source() {
    let publisher = Feed::link(vec![
        vec![release(0), release(1)],
        vec![release(2), "null".into()],
    ])
    .serve()
    .await;
    let ingest = Ingest::with_source(&publisher, LINK).await;
    let said = ingest.call(&["status"]).await.expect(0).text();
    assert!(said.starts_with("nothing has run yet"), "{said}");
    assert_eq!(
        ingest.call(&["status", "--json"]).await.expect(0).text(),
        ""
    );

    ingest.run(&["--max-bad-ratio", "0.2"]).await.expect(5);
    let status = ingest.call(&["status", "--json"]).await.expect(0).report();
    for (field, value) in [
        ("source", Value::from("zambia")),
        ("run_id", 1.into()),
        ("kind", "incremental".into()),
        ("state", "failed".into()),
        ("pages", 2.into()),
        ("releases", 4.into()),
        ("stored", 3.into()),
        ("quarantined", 1.into()),
        ("newest", "2026-01-01T00:00:00Z".into()),
    ] {
        assert_eq!(status[field], value, "{field}");
    }
    let said = ingest.call(&["status"]).await.expect(0).text();
    assert!(
        said.contains("zambia") && said.contains("--max-bad-ratio"),
        "{said}"
    );
}

#[tokio::test]
async fn a_secret_is_in_no_table_and_no_log() {
    const SECRET: &str = "s3cr3t-pass/phrase";
    let publisher = Publisher::serve(|request| {
        let key = request.query("key").unwrap_or_default();
        if key != SECRET || request.header("authorization") != Some("Bearer s3cr3t-pass/phrase") {
            return Reply::status(401);
        }
        let link = format!(
            r#","links":{{"next":"/?page=2&key={}"}}"#,
            SECRET.replace('/', "%2F")
        );
        match (request.query("page").as_deref(), request.nth) {
            (None, 0) => Reply::status(503).body(SECRET),
            (None, _) => Reply::json(package(&[release(0), "null".into()], &link)),
            (Some("2"), _) => {
                Reply::json(package(&[release(1)], &link.replace("page=2", "page=3")))
            }
            _ => Reply::status(200).body("<html>no page</html>"),
        }
    })
    .await;
    let mut ingest = Ingest::new().await;
    let table = format!(
        "{LINK}\nquery = {{ key = \"{{env.KEY}}\" }}\nhttp = {{ headers = {{ Authorization = \"Bearer {{env.KEY}}\" }} }}"
    );
    ingest.declare(&publisher, &table);
    ingest.set_env("KEY", SECRET);
    let mut said = Vec::new();
    for command in [
        &["run", SOURCE, "-vv", "--max-bad-ratio", "1"][..],
        &[
            "run",
            SOURCE,
            "-vv",
            "--max-bad-ratio",
            "1",
            "--log-format",
            "json",
        ],
        &["status"],
        &["sources", "show", SOURCE],
        &["check", "--connect"],
        &["quarantine", "list", "--json"],
    ] {
        let ran = ingest.call(command).await;
        said.push(ran.text());
        said.push(ran.stderr);
    }
    assert_eq!(ingest.count("release").await, 2);
    assert_eq!(
        ingest
            .count("quarantine where reason = 'unreadable-page'")
            .await,
        1
    );
    for table in ["run", "page", "release", "quarantine"] {
        let sql = format!("select t::text from ocds.{table} as t");
        said.extend(ingest.column(&sql).await);
    }
    let echoed = ["s3cr3t", &SECRET.replace('/', "%2F")];
    for text in &said {
        assert!(!echoed.iter().any(|secret| text.contains(secret)), "{text}");
    }
    // The secret was sent, and the stored text has its placeholder.
    assert!(said.iter().any(|text| text.contains("{env.KEY}")));
}
