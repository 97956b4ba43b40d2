//! Finds the lists of items in a page, and parses the envelope, which is the page without its
//! items.
//!
//! If the path to a list is `data`, `releases`, the scan enters the document's object, then
//! enters the object at `data`, and then reads the array at `releases`. It skips the values of
//! all other members.

use std::ops::Range;

use serde_json::Value;

use crate::json::escape_token;
use crate::json::lenient::parse_leniently;
use crate::json::scan::{Container, Loose, ScanError, Scanner};

/// The upper limit of `fetch.max_items`. The position of an item needs 32 bytes of memory, so
/// without a limit a body such as `[0,0,0…` would need sixteen times its size.
pub const MAX_ITEMS: usize = 1_000_000;

/// The maximum size of a page without its items. It is limited because the envelope is parsed
/// into a tree, which can need fifty times the size of the text.
pub const MAX_ENVELOPE_BYTES: usize = 4 << 20;

/// An array of items, or a `null` in the place of such an array.
#[derive(Clone, Debug)]
pub(super) struct ItemList {
    /// The range of the list's bytes with its brackets. If the scan failed within the list, the
    /// range ends where the scan failed.
    pub(super) range: Range<usize>,
    pub(super) spans: Vec<ItemSpan>,
}

/// The position and the depth of an item whose index in its list is not known yet.
#[derive(Clone, Debug)]
pub(super) struct ItemSpan {
    pub(super) range: Range<usize>,
    pub(super) depth: usize,
}

/// A scan of a document that finds the lists at a path.
#[derive(Clone)]
pub(super) struct ListScan<'b> {
    pub(super) body: &'b [u8],
    path: &'b [String],
    scanner: Scanner<'b, Loose>,
    /// The lists that were found so far. If the scan failed, the last list may be incomplete.
    pub(super) lists: Vec<ItemList>,
    /// True if the document has a member that only records have.
    pub(super) is_record: bool,
}

pub(super) enum ListScanError {
    /// A value on the path is not an object, or the value at the end of the path is not an array.
    /// If the document is an object, the text says what it lacks.
    WrongShape(Option<String>),
    /// The document is complete, but another document follows it.
    SecondDocument,
    Scan(ScanError),
}

impl ListScanError {
    pub(super) fn is_unexpected_end(&self) -> bool {
        matches!(self, ListScanError::Scan(error) if error.is_unexpected_end())
    }
}

impl From<ScanError> for ListScanError {
    fn from(error: ScanError) -> Self {
        ListScanError::Scan(error)
    }
}

/// The position of a scan, with the number of the path's objects that are open.
#[derive(Clone, Copy)]
enum Position {
    /// The scan is before the value to which this number of the path's names leads.
    BeforeValue(usize),
    BeforeMember(usize),
    AfterValue(usize),
}

impl<'b> ListScan<'b> {
    pub(super) fn new(body: &'b [u8], path: &'b [String]) -> Self {
        Self {
            body,
            path,
            scanner: Scanner::new(body, 0, Loose),
            lists: Vec::new(),
            is_record: false,
        }
    }

    pub(super) fn scan_document(&mut self) -> Result<(), ListScanError> {
        self.scan_from(Position::BeforeValue(0))
    }

    /// Scans the rest of the document, after a list that ends at `at`. Returns the lists in that
    /// rest, and the position that the scan reached.
    pub(super) fn find_lists_after(
        &self,
        at: usize,
    ) -> (Result<Vec<ItemList>, ListScanError>, usize) {
        let (rest, result) = self.scan_after_list(at);
        let end = match &result {
            Err(ListScanError::Scan(error)) => error.at,
            _ => rest.scanner.position(),
        };
        (result.map(|()| rest.lists), end)
    }

    /// Scans the rest of the document, after a list that ends at `at`.
    pub(super) fn scan_after_list(&self, at: usize) -> (ListScan<'b>, Result<(), ListScanError>) {
        let mut rest = ListScan {
            scanner: Scanner::new(self.body, at, Loose),
            ..ListScan::new(self.body, self.path)
        };
        let level = self.path.len();
        let result = rest.scan_from(Position::AfterValue(level));
        (rest, result)
    }

    pub(super) fn position(&self) -> usize {
        self.scanner.position()
    }

