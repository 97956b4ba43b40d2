//! Finds the lists of items in a page, and parses the envelope, which is the page without its
//! items.
//!
//! If the path to a list is `data`, `releases`, the scan enters the document's object, then
//! enters the object at `data`, and then reads the array at `releases`. It skips the values of
//! all other members.
//!
//! A package may have two lists, `releases` and `records`. A scan can read both, and it reads
//! each of them again if the package contains the member twice. Some readers of JSON keep only
//! the last of several members with one name. That would lose items here, so all of them count.

use std::ops::Range;

use serde_json::Value;

use crate::json::escape_token;
use crate::json::lenient::parse_leniently;
use crate::json::scan::{Container, Loose, ScanError, Scanner};

/// The upper limit of `fetch.max_items`. The position of an item needs 32 bytes of memory, so
/// without a limit a body such as `[0,0,0…` would need sixteen times its size. The limit is for
/// the items of all lists together.
pub const MAX_ITEMS: usize = 1_000_000;

/// The maximum number of lists in a page, with the values in the place of a list. A package has
/// two, or a few more if its members are repeated. Each list needs memory, and each object in the
/// place of a list becomes a reject.
pub(super) const MAX_LISTS: usize = 100_000;

/// The maximum size of a page without its items. It is limited because the envelope is parsed
/// into a tree, which can need fifty times the size of the text.
pub const MAX_ENVELOPE_BYTES: usize = 4 << 20;

/// An array of items, or a `null` or an object in the place of such an array.
#[derive(Clone, Debug)]
pub(super) struct ItemList {
    /// True if this is the second list of the package.
    pub(super) is_second: bool,
    /// The range of the list's bytes with its brackets. If the scan failed within the list, the
    /// range ends where the scan failed.
    pub(super) range: Range<usize>,
    pub(super) spans: Vec<ItemSpan>,
    /// The number of places that have a comma too many.
    pub(super) extra_commas: usize,
}

impl ItemList {
    pub(super) fn is_array(&self, body: &[u8]) -> bool {
        body.get(self.range.start) == Some(&b'[')
    }

    pub(super) fn is_object(&self, body: &[u8]) -> bool {
        body.get(self.range.start) == Some(&b'{')
    }
}

/// An object in the place of a list of releases or records, beside the list of items. It mentions
/// an ocid, so it may be a release or a record, and must not be lost.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoneObject {
    /// The JSON Pointer of the object, such as `/records`.
    pub pointer: String,
    /// The range of the object's bytes.
    pub range: Range<usize>,
}

/// The position and the depth of an item whose index in its list is not known yet.
#[derive(Clone, Debug)]
pub(super) struct ItemSpan {
    pub(super) range: Range<usize>,
    pub(super) depth: usize,
}

/// A scan of a document that finds the lists at a path, and those of a second name beside them.
#[derive(Clone)]
pub(super) struct ListScan<'b> {
    pub(super) body: &'b [u8],
    path: &'b [String],
    /// The name of the second list, in the same object as the list at the path.
    second: Option<&'b str>,
    scanner: Scanner<'b, Loose>,
    /// The lists that were found so far. If the scan failed, the last list may be incomplete.
    /// Lists and items above the limits are only counted.
    pub(super) lists: Vec<ItemList>,
    list_count: usize,
    /// The number of items in all lists.
    item_count: usize,
    /// True if a value at the path is neither an array nor `null`.
    pub(super) has_other_value: bool,
    /// True if the document has a member that only records have.
    pub(super) is_record: bool,
}

pub(super) enum ListScanError {
    /// A value on the path is not an object, or the document should be an array and is not one.
    /// If the document is an object, the text says what it lacks.
    WrongShape(Option<String>),
    /// The document is complete, but another document follows it.
    SecondDocument,
    TooMany(TooMany),
    Scan(ScanError),
}

/// The limit that a document exceeds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TooMany {
    Items,
    Lists,
}

impl TooMany {
    /// Returns what there is too much of, such as `more than 5 lists`.
    pub(super) fn describe(self) -> String {
        match self {
            TooMany::Items => {
                format!("more than {MAX_ITEMS} items, the most that `fetch.max_items` may be")
            }
            TooMany::Lists => format!("more than {MAX_LISTS} lists"),
        }
    }
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
    BeforeList {
        is_second: bool,
    },
    BeforeMember(usize),
    AfterValue(usize),
}

