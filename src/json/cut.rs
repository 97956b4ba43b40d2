//! Cuts a page into its items and what is around them.
//!
//! The cut asks of an item only that its commas, colons, braces and brackets
//! are JSON's: whether its strings and numbers are, extract finds out, and it
//! costs that item alone. Where the structure itself is damaged,
//! [`salvage`] finds where the damage ends. A body that could be
//! the beginning of a page is never taken for a page.

use std::ops::Range;

use serde_json::Value;

use crate::json::ItemsAt;
use crate::json::lists::{
    Halt, MOST_ITEMS, Walk, end_of_document, envelope, is_of_record, key_is, name_of,
};
use crate::json::salvage::{Lost, salvage};
use crate::json::scan::{Loose, Scanner, Stop, Why};

/// A page cut into its items and what is around them.
#[derive(Clone, Debug, Default)]
pub struct Cut {
    /// The page without its items, whose array is empty in it; for a bare array
    /// `[]`, for a single release `null`. Control characters and bytes that are
    /// not UTF-8 are forgiven; what PostgreSQL cannot store is U+FFFD in it.
    pub envelope: Value,
    /// The JSON Pointer of the list that the items are entries of, `/releases`; `None`
    /// if the item is the whole document.
    pub list: Option<String>,
    /// The items in the order they were served.
    pub items: Vec<Item>,
}

impl Cut {
    /// The item's JSON Pointer, `/releases/0`; empty for a whole document.
    ///
    /// It is made when it is asked for: a page may have very many items.
    #[must_use]
    pub fn pointer(&self, item: &Item) -> String {
        match &self.list {
            Some(list) => format!("{list}/{}", item.index),
            None => String::new(),
        }
    }

    /// The list that the items are entries of, if there are any.
    pub(crate) fn list_of_items(&self) -> Option<&str> {
        self.list.as_deref().filter(|_| !self.items.is_empty())
    }
}

/// Where in a page's body an item is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Item {
    /// Which entry of its list it is, counted from 0.
    pub index: usize,
    /// Its bytes in the body, without white space around it.
    pub range: Range<usize>,
    /// How deep it nests: 0 for a scalar, 1 for `{}`.
    pub depth: usize,
}

/// A body that is not a page, and what it is instead: a clause that goes on
/// after "the body is", never a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unreadable(pub String);

/// Cuts a body by JSON structure, by the first of `shapes` that fits it.
///
/// A member that should be an array may also be `null`, which is no items; if it
/// is there more than once, all its items are taken, numbered on. The
/// whole document is an item if it is an object with a member `ocid`, `tag`,
/// `initiationType`, `compiledRelease` or `versionedRelease`: an error object
/// sent with status 200 has none. One with either of the last two is a record and
/// no page of items, if the whole document is among the shapes.
///
/// A package may leave its list out, which is no items.
///
/// One pass over the body for each shape that does not fit it and one for the one
/// that does, unless its structure is damaged; then at most
/// as much as reading it sixteen times.
///
/// # Errors
/// The body is not JSON around its items, ends early, fits no shape, or is several
/// documents, one after the other.
pub fn cut(body: &[u8], shapes: &[ItemsAt]) -> Result<Cut, Unreadable> {
    let mut missing = Vec::new();
    let takes_documents = shapes.iter().any(|shape| !shape.is_each());
    for shape in shapes {
        let result = if shape.is_each() {
            cut_lists(body, shape, takes_documents)
        } else {
            cut_document(body)
        };
        match result {
            Ok(cut) => return Ok(cut),
            Err(Misfit::Shape(lack)) => missing.extend(lack),
            Err(Misfit::Unreadable(found)) => return Err(Unreadable(found)),
        }
    }
    if let Some(envelope) = empty_package(body, shapes) {
        return Ok(Cut {
            envelope,
            ..Cut::default()
        });
    }
    let mut found = name_of(body.trim_ascii_start()).to_owned();
    if !missing.is_empty() {
        found = format!("{found} without {}", missing.join(" or "));
    }
    Err(Unreadable(found))
}

/// The most bytes of a package without releases.
const MOST_EMPTY_BYTES: usize = 64 << 10;

