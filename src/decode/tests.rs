use std::io::{Cursor, Write as _};

use flate2::Compression;
use flate2::write::GzEncoder;
use proptest::prelude::*;
use zip::write::SimpleFileOptions;

use super::*;
use crate::extract;
use crate::json::MAX_ENVELOPE_BYTES;
use crate::source::Version;

const PACKAGE: &str = r#"{"uri":"u","releases":[{"ocid":"a","id":"1"},{"ocid":"b","id":"2"}]}"#;

const RELEASE: &str = r#"{"ocid":"c","id":"3","tag":["tender"]}"#;

fn source(table: &str) -> Source {
    toml::from_str(&format!("url = \"https://feed.example\"\n{table}")).unwrap()
}

fn read(body: impl Into<Bytes>, table: &str) -> Result<Decoded, Undecodable> {
    decode(body.into(), None, &source(table), &config::Fetch::default())
}

/// Returns the decoded items and the broken documents, each as `pointer text`.
fn found(decoded: &Decoded) -> (Vec<String>, Vec<String>) {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let items = decoded.documents.iter().flat_map(|document| {
        let items = document.cut.items.iter();
        items.map(|item| {
            let pointer = [&*document.pointer, &document.cut.pointer(item)].concat();
            format!("{pointer} {}", text(&document.body[item.range.clone()]))
        })
    });
    let broken = decoded.broken.iter();
    let broken = broken.map(|it| format!("{} {}: {}", it.pointer, it.message, text(&it.body)));
    (items.collect(), broken.collect())
}

#[track_caller]
fn check(body: impl Into<Bytes>, table: &str, items: &[&str], broken: &[&str]) -> Decoded {
    let decoded = read(body, table).unwrap();
    let (found_items, found_broken) = found(&decoded);
    assert_eq!(found_items, items);
    assert_eq!(found_broken, broken);
    decoded
}

#[track_caller]
fn refused(body: impl Into<Bytes>, table: &str) -> String {
    match read(body, table).unwrap_err() {
        Undecodable::Unreadable(message) => message,
        why => panic!("{}", why.into_message()),
    }
}

fn gzip(content: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(content).unwrap();
    encoder.finish().unwrap()
}

pub(super) fn zip(members: &[(&str, &[u8])]) -> Vec<u8> {
    let mut archive = zip::ZipWriter::new(Cursor::new(Vec::new()));
    for (name, content) in members {
        match name.strip_suffix('/') {
            Some(directory) => archive
                .add_directory(directory, SimpleFileOptions::default())
                .unwrap(),
            None => {
                archive
                    .start_file(*name, SimpleFileOptions::default())
                    .unwrap();
                archive.write_all(content).unwrap();
            }
        }
    }
    archive.finish().unwrap().into_inner()
}

