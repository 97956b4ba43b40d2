//! Tests `merge`, which merges the releases of files without a database.

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::publisher::zip;

/// Runs `merge` with files of these contents in a directory of their own.
struct Merge {
    directory: TempDir,
}

impl Merge {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        Self { directory }
    }

    fn with(self, name: &str, content: impl AsRef<[u8]>) -> Self {
        std::fs::write(self.path().join(name), content).unwrap();
        self
    }

    fn path(&self) -> &Path {
        self.directory.path()
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_ocds-ingest"));
        command
            .current_dir(self.path())
            .arg("merge")
            .args(arguments)
            .env_remove("DATABASE_URL")
            .stdin(Stdio::null());
        command
    }

    #[track_caller]
    fn run(&self, arguments: &[&str]) -> Merged {
        Merged(self.command(arguments).output().unwrap())
    }

    #[track_caller]
    fn run_with_input(&self, arguments: &[&str], input: &[u8]) -> Merged {
        let mut command = self.command(arguments);
        command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        child.stdin.take().unwrap().write_all(input).unwrap();
        Merged(child.wait_with_output().unwrap())
    }
}

struct Merged(Output);

impl Merged {
    #[track_caller]
    fn expect(self, code: i32) -> Self {
        assert_eq!(self.0.status.code(), Some(code), "{}", self.log());
        self
    }

    fn log(&self) -> String {
        String::from_utf8_lossy(&self.0.stderr).into_owned()
    }

    #[track_caller]
    fn expect_log(&self, text: &str) {
        assert!(self.log().contains(text), "{text} in {}", self.log());
    }

    fn lines(&self) -> Vec<Value> {
        let out = std::str::from_utf8(&self.0.stdout).unwrap();
        out.lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }
}

/// A release of a process on a day of 2026, which states one more member.
fn dated(ocid: &str, day: u32, name: &str, value: impl Into<Value>) -> Value {
    json!({
        "ocid": ocid, "id": format!("{ocid}-{day}"), "date": format!("2026-01-{day:02}T00:00:00Z"),
        "tag": ["tender"], name: value.into(),
    })
}

fn release_package(releases: &[Value]) -> String {
    json!({"version": "1.1", "releases": releases}).to_string()
}

/// The compiled release of two releases of the process `a`, and that of one release of `b`.
fn expected() -> Vec<Value> {
    vec![
        json!({"ocid": "a", "id": "a-2026-01-02T00:00:00Z", "date": "2026-01-02T00:00:00Z",
               "tag": ["compiled"], "language": "fr", "title": "x"}),
        json!({"ocid": "b", "id": "b-2026-01-01T00:00:00Z", "date": "2026-01-01T00:00:00Z",
               "tag": ["compiled"], "language": "en"}),
    ]
}

fn releases() -> Vec<Value> {
    let mut last = dated("a", 2, "language", "fr");
    last["title"] = json!("x");
    vec![
        last,
        dated("b", 1, "language", "en"),
        dated("a", 1, "language", "en"),
    ]
}

#[test]
fn files_of_every_form_merge_to_a_line_for_each_process() {
    let releases = releases();
    let lines: String = releases.iter().map(|it| format!("{it}\n")).collect();
    let records = json!({"version": "1.1", "records": [
        {"ocid": "a", "releases": [releases[0], releases[2]]},
        {"ocid": "b", "releases": [releases[1]], "compiledRelease": dated("b", 9, "language", "no")},
    ]});
    let indented = serde_json::to_string_pretty(&json!(releases)).unwrap();
    let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
    gzip.write_all(lines.as_bytes()).unwrap();
    let (first, second) = (
        release_package(&releases[..2]),
        release_package(&releases[2..]),
    );
    let archive = zip(&[
        ("1.json", &*first),
        ("2.json", &*second),
        ("readme.txt", "none"),
    ]);
    let merge = Merge::new()
        .with("package.json", release_package(&releases))
        .with("records.json", records.to_string())
        .with("lines.jsonl", &lines)
        .with("array.json", indented)
        .with("lines.jsonl.gz", gzip.finish().unwrap())
        .with("archive.zip", archive)
        .with("first.json", first)
        .with("second.json", second);
    for files in [
        &["package.json"][..],
        &["records.json"],
        &["lines.jsonl"],
        &["array.json"],
        &["lines.jsonl.gz"],
        &["archive.zip"],
        &["second.json", "first.json"],
        // copies of a release change nothing
        &["lines.jsonl", "package.json", "array.json"],
    ] {
        let merged = merge.run(files).expect(0);
        assert_eq!(merged.lines(), expected(), "{files:?}");
    }
    for arguments in [&[][..], &["-"]] {
        let merged = merge.run_with_input(arguments, lines.as_bytes()).expect(0);
        assert_eq!(merged.lines(), expected());
        merged.expect_log("read 3 releases, and merged 3 into 2 processes");
    }
}

