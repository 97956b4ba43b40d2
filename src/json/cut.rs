//! Cuts a page into its items and what is around them.
//!
//! The cut asks of an item only that its commas, colons, braces and brackets
//! are JSON's: whether its strings and numbers are, extract finds out, and it
//! costs that item alone. Where the structure itself is damaged,
//! [`salvage`] finds where the damage ends. A body that could be
//! the beginning of a page is never taken for a page.

use std::ops::Range;

use serde_json::Value;

use super::salvage::{Lost, salvage};
use super::scan::{Loose, Scanner, Stop, Why};
use super::value::forgiving;
use crate::json::{ItemsAt, token};

/// The most items of one page, whatever `fetch.max_items` allows. An item takes 32 bytes
/// here, so that a body which is nothing but `[0,0,0…` could otherwise take sixteen times
/// its size.
pub const MOST_ITEMS: usize = 1_000_000;

/// The most bytes of a page that are not items; they are parsed into a tree,
/// which can take fifty times their size.
pub const MOST_AROUND_BYTES: usize = 4 << 20;

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

fn end_of_document(scanner: &mut Scanner<'_, Loose>) -> Result<(), Stop> {
    match scanner.next_byte() {
        None => Ok(()),
        Some(_) => Err(Stop::broken(scanner.at(), "more follows the end")),
    }
}