/// A package that leaves its list out because it is empty (Brazil, Scotland,
/// Wales), where one is looked for.
///
/// It is told from an error object, and from a package whose releases are elsewhere,
/// by what the standard requires of a package beside them, and by holding nothing
/// that could be releases.
fn empty_package(body: &[u8], shapes: &[ItemsAt]) -> Option<Value> {
    let is_list = |shape: &ItemsAt| {
        shape.is_each() && matches!(shape.path(), [name] if name == "releases" || name == "records")
    };
    if body.len() > MOST_EMPTY_BYTES || !shapes.iter().any(is_list) {
        return None;
    }
    let Ok(Value::Object(envelope)) = serde_json::from_slice(body) else {
        return None;
    };
    let is_text = |name: &str| envelope.get(name).is_some_and(Value::is_string);
    let is_package = envelope.get("publisher").is_some_and(Value::is_object)
        || (is_text("uri") && is_text("publishedDate"));
    let around = ["publisher", "extensions", "links", "packages"];
    let could_hold = |(name, value): (&String, &Value)| {
        let is_list = ["releases", "records", "ocid"].contains(&name.as_str());
        is_list || ((value.is_array() || value.is_object()) && !around.contains(&name.as_str()))
    };
    let is_empty = is_package && !envelope.iter().any(could_hold);
    is_empty.then_some(Value::Object(envelope))
}

/// Why a body was not cut by a shape.
enum Misfit {
    /// It is JSON of another shape; of an object, what it would need to have.
    Shape(Option<String>),
    /// It is not whole JSON, whatever the shape.
    Unreadable(String),
}

impl Misfit {
    /// What a stop of the scanner outside of any item means.
    fn of_stop(body: &[u8], stop: Stop) -> Self {
        Misfit::Unreadable(match (what_it_looks_like(body), stop.why) {
            (Some(found), _) => found.to_owned(),
            (None, Why::End) => "JSON that ends in the middle".to_owned(),
            (None, Why::Broken(what)) => format!("not JSON from byte {}, where {what}", stop.at),
        })
    }

    /// What it means that a list could not be salvaged.
    fn of_lost(body: &[u8], lost: Lost, stop: Stop) -> Self {
        match lost {
            Lost::NoItems => Misfit::of_stop(body, stop),
            Lost::CutShort => {
                Misfit::Unreadable("JSON that ends in the middle of a page".to_owned())
            }
            Lost::Hopeless => Misfit::Unreadable(format!(
                "not JSON from byte {}, where {}, nor are its items to be told apart",
                stop.at,
                stop.clause()
            )),
        }
    }
}

/// What a body is that does not even start like JSON.
fn what_it_looks_like(body: &[u8]) -> Option<&'static str> {
    let start = body.trim_ascii_start();
    let start = start[..start.len().min(1024)].to_ascii_lowercase();
    let mentions = |name: &[u8]| memchr::memmem::find(&start, name).is_some();
    match start.first() {
        None => Some("empty"),
        Some(b'<') if mentions(b"<html") || mentions(b"<!doctype html") => Some("an HTML page"),
        Some(b'<') => Some("XML"),
        _ => None,
    }
}

/// Cuts a body whose whole document is the item.
fn cut_document(body: &[u8]) -> Result<Cut, Misfit> {
    let mut scanner = Scanner::new(body, 0, Loose);
    let mut is_item = false;
    let mut depth = 0;
    let kind = scanner.kind().map_err(|stop| Misfit::of_stop(body, stop))?;
    if kind != b'{' {
        return Err(Misfit::Shape(None));
    }
    let start = scanner.at();
    scanner
        .members(|scanner, key| {
            let key = &body[key];
            let is_named = |name: &&str| key_is(key, name);
            is_item |= ["ocid", "tag", "initiationType"].iter().any(is_named) || is_of_record(key);
            depth = depth.max(scanner.value()?);
            Ok(())
        })
        .and_then(|()| end_of_document(&mut scanner.clone()))
        .map_err(|stop| Misfit::of_stop(body, stop))?;
    if !is_item {
        return Err(Misfit::Shape(Some("ocid".to_owned())));
    }
    let item = Item {
        index: 0,
        range: start..scanner.at(),
        depth: depth + 1,
    };
    Ok(Cut {
        envelope: Value::Null,
        list: None,
        items: vec![item],
    })
}

