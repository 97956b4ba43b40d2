//! Tests what was never a release: it is passed over and counted apart, and data that cannot be
//! read is not taken for it. Also tests which releases are compiled ones.

use ocds_ingest::config;
use ocds_ingest::database::migrate;
use serde_json::json;

use crate::harness::{Ingest, SOURCE, connect};
use crate::publisher::{Publisher, Reply, package, release, zip};

/// The reason and pointer of each row of the quarantine.
const KEPT: &str = "select concat_ws(' ', reason, pointer, octet_length(document))
    from ocds.quarantine order by reason, pointer collate \"C\"";

const RELEASES: &str = "select concat_ws(' ', ocid, release_id, repairs) from ocds.release
    order by ocid, release_id";

const COMPILED: &str = "select concat_ws(' ', ocid, data ->> 'date', repairs)
    from ocds.publisher_compiled order by ocid";

/// Prepares a source that serves one body.
async fn serve_body(body: impl Into<Vec<u8>>, table: &str) -> (Publisher, Ingest) {
    let body = body.into();
    let publisher = Publisher::serve(move |_| Reply::json(body.clone())).await;
    let ingest = Ingest::with_source(&publisher, table).await;
    (publisher, ingest)
}

/// Writes a file into the directory of the program, and loads it.
fn write_file(ingest: &Ingest, name: &str, content: &[u8]) -> String {
    let path = ingest.directory.path().join(name);
    std::fs::write(&path, content).unwrap();
    path.to_str().unwrap().to_owned()
}

