//! Tests hostile indexes: a bad entry affects only itself, and memory is limited.

use serde_json::json;

use crate::dice::Dice;
use crate::harness::Ingest;
use crate::publisher::{Encoding, Publisher, Reply, release};

/// The maximum memory of a run that limits a decoded body to 8 MiB: an index, four times as much
/// for its values, and the program itself.
const MAX_BYTES: usize = 140 << 20;

/// Prepares a source. The table may contain the publisher's URL.
async fn prepare_ingest(publisher: &Publisher, table: &str) -> Ingest {
    let table = table.replace("HOST", &publisher.url(""));
    let mut ingest = Ingest::with_definition(&table).await;
    ingest.configure("[fetch]\nmax_decoded_bytes = 8388608");
    ingest
}

const OF_ITEMS: &str = r#"
    url = "HOST/index"
    detail = { each = "/named/*", url = "HOST/of/{item}" }
"#;

const OF_AXIS: &str = r#"
    url = "HOST/of/{axis.buyer}"
    axis.buyer = { url = "HOST/index", each = "/named/*" }
"#;

#[tokio::test]
async fn an_index_that_takes_too_much_memory_is_refused() {
    for entry in ["0,", r#"{"a":0},"#, "[[]],"] {
        let index = format!(
            r#"{{"named": [{}0]}}"#,
            entry.repeat((7 << 20) / entry.len())
        );
        let publisher = Publisher::serve(move |request| match request.path() {
            "/index" => Reply::json(index.clone()).with_encoding(Encoding::Gzip),
            _ => Reply::json(json!({"releases": []}).to_string()),
        })
        .await;
        for table in [OF_ITEMS, OF_AXIS] {
            let ingest = prepare_ingest(&publisher, table).await;
            let (ran, bytes) = ingest.start_run(&[]).wait_with_peak().await;
            let ran = ran.expect(4);
            let said = "bytes of memory, more than 4 times the limit of `fetch.max_decoded_bytes`";
            let is_kept =
                "select exists (select from ocds.quarantine where message like '%memory%')";
            let is_said = ran.stderr.contains(said) || ingest.value(is_kept).await == "t";
            assert!(is_said, "{entry}: {}", ran.stderr);
            assert!(bytes < MAX_BYTES, "{entry}: {bytes} bytes");
        }
        // Each requests it once, because another answer would be as large.
        assert_eq!(publisher.targets(), ["/index", "/index"]);
    }
}

#[tokio::test]
async fn an_index_with_too_many_entries_is_refused() {
    let names: Vec<String> = (0..100_001).map(|name| name.to_string()).collect();
    let index = json!({ "named": names }).to_string();
    let publisher = Publisher::serve(move |_| Reply::json(index.clone())).await;
    let ran = prepare_ingest(&publisher, OF_AXIS)
        .await
        .run(&[])
        .await
        .expect(4);
    ran.expect_log("names more than 100000");
    assert_eq!(publisher.targets(), ["/index"]);
}

#[tokio::test]
async fn an_axis_value_too_long_for_a_key_is_rejected_alone() {
    // Random letters do not compress. A key of repeated letters would fit.
    let mut dice = Dice::new();
    let long: String = (0..3_000)
        .map(|_| char::from(b"0123456789abcdef"[dice.index(16)]))
        .collect();
    let index = json!({ "named": ["first", long, "last"] }).to_string();
    let publisher = Publisher::serve(move |request| match request.path() {
        "/index" => Reply::json(index.clone()),
        path => Reply::json(json!({ "releases": [json_of(path.len())] }).to_string()),
    })
    .await;
    let ingest = prepare_ingest(&publisher, OF_AXIS).await;
    let ran = ingest.run(&[]).await.expect(4);
    ran.expect_log("and may be 2500");
    assert_eq!(publisher.targets(), ["/index", "/of/first", "/of/last"]);
    assert_eq!(
        ingest
            .column("select chain from ocds.page order by 1")
            .await,
        ["buyer=first", "buyer=last"]
    );
}

fn json_of(number: usize) -> serde_json::Value {
    serde_json::from_str(&release(number)).unwrap()
}

#[tokio::test]
async fn index_values_that_cannot_be_stored_do_not_stop_a_run() {
    // Each has a next link that contains NUL, which is stored with the page.
    for (page, next) in [
        (
            r#"{ mode = "token", param = "after", pointer = "/next" }"#,
            "a\\u0000b",
        ),
        (
            r#"{ mode = "link", pointer = "/next" }"#,
            "HOST/index?after=a\\u0000b",
        ),
        (
            r#"{ mode = "link", pointer = "/next" }"#,
            "http://a\\u0000b/",
        ),
    ] {
        let publisher = Publisher::serve(|_| Reply::status(500)).await;
        let next = next.replace("HOST", publisher.url("").trim_end_matches('/'));
        let leads_on = next.clone();
        publisher.set_script(
            move |request| match (request.path(), request.query("after")) {
                ("/index", None) => Reply::json(format!(
                    r#"{{"named": [1, "x\u0000y"], "next": "{leads_on}"}}"#
                )),
                ("/index", Some(_)) => Reply::json(r#"{"named": [2]}"#),
                (path, _) => Reply::json(json!({ "releases": [json_of(path.len())] }).to_string()),
            },
        );
        let table = format!("{OF_ITEMS}\npage = {page}");
        let ingest = prepare_ingest(&publisher, &table).await;
        let ran = ingest.run(&[]).await;
        let is_whole = ran.code == Some(0);
        // A link to nowhere is refused, and the pages before it are stored.
        assert!(is_whole || ran.code == Some(4), "{next}: {ran:?}");
        assert_eq!(
            is_whole,
            !next.starts_with("http://a"),
            "{next}: {}",
            ran.stderr
        );
        assert_eq!(ingest.count("release").await, 2, "{next}");
    }
}