impl<'b> ListScan<'b> {
    pub(super) fn new(body: &'b [u8], path: &'b [String], second: Option<&'b str>) -> Self {
        Self {
            body,
            path,
            second,
            scanner: Scanner::new(body, 0, Loose),
            lists: Vec::new(),
            list_count: 0,
            item_count: 0,
            has_other_value: false,
            is_record: false,
        }
    }

    pub(super) fn scan_document(&mut self) -> Result<(), ListScanError> {
        self.scan_from(self.before_value(0))
    }

    /// Scans the rest of the document, after a list that ends at `at`. Returns the lists in that
    /// rest, and the position that the scan reached. The document has `item_count` items before
    /// `at`.
    pub(super) fn find_lists_after(
        &self,
        at: usize,
        item_count: usize,
    ) -> (Result<Vec<ItemList>, ListScanError>, usize) {
        let mut rest = self.rest_from(at);
        rest.item_count = item_count;
        let result = rest.scan_from(Position::AfterValue(self.path.len()));
        let end = match &result {
            Err(ListScanError::Scan(error)) => error.at,
            _ => rest.scanner.position(),
        };
        (result.map(|()| rest.lists), end)
    }

    /// Scans the document after a list that ends at `at`, up to the next array of items. Returns
    /// true if that array is the second list, or `None` if the document ends first. The scan
    /// stops before the array.
    pub(super) fn scan_to_next_list(
        &self,
        at: usize,
    ) -> (ListScan<'b>, Result<Option<bool>, ListScanError>) {
        let mut rest = self.rest_from(at);
        let result = rest.advance_to_array(Position::AfterValue(self.path.len()));
        let result = rest.check_counts().and(result);
        (rest, result)
    }