/// Makes an archive with these data and what publishers put beside data.
fn archive_with_side_files(data: &[u8]) -> Vec<u8> {
    zip(&[
        ("READ ME", &b"Read this first"[..]),
        ("data/terms.pdf", b"%PDF-1.7"),
        ("data/2026.json", data),
        ("__MACOSX/data/._2026.json", b"\0\x05\x16\x07"),
        ("data/2026.csv", b"ocid,id\n"),
        ("datapackage.json", br#"{"resources":[{"name":"ocid"}]}"#),
    ])
}

const SIDE_FILES: [&str; 4] = [
    "side-file /READ ME 15",
    "side-file /datapackage.json 31",
    "side-file /data~12026.csv 8",
    "side-file /data~1terms.pdf 8",
];

#[tokio::test]
async fn side_files_of_an_archive_are_counted_apart() {
    let data = package(&[release(1), release(2)], "");
    let (_publisher, mut ingest) = serve_body(archive_with_side_files(data.as_bytes()), "").await;
    let metrics = ingest.directory.path().join("metrics.prom");
    let option = format!("--metrics-file={}", metrics.display());
    let ran = ingest.run(&[&option]).await.expect(0);
    assert_eq!(ran.counts(), "2 inserted");
    assert_eq!(ran.report()["passed_over"], 5);
    ran.expect_log("5 side-file");
    assert_eq!(ingest.column(KEPT).await, SIDE_FILES);
    let counts = "select concat_ws(' ', releases, quarantined, passed_over) from ocds.page";
    assert_eq!(ingest.value(counts).await, "2 0 5");
    let text = std::fs::read_to_string(metrics).unwrap();
    let series = format!(r#"ocds_passed_over_total{{source="{SOURCE}",reason="side-file"}} 5"#);
    assert!(text.lines().any(|line| line == series), "{text}");

    // They are no rejects.
    let list = ingest.call(&["quarantine", "list"]).await.expect(0).text();
    assert_eq!(list, "nothing is in quarantine\n");
    for option in ["--passed-over", "--reason=side-file"] {
        let list = ["quarantine", "list", option, "--json"];
        let listed = ingest.call(&list).await.expect(0).parse_lines();
        assert_eq!(listed.len(), 4, "{option}");
    }
    let replayed = ingest.call(&["quarantine", "replay"]).await.expect(0);
    assert_eq!(replayed.text(), "nothing to replay\n");
    let status = ingest.call(&["status", "--json"]).await.expect(0).report();
    assert_eq!(
        (&status["quarantined"], &status["passed_over"]),
        (&json!(0), &json!(5))
    );

    // The next run meets the same.
    let ran = ingest.run(&[]).await.expect(0);
    assert_eq!(ran.counts(), "2 unchanged");
    assert_eq!(ran.report()["passed_over"], 5);
    assert_eq!(ingest.column(KEPT).await, SIDE_FILES);
    ingest.configure("[sink]\nmax_bad_ratio = 0.0");
    ingest.run(&[]).await.expect(0);
}

#[tokio::test]
async fn side_files_of_a_file_are_counted_whatever_its_size() {
    let small = package(&[release(1), release(2)], "");
    let many: Vec<String> = (0..6_000)
        .map(|i| release(i).replace("Works", &"w".repeat(1_000)))
        .collect();
    for (data, count) in [(small, 2), (package(&many, ""), 6_000)] {
        let mut ingest = Ingest::new().await;
        ingest.declare_as(SOURCE, "https://publisher.example/", "");
        let path = write_file(
            &ingest,
            "all.zip",
            &archive_with_side_files(data.as_bytes()),
        );
        let load = ["load", SOURCE, &path, "--json"];
        let report = ingest.call(&load).await.expect(0).report();
        assert_eq!(report["inserted"], count, "{report}");
        assert_eq!(report["passed_over"], 5, "{report}");
        assert_eq!(report["quarantined"], 0, "{report}");
        assert_eq!(ingest.column(KEPT).await, SIDE_FILES);
    }
}

#[tokio::test]
async fn an_archive_without_data_is_no_success() {
    let packed = zip(&[("READ ME", "Read this first"), ("2026.csv", "ocid,id\n")]);
    let (_publisher, mut ingest) = serve_body(packed.clone(), "").await;
    ingest.run(&[]).await.expect(4);
    ingest.declare_as("files", "https://publisher.example/", "");
    let path = write_file(&ingest, "all.zip", &packed);
    ingest.call(&["load", "files", &path]).await.expect(4);
    let rejects = "select concat_ws(' ', reason, message) from ocds.quarantine";
    assert_eq!(
        ingest.column(rejects).await,
        ["unreadable-page an archive of 2 files, none of which is data"; 2]
    );
    // A filter that selects nothing is said.
    let table = "decode.members = { matching = 'json$' }";
    let (_publisher, ingest) = serve_body(packed, table).await;
    ingest.run(&[]).await.expect(4);
    let message = ingest.value("select message from ocds.quarantine").await;
    assert!(message.contains("decode.members"), "{message}");
}

#[tokio::test]
async fn data_that_cannot_be_read_is_refused_beside_side_files() {
    let packed = zip(&[
        ("READ ME", "Read this first"),
        ("1.json", &package(&[release(1)], "")),
        ("2.json", r#"{"releases":[{"ocid":"o","#),
        ("3.txt", r#"{"releases":[{"ocid":"o","#),
    ]);
    let (_publisher, mut ingest) = serve_body(packed.clone(), "").await;
    let ran = ingest.run(&[]).await.expect(5);
    assert_eq!(ran.counts(), "1 inserted, 2 quarantined");
    assert_eq!(ran.report()["passed_over"], 1);
    ingest.declare_as("files", "https://publisher.example/", "");
    let path = write_file(&ingest, "all.zip", &packed);
    let load = ["load", "files", &path, "--json"];
    let ran = ingest.call(&load).await.expect(5);
    assert_eq!(ran.counts(), "1 inserted, 2 quarantined");
    assert_eq!(ran.report()["passed_over"], 1);
}

#[tokio::test]
async fn members_are_selected_by_name_in_pages_and_files() {
    let packed = zip(&[
        ("releases/1.json", release(1)),
        ("compiled/1.json", release(2)),
        ("READ ME", "Read this first".into()),
    ]);
    let table = "decode.members = { matching = 'json$', except = '^compiled/' }";
    let (_publisher, mut ingest) = serve_body(packed.clone(), table).await;
    ingest.run(&[]).await.expect(0);
    ingest.declare_as("files", "https://publisher.example/", table);
    let path = write_file(&ingest, "all.zip", &packed);
    let load = ["load", "files", &path, "--json"];
    let report = ingest.call(&load).await.expect(0).report();
    assert_eq!(report["passed_over"], 0, "{report}");
    let stored = "select source || ' ' || release_id from ocds.release order by 1";
    assert_eq!(ingest.column(stored).await, ["files 1", "zambia 1"]);
    assert_eq!(ingest.count("quarantine").await, 0);
}

/// Prepares an index of items, of which those from `first_missing` on do not exist.
async fn prepare_index(count: usize, first_missing: usize) -> (Publisher, Ingest) {
    let publisher = Publisher::serve(move |request| match request.path() {
        "/index" => Reply::json(json!((0..count).collect::<Vec<_>>()).to_string()),
        path => match path[1..].parse().unwrap() {
            i if i < first_missing => Reply::json(release(i)),
            i => Reply::status(if i % 2 == 0 { 404 } else { 410 }),
        },
    })
    .await;
    let ingest = Ingest::with_definition(&format!(
        "url = \"{}\"\ndetail = {{ each = \"/*\", url = \"{}\" }}",
        publisher.url("/index"),
        publisher.url("/{item}"),
    ))
    .await;
    (publisher, ingest)
}

#[tokio::test]
async fn documents_that_do_not_exist_are_passed_over() {
    let (publisher, ingest) = prepare_index(30, 20).await;
    let ran = ingest.run(&[]).await.expect(0);
    assert_eq!(ran.counts(), "20 inserted");
    assert_eq!(ran.report()["passed_over"], 10);
    assert_eq!(
        ingest
            .count("quarantine where reason = 'missing-document'")
            .await,
        10
    );

    // Those that appear are not missing any more.
    publisher.set_script(|request| match request.path() {
        "/index" => Reply::json(json!((0..30).collect::<Vec<_>>()).to_string()),
        path => Reply::json(release(path[1..].parse().unwrap())),
    });
    let ran = ingest.run(&[]).await.expect(0);
    assert_eq!(ran.counts(), "10 inserted, 20 unchanged");
    let open = "quarantine where resolved_at is null";
    assert_eq!(ingest.count(open).await, 0);
}

#[tokio::test]
async fn an_index_of_nothing_but_missing_documents_is_no_success() {
    let (_publisher, ingest) = prepare_index(12, 0).await;
    let ran = ingest.run(&[]).await.expect(5);
    ran.expect_log("12 documents do not exist, and no other was found");
    let (_publisher, ingest) = prepare_index(3, 0).await;
    ingest.run(&[]).await.expect(0);
}

#[tokio::test]
async fn a_document_that_is_refused_stays_a_reject() {
    let publisher = Publisher::serve(|request| match request.path() {
        "/index" => Reply::json(r#"["a", "b"]"#),
        "/a" => Reply::json(release(1)),
        _ => Reply::status(422),
    })
    .await;
    let ingest = Ingest::with_definition(&format!(
        "url = \"{}\"\ndetail = {{ each = \"/*\", url = \"{}\" }}",
        publisher.url("/index"),
        publisher.url("/{item}"),
    ))
    .await;
    let ran = ingest.run(&[]).await.expect(5);
    assert_eq!(ran.counts(), "1 inserted, 1 quarantined");
    assert_eq!(ingest.column(KEPT).await, ["unfetched-document b 1"]);
}

#[tokio::test]
async fn what_a_record_has_besides_its_compiled_release_is_passed_over() {
    let link = r#"{"id":"1","url":"https://publisher.example/1","details":{"tender":{}}}"#;
    let versioned = r#"{"ocid":"a","tender":{"title":[{"value":"old"}]}}"#;
    let compiled = r#"{"id":"c","tag":["compiled"]}"#;
    let body = format!(
        r#"{{"version":"1.1","records":[
            {{"ocid":"a","releases":[{link},{link}],"compiledRelease":{compiled},"versionedRelease":{versioned}}},
            {{"ocid":"b","releases":[{link}],"versionedRelease":{versioned}}},
            {{"ocid":"c","releases":[{{"id":"1","tag":["tender"]}},{link}]}}]}}"#
    );
    let (_publisher, ingest) = serve_body(body, "").await;
    let ran = ingest.run(&["--max-bad-ratio", "1"]).await.expect(0);
    assert_eq!(ran.counts(), "2 inserted, 2 quarantined");
    assert_eq!(ran.report()["passed_over"], 3);
    ran.expect_log("2 included-link, 1 versioned-release");
    ran.expect_log("2 ocid-of-record");
    assert_eq!(ingest.column(COMPILED).await, ["a {ocid-of-record}"]);
    assert_eq!(ingest.column(RELEASES).await, ["c 1 {ocid-of-record}"]);
    let served = "select convert_from(served, 'UTF8') || (data ->> 'ocid')
        from ocds.publisher_compiled";
    assert_eq!(ingest.value(served).await, format!("{compiled}a"));
    let kept = "select concat_ws(' ', reason, pointer, ocid, document like '%old%')
        from ocds.quarantine order by pointer";
    assert_eq!(
        ingest.column(kept).await,
        [
            "versioned-release /records/0/versionedRelease a t",
            "empty-record /records/1 b t",
            "linked-release /records/2/releases/1 c f",
        ]
    );
    // A replay tries only the rejects, and neither can be stored.
    let replay = ["quarantine", "replay", "--json"];
    let report = ingest.call(&replay).await.expect(0).report();
    assert_eq!(
        (&report["rejects"], &report["quarantined"]),
        (&json!(2), &json!(2))
    );
    assert_eq!(ran.counts(), "2 inserted, 2 quarantined");
}

#[tokio::test]
async fn a_replay_gives_a_release_the_ocid_of_its_record() {
    let body = r#"{"records":[{"ocid":"a","compiledRelease":{"id":"c","title":"x\u0000"}}]}"#;
    let (publisher, mut ingest) = serve_body(body, "").await;
    ingest.run(&["--max-bad-ratio", "1"]).await.expect(0);
    ingest.declare(&publisher, "decode = { repair = [\"nul\"] }");
    let replay = ["quarantine", "replay", "--json"];
    let report = ingest.call(&replay).await.expect(0).report();
    assert_eq!(report["inserted"], 1, "{report}");
    assert_eq!(ingest.column(COMPILED).await, ["a {nul,ocid-of-record}"]);
    // The page itself gives the same.
    assert_eq!(ingest.run(&[]).await.expect(0).counts(), "1 unchanged");
}

#[tokio::test]
async fn an_ocid_that_only_the_id_tells_is_taken_from_it() {
    let body =
        r#"{"version":"1.1","releases":[{"id":"ocds-x-12-01"},{"ocid":"ocds-x-13","id":"1"}]}"#;
    let table = "items = { ocid_from_id = '^(ocds-[^-]+-[^-]+)-' }";
    let (_publisher, ingest) = serve_body(body, table).await;
    let ran = ingest.run(&[]).await.expect(0);
    ran.expect_log("1 ocid-of-id");
    let expected = ["ocds-x-12 ocds-x-12-01 {ocid-of-id}", "ocds-x-13 1"];
    assert_eq!(ingest.column(RELEASES).await, expected);
}

#[tokio::test]
async fn both_lists_of_a_document_are_stored_whatever_its_size() {
    let records = r#""records":[{"ocid":"r","compiledRelease":{"ocid":"r"}}]"#;
    let many: Vec<String> = (0..6_000)
        .map(|i| release(i).replace("Works", &"w".repeat(1_000)))
        .collect();
    for (releases, count) in [(&many[..2], 2), (&many[..], 6_000)] {
        let releases = format!(r#""releases":[{}]"#, releases.join(","));
        for body in [
            format!(r#"{{"version":"1.1",{records},{releases}}}"#),
            format!(r#"{{"version":"1.1",{releases},{records},"uri":"u"}}"#),
        ] {
            let mut ingest = Ingest::new().await;
            ingest.declare_as(SOURCE, "https://publisher.example/", "");
            let path = write_file(&ingest, "both.json", body.as_bytes());
            let load = ["load", SOURCE, &path, "--json"];
            let report = ingest.call(&load).await.expect(0).report();
            assert_eq!(report["inserted"], count + 1, "{report}");
            assert_eq!(ingest.column(COMPILED).await, ["r"]);
            // What is stored as releases is not kept with the page.
            let package = "page where package -> 'records' <> '[]'";
            assert_eq!(ingest.count(package).await, 0);
        }
    }
}

#[tokio::test]
async fn no_list_of_a_document_is_lost_whatever_its_size() {
    let record =
        |ocid: &str| format!(r#"{{"ocid":"{ocid}","compiledRelease":{{"ocid":"{ocid}"}}}}"#);
    let [r, s, t] = ["r", "s", "t"].map(record);
    let damaged = r#"{"ocid":"x","title":"6" pipe","tag":[]}"#;
    let lone = r#"{"ocid":"lone","id":"1"}"#;
    let many: Vec<String> = (0..6_000)
        .map(|i| release(i).replace("Works", &"w".repeat(1_000)))
        .collect();
    for count in [2, 6_000] {
        let (first, rest) = many[..count].split_at(1);
        let (first, rest) = (&first[0], rest.join(","));
        let body = format!(
            r#"{{"version":"1.1","records":{lone},"releases":[{first}],"records":[{r}],
            "releases":[{rest}],"records":[{s},{damaged},{t}],"records":null,"uri":"u"}}"#
        );
        let mut ingest = Ingest::new().await;
        ingest.declare_as(SOURCE, "https://publisher.example/", "");
        let path = write_file(&ingest, "lists.json", body.as_bytes());
        let load = ["load", SOURCE, &path, "--json", "--max-bad-ratio", "1"];
        let report = ingest.call(&load).await.expect(0).report();
        assert_eq!(report["inserted"], count + 3, "{report}");
        assert_eq!(report["quarantined"], 2, "{report}");
        assert_eq!(ingest.column(COMPILED).await, ["r", "s", "t"]);
        let damage = format!("invalid-json /records/2 {}", damaged.len());
        let object = format!("other-kind /records {}", lone.len());
        assert_eq!(ingest.column(KEPT).await, [damage, object]);
        // A replay reads the object as the release that it is.
        let replay = ["quarantine", "replay", "--json"];
        let report = ingest.call(&replay).await.expect(0).report();
        assert_eq!(report["inserted"], 1, "{report}");
    }
}

#[tokio::test]
async fn white_space_and_arrays_of_arrays_are_no_side_files() {
    let blank = "\n".repeat(5_000);
    let packed = zip(&[
        ("late", format!("{blank}{}", release(1))),
        ("blank", blank),
        ("table", r#"[["ocid","id"],["a","1"]]"#.to_owned()),
    ]);
    let (_publisher, mut ingest) = serve_body(packed.clone(), "").await;
    let ran = ingest.run(&["--max-bad-ratio", "1"]).await.expect(0);
    assert_eq!(ran.counts(), "1 inserted, 2 quarantined");
    assert_eq!(ran.report()["passed_over"], 1);
    ingest.declare_as("files", "https://publisher.example/", "");
    let path = write_file(&ingest, "all.zip", &packed);
    let load = ["load", "files", &path, "--json", "--max-bad-ratio", "1"];
    let ran = ingest.call(&load).await.expect(0);
    assert_eq!(ran.counts(), "1 inserted, 2 quarantined");
    assert_eq!(ran.report()["passed_over"], 1);
}

/// Makes a compiled release as the standard's merge makes it.
fn merged(ocid: &str, date: &str) -> String {
    json!({"ocid": ocid, "id": format!("{ocid}-{date}"), "date": date, "tag": ["compiled"]})
        .to_string()
}

#[tokio::test]
async fn a_process_has_one_current_state_in_monthly_downloads() {
    let mut ingest = Ingest::new().await;
    ingest.declare_as(SOURCE, "https://publisher.example/", "");
    let march = [merged("a", "2026-03-01"), merged("b", "2026-03-02")].join("\n");
    let april = [merged("a", "2026-04-01"), merged("c", "2026-04-03")].join("\n");
    for (name, lines) in [("march.jsonl", march), ("april.jsonl", april)] {
        let path = write_file(&ingest, name, lines.as_bytes());
        let loaded = ingest.call(&["load", SOURCE, &path]).await.expect(0);
        loaded.expect_log("2 compiled-by-id");
    }
    assert_eq!(
        ingest.column(COMPILED).await,
        ["a 2026-04-01", "b 2026-03-02", "c 2026-04-03"]
    );
    assert_eq!(ingest.count("release").await, 0);
}

#[tokio::test]
async fn a_source_says_that_what_is_tagged_compiled_is_a_state() {
    let body = |id: usize| format!(r#"[{{"ocid":"a","id":{id},"tag":["compiled"]}}]"#);
    let (publisher, mut ingest) = serve_body(body(1), "").await;
    ingest.run(&[]).await.expect(0);
    assert_eq!(ingest.column(RELEASES).await, ["a 1"]);
    ingest.declare(&publisher, "items = { compiled = true }");
    ingest.run(&[]).await.expect(0);
    publisher.set_script(move |_| Reply::json(body(2)));
    ingest.run(&[]).await.expect(0);
    assert_eq!(ingest.column(COMPILED).await, ["a"]);
    let id = "select data ->> 'id' from ocds.publisher_compiled";
    assert_eq!(ingest.value(id).await, "2");
}

#[tokio::test]
async fn an_upgrade_moves_states_that_were_stored_as_releases() {
    let ingest = Ingest::without_schema().await;
    let migrations = migrate::built_in_migrations().unwrap();
    let is_this = |migration: &migrate::Migration| migration.name == "passed_over";
    let before = migrations.iter().position(is_this).unwrap();
    let settings = config::Database::default();
    let mut client = connect(&ingest.url).await;
    migrate::apply(&mut client, &migrations[..before], &settings)
        .await
        .unwrap();
    let insert = |table: &str, ocid: &str, id: &str, date: &str, tag: &str, nth: usize| {
        let data = json!({"ocid": ocid, "id": id, "date": date, "nth": nth});
        let (key, columns, values) = match table {
            "release" => (
                "release_id",
                ", award_count, contract_count, supplier_names",
                ", 0, 0, '{}'",
            ),
            _ => ("origin", "", ""),
        };
        let key_value = if table == "release" { id } else { "publisher" };
        format!(
            "insert into ocds.{table} (source, ocid, {key}, date, tag, content_hash, run_id,
                page_number, first_seen_at, fetched_at, data{columns})
            values ('s', '{ocid}', '{key_value}', '{date}', '{tag}', '\\x0{nth}', 1, 1,
                '2026-05-0{nth}', '2026-05-0{nth}', '{data}'{values});"
        )
    };
    let day = "2026-01-01";
    for sql in [
        // three states of one process, of which the second is the newest
        insert("release", "a", "a-2026-01-01", day, "{compiled}", 1),
        insert(
            "release",
            "a",
            "a-2026-03-01",
            "2026-03-01",
            "{compiled}",
            2,
        ),
        insert(
            "release",
            "a",
            "a-2026-02-01",
            "2026-02-01",
            "{compiled}",
            3,
        ),
        // older, and newer, than the compiled release that is stored
        insert("release", "b", "b-2026-01-01", day, "{compiled}", 4),
        insert("compiled_release", "b", "x", "2026-02-01", "{compiled}", 5),
        insert("release", "c", "c-2026-01-01", day, "{compiled}", 6),
        insert("compiled_release", "c", "x", "2025-02-01", "{compiled}", 7),
        // releases
        insert("release", "d", "d-2026-01-01", day, "{tender}", 8),
        insert("release", "e", "e-2025", day, "{compiled}", 9),
    ] {
        client.batch_execute(&sql).await.unwrap();
    }
    let missing = |pointer: &str, status: u16| {
        format!(
            "insert into ocds.quarantine (source, document_hash, pointer, reason, message, url,
                run_id, page_number, seen, first_seen_at, last_seen_at, document)
            values ('s', '', '{pointer}', 'missing-document', 'what the page names could not be \
            had: status {status}', '', 1, 1, 1, now(), now(), '')"
        )
    };
    for (pointer, status) in [("gone", 404), ("refused", 400)] {
        client
            .batch_execute(&missing(pointer, status))
            .await
            .unwrap();
    }
    migrate::apply(&mut client, &migrations, &settings)
        .await
        .unwrap();

    assert_eq!(
        ingest.column(RELEASES).await,
        ["d d-2026-01-01", "e e-2025"]
    );
    let compiled = "select concat_ws(' ', ocid, data ->> 'nth', first_seen_at::date)
        from ocds.publisher_compiled order by ocid";
    assert_eq!(
        ingest.column(compiled).await,
        ["a 2 2026-05-01", "b 5 2026-05-05", "c 6 2026-05-07"]
    );
    let kept = "select concat_ws(' ', ocid, release_id, resolution,
            convert_from(document, 'UTF8')::jsonb ->> 'nth')
        from ocds.quarantine where reason = 'superseded' order by ocid, document";
    assert_eq!(
        ingest.column(kept).await,
        [
            "a a-2026-01-01 stored 1",
            "a a-2026-02-01 stored 3",
            "b b-2026-01-01 stored 4",
            "c  stored 7",
        ]
    );
    let reasons = "select concat_ws(' ', pointer, reason) from ocds.quarantine
        where reason <> 'superseded' order by 1";
    assert_eq!(
        ingest.column(reasons).await,
        ["gone missing-document", "refused unfetched-document"]
    );
}
