//! Tests the sink: the columns of a stored release, and releases that PostgreSQL refuses.

use ocds_ingest::database::Database;
use ocds_ingest::ledger::Lease;
use ocds_ingest::page::Page;
use ocds_ingest::release::COLUMNS;
use ocds_ingest::sink::{FETCHED, Sink, TABLE};
use ocds_ingest::source::Overwrite;
use ocds_ingest::{config, extract, ledger};

use crate::dice::random_text;
use crate::harness::{Ingest, LINK, open_database};
use crate::publisher::{Feed, Items, pages, release};

/// Returns a release that passes extraction and that the server refuses: its key is too long for
/// the index, and too random to be compressed. It has the same sort order as [`release`] with
/// this number.
pub(crate) fn refused_release(seed: usize) -> String {
    let ocid = format!("ocds-213czf-{seed}{}", random_text(seed, 9_000));
    format!(r#"{{"ocid":"{ocid}","id":"{seed}"}}"#)
}

const FULL_RELEASE: &str = r#"{
    "ocid": "ocds-213czf-1", "id": 12, "date": "2026-03-01T12:00:00+02:00",
    "tag": "award", "initiationType": "tender", "language": "en",
    "buyer": {"id": "GB-1", "name": "The Buyer"},
    "tender": {
        "id": "t-1", "title": "Straße", "status": "complete", "procurementMethod": "open",
        "mainProcurementCategory": "works",
        "value": {"amount": "1234567890123.45", "currency": "GBP"},
        "tenderPeriod": {"startDate": "2026-01-01T00:00:00Z", "endDate": "2026-02-01"}
    },
    "awards": [
        {"suppliers": [{"name": "A Ltd"}, {"name": "B Ltd"}]},
        {"suppliers": [{"name": "A Ltd"}]}
    ],
    "contracts": [{"id": 1, "value": {"amount": 0.1000}}],
    "unknown": {"b": 1, "a": [1.50, 1e2, 123456789012345678901234567890]}
}"#;