    fn scan_from(&mut self, mut position: Position) -> Result<(), ListScanError> {
        loop {
            position = match position {
                Position::BeforeValue(level) if level == self.path.len() => {
                    self.pass_list()?;
                    Position::AfterValue(level)
                }
                Position::BeforeValue(level) => self.enter_object(level)?,
                Position::BeforeMember(level) => self.pass_member(level)?,
                Position::AfterValue(0) => return self.expect_end(),
                Position::AfterValue(level) => self.pass_separator(level)?,
            };
        }
    }

    fn expect_end(&mut self) -> Result<(), ListScanError> {
        match self.scanner.next_byte() {
            Some(b'{' | b'[') => Err(ListScanError::SecondDocument),
            _ => Ok(self.scanner.expect_end()?),
        }
    }

    fn enter_object(&mut self, level: usize) -> Result<Position, ListScanError> {
        if self.scanner.peek_kind()? != b'{' {
            return Err(self.wrong_shape_error(level));
        }
        self.scanner.advance();
        if self.scanner.peek()? == b'}' {
            self.scanner.advance();
            return Ok(Position::AfterValue(level));
        }
        Ok(Position::BeforeMember(level + 1))
    }

    /// Moves past the name of a member. If the path does not lead to the member, also skips its
    /// value.
    fn pass_member(&mut self, level: usize) -> Result<Position, ListScanError> {
        let key = self.scanner.read_key()?;
        let key = &self.body[key];
        if is_key(key, &self.path[level - 1]) {
            return Ok(Position::BeforeValue(level));
        }
        self.is_record |= level == 1 && is_record_member(key);
        self.scanner.skip_value()?;
        Ok(Position::AfterValue(level))
    }

    fn pass_separator(&mut self, level: usize) -> Result<Position, ListScanError> {
        Ok(match self.scanner.pass_separator(Container::Object)? {
            true => Position::BeforeMember(level),
            false => Position::AfterValue(level - 1),
        })
    }

    /// Moves past the list and stores the positions of its items.
    fn pass_list(&mut self) -> Result<(), ListScanError> {
        let kind = self.scanner.peek_kind()?;
        let start = self.scanner.position();
        if kind == b'n' && !self.path.is_empty() {
            let null = self.scanner.read_scalar()?;
            if &self.body[null.clone()] != b"null" {
                return Err(ScanError::invalid(null.start, "a value was expected").into());
            }
            let (range, spans) = (null, Vec::new());
            self.lists.push(ItemList { range, spans });
            return Ok(());
        }
        if kind != b'[' {
            return Err(self.wrong_shape_error(self.path.len()));
        }
        let mut spans = Vec::new();
        let result = self.scanner.walk_entries(|scanner| {
            let (range, depth) = scanner.read_value()?;
            if spans.len() <= MAX_ITEMS {
                spans.push(ItemSpan { range, depth });
            }
            Ok(())
        });
        let range = start..self.scanner.position();
        self.lists.push(ItemList { range, spans });
        Ok(result?)
    }

    fn wrong_shape_error(&self, level: usize) -> ListScanError {
        ListScanError::WrongShape((level > 0).then(|| format!("an array at {}", self.pointer())))
    }

    /// Returns the JSON Pointer of the list, such as `/releases`.
    pub(super) fn pointer(&self) -> String {
        self.path
            .iter()
            .map(|name| format!("/{}", escape_token(name)))
            .collect()
    }
}

pub(super) fn describe_kind(body: &[u8]) -> &'static str {
    match body.first() {
        Some(b'{') => "a JSON object",
        Some(b'[') => "a JSON array",
        Some(b'"') => "a JSON string",
        _ => "a JSON number or word",
    }
}

/// Returns true if `raw`, which may contain escapes, is the member's name `name`.
pub(crate) fn is_key(raw: &[u8], name: &str) -> bool {
    if memchr::memchr(b'\\', raw).is_none() {
        return raw == name.as_bytes();
    }
    let quoted = [b"\"", raw, b"\""].concat();
    serde_json::from_slice::<String>(&quoted).is_ok_and(|key| key == name)
}

/// Parses the body without the items of its lists. The error describes the body.
pub(super) fn parse_envelope(body: &[u8], lists: &[ItemList]) -> Result<Value, String> {
    let within: usize = lists.iter().map(|list| list.range.len()).sum();
    if body.len() - within > MAX_ENVELOPE_BYTES {
        return Err(format!(
            "a page of more than {MAX_ENVELOPE_BYTES} bytes around its items"
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

/// Returns true if only records have a member of this name.
pub(super) fn is_record_member(key: &[u8]) -> bool {
    is_key(key, "compiledRelease") || is_key(key, "versionedRelease")
}
