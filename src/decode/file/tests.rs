//! Tests that a large file gives the same items and rejects as the same text in memory.

use std::fs::File;
use std::io::Write as _;

use bytes::Bytes;
use proptest::prelude::*;

use super::piece::WHOLE_BYTES;
use super::{Cutter, FileReader, NextPiece, Piece};
use crate::config;
use crate::decode::tests::{archive_of_unusual_beginnings, zip};
use crate::decode::{Decoded, decode, decode_text};
use crate::page::{BrokenDocument, Document, Mark};
use crate::source::Source;

fn source() -> Source {
    toml::from_str("url = \"https://feed.example\"").unwrap()
}

fn limits() -> config::Fetch {
    config::Fetch {
        max_ratio: 1_000_000,
        ..config::Fetch::default()
    }
}

/// Returns the items and the broken documents in a fixed order, each as `pointer text`. The bytes
/// of side files are left out.
fn describe(documents: &[Document], broken: &[BrokenDocument]) -> Vec<String> {
    let items = documents.iter().flat_map(|document| {
        let items = document.cut.items.iter();
        items.map(|item| {
            let text = String::from_utf8_lossy(&document.body[item.range.clone()]);
            format!("{}{} {text}", document.pointer, document.cut.pointer(item))
        })
    });
    let broken = broken.iter().map(|it| {
        let text = match it.is_side_file() {
            true => "".into(),
            false => String::from_utf8_lossy(&it.body),
        };
        format!("{} {} {text}", it.pointer, it.reason)
    });
    let mut all: Vec<String> = items.chain(broken).collect();
    all.sort_unstable();
    all
}

fn open_cutter(text: &[u8]) -> Cutter {
    open_limited_cutter(text, &limits())
}

fn open_limited_cutter(text: &[u8], limits: &config::Fetch) -> Cutter {
    let mut file: File = tempfile::tempfile().unwrap();
    file.write_all(text).unwrap();
    let file = FileReader::from_whole_file(file, text.len() as u64, None);
    Cutter::new(file, &source(), limits)
}

/// Cuts the rest of a file. Returns the pieces and the marks where they end.
fn cut_rest(cutter: &mut Cutter) -> Vec<(Piece, Mark)> {
    let mut pieces = Vec::new();
    loop {
        match cutter.next().unwrap() {
            NextPiece::Piece(piece, mark) => pieces.push((piece, mark)),
            NextPiece::Unreadable(_, message, _) => panic!("{message}"),
            NextPiece::End => return pieces,
        }
    }
}

fn describe_pieces(pieces: &[(Piece, Mark)]) -> Vec<String> {
    let pieces = pieces.iter().map(|(piece, _)| piece);
    let mut all: Vec<String> = pieces
        .flat_map(|piece| describe(&piece.documents, &piece.broken))
        .collect();
    all.sort_unstable();
    all
}

/// Cuts a text as a file.
fn cut_file(text: &[u8]) -> Vec<String> {
    describe_pieces(&cut_rest(&mut open_cutter(text)))
}

#[track_caller]
fn check_same(text: &str) {
    assert!(text.len() > WHOLE_BYTES);
    let whole = Bytes::copy_from_slice(text.as_bytes());
    let Decoded {
        documents, broken, ..
    } = decode_text(whole, None, &source(), &limits()).unwrap();
    let shown = &text[..text.len().min(2_000)];
    let pieces = cut_rest(&mut open_cutter(text.as_bytes()));
    assert_eq!(
        describe_pieces(&pieces),
        describe(&documents, &broken),
        "{shown}"
    );
    let of_pieces = pieces.iter().flat_map(|(piece, _)| &piece.documents);
    let (of_pieces, of_whole) = (
        count_extra_commas(of_pieces),
        count_extra_commas(&documents),
    );
    assert_eq!(of_pieces, of_whole, "{shown}");
}

fn count_extra_commas<'d>(documents: impl IntoIterator<Item = &'d Document>) -> usize {
    let documents = documents.into_iter();
    documents.map(|document| document.cut.extra_commas).sum()
}

