//! Divides a page into its items and its envelope.
//!
//! The program must understand a page's commas, colons, braces and brackets to divide it. Strings
//! and numbers are checked later by extract, and a wrong one rejects only its own item. If
//! commas, colons, braces or brackets are wrong, `salvage` finds the items. A body that may be
//! the beginning of a longer page is never accepted.

use std::ops::Range;

use serde_json::Value;

use crate::json::ItemsAt;
use crate::json::lists::{
    ItemList, ListScan, ListScanError, LoneObject, TooMany, describe_kind, is_key,
    is_record_member, parse_envelope,
};
use crate::json::not_json::describe_start;
use crate::json::salvage::{SalvageError, count_extra_commas, salvage_lists};
use crate::json::scan::{Loose, ScanError, ScanErrorKind, Scanner};

/// A page that is divided into its items and its envelope.
#[derive(Clone, Debug, Default)]
pub struct Cut {
    /// The page with an empty list in the place of its items. It is `[]` if the page is an array,
    /// and `null` if the page is a single release. Strings may contain control characters and
    /// bytes that are not UTF-8. A character that PostgreSQL cannot store becomes U+FFFD.
    pub envelope: Value,
    /// The JSON Pointer of the list of items, such as `/releases`. It is `None` if the whole
    /// document is the item.
    pub list: Option<String>,
    /// The items in the order of the page.
    pub items: Vec<Item>,
    /// The number of places between the items that have a comma too many. Such commas are passed
    /// over.
    pub extra_commas: usize,
    /// The other list of a package that has both `releases` and `records`, if it has items. It
    /// has no envelope of its own.
    pub second: Option<Box<Cut>>,
    /// The objects in the place of a list. They are no items and must be rejected.
    pub lone_objects: Vec<LoneObject>,
}

impl Cut {
    /// Returns the JSON Pointer of an item, such as `/releases/0`. It is empty if the whole
    /// document is the item. Pointers are built when they are needed, because a page can have
    /// very many items.
    #[must_use]
    pub fn pointer(&self, item: &Item) -> String {
        match &self.list {
            Some(list) => format!("{list}/{}", item.index),
            None => String::new(),
        }
    }

    /// Returns the JSON Pointer of the list of items, or `None` if the page has no items. If only
    /// the second list has items, it is that list.
    pub(crate) fn list_of_items(&self) -> Option<&str> {
        let second = self.second.as_ref().and_then(|it| it.list_of_items());
        let list = self.list.as_deref().filter(|_| !self.items.is_empty());
        list.or(second)
    }

    /// Counts the items of both lists.
    pub(crate) fn item_count(&self) -> usize {
        let second = self.second.as_ref().map_or(0, |second| second.items.len());
        self.items.len() + second
    }

    /// Takes the second list out of the page.
    pub(crate) fn take_second(&mut self) -> Option<Cut> {
        self.second.take().map(|second| *second)
    }
}

/// The position of an item in a page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Item {
    /// The index of the item in its list, counted from 0.
    pub index: usize,
    /// The range of the item's bytes, without white space around the item.
    pub range: Range<usize>,
    /// The depth of the item's nesting. It is 0 for a scalar and 1 for `{}`.
    pub depth: usize,
}

/// Says that a body is not a page. The text describes the body, such as `an HTML page: 503 Busy`.
/// It contains no value of JSON, but the title of an HTML page may show a secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unreadable(pub String);

