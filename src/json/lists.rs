//! Finds the lists of items in a page: the walk through the objects that lead to them, and
//! what is around them.

use std::ops::Range;

use serde_json::Value;

use crate::json::lenient::parse_leniently;
use crate::json::scan::{Loose, Scanner, Stop, Why};
use crate::json::token;

/// The most items of one page, whatever `fetch.max_items` allows. An item takes 32 bytes
/// here, so that a body which is nothing but `[0,0,0…` could otherwise take sixteen times
/// its size.
pub const MOST_ITEMS: usize = 1_000_000;

/// The most bytes of a page that are not items; they are parsed into a tree,
/// which can take fifty times their size.
pub const MOST_AROUND_BYTES: usize = 4 << 20;

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
pub(super) fn name_of(body: &[u8]) -> &'static str {
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
    parse_leniently(&String::from_utf8_lossy(&text))
        .map_err(|_| "not JSON around its items".to_owned())
}

pub(super) fn end_of_document(scanner: &mut Scanner<'_, Loose>) -> Result<(), Stop> {
    match scanner.next_byte() {
        None => Ok(()),
        Some(_) => Err(Stop::broken(scanner.at(), "more follows the end")),
    }
}

/// Only records have a member of this name.
pub(super) fn is_of_record(key: &[u8]) -> bool {
    key_is(key, "compiledRelease") || key_is(key, "versionedRelease")
}
