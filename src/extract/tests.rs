//! Tests each rule with items that are written by hand, and tests properties with random pages.

use bytes::Bytes;
use jiff::tz::TimeZone;
use proptest::prelude::*;
use proptest::sample::Index;
use serde_json::{Map, Value, json};

use super::*;
use crate::json::{Item, ItemsAt, cut};
use crate::release::{Buyer, Columns, Key, Reason, Tender};

fn options() -> Options {
    Options {
        max_depth: 64,
        zone: TimeZone::get("Africa/Johannesburg").unwrap(),
        ..Options::default()
    }
}

fn shapes() -> Vec<ItemsAt> {
    ["/releases/*", "/*", ""]
        .map(|at| ItemsAt::parse(at).unwrap())
        .to_vec()
}

fn extract_page(body: impl AsRef<[u8]>) -> Extracted {
    let body = Bytes::copy_from_slice(body.as_ref());
    let cut = cut(&body, &shapes()).unwrap();
    let extracted = extract_items(&body, &cut, &options());
    let count = extracted.releases.len() + extracted.rejects.len();
    assert_eq!(count, cut.items.len());
    extracted
}

/// Extracts one item.
fn extract_one(item: impl AsRef<[u8]>) -> Result<Release, Box<Reject>> {
    let mut extracted = extract_page([b"[", item.as_ref(), b"]"].concat());
    match extracted.releases.pop() {
        Some(release) => Ok(release),
        None => Err(Box::new(extracted.rejects.pop().unwrap())),
    }
}