    fn rest_from(&self, at: usize) -> ListScan<'b> {
        ListScan {
            scanner: Scanner::new(self.body, at, Loose),
            ..ListScan::new(self.body, self.path, self.second)
        }
    }

    pub(super) fn position(&self) -> usize {
        self.scanner.position()
    }

    fn scan_from(&mut self, position: Position) -> Result<(), ListScanError> {
        let result = self.advance_to_end(position);
        self.check_counts().and(result)
    }

    /// Checks the limits after a scan. The scan goes on above a limit, because a later member may
    /// show that the document is a record.
    fn check_counts(&self) -> Result<(), ListScanError> {
        if self.item_count > MAX_ITEMS {
            return Err(ListScanError::TooMany(TooMany::Items));
        }
        if self.list_count > MAX_LISTS {
            return Err(ListScanError::TooMany(TooMany::Lists));
        }
        Ok(())
    }

    fn advance_to_end(&mut self, mut position: Position) -> Result<(), ListScanError> {
        while let Some(next) = self.advance(position)? {
            position = next;
        }
        Ok(())
    }

    fn advance_to_array(&mut self, mut position: Position) -> Result<Option<bool>, ListScanError> {
        loop {
            if let Position::BeforeList { is_second } = position
                && self.scanner.peek_kind()? == b'['
            {
                return Ok(Some(is_second));
            }
            match self.advance(position)? {
                Some(next) => position = next,
                None => return Ok(None),
            }
        }
    }

    /// Moves to the next position. Returns `None` at the end of the document.
    fn advance(&mut self, position: Position) -> Result<Option<Position>, ListScanError> {
        Ok(Some(match position {
            Position::BeforeList { is_second } => {
                self.pass_list(is_second)?;
                Position::AfterValue(self.path.len())
            }
            Position::BeforeValue(level) => self.enter_object(level)?,
            Position::BeforeMember(level) => self.pass_member(level)?,
            Position::AfterValue(0) => {
                self.expect_end()?;
                return Ok(None);
            }
            Position::AfterValue(level) => self.pass_separator(level)?,
        }))
    }

    fn before_value(&self, level: usize) -> Position {
        match level == self.path.len() {
            true => Position::BeforeList { is_second: false },
            false => Position::BeforeValue(level),
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
            return Ok(self.before_value(level));
        }
        let is_second = |name| level == self.path.len() && is_key(key, name);
        if self.second.is_some_and(is_second) {
            return Ok(Position::BeforeList { is_second: true });
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
    fn pass_list(&mut self, is_second: bool) -> Result<(), ListScanError> {
        let kind = self.scanner.peek_kind()?;
        if kind != b'[' {
            return self.pass_other_value(kind, is_second);
        }
        let start = self.scanner.position();
        let mut spans = Vec::new();
        let item_count = &mut self.item_count;
        let result = self.scanner.walk_entries(|scanner| {
            let (range, depth) = scanner.read_value()?;
            *item_count += 1;
            if *item_count <= MAX_ITEMS {
                spans.push(ItemSpan { range, depth });
            }
            Ok(())
        });
        let range = start..self.scanner.position();
        self.add_list(ItemList {
            is_second,
            range,
            spans,
            extra_commas: 0,
        });
        Ok(result?)
    }

    fn add_list(&mut self, list: ItemList) {
        self.list_count += 1;
        if self.list_count <= MAX_LISTS {
            self.lists.push(list);
        }
    }

    /// Moves past a value in the place of a list. An object is stored like a list if it may be
    /// a release or contain one, so that it is not lost.
    fn pass_other_value(&mut self, kind: u8, is_second: bool) -> Result<(), ListScanError> {
        if self.path.is_empty() {
            return Err(self.wrong_shape_error(0));
        }
        let (range, _depth) = self.scanner.read_value()?;
        let value = &self.body[range.clone()];
        let is_null = kind == b'n';
        if is_null && value != b"null" {
            // The rest of the word may follow later.
            let is_end = range.end == self.body.len();
            let error = match is_end {
                true => ScanError::unexpected_end(range.end),
                false => ScanError::invalid(range.start, "a value was expected"),
            };
            return Err(error.into());
        }
        self.has_other_value |= !is_null && !is_second;
        let mentions_ocid = || memchr::memmem::find(value, b"\"ocid\"").is_some();
        if is_null || (kind == b'{' && mentions_ocid()) {
            self.add_list(ItemList {
                is_second,
                range,
                spans: Vec::new(),
                extra_commas: 0,
            });
        }
        Ok(())
    }

    fn wrong_shape_error(&self, level: usize) -> ListScanError {
        ListScanError::WrongShape((level > 0).then(|| format!("an array at {}", self.pointer())))
    }

    /// Returns the JSON Pointer of the list at the path, such as `/releases`.
    pub(super) fn pointer(&self) -> String {
        write_pointer(self.path)
    }

    /// Returns the JSON Pointer of the list, or of the second list.
    pub(super) fn pointer_to(&self, is_second: bool) -> String {
        match (self.second, self.path) {
            (Some(second), [place @ .., _name]) if is_second => {
                format!("{}/{}", write_pointer(place), escape_token(second))
            }
            _ => self.pointer(),
        }
    }

    /// Returns the objects among the lists. Their positions are relative to the body.
    pub(super) fn lone_objects(&self, lists: &[ItemList]) -> Vec<LoneObject> {
        let objects = lists.iter().filter(|list| list.is_object(self.body));
        let lone_object = |list: &ItemList| LoneObject {
            pointer: self.pointer_to(list.is_second),
            range: list.range.clone(),
        };
        objects.map(lone_object).collect()
    }
}

/// Returns the JSON Pointer that consists of these names.
pub(super) fn write_pointer(path: &[String]) -> String {
    path.iter()
        .map(|name| format!("/{}", escape_token(name)))
        .collect()
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
        text.extend_from_slice(if list.is_array(body) { b"[]" } else { b"null" });
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

#[cfg(test)]
mod tests {
    use super::*;

    /// Scans a body, and returns the number of lists and of items whose positions were stored.
    #[track_caller]
    fn scan_too_many(body: &str, expected: TooMany) -> (usize, usize) {
        let path = ["releases".to_owned()];
        let mut scan = ListScan::new(body.as_bytes(), &path, Some("records"));
        match scan.scan_document() {
            Err(ListScanError::TooMany(found)) => assert_eq!(found, expected),
            _ => panic!("the document exceeds a limit"),
        }
        let items = scan.lists.iter().map(|list| list.spans.len()).sum();
        (scan.lists.len(), items)
    }

    #[test]
    fn all_lists_together_store_no_more_items_than_one_may() {
        let list = format!("[{}0]", "0,".repeat(MAX_ITEMS / 3));
        let members = format!("\"records\":{list},\"releases\":{list}");
        for end in ["}", "", ",\"x\" 1}"] {
            let body = format!("{{{members},{members}{end}");
            let (_, items) = scan_too_many(&body, TooMany::Items);
            assert_eq!(items, MAX_ITEMS);
        }
    }

    #[test]
    fn lists_are_limited_too() {
        for value in ["[]", "null", r#"{"ocid":1}"#] {
            let members = format!("\"records\":{value},").repeat(MAX_LISTS);
            let (lists, _) =
                scan_too_many(&format!("{{{members}\"releases\":[1]}}"), TooMany::Lists);
            assert_eq!(lists, MAX_LISTS);
        }
    }
}
