//! Tests quarantine: rejects are kept byte for byte and can be replayed.

use crate::harness::{Ingest, LINK, NUMBER, SOURCE};
use crate::publisher::{Feed, Publisher, Reply, package, release};
use crate::run::titled;

/// Returns items that cannot be stored, with their reasons.
fn make_rejects() -> Vec<(&'static str, Vec<u8>)> {
    let deep = format!(
        r#"{{"ocid":"o","id":"deep","a":{}{}}}"#,
        "[".repeat(600),
        "]".repeat(600)
    );
    vec![
        ("not-an-object", b"null".to_vec()),
        ("not-an-object", b"\"text\"".to_vec()),
        ("not-an-object", b"[1, 2]".to_vec()),
        ("missing-ocid", br#"{"id":"1"}"#.to_vec()),
        ("missing-ocid", br#"{"ocid":"","id":"2"}"#.to_vec()),
        ("missing-ocid", br#"{"ocid":["o"],"id":"3"}"#.to_vec()),
        ("missing-id", br#"{"ocid":"o"}"#.to_vec()),
        ("missing-id", br#"{"ocid":"o","id":null}"#.to_vec()),
        ("too-deep", deep.into_bytes()),
        ("invalid-json", br#"{"ocid":"o","id":"5","a":tru}"#.to_vec()),
        (
            "invalid-json",
            b"{\"ocid\":\"o\",\"id\":\"6\",\"a\":\"\x01\"}".to_vec(),
        ),
        (
            "invalid-utf8",
            b"{\"ocid\":\"o\",\"id\":\"7\",\"a\":\"\xff\"}".to_vec(),
        ),
        (
            "nul-character",
            br#"{"ocid":"o","id":"8","a":"\u0000"}"#.to_vec(),
        ),
        (
            "lone-surrogate",
            br#"{"ocid":"o","id":"9","a":"\ud800"}"#.to_vec(),
        ),
        ("refused", crate::sink::refused_release(1).into_bytes()),
    ]
}

#[tokio::test]
async fn bad_items_are_kept_byte_for_byte_and_affect_no_others() {
    let mut body = br#"{"releases":["#.to_vec();
    for (place, (_, reject)) in make_rejects().iter().enumerate() {
        body.extend(release(place).as_bytes());
        body.extend(b" ,\n ");
        body.extend(reject);
        body.extend(b",");
    }
    body.extend(br#"{"ocid":"o","id":"legal","a":"\\u0000 \ud83d\ude00"}]}"#);
    let publisher = Publisher::serve(move |_| Reply::json(body.clone())).await;
    let ingest = Ingest::with_source(&publisher, "").await;
    let ran = ingest.run(&["--max-bad-ratio", "1"]).await.expect(0);
    assert_eq!(ran.counts(), "16 inserted, 15 quarantined");

    let sql = "select reason, pointer, document from ocds.quarantine
        order by substring(pointer from '[0-9]+')::int";
    let kept: Vec<(String, String, Vec<u8>)> = ingest
        .client
        .query(sql, &[])
        .await
        .unwrap()
        .iter()
        .map(|row| (row.get(0), row.get(1), row.get(2)))
        .collect();
    let expected: Vec<(String, String, Vec<u8>)> = make_rejects()
        .into_iter()
        .enumerate()
        .map(|(place, (reason, document))| {
            (
                reason.into(),
                format!("/releases/{}", 2 * place + 1),
                document,
            )
        })
        .collect();
    for (kept, expected) in kept.iter().zip(&expected) {
        assert_eq!(kept, expected, "{}", String::from_utf8_lossy(&expected.2));
    }
    assert_eq!(kept.len(), expected.len());
}

#[tokio::test]
async fn a_reject_whose_key_is_stored_later_is_resolved() {
    let nul = r#"{"ocid":"ocds-213czf-1","id":"1","title":"\u0000"}"#;
    let other = r#"{"ocid":"ocds-213czf-1","id":"2","title":"\u0000"}"#;
    let publisher = Feed::link(vec![vec![nul.into(), other.into()]])
        .serve()
        .await;
    let ingest = Ingest::with_source(&publisher, LINK).await;
    ingest.run(&["--max-bad-ratio", "1"]).await.expect(0);

    let feed = Feed::link(vec![vec![release(1)]]);
    publisher.set_script(move |request| feed.reply(request));
    ingest.run(&[]).await.expect(0);
    let sql = "select concat_ws(' ', release_id, resolution, resolved_at is not null) from ocds.quarantine order by pointer";
    assert_eq!(ingest.column(sql).await, ["1 stored t", "2 f"]);

    // If it is served again, it is open again.
    let feed = Feed::link(vec![vec![nul.into()]]);
    publisher.set_script(move |request| feed.reply(request));
    ingest.run(&["--max-bad-ratio", "1"]).await.expect(0);
    assert_eq!(ingest.column(sql).await, ["1 f", "2 f"]);
}

/// Returns a release with this nesting depth, which is also its title.
fn nested_release(key: usize, depth: usize) -> String {
    let (open, close) = ("[".repeat(depth), "]".repeat(depth));
    format!(
        r#"{{"ocid":"ocds-213czf-{key}","id":"{key}","tender":{{"title":"nested {depth}"}},"deep":{open}{close}}}"#
    )
}

const STATE: &str = "select concat_ws(' ', reason, coalesce(resolution, 'open')) from ocds.quarantine order by pointer";

#[tokio::test]
async fn a_replay_stores_what_a_raised_limit_allows() {
    let items = vec![
        release(0),
        nested_release(1, 20),
        nested_release(2, 200),
        "null".into(),
    ];
    let publisher = Feed::number(vec![vec![release(9)], items]).serve().await;
    let mut ingest = Ingest::with_source(&publisher, NUMBER).await;
    ingest.configure("[extract]\nmax_depth = 10");
    ingest.run(&["--max-bad-ratio", "1"]).await.expect(0);
    assert_eq!(ingest.count("quarantine").await, 3);

    ingest.configure("[extract]\nmax_depth = 100");
    let replay = ["quarantine", "replay", "--json"];
    let report = ingest.call(&replay).await.expect(0).report();
    assert_eq!(
        (
            &report["source"],
            &report["rejects"],
            &report["inserted"],
            &report["quarantined"]
        ),
        (&SOURCE.into(), &3.into(), &1.into(), &2.into()),
        "{report}"
    );
    assert_eq!(
        ingest.column(STATE).await,
        ["too-deep replayed", "too-deep open", "not-an-object open"]
    );
    let stored = "select concat_ws(' ', tender_title, run_id, page_number) from ocds.release where release_id = '1'";
    // As the run and page that served it would have stored it.
    assert_eq!(ingest.value(stored).await, "nested 20 1 2");
    assert_eq!(
        ingest
            .value("select kind || ' ' || state from ocds.run where id = 2")
            .await,
        "replay complete"
    );

    // The other ones again, by id.
    ingest.configure("[extract]\nmax_depth = 500");
    let id = ingest
        .value("select id from ocds.quarantine where release_id = '2'")
        .await;
    let report = ingest
        .call(&["quarantine", "replay", &id, "--json"])
        .await
        .expect(0)
        .report();
    assert_eq!(
        (&report["rejects"], &report["inserted"]),
        (&1.into(), &1.into())
    );
    let ran = ingest.call(&["quarantine", "replay", &id]).await.expect(0);
    assert_eq!(ran.text(), "nothing to replay\n");
}

#[tokio::test]
async fn a_replay_stores_the_latest_reject_of_a_key_and_counts_each() {
    let page = |depth| vec![nested_release(1, depth), nested_release(depth, depth)];
    let pages = vec![page(20), page(30), page(25)];
    let publisher = Feed::number(pages).serve().await;
    let mut ingest = Ingest::with_source(&publisher, NUMBER).await;
    ingest.configure("[extract]\nmax_depth = 10");
    ingest.run(&["--max-bad-ratio", "1"]).await.expect(0);
    ingest.configure("[extract]\nmax_depth = 100");
    let replay = ["quarantine", "replay", "--json"];
    let report = ingest.call(&replay).await.expect(0).report();
    let counts = ["rejects", "inserted", "updated", "unchanged", "quarantined"];
    let counts = counts.map(|key| report[key].as_u64().unwrap());
    assert_eq!(counts, [6, 4, 2, 0, 0]);
    let stored =
        "select tender_title || ' ' || page_number from ocds.release where release_id = '1'";
    assert_eq!(ingest.value(stored).await, "nested 25 3");
    let open = "quarantine where resolution is distinct from 'replayed'";
    assert_eq!(ingest.count(open).await, 0);
}

#[tokio::test]
async fn a_replay_never_overwrites_what_was_fetched_later() {
    // A reject of a whole page contains an older version of a release that a later run stored,
    // and a release that no other page has.
    let held = [titled(1, "older"), titled(2, "only here")].join(",");
    let held = format!(r#"{{"entries":[{held}],"total_pages":2}}"#);
    let first = package(&[release(0)], r#","total_pages":2"#);
    let publisher = Publisher::serve(move |request| match request.query("page").as_deref() {
        Some("2") => Reply::json(held.clone()),
        _ => Reply::json(first.clone()),
    })
    .await;
    let mut ingest =
        Ingest::with_source(&publisher, &format!("{NUMBER}\nitems = [\"/releases/*\"]")).await;
    ingest.run(&[]).await.expect(4);
    assert_eq!(ingest.column(STATE).await, ["unreadable-page open"]);

    let feed = Feed::number(vec![vec![release(0), titled(1, "newer")]]);
    publisher.set_script(move |request| feed.reply(request));
    ingest.run(&["--restart"]).await.expect(0);

    ingest.declare(
        &publisher,
        &format!("{NUMBER}\nitems = [\"/releases/*\", \"/entries/*\"]"),
    );
    let report = ingest
        .call(&["quarantine", "replay", "--json"])
        .await
        .expect(0)
        .report();
    assert_eq!(
        (&report["inserted"], &report["older"], &report["updated"]),
        (&1.into(), &1.into(), &0.into()),
        "{report}"
    );
    let titles =
        "select tender_title from ocds.release where release_id in ('1', '2') order by release_id";
    assert_eq!(ingest.column(titles).await, ["newer", "only here"]);
    assert_eq!(ingest.column(STATE).await, ["unreadable-page replayed"]);
}

#[tokio::test]
async fn rejects_are_listed_shown_and_discarded() {
    let odd = "{\"id\":\"caf\\u00e9\",  \"a\":\"\u{e9}\"}";
    let publisher = Feed::link(vec![vec![odd.into(), "null".into()]])
        .serve()
        .await;
    let ingest = Ingest::with_source(&publisher, LINK).await;
    let ran = ingest.call(&["quarantine", "list"]).await.expect(0);
    assert_eq!(ran.text(), "nothing is in quarantine\n");
    ingest.run(&["--max-bad-ratio", "1"]).await.expect(0);

    let list = ingest
        .call(&["quarantine", "list", "--json"])
        .await
        .expect(0)
        .parse_lines();
    let listed: Vec<(&str, &str)> = list
        .iter()
        .map(|entry| {
            (
                entry["reason"].as_str().unwrap(),
                entry["pointer"].as_str().unwrap(),
            )
        })
        .collect();
    // Rejects are inserted in the order of their hashes.
    assert_eq!(listed.len(), 2);
    assert!(
        listed.contains(&("missing-ocid", "/releases/0")),
        "{listed:?}"
    );
    assert!(
        listed.contains(&("not-an-object", "/releases/1")),
        "{listed:?}"
    );
    let only = [
        "quarantine",
        "list",
        "--json",
        "--reason",
        "missing-ocid",
        "--source",
        SOURCE,
    ];
    let entry = ingest.call(&only).await.expect(0).report();
    assert_eq!(entry["bytes"], odd.len());
    let one = ["quarantine", "list", "--limit", "1"];
    let text = ingest.call(&one).await.expect(0).text();
    assert!(
        text.contains("the newest 1 are listed; --limit lists more"),
        "{text}"
    );
    let none = ["quarantine", "list", "--source", "elsewhere"];
    assert_eq!(
        ingest.call(&none).await.expect(0).text(),
        "nothing is in quarantine\n"
    );
    let ran = ingest
        .call(&["quarantine", "list", "--reason", "ugly"])
        .await
        .expect(2);
    ran.expect_log("missing-ocid");

    let id = entry["id"].to_string();
    let shown = ingest
        .call(&["quarantine", "show", &id])
        .await
        .expect(0)
        .text();
    assert!(
        shown.contains(odd) && shown.contains("missing-ocid"),
        "{shown}"
    );
    let raw = ingest
        .call(&["quarantine", "show", "--raw", &id])
        .await
        .expect(0);
    assert_eq!(raw.stdout, odd.as_bytes());
    ingest.call(&["quarantine", "show", "4711"]).await.expect(2);

    let ran = ingest
        .call(&["quarantine", "discard", &id, "4711"])
        .await
        .expect(0);
    assert_eq!(ran.text(), "discarded 1 of 2\n");
    let list = ingest
        .call(&["quarantine", "list", "--json"])
        .await
        .expect(0)
        .parse_lines();
    assert_eq!(list.len(), 1);
    // They are kept and not replayed.
    assert_eq!(
        ingest
            .count("quarantine where resolution = 'discarded'")
            .await,
        1
    );
    let report = ingest
        .call(&["quarantine", "replay", "--json"])
        .await
        .expect(0)
        .report();
    assert_eq!(report["rejects"], 1);

    // If it is served again, it stays discarded, and is counted.
    ingest.run(&["--max-bad-ratio", "1"]).await.expect(0);
    let discarded = "quarantine where resolution = 'discarded' and seen = 2";
    assert_eq!(ingest.count(discarded).await, 1);
}
