//! Tests defects of publishers one by one: good data beside them is stored, bad data is kept byte
//! for byte with its reason, and the exit code is right.
//!
//! Other files test some defects. `quarantine`: no ocid, no id, null entries, NUL, half a
//! surrogate pair, control characters, bytes that are not UTF-8. `items`: repairs, linked
//! releases, empty records, version 1.0. `decode`: ISO-8859-1, JSON Lines, lists of documents, a
//! member without bytes. `run`: one key twice, pages of HTML. `manners`: errors with status 200
//! and `fail_if`. `fetch`: a link missing in the middle of a feed. `windows`: windows that are
//! refused as too wide, missing items, ignored dates. A text too long for jsonb would be larger
//! than a page may be.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::{Arc, Mutex};

use url::form_urlencoded;

use crate::harness::{Counts, Ingest, LINK, NUMBER, ProgramOutput, SOURCE, UNTIL_EMPTY};
use crate::publisher::{Publisher, Reply, Request, package, release, zip};

/// A defect, described in a sentence, and its expected result.
struct Case {
    defect: &'static str,
    /// The keys of the source.
    table: String,
    /// The bodies of `?page=1`, which is also the first page, and of the following pages.
    pages: Vec<Vec<u8>>,
    code: i32,
    ids: Vec<String>,
    /// The reasons and bytes of the rejects, ordered by the bytes.
    kept: Vec<(&'static str, Vec<u8>)>,
    /// The number of requests, in cases where it matters.
    requests: Option<usize>,
}

/// A feed of these pages. By default it is read to its end and stores nothing.
fn feed_case(defect: &'static str, table: &str, pages: Vec<Vec<u8>>) -> Case {
    Case {
        defect,
        table: table.to_owned(),
        pages,
        code: 0,
        ids: Vec::new(),
        kept: Vec::new(),
        requests: None,
    }
}

/// A document that is a feed by itself.
fn document_case(defect: &'static str, body: impl Into<Vec<u8>>) -> Case {
    feed_case(defect, "", vec![body.into()])
}

/// An entry between two good ones, which are stored.
fn entry_case(defect: &'static str, entry: impl AsRef<[u8]>) -> Case {
    let [before, after] = [1, 2].map(release);
    let body = [
        b"{\"releases\":[",
        before.as_bytes(),
        b",",
        entry.as_ref(),
        b",",
        after.as_bytes(),
        b"]}",
    ];
    document_case(defect, body.concat()).expect_ids(&["1", "2"])
}

/// A numbered feed of three pages with two releases each, of which the second is not a page.
fn bad_page_case(defect: &'static str, body: impl Into<Vec<u8>>) -> Case {
    let body = body.into();
    let pages = vec![
        package_of(&[1, 2]),
        body.clone(),
        package_of(&[5, 6]),
        package_of(&[]),
    ];
    feed_case(defect, UNTIL_EMPTY, pages)
        .expect_ids(&["1", "2", "5", "6"])
        .expect_reject("unreadable-page", body)
        .expect_code(4)
}

impl Case {
    fn with_keys(mut self, table: &str) -> Self {
        write!(self.table, "\n{table}").unwrap();
        self
    }

    /// Expects these ids in the table, in this order.
    fn expect_ids(mut self, ids: &[&str]) -> Self {
        self.ids = ids.iter().map(|&id| id.to_owned()).collect();
        self
    }

    fn expect_reject(mut self, reason: &'static str, document: impl Into<Vec<u8>>) -> Self {
        self.kept.push((reason, document.into()));
        self
    }

    /// Expects an exit code. The default 0 means that nothing is missing.
    fn expect_code(mut self, code: i32) -> Self {
        self.code = code;
        self
    }

    fn expect_requests(mut self, requests: usize) -> Self {
        self.requests = Some(requests);
        self
    }

