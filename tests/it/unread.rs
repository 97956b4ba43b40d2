//! Tests dates, amounts and names that publishers write in odd forms: what is read of them, what
//! is marked as unread, and that a migration reads the stored rows as a run does.

use std::fmt::Write as _;

use ocds_ingest::config;
use ocds_ingest::database::migrate;

use crate::dice::Dice;
use crate::harness::{Ingest, LINK, connect};
use crate::publisher::{Feed, Publisher, Reply};

/// A release with this date and amount.
fn release(place: usize, date: &str, amount: &str) -> String {
    format!(
        r#"{{"ocid":"o-{place}","id":"1","date":{date},"tender":{{"value":{{"amount":{amount}}}}}}}"#
    )
}

/// Serves a list of releases that is no package, so that nothing states a version.
async fn serve_list(releases: &[String]) -> Publisher {
    let body = format!("[{}]", releases.join(","));
    Publisher::serve(move |_| Reply::json(body.clone())).await
}

#[tokio::test]
async fn values_that_cannot_be_read_are_said_once_and_shown_until_they_are_corrected() {
    let feed = |date: &'static str| {
        let items = (0..20).map(|place| match place {
            0..3 => release(place, date, "\"9.000,50\""),
            3 => release(place, "\"2024-05-06\"", "\"9,000\""),
            4 => release(place, "\"0001-01-01T00:00:00Z\"", "\"\""),
            _ => release(place, "\"20240506\"", "9"),
        });
        let compiled =
            r#"{"ocid":"o-c","tag":["compiled"],"date":"May","tender":{"value":{"amount":"?"}}}"#;
        items.chain([compiled.to_owned()]).collect::<Vec<_>>()
    };
    let publisher = Feed::link(vec![feed("\"6 May 2024\"")]).serve().await;
    let mut ingest = Ingest::with_source(&publisher, LINK).await;
    // the marks are on the rows, and so outlive the run
    ingest.configure("[ledger]\nkeep_runs = 1");
    let metrics = ingest.directory.path().join("metrics.prom");
    let options = ["--metrics-file", metrics.to_str().unwrap()];
    let ran = ingest.run(&options).await.expect(0);
    let said = "zambia has many dates or amounts that could not be read: 4 of 20 for `date`. ";
    assert_eq!(ran.stderr.matches(said).count(), 1, "{}", ran.stderr);
    assert!(!ran.stderr.contains("6 May"), "{}", ran.stderr);
    let counted = std::fs::read_to_string(&metrics).unwrap();
    for (column, unread) in [("date", 4), ("tender_value", 1), ("tender_end", 0)] {
        let line =
            format!(r#"ocds_unread_values_total{{source="zambia",column="{column}"}} {unread}"#);
        assert!(counted.contains(&line), "{line}\n{counted}");
    }
    let shown =
        "select concat_ws(' ', source, column_name, kind, releases) from ocds.unread order by 1";
    let expected = ["zambia date date 4", "zambia tender_value amount 1"];
    for _ in 0..2 {
        assert_eq!(ingest.column(shown).await, expected);
        ingest.run(&[]).await.expect(0);
    }
    let marked =
        "select string_agg(ocid, ' ' order by ocid) from ocds.release where unread @> '{date}'";
    assert_eq!(ingest.value(marked).await, "o-0 o-1 o-2");
    let status = ingest.call(&["status", "--json"]).await.expect(0).report();
    assert_eq!(
        status["unread"].to_string(),
        r#"{"date":4,"tender_value":1}"#
    );
    let status = ingest.call(&["status"]).await.expect(0).text();
    assert!(status.contains("date 4, tender_value 1"), "{status}");

    publisher.set_script({
        let feed = Feed::link(vec![feed("\"2024-05-06T24:00:00Z\"")]);
        move |request| feed.reply(request)
    });
    let ran = ingest.run(&[]).await.expect(0);
    assert!(!ran.stderr.contains("could not be read"), "{}", ran.stderr);
    let expected = ["zambia date date 1", "zambia tender_value amount 1"];
    assert_eq!(ingest.column(shown).await, expected);
}

#[tokio::test]
async fn a_name_that_only_the_parties_have_is_in_columns_and_views() {
    let parties = r#""parties":[{"id":"b","name":"Ministry"},{"id":"s1","name":"First"},{"id":5,"name":"Fifth"}]"#;
    let releases = [
        format!(
            r#"{{"ocid":"o","id":"1",{parties},"buyer":{{"id":"b"}},"awards":[{{"id":"a","suppliers":[{{"id":"5"}},{{"id":"s1","name":"Own"}},{{"id":"x"}}]}}]}}"#
        ),
        format!(
            r#"{{"ocid":"o","id":"2","buyer":{{"id":"b","name":""}},"awards":[{{"id":"a","suppliers":{{"id":"s1","name":""}}}},{{"id":"c"}}],{parties}}}"#
        ),
    ];
    let publisher = Feed::link(vec![releases.to_vec()]).serve().await;
    let ingest = Ingest::with_source(&publisher, LINK).await;
    ingest.run(&[]).await.expect(0);
    let columns = "select concat_ws(' ', release_id, buyer_name, supplier_names) from ocds.release order by 1";
    let expected = ["1 Ministry {Fifth,Own}", "2 Ministry {First}"];
    assert_eq!(ingest.column(columns).await, expected);
    let views = "select concat_ws(' ', release_id, award_id, supplier_names) from ocds.release_award order by 1";
    let expected = ["1 a {Fifth,Own,NULL}", "2 a {First}", "2 c {}"];
    assert_eq!(ingest.column(views).await, expected);
}