#[test]
fn versioned_releases_have_all_values() {
    let merge = Merge::new().with("package.json", release_package(&releases()));
    let merged = merge.run(&["--versioned", "package.json"]).expect(0);
    let version = |day, value| {
        json!({"releaseID": format!("a-{day}"), "releaseDate": format!("2026-01-0{day}T00:00:00Z"),
               "releaseTag": ["tender"], "value": value})
    };
    assert_eq!(
        merged.lines()[0],
        json!({"ocid": "a", "language": [version(1, "en"), version(2, "fr")], "title": [version(2, "x")]})
    );
}

#[test]
fn a_versioned_release_is_no_release() {
    let merge = Merge::new().with("package.json", release_package(&releases()));
    let versioned = merge.run(&["--versioned", "package.json"]).expect(0);
    let again = merge.run_with_input(&[], &versioned.0.stdout).expect(5);
    again.expect_log("the release has no id");
    assert_eq!(again.lines(), Vec::<Value>::new());
}

#[test]
fn a_compiled_release_counts_if_there_is_no_other() {
    let records = json!({"version": "1.1", "records": [
        {"ocid": "a", "compiledRelease": dated("a", 1, "language", "old")},
        {"ocid": "a", "compiledRelease": dated("a", 2, "language", "new")},
        {"ocid": "b", "releases": [dated("b", 1, "language", "en")], "compiledRelease": dated("b", 2, "title", "x")},
    ]});
    let merge = Merge::new().with("records.json", records.to_string());
    let lines = merge.run(&["records.json"]).expect(0).lines();
    assert_eq!(lines[0]["language"], "new");
    assert_eq!(lines[1], expected()[1]);

    let versioned = merge.run(&["--versioned", "records.json"]).expect(5);
    assert_eq!(versioned.lines().len(), 1);
    versioned.expect_log("process a: there is only a compiled release, which has no versions");
    versioned.expect_log("left out: 1 process (without versions)");
}

#[test]
fn what_cannot_be_merged_is_named_and_the_rest_is_merged() {
    let releases = [
        dated("a", 1, "tender", 5),
        dated("a", 2, "tender", json!({"title": "x"})),
        dated("b", 1, "language", "en"),
        json!({"ocid": "c", "date": "2026-01-01", "language": "en"}),
        json!({"ocid": "d", "id": "1", "date": "2026-01-01"}),
        json!({"ocid": "d", "id": "2"}),
        json!({"id": "no ocid"}),
        dated("e", 1, "awards", json!([{"id": 1}, {"id": 1}])),
    ];
    let merge = Merge::new().with("package.json", release_package(&releases));
    let merged = merge.run(&["package.json"]).expect(5);
    let ocids: Vec<Value> = merged.lines().iter().map(|it| it["ocid"].clone()).collect();
    assert_eq!(ocids, ["b", "c", "e"]);
    for text in [
        "process a cannot be merged: tender is an object in release a-2 of 2026-01-02T00:00:00Z, but tender is a number in release a-1 of 2026-01-01T00:00:00Z",
        "process d cannot be merged: release 2 has no date",
        "package.json, at \"/releases/6\": ",
        "process e: 1 times, an entry of an array has the id of an earlier entry of the same release, and was merged into it, the first time at awards/1 in release e-1 of 2026-01-01T00:00:00Z",
        "not everything was merged; left out: 1 part of the input (cannot be read), 2 processes (cannot be merged)",
    ] {
        merged.expect_log(text);
    }
}

