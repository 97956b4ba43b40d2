//! Tests bodies that are not one JSON document in UTF-8: what can be read is stored, and the rest
//! is kept in quarantine.

use crate::harness::{Ingest, LINK, NUMBER, SOURCE};
use crate::publisher::{Encoding, Items, Publisher, Reply, Request, package, release, zip};

/// The reason, pointer and document of each reject.
const QUARANTINE: &str =
    "select concat_ws(' ', reason, nullif(pointer, ''), encode(document, 'escape'), resolution)
    from ocds.quarantine order by id";

/// The ids of the stored releases.
const IDS: &str = "select release_id from ocds.release order by release_id";

fn make_releases(numbers: std::ops::Range<usize>) -> Items {
    numbers.map(release).collect()
}

/// Runs a source once that gives one reply.
async fn ingest_reply(table: &str, reply: Reply) -> Ingest {
    let publisher = Publisher::serve(move |_| reply.clone()).await;
    let mut ingest = Ingest::new().await;
    ingest.configure("[sink]\nmax_bad_ratio = 1");
    ingest.declare(&publisher, table);
    ingest.run(&[]).await.expect(0);
    ingest
}

#[tokio::test]
async fn lines_arrays_and_archives_are_stored_like_a_package() {
    let items = make_releases(0..4);
    let lines = items.join("\n");
    let packages = [package(&items[..2], ""), package(&items[2..], "")];
    let packed = zip(&[
        ("a.json", &packages[0]),
        ("b.jsonl", &items[2..].join("\n")),
    ]);
    for body in [
        lines.clone().into_bytes(),
        packages.join("").into_bytes(),
        format!("[{}]", packages.join(",")).into_bytes(),
        packed,
    ] {
        let ingest = ingest_reply("", Reply::json(body)).await;
        assert_eq!(ingest.column(IDS).await, ["0", "1", "2", "3"]);
        assert_eq!(ingest.count("quarantine").await, 0);
    }
    // A gzip file that is compressed again for transport.
    let file = Reply::json(lines)
        .with_encoding(Encoding::Gzip)
        .encoded_body()
        .await;
    let ingest = ingest_reply("", Reply::json(file).with_encoding(Encoding::Gzip)).await;
    assert_eq!(ingest.column(IDS).await, ["0", "1", "2", "3"]);
}

#[tokio::test]
async fn an_unreadable_document_is_rejected_alone() {
    let packed = zip(&[
        ("2026/01.json", &*package(&make_releases(0..2), "")),
        ("2026/02.json", ""),
        ("2026/03.json", "<html>gone</html>"),
        ("2026/04.json", &*package(&["null".into(), release(2)], "")),
    ]);
    let ingest = ingest_reply("", Reply::json(packed)).await;
    assert_eq!(ingest.column(IDS).await, ["0", "1", "2"]);
    let mut kept = ingest.column(QUARANTINE).await;
    kept.sort();
    assert_eq!(
        kept,
        [
            "not-an-object /2026~104.json/releases/0 null",
            "unreadable-document /2026~102.json ",
            "unreadable-document /2026~103.json <html>gone</html>",
        ]
    );
    let message = "select message from ocds.quarantine where pointer like '%03.json'";
    assert_eq!(ingest.value(message).await, "the document is an HTML page");
    assert_eq!(ingest.value("select quarantined from ocds.page").await, "3");
}