/// A list of releases or records, or something else in its place.
fn value() -> impl Strategy<Value = String> {
    let item = (0..50_u32).prop_map(|n| format!(r#"{{"ocid":"o-{n}","id":"{n}","t":["]"]}}"#));
    let list = proptest::collection::vec(item, 0..4);
    prop_oneof![
        6 => list.prop_map(|items| format!("[{}]", items.join(" ,\n"))),
        2 => proptest::sample::select(&[
            "null",
            "12",
            r#""u""#,
            r#"{"total":1}"#,
            r#"{"id":"1","ocid":"lone"}"#,
        ][..]).prop_map(str::to_owned),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn a_large_package_gives_what_a_small_one_gives(
        members in proptest::collection::vec(
            (proptest::sample::select(&["releases", "records", "uri"][..]), value()),
            0..6,
        ),
        at in 0_usize..7,
        white in proptest::sample::select(&["", "\n  "][..]),
        is_filled_with_items in any::<bool>(),
    ) {
        let mut members: Vec<String> = members
            .iter()
            .map(|(name, value)| format!("{white}\"{name}\":{white}{value}"))
            .collect();
        // One list makes the file large: by its items, or by the white space within it.
        let large = match is_filled_with_items {
            true => {
                let text = "x".repeat(1 << 19);
                vec![format!(r#"{{"ocid":"large","id":"{text}"}}"#); 9].join(",")
            }
            false => format!(r#"{{"ocid":"large"}},{}1"#, " ".repeat(WHOLE_BYTES)),
        };
        members.insert(at.min(members.len()), format!("\"releases\":[{large}]"));
        check_same(&format!("{{{}{white}}}", members.join(",")));
    }
}

#[test]
fn each_list_of_a_package_may_be_large() {
    let text = "x".repeat(1 << 16);
    let list = |name: &str| {
        let items: Vec<String> = (0..80)
            .map(|n| format!(r#"{{"ocid":"{name}-{n}","id":"{text}"}}"#))
            .collect();
        format!("[{}]", items.join(","))
    };
    let (first, second, third) = (list("a"), list("b"), list("c"));
    check_same(&format!(
        r#"{{"version":"1.1","releases":[],"records":{first},"releases":{second},"records":{third}}}"#
    ));
}

#[test]
fn every_extra_comma_of_a_large_package_is_counted() {
    let text = "x".repeat(1 << 19);
    let list = vec![format!(r#"{{"ocid":"large","id":"{text}"}}"#); 9].join(",");
    check_same(&format!(r#"{{"releases":[,],"records":[{list}]}}"#));
    check_same(&format!(
        r#"{{"records":[,,],"records":{{"ocid":"lone"}},"releases":[{list}]}}"#
    ));
    check_same(&format!(r#"{{"releases":[{list}],"releases":[,{list},]}}"#));
    check_same(&format!(r#"{{"releases":[,,{list},],"records":[]}}"#));
    check_same(&format!(r#"{{"releases":[{list}],"records":[,]}}"#));
    // The first item is larger than what is read ahead.
    let large = format!(r#"{{"ocid":"large","id":"{}"}}"#, "x".repeat(WHOLE_BYTES));
    check_same(&format!(
        r#"{{"releases":[1],"records":[,{large},,{large}]}}"#
    ));
}

#[test]
fn a_list_larger_than_memory_may_follow_a_damaged_item() {
    let limits = config::Fetch {
        max_body_bytes: WHOLE_BYTES + 1,
        ..limits()
    };
    let text = "x".repeat(1 << 19);
    for damaged in [r#"{"ocid":"d","id":"1",}"#, r#"{"ocid":"d","id" "1"}"#] {
        let records: Vec<String> = (0..24)
            .map(|n| format!(r#"{{"ocid":"r-{n}","id":"{text}"}}"#))
            .collect();
        let text = format!(
            r#"{{"releases":[{{"ocid":"a","id":"1"}},{damaged}],"records":[{}]}}"#,
            records.join(",")
        );
        let pieces = cut_rest(&mut open_limited_cutter(text.as_bytes(), &limits));
        let found = describe_pieces(&pieces);
        assert_eq!(found.len(), 26);
        assert!(found.contains(&format!("/releases/1 {damaged}")));
        for (nth, record) in records.iter().enumerate() {
            assert!(found.contains(&format!("/records/{nth} {record}")));
        }
    }
}

#[test]
fn a_file_with_several_lists_is_resumed_after_each_of_its_pieces() {
    let text = "x".repeat(1 << 16);
    let list = |name: &str| {
        let items: Vec<String> = (0..30)
            .map(|n| format!(r#"{{"ocid":"{name}-{n}","id":"{text}"}}"#))
            .collect();
        format!("[{}]", items.join(","))
    };
    let (first, second, third) = (list("a"), list("b"), list("c"));
    let text = format!(
        r#"{{"records":{{"ocid":"lone"}},"releases":{first},"records":{second},"releases":{third}}}"#
    );
    let pieces = cut_rest(&mut open_cutter(text.as_bytes()));
    assert!(pieces.len() > 5);
    for (nth, (_, mark)) in pieces.iter().enumerate() {
        let mut cutter = open_cutter(text.as_bytes());
        assert!(cutter.skip_to(mark).unwrap(), "{mark}");
        let rest = cut_rest(&mut cutter);
        assert_eq!(describe_pieces(&rest), describe_pieces(&pieces[nth + 1..]));
    }
}

#[test]
fn members_of_a_file_are_told_from_side_files_as_those_of_a_page_are() {
    let small = archive_of_unusual_beginnings();
    let (blank, id) = ("\n".repeat(1 << 20), "x".repeat(WHOLE_BYTES));
    let late = format!(r#"{blank}{{"releases":[{{"ocid":"late","id":"{id}"}}]}}"#);
    let large = zip(&[
        ("blank", blank.as_bytes()),
        ("late", late.as_bytes()),
        ("late.json", late.as_bytes()),
    ]);
    for archive in [small, large] {
        let Decoded {
            documents, broken, ..
        } = decode(archive.clone().into(), None, &source(), &limits()).unwrap();
        assert_eq!(cut_file(&archive), describe(&documents, &broken));
    }
}