/// Reads the columns of a release that has these members.
fn columns(members: &str) -> Columns {
    let text = format!(r#"{{"ocid":"o","id":"i",{members}}}"#);
    let release = extract_one(&text).unwrap_or_else(|reject| panic!("{text}: {}", reject.message));
    *release.columns
}

fn reason(item: impl AsRef<[u8]>) -> Reason {
    extract_one(item).unwrap_err().reason
}

mod refusals {
    use super::*;

    #[test]
    fn an_item_is_refused_by_its_first_fault() {
        for (item, expect) in [
            (&b"null"[..], Reason::NotAnObject),
            (b"[{}]", Reason::NotAnObject),
            (b"\"text\"", Reason::NotAnObject),
            (b"12e400", Reason::NotAnObject),
            (b"nan", Reason::InvalidJson),
            (b"{\"ocid\":\"o\",\"id\":\"\xff\"}", Reason::InvalidUtf8),
            (b"{\"ocid\":\"o\",\"id\":\"\x01\"}", Reason::InvalidJson),
            (b"{\"ocid\":\"o\",\"id\":\"\n\"}", Reason::InvalidJson),
            (b"{\"ocid\":\"o\",\"id\":\"\\x\"}", Reason::InvalidJson),
            (b"{\"ocid\":\"o\",\"id\":N230000000}", Reason::InvalidJson),
            (b"{\"ocid\":\"o\",\"id\":01}", Reason::InvalidJson),
            (
                b"{\"ocid\":\"o\",\"id\":\"i\",\"a\":\"\\u0000\"}",
                Reason::NulCharacter,
            ),
            (
                b"{\"ocid\":\"o\",\"id\":\"i\",\"\\u0000\":1}",
                Reason::NulCharacter,
            ),
            (
                b"{\"ocid\":\"o\",\"id\":\"i\",\"a\":[\"\\uDC00\"]}",
                Reason::LoneSurrogate,
            ),
            (
                b"{\"ocid\":\"o\",\"id\":\"i\",\"\\ud83d\":1}",
                Reason::LoneSurrogate,
            ),
            (
                b"{\"ocid\":\"o\",\"id\":\"i\",\"a\":1e9999}",
                Reason::LargeNumber,
            ),
            (b"{\"id\":\"i\",\"url\":\"u\"}", Reason::LinkedRelease),
            (
                b"{\"id\":\"i\",\"url\":\"u\",\"buyer\":{}}",
                Reason::MissingOcid,
            ),
            (b"{\"url\":\"u\"}", Reason::LinkedRelease),
            (
                b"{\"tag\":[\"tender\"],\"date\":\"d\",\"\\u0075rl\":\"u\"}",
                Reason::LinkedRelease,
            ),
            (b"{\"tag\":[\"tender\"]}", Reason::MissingOcid),
            (
                b"{\"ocid\":\"o\",\"url\":\"u\",\"tender\":{}}",
                Reason::MissingId,
            ),
            (b"{}", Reason::MissingOcid),
            (b"{\"id\":\"i\"}", Reason::MissingOcid),
            (b"{\"ocid\":\"\",\"id\":\"i\"}", Reason::MissingOcid),
            (b"{\"ocid\":\" \\t\",\"id\":\"i\"}", Reason::MissingOcid),
            (b"{\"ocid\":null,\"id\":\"i\"}", Reason::MissingOcid),
            (b"{\"ocid\":{\"a\":1},\"id\":\"i\"}", Reason::MissingOcid),
            (
                b"{\"ocid\":\"o\",\"ocid\":true,\"id\":\"i\"}",
                Reason::MissingOcid,
            ),
            (b"{\"ocid\":\"o\"}", Reason::MissingId),
            (b"{\"ocid\":\"o\",\"id\":[\"i\"]}", Reason::MissingId),
            (b"{\"ocid\":\"o\",\"id\":\"\"}", Reason::MissingId),
            (b"{\"ocid\":\"o\",\"a\":{\"id\":\"i\"}}", Reason::MissingId),
        ] {
            assert_eq!(reason(item), expect, "{}", item.escape_ascii());
        }
    }

    #[test]
    fn what_only_looks_unstorable_is_stored() {
        for text in [
            r"\\u0000",
            r"\ud83d\ude00",
            r"\\ud83d",
            r"\u0001",
            r"\uffff",
            "\u{7f}",
        ] {
            let item = format!(r#"{{"ocid":"o","id":"i","a":"{text}"}}"#);
            assert!(extract_one(&item).is_ok(), "{item}");
        }
    }

    #[test]
    fn nesting_is_counted_and_limited() {
        let nested = |depth: usize| {
            let (open, close) = ("[".repeat(depth - 1), "]".repeat(depth - 1));
            format!(r#"{{"ocid":"o","id":"i","a":{open}{close}}}"#)
        };
        assert!(extract_one(nested(64)).is_ok());
        let reject = extract_one(nested(65)).unwrap_err();
        assert_eq!(reject.reason, Reason::TooDeep);
        assert_eq!(
            reject.message,
            "the release nests 65 deep; extract.max_depth is 64"
        );
        assert_eq!(reject.ocid.as_deref(), Some("o"));
        assert_eq!(reason(nested(500_000)), Reason::TooDeep);
    }

    #[test]
    fn values_are_counted_and_limited() {
        // The other values are the release, its key and its lists. Each entry has four values.
        let of = |values: usize| {
            let more = vec![r#"[{"a,[": "b,{" } , {}]"#; (values - 4) / 4].join(",");
            format!(r#"{{"ocid":"o","id":"i","a":[{more}]}}"#)
        };
        let options = Options {
            max_values: 100,
            ..options()
        };
        let extract = |item: String| {
            let body = Bytes::from(item);
            let cut = cut(&body, &shapes()).unwrap();
            extract_items(&body, &cut, &options)
        };
        assert_eq!(extract(of(100)).releases.len(), 1);
        let reject = extract(of(104)).rejects.remove(0);
        assert_eq!(reject.reason, Reason::TooManyValues);
        assert_eq!(
            reject.message,
            "the release has 104 values; extract.max_values is 100"
        );
        assert_eq!(reject.ocid.as_deref(), Some("o"));
    }

    #[test]
    fn deep_nesting_that_is_allowed_does_not_exhaust_the_stack() {
        let depth = 1_000_000;
        let body = Bytes::from(format!(
            r#"{{"ocid":"o","id":"i","tender":{}{}}}"#,
            "[".repeat(depth),
            "]".repeat(depth)
        ));
        let cut = cut(&body, &shapes()).unwrap();
        let options = Options {
            max_depth: usize::MAX,
            max_values: usize::MAX,
            ..options()
        };
        assert_eq!(extract_items(&body, &cut, &options).releases.len(), 1);
    }

    #[test]
    fn a_reject_keeps_its_bytes_and_what_could_be_read_of_its_key() {
        let item = b"{\"ocid\":\"o\",\"\\u0069d\":7,\"note\":\"secret \xff\"}";
        let reject = extract_one(item).unwrap_err();
        assert_eq!(reject.document, item[..]);
        assert_eq!(reject.pointer, "/0");
        assert_eq!(reject.ocid.as_deref(), Some("o"));
        assert_eq!(reject.release_id.as_deref(), Some("7"));
        assert_eq!(reject.message, "the item is not UTF-8 at its byte 39");

        let reject = extract_one(r#"{"ocid":"o\u0000","id":"i"}"#).unwrap_err();
        assert_eq!(
            (reject.ocid, reject.release_id.as_deref()),
            (None, Some("i"))
        );
    }

    #[test]
    fn a_message_tells_what_and_where_and_quotes_nothing() {
        for (item, message) in [
            ("null", "the item is JSON, but not an object"),
            (
                "{\"ocid\":\"o\",\"id\":\"a\tb\"}",
                "the item is not JSON at its byte 19: a control character is in a string",
            ),
            (
                r#"{"ocid":"o","id":"\u0000"}"#,
                r"the release has \u0000 at its byte 18, which PostgreSQL cannot store",
            ),
            (
                r#"{"ocid":"o"}"#,
                "the release has no id, or one that is neither text nor a number, or empty",
            ),
        ] {
            assert_eq!(extract_one(item).unwrap_err().message, message);
        }
    }

    #[test]
    fn a_range_that_is_not_of_the_body_is_a_reject() {
        let item = |start, end| Item {
            index: 0,
            range: start..end,
            depth: 1,
        };
        let cut = Cut {
            envelope: Value::Null,
            list: Some(String::new()),
            items: vec![item(0, 9), item(5, 2), item(usize::MAX, usize::MAX)],
            ..Cut::default()
        };
        let extracted = extract_items(&Bytes::from_static(b"{}"), &cut, &options());
        assert_eq!(extracted.rejects.len(), 3);
    }
}

mod changes {
    use super::*;
    use crate::release::Change;
    use crate::source::{Repair, Version};

    /// Extracts an item with these repairs and this version.
    fn changed(
        item: &str,
        repair: &[Repair],
        version: Option<Version>,
    ) -> Result<Release, Box<Reject>> {
        let options = Options {
            repair: repair.to_vec(),
            ..options()
        };
        let served = Bytes::copy_from_slice(item.as_bytes());
        let mut extracted = extract_document(&served, "/releases/0", version, None, &options);
        match extracted.releases.pop() {
            Some(release) => {
                assert_eq!(release.served_text(), &served);
                Ok(release)
            }
            None => Err(Box::new(extracted.rejects.pop().unwrap())),
        }
    }

    fn text_and_repairs(release: &Release) -> (&str, &[&str]) {
        let text = std::str::from_utf8(&release.text).unwrap();
        let change = release.change.as_ref();
        (text, change.map_or(&[], |change| &change.repairs))
    }

    #[test]
    fn a_repaired_release_is_stored_and_marked() {
        let served = "{\"ocid\":\"o\",\"id\":\"i\",\"language\":\"e\tn\\u0000\"}";
        let release = changed(served, &Repair::ALL, None).unwrap();
        assert_eq!(
            text_and_repairs(&release),
            (
                r#"{"ocid":"o","id":"i","language":"e\tn"}"#,
                &["nul", "control-characters"][..]
            )
        );
        assert_eq!(release.columns.language.as_deref(), Some("e\tn"));
        let calm = changed(r#"{"ocid":"o","id":"i","language":"e\tn"}"#, &[], None).unwrap();
        assert_eq!(calm.change, None);
        assert_eq!(calm.content_hash, *blake3::hash(&calm.text).as_bytes());
        // The text is the same, but the release is no longer marked as repaired.
        assert_eq!(release.text, calm.text);
        assert_ne!(release.content_hash, calm.content_hash);
        let again = changed(&served.replace(',', " , "), &Repair::ALL, None).unwrap();
        assert_eq!(release.content_hash, again.content_hash);
        let otherwise = "{\"ocid\":\"o\",\"id\":\"i\",\"language\":\"e\tn\"}";
        let otherwise = changed(otherwise, &Repair::ALL, None).unwrap();
        assert_eq!(release.text, otherwise.text);
        assert_ne!(release.content_hash, otherwise.content_hash);
    }

    #[test]
    fn only_what_was_asked_for_is_done_and_only_where_it_helps() {
        let served = "{\"ocid\":\"o\",\"id\":\"i\",\"a\":\"\t\\u0000\"}";
        let reject = changed(served, &[Repair::Nul], None).unwrap_err();
        assert_eq!(reject.reason, Reason::InvalidJson);
        assert_eq!(reject.document, served);
        assert_eq!(
            reject.message,
            "once repaired (nul), the item is not JSON at its byte 26: a control character is in a string"
        );
        let reject = changed(served, &[Repair::Exponent], None).unwrap_err();
        assert!(reject.message.starts_with("the item is not JSON"));
        // PostgreSQL can store 1e5, so the repairs do not change it.
        let release = changed(r#"{"ocid":"o","id":"i","a":1e5}"#, &Repair::ALL, None).unwrap();
        assert_eq!(release.change, None);
    }

    #[test]
    fn a_release_of_1_0_is_upgraded_and_its_columns_are_those_of_what_is_stored() {
        let served =
            r#"{"ocid":"o","id":"i","buyer":{"name":"B","identifier":{"scheme":"S","id":"1"}}}"#;
        let release = changed(served, &[], Some(Version::V1_0)).unwrap();
        let (text, repairs) = text_and_repairs(&release);
        assert!(
            text.contains(r#""buyer":{"id":"S-1","name":"B"}"#),
            "{text}"
        );
        assert_eq!(repairs, ["upgrade-1.0"]);
        assert_eq!(release.columns.buyer.id.as_deref(), Some("S-1"));
        let release = changed(served, &[], Some(Version::V1_1)).unwrap();
        assert_eq!(text_and_repairs(&release), (served, &[][..]));
        // An item without members that differ in version 1.0 is not marked as upgraded.
        let plain = r#"{ "ocid":"o", "id":"i" }"#;
        let release = changed(plain, &[], Some(Version::V1_0)).unwrap();
        assert_eq!(text_and_repairs(&release), (plain, &[][..]));
    }

    #[test]
    fn a_release_that_nothing_states_the_version_of_may_show_it() {
        let details = r#"{"ocid":"o","id":"1","buyer":{"name":"B","address":{"region":"R"}}}"#;
        let names = r#"{"ocid":"o","id":"1","buyer":{"name":"B","id":"b"}}"#;
        let parties =
            r#"{"ocid":"o","id":"1","parties":[],"buyer":{"name":"B","address":{"region":"R"}}}"#;
        let record =
            format!(r#"{{"ocid":"o","releases":[{details}],"compiledRelease":{details}}}"#);
        for (body, inferred, changed) in [
            (format!("[{details},{names},{parties}]"), 1, 1),
            (record, 2, 2),
            (
                format!(r#"{{"releases":[{details}],"version":"1.1"}}"#),
                0,
                0,
            ),
            // The package states the version.
            (format!(r#"{{"releases":[{details}]}}"#), 0, 1),
        ] {
            let body = Bytes::from(body);
            let cut = cut(&body, &shapes()).unwrap();
            let extracted = extract_items(&body, &cut, &options());
            let releases = extracted.releases.iter();
            let upgraded = releases.filter(|release| release.change.is_some()).count();
            assert_eq!(upgraded, changed, "{}", body.escape_ascii());
            assert_eq!(
                extracted
                    .inferred
                    .get(VERSION_1_0)
                    .copied()
                    .unwrap_or_default(),
                inferred,
                "{}",
                body.escape_ascii()
            );
        }
        let stated = Options {
            version: Some(Version::V1_1),
            ..options()
        };
        let body = Bytes::from(format!("[{details}]"));
        let cut = cut(&body, &shapes()).unwrap();
        assert_eq!(
            extract_items(&body, &cut, &stated)
                .inferred
                .get(VERSION_1_0),
            None
        );
    }

    #[test]
    fn an_upgrade_that_nests_deeper_than_is_kept_is_not_made() {
        let served = |depth: usize| {
            let (open, close) = ("[".repeat(depth), "]".repeat(depth));
            format!(r#"{{"ocid":"o","id":"i","buyer":{{"name":"B","x":{open}{close}}}}}"#)
        };
        for (depth, is_upgraded) in [(61, true), (62, false)] {
            let served = served(depth);
            let release = changed(&served, &[], Some(Version::V1_0)).unwrap();
            assert_eq!(release.change.is_some(), is_upgraded);
            assert_eq!(release.text == served, !is_upgraded);
            assert!(extract_one(&release.text).is_ok(), "it is read again");
        }
    }

    #[test]
    fn a_release_may_be_repaired_and_upgraded() {
        let served = r#"{"ocid":"o","id":"i","buyer":{"id":nan,"name":"B"}}"#;
        let release = changed(served, &[Repair::BadNumber], Some(Version::V1_0)).unwrap();
        let Change { repairs, .. } = release.change.as_ref().unwrap();
        assert_eq!(repairs[..], ["bad-number", "upgrade-1.0"]);
        assert_eq!(release.columns.buyer.id.as_deref(), Some("nan"));
    }

    #[test]
    fn the_version_is_the_package_s_unless_the_source_says_it() {
        let release = r#"{"ocid":"o","id":"i","buyer":{"name":"B"}}"#;
        let marked = |body: &str, version: Option<Version>| {
            let options = Options {
                version,
                ..options()
            };
            let body = Bytes::copy_from_slice(body.as_bytes());
            let cut = cut(&body, &crate::source::Items::default().shapes).unwrap();
            let extracted = extract_items(&body, &cut, &options);
            let [release] = &extracted.releases[..] else {
                panic!("one release");
            };
            release.change.is_some()
        };
        let old = format!(r#"{{"releases":[{release}],"version":"1.0"}}"#);
        let new = format!(r#"{{"releases":[{release}],"version":"1.1"}}"#);
        let silent = format!(r#"{{"releases":[{release}]}}"#);
        let within = format!(r#"[{{"version":"1.1","releases":[]}},{old}]"#);
        let records = format!(r#"{{"records":[{{"releases":[{release}]}}]}}"#);
        for (body, told_nothing) in [
            (&old, true),
            (&new, false),
            (&silent, true),
            (&within, true),
            (&records, true),
            (&format!("[{release}]"), false),
            (&release.to_owned(), false),
            (&format!(r#"{{"ocid":"o","releases":[{release}]}}"#), false),
        ] {
            assert_eq!(marked(body, None), told_nothing, "{body}");
            assert!(marked(body, Some(Version::V1_0)), "{body}");
            assert!(!marked(body, Some(Version::V1_1)), "{body}");
        }
    }
}

mod keys_and_columns {
    use super::*;

    fn key(item: &str) -> (String, String) {
        let Key { ocid, release_id } = extract_one(item).unwrap().key;
        (ocid, release_id)
    }

    fn pair(ocid: &str, id: &str) -> (String, String) {
        (ocid.to_owned(), id.to_owned())
    }

    #[test]
    fn a_key_is_kept_as_served() {
        assert_eq!(key(r#"{"ocid":" o ","id":"\u0069\n"}"#), pair(" o ", "i\n"));
        assert_eq!(key(r#"{"ocid":"o","\u0069d":"i"}"#), pair("o", "i"));
        assert_eq!(key(r#"{"ocid":7,"id":-1.50e+3}"#), pair("7", "-1.50e+3"));
        assert_eq!(
            key(r#"{"id":123456789012345678901234567890,"ocid":"o"}"#),
            pair("o", "123456789012345678901234567890")
        );
        assert_eq!(
            key(r#"{"ocid":"a","id":"1","id":"2","ocid":"b"}"#),
            pair("b", "2")
        );
        assert_eq!(
            key(r#"{"ocid":null,"id":[],"id":2,"ocid":"b"}"#),
            pair("b", "2")
        );
    }

    #[test]
    fn all_columns_are_read() {
        let read = columns(
            r#""date":"2020-01-02T03:04:05Z","tag":["tender","award"],"initiationType":"tender",
            "language":"en","buyer":{"id":"b","name":"Buyer","x":[{"id":"no"}]},
            "tender":{"id":"t","title":"T\u00e9","status":"active","procurementMethod":"open",
              "mainProcurementCategory":"works","value":{"amount":12.50,"currency":"GBP"},
              "tenderPeriod":{"startDate":"2020-02-01","endDate":"2020-03-01 10:00:00"},
              "lots":[{"id":"no","title":"no","value":{"amount":1}}]},
            "awards":[{"suppliers":[{"name":"A"},{"name":"B"}]},{"suppliers":[{"name":"A"}]},{}],
            "contracts":[{"id":1},{"id":2}]"#,
        );
        let instant = |text: &str| Some(text.parse().unwrap());
        let text = |text: &str| Some(text.to_owned());
        assert_eq!(
            read,
            Columns {
                date: instant("2020-01-02T03:04:05Z"),
                tag: Some(vec!["tender".to_owned(), "award".to_owned()]),
                initiation_type: text("tender"),
                language: text("en"),
                buyer: Buyer {
                    id: text("b"),
                    name: text("Buyer"),
                },
                tender: Tender {
                    id: text("t"),
                    title: text("Té"),
                    status: text("active"),
                    procurement_method: text("open"),
                    main_procurement_category: text("works"),
                    value: Some("12.50".parse().unwrap()),
                    currency: text("GBP"),
                    start: instant("2020-01-31T22:00:00Z"),
                    end: instant("2020-03-01T08:00:00Z"),
                },
                award_count: 3,
                contract_count: 2,
                supplier_names: vec!["A".to_owned(), "B".to_owned()],
                unread: Vec::new(),
            }
        );
    }

    #[test]
    fn an_organisation_without_a_name_has_that_of_its_party() {
        let parties = r#""parties":[{"id":"p1"},{"id":"p1","name":"One"},{"id":"p1","name":"Uno"},
            {"id":2,"name":"Two"},{"id":"p3","name":""},{"name":"nobody"},null,"p4"]"#;
        let names = |members: &str| {
            let Columns {
                buyer,
                supplier_names,
                ..
            } = columns(members);
            (buyer.name.unwrap_or_default(), supplier_names.join(" "))
        };
        for (buyer, suppliers, expected) in [
            (
                r#"{"id":"p1"}"#,
                r#"[{"id":"2"},{"id":"p1"}]"#,
                ("One", "Two One"),
            ),
            (
                r#"{"id":2,"name":""}"#,
                r#"[{"id":"p1","name":null}]"#,
                ("Two", "One"),
            ),
            (
                r#"{"id":"p1","name":"Own"}"#,
                r#"[{"id":"2","name":"Own"},{"name":"Two"},{"id":2},{"id":"p1"}]"#,
                ("Own", "Own Two One"),
            ),
            (
                r#"{"id":"p3","name":""}"#,
                r#"[{"id":"p4"},{"id":"p3"},{"id":" "},{}]"#,
                ("", ""),
            ),
            (r#"[{"id":"p1"}]"#, r#"{"id":"p1"}"#, ("", "One")),
        ] {
            let expected = (expected.0.to_owned(), expected.1.to_owned());
            let references = format!(r#""buyer":{buyer},"awards":[{{"suppliers":{suppliers}}}]"#);
            for members in [
                format!("{references},{parties}"),
                format!("{parties},{references}"),
                format!(
                    r#""parties":[{{"id":"p1","name":"No"}}],"buyer":{{"id":"x"}},"awards":[{{"suppliers":[{{"id":"p1"}}]}}],{references},{parties}"#
                ),
            ] {
                assert_eq!(names(&members), expected, "{members}");
            }
        }
        let lone = r#""parties":{"id":"p","name":"Lone"},"buyer":{"id":"p"}"#;
        assert_eq!(names(lone).0, "Lone");
        assert_eq!(names(r#""buyer":{"id":"p"}"#).0, "");
    }

    #[test]
    fn a_value_that_is_there_and_cannot_be_read_is_counted() {
        let count = |members: &str| {
            let item = format!(r#"[{{"ocid":"o","id":"i",{members}}}]"#);
            let extracted = extract_page(item);
            let values = extracted.values.per_column();
            let values = values.filter(|(_, value)| value.present > 0);
            let values: Vec<String> = values
                .map(|(column, value)| format!("{} {}", column.as_str(), value.unread))
                .collect();
            let unread = extracted.releases[0].columns.unread.join(" ");
            (values.join(" "), unread)
        };
        for (members, values, unread) in [
            (r#""date":"03.04.2024""#, "date 1", "date"),
            (r#""date":"2024-04-03""#, "date 0", ""),
            (r#""date":20240403"#, "date 0", ""),
            (r#""date":1.7121384e12"#, "date 0", ""),
            (r#""date":null"#, "", ""),
            (r#""date":" ""#, "", ""),
            (r#""date":"0001-01-01T00:00:00""#, "", ""),
            (r#""date":true"#, "date 1", "date"),
            (r#""date":[]"#, "date 1", "date"),
            (r#""date":"soon","date":"2024-04-03""#, "date 0", ""),
            (
                r#""tender":{"value":{"amount":"1,500"}}"#,
                "tender_value 1",
                "tender_value",
            ),
            (
                r#""tender":{"value":{"amount":"1,500.00"}}"#,
                "tender_value 0",
                "",
            ),
            (r#""tender":{"value":{"amount":""}}"#, "", ""),
            (
                r#""tender":{"value":{"amount":1e99}}"#,
                "tender_value 1",
                "tender_value",
            ),
            (r#""tender":{"value":{"amount":{}}},"tender":null"#, "", ""),
            (
                r#""date":7,"tender":{"tenderPeriod":{"startDate":"May","endDate":"2024-04-03"}}"#,
                "date 1 tender_start 1 tender_end 0",
                "date tender_start",
            ),
        ] {
            let expected = (values.to_owned(), unread.to_owned());
            assert_eq!(count(members), expected, "{members}");
        }
        // A compiled release has no column for the tender.
        let compiled =
            r#"[{"ocid":"o","tag":["compiled"],"date":"x","tender":{"value":{"amount":"x"}}}]"#;
        let extracted = extract_page(compiled);
        assert_eq!(extracted.releases[0].columns.unread, ["date"]);
        let unread: u64 = extracted
            .values
            .per_column()
            .map(|(_, value)| value.unread)
            .sum();
        assert_eq!(unread, 1);
    }

    #[test]
    fn a_list_of_very_many_texts_costs_its_column_or_ends_early() {
        let list = |count: usize, entry: &dyn Fn(usize) -> String| {
            (0..count).map(entry).collect::<Vec<_>>().join(",")
        };
        let tags = |count| columns(&format!(r#""tag":[{}]"#, list(count, &|_| "\"t\"".into()))).tag;
        assert_eq!(tags(100).unwrap().len(), 100);
        assert_eq!(tags(101), None);
        let names = |count| {
            let suppliers = list(count, &|nth| format!(r#"{{"name":"{nth}"}}"#));
            columns(&format!(r#""awards":[{{"suppliers":[{suppliers}]}}]"#)).supplier_names
        };
        assert_eq!(names(100_000).len(), 100_000);
        assert_eq!(names(100_001), names(100_000));
    }

    #[test]
    fn a_wrong_type_costs_its_column_only() {
        let nothing = Columns::default();
        for wrong in [
            "null",
            "true",
            "1e999",
            "{}",
            "[]",
            "[[{}]]",
            "\"\"",
            "{\"a\":{\"id\":1}}",
        ] {
            for name in ["date", "buyer", "tender"] {
                let mut read = columns(&format!(r#""{name}":{wrong}"#));
                read.unread.clear();
                assert_eq!(read, nothing, "{name}: {wrong}");
            }
            for name in ["value", "tenderPeriod"] {
                let tender = format!(r#""tender":{{"{name}":{wrong}}}"#);
                assert_eq!(columns(&tender), nothing, "{tender}");
            }
        }
        for wrong in ["null", "true", "1e999", "{}", "[]", "{\"a\":\"b\"}"] {
            for name in ["initiationType", "language"] {
                assert_eq!(
                    columns(&format!(r#""{name}":{wrong}"#)),
                    nothing,
                    "{name}: {wrong}"
                );
            }
        }
        let read = columns(
            r#""date":5,"language":"en","tender":{"title":1,"id":2,"value":{"amount":"x","currency":"EUR"}}"#,
        );
        let text = |text: &str| Some(text.to_owned());
        assert_eq!(
            read,
            Columns {
                language: text("en"),
                tender: Tender {
                    id: text("2"),
                    currency: text("EUR"),
                    ..Tender::default()
                },
                unread: vec!["date", "tender_value"],
                ..nothing
            }
        );
    }

    #[test]
    fn habits_of_publishers_are_understood() {
        let tag = |json: &str| columns(&format!(r#""tag":{json}"#)).tag;
        let tags = |tags: &[&str]| Some(tags.iter().map(|tag| (*tag).to_owned()).collect());
        assert_eq!(tag(r#""tender""#), tags(&["tender"]));
        assert_eq!(
            tag(r#"["tender",1,null,"award"]"#),
            tags(&["tender", "award"])
        );
        assert_eq!(tag("[]"), tags(&[]));
        assert_eq!(tag("null"), None);
        assert_eq!(tag("{}"), None);

        let suppliers = |json: &str| {
            let read = columns(&format!(r#""awards":{json}"#));
            (read.award_count, read.supplier_names.join("|"))
        };
        assert_eq!(
            suppliers(r#"{"suppliers":{"name":"A"}}"#),
            (1, "A".to_owned())
        );
        assert_eq!(
            suppliers(r#"[null,{"suppliers":null},{"suppliers":[null,{"name":5}]}]"#),
            (3, String::new())
        );
        assert_eq!(suppliers(r#""none""#), (0, String::new()));
        assert_eq!(columns(r#""contracts":{}"#).contract_count, 1);

        let amount = |json: &str| {
            let read = columns(&format!(r#""tender":{{"value":{{"amount":{json}}}}}"#));
            read.tender.value.map(|value| value.to_string())
        };
        assert_eq!(amount(r#""1200.50""#).as_deref(), Some("1200.50"));
        assert_eq!(amount("1.2e3").as_deref(), Some("1200"));
        assert_eq!(
            amount("12345678901234567890.1").as_deref(),
            Some("12345678901234567890.1")
        );
        assert_eq!(amount("1e400"), None);
        assert_eq!(amount(r#""on request""#), None);
        assert_eq!(amount("{}"), None);

        let buyer = |length: usize| {
            columns(&format!(
                r#""buyer":{{"id":"{}","name":"n"}}"#,
                "b".repeat(length)
            ))
        };
        assert_eq!(buyer(1000).buyer.id.unwrap().len(), 1000);
        assert_eq!(buyer(1001).buyer.id, None);
        assert_eq!(buyer(1001).buyer.name.as_deref(), Some("n"));
    }

    #[test]
    fn the_last_of_two_members_counts_whatever_its_type() {
        let title = |members: &str| columns(members).tender.title;
        assert_eq!(
            title(r#""tender":{"title":"a"},"tender":{"title":"b"}"#).as_deref(),
            Some("b")
        );
        assert_eq!(title(r#""tender":{"title":"a"},"tender":{}"#), None);
        assert_eq!(title(r#""tender":{"title":"a"},"tender":null"#), None);
        assert_eq!(title(r#""tender":{"title":"a","\u0074itle":7}"#), None);
        let read = columns(
            r#""awards":[{"suppliers":{"name":"A"}}],"awards":[{},{}],"tag":"x","tag":null"#,
        );
        assert_eq!(
            (read.award_count, read.supplier_names.len(), read.tag),
            (2, 0, None)
        );
    }

    #[test]
    fn a_column_may_be_long_and_there_may_be_many_names() {
        let names: Vec<Value> = (0..50_000)
            .map(|n| json!({"name": format!("n{}", n % 30_000)}))
            .collect();
        let read = columns(&format!(
            r#""awards":{{"suppliers":{}}}"#,
            Value::Array(names)
        ));
        assert_eq!(read.supplier_names.len(), 30_000);
    }
}

mod properties {
    use super::*;

    /// Generates texts with characters that are difficult in JSON.
    fn text() -> impl Strategy<Value = String> {
        prop_oneof![
            4 => "[a-z ]{0,12}",
            1 => "[\\[\\]{}:,\"\\\\ a]{0,8}",
            1 => "\\PC{0,6}",
            1 => Just("}]},{\"ocid\":\"no\"},".to_owned()),
        ]
    }

    fn value() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i32>().prop_map(Value::from),
            text().prop_map(Value::from),
        ];
        leaf.prop_recursive(3, 24, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                members("[a-z]{1,4}", inner).prop_map(Value::Object),
            ]
        })
    }

    fn members(
        name: &'static str,
        value: impl Strategy<Value = Value>,
    ) -> impl Strategy<Value = Map<String, Value>> {
        let members = prop::collection::vec((name, value), 0..4);
        members.prop_map(|members| members.into_iter().collect())
    }

    fn count(value: &Value) -> usize {
        let inside: usize = match value {
            Value::Array(entries) => entries.iter().map(count).sum(),
            Value::Object(members) => members.values().map(count).sum(),
            _ => 0,
        };
        1 + inside
    }

    proptest! {
        #[test]
        fn values_are_counted_as_a_tree_has_them(value in value()) {
            let tight = value.to_string();
            let loose = serde_json::to_string_pretty(&value).unwrap();
            for text in [&tight, &loose] {
                let values = crate::json::count_values(text.as_bytes());
                prop_assert_eq!(values, count(&value));
                prop_assert!(values <= text.len().div_ceil(2));
            }
        }
    }

    /// Generates the members of a release that follow its `ocid` and `id`, as text.
    fn more() -> impl Strategy<Value = String> {
        members("(x[a-z]{0,3}|tag|date|tender|awards|buyer)", value()).prop_map(|members| {
            let members = members.into_iter();
            members
                .map(|(name, value)| format!(",{}:{value}", Value::from(name)))
                .collect()
        })
    }

    fn releases() -> impl Strategy<Value = Vec<String>> {
        let release = (text(), more()).prop_map(|(id, more)| (Value::from(format!("i{id}")), more));
        prop::collection::vec(release, 1..6).prop_map(|releases| {
            let releases = releases.into_iter().enumerate();
            releases
                .map(|(n, (id, more))| format!(r#"{{"ocid":"o{n}","id":{id}{more}}}"#))
                .collect()
        })
    }

    #[derive(Clone, Copy, Debug)]
    enum Damage {
        Flip(u8),
        Delete(&'static [u8]),
        Insert(u8),
        CutShort,
    }

    fn damage() -> impl Strategy<Value = Damage> {
        prop_oneof![
            prop::sample::select(&b"\x00\x01\x1f\xff\xc3"[..]).prop_map(Damage::Flip),
            prop::sample::select(vec![&b"\""[..], b"{}", b"[]", b",:"]).prop_map(Damage::Delete),
            prop::sample::select(&b"\"{}[],:"[..]).prop_map(Damage::Insert),
            Just(Damage::CutShort),
        ]
    }

    /// Damages an item. Returns `None` if the item has nothing that can be damaged in this way.
    fn damaged(item: &str, damage: Damage, at: Index) -> Option<Vec<u8>> {
        let mut item = item.as_bytes().to_vec();
        match damage {
            Damage::Flip(byte) => {
                let at = at.index(item.len());
                item[at] = byte;
            }
            Damage::Delete(kind) => {
                let places: Vec<usize> = (0..item.len())
                    .filter(|at| kind.contains(&item[*at]))
                    .collect();
                if places.is_empty() {
                    return None;
                }
                item.remove(places[at.index(places.len())]);
            }
            Damage::Insert(byte) => item.insert(1 + at.index(item.len() - 1), byte),
            Damage::CutShort => item.truncate(1 + at.index(item.len() - 1)),
        }
        Some(item)
    }

    fn page(items: &[&[u8]], indented: bool) -> Vec<u8> {
        let between: &[u8] = if indented { b" ,\n  " } else { b"," };
        [
            &b"{\"uri\":\"u\",\"releases\":["[..],
            &items.join(between),
            b"],\"links\":{\"next\":\"n\"}}",
        ]
        .concat()
    }

    fn is_release(item: &[u8]) -> bool {
        matches!(serde_json::from_slice::<Value>(item), Ok(Value::Object(_)))
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(512))]

        #[test]
        fn any_bytes_are_items_or_no_page(body in prop::collection::vec(any::<u8>(), 0..200)) {
            if let Ok(cut) = cut(&body, &shapes()) {
                let extracted = extract_items(&Bytes::from(body), &cut, &options());
                prop_assert_eq!(extracted.releases.len() + extracted.rejects.len(), cut.items.len());
            }
        }

        #[test]
        fn any_marks_are_items_or_no_page(inside in r#"(\{"ocid":"a"|"id":1|,|\{|\}|\[|\]|"|\\|:|a| |1){0,40}"#) {
            for body in [format!("{{\"releases\":[{inside}]}}"), format!("[{inside}]"), inside] {
                let Ok(cut) = cut(body.as_bytes(), &shapes()) else { continue };
                // The items are in order, do not overlap, and are not empty.
                let mut end = 0;
                for item in &cut.items {
                    prop_assert!(item.range.start >= end && !item.range.is_empty(), "{}", body);
                    end = item.range.end;
                }
                let extracted = extract_items(&Bytes::from(body), &cut, &options());
                prop_assert_eq!(extracted.releases.len() + extracted.rejects.len(), cut.items.len());
            }
        }

        #[test]
        fn one_damaged_item_gives_up_that_item_alone(
            releases in releases(),
            which in any::<Index>(),
            damage in damage(),
            at in any::<Index>(),
            indented in any::<bool>(),
        ) {
            let which = which.index(releases.len());
            let Some(bad) = damaged(&releases[which], damage, at) else { return Ok(()) };
            // Another brace within a text, or another letter, does not damage the item.
            prop_assume!(!is_release(&bad));
            let mut items: Vec<&[u8]> = releases.iter().map(String::as_bytes).collect();
            items[which] = &bad;
            let body = page(&items, indented);
            let cut = match cut(&body, &shapes()) {
                Ok(cut) => cut,
                // If the last item is truncated, the page may look truncated too.
                Err(_) if which == releases.len() - 1 && matches!(damage, Damage::CutShort) => {
                    return Ok(());
                }
                Err(unreadable) => panic!("{}: {}", unreadable.0, body.escape_ascii()),
            };
            prop_assert_eq!(&cut.envelope, &json!({"uri": "u", "releases": [], "links": {"next": "n"}}));
            items.remove(which);
            let extracted = extract_items(&Bytes::from(body.clone()), &cut, &options());
            let texts: Vec<&[u8]> = extracted.releases.iter().map(|r| &r.served_text()[..]).collect();
            prop_assert_eq!(texts, items, "{}", body.escape_ascii());
            prop_assert!(!extracted.rejects.is_empty());
        }

        #[test]
        fn no_beginning_of_a_page_is_a_page(releases in releases(), indented in any::<bool>()) {
            let items: Vec<&[u8]> = releases.iter().map(String::as_bytes).collect();
            let body = page(&items, indented);
            prop_assert_eq!(cut(&body, &shapes()).unwrap().items.len(), releases.len());
            for end in 0..body.len() {
                prop_assert!(cut(&body[..end], &shapes()).is_err(), "{}", body[..end].escape_ascii());
            }
        }

        #[test]
        fn white_space_does_not_change_the_hash_and_content_does(
            id in text(), more in more(), at in any::<Index>(), letter in "[a-z]",
        ) {
            let item = format!(r#"{{"ocid":"o","id":{}{more}}}"#, Value::from(format!("i{id}")));
            let hash = |item: &str| {
                let whole = Item { index: 0, range: 0..item.len(), depth: 9 };
                let cut = Cut { items: vec![whole], ..Cut::default() };
                let body = Bytes::copy_from_slice(item.as_bytes());
                let mut extracted = extract_items(&body, &cut, &options());
                extracted.releases.pop().map(|release| release.content_hash)
            };
            let original = hash(&item).unwrap();
            let value: Value = serde_json::from_str(&item).unwrap();
            let compact = hash(&value.to_string());
            let indented = hash(&serde_json::to_string_pretty(&value).unwrap());
            prop_assert_eq!(compact, indented);

            let mut changed = item.clone();
            let place = 1 + at.index(item.len() - 1);
            if item.is_char_boundary(place) {
                changed.insert_str(place, &letter);
                prop_assert_ne!(hash(&changed), Some(original));
            }
        }

        #[test]
        fn columns_agree_with_a_tree_of_the_same_text(
            id in prop_oneof![text().prop_map(Value::from), any::<i64>().prop_map(Value::from)],
            more in more(),
        ) {
            let item = format!(r#"{{"ocid":"o","id":{id}{more}}}"#);
            let tree: Value = serde_json::from_str(&item).unwrap();
            let expected_id = match &id {
                Value::String(text) => text.clone(),
                other => other.to_string(),
            };
            let text_at = |pointer: &str| tree.pointer(pointer).and_then(Value::as_str).map(str::to_owned);
            match extract_one(&item) {
                Ok(release) => {
                    prop_assert_eq!(&release.key.release_id, &expected_id);
                    prop_assert_eq!(&release.text, item.as_bytes());
                    let columns = release.columns;
                    prop_assert_eq!(columns.buyer.name, text_at("/buyer/name"));
                    prop_assert_eq!(columns.tender.title, text_at("/tender/title"));
                    let awards = match tree.get("awards") {
                        Some(Value::Array(awards)) => awards.len(),
                        Some(Value::Object(_)) => 1,
                        _ => 0,
                    };
                    prop_assert_eq!(columns.award_count as usize, awards);
                    let tag = match tree.get("tag") {
                        Some(Value::String(tag)) => Some(vec![tag.clone()]),
                        Some(Value::Array(tags)) => Some(
                            tags.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
                        ),
                        _ => None,
                    };
                    prop_assert_eq!(columns.tag, tag);
                }
                Err(reject) => {
                    prop_assert_eq!(reject.reason, Reason::MissingId);
                    prop_assert!(expected_id.trim().is_empty());
                }
            }
        }
    }
}