/// Divides a body into its items and its envelope. The first of `shapes` that fits the body is
/// used.
///
/// - A list may be `null`, or may be absent from a package. The page then has no items. If a
///   document contains the same list twice, the items of the second list are numbered after those
///   of the first.
/// - A package may have `releases` and `records`. If both are among `shapes`, the one whose shape
///   comes later is [`Cut::second`].
/// - The whole document is an item if it is an object with a member `ocid`, `tag`,
///   `initiationType`, `compiledRelease` or `versionedRelease`. An error object that is served
///   with status 200 has none of these members.
/// - An object with a member `compiledRelease` or `versionedRelease` is a record. If the whole
///   document is among the shapes, a record is one item, even if it has a list of releases.
///
/// The body is read once for each shape that is tried. A damaged body is read at most sixteen
/// times more, so that its items can be salvaged.
///
/// # Errors
///
/// The envelope is not JSON, the body ends too early, no shape fits, or the body contains several
/// documents.
pub fn cut(body: &[u8], shapes: &[ItemsAt]) -> Result<Cut, Unreadable> {
    cut_by_first_fitting(body, shapes, shapes)
}

/// Divides a package, as [`cut`] does. Only its list at `shape` makes it a package, but it may
/// also have the second list at `second`.
pub(crate) fn cut_package(
    body: &[u8],
    shape: &ItemsAt,
    second: &ItemsAt,
) -> Result<Cut, Unreadable> {
    let tried = std::slice::from_ref(shape);
    cut_by_first_fitting(body, tried, &[shape.clone(), second.clone()])
}

/// Divides a body by the first of the `tried` shapes that fits. A second list must be among
/// `shapes`.
fn cut_by_first_fitting(
    body: &[u8],
    tried: &[ItemsAt],
    shapes: &[ItemsAt],
) -> Result<Cut, Unreadable> {
    let mut lacks = Vec::new();
    let takes_documents = tried.iter().any(|shape| !shape.is_list());
    for shape in tried {
        let result = if shape.is_list() {
            let second = find_second_name(shape, shapes);
            let scan = ListScan::new(body, shape.path(), second);
            cut_lists(scan, takes_documents)
        } else {
            cut_document(body)
        };
        match result {
            Ok(cut) => return Ok(cut),
            Err(CutError::WrongShape(lack)) => lacks.extend(lack),
            Err(CutError::Unreadable(found)) => return Err(Unreadable(found)),
        }
    }
    if let Some(envelope) = parse_empty_package(body, tried) {
        return Ok(Cut {
            envelope,
            ..Cut::default()
        });
    }
    let mut found = describe_kind(body.trim_ascii_start()).to_owned();
    if !lacks.is_empty() {
        found = format!("{found} without {}", lacks.join(" or "));
    }
    Err(Unreadable(found))
}

/// Returns the name of the list that a package may have beside the list of a shape, if it is
/// among the shapes.
pub(super) fn find_second_name(shape: &ItemsAt, shapes: &[ItemsAt]) -> Option<&'static str> {
    let (name, place) = shape.path().split_last()?;
    let second = match &**name {
        "releases" => "records",
        "records" => "releases",
        _ => return None,
    };
    let is_second = |other: &ItemsAt| {
        let path = other.path().split_last();
        other.is_list() && path.is_some_and(|path| path.0 == second && path.1 == place)
    };
    shapes.iter().any(is_second).then_some(second)
}

const MAX_EMPTY_PACKAGE_BYTES: usize = 64 << 10;