    async fn check(self) {
        let defect = self.defect;
        let pages = self.pages;
        let publisher = Publisher::serve(move |request| {
            let page = request.page();
            match pages.get(page - 1) {
                Some(body) => Reply::json(body.clone()),
                None => Reply::status(404),
            }
        })
        .await;
        let mut ingest = Ingest::new().await;
        ingest.configure("[sink]\nmax_bad_ratio = 1");
        ingest.declare(&publisher, &self.table);
        let ran = ingest.run(&[]).await;
        assert_eq!(ran.code, Some(self.code), "{defect}: {}", ran.stderr);
        let verdict = match self.code {
            0 => "complete",
            _ => "truncated",
        };
        assert_eq!(ran.report()["verdict"], verdict, "{defect}");
        let ids = "select release_id from ocds.release order by release_id";
        assert_eq!(ingest.column(ids).await, self.ids, "{defect}");
        let sql = "select reason, document from ocds.quarantine order by document";
        let rows = ingest.client.query(sql, &[]).await.unwrap();
        // Bytes that are not text would be shown as numbers.
        let shown = |reason: &str, document: &[u8]| format!("{reason} {}", document.escape_ascii());
        let kept: Vec<String> = rows
            .iter()
            .map(|row| shown(row.get(0), row.get(1)))
            .collect();
        let expected = self.kept.iter().map(|(why, what)| shown(why, what));
        let expected: Vec<String> = expected.collect();
        assert_eq!(kept, expected, "{defect}");
        if let Some(requests) = self.requests {
            let targets = publisher.targets();
            assert_eq!(targets.len(), requests, "{defect}: {targets:?}");
        }
    }
}

async fn check(cases: impl IntoIterator<Item = Case>) {
    for case in cases {
        case.check().await;
    }
}

/// Returns a package of the releases with these numbers.
fn package_of(numbers: &[usize]) -> Vec<u8> {
    package_with(numbers, "")
}

/// Adds further members, each after a comma.
fn package_with(numbers: &[usize], members: &str) -> Vec<u8> {
    let items: Vec<String> = numbers.iter().copied().map(release).collect();
    package(&items, members).into_bytes()
}

/// Adds a value as the next link.
fn package_with_next(numbers: &[usize], next: &str) -> Vec<u8> {
    package_with(numbers, &format!(r#","links":{{"next":{next}}}"#))
}

#[tokio::test]
async fn a_defect_in_an_entry_rejects_only_that_entry() {
    let link = r#"{"url":"https://publisher.example/1","date":"2026-01-01T00:00:00Z"}"#;
    let unescaped = r#"{"ocid":"o","id":"q","tender":{"title":"the "old" road, lot 2"}}"#;
    let nan = r#"{"ocid":"o","id":nan}"#;
    let spaced = r#"{"ocid":"o","id":"s","tender":{"value":{"amount": 000}}}"#;
    let exponent = r#"{"ocid":"o","id":"e","tender":{"value":{"amount":1e9999}}}"#;
    let too_large = r#"{"ocid":"o","id":"x","tender":{"value":{"amount":1e200000}}}"#;
    let broken_line = "{\"ocid\":\"o\",\"id\":\"n\",\"tender\":{\"title\":\"two\nlines\"}}";
    check([
        entry_case("a link stands among releases", link).expect_reject("linked-release", link),
        entry_case("quotes in a text are not escaped", unescaped).expect_reject("invalid-json", unescaped),
        entry_case("an id is not a number", nan).expect_reject("invalid-json", nan),
        entry_case("a number begins with zeros", spaced).expect_reject("invalid-json", spaced),
        entry_case("a number begins with zeros, which is repaired", spaced)
            .with_keys(r#"decode = { repair = ["bad-number"] }"#)
            .expect_ids(&["1", "2", "s"]),
        entry_case("a line is broken within a text", broken_line).expect_reject("invalid-json", broken_line),
        entry_case("a number is 10,000 digits long", exponent).expect_reject("large-number", exponent),
        entry_case("a number is 10,000 digits long, which is repaired", exponent)
            .with_keys(r#"decode = { repair = ["exponent"] }"#)
            .expect_ids(&["1", "2", "e"]),
        entry_case("a number is longer than the server takes", too_large)
            .expect_reject("large-number", too_large),
        entry_case("a release has no date", r#"{"ocid":"o","id":"d"}"#).expect_ids(&["1", "2", "d"]),
        entry_case("an id is a number of over 64 bits", r#"{"ocid":"o","id":36893488147419103232}"#)
            .expect_ids(&["1", "2", "36893488147419103232"]),
        entry_case(
            "releases of one process have one date",
            r#"{"ocid":"o","id":"a","date":"2026-01-01"},{"ocid":"o","id":"b","date":"2026-01-01"}"#,
        )
        .expect_ids(&["1", "2", "a", "b"]),
    ])
    .await;
}

/// Dates as publishers write them, in a time zone two hours ahead, and as they are read.
const DATES: [(&str, &str, &str); 11] = [
    ("no zone", r#""2024-03-01T10:00:00""#, "2024-03-01 08:00:00"),
    (
        "a space and seven digits of a second",
        r#""2024-03-01 10:00:00.1234567""#,
        "2024-03-01 08:00:00.123456",
    ),
    ("no time", r#""2024-03-01""#, "2024-02-29 22:00:00"),
    (
        "no colon in its offset",
        r#""2024-03-01T10:00:00+0100""#,
        "2024-03-01 09:00:00",
    ),
    ("nothing in it", r#""""#, "null"),
    ("no text", "null", "null"),
    ("the year 1", r#""0001-01-01T00:00:00""#, "null"),
    ("the year 1 and a zone", r#""0001-01-01T00:00:00Z""#, "null"),
    ("no such day", r#""2024-02-30T00:00:00Z""#, "null"),
    ("either of two months", r#""01/02/2020""#, "null"),
    // Nothing shows what the date means.
    (
        "a local time and Z",
        r#""2024-03-01T10:00:00Z""#,
        "2024-03-01 10:00:00",
    ),
];

/// Amounts as publishers write them, and as they are read.
const AMOUNTS: [(&str, &str, &str); 8] = [
    ("a text", r#""1500.50""#, "1500.50"),
    ("a text with commas", r#""221,000,000.00""#, "221000000.00"),
    ("an empty text", r#""""#, "null"),
    ("null", "null", "null"),
    // Zero may mean unknown, but nothing shows it.
    ("zero", "0", "0"),
    (
        "of over 64 bits",
        "18446744073709551616",
        "18446744073709551616",
    ),
    (
        "of over 64 bits, with cents",
        "18446744073709551616.01",
        "18446744073709551616.01",
    ),
    // The original is in `data`.
    (
        "of more digits than a column takes",
        "1234567890123456789012345678901234567890",
        "null",
    ),
];

/// Members of a release, an expression over its row, and the expected value.
const MEMBERS: [(&str, &str, &str, &str); 15] = [
    (
        "the end of a tender is of the year 1",
        r#""tender":{"tenderPeriod":{"startDate":"2024-03-01","endDate":"0001-01-01T00:00:00Z"}}"#,
        "(tender_start at time zone 'utc') || coalesce(tender_end::text, ' none')",
        "2024-02-29 22:00:00 none",
    ),
    (
        "a number has 40 digits",
        r#""tender":{"value":{"amount":1234567890123456789012345678901234567890}}"#,
        "data #>> '{tender,value,amount}'",
        "1234567890123456789012345678901234567890",
    ),
    ("a tag is a text", r#""tag":"tender""#, "tag", "{tender}"),
    (
        "a tag has a null",
        r#""tag":["tender",null]"#,
        "tag",
        "{tender}",
    ),
    ("a tag is null", r#""tag":null"#, "tag", "null"),
    (
        "nested ids are numbers",
        r#""tender":{"id":7},"buyer":{"id":8}"#,
        "tender_id || ' ' || buyer_id",
        "7 8",
    ),
    (
        "a nested id is null and another missing",
        r#""tender":{"id":null,"title":"t"},"buyer":{"name":"b"}"#,
        "num_nulls(tender_id, buyer_id) || tender_title || buyer_name",
        "2tb",
    ),
    (
        "ids of parties are of many types",
        r#""parties":[{"id":1},{"id":null},{"name":"p"}]"#,
        "(select string_agg(coalesce(party_id, 'none'), ' ' order by party_id)
            from ocds.release_party where release_party.release_id = release.release_id)",
        "1 none none",
    ),
    (
        "awards are one object",
        r#""awards":{"id":"a","suppliers":{"name":"S"}}"#,
        AWARDS,
        "1 {S} 1",
    ),
    (
        "two awards have one id",
        r#""awards":[{"id":"a","suppliers":[{"name":"S"}]},{"id":"a","suppliers":[{"name":"T"}]}]"#,
        AWARDS,
        "2 {S,T} 2",
    ),
    (
        "awards have nulls and no ids",
        r#""awards":[{"suppliers":null},{"suppliers":[null,{"name":null},{"name":"S"}]}]"#,
        AWARDS,
        "2 {S} 2",
    ),
    (
        "two contracts have one id",
        r#""contracts":[{"id":7},{"id":"7"}]"#,
        "contract_count || ' ' || (select count(*) from ocds.release_contract
            where release_contract.release_id = release.release_id)",
        "2 2",
    ),
    (
        "tenderers are one object",
        r#""tender":{"title":"t","tenderers":{"name":"T"}}"#,
        "tender_title || (data #>> '{tender,tenderers,name}')",
        "tT",
    ),
    (
        "a tender is null",
        r#""tender":null,"buyer":{"name":"b"}"#,
        "num_nulls(tender_id) || buyer_name",
        "1b",
    ),
    (
        "an ocid has a slash and a space",
        r#""ocid":"MW-O/2024 7""#,
        "ocid",
        "MW-O/2024 7",
    ),
];

/// The number of awards, the suppliers, and the number of listed awards.
const AWARDS: &str = "award_count || ' ' || supplier_names::text || ' ' ||
    (select count(*) from ocds.release_award where release_award.release_id = release.release_id)";

#[tokio::test]
async fn unusual_notations_are_stored_and_lose_at_most_a_column() {
    let mut cases = Vec::new();
    for (has, date, read) in DATES {
        let members = format!(r#""ocid":"o","date":{date}"#);
        let defect = format!("a date has {has}");
        cases.push((defect, members, "date at time zone 'utc'", read));
    }
    for (is, amount, read) in AMOUNTS {
        let members = format!(r#""ocid":"o","tender":{{"value":{{"amount":{amount}}}}}"#);
        cases.push((format!("an amount is {is}"), members, "tender_value", read));
    }
    for (defect, members, column, read) in MEMBERS {
        // If a name occurs twice, the last value counts.
        let members = format!(r#""ocid":"o",{members}"#);
        cases.push((defect.to_owned(), members, column, read));
    }
    let items: Vec<String> = cases
        .iter()
        .enumerate()
        .map(|(id, (_, members, ..))| format!(r#"{{"id":{id},{members}}}"#))
        .collect();
    let body = package(&items, r#","version":"1.1""#);
    let publisher = Publisher::serve(move |_| Reply::json(body.clone())).await;
    let ingest = Ingest::with_source(&publisher, r#"zone = "Africa/Johannesburg""#).await;
    let counts = ingest.run(&[]).await.expect(0).counts();
    let expected = Counts {
        inserted: cases.len() as u64,
        ..Counts::default()
    };
    assert_eq!(counts, expected);
    for (id, (defect, _, column, read)) in cases.into_iter().enumerate() {
        let sql = format!("select {column} from ocds.release where release_id = '{id}'");
        assert_eq!(ingest.value(&sql).await, read, "{defect}");
    }
}

#[tokio::test]
async fn a_page_without_releases_differs_from_a_body_that_is_no_page() {
    let nothing = r#"{"uri":"https://publisher.example/2","version":"1.1","publishedDate":"2026-01-01","publisher":{"name":"P"}}"#;
    let null = r#"{"uri":"https://publisher.example/2","releases":null}"#;
    let counted = |defect, last: &str| {
        let pages = vec![package_of(&[1, 2]), last.as_bytes().to_vec()];
        feed_case(defect, UNTIL_EMPTY, pages)
            .expect_ids(&["1", "2"])
            .expect_requests(2)
    };
    check([
        document_case("releases are null", null),
        document_case("releases are left out", nothing),
        counted("the page after the last has releases that are null", null),
        counted("the page after the last leaves its releases out", nothing),
        bad_page_case("an error object is sent with 200", r#"{"status":500,"message":"try later"}"#),
        feed_case(
            "an error is sent as a list of one",
            UNTIL_EMPTY,
            vec![package_of(&[1, 2]), br#"["try later"]"#.to_vec(), package_of(&[])],
        )
        .expect_ids(&["1", "2"])
        .expect_reject("not-an-object", r#""try later""#),
        bad_page_case("a body is empty", ""),
        bad_page_case("a body is an empty object", "{}"),
        bad_page_case("a body is null", "null"),
        bad_page_case("a body ends in the middle", &package_of(&[3, 4])[..150]),
        bad_page_case("a notice of maintenance is sent with 200", "<!DOCTYPE html>\n<html><h1>En mantenimiento</h1></html>"),
        bad_page_case("a firewall answers 200", "<html><head><title>Request Rejected</title></head><body>Your support ID is: 7</body></html>"),
        bad_page_case("a page leads on by meta refresh", "<HTML><META HTTP-EQUIV=\"refresh\" CONTENT=\"0;URL=/login\"></HTML>"),
        bad_page_case("a form asks whether to download", "\u{feff}<form action=\"/uc\"><input name=confirm></form>"),
        document_case("a feed of one document is empty", "").expect_reject("unreadable-page", "").expect_code(4),
    ])
    .await;
}

#[tokio::test]
async fn documents_are_read_in_all_forms_that_publishers_use() {
    let marked = |body: Vec<u8>| [&b"\xef\xbb\xbf"[..], &body].concat();
    let quoted = encode_windows_1252(release(1).replace("Works 1", "\u{201c}Works\u{201d}"));
    let in_windows_1252 = [&b"{\"releases\":["[..], &quoted, b"]}"].concat();
    let under_a_key = [&b"{\"result\":"[..], &package_of(&[1, 2]), b"}"].concat();
    let list_under_a_key = [
        &b"{\"packages\":["[..],
        &package_of(&[1]),
        b",",
        &package_of(&[2]),
        b"]}",
    ]
    .concat();
    let other_ocids = format!(
        r#"{{"uri":"u","version":"1.1","records":[{{"ocid":"ocds-213czf-9","releases":[{},{}]}}]}}"#,
        release(1),
        release(2)
    );
    let later = release(2).replace("Works", "Later works");
    let of_one_name = rename_members(zip(&[
        ("1.json", package_of(&[1, 2])),
        ("2.json", package(&[later, release(3)], "").into()),
        ("3.json", marked(package_of(&[4]))),
    ]));
    let alone = zip(&[("a.json", "")]);
    check([
        document_case(
            "a document begins with a byte order mark",
            marked(package_of(&[1, 2])),
        )
        .expect_ids(&["1", "2"]),
        document_case(
            "text is in Windows-1252, and nothing says so",
            in_windows_1252.clone(),
        )
        .expect_reject("invalid-utf8", quoted),
        document_case("text is in Windows-1252", in_windows_1252)
            .with_keys(r#"decode = { charset = "windows-1252" }"#)
            .expect_ids(&["1"]),
        document_case("a package is under a key", under_a_key)
            .with_keys(r#"items = "/result/releases/*""#)
            .expect_ids(&["1", "2"]),
        document_case("packages are a list under a key", list_under_a_key)
            .with_keys(r#"items = "/packages/*""#)
            .expect_ids(&["1", "2"]),
        document_case(
            "the releases of a record have ocids of their own",
            other_ocids,
        )
        .expect_ids(&["1", "2"]),
        document_case("files of one name have different contents", of_one_name)
            .expect_ids(&["1", "2", "3", "4"])
            .expect_reject("superseded", release(2)),
        document_case("the one file of an archive is empty", alone.clone())
            .expect_reject("unreadable-page", alone)
            .expect_code(4),
    ])
    .await;
}

/// Renames the members `1.json`, `2.json` … of a zip file to `a.json`, because the library that
/// makes it refuses equal names.
fn rename_members(mut archive: Vec<u8>) -> Vec<u8> {
    let mut renamed = 0;
    for at in 1..archive.len() {
        if archive[at..].starts_with(b".json") {
            archive[at - 1] = b'a';
            renamed += 1;
        }
    }
    // Each name is beside its member and in the directory.
    assert_eq!(renamed, 2 * 3);
    archive
}

/// Encodes a text as Windows-1252.
fn encode_windows_1252(text: String) -> Vec<u8> {
    let byte = |character| match character {
        '\u{201c}' => 0x93,
        '\u{201d}' => 0x94,
        ascii => u8::try_from(ascii).unwrap(),
    };
    text.chars().map(byte).collect()
}

#[tokio::test]
async fn a_bad_next_link_ends_the_run_with_its_reason() {
    let with_link = |next: &str| package_with_next(&[3, 4], next);
    let second = |defect, next: &str| {
        let pages = vec![
            package_with_next(&[1, 2], "\"?page=2\""),
            with_link(next),
            package_of(&[5]),
        ];
        feed_case(defect, LINK, pages)
    };
    let all = ["1", "2", "3", "4"];
    check([
        second("a next link is the page's own", "\"?page=2\"")
            .expect_ids(&all)
            .expect_code(4)
            .expect_requests(2),
        second("a next link is that of the first page", "\"/\"")
            .expect_ids(&all)
            .expect_code(4)
            .expect_requests(2),
        second("a next link drops its cursor", "\"?page=1\"")
            .expect_ids(&all)
            .expect_code(4)
            .expect_requests(3),
        // Fetched twice, because it is as full as the page before.
        second("a next link is null", "null")
            .expect_ids(&all)
            .expect_requests(3),
        second("a next link is empty", "\"\"")
            .expect_ids(&all)
            .expect_requests(3),
        second("a next link is a number", "7")
            .expect_ids(&["1", "2"])
            .expect_reject("unreadable-page", with_link("7"))
            .expect_code(4),
        second("a next link is an object", r#"{"href":"?page=3"}"#)
            .expect_ids(&["1", "2"])
            .expect_reject("unreadable-page", with_link(r#"{"href":"?page=3"}"#))
            .expect_code(4),
        second(
            "a next link leads to another host",
            "\"https://elsewhere.example/\"",
        )
        .expect_ids(&all)
        .expect_code(4),
    ])
    .await;
}

/// Runs a source once that a script answers.
async fn run_script(
    table: &str,
    script: impl Fn(&Request) -> Reply + Send + Sync + 'static,
) -> (Ingest, Publisher, ProgramOutput) {
    let publisher = Publisher::serve(script).await;
    let ingest = Ingest::with_source(&publisher, table).await;
    let ran = ingest.run(&[]).await;
    (ingest, publisher, ran)
}

#[tokio::test]
async fn an_endless_feed_is_detected() {
    // Each page links to another one, and all have the same releases or none.
    let same = (&[1, 2][..], "so their links lead on for ever", 3);
    let none = (&[][..], "without items that lead on", 201);
    for (numbers, why, requests) in [same, none] {
        let (ingest, publisher, ran) = run_script(LINK, move |request| {
            let page = request.page();
            Reply::json(package_with_next(
                numbers,
                &format!("\"?page={}\"", page + 1),
            ))
        })
        .await;
        let ran = ran.expect(4);
        ran.expect_log(why);
        assert_eq!(ran.report()["verdict"], "truncated");
        assert_eq!(ingest.count("release").await, numbers.len());
        assert_eq!(publisher.requests().len(), requests);
    }
    // A server that ignores the page number.
    for table in [NUMBER, UNTIL_EMPTY] {
        let (ingest, publisher, ran) = run_script(table, |_| {
            Reply::json(package_with(&[1, 2], r#","total_pages":50"#))
        })
        .await;
        let ran = ran.expect(4);
        ran.expect_log("so the server ignores its number");
        assert_eq!(ran.report()["verdict"], "truncated");
        assert_eq!(ingest.count("release").await, 2);
        assert_eq!(publisher.requests().len(), 3);
    }
}

#[tokio::test]
async fn a_feed_with_fewer_releases_than_its_total_is_incomplete() {
    let table = r#"page = { mode = "number", total_items = "/total", size = 2 }"#;
    // The total is 8, but the publisher serves only 4.
    let (ingest, _publisher, ran) = run_script(table, |request| {
        let page: usize = request.query("page").unwrap().parse().unwrap();
        let numbers = [2 * page - 1, 2 * page];
        let numbers = if page <= 2 { &numbers[..] } else { &[] };
        Reply::json(package_with(numbers, r#","total":8"#))
    })
    .await;
    let ran = ran.expect(4);
    assert_eq!(ran.report()["verdict"], "truncated");
    assert_eq!(ingest.count("release").await, 4);
}

#[tokio::test]
async fn an_empty_file_affects_no_other_file() {
    let publisher = Publisher::serve(|request| match request.path() {
        "/" => Reply::json(r#"["a.json","b.json","c.json"]"#),
        "/a.json" => Reply::json(package_of(&[1])),
        "/b.json" => Reply::json(""),
        _ => Reply::json(package_of(&[3])),
    })
    .await;
    let mut ingest = Ingest::new().await;
    let root = publisher.url("/");
    let files = format!("axis.file = {{ url = \"{root}\", each = \"/*\" }}");
    ingest.declare_as(SOURCE, &format!("{root}{{axis.file|raw}}"), &files);
    let ran = ingest.run(&[]).await.expect(4);
    assert_eq!(ran.report()["verdict"], "truncated");
    let ids = "select release_id from ocds.release order by release_id";
    assert_eq!(ingest.column(ids).await, ["1", "3"]);
    let kept = "select concat_ws(' ', reason, length(document), substring(url from '[^/]*$'))
        from ocds.quarantine";
    assert_eq!(ingest.column(kept).await, ["unreadable-page 0 b.json"]);
}

#[tokio::test]
async fn an_ocid_with_a_slash_and_a_space_is_fetched_and_stored() {
    let ocid = "MW-O/2024 nº 7?#&";
    let publisher = Publisher::serve(move |request| match request.path() {
        "/list" => Reply::json(format!(r#"["{ocid}","plain"]"#)),
        path => {
            let name = path.trim_start_matches("/one/");
            let (name, _) = form_urlencoded::parse(name.as_bytes()).next().unwrap();
            Reply::json(package(&[release(1).replace("ocds-213czf-1", &name)], ""))
        }
    })
    .await;
    let mut ingest = Ingest::new().await;
    ingest.configure(&format!(
        "[sources.{SOURCE}]\nurl = \"{}\"\ndetail = {{ each = \"/*\", url = \"{}\" }}",
        publisher.url("/list"),
        publisher.url("/one/{item}"),
    ));
    ingest.run(&[]).await.expect(0);
    let mut targets = publisher.targets();
    targets.sort();
    assert_eq!(
        targets,
        [
            "/list",
            "/one/MW-O%2F2024%20n%C2%BA%207%3F%23%26",
            "/one/plain"
        ]
    );
    let ocids = "select ocid from ocds.release order by ocid";
    assert_eq!(ingest.column(ocids).await, [ocid, "plain"]);
}

/// A publisher's releases by number, with the day of the last change.
type Days = Arc<Mutex<BTreeMap<usize, u32>>>;

fn make_archive(numbers: impl Iterator<Item = (usize, u32)>) -> Days {
    Arc::new(Mutex::new(numbers.collect()))
}

/// Declares a source with windows of two days of January 2024.
fn define_windows(publisher: &Publisher, table: &str, window: &str) -> String {
    let url = publisher.url("/feed?from={from}&to={to}");
    format!(
        "[sources.{SOURCE}]\nurl = \"{url}\"\n{table}\n\
         window = {{ from = \"2024\", step = \"2d\", basis = \"updated\"{window} }}"
    )
}

/// Returns the days of January in a request. Both ends are included.
fn requested_days(request: &Request) -> std::ops::RangeInclusive<u32> {
    let day = |name: &str| request.query(name).unwrap()[8..10].parse().unwrap();
    day("from")..=day("to")
}

/// Returns the numbers of the releases within a request's days, in order.
fn list_releases(archive: &Days, request: &Request) -> Vec<usize> {
    let (archive, days) = (archive.lock().unwrap(), requested_days(request));
    let found = archive.iter().filter(|(_, day)| days.contains(day));
    found.map(|(&number, _)| number).collect()
}

async fn read_watermark(ingest: &Ingest) -> Vec<String> {
    let sql = "select to_char(reached at time zone 'UTC', 'YYYY-MM-DD') from ocds.watermark where reached is not null";
    ingest.column(sql).await
}

#[tokio::test]
async fn windows_that_share_an_end_point_store_each_release_once() {
    let archive = make_archive((1..=9).map(|number| (number, number as u32)));
    let publisher =
        Publisher::serve(move |request| Reply::json(package_of(&list_releases(&archive, request))))
            .await;
    let mut ingest = Ingest::new().await;
    ingest.configure(&define_windows(&publisher, "", ""));
    let counts = ingest
        .run(&["--until", "2024-01-09"])
        .await
        .expect(0)
        .counts();
    // Days 3, 5 and 7 are served twice, at the end of one window and at the start of the next.
    assert_eq!(counts, "9 inserted, 3 unchanged");
    assert_eq!(ingest.count("release").await, 9);
    assert_eq!(publisher.requests().len(), 4);
}

#[tokio::test]
async fn releases_added_during_a_run_are_stored_by_the_next_run() {
    let archive = make_archive((1..=12).map(|number| (number, number as u32)));
    let newest_first = |archive: &Days, request: &Request| {
        let mut found = list_releases(archive, request);
        found.reverse();
        let total = format!(r#","total_pages":{}"#, found.len().div_ceil(2));
        let page: usize = request.query("page").unwrap().parse().unwrap();
        let page = found.chunks(2).nth(page - 1).unwrap_or_default();
        Reply::json(package_with(page, &total))
    };
    let served = Arc::clone(&archive);
    let publisher = Publisher::serve(move |request| {
        let reply = newest_first(&served, request);
        // Each request adds a release with the current day.
        let mut archive = served.lock().unwrap();
        let number = archive.len() + 1;
        archive.insert(number, 13);
        reply
    })
    .await;
    let mut ingest = Ingest::new().await;
    ingest.configure(&define_windows(&publisher, NUMBER, ", overlap = \"1d\""));
    ingest.run(&["--until", "2024-01-13"]).await.expect(0);
    let of_before = "release where release_id::int <= 12";
    assert_eq!(ingest.count(of_before).await, 12);
    let all = archive.lock().unwrap().len();
    assert!(ingest.count("release").await < all);

    publisher.set_script(move |request| newest_first(&archive, request));
    ingest.run(&["--until", "2024-01-14"]).await.expect(0);
    assert_eq!(ingest.count("release").await, all);
}

#[tokio::test]
async fn windows_are_split_at_a_limit_of_ten_thousand_results() {
    // 12,000 releases in eight days, of which a window serves at most 10,000.
    let archive = make_archive((0..12_000).map(|number| (number, 1 + number as u32 % 8)));
    // Beyond these, the server refuses or serves nothing.
    for beyond in [400, 200] {
        let served = Arc::clone(&archive);
        let publisher = Publisher::serve(move |request| {
            let found = list_releases(&served, request);
            let page: usize = request.query("page").unwrap().parse().unwrap();
            if page > 10 && beyond != 200 {
                return Reply::status(beyond);
            }
            let given = &found[..found.len().min(10_000)];
            let some = given.chunks(1_000).nth(page - 1).unwrap_or_default();
            Reply::json(package_with(some, &format!(r#","total":{}"#, found.len())))
        })
        .await;
        let table = r#"page = { mode = "number", total_items = "/total", size = 1000 }"#;
        let year =
            |split: &str| define_windows(&publisher, table, split).replace("\"2d\"", "\"1y\"");
        let mut ingest = Ingest::new().await;
        ingest.configure(&year(""));
        let ran = ingest.run(&["--until", "2024-01-09"]).await.expect(4);
        assert_eq!(ran.report()["verdict"], "truncated");
        assert_eq!(ingest.count("release").await, 10_000);
        assert_eq!(read_watermark(&ingest).await, [""; 0]);

        ingest.configure(&year(", split_when = { items = 10000, smallest = \"1d\" }"));
        ingest
            .run(&["--until", "2024-01-09", "--restart"])
            .await
            .expect(0);
        assert_eq!(ingest.count("release").await, 12_000);
        assert_eq!(read_watermark(&ingest).await, ["2024-01-09"]);
    }
}