/// Whether a member of that name is of a record and of nothing else.
fn is_of_record(key: &[u8]) -> bool {
    key_is(key, "compiledRelease") || key_is(key, "versionedRelease")
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
    if walk.is_record && not_of_record {
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

/// An array of items, or the `null` in its place.
#[derive(Clone, Debug)]
pub(super) struct List {
    /// Its bytes, brackets included; up to where the scanner stopped if it did.
    pub(super) range: Range<usize>,
    pub(super) spans: Vec<Span>,
}

/// An item without its pointer, which its place among the items decides.
#[derive(Clone, Debug)]
pub(super) struct Span {
    pub(super) range: Range<usize>,
    pub(super) depth: usize,
}

/// A walk through the objects that lead to the items.
#[derive(Clone)]
pub(super) struct Walk<'b> {
    pub(super) body: &'b [u8],
    path: &'b [String],
    scanner: Scanner<'b, Loose>,
    /// The lists found so far; the last one may be unfinished.
    pub(super) lists: Vec<List>,
    /// Whether the document has a member that only a record has.
    is_record: bool,
}

/// Why a walk did not reach the end of the body.
pub(super) enum Halt {
    /// A value on the path is of another kind than the shape says; of an
    /// object, what it would need to have.
    Shape(Option<String>),
    /// The document is whole, and another one follows it: nothing is damaged.
    Another,
    Stop(Stop),
}

impl Halt {
    /// Whether more of the body could have let the walk go on.
    pub(super) fn is_end(&self) -> bool {
        matches!(self, Halt::Stop(stop) if stop.why == Why::End)
    }
}

impl From<Stop> for Halt {
    fn from(stop: Stop) -> Self {
        Halt::Stop(stop)
    }
}

/// Where a walk is. A level is how many objects of the path are open.
#[derive(Clone, Copy)]
enum Place {
    /// Before a value that so many names of the path lead to.
    Value { level: usize },
    /// Before the name of a member.
    Member { level: usize },
    /// After a value.
    After { level: usize },
}

impl<'b> Walk<'b> {
    pub(super) fn new(body: &'b [u8], path: &'b [String]) -> Self {
        Self {
            body,
            path,
            scanner: Scanner::new(body, 0, Loose),
            lists: Vec::new(),
            is_record: false,
        }
    }

    /// Walks the whole document.
    pub(super) fn document(&mut self) -> Result<(), Halt> {
        self.go_on(Place::Value { level: 0 })
    }

    /// Walks on to the end of the document after a list that ends at `at`, as
    /// if there were no list before.
    ///
    /// Gives the lists found there, and how far the walk came in any case.
    pub(super) fn rest(&self, at: usize) -> (Result<Vec<List>, Halt>, usize) {
        let (rest, result) = self.behind(at);
        let end = match &result {
            Err(Halt::Stop(stop)) => stop.at,
            _ => rest.scanner.at(),
        };
        (result.map(|()| rest.lists), end)
    }

    /// A walk from behind a list that ends at `at` to the end of the document, and
    /// how it went.
    pub(super) fn behind(&self, at: usize) -> (Walk<'b>, Result<(), Halt>) {
        let mut rest = Walk {
            scanner: Scanner::new(self.body, at, Loose),
            ..Walk::new(self.body, self.path)
        };
        let level = self.path.len();
        let result = rest.go_on(Place::After { level });
        (rest, result)
    }

    /// Where it has come to.
    pub(super) fn at(&self) -> usize {
        self.scanner.at()
    }

    /// Whether the document has a member that only a record has.
    pub(super) fn is_record(&self) -> bool {
        self.is_record
    }

    fn go_on(&mut self, mut place: Place) -> Result<(), Halt> {
        loop {
            place = match place {
                Place::Value { level } if level == self.path.len() => {
                    self.list()?;
                    Place::After { level }
                }
                Place::Value { level } => self.enter(level)?,
                Place::Member { level } => self.member(level)?,
                Place::After { level: 0 } => return self.end(),
                Place::After { level } => self.after(level)?,
            };
        }
    }

    fn end(&mut self) -> Result<(), Halt> {
        match self.scanner.next_byte() {
            Some(b'{' | b'[') => Err(Halt::Another),
            _ => Ok(end_of_document(&mut self.scanner)?),
        }
    }

    /// Enters the object that the path leads into.
    fn enter(&mut self, level: usize) -> Result<Place, Halt> {
        if self.scanner.kind()? != b'{' {
            return Err(self.other_kind(level));
        }
        self.scanner.advance();
        if self.scanner.peek()? == b'}' {
            self.scanner.advance();
            return Ok(Place::After { level });
        }
        Ok(Place::Member { level: level + 1 })
    }

    /// Passes a member's name, and its value unless the path leads there.
    fn member(&mut self, level: usize) -> Result<Place, Halt> {
        let key = self.scanner.key()?;
        let key = &self.body[key];
        if key_is(key, &self.path[level - 1]) {
            return Ok(Place::Value { level });
        }
        self.is_record |= level == 1 && is_of_record(key);
        self.scanner.value()?;
        Ok(Place::After { level })
    }

    fn after(&mut self, level: usize) -> Result<Place, Halt> {
        let place = match self.scanner.peek()? {
            b',' => Place::Member { level },
            b'}' => Place::After { level: level - 1 },
            _ => {
                let at = self.scanner.at();
                return Err(Stop::broken(at, "a comma or a closing brace was expected").into());
            }
        };
        self.scanner.advance();
        Ok(place)
    }

    /// Passes the items.
    fn list(&mut self) -> Result<(), Halt> {
        let kind = self.scanner.kind()?;
        let start = self.scanner.at();
        if kind == b'n' && !self.path.is_empty() {
            let null = self.scanner.scalar()?;
            if &self.body[null.clone()] != b"null" {
                return Err(Stop::broken(null.start, "a value was expected").into());
            }
            let (range, spans) = (null, Vec::new());
            self.lists.push(List { range, spans });
            return Ok(());
        }
        if kind != b'[' {
            return Err(self.other_kind(self.path.len()));
        }
        let mut spans = Vec::new();
        let result = self.scanner.entries(|scanner| {
            scanner.peek()?;
            let start = scanner.at();
            let depth = scanner.value()?;
            let range = start..scanner.at();
            if spans.len() <= MOST_ITEMS {
                spans.push(Span { range, depth });
            }
            Ok(())
        });
        let range = start..self.scanner.at();
        self.lists.push(List { range, spans });
        Ok(result?)
    }

    fn other_kind(&self, level: usize) -> Halt {
        Halt::Shape((level > 0).then(|| format!("an array at {}", self.place())))
    }

    /// The pointer of the array, such as `/releases`.
    pub(super) fn place(&self) -> String {
        self.path
            .iter()
            .map(|name| format!("/{}", token(name)))
            .collect()
    }
}

/// The kind of the value that a body starts with.
fn name_of(body: &[u8]) -> &'static str {
    match body.first() {
        Some(b'{') => "a JSON object",
        Some(b'[') => "a JSON array",
        Some(b'"') => "a JSON string",
        _ => "a JSON number or word",
    }
}