/// Writes a random text of the characters of which amounts are made.
fn random_amount(dice: &mut Dice) -> String {
    const PARTS: [&str; 15] = [
        "1", "20", "345", "000", "678", ",", ".", ",", ".", " ", "\u{a0}", "\u{202f}", "N", "$",
        "-",
    ];
    const GROUPS: [&str; 6] = [",123", ".456", " 789", "\u{a0}000", ",5", ".25"];
    let mut text = String::new();
    if dice.roll(2) == 0 {
        for _ in 0..1 + dice.roll(6) {
            text.push_str(PARTS[dice.index(PARTS.len())]);
        }
        text.push_str(["", "", "e2", "E-3"][dice.index(4)]);
        return text;
    }
    text.push_str(["", "N", "\u{20a6} ", "-$", "+", "\u{20ac}"][dice.index(6)]);
    write!(text, "{}", dice.roll(2_000)).unwrap();
    let group = dice.index(GROUPS.len());
    for _ in 0..dice.roll(4) {
        text.push_str(
            GROUPS[if dice.roll(4) == 0 {
                dice.index(GROUPS.len())
            } else {
                group
            }],
        );
    }
    text.push_str(["", ",5", ".25", ",678"][dice.index(4)]);
    text
}

#[tokio::test]
async fn views_read_amounts_as_the_column_does() {
    let mut dice = Dice::new();
    let amounts: Vec<String> = (0..5_000).map(|_| random_amount(&mut dice)).collect();
    let numbers = ["1e3", "-0.50", "12e-2", "7.0"].map(str::to_owned);
    let texts = amounts
        .iter()
        .map(|text| serde_json::to_string(text).unwrap());
    let releases: Vec<String> = texts
        .chain(numbers)
        .enumerate()
        .map(|(place, amount)| release(place, "null", &amount))
        .collect();
    let publisher = serve_list(&releases).await;
    let ingest = Ingest::with_source(&publisher, "page = { mode = \"none\" }").await;
    ingest.run(&[]).await.expect(0);
    let read = ingest.count("release where tender_value is not null").await;
    assert!((1_000..4_000).contains(&read), "{read}");
    let different = "select concat_ws(' ', amount, tender_value, ocds.amount(amount))
        from ocds.release cross join lateral (select data #> '{tender,value,amount}' as amount) as served
        where tender_value is distinct from ocds.amount(amount)";
    assert_eq!(ingest.column(different).await, [""; 0]);
}

/// Releases of which the migration 11 left the date, the amount, the period and the names null.
fn newly_read_releases() -> Vec<String> {
    let values = [
        ("\"20230102\"", "\"12,345,678\""),
        ("\"2023-01-02T24:00:00\"", "\"N1,000.00\""),
        ("20230102", "\"1 000\u{a0}000\""),
        ("\"20230102T101500+0300\"", "\"1\u{202f}000\u{202f}000,5\""),
        (
            "\"2023-01-02T10:15:30.123456789+03:00[Africa/Nairobi]\"",
            "\"2,5\"",
        ),
        ("\"2023-01-02T10:15Z[UTC]\"", "\"\u{20a6} 2.500.000\""),
        ("\"2023-02-30T10:15Z[UTC]\"", "\"2,500\""),
        ("\"2023-01-02T24:00:00-05\"", "\"+.5e3\""),
        ("\"2023-01-02T24:30:00Z\"", "1e50"),
        ("1672654500000", "0.00000000000000000000000000001"),
        ("1.6726545e12", "\"9.000000000000000000000000000000\""),
        ("\"\\/Date(1672654500123+0300)\\/\"", "\"N0.00\""),
        ("\"/Date(-62135596800000)/\"", "true"),
        ("\"0001-01-01T00:00:00Z\"", "\" \""),
        ("\"9999-12-31T23:59:59Z\"", "{}"),
        ("\"02/01/2023\"", "\"about 5\""),
        ("[]", "null"),
        ("\"\"", "[]"),
        ("\"18991231\"", "\"MIO 5\""),
        (
            "\"2023-01-02T23:59:60+00:00[UTC]\"",
            "\"1,000,000.0000000000000000000000000\"",
        ),
    ];
    let of_values = values.iter().enumerate().map(|(place, (date, amount))| {
        let period = format!(r#"{{"startDate":{date},"endDate":"2023-12-31T24:00Z"}}"#);
        format!(
            r#"{{"ocid":"o-{place:02}","id":"1","date":{date},"tender":{{"value":{{"amount":{amount}}},"tenderPeriod":{period}}}}}"#
        )
    });
    let names = [
        r#""buyer":{"id":"1"},"parties":[{"id":1,"name":"One"}]"#,
        r#""buyer":{"id":" "},"parties":[{"id":" ","name":"Blank"}]"#,
        r#""buyer":[{"id":"1"}],"parties":{"id":"1","name":"One"}"#,
        r#""awards":[{"suppliers":[{"id":"2"},{"id":"1"},{"id":"2"}]},null,{"suppliers":{"id":"1"}},7],"parties":[null,{"id":"1","name":""},{"id":"1","name":"One"},{"id":"2","name":"Two"},{"id":"1","name":"Uno"}]"#,
        r#""awards":[{"suppliers":["x",{"id":"3","name":7}]},[{"suppliers":[{"id":"3"}]}]],"parties":[{"id":"3","name":"Three"},{"id":"3","name":3}]"#,
    ];
    let of_names = names
        .iter()
        .enumerate()
        .map(|(place, members)| format!(r#"{{"ocid":"n-{place}","id":"1",{members}}}"#));
    of_values.chain(of_names).collect()
}

/// Makes rows as the program of migration 11 stored them.
const AS_STORED_BEFORE: &str = "
    update ocds.release set date = null, tender_value = null, tender_start = null, tender_end = null,
        buyer_name = null, supplier_names = '{}'
    where ocid ~ '^[on]-';
    update ocds.release set data = convert_from(served, 'UTF8')::jsonb, served = null, repairs = null,
        buyer_id = null, content_hash = '\\x01'
    where repairs is not null;
    update ocds.compiled_release set date = null";

#[tokio::test]
async fn a_migration_reads_stored_rows_as_a_run_does() {
    const TABLE: &str = "page = { mode = \"none\" }\nzone = \"Africa/Nairobi\"";
    let mut releases = newly_read_releases();
    releases.extend([
        // What was read before stays as it was.
        r#"{"ocid":"p-1","id":"1","date":"2023-01-02","buyer":{"id":"b","name":"B"},"tender":{"value":{"amount":"1e3"}},"awards":[{"suppliers":[{"name":"S"}]}]}"#.to_owned(),
        // Version 1.0, which only another run can upgrade.
        r#"{"ocid":"p-2","id":"1","buyer":{"name":"B","address":{"locality":"L"}}}"#.to_owned(),
        r#"{"ocid":"c-1","tag":["compiled"],"date":"2023-01-02T10:00+03:00[Africa/Nairobi]"}"#.to_owned(),
        r#"{"ocid":"c-2","tag":["compiled"],"date":"20230102"}"#.to_owned(),
        r#"{"ocid":"c-3","tag":["compiled"],"date":"January"}"#.to_owned(),
    ]);
    let publisher = serve_list(&releases).await;
    let fresh = Ingest::with_source(&publisher, TABLE).await;
    fresh.run(&[]).await.expect(0);
    let expected = fresh.read_tables().await;

    let mut old = Ingest::without_schema().await;
    old.declare(&publisher, TABLE);
    let migrations = migrate::built_in_migrations().unwrap();
    let mut client = connect(&old.url).await;
    let is_this = |migration: &migrate::Migration| migration.name == "unread";
    let before = migrations.iter().position(is_this).unwrap();
    migrate::apply(
        &mut client,
        &migrations[..before],
        &config::Database::default(),
    )
    .await
    .unwrap();
    // the second table was renamed later
    for (now, table) in [
        ("release", "release"),
        ("publisher_compiled", "compiled_release"),
    ] {
        let rows = format!("select to_jsonb({now})::text from ocds.{now}");
        let insert = format!(
            "insert into ocds.{table} select (jsonb_populate_record(null::ocds.{table}, $1::text::jsonb)).*"
        );
        for row in fresh.column(&rows).await {
            client.execute(&insert, &[&row]).await.unwrap();
        }
    }
    client.batch_execute(AS_STORED_BEFORE).await.unwrap();
    old.call(&["migrate"]).await.expect(0);

    // Without the time zone of their source, these dates cannot be read again.
    let forgotten = "select concat_ws(' ', ocid, unread) from
        (select ocid, unread, content_hash from ocds.release
        union all select ocid, unread, content_hash from ocds.publisher_compiled) as row
        where content_hash = '' order by ocid";
    let needs_zone = [
        "c-2 {date}",
        "o-00 {date,tender_start}",
        "o-01 {date,tender_start}",
        "o-02 {date,tender_value,tender_start}",
    ];
    assert_eq!(old.column(forgotten).await, needs_zone);
    let others = "select (to_jsonb(release) - '{run_id,first_seen_at,fetched_at}'::text[])::text
        from ocds.release where ocid not in ('o-00', 'o-01', 'o-02', 'p-2') order by ocid";
    assert_eq!(old.column(others).await, fresh.column(others).await);

    let counts = old.run(&[]).await.expect(0).counts();
    assert_eq!(counts.updated, needs_zone.len() as u64 + 1);
    assert_eq!(counts.inserted, 0);
    old.read_tables().await.expect_equal(&expected, "migrated");
    assert_eq!(old.run(&[]).await.expect(0).counts().updated, 0);
}
