//! Tests the kinds of items on a page, and how they are changed before they are stored.

use crate::harness::{Ingest, LINK, NUMBER, SOURCE};
use crate::publisher::{Feed, Publisher, Reply, release};
use crate::sink::refused_release;

/// Returns a compiled release of a process, with a title.
fn compiled_release(i: usize, title: &str) -> String {
    format!(
        r#"{{"ocid":"ocds-213czf-{i}","id":"c{i}","date":"2026-02-01T00:00:00Z","tag":["compiled"],"tender":{{"title":"{title}"}}}}"#
    )
}

/// Removes the id. A compiled release outside a record may have none.
fn without_id(compiled: String) -> String {
    let (before, rest) = compiled.split_once(r#","id":""#).unwrap();
    let (_id, after) = rest.split_once('"').unwrap();
    format!("{before}{after}")
}

/// Returns a record of one process with these releases.
fn record(i: usize, releases: &[String], title: &str) -> String {
    format!(
        r#"{{"ocid":"ocds-213czf-{i}","releases":[{}],"compiledRelease":{}}}"#,
        releases.join(","),
        compiled_release(i, title)
    )
}

fn records(records: &[String]) -> String {
    let records = records.join(",");
    format!(r#"{{"uri":"https://publisher.example/1","version":"1.1","records":[{records}]}}"#)
}

const RELEASES: &str = "select release_id from ocds.release order by ocid, release_id";
const COMPILED: &str = "select concat_ws(' ', ocid, origin, data->'tender'->>'title')
    from ocds.publisher_compiled order by ocid";
const REJECTS: &str = "select concat_ws(' ', pointer, reason, coalesce(resolution, 'open'))
    from ocds.quarantine order by pointer";

/// Prepares a source that serves one document.
async fn prepare_document(body: impl Into<Vec<u8>>, table: &str) -> (Publisher, Ingest) {
    let body = body.into();
    let publisher = Publisher::serve(move |_| Reply::json(body.clone())).await;
    let ingest = Ingest::with_source(&publisher, table).await;
    (publisher, ingest)
}

fn serve_document(publisher: &Publisher, body: impl Into<Vec<u8>>) {
    let body = body.into();
    publisher.set_script(move |_| Reply::json(body.clone()));
}

#[tokio::test]
async fn the_releases_of_every_kind_of_document_are_stored() {
    let one = record(1, &[release(1)], "one");
    for (body, releases, compiled) in [
        (release(1), 1, 0),
        (
            format!(r#"{{"releases":[{},{}]}}"#, release(1), release(2)),
            2,
            0,
        ),
        (format!("[{},{}]", release(1), release(2)), 2, 0),
        (compiled_release(1, "one"), 1, 0),
        (without_id(compiled_release(1, "one")), 0, 1),
        (one.clone(), 1, 1),
        (format!("[{one},{}]", record(2, &[], "two")), 1, 2),
        (
            records(&[one.clone(), record(2, &[release(2)], "two")]),
            2,
            2,
        ),
        (
            format!("[{},{}]", records(std::slice::from_ref(&one)), release(2)),
            2,
            1,
        ),
        (
            format!(
                r#"[{{"releases":[{}]}},{{"releases":[{}]}}]"#,
                release(1),
                release(2)
            ),
            2,
            0,
        ),
    ] {
        let (_publisher, ingest) = prepare_document(body.clone(), "").await;
        let counts = ingest.run(&[]).await.expect(0).counts();
        assert_eq!(counts.inserted, releases + compiled, "{body}");
        assert_eq!(counts.quarantined, 0, "{body}");
        let stored = (
            ingest.count("release").await,
            ingest.count("publisher_compiled").await,
        );
        let expected = (releases as usize, compiled as usize);
        assert_eq!(stored, expected, "{body}");
    }
}

#[tokio::test]
async fn a_declared_kind_is_used() {
    let body = format!(
        r#"{{"data":[{{"releases":[{}]}},{{"entries":[]}}]}}"#,
        release(1)
    );
    let table = r#"items = { pointer = "/data/*", kind = "release_package" }"#;
    let (_publisher, ingest) = prepare_document(body, table).await;
    ingest.run(&["--max-bad-ratio", "1"]).await.expect(0);
    assert_eq!(ingest.column(RELEASES).await, ["1"]);
    assert_eq!(ingest.column(REJECTS).await, ["/data/1 other-kind open"]);
    let shown = ingest
        .call(&["sources", "show", SOURCE])
        .await
        .expect(0)
        .text();
    assert!(
        shown.contains("items.kind        release_package"),
        "{shown}"
    );
}

#[tokio::test]
async fn a_compiled_release_is_updated_only_if_it_changed() {
    let body = |title: &str| records(&[record(1, &[release(1)], title), record(2, &[], "two")]);
    for settings in ["", "[sink]\nmethod = \"copy\"", "[sink]\nmethod = \"row\""] {
        let (publisher, mut ingest) = prepare_document(body("one"), "").await;
        ingest.configure(settings);
        let counts = ingest.run(&[]).await.expect(0).counts();
        assert_eq!(counts, "3 inserted");
        let one = "ocds-213czf-1 publisher one";
        let two = "ocds-213czf-2 publisher two";
        assert_eq!(ingest.column(COMPILED).await, [one, two]);
        let of_row = "select concat_ws(' ', tag, date at time zone 'utc', run_id, page_number,
            first_seen_at = fetched_at or first_seen_at > fetched_at, repairs is null and served is null)
            from ocds.publisher_compiled where ocid = 'ocds-213czf-1'";
        assert_eq!(
            ingest.value(of_row).await,
            "{compiled} 2026-02-01 00:00:00 1 1 t t"
        );

        let versions =
            "select concat_ws(' ', ctid, xmin) from ocds.publisher_compiled order by ocid";
        let before = ingest.column(versions).await;
        let counts = ingest.run(&[]).await.expect(0).counts();
        assert_eq!(counts, "3 unchanged");
        assert_eq!(ingest.column(versions).await, before);

        serve_document(&publisher, body("other"));
        let counts = ingest.run(&[]).await.expect(0).counts();
        assert_eq!(counts, "1 updated, 2 unchanged");
        let other = "ocds-213czf-1 publisher other";
        assert_eq!(ingest.column(COMPILED).await, [other, two]);
        assert_eq!(ingest.column(versions).await[1], before[1]);
    }
}

#[tokio::test]
async fn the_later_compiled_release_of_a_process_wins() {
    // All processes are on every page, and each twice on a page.
    let page = |page: usize| -> Vec<String> {
        (0..20)
            .flat_map(|i| {
                [
                    compiled_release(i, "earlier"),
                    compiled_release(i, &format!("page {page}")),
                ]
            })
            .map(without_id)
            .collect()
    };
    let publisher = Feed::number((1..=8).map(page).collect()).serve().await;
    let mut ingest = Ingest::with_source(&publisher, NUMBER).await;
    ingest.configure("[sink]\nworkers = 4");
    let counts = ingest.run(&[]).await.expect(0).counts();
    assert_eq!(counts, "20 inserted, 140 updated, 160 folded");
    let of_page_8 =
        "publisher_compiled where page_number = 8 and data->'tender'->>'title' = 'page 8'";
    assert_eq!(ingest.count(of_page_8).await, 20);
    assert_eq!(ingest.count("release").await, 0);
    assert_eq!(
        ingest.count("quarantine where reason = 'superseded'").await,
        20
    );
}

#[tokio::test]
async fn a_linked_release_is_skipped_only_if_there_is_a_compiled_release() {
    let link = r#"{"url":"https://publisher.example/releases/1","date":"2026-01-01T00:00:00Z"}"#;
    let alone = format!(r#"{{"ocid":"ocds-213czf-3","releases":[{link}]}}"#);
    let empty = r#"{"ocid":"ocds-213czf-4","releases":[]}"#.to_owned();
    let body = records(&[
        record(1, &[link.into()], "one"),
        record(2, &[link.into(), release(2)], "two"),
        alone,
        empty,
    ]);
    let (_publisher, ingest) = prepare_document(body, "").await;
    let counts = ingest
        .run(&["--max-bad-ratio", "1"])
        .await
        .expect(0)
        .counts();
    assert_eq!(counts, "3 inserted, 2 quarantined");
    assert_eq!(ingest.column(RELEASES).await, ["2"]);
    assert_eq!(ingest.count("publisher_compiled").await, 2);
    let expected = [
        "/records/2/releases/0 linked-release open",
        "/records/3 empty-record open",
    ];
    assert_eq!(ingest.column(REJECTS).await, expected);
}

#[tokio::test]
async fn a_full_last_page_of_records_is_confirmed_after_a_resume() {
    let page = |number: usize, next: bool| {
        let each = (0..2).map(|i| record(2 * number + i, &[release(2 * number + i)], "one"));
        let body = records(&each.collect::<Vec<_>>());
        let link = format!(r#"{{"links":{{"next":"/?page={}"}},"#, number + 1);
        Reply::json(if next {
            body.replacen('{', &link, 1)
        } else {
            body
        })
    };
    let publisher = Publisher::serve(move |request| {
        let number = request
            .query("page")
            .map_or(1, |page| page.parse().unwrap());
        // At first, the second page has no link.
        page(number, number < 3 && (number, request.nth) != (2, 0))
    })
    .await;
    let ingest = Ingest::with_source(&publisher, LINK).await;
    ingest.run(&["--max-pages", "1"]).await.expect(0);
    ingest.run(&[]).await.expect(0);
    assert_eq!(ingest.count("release").await, 6);
    assert_eq!(
        ingest.count("page where items = 2 and releases = 4").await,
        3
    );
}

/// A release in version 1.0 of the standard.
const RELEASE_1_0: &str = r#"{ "ocid":"ocds-213czf-1","id":"1","buyer":{"name":"Buyer","identifier":{"scheme":"GB-COH","id":"7"}},"tender":{"id":"t","value":{"amount":1.50},"amendment":{"changes":[]}}}"#;

#[tokio::test]
async fn a_release_of_1_0_is_stored_as_1_1_together_with_its_original() {
    let package = format!(
        r#"{{"version":"1.0","releases":[{RELEASE_1_0},{}]}}"#,
        release(2)
    );
    let (publisher, ingest) = prepare_document(package.clone(), "").await;
    let counts = ingest.run(&[]).await.expect(0).counts();
    assert_eq!(counts.inserted, 2);
    let row = "select concat_ws(' ', repairs, convert_from(served, 'utf8'), buyer_id) from ocds.release where release_id = '1'";
    let expected = format!("{{upgrade-1.0}} {RELEASE_1_0} GB-COH-7");
    assert_eq!(ingest.value(row).await, expected);
    let data = "select concat_ws(' ', data->'buyer', data->'tender') from ocds.release where release_id = '1'";
    assert_eq!(
        ingest.value(data).await,
        r#"{"id": "GB-COH-7", "name": "Buyer"} {"id": "t", "value": {"amount": 1.50}, "amendments": [{"changes": []}]}"#
    );
    let party =
        "select concat_ws(' ', party_id, name, roles, identifier_scheme) from ocds.release_party";
    assert_eq!(ingest.value(party).await, "GB-COH-7 Buyer {buyer} GB-COH");
    assert_eq!(
        ingest
            .count("release where repairs is null and served is null")
            .await,
        1
    );

    // The same release is not written again. A release of version 1.1 is stored as it was served.
    assert_eq!(ingest.run(&[]).await.expect(0).counts().unchanged, 2);
    serve_document(&publisher, package.replace("1.0", "1.1"));
    let counts = ingest.run(&[]).await.expect(0).counts();
    assert_eq!(counts, "1 updated, 1 unchanged");
    assert_eq!(
        ingest
            .count("release where repairs is null and served is null")
            .await,
        2
    );
}

#[tokio::test]
async fn compiled_releases_of_1_0_are_upgraded_if_the_source_declares_it() {
    // An id and a name do not show the version.
    let named = RELEASE_1_0.replace(
        r#""identifier":{"scheme":"GB-COH","id":"7"}"#,
        r#""id":"7""#,
    );
    let body = format!(r#"{{"compiledRelease":{named},"releases":[]}}"#);
    let (publisher, mut ingest) = prepare_document(body, "").await;
    ingest.run(&[]).await.expect(0);
    let as_served = "publisher_compiled where repairs is null";
    assert_eq!(ingest.count(as_served).await, 1);
    ingest.declare(&publisher, "items = { version = \"1.0\" }");
    assert_eq!(ingest.run(&[]).await.expect(0).counts().updated, 1);
    let row =
        "select concat_ws(' ', repairs, convert_from(served, 'utf8')) from ocds.publisher_compiled";
    assert_eq!(ingest.value(row).await, format!("{{upgrade-1.0}} {named}"));
}

#[tokio::test]
async fn a_release_of_1_0_that_no_package_contains_is_upgraded_unless_the_source_says_otherwise() {
    let supplier = r#"{"ocid":"ocds-213czf-2","id":"1","awards":[{"suppliers":[{"name":"S","contactPoint":{"email":"s@s.example"}}]}]}"#;
    let body = format!("[{RELEASE_1_0},{supplier},{}]", release(3));
    let (publisher, mut ingest) = prepare_document(body, "").await;
    let metrics = ingest.directory.path().join("metrics.prom");
    let options = ["--metrics-file", metrics.to_str().unwrap()];
    let ran = ingest.run(&options).await.expect(0);
    let said = "2 releases of zambia were read as version 1.0";
    assert_eq!(ran.stderr.matches(said).count(), 1, "{}", ran.stderr);
    let counted = std::fs::read_to_string(&metrics).unwrap();
    let line = r#"ocds_inferred_total{source="zambia",what="version-1.0"} 2"#;
    assert!(counted.contains(line), "{counted}");
    let rows = "select concat_ws(' ', ocid, repairs, data #>> '{parties,0,name}') from ocds.release order by 1";
    let expected = [
        "ocds-213czf-1 {upgrade-1.0} Buyer",
        "ocds-213czf-2 {upgrade-1.0} S",
        "ocds-213czf-3",
    ];
    assert_eq!(ingest.column(rows).await, expected);

    ingest.declare(&publisher, "items = { version = \"1.1\" }");
    assert_eq!(ingest.run(&[]).await.expect(0).counts().updated, 2);
    assert_eq!(ingest.count("release where repairs is null").await, 3);
}

/// Releases that the repair of this name makes valid, with an expression over the row and its
/// value.
const REPAIRABLE: [(&str, &[u8], &str, &str); 8] = [
    (
        "nul",
        br#""tender":{"title":"a\u0000b"}"#,
        "tender_title",
        "ab",
    ),
    (
        "nul",
        b"\"tender\":{\"title\":\"a\0b\"}",
        "tender_title",
        "ab",
    ),
    (
        "lone-surrogate",
        br#""tender":{"title":"a\ud800b"}"#,
        "tender_title",
        "a\u{fffd}b",
    ),
    (
        "control-characters",
        b"\"tender\":{\"title\":\"a\tb\"}",
        "tender_title",
        "a\tb",
    ),
    (
        "exponent",
        br#""tender":{"title":1e99999}"#,
        "tender_title",
        "1e99999",
    ),
    (
        "bad-number",
        br#""tender":{"title":N230000000}"#,
        "tender_title",
        "N230000000",
    ),
    (
        "bad-number",
        br#""x":221,000,000.00"#,
        "data->>'x'",
        "221,000,000.00",
    ),
    (
        "bad-number",
        br#""x":,"tender":{"title":"t"}"#,
        "tender_title",
        "t",
    ),
];

#[tokio::test]
async fn a_repair_stores_a_rejected_release_and_changes_no_other() {
    for (place, (repair, members, column, value)) in REPAIRABLE.into_iter().enumerate() {
        let broken = [br#"{"ocid":"o","id":"broken","#, members, b"}"].concat();
        let before = [
            b"{\"version\":\"1.1\",\"releases\":[",
            release(1).as_bytes(),
            b",",
        ]
        .concat();
        let body = [&before[..], &broken, b",", release(2).as_bytes(), b"]}"].concat();
        let (publisher, mut ingest) = prepare_document(body, "").await;
        ingest.run(&["--max-bad-ratio", "1"]).await.expect(0);
        assert_eq!(ingest.column(RELEASES).await, ["1", "2"], "{place}");
        assert_eq!(
            ingest.count("quarantine where resolved_at is null").await,
            1
        );

        let table = format!("decode = {{ repair = [\"{repair}\"] }}");
        ingest.declare(&publisher, &table);
        let counts = ingest.run(&[]).await.expect(0).counts();
        let expected = "1 inserted, 2 unchanged";
        assert_eq!(counts, expected, "{place}");
        let row = ingest
            .client
            .query_one(
                &format!(
                    "select repairs, served, {column} from ocds.release where release_id = 'broken'"
                ),
                &[],
            )
            .await
            .unwrap();
        assert_eq!(row.get::<_, Vec<String>>(0), [repair], "{place}");
        assert_eq!(row.get::<_, Vec<u8>>(1), broken, "{place}");
        assert_eq!(row.get::<_, String>(2), value, "{place}");
        assert_eq!(
            ingest
                .count("release where repairs is null and served is null")
                .await,
            2
        );
        // The release is stored now, so its reject is resolved.
        assert_eq!(
            ingest.count("quarantine where resolution = 'stored'").await,
            1,
            "{place}"
        );
    }
}

#[tokio::test]
async fn a_replay_repairs_and_upgrades_as_the_page_would_have() {
    let old = RELEASE_1_0.replace("\"Buyer\"", "\"Buy\\u0000er\"");
    let record = format!(
        r#"{{"releases":[{}],"compiledRelease":{}}}"#,
        old,
        compiled_release(1, r"\u0000")
    );
    let body = format!(r#"{{"records":[{record},{{"ocid":"o"}}],"version":"1.0"}}"#);
    let (publisher, mut ingest) = prepare_document(body, "").await;
    ingest.run(&["--max-bad-ratio", "1"]).await.expect(0);
    let release = "/records/0/releases/0 nul-character";
    let summed = "/records/0/compiledRelease nul-character";
    let empty = "/records/1 empty-record";
    let state = |how: &str| {
        [
            format!("{summed} {how}"),
            format!("{release} {how}"),
            format!("{empty} open"),
        ]
    };
    assert_eq!(ingest.column(REJECTS).await, state("open"));

    ingest.declare(&publisher, "decode = { repair = [\"nul\"] }");
    let replay = ["quarantine", "replay", "--json"];
    let report = ingest.call(&replay).await.expect(0).report();
    let counts = ["rejects", "inserted", "quarantined"].map(|key| report[key].as_u64().unwrap());
    assert_eq!(counts, [3, 2, 1], "{report}");
    assert_eq!(ingest.column(REJECTS).await, state("replayed"));
    let row = "select concat_ws(' ', repairs, buyer_name, run_id, page_number) from ocds.release";
    assert_eq!(ingest.value(row).await, "{nul,upgrade-1.0} Buyer 1 1");
    let row = "select concat_ws(' ', ocid, repairs, run_id) from ocds.publisher_compiled";
    assert_eq!(ingest.value(row).await, "ocds-213czf-1 {nul} 1");
    // Reading the page with the same settings changes nothing.
    let counts = ingest
        .run(&["--max-bad-ratio", "1"])
        .await
        .expect(0)
        .counts();
    assert_eq!(counts, "2 unchanged, 1 quarantined");
}

#[tokio::test]
async fn a_row_loses_its_repairs_when_the_publisher_corrects_it() {
    let body = |title: &str| {
        records(&[format!(
            r#"{{"releases":[{{"ocid":"ocds-213czf-1","id":"1","tender":{{"title":"{title}"}}}}],"compiledRelease":{}}}"#,
            compiled_release(1, title)
        )])
    };
    let table = "decode = { repair = [\"nul\"] }";
    let (publisher, ingest) = prepare_document(body(r"a\u0000b"), table).await;
    let marked = "(select repairs, served from ocds.release
        union all select repairs, served from ocds.publisher_compiled) as row
        where repairs is not null and served is not null";
    for (mended, updated) in [(false, 0), (false, 0), (true, 2), (true, 0)] {
        if mended {
            serve_document(&publisher, body("ab"));
        }
        let counts = ingest.run(&[]).await.expect(0).counts();
        assert_eq!(counts.updated, updated);
        let count = format!("select count(*) from {marked}");
        assert_eq!(ingest.value(&count).await, if mended { "0" } else { "2" });
    }
}

#[tokio::test]
async fn a_rejected_compiled_release_is_open_until_one_is_stored() {
    // The server refuses one, the program rejects one, and one is valid.
    let too_long = refused_release(1).replace("\"id\":\"1\"", "\"tag\":[\"compiled\"]");
    let bad = record(2, &[], r"\u0000");
    let body = records(&[
        format!(r#"{{"compiledRelease":{too_long}}}"#),
        bad,
        record(3, &[], "three"),
    ]);
    let (publisher, ingest) = prepare_document(body, "").await;
    let counts = ingest
        .run(&["--max-bad-ratio", "1"])
        .await
        .expect(0)
        .counts();
    assert_eq!(counts, "1 inserted, 2 quarantined");
    let refused = "/records/0/compiledRelease refused open";
    let nul = "/records/1/compiledRelease nul-character";
    assert_eq!(
        ingest.column(REJECTS).await,
        [refused, &format!("{nul} open")]
    );
    assert_eq!(ingest.count("quarantine where release_id = ''").await, 2);

    // The reject is resolved by the compiled release of the process, and not by another release
    // of it.
    serve_document(&publisher, records(&[record(2, &[release(2)], r"\u0000")]));
    ingest.run(&["--max-bad-ratio", "1"]).await.expect(0);
    assert_eq!(
        ingest.count("quarantine where resolved_at is null").await,
        3
    );
    serve_document(&publisher, records(&[record(2, &[release(2)], "two")]));
    ingest.run(&["--max-bad-ratio", "1"]).await.expect(0);
    let resolved = "quarantine where resolution = 'stored' and ocid = 'ocds-213czf-2'";
    assert_eq!(ingest.count(resolved).await, 2);
    assert_eq!(
        ingest.count("quarantine where resolved_at is null").await,
        1
    );
}

#[tokio::test]
async fn a_purge_deletes_compiled_releases() {
    let publisher = Feed::link(vec![
        (0..30)
            .map(|i| without_id(compiled_release(i, "one")))
            .collect(),
    ])
    .serve()
    .await;
    let ingest = Ingest::with_source(&publisher, LINK).await;
    ingest.run(&[]).await.expect(0);
    let ran = ingest.call(&["purge", SOURCE]).await.expect(2);
    ran.expect_log("30 releases");
    let purged = ingest
        .call(&["purge", SOURCE, "--yes", "--json"])
        .await
        .expect(0);
    assert_eq!(purged.report()["releases"], 30);
    assert_eq!(ingest.count("publisher_compiled").await, 0);
}