/// Parses a package that has no list because the list would be empty. Brazil, Scotland and Wales
/// serve such packages.
///
/// An error object must not be accepted, nor a package whose releases are under another name. So
/// the body must have the other members that the standard requires of a package, and it must have
/// no member that could contain releases.
fn parse_empty_package(body: &[u8], shapes: &[ItemsAt]) -> Option<Value> {
    let is_list = |shape: &ItemsAt| {
        shape.is_list() && matches!(shape.path(), [name] if name == "releases" || name == "records")
    };
    if body.len() > MAX_EMPTY_PACKAGE_BYTES || !shapes.iter().any(is_list) {
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

enum CutError {
    /// The body has another shape. If the body is an object, the text names the member that it
    /// lacks.
    WrongShape(Option<String>),
    /// The body is not complete JSON, so no other shape can fit.
    Unreadable(String),
}

impl CutError {
    fn from_scan_error(body: &[u8], error: ScanError) -> Self {
        CutError::Unreadable(match (describe_start(body), error.kind) {
            (Some(found), _) => found,
            (None, ScanErrorKind::UnexpectedEnd) => "JSON that ends in the middle".to_owned(),
            (None, ScanErrorKind::Invalid(what)) => {
                format!("not JSON from byte {}, where {what}", error.at)
            }
        })
    }

    fn too_many(found: TooMany) -> Self {
        CutError::Unreadable(format!("a page of {}", found.describe()))
    }

    fn from_salvage_error(body: &[u8], failure: SalvageError, error: ScanError) -> Self {
        match failure {
            SalvageError::NoItems => CutError::from_scan_error(body, error),
            SalvageError::Truncated => {
                CutError::Unreadable("JSON that ends in the middle of a page".to_owned())
            }
            SalvageError::TooMany(found) => CutError::too_many(found),
            SalvageError::NoEnd => CutError::Unreadable(format!(
                "not JSON from byte {}, where {}, and its items cannot be separated",
                error.at,
                error.reason()
            )),
        }
    }
}

fn cut_document(body: &[u8]) -> Result<Cut, CutError> {
    let mut scanner = Scanner::new(body, 0, Loose);
    let mut is_item = false;
    let mut depth = 0;
    let kind = scanner
        .peek_kind()
        .map_err(|error| CutError::from_scan_error(body, error))?;
    if kind != b'{' {
        return Err(CutError::WrongShape(None));
    }
    let start = scanner.position();
    scanner
        .walk_members(|scanner, key| {
            let key = &body[key];
            let is_named = |name: &&str| is_key(key, name);
            is_item |=
                ["ocid", "tag", "initiationType"].iter().any(is_named) || is_record_member(key);
            depth = depth.max(scanner.skip_value()?);
            Ok(())
        })
        .and_then(|()| scanner.clone().expect_end())
        .map_err(|error| CutError::from_scan_error(body, error))?;
    if !is_item {
        return Err(CutError::WrongShape(Some("ocid".to_owned())));
    }
    let item = Item {
        index: 0,
        range: start..scanner.position(),
        depth: depth + 1,
    };
    Ok(Cut {
        items: vec![item],
        ..Cut::default()
    })
}

/// Divides a body whose items are in a list. If `rejects_records` is true, a record does not fit.
fn cut_lists(mut scan: ListScan<'_>, rejects_records: bool) -> Result<Cut, CutError> {
    let body = scan.body;
    let lists = match scan.scan_document() {
        Ok(()) => std::mem::take(&mut scan.lists),
        Err(ListScanError::WrongShape(lack)) => return Err(CutError::WrongShape(lack)),
        Err(ListScanError::SecondDocument) => {
            let found = "several JSON documents, one after the other";
            return Err(CutError::Unreadable(found.to_owned()));
        }
        Err(ListScanError::TooMany(_)) if scan.is_record && rejects_records => {
            return Err(CutError::WrongShape(None));
        }
        Err(ListScanError::TooMany(found)) => return Err(CutError::too_many(found)),
        Err(ListScanError::Scan(error)) => {
            let mut lists = salvage_lists(&scan)
                .map_err(|failure| CutError::from_salvage_error(body, failure, error))?;
            for list in &mut lists {
                list.extra_commas = count_extra_commas(body, list);
            }
            lists
        }
    };
    let mut own = lists.iter().filter(|list| !list.is_second);
    let is_list = match scan.has_other_value {
        true => own.any(|list| list.is_array(body)),
        false => own.next().is_some(),
    };
    if !is_list {
        let lack = match scan.has_other_value {
            true => format!("an array at {}", scan.pointer()),
            false => scan.pointer(),
        };
        return Err(CutError::WrongShape(Some(lack)));
    }
    if scan.is_record && rejects_records {
        return Err(CutError::WrongShape(None));
    }
    let envelope = parse_envelope(body, &lists).map_err(CutError::Unreadable)?;
    let lone_objects = scan.lone_objects(&lists);
    let (second, own): (Vec<_>, Vec<_>) = lists.into_iter().partition(|list| list.is_second);
    let second = join_lists(scan.pointer_to(true), second);
    let has_content = !second.items.is_empty() || second.extra_commas > 0;
    Ok(Cut {
        envelope,
        second: has_content.then(|| Box::new(second)),
        lone_objects,
        ..join_lists(scan.pointer(), own)
    })
}

/// Makes one list of all lists that have the same name.
fn join_lists(pointer: String, lists: Vec<ItemList>) -> Cut {
    let extra_commas = lists.iter().map(|list| list.extra_commas).sum();
    // The capacity is exact, so that no memory is left unused.
    let spans = lists.iter().map(|list| list.spans.len()).sum();
    let mut items = Vec::with_capacity(spans);
    let spans = lists.into_iter().flat_map(|list| list.spans);
    items.extend(spans.enumerate().map(|(index, span)| Item {
        index,
        range: span.range,
        depth: span.depth,
    }));
    Cut {
        list: Some(pointer),
        items,
        extra_commas,
        ..Cut::default()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::json::{MAX_ENVELOPE_BYTES, MAX_ITEMS};

    fn shapes(texts: &[&str]) -> Vec<ItemsAt> {
        texts.iter().map(|at| ItemsAt::parse(at).unwrap()).collect()
    }

    fn default_shapes() -> Vec<ItemsAt> {
        shapes(&["/releases/*", "/*", ""])
    }

    /// Returns the pointers and texts of the items of a body, and the body's envelope.
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
    fn a_page_may_have_two_lists() {
        let body = br#"{"records":[{"b":2}],"uri":"u","releases":[{"a":1}],"more":[3]}"#;
        let shapes = shapes(&["/releases/*", "/records/*"]);
        let first = cut(body, &shapes).unwrap();
        assert_eq!(first.list.as_deref(), Some("/releases"));
        let second = first.second.unwrap();
        assert_eq!(second.list.as_deref(), Some("/records"));
        assert_eq!(&body[second.items[0].range.clone()], br#"{"b":2}"#);
        let envelope = json!({"records": [], "uri": "u", "releases": [], "more": [3]});
        assert_eq!(first.envelope, envelope);
        // Whoever declares one list does not want the other one.
        let first = cut(body, &shapes[..1]).unwrap();
        assert!(first.second.is_none());
        assert_eq!(first.envelope["records"], json!([{"b": 2}]));
    }

    /// Returns the pointers of all items and lone objects of a page with two lists.
    fn pointers_of(body: &str) -> Vec<String> {
        let shapes = shapes(&["/releases/*", "/records/*", "/*", ""]);
        let mut first = cut(body.as_bytes(), &shapes).unwrap();
        let second = first.take_second();
        let cuts = std::iter::once(&first).chain(&second);
        let items = cuts.flat_map(|cut| cut.items.iter().map(|item| cut.pointer(item)));
        let objects = first.lone_objects.iter().map(|it| {
            assert!(body[it.range.clone()].starts_with('{'), "{body}");
            format!("object {}", it.pointer)
        });
        items.chain(objects).collect()
    }

    #[test]
    fn nothing_of_a_second_list_is_lost() {
        let two = ["/releases/0", "/records/0"];
        for body in [
            // The member occurs again, as an empty list or as something else.
            r#"{"releases":[1],"records":[2],"records":[]}"#,
            r#"{"records":[2],"releases":[1],"records":null}"#,
            r#"{"records":[2],"records":7,"releases":[1]}"#,
            r#"{"records":"u","releases":[1],"rec\u006frds":[2]}"#,
            // What is wrong in an item of the second list concerns only that item.
            r#"{"releases":[1],"records":[{"amount":01,"x":nope}]}"#,
            r#"{"releases":[1],"records":[{"ocid":"x","id":"1","title":"6" pipe","a":"b"}]}"#,
            r#"{"records":[{"ocid":"x","id":"1",}],"releases":[1]}"#,
        ] {
            assert_eq!(pointers_of(body), two, "{body}");
        }
        let deep = format!(
            r#"{{"releases":[1],"records":[{}{}]}}"#,
            "[".repeat(200),
            "]".repeat(200)
        );
        assert_eq!(pointers_of(&deep), two);
        // Neither list counts as a part of the envelope.
        let long = format!("\"{}\"", "x".repeat(MAX_ENVELOPE_BYTES));
        for (releases, records) in [(&*long, "2"), ("1", &*long)] {
            let body = format!(r#"{{"releases":[{releases}],"records":[{records}]}}"#);
            assert_eq!(pointers_of(&body), two);
        }
        let body = r#"{"releases":[1],"records":[2,3],"releases":[4],"records":[5]}"#;
        let all = [
            "/releases/0",
            "/releases/1",
            "/records/0",
            "/records/1",
            "/records/2",
        ];
        assert_eq!(pointers_of(body), all);
    }

    #[test]
    fn an_object_in_the_place_of_a_list_is_told_if_it_mentions_an_ocid() {
        for (body, expected) in [
            (
                r#"{"releases":[1],"records":{"x":{"ocid":"a"}}}"#,
                "object /records",
            ),
            (
                r#"{"releases":[1],"releases":{"ocid":"a"}}"#,
                "object /releases",
            ),
            (
                r#"{"records":{"ocid":"a"},"releases":[1]}"#,
                "object /records",
            ),
        ] {
            assert_eq!(pointers_of(body), ["/releases/0", expected], "{body}");
        }
        let body = r#"{"releases":{"ocid":"a"},"records":[1]}"#;
        assert_eq!(pointers_of(body), ["/records/0", "object /releases"]);
        for other in [r#"{"total":1}"#, "12", r#""ocid""#, "true"] {
            let body = format!(r#"{{"releases":[1],"records":{other},"releases":{other}}}"#);
            assert_eq!(pointers_of(&body), ["/releases/0"]);
            let (_, envelope) = cut_of(body.as_bytes(), &["/releases/*", "/records/*"]);
            assert_eq!(envelope["records"].to_string(), other);
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
        // A member of a member does not show that the document is a record.
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
            ("<html><title>Busy</title>", "an HTML page: Busy"),
            ("<?xml version='1.0'?><Error/>", "an XML document: <Error>"),
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
                "{\"releases\":null,\"releases\":2}",
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
                "not JSON from byte 16, where more follows the end, and its items cannot be separated",
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
        let body = format!("[{}0]", "0,".repeat(MAX_ITEMS));
        assert_eq!(
            unreadable(body.as_bytes()),
            "a page of more than 1000000 items, the most that `fetch.max_items` may be"
        );
        let body = format!("{{\"releases\":[{}0]}}", "0,".repeat(MAX_ITEMS - 1));
        assert_eq!(texts_of(&body).len(), MAX_ITEMS);
        // Another item is damaged.
        let lists = format!(
            "\"releases\":[{{\"ocid\" 1}}],\"releases\":[{}0]",
            "0,".repeat(MAX_ITEMS)
        );
        assert_eq!(
            unreadable(format!("{{{lists}}}").as_bytes()),
            "a page of more than 1000000 items, the most that `fetch.max_items` may be"
        );
        let lists = "\"releases\":[],".repeat(100_000);
        assert_eq!(
            unreadable(format!("{{{lists}\"releases\":[1]}}").as_bytes()),
            "a page of more than 100000 lists"
        );
        // A record is one item, however many releases it has.
        let record = format!(
            "{{\"releases\":[{}0],\"compiledRelease\":1}}",
            "0,".repeat(MAX_ITEMS)
        );
        assert_eq!(texts_of(&record), [&record]);
        let body = format!(
            "{{\"releases\":[],\"x\":[{}0]}}",
            "0,".repeat(MAX_ENVELOPE_BYTES / 2)
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
