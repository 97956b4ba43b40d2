//! Tests that the values of columns and views can be cast: one strange value of a publisher does
//! not break a query over all releases.

use crate::harness::{Ingest, LINK};
use crate::publisher::Feed;

/// Returns amounts, and what a view shows for each as double precision.
fn amounts() -> Vec<(String, &'static str)> {
    let digits = |count: usize| format!("9{}", "0".repeat(count - 1));
    let places = |count: usize| format!("0.{}1", "0".repeat(count - 1));
    [
        ("1500.50", "1500.5"),
        ("\"1500.50\"", "1500.5"),
        ("-0.0", "0"),
        ("1e300", "1e+300"),
        ("1.7976931348623157e308", "1.7976931348623157e+308"),
        ("1.7976931348623159e308", ""),
        ("-1e400", ""),
        ("1e-300", "1e-300"),
        ("1e-400", ""),
        ("0e-400", "0"),
        // The text is a number, except for a space that a cast does not accept.
        ("\"\u{2003}12\"", ""),
        ("\"\u{3000}12\"", ""),
        ("\" \\t12\\n\"", "12"),
        ("\"1e5\"", "100000"),
        ("\"1e400\"", ""),
        ("\"1e-400\"", ""),
        ("\"1e99999\"", ""),
        ("\"about ten\"", ""),
        ("null", ""),
    ]
    .map(|(text, read)| (text.to_owned(), read))
    .into_iter()
    .chain([
        (digits(309), ""),
        (digits(400), ""),
        (digits(5_000), ""),
        (places(400), ""),
        (format!("\"{}\"", digits(400)), ""),
        (format!("0.1{}", "0".repeat(400)), "0.1"),
    ])
    .collect()
}

#[tokio::test]
async fn an_amount_too_large_for_a_double_breaks_no_query() {
    let release = |(place, (amount, _)): (usize, &(String, &str))| {
        let value = format!(r#"{{"amount":{amount},"currency":"GBP"}}"#);
        let items = format!(r#"[{{"id":"i","quantity":{amount}}}]"#);
        format!(
            r#"{{"ocid":"o-{place}","id":"{place}","tender":{{"value":{value},"items":{items}}},"awards":[{{"value":{value},"items":{items}}}],"contracts":[{{"value":{value},"items":{items}}}]}}"#
        )
    };
    let amounts = amounts();
    let items = amounts.iter().enumerate().map(release).collect();
    let publisher = Feed::link(vec![items]).serve().await;
    let ingest = Ingest::with_source(&publisher, LINK).await;
    let metrics = ingest.directory.path().join("metrics.prom");
    let options = ["--metrics-file", metrics.to_str().unwrap()];
    let ran = ingest.run(&options).await.expect(0);
    assert_eq!(ingest.count("release").await, amounts.len());
    for (view, column) in [
        ("release_award", "value"),
        ("release_contract", "value"),
        ("release_item where section = 'tender'", "quantity"),
        ("release_item where section = 'award'", "quantity"),
        ("release_item where section = 'contract'", "quantity"),
    ] {
        let sql = format!(
            "select coalesce({column}::double precision::text, '') from ocds.{view}
            order by release_id::integer"
        );
        let read = ingest.column(&sql).await;
        for ((amount, expected), read) in amounts.iter().zip(read) {
            let short: String = amount.chars().take(40).collect();
            assert_eq!(read, *expected, "{view}: {short}");
        }
    }
    // A column takes up to 28 digits, and `null` marks larger amounts.
    let unread = "release where tender_value::double precision is null
        and coalesce(data #>> '{tender,value,amount}', '') <> ''";
    let unread = ingest.count(unread).await;
    assert_eq!(unread, 17);
    let says = format!("{unread} of {} for `tender_value`", amounts.len() - 1);
    assert_eq!(ran.stderr.matches(&says).count(), 1, "{}", ran.stderr);
    let metrics = std::fs::read_to_string(&metrics).unwrap();
    let counted =
        format!(r#"ocds_unread_values_total{{source="zambia",column="tender_value"}} {unread}"#);
    assert!(metrics.contains(&counted), "{metrics}");
    // The original amount is in `data`.
    let served = "select length(data #>> '{tender,value,amount}') from ocds.release
        where release_id = '20'";
    assert_eq!(ingest.value(served).await, "400");
}

#[tokio::test]
async fn an_extreme_date_breaks_no_query() {
    let dates = [
        ("2024-02-29T12:00:00Z", true),
        ("9999-12-30T00:00:00Z", true),
        ("9999-12-31T23:59:59-23:59", false),
        ("0002-01-01T00:00:00Z", true),
        ("0002-01-01T00:00:00+23:59", true),
        ("0000-01-01T00:00:00Z", false),
        ("0001-01-01", false),
        ("-4714-01-01T00:00:00Z", false),
        ("+294277-01-01T00:00:00Z", false),
        ("infinity", false),
        ("now", false),
    ];
    let release = |(place, (date, _)): (usize, &(&str, bool))| {
        format!(
            r#"{{"ocid":"o-{place}","id":"{place}","date":"{date}","tender":{{"tenderPeriod":{{"startDate":"{date}","endDate":"{date}"}}}}}}"#
        )
    };
    let items = dates.iter().enumerate().map(release).collect();
    let publisher = Feed::link(vec![items]).serve().await;
    let ingest = Ingest::with_source(&publisher, LINK).await;
    ingest.run(&[]).await.expect(0);
    for column in ["date", "tender_start", "tender_end"] {
        // Cast in the time zones furthest east and west: as a date, as seconds and as JSON.
        let sql = format!(
            "select (({column} at time zone 'Pacific/Kiritimati')::date
                - ({column} at time zone 'Etc/GMT+12')::date
                + extract(epoch from {column}) * 0 + length(to_jsonb({column})::text) * 0) is not null
            from ocds.release order by release_id::integer"
        );
        let read = ingest.column(&sql).await;
        for ((date, expected), read) in dates.iter().zip(read) {
            assert_eq!(read == "t", *expected, "{column}: {date}");
        }
    }
}