#[tokio::test]
async fn a_replay_reads_a_rejected_document_again() {
    let odd = format!("{{\"entries\":[{},null]}}", release(1));
    let lines = format!("{}\n{odd}\n", release(0));
    let publisher = Publisher::serve(move |_| Reply::json(lines.clone())).await;
    let mut ingest = Ingest::new().await;
    ingest.configure("[sink]\nmax_bad_ratio = 1");
    ingest.declare(&publisher, "");
    ingest.run(&[]).await.expect(0);
    let open = format!("unreadable-document /1 {odd}");
    assert_eq!(ingest.column(QUARANTINE).await, [open.as_str()]);
    let replay = &["quarantine", "replay", "--json"];
    ingest.call(replay).await.expect(0);
    assert_eq!(ingest.column(QUARANTINE).await, [open.as_str()]);

    ingest.declare(&publisher, r#"items = ["/releases/*", "/entries/*", ""]"#);
    ingest.call(replay).await.expect(0);
    assert_eq!(ingest.column(IDS).await, ["0", "1"]);
    assert_eq!(
        ingest.column(QUARANTINE).await,
        [
            &format!("{open} replayed"),
            "not-an-object /1/entries/1 null"
        ]
    );
}

#[tokio::test]
async fn text_in_another_charset_is_stored_as_utf_8() {
    let body = package(&[release(0).replace("Works", "Caf\u{e9}")], "");
    let latin: Vec<u8> = body.chars().map(|c| u8::try_from(c).unwrap()).collect();
    let title = "select tender_title || ' ' || (data #>> '{tender,title}') from ocds.release";
    let latin1 = "application/json; charset=ISO-8859-1";
    let served = |content_type: &str, body: &[u8]| {
        Reply::status(200)
            .header("content-type", content_type)
            .body(body.to_vec())
    };
    for (table, reply) in [
        ("", served(latin1, &latin)),
        // The charset in the header is wrong.
        ("", served(latin1, body.as_bytes())),
        (
            "decode = { charset = \"iso-8859-1\" }",
            served("application/json; charset=utf-8", &latin),
        ),
    ] {
        let ingest = ingest_reply(table, reply).await;
        assert_eq!(ingest.value(title).await, "Caf\u{e9} 0 Caf\u{e9} 0");
    }
    // Without a declared charset only this item is rejected.
    let both = package(&[release(0).replace("Works", "Caf\u{e9}"), release(1)], "");
    let latin: Vec<u8> = both.chars().map(|c| u8::try_from(c).unwrap()).collect();
    let ingest = ingest_reply("", Reply::json(latin)).await;
    assert_eq!(ingest.column(IDS).await, ["1"]);
    let reason = "select reason from ocds.quarantine";
    assert_eq!(ingest.value(reason).await, "invalid-utf8");
}

#[tokio::test]
async fn commas_that_are_too_many_are_told_once_and_counted() {
    let list = [release(0), String::new(), release(1), String::new()].join(",");
    for (body, table, places) in [
        (format!(r#"{{"uri":"u","releases":[{list}]}}"#), "", 2),
        (
            format!(r#"[{{"uri":"u","releases":[{list}]}},{{"uri":"v","releases":[{list}]}}]"#),
            "",
            4,
        ),
        (format!("[{}]", release(0)), "", 0),
    ] {
        let publisher = Publisher::serve(move |_: &Request| Reply::json(body.clone())).await;
        let ingest = Ingest::with_source(&publisher, table).await;
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("ocds.prom");
        let option = format!("--metrics-file={}", path.display());
        let ran = ingest.run(&[&option]).await.expect(0);
        assert_eq!(
            ran.stderr.matches("a comma too many").count(),
            usize::from(places > 0)
        );
        let metrics = std::fs::read_to_string(&path).unwrap();
        let counted = format!("ocds_extra_commas_total{{source=\"{SOURCE}\"}} {places}");
        assert!(metrics.contains(&counted), "{metrics}");
        assert_eq!(ingest.count("quarantine").await, 0);
    }
}

#[tokio::test]
async fn a_stray_byte_costs_no_release_where_the_source_asks_for_that() {
    let items = [
        release(0).replace("Works", "Caf\u{e9} \u{1}"),
        release(1).replace("Works", "Stra\u{df}e"),
    ];
    let body = package(&items, "").into_bytes();
    // one byte of Windows-1252 in a text that is otherwise UTF-8
    let served: Vec<u8> = body
        .iter()
        .map(|b| if *b == 1 { 0x80 } else { *b })
        .collect();
    let ingest = ingest_reply(
        "decode = { repair = [\"invalid-utf8\"] }",
        Reply::json(served),
    )
    .await;
    let titles = "select concat_ws(' ', tender_title, repairs) from ocds.release order by ocid";
    assert_eq!(
        ingest.column(titles).await,
        ["Caf\u{e9} \u{20ac} 0 {invalid-utf8}", "Stra\u{df}e 1"]
    );
    let kept =
        "select encode(served, 'hex') like '%2080%' from ocds.release where served is not null";
    assert_eq!(ingest.value(kept).await, "t");
    assert_eq!(ingest.count("quarantine").await, 0);
}

#[tokio::test]
async fn the_first_document_of_a_page_has_the_next_link() {
    let publisher = Publisher::serve(|request| {
        let page: usize = request
            .query("page")
            .map_or(1, |page| page.parse().unwrap());
        let link = match page {
            3 => String::new(),
            _ => format!(r#","links":{{"next":"?page={}"}}"#, page + 1),
        };
        let first = package(&make_releases(page * 10..page * 10 + 4 - page), &link);
        let second = package(&[release(page * 10 + 9)], "");
        Reply::json(zip(&[("1.json", &first), ("2.json", &second)]))
    })
    .await;
    let ingest = Ingest::with_source(&publisher, LINK).await;
    ingest.run(&[]).await.expect(0);
    assert_eq!(ingest.count("page").await, 3);
    assert_eq!(ingest.count("release").await, 4 + 3 + 2);
}

#[tokio::test]
async fn an_archive_over_a_limit_is_fetched_once_and_does_not_end_the_feed() {
    let bomb = zip(&[("a.json", &format!("[\"{}\"]", " ".repeat(4 << 20)))]);
    let first = package(&make_releases(0..1), r#","total_pages":2"#);
    let publisher = Publisher::serve(move |request| match request.query("page").as_deref() {
        Some("2") => Reply::json(bomb.clone()),
        _ => Reply::json(first.clone()),
    })
    .await;
    let ingest = Ingest::with_source(&publisher, NUMBER).await;
    ingest.run(&[]).await.expect(4);
    assert_eq!(publisher.requests().len(), 2);
    let message = "select message from ocds.quarantine where reason = 'unreadable-page'";
    let message = ingest.value(message).await;
    assert!(message.contains("fetch.max_ratio"), "{message}");
}