#[tokio::test]
async fn a_stored_release_has_its_columns_and_its_data() {
    let publisher = Feed::link(vec![vec![FULL_RELEASE.into()]]).serve().await;
    let ingest =
        Ingest::with_source(&publisher, &format!("{LINK}\nzone = \"Europe/London\"")).await;
    ingest.run(&[]).await.expect(0);
    for (column, value) in [
        ("source", "zambia"),
        ("ocid", "ocds-213czf-1"),
        ("release_id", "12"),
        ("date at time zone 'utc'", "2026-03-01 10:00:00"),
        ("tag", "{award}"),
        ("initiation_type", "tender"),
        ("language", "en"),
        ("buyer_id", "GB-1"),
        ("buyer_name", "The Buyer"),
        ("tender_id", "t-1"),
        ("tender_title", "Straße"),
        ("tender_status", "complete"),
        ("procurement_method", "open"),
        ("main_procurement_category", "works"),
        ("tender_value", "1234567890123.45"),
        ("tender_currency", "GBP"),
        ("tender_start at time zone 'utc'", "2026-01-01 00:00:00"),
        ("tender_end at time zone 'utc'", "2026-02-01 00:00:00"),
        ("award_count", "2"),
        ("contract_count", "1"),
        ("supplier_names", r#"{"A Ltd","B Ltd"}"#),
        ("run_id", "1"),
        ("page_number", "1"),
        (
            "first_seen_at <= now() and fetched_at <= first_seen_at",
            "t",
        ),
        ("length(content_hash)", "32"),
        // Numbers keep all their digits.
        (
            "data->'unknown'",
            r#"{"a": [1.50, 100, 123456789012345678901234567890], "b": 1}"#,
        ),
        ("data->'contracts'->0->'value'->>'amount'", "0.1000"),
    ] {
        let sql = format!("select {column} from ocds.release");
        assert_eq!(ingest.value(&sql).await, value, "{column}");
    }
    // a column that is missing above is seen here
    let names = COLUMNS.iter().map(|column| column.name);
    let names: Vec<_> = names
        .filter(|name| !["repairs", "served", "unread"].contains(name))
        .collect();
    let sql = format!("select num_nulls({}) from ocds.release", names.join(", "));
    assert_eq!(ingest.value(&sql).await, "0");
    let compression = "select coalesce(pg_column_compression(data), 'none') from ocds.release";
    assert!(["lz4", "none"].contains(&&*ingest.value(compression).await));
}

#[tokio::test]
async fn the_list_of_columns_is_that_of_the_table() {
    let ingest = Ingest::new().await;
    let sql = "select column_name || ' ' || udt_name from information_schema.columns
        where table_schema = 'ocds' and table_name = 'release'
            -- a page does not write it
            and column_name <> 'absent_since'
        order by 1";
    let names = FETCHED.shared.iter().chain(FETCHED.per_row);
    let mut listed: Vec<String> = names
        .map(|name| format!("{name} {}", TABLE.column(name).unwrap().r#type().name()))
        .collect();
    listed.sort();
    assert_eq!(ingest.column(sql).await, listed);
}

#[tokio::test]
async fn an_optional_field_of_a_wrong_type_loses_only_its_column() {
    let odd = r#"{"ocid":"o","id":"1","date":"soon","tag":{"a":1},"language":7,"buyer":"B",
        "tender":{"title":["x"],"value":{"amount":"about ten"},"tenderPeriod":[]},
        "awards":{"suppliers":"S"},"contracts":null}"#;
    let publisher = Feed::link(vec![vec![odd.into()]]).serve().await;
    let ingest = Ingest::with_source(&publisher, LINK).await;
    assert_eq!(ingest.run(&[]).await.expect(0).counts().inserted, 1);
    let sql = "select num_nulls(date, tag, buyer_id, buyer_name, tender_title, tender_value, tender_start) from ocds.release";
    assert_eq!(ingest.value(sql).await, "7");
}

/// Returns pages of a hundred releases. The server refuses one of each page, at another position
/// each time.
fn pages_with_refused(count: usize) -> Vec<Items> {
    let mut pages = pages(count, 100);
    for (number, page) in pages.iter_mut().enumerate() {
        let place = number * 37 % 100;
        page[place] = refused_release(number * 100 + place);
    }
    pages
}

#[tokio::test]
async fn a_row_that_the_server_refuses_is_rejected_alone() {
    let pages = pages_with_refused(20);
    let expected: Vec<String> = pages
        .iter()
        .enumerate()
        .map(|(number, page)| {
            let place = number * 37 % 100;
            format!(
                "refused 54000 {} /releases/{place} {}",
                number + 1,
                page[place]
            )
        })
        .collect();
    let publisher = Feed::link(pages).serve().await;
    let ingest = Ingest::with_source(&publisher, LINK).await;
    assert_eq!(
        ingest.run(&[]).await.expect(0).counts(),
        "1980 inserted, 20 quarantined"
    );
    assert_eq!(ingest.count("release").await, 1_980);
    let kept = "select concat_ws(' ', reason, sqlstate, page_number, pointer, convert_from(document, 'utf8'))
        from ocds.quarantine order by page_number";
    assert_eq!(ingest.column(kept).await, expected);

    // The next run meets them again and keeps them once.
    assert_eq!(
        ingest.run(&[]).await.expect(0).counts(),
        "1980 unchanged, 20 quarantined"
    );
    assert_eq!(ingest.count("quarantine where seen = 2").await, 20);
}

#[tokio::test]
async fn a_stored_release_after_new_ones_is_counted_and_not_rewritten() {
    let all = pages(3, 10);
    let publisher = Feed::link(vec![all[1].clone()]).serve().await;
    let mut ingest = Ingest::with_source(&publisher, LINK).await;
    ingest.configure("[sink]\nworkers = 1");
    ingest.run(&[]).await.expect(0);
    let versions = "select concat_ws(' ', ctid, xmin, release) from ocds.release
        where release_id::integer between 10 and 18 order by 1";
    let before = ingest.column(versions).await;

    let mut all = all;
    all[1][9] = crate::run::titled(19, "updated");
    let feed = Feed::link(all);
    publisher.set_script(move |request| feed.reply(request));
    assert_eq!(
        ingest.run(&[]).await.expect(0).counts(),
        "20 inserted, 1 updated, 9 unchanged"
    );
    assert_eq!(ingest.column(versions).await, before);
}

#[tokio::test]
async fn stored_releases_are_found_by_key_with_any_statistics() {
    let ingest = Ingest::new().await;
    let fill = |source: &str| {
        format!(
            "insert into ocds.release (
                source, ocid, release_id, award_count, contract_count, supplier_names,
                content_hash, run_id, page_number, first_seen_at, fetched_at, data
            )
            select '{source}', 'o-' || i, 'o-' || i, 0, 0, '{{}}', '', 1, 1, now(), now(), to_jsonb(repeat('x', 1000))
            from generate_series(1, 10000) as i"
        )
    };
    let keys: Vec<String> = (1..=100).map(|i| format!("o-{i}")).collect();
    let keys = format!("'{{{}}}'", keys.join(","));
    let hashes = include_str!("../../sql/sink/stored_release_hashes.sql");
    let prepare = format!("prepare hashes (text[], text[]) as {hashes}");
    ingest.execute(&prepare).await;
    for statistics in [
        // The statistics have no source.
        &format!(
            "alter table ocds.release set (autovacuum_enabled = false); {}; {}",
            fill("old"),
            fill("new")
        ),
        // The statistics lack the newer source.
        &format!(
            "truncate ocds.release; {}; analyze ocds.release; {}",
            fill("old"),
            fill("new")
        ),
        "analyze ocds.release",
    ] {
        ingest.execute(statistics).await;
        let explain = format!("explain execute hashes ({keys}, {keys})");
        let plan = ingest.column(&explain).await;
        let scans: Vec<&String> = plan.iter().filter(|line| line.contains("Scan")).collect();
        assert_eq!(scans.len(), 2, "{plan:#?}");
        assert!(scans[0].contains("Function Scan on key"), "{plan:#?}");
        assert!(
            scans[1].contains("Index Scan using release_pkey"),
            "{plan:#?}"
        );
    }
}

#[tokio::test]
async fn every_write_method_makes_the_same_tables() {
    let mut pages = pages_with_refused(2);
    pages.push(vec![release(1), release(2), release(2)]);
    pages.push((0..250).map(|i| crate::run::titled(i, "updated")).collect());
    // First and last, adjacent, and in several batches.
    let places = [0, 37, 120, 121, 249];
    pages.push(
        (0..250)
            .map(|i| match places.contains(&i) {
                true => refused_release(10_000 + i),
                false => release(10_000 + i),
            })
            .collect(),
    );
    let publisher = Feed::link(pages).serve().await;
    let mut expected = None;
    for settings in [
        "",
        "[sink]\nmethod = \"row\"",
        "[sink]\nmethod = \"copy\"",
        "[sink]\nmethod = \"copy\"\nbatch_size = 7",
        "[database]\nprepare = false",
        "[sink]\nbatch_size = 7",
        "[sink]\nbatch_bytes = 1000",
    ] {
        let mut ingest = Ingest::with_source(&publisher, LINK).await;
        ingest.configure(settings);
        let counts = ingest.run(&[]).await.expect(0).counts();
        let tables = ingest.read_tables().await;
        let (calm, same) = expected.get_or_insert((ingest.read_tables().await, counts));
        tables.expect_equal(calm, settings);
        assert_eq!(counts, *same, "{settings}");
        assert_eq!(counts.quarantined, 7, "{settings}");
    }
}

#[tokio::test]
async fn a_batch_with_more_parameters_than_a_statement_may_have_is_refused_at_the_start() {
    let mut ingest = Ingest::new().await;
    for rows in [5_000, i64::MAX] {
        ingest.configure(&format!("[sink]\nbatch_size = {rows}"));
        let ran = ingest.call(&["run", "find-a-tender"]).await.expect(2);
        ran.expect_log("sink.batch_size");
        ran.expect_log("65535");
    }
}

#[tokio::test]
async fn copy_without_prepared_statements_is_refused_at_the_start() {
    let mut ingest = Ingest::new().await;
    ingest.configure("[sink]\nmethod = \"copy\"\n[database]\nprepare = false");
    let ran = ingest.call(&["run", "find-a-tender"]).await.expect(2);
    ran.expect_log("sink.method");
}

/// Opens a sink without a run of the program, with its database and lease.
async fn open_sink(ingest: &Ingest) -> (Database, Lease, Sink) {
    let database = open_database(&ingest.url).await;
    let config = config::Config::default();
    let spec = ledger::RunSpec::incremental("my-source", "version 1");
    let claim = ledger::claim(&database, &spec, &config.lease)
        .await
        .unwrap();
    let sink = Sink::open(database.clone(), "my-source", &config, Overwrite::Always)
        .await
        .unwrap();
    (database, claim.lease, sink)
}

fn make_page(number: u64, body: String) -> Page {
    let mut page = Page::from_json("memory", body).unwrap();
    page.position.number = number;
    page
}

#[tokio::test]
async fn a_repeated_page_does_not_overwrite_later_pages() {
    let ingest = Ingest::new().await;
    let (database, lease, sink) = open_sink(&ingest).await;
    let commit = async |page: &Page| {
        let extracted = extract::extract(page, &extract::Options::default());
        let record = page.clone().into_record();
        let commit = sink.commit(&lease, &record, extracted.releases, extracted.rejects);
        commit.await.unwrap()
    };
    let older = make_page(1, format!("[{},null,{}]", release(1), refused_release(2)));
    let newer = make_page(2, format!("[{}]", crate::run::titled(1, "newer")));
    let first = commit(&older).await;
    assert_eq!((first.inserted, first.quarantined), (1, 2));
    assert_eq!(commit(&newer).await.updated, 1);
    let tables = ingest.read_tables().await;
    let versions = ingest.read_row_versions().await;

    assert_eq!(commit(&older).await, first);
    ingest
        .read_tables()
        .await
        .expect_equal(&tables, "sent again");
    assert_eq!(ingest.read_row_versions().await, versions);
    database.close().await.unwrap();
}

#[tokio::test]
async fn the_sink_stores_a_page_from_another_program() {
    let ingest = Ingest::new().await;
    let (database, lease, sink) = open_sink(&ingest).await;

    let page = make_page(1, format!("[{},null,{}]", release(1), release(2)));
    let extracted = extract::extract(&page, &extract::Options::default());
    let record = page.into_record();
    for _ in 0..2 {
        // The second time the page is stored already, and the counts are the same.
        let counts = sink
            .commit(
                &lease,
                &record,
                extracted.releases.clone(),
                extracted.rejects.clone(),
            )
            .await
            .unwrap();
        assert_eq!(
            (counts.releases, counts.inserted, counts.quarantined),
            (3, 2, 1)
        );
    }
    assert_eq!(ingest.count("release where source = 'my-source'").await, 2);
    assert_eq!(
        ingest.column("select seen from ocds.quarantine").await,
        ["1"]
    );
    database.close().await.unwrap();
}

#[tokio::test]
async fn compiled_releases_use_prepared_statements_as_releases_do() {
    let ingest = Ingest::new().await;
    let (database, lease, sink) = open_sink(&ingest).await;
    let page = make_page(1, format!("[{}]", release(1)));
    let extracted = extract::extract(&page, &extract::Options::default());
    let record = page.into_record();
    let commit = sink.commit(&lease, &record, extracted.releases, extracted.rejects);
    commit.await.unwrap();
    // Any of the connections may have them.
    let mut connections = Vec::new();
    for _ in 0..4 {
        connections.push(database.connection().await.unwrap());
    }
    for table in ["release", "publisher_compiled"] {
        let mut prepared = 0;
        for connection in &connections {
            let sql = "select count(*) from pg_prepared_statements where statement like $1";
            let wanted = format!(r#"insert into "ocds"."{table}" as %"#);
            let row = connection.query_one(sql, &[&wanted]).await.unwrap();
            prepared += row.get::<_, i64>(0);
        }
        // For one row, and for a full batch.
        assert_eq!(prepared, 2, "{table}");
    }
    drop(connections);
    database.close().await.unwrap();
}

#[tokio::test]
async fn the_package_of_a_page_is_stored_without_its_items() {
    let publisher = Feed::link(pages(1, 1)).serve().await;
    let ingest = Ingest::with_source(&publisher, LINK).await;
    ingest.run(&[]).await.expect(0);
    assert_eq!(
        ingest.value("select package from ocds.page").await,
        r#"{"uri": "https://publisher.example/package", "releases": [], "publisher": {"name": "Scripted"}}"#
    );
    assert_eq!(
        ingest.value("select url from ocds.page").await,
        publisher.url("/")
    );
}