/// Returns the items of [`PACKAGE`] as they are expected at a place.
fn two(pointer: &str) -> [String; 2] {
    [
        format!(r#"{pointer}/releases/0 {{"ocid":"a","id":"1"}}"#),
        format!(r#"{pointer}/releases/1 {{"ocid":"b","id":"2"}}"#),
    ]
}

fn strs(texts: &[String]) -> Vec<&str> {
    texts.iter().map(String::as_str).collect()
}

#[test]
fn one_document_is_neither_copied_nor_pointed_into_otherwise() {
    let body = Bytes::from(PACKAGE);
    let decoded = check(body.clone(), "", &strs(&two("")), &[]);
    assert_eq!(decoded.documents[0].body.as_ptr(), body.as_ptr());
    assert_eq!(decoded.documents[0].pointer, "");
    assert_eq!(decoded.envelope["uri"], "u");
}

#[test]
fn a_byte_order_mark_is_no_text() {
    check(format!("\u{feff}{PACKAGE}"), "", &strs(&two("")), &[]);
}

#[test]
fn documents_of_a_text_are_in_order_and_told_apart_by_their_index() {
    let text = format!("{PACKAGE}\n{RELEASE}\r\n\n{PACKAGE}\n");
    let [a, b] = two("/0");
    let c = format!("/1 {RELEASE}");
    let [d, e] = two("/2");
    let items = [a, b, c, d, e];
    for table in [
        "",
        r#"decode = { container = "lines" }"#,
        r#"decode = { container = "concatenated" }"#,
    ] {
        let decoded = check(text.clone(), table, &strs(&items), &[]);
        assert_eq!(decoded.documents.len(), 3);
        assert_eq!(decoded.envelope["uri"], "u");
    }
    let joined = format!("{PACKAGE}{RELEASE}{PACKAGE}");
    check(joined, "", &strs(&items), &[]);
}

#[test]
fn releases_by_themselves_are_a_page_of_them() {
    let decoded = read(format!("{RELEASE}\n{RELEASE}"), "").unwrap();
    assert!(decoded.envelope.is_array());
    assert!(read(RELEASE, "").unwrap().envelope.is_null());
}

#[test]
fn an_array_of_anything_is_an_array_of_items() {
    let record = r#"{"ocid":"a","releases":[{"ocid":"a","id":"1"}]}"#;
    for entry in [RELEASE, PACKAGE, "null", r#"{"title":"x"}"#, record] {
        check(format!("[{entry}]"), "", &[&format!("/0 {entry}")], &[]);
        // a text with several documents, too
        let text = format!("{RELEASE}\n[{entry}]");
        let items = [format!("/0 {RELEASE}"), format!("/1/0 {entry}")];
        check(text, "", &strs(&items), &[]);
    }
}

#[test]
fn releases_on_lines_are_one_part() {
    let decoded = read(format!("{RELEASE}\n").repeat(1_000), "").unwrap();
    assert_eq!(decoded.documents.len(), 1);
    assert_eq!(decoded.documents[0].cut.items.len(), 1_000);
}

#[test]
fn a_broken_line_costs_itself() {
    let lines = format!("{RELEASE}\n{{\"ocid\":\"x\",\n{{\"error\":\"no\"}}\n{RELEASE}\n");
    check(
        lines,
        "",
        &[&format!("/0 {RELEASE}"), &format!("/3 {RELEASE}")],
        &[
            "/1 JSON that ends in the middle: {\"ocid\":\"x\",",
            "/2 a JSON object without /releases or /records or ocid: {\"error\":\"no\"}",
        ],
    );
}

#[test]
fn several_documents_that_are_cut_short_are_unreadable() {
    let text = format!("{PACKAGE}\n{PACKAGE}\n{PACKAGE}");
    for table in [
        "",
        r#"decode = { container = "lines" }"#,
        r#"decode = { container = "concatenated" }"#,
    ] {
        for end in 1..text.len() {
            let text = &text[..end];
            let is_whole = text.trim_end().ends_with("]}");
            assert_eq!(read(text.to_owned(), table).is_ok(), is_whole, "{text}");
        }
    }
}

#[test]
fn a_zip_file_holds_any_of_them() {
    let lines = format!("{RELEASE}\n{RELEASE}\n");
    let packed = zip(&[
        ("2026/", b""),
        ("2026/01.json", PACKAGE.as_bytes()),
        ("__MACOSX/2026/._01.json", b"\0\x05\x16"),
        ("empty.json", b""),
        ("notice.html", b"<html>gone</html>"),
        ("lines.jsonl", lines.as_bytes()),
        ("packed.json.gz", &gzip(RELEASE.as_bytes())),
        ("../../etc/passwd", RELEASE.as_bytes()),
    ]);
    let items = [
        &two("/2026~101.json")[..],
        &[
            format!("/lines.jsonl/0 {RELEASE}"),
            format!("/lines.jsonl/1 {RELEASE}"),
            format!("/packed.json.gz {RELEASE}"),
            format!("/..~1..~1etc~1passwd {RELEASE}"),
        ],
    ]
    .concat();
    let broken = [
        format!("/__MACOSX~12026~1._01.json {MESSAGE}: "),
        "/empty.json empty: ".to_owned(),
        format!("/notice.html {MESSAGE}: <html>gone</html>"),
    ];
    let broken = broken.each_ref().map(String::as_str);
    check(packed.clone(), "", &strs(&items), &broken);
    check(
        packed,
        r#"decode = { container = "zip" }"#,
        &strs(&items),
        &broken,
    );
}

#[test]
fn side_files_are_told_from_data_that_cannot_be_read() {
    let decoded = read(
        zip(&[
            ("LICENCE", b"Public domain"),
            ("about.json", br#"{"title":"Tenders","fields":["ocid"]}"#),
            ("tables/2026.csv", b"ocid,id\n"),
            (
                "tables/2026.xlsx",
                &zip(&[("xl/workbook.xml", b"<workbook/>")]),
            ),
            ("data.txt", RELEASE.as_bytes()),
            ("cut.txt", br#"{"releases":[{"ocid":"#),
            ("cut.json", br#"{"title":"Ten"#),
            ("page.json", b"<html>busy</html>"),
            ("wrapped.json", br#"{"data":[{"ocid":"a"}]}"#),
            ("table.gz", &gzip(b"ocid,id\n")),
        ]),
        "",
    )
    .unwrap();
    assert_eq!(found(&decoded).0, [format!("/data.txt {RELEASE}")]);
    let reasons = decoded.broken.iter();
    let reasons = reasons.map(|it| (&*it.pointer, it.reason.as_str()));
    let (side, broken) = ("side-file", "unreadable-document");
    assert_eq!(
        reasons.collect::<Vec<_>>(),
        [
            ("/LICENCE", side),
            ("/about.json", side),
            ("/tables~12026.csv", side),
            ("/tables~12026.xlsx", side),
            ("/cut.txt", broken),
            ("/cut.json", broken),
            ("/page.json", broken),
            ("/wrapped.json", broken),
            ("/table.gz", broken),
        ]
    );
}

/// Returns an archive whose members begin in unusual ways, under names that tell nothing or
/// something else.
pub(super) fn archive_of_unusual_beginnings() -> Vec<u8> {
    let blank = " \n\t\r".repeat(1_000);
    let late = |text: &str| format!("{blank}{text}").into_bytes();
    let utf16: Vec<u8> = format!("\u{feff}{blank}{RELEASE}")
        .encode_utf16()
        .flat_map(u16::to_le_bytes)
        .collect();
    zip(&[
        ("a.json", RELEASE.as_bytes()),
        ("table", br#"[["ocid","id"],["a","1"]]"#),
        ("short", b" \n "),
        ("long", blank.as_bytes()),
        ("long.txt", blank.as_bytes()),
        ("late", &late(PACKAGE)),
        ("late.txt", &late(PACKAGE)),
        ("prose", &late("Read me first")),
        ("utf16", &utf16),
        ("zeros", &[0; 5_000]),
        ("short.json", b" \n "),
        ("long.json", blank.as_bytes()),
    ])
}

#[test]
fn white_space_and_arrays_of_arrays_are_no_sign_of_a_side_file() {
    let decoded = read(archive_of_unusual_beginnings(), "").unwrap();
    let (late, late_txt) = (two("/late"), two("/late.txt"));
    let mut expected = vec![
        format!("/a.json {RELEASE}"),
        r#"/table/0 ["ocid","id"]"#.to_owned(),
        r#"/table/1 ["a","1"]"#.to_owned(),
    ];
    expected.extend(late.into_iter().chain(late_txt));
    expected.push(format!("/utf16 {RELEASE}"));
    assert_eq!(found(&decoded).0, expected);
    let reasons = decoded.broken.iter();
    let reasons = reasons.map(|it| (&*it.pointer, it.reason.as_str()));
    assert_eq!(
        reasons.collect::<Vec<_>>(),
        [
            ("/short", "side-file"),
            ("/long", "side-file"),
            ("/long.txt", "side-file"),
            ("/prose", "side-file"),
            ("/zeros", "side-file"),
            ("/short.json", "unreadable-document"),
            ("/long.json", "unreadable-document"),
        ]
    );
}

#[test]
fn of_side_files_only_the_beginning_and_a_part_are_kept() {
    let large = vec![b'x'; 100 << 10];
    let names: Vec<String> = (0..20).map(|i| format!("{i}.csv")).collect();
    let mut members: Vec<(&str, &[u8])> = names.iter().map(|it| (&**it, &*large)).collect();
    members.push((".DS_Store", b"\0\0\0\x01Bud1"));
    members.push(("a.json", RELEASE.as_bytes()));
    let decoded = read(zip(&members), "").unwrap();
    assert_eq!(decoded.broken.len(), 21);
    let kept: Vec<usize> = decoded.broken.iter().map(|it| it.body.len()).collect();
    assert_eq!(kept[..16], [64 << 10; 16]);
    assert_eq!(kept[16..], [0; 5]);
}

#[test]
fn an_archive_without_data_is_unreadable() {
    let readme: (&str, &[u8]) = ("README.md", b"Read me");
    let about: (&str, &[u8]) = ("about.json", br#"{"title":"Tenders"}"#);
    assert_eq!(refused(zip(&[readme]), ""), MESSAGE);
    assert_eq!(
        refused(zip(&[about]), ""),
        "a JSON object without /releases or /records or ocid"
    );
    assert_eq!(
        refused(zip(&[readme, about]), ""),
        "an archive of 2 files, none of which is data"
    );
    // If data cannot be read, that is what is said.
    let cut: (&str, &[u8]) = ("a.json", b"{\"a\":");
    assert_eq!(
        refused(zip(&[readme, cut]), ""),
        "JSON that ends in the middle"
    );
    assert_eq!(refused(zip(&[("empty/", b"")]), ""), "without documents");
}

#[test]
fn members_are_selected_by_their_names() {
    let packed = zip(&[
        ("2025/releases.json", RELEASE.as_bytes()),
        ("2025/compiled.json", RELEASE.as_bytes()),
        ("2025/README.txt", b"Read me"),
        ("__MACOSX/2025/._releases.json", b"\0\x05\x16"),
    ]);
    let only = r"decode.members = { matching = 'releases\.json$', except = '^__MACOSX' }";
    let item = format!("/2025~1releases.json {RELEASE}");
    check(packed.clone(), only, &[&item], &[]);
    let none = "decode.members = { matching = 'releases-.*' }";
    assert_eq!(
        refused(packed, none),
        "without a member that `decode.members` selects"
    );
    // An archive within the archive is a member, too.
    let nested = zip(&[("2025.zip", &zip(&[("a.json", RELEASE.as_bytes())]))]);
    let both = "decode.members = { matching = '(zip|json)$' }";
    check(nested, both, &[&format!("/2025.zip/a.json {RELEASE}")], &[]);
}

#[test]
fn both_lists_of_a_document_are_read() {
    let record = r#"{"ocid":"r","compiledRelease":{}}"#;
    let package = PACKAGE.replacen(
        '{',
        &format!(r#"{{"version":"1.0","records":[{record}],"#),
        1,
    );
    let [a, b] = two("");
    let decoded = check(
        package.clone(),
        "",
        &[&a, &b, &format!("/records/0 {record}")],
        &[],
    );
    assert_eq!(decoded.envelope["records"], serde_json::json!([]));
    let decoded = read(zip(&[("a.json", package.as_bytes())]), "").unwrap();
    for document in &decoded.documents {
        assert_eq!(document.cut.envelope["version"], "1.0");
    }
    let empty = r#"{"version":"1.0","releases":null,"records":[{"ocid":"r"}]}"#;
    let decoded = read(zip(&[("a.json", empty.as_bytes())]), "").unwrap();
    assert_eq!(decoded.documents[1].cut.envelope["version"], "1.0");
    let package = decoded.documents[1].package.as_deref();
    assert_eq!(package, Some(r#"{"version":"1.0"}"#));
}

#[test]
fn an_object_in_the_place_of_a_list_is_rejected() {
    let lone = r#"{"ocid":"l","id":"1"}"#;
    let package = PACKAGE.replacen('{', &format!(r#"{{"records":{lone},"#), 1);
    let message = "an object in the place of a list of releases or records";
    for (pointer, body) in [
        ("", package.clone().into_bytes()),
        ("/a.json", zip(&[("a.json", package.as_bytes())])),
    ] {
        let broken = format!("{pointer}/records {message}: {lone}");
        check(body, "", &strs(&two(pointer)), &[&broken]);
    }
    let lines = format!("{RELEASE}\n{package}");
    let items = [&[format!("/0 {RELEASE}")][..], &two("/1")].concat();
    let broken = format!("/1/records {message}: {lone}");
    check(lines, "", &strs(&items), &[&broken]);
}

#[test]
fn members_of_one_name_are_all_read_and_told_apart() {
    let one = zip(&[
        ("a.json", RELEASE.as_bytes()),
        ("b.json", RELEASE.as_bytes()),
    ]);
    let both: Vec<u8> = one
        .iter()
        .map(|byte| if *byte == b'b' { b'a' } else { *byte })
        .collect();
    // counts the name in the member's header and in the directory
    let renamed = String::from_utf8_lossy(&both).matches("a.json").count();
    assert_eq!(renamed, 4);
    check(
        both,
        "",
        &[
            &format!("/a.json {RELEASE}"),
            &format!("/a.json (2) {RELEASE}"),
        ],
        &[],
    );
}

#[test]
fn a_gzip_file_holds_any_of_them() {
    let lines = format!("{RELEASE}\n{RELEASE}\n");
    let items = [format!("/0 {RELEASE}"), format!("/1 {RELEASE}")];
    check(gzip(lines.as_bytes()), "", &strs(&items), &[]);
    // two gzip files joined, as `cat` does it
    let joined = [gzip(RELEASE.as_bytes()), gzip(RELEASE.as_bytes())].concat();
    check(joined, "", &strs(&items), &[]);
    let deeper = zip(&[("x.zip", &zip(&[("y.json", RELEASE.as_bytes())]))]);
    check(
        deeper.clone(),
        "",
        &[&format!("/x.zip/y.json {RELEASE}")],
        &[],
    );
    assert_eq!(
        refused(gzip(&deeper), ""),
        "an archive within an archive within an archive"
    );
}

#[test]
fn archives_cut_short_are_unreadable_and_a_damaged_member_costs_itself() {
    let content = RELEASE.repeat(50);
    let packed = gzip(content.as_bytes());
    for end in 2..packed.len() {
        assert!(read(packed[..end].to_vec(), "").is_err(), "{end}");
    }
    let packed = zip(&[("a", RELEASE.as_bytes()), ("b", content.as_bytes())]);
    for end in 4..packed.len() {
        assert!(read(packed[..end].to_vec(), "").is_err(), "{end}");
    }
    let mut damaged = packed;
    damaged[31 + 12] ^= 0x55;
    let decoded = read(damaged, "").unwrap();
    assert_eq!(decoded.documents.len(), 1);
    assert_eq!(
        (&*decoded.broken[0].pointer, &*decoded.broken[0].message),
        ("/a", "a member that is damaged")
    );
}

#[test]
fn an_archive_is_held_to_its_limits() {
    let limits = config::Fetch {
        max_members: 3,
        max_decoded_bytes: 3 << 20,
        ..config::Fetch::default()
    };
    let large = [b"[\"", &vec![b'x'; 2 << 20][..], b"\"]"].concat();
    let bomb = gzip(&large);
    let members: Vec<(&str, &[u8])> = vec![("a", RELEASE.as_bytes()); 1];
    let four: Vec<(String, &[u8])> = (0..4)
        .map(|i| (i.to_string(), RELEASE.as_bytes()))
        .collect();
    let four: Vec<(&str, &[u8])> = four.iter().map(|(name, it)| (name.as_str(), *it)).collect();
    let noise: Vec<u8> = (0..100_000_u32)
        .flat_map(|i| blake3::hash(&i.to_le_bytes()).as_bytes()[..20].to_vec())
        .collect();
    for (body, key) in [
        (zip(&four), "fetch.max_members"),
        (
            zip(&[("a", &zip(&four[..2])), ("b", &zip(&four[..2]))]),
            "fetch.max_members",
        ),
        (bomb.clone(), "fetch.max_ratio"),
        (zip(&[("a", &bomb)]), "fetch.max_ratio"),
        (
            zip(&[("a.json", &noise), ("b.json", &noise)]),
            "fetch.max_decoded_bytes",
        ),
    ] {
        let refusal = decode(body.into(), None, &source(""), &limits).unwrap_err();
        let Undecodable::TooLarge(message) = refusal else {
            panic!("{refusal:?}");
        };
        assert!(message.contains(key), "{message}");
    }
    assert!(decode(zip(&members).into(), None, &source(""), &limits).is_ok());
}

#[test]
fn what_is_declared_is_not_looked_for() {
    for (body, table, message) in [
        (
            PACKAGE.as_bytes(),
            r#"decode = { container = "zip" }"#,
            "no zip file",
        ),
        (
            PACKAGE.as_bytes(),
            r#"decode = { container = "gzip" }"#,
            "no gzip file",
        ),
        (
            &gzip(PACKAGE.as_bytes()),
            r#"decode = { container = "json" }"#,
            "not JSON from byte 0, where a value was expected",
        ),
        (b"", "", "empty"),
        (&zip(&[]), "", "without documents"),
        (
            &zip(&[("a.json", b""), ("b.json", b"<p>")]),
            "",
            "2 documents that cannot be read, the first of them empty",
        ),
    ] {
        assert_eq!(refused(body.to_vec(), table), message);
    }
    let several = format!("{PACKAGE}{PACKAGE}");
    let message = refused(several, r#"decode = { container = "json" }"#);
    assert_eq!(message, "several JSON documents, one after the other");
}

#[test]
fn a_charset_is_that_of_each_text() {
    let latin = b"{\"ocid\":\"x\",\"id\":\"caf\xE9\",\"tag\":[]}";
    let packed = zip(&[("a", latin)]);
    let expected = r#"/a {"ocid":"x","id":"café","tag":[]}"#;
    check(
        packed,
        r#"decode = { charset = "latin1" }"#,
        &[expected],
        &[],
    );
    let header = Some("application/json; charset=iso-8859-1");
    let limits = config::Fetch::default();
    let decoded = decode(Bytes::from_static(latin), header, &source(""), &limits).unwrap();
    assert_eq!(found(&decoded).0, [expected.replacen("/a", "", 1)]);
}

/// Decodes a body that exceeds a limit, and returns the message.
#[track_caller]
fn too_large(body: impl Into<Bytes>) -> String {
    match read(body, "").unwrap_err() {
        Undecodable::TooLarge(message) => message,
        why => panic!("{}", why.into_message()),
    }
}

#[test]
fn of_what_is_around_items_only_the_page_s_own_is_kept_whole() {
    // together these exceed the limit on what may be kept, as a year of packages does
    let long = "x".repeat(MAX_ENVELOPE_BYTES / 4);
    let package = |version: &str| {
        let about = format!(r#""uri":"{long}","publisher":{{"name":"p"}}"#);
        format!(r#"{{{about},"releases":[{RELEASE}]{version}}}"#)
    };
    let (old, new) = (
        package(r#","version":"1.0""#),
        package(r#","version":"1.1""#),
    );
    let silent = package("");
    let documents = [&*old, &*new, &*silent].repeat(4);
    let lines = documents.join("\n");
    let names = (0..documents.len()).map(|nth| nth.to_string());
    let names: Vec<String> = names.collect();
    let members = names.iter().zip(&documents);
    let members: Vec<(&str, &[u8])> = members
        .map(|(name, document)| (&**name, document.as_bytes()))
        .collect();
    for body in [lines.into_bytes(), zip(&members)] {
        let limits = config::Fetch {
            max_ratio: 1_000_000,
            ..config::Fetch::default()
        };
        let decoded = decode(body.into(), None, &source(""), &limits).unwrap();
        assert_eq!(decoded.envelope["publisher"]["name"], "p");
        for document in &decoded.documents {
            assert!(document.cut.envelope.to_string().len() < 50);
        }
        let options = extract::Options::default();
        let Decoded {
            envelope,
            documents,
            broken,
        } = decoded;
        let extracted = extract::extract_documents(&documents, &broken, &envelope, &options);
        let versions = extracted.releases.iter().map(|release| release.version);
        let expected = [Version::V1_0, Version::V1_1, Version::V1_0].map(Some);
        assert_eq!(versions.collect::<Vec<_>>(), expected.repeat(4));
    }
}

#[test]
fn what_is_kept_of_what_is_around_items_is_limited_over_all_documents() {
    let version = "1".repeat(MAX_ENVELOPE_BYTES / 8);
    let package = format!(r#"{{"releases":[1],"version":"{version}"}}"#);
    let several = |count: usize| vec![&*package; count].join("\n");
    // the first envelope counts twice, because the page keeps it too
    assert_eq!(read(several(6), "").unwrap().documents.len(), 6);
    assert_eq!(
        too_large(several(7)),
        "a page of more than 4194304 bytes around its items"
    );
}

#[test]
fn a_document_without_items_counts_as_one() {
    let most = config::Fetch::default().max_items;
    let items = format!("[{}0]", "0,".repeat(most - 2));
    assert_eq!(read(format!("{items}\n[]"), "").unwrap().documents.len(), 2);
    assert_eq!(
        too_large(format!("{items}\n[]\n[]")),
        "a page of more than 250000 items, the limit of `fetch.max_items`"
    );
}

proptest! {
    #[test]
    fn whatever_comes_is_read_or_refused(
        body in proptest::collection::vec(any::<u8>(), 0..200),
        kind in 0..4,
    ) {
        let start: &[u8] = match kind {
            0 => b"",
            1 => b"PK\x03\x04",
            2 => b"\x1F\x8B\x08",
            _ => b"{\"releases\":[",
        };
        let _ = read([start, &body[..]].concat(), "");
    }

    #[test]
    fn nothing_of_several_documents_is_lost(
        documents in proptest::collection::vec(
            prop_oneof![Just(PACKAGE), Just(RELEASE), Just("{\"error\":1}")], 2..8,
        ),
        between in prop_oneof![Just(""), Just("\n"), Just(" \r\n")],
    ) {
        let count = |it: &str| documents.iter().filter(|document| **document == it).count();
        match read(documents.join(between), "") {
            Ok(decoded) => {
                let (items, broken) = found(&decoded);
                prop_assert_eq!(items.len(), 2 * count(PACKAGE) + count(RELEASE));
                prop_assert_eq!(broken.len(), count("{\"error\":1}"));
            }
            Err(_) => prop_assert_eq!(count("{\"error\":1}"), documents.len()),
        }
    }
}