#[test]
fn the_schema_and_the_overrides_decide_the_rules() {
    let supplier = |day, id| {
        dated(
            "a",
            day,
            "awards",
            json!([{"id": 1, "suppliers": [{"id": id, "name": "x"}]}]),
        )
    };
    let schema = json!({"properties": {"awards": {"type": "array", "items": {"$ref": "#/definitions/Award"}}},
        "definitions": {"Award": {"type": "object", "properties": {"id": {}, "suppliers": {"type": "array", "wholeListMerge": true}}}}});
    let merge = Merge::new()
        .with(
            "package.json",
            release_package(&[supplier(1, 1), supplier(2, 2), supplier(3, 2)]),
        )
        .with("schema.json", schema.to_string())
        .with("wrong.json", r##"{"properties":{"a":{"$ref":"#/none"}}}"##);
    let suppliers = |options: &[&str]| -> Vec<i64> {
        let arguments = [options, &["package.json"]].concat();
        let lines = merge.run(&arguments).expect(0).lines();
        let suppliers = lines[0]["awards"][0]["suppliers"].as_array().unwrap();
        suppliers
            .iter()
            .map(|it| it["id"].as_i64().unwrap())
            .collect()
    };
    assert_eq!(suppliers(&[]), [1, 2]);
    assert_eq!(suppliers(&["--schema", "1.1"]), [1, 2]);
    assert_eq!(suppliers(&["--schema", "1.0"]), [2]);
    assert_eq!(suppliers(&["--schema", "schema.json"]), [2]);
    assert_eq!(suppliers(&["--append", "awards/suppliers"]), [1, 2, 2]);
    assert_eq!(suppliers(&["--by-position", "awards/suppliers"]), [2]);

    let wrong = merge
        .run(&["--schema", "wrong.json", "package.json"])
        .expect(2);
    wrong.expect_log("wrong.json: the reference #/none leads to no definition of the schema");
    merge
        .run(&["--schema", "none.json", "package.json"])
        .expect(2)
        .expect_log("the schema none.json is neither 1.0 nor 1.1, nor a file");
    for (options, message) in [
        (&["--append", "awards//x"][..], "such as awards/items"),
        (&["--append", "tag"], "tag has no rule"),
        (
            &["--append", "lots", "--by-position", "lots"],
            "lots has both --append and --by-position",
        ),
    ] {
        let arguments = [options, &["package.json"]].concat();
        merge.run(&arguments).expect(2).expect_log(message);
    }
}

#[test]
fn of_several_contents_of_a_release_the_newest_counts() {
    let content = |date: &str, title: &str| json!({"ocid": "a", "id": "1", "date": date, "title": title, "awards": [{"title": title}]});
    let merge = Merge::new()
        .with("new.json", content("2026-01-02", "new").to_string())
        .with("old.json", content("2026-01-01", "old").to_string())
        .with(
            "corrected.json",
            content("2026-01-02", "corrected").to_string(),
        );
    for (files, title) in [
        (&["old.json", "new.json"][..], "new"),
        (&["new.json", "old.json"], "new"),
        // of the same date, the last one
        (&["new.json", "corrected.json"], "corrected"),
        (&["corrected.json", "new.json"], "new"),
    ] {
        let merged = merge.run(files).expect(0);
        assert_eq!(merged.lines()[0]["awards"], json!([{"title": title}]));
        merged.expect_log(
            "1 content of a release was left out, because a newer or later one has the same id",
        );
    }
}

#[test]
fn what_only_a_database_needs_is_not_asked_for() {
    let lines = [
        // without ids, twice, with other white space
        r#"{"ocid":"a","date":"2026-01-01","awards":[{"title":"x"}]}"#,
        r#"{"ocid":"a", "date":"2026-01-01", "awards":[{"title":"x"}]}"#,
        r#"{"ocid":"a","date":"2026-01-02","language":"en"}"#,
        // characters and numbers that PostgreSQL does not store
        r#"{"ocid":"b","id":"1","date":"2026-01-01","title":"\u0000\ud83d","number":1e4000}"#,
        r#"{"ocid":7,"id":"1","date":"2026-01-01","title":"number"}"#,
        r#"{"ocid":"7","id":"2","date":"2026-01-02","language":"en"}"#,
    ];
    let merge = Merge::new().with("lines.jsonl", lines.join("\n"));
    let merged = merge.run(&["lines.jsonl"]).expect(0);
    let out = String::from_utf8(merged.0.stdout).unwrap();
    let expected = [
        r#"{"ocid":"7","id":"7-2026-01-02","date":"2026-01-02","tag":["compiled"],"title":"number","language":"en"}"#,
        r#"{"ocid":"a","id":"a-2026-01-02","date":"2026-01-02","tag":["compiled"],"awards":[{"title":"x"}],"language":"en"}"#,
        r#"{"ocid":"b","id":"b-2026-01-01","date":"2026-01-01","tag":["compiled"],"title":"\u0000\ud83d","number":1e4000}"#,
    ];
    assert_eq!(out.lines().collect::<Vec<&str>>(), expected);
}

#[test]
fn more_releases_than_fit_into_memory_are_sorted_in_files() {
    let title = "x".repeat(500);
    let releases: Vec<Value> = (0..4_000)
        .map(|n| {
            dated(
                &format!("ocds-{}", n * 7 % 1_000),
                1 + n / 1_000,
                "title",
                &*title,
            )
        })
        .collect();
    let merge = Merge::new().with("package.json", release_package(&releases));
    let sorted = merge.run(&["--memory", "1", "package.json"]).expect(0);
    assert_eq!(sorted.lines().len(), 1_000);
    assert_eq!(
        sorted.lines(),
        merge.run(&["package.json"]).expect(0).lines()
    );
    merge.run(&["--memory", "0", "package.json"]).expect(2);
}

#[test]
fn releases_of_version_1_0_are_upgraded() {
    let package = json!({"releases": [{
        "ocid": "a", "date": "2016-01-01T00:00:00Z", "tag": ["award"],
        "buyer": {"identifier": {"scheme": "XX", "id": "7"}, "name": "Ministry"},
        "awards": [{"id": "1", "suppliers": [{"identifier": {"scheme": "XX", "id": "8"}, "name": "Firm"}]}],
    }]});
    let merge = Merge::new().with("package.json", package.to_string());
    let upgraded = merge.run(&["package.json"]).expect(0).lines();
    assert_eq!(upgraded[0]["parties"].as_array().unwrap().len(), 2);
    let kept = merge
        .run(&["--schema", "1.0", "package.json"])
        .expect(0)
        .lines();
    assert_eq!(kept[0]["buyer"]["name"], "Ministry");
    assert!(kept[0].get("parties").is_none());
}

#[test]
fn input_that_cannot_be_read_is_an_error() {
    let merge = Merge::new()
        .with("page.html", "<html><title>Down</title></html>")
        .with("good.json", release_package(&releases()));
    // no file is read if one of them cannot be
    let missing = merge.run(&["good.json", "none.json"]).expect(2);
    missing.expect_log("file none.json: No such file");
    assert_eq!(missing.lines(), Vec::<Value>::new());
    merge
        .run(&["."])
        .expect(2)
        .expect_log(". is a directory: name the files in it");
    merge
        .run(&["https://publisher.example/all.json"])
        .expect(2)
        .expect_log("`merge` reads files");
    merge
        .run(&["good.json", "--config", "none.toml"])
        .expect(2)
        .expect_log("none.toml");
    let unreadable = merge.run(&["page.html", "good.json"]).expect(5);
    unreadable.expect_log("page.html: a part cannot be read");
    assert_eq!(unreadable.lines(), expected());
}

#[test]
fn a_reader_that_has_enough_stops_the_command() {
    let many: Vec<Value> = (0..20_000)
        .map(|n| dated(&format!("ocds-{n}"), 1, "title", "x".repeat(200)))
        .collect();
    let merge = Merge::new().with("package.json", release_package(&many));
    let mut child = merge
        .command(&["package.json"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let merged = Merged(child.wait_with_output().unwrap()).expect(141);
    merged.expect_log("stopped, because the reader of the output has closed it");
}