/// Cuts a body whose items are entries of an array, unless they are a record's
/// and `not_of_record` is asked for.
fn cut_lists(body: &[u8], shape: &ItemsAt, not_of_record: bool) -> Result<Cut, Misfit> {
    let mut walk = Walk::new(body, shape.path());
    let lists = match walk.document() {
        Ok(()) => std::mem::take(&mut walk.lists),
        Err(Halt::Shape(lack)) => return Err(Misfit::Shape(lack)),
        Err(Halt::Another) => {
            let found = "several JSON documents, one after the other";
            return Err(Misfit::Unreadable(found.to_owned()));
        }
        Err(Halt::Stop(stop)) => {
            salvage(&walk).map_err(|lost| Misfit::of_lost(body, lost, stop))?
        }
    };
    if lists.is_empty() {
        return Err(Misfit::Shape(Some(walk.place())));
    }
    if walk.is_record() && not_of_record {
        return Err(Misfit::Shape(None));
    }
    let spans: usize = lists.iter().map(|list| list.spans.len()).sum();
    if spans > MOST_ITEMS {
        return Err(Misfit::Unreadable(format!(
            "a page of more than {MOST_ITEMS} items, the most that `fetch.max_items` may be"
        )));
    }
    let envelope = envelope(body, &lists).map_err(Misfit::Unreadable)?;
    // exactly as much room as they need
    let mut items = Vec::with_capacity(spans);
    let spans = lists.into_iter().flat_map(|list| list.spans);
    items.extend(spans.enumerate().map(|(index, span)| Item {
        index,
        range: span.range,
        depth: span.depth,
    }));
    Ok(Cut {
        envelope,
        list: Some(walk.place()),
        items,
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::json::MOST_AROUND_BYTES;

    fn shapes(texts: &[&str]) -> Vec<ItemsAt> {
        texts.iter().map(|at| ItemsAt::parse(at).unwrap()).collect()
    }

    fn default_shapes() -> Vec<ItemsAt> {
        shapes(&["/releases/*", "/*", ""])
    }

    /// The pointers and texts of the items of a body, and its envelope.
    fn cut_of<'b>(body: &'b [u8], at: &[&str]) -> (Vec<(String, &'b str)>, Value) {
        let cut = cut(body, &shapes(at)).unwrap();
        let items = cut.items.iter().map(|item| {
            let text = std::str::from_utf8(&body[item.range.clone()]).unwrap();
            (cut.pointer(item), text)
        });
        (items.collect(), cut.envelope)
    }

    fn texts_of(body: &str) -> Vec<&str> {
        let (items, _) = cut_of(body.as_bytes(), &["/releases/*", "/*", ""]);
        items.into_iter().map(|(_, text)| text).collect()
    }

    fn unreadable(body: &[u8]) -> String {
        cut(body, &default_shapes()).unwrap_err().0
    }

    #[test]
    fn a_package_may_leave_an_empty_list_out_and_an_error_is_no_package() {
        let shapes = ["/releases/*", "/*", ""].map(|at| ItemsAt::parse(at).unwrap());
        let package = br#"{"uri":"u","publisher":{"name":"p"},"publishedDate":"2024-01-01"}"#;
        let found = cut(package, &shapes).unwrap();
        assert!(found.items.is_empty());
        assert_eq!(found.envelope["uri"], "u");
        for other in [
            r#"{"version":"2.0","error":"busy"}"#,
            r#"{"uri":"/x"}"#,
            "{}",
            r#"{"uri":"u","version":"1.0","status":500,"error":"busy"}"#,
            r#"{"uri":"u","publisher":{},"publishedDate":"d","releases":{"ocid":"a","id":"1"}}"#,
            r#"{"uri":"u","publisher":{},"publishedDate":"d","data":[{"ocid":"a","id":"1"}]}"#,
            r#"{"uri":"u","publisher":{},"publishedDate":"d","records":[]}"#,
        ] {
            assert!(cut(other.as_bytes(), &shapes).is_err(), "{other}");
        }
    }

    #[test]
    fn a_release_package_is_its_items_and_an_envelope() {
        let body =
            br#" {"uri":"u", "releases": [ {"ocid":"a"} , null,[1, "]"] ] ,"links":{"next":"n"}} "#;
        let (items, envelope) = cut_of(body, &["/releases/*"]);
        assert_eq!(
            items,
            [
                ("/releases/0".to_owned(), r#"{"ocid":"a"}"#),
                ("/releases/1".to_owned(), "null"),
                ("/releases/2".to_owned(), r#"[1, "]"]"#),
            ]
        );
        assert_eq!(
            envelope,
            json!({"uri": "u", "releases": [], "links": {"next": "n"}})
        );
    }

    #[test]
    fn the_first_shape_that_fits_is_used() {
        let package = r#"{"ocid":"x","releases":[{"ocid":"a"}],"data":{"rows":[{"ocid":"b"}]}}"#;
        let pointers = |at: &[&str], body: &'static str| -> Vec<String> {
            let (items, _) = cut_of(body.as_bytes(), at);
            items.into_iter().map(|(pointer, _)| pointer).collect()
        };
        assert_eq!(pointers(&["/releases/*", ""], package), ["/releases/0"]);
        assert_eq!(pointers(&["", "/releases/*"], package), [""]);
        assert_eq!(
            pointers(&["/no/*", "/data/rows/*"], package),
            ["/data/rows/0"]
        );
        assert_eq!(pointers(&["/releases/*", "/*"], "[{},{}]"), ["/0", "/1"]);
        assert_eq!(pointers(&["/a~1b/*"], r#"{"a/b":[1]}"#), ["/a~1b/0"]);
    }

    #[test]
    fn the_whole_document_is_an_item_only_if_it_looks_like_a_release() {
        for release in [
            r#"{"ocid":1}"#,
            r#"{"x":0,"tag":[]}"#,
            r#" {"initiationType":"tender"} "#,
            r#"{"\u006fcid":"a"}"#,
        ] {
            assert_eq!(texts_of(release), [release.trim()]);
        }
        for other in [
            r#"{"status":500,"error":{"ocid":"x"}}"#,
            r#"{"message":"ocid"}"#,
            "{}",
        ] {
            assert_eq!(
                unreadable(other.as_bytes()),
                "a JSON object without /releases or ocid"
            );
        }
    }

    #[test]
    fn a_record_is_a_whole_document_unless_only_its_releases_are_asked_for() {
        for record in [
            r#"{"compiledRelease":{},"releases":[{"ocid":"a"}]}"#,
            r#"{"ocid":"o","releases":[{}],"compiled\u0052elease":null}"#,
            r#"{"versionedRelease":{"ocid":"a"}}"#,
        ] {
            assert_eq!(texts_of(record), [record]);
        }
        let record = br#"{"releases":[1],"compiledRelease":{}}"#;
        let (items, _) = cut_of(record, &["/releases/*", "/*"]);
        assert_eq!(items, [("/releases/0".to_owned(), "1")]);
        // a member of a member tells nothing
        let package = r#"{"releases":[1],"x":{"compiledRelease":{}}}"#;
        assert_eq!(texts_of(package), ["1"]);
    }

    #[test]
    fn no_items_is_a_page_too() {
        for empty in [
            r#"{"releases":[]}"#,
            r#"{"releases":[ ]}"#,
            r#"{"releases":null}"#,
            "[]",
        ] {
            assert_eq!(texts_of(empty), [""; 0]);
        }
        let (_, envelope) = cut_of(br#"{"releases":null}"#, &["/releases/*"]);
        assert_eq!(envelope, json!({"releases": null}));
    }

    #[test]
    fn a_member_that_is_there_twice_loses_no_items() {
        let (items, _) = cut_of(
            br#"{"releases":[1,2],"x":[9],"rel\u0065ases":[3],"releases":null}"#,
            &["/releases/*"],
        );
        let expect = [
            ("/releases/0", "1"),
            ("/releases/1", "2"),
            ("/releases/2", "3"),
        ];
        assert_eq!(
            items,
            expect.map(|(pointer, text)| (pointer.to_owned(), text))
        );
    }

    #[test]
    fn an_unreadable_body_is_called_what_it_is() {
        for (body, found) in [
            ("", "empty"),
            (" \n", "empty"),
            ("<!DOCTYPE html><p>Maintenance", "an HTML page"),
            ("\n<HTML lang=en>", "an HTML page"),
            ("<?xml version='1.0'?><Error/>", "XML"),
            (
                "Request Rejected",
                "not JSON from byte 0, where a value was expected",
            ),
            ("\"text\"", "a JSON string"),
            ("12", "a JSON number or word"),
            ("null", "a JSON number or word"),
            (
                "{\"releases\":{}}",
                "a JSON object without an array at /releases or ocid",
            ),
            (
                "{\"releases\":[1],\"releases\":2}",
                "a JSON object without an array at /releases or ocid",
            ),
            (
                "{\"releases\":[{}",
                "JSON that ends in the middle of a page",
            ),
            ("{\"releases\"", "JSON that ends in the middle"),
            (
                "{\"releases\":[]} []",
                "several JSON documents, one after the other",
            ),
            (
                "{\"releases\":[]} ]",
                "not JSON from byte 16, where more follows the end, nor are its items to be told apart",
            ),
            ("{\"releases\":[],\"a\":nope}", "not JSON around its items"),
        ] {
            assert_eq!(unreadable(body.as_bytes()), found, "{body}");
        }
        assert_eq!(
            cut(b"[1]", &shapes(&["/releases/*"])).unwrap_err().0,
            "a JSON array"
        );
    }

    #[test]
    fn the_depth_of_an_item_is_its_own() {
        let body = format!(
            "[1,{{}},{{\"a\":[{{}}]}},{}1{}]",
            "[".repeat(100),
            "]".repeat(100)
        );
        let cut = cut(body.as_bytes(), &default_shapes()).unwrap();
        let depths: Vec<usize> = cut.items.iter().map(|item| item.depth).collect();
        assert_eq!(depths, [0, 1, 3, 100]);
    }

    #[test]
    fn a_body_of_nothing_but_brackets_is_no_danger() {
        let depth = 2_000_000;
        for bomb in ["[", "{\"a\":", "[{\"releases\":"] {
            unreadable(bomb.repeat(depth).as_bytes());
        }
        let deep = format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        let one = format!("[{deep}]");
        assert_eq!(
            cut(one.as_bytes(), &default_shapes()).unwrap().items[0].depth,
            depth
        );
        let around = format!(
            "{{\"releases\":[],\"x\":{}{}}}",
            "[".repeat(200),
            "]".repeat(200)
        );
        assert_eq!(unreadable(around.as_bytes()), "not JSON around its items");
    }

    #[test]
    fn more_items_or_more_around_them_than_fit_into_memory_is_no_page() {
        let body = format!("[{}0]", "0,".repeat(MOST_ITEMS));
        assert_eq!(
            unreadable(body.as_bytes()),
            "a page of more than 1000000 items, the most that `fetch.max_items` may be"
        );
        let body = format!(
            "{{\"releases\":[],\"x\":[{}0]}}",
            "0,".repeat(MOST_AROUND_BYTES / 2)
        );
        assert_eq!(
            unreadable(body.as_bytes()),
            "a page of more than 4194304 bytes around its items"
        );
    }

    #[test]
    fn the_envelope_forgives_what_is_no_part_of_any_release() {
        let body = b"{\"a\":\"x\ty\x00z\",\"b\":\"\xff\",\"c\":\"\\u0000 \\ud800 \\ud83d\\ude00 \\\\u0000 \\n\\\"\",\"releases\":[{\"ocid\":\"\x01\"}]}";
        let cut = cut(body, &default_shapes()).unwrap();
        assert_eq!(
            cut.envelope,
            json!({
                "a": "x\ty\u{fffd}z",
                "b": "\u{fffd}",
                "c": "\u{fffd} \u{fffd} \u{1f600} \\u0000 \n\"",
                "releases": [],
            })
        );
        assert_eq!(cut.items.len(), 1);
    }
}