/// Whether a member's raw name is `name`, with or without escapes.
pub(crate) fn key_is(raw: &[u8], name: &str) -> bool {
    if memchr::memchr(b'\\', raw).is_none() {
        return raw == name.as_bytes();
    }
    let quoted = [b"\"", raw, b"\""].concat();
    serde_json::from_slice::<String>(&quoted).is_ok_and(|key| key == name)
}

/// The body without the items of its lists, as a value; else what the body is.
pub(super) fn envelope(body: &[u8], lists: &[List]) -> Result<Value, String> {
    let within: usize = lists.iter().map(|list| list.range.len()).sum();
    if body.len() - within > MOST_AROUND_BYTES {
        return Err(format!(
            "a page of more than {MOST_AROUND_BYTES} bytes around its items"
        ));
    }
    let mut text = Vec::new();
    let mut start = 0;
    for list in lists {
        text.extend_from_slice(&body[start..list.range.start]);
        let is_array = body[list.range.clone()].starts_with(b"[");
        text.extend_from_slice(if is_array { b"[]" } else { b"null" });
        start = list.range.end;
    }
    text.extend_from_slice(&body[start..]);
    forgiving(&String::from_utf8_lossy(&text)).map_err(|_| "not JSON around its items".to_owned())
}

/// JSON text whose strings hold neither raw control characters nor what
/// PostgreSQL cannot store.
pub(super) fn forgive(text: &str) -> String {
    let mut forgiven = String::with_capacity(text.len());
    let mut in_string = false;
    let mut rest = text;
    while let Some(character) = rest.chars().next() {
        let mut length = character.len_utf8();
        match character {
            '"' => {
                in_string = !in_string;
                forgiven.push(character);
            }
            '\\' if in_string => {
                length = escape_length(rest);
                match &rest[..length] {
                    // A pair of surrogates, or an escape other than `\u`.
                    escape if escape.len() != 6 || is_storable(escape) => forgiven.push_str(escape),
                    _ => forgiven.push(char::REPLACEMENT_CHARACTER),
                }
            }
            '\0' if in_string => forgiven.push(char::REPLACEMENT_CHARACTER),
            '\u{1}'..='\u{1f}' if in_string => {
                forgiven.push_str(&format!("\\u{:04x}", u32::from(character)));
            }
            _ => forgiven.push(character),
        }
        rest = &rest[length..];
    }
    forgiven
}

/// The length of the escape that a text starts with: 12 for a pair of
/// surrogates, 6 for another `\u`.
fn escape_length(text: &str) -> usize {
    let unit = |at: usize| {
        let digits = text.get(at..at + 6)?.strip_prefix("\\u")?;
        u16::from_str_radix(digits, 16).ok()
    };
    match (unit(0), unit(6)) {
        (Some(0xD800..=0xDBFF), Some(0xDC00..=0xDFFF)) => 12,
        (Some(_), _) => 6,
        (None, _) => 1 + text[1..].chars().next().map_or(0, char::len_utf8),
    }
}

/// Whether a lone `\u` escape is a character that PostgreSQL text can hold.
fn is_storable(escape: &str) -> bool {
    u32::from_str_radix(&escape[2..], 16)
        .is_ok_and(|unit| unit != 0 && char::from_u32(unit).is_some())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

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
