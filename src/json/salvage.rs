//! Separates the items of a damaged list, so that only the damaged items are lost.
//!
//! After a missing or extra quote, brace or bracket, the depth of all following text is wrong. So
//! the end of a damaged item is searched in this order:
//!
//! 1. The next item. It is an object with an `ocid` of its own, after a comma or a closing
//!    bracket. Nothing inside a release has an `ocid`. The damaged item ends before the next
//!    item.
//! 2. The position at which the item's brackets close, if the text after it looks like the next
//!    item or the end of the list. If step 1 finds an item only after this position, the damaged
//!    item ends at this position.
//! 3. For the last item of the list: the first `]` after which the rest of the page is complete.
//!
//! The bytes of a damaged item are kept in quarantine, so the item may include too much. Two
//! mistakes are worse and must not happen:
//!
//! - A part of a release is accepted as a release. So a complete object counts as damaged if the
//!   text after it is neither the next item nor the end of the list.
//! - A truncated page is accepted as a shorter page. So if an item is correct up to the end of
//!   the body, the page is unreadable.

use std::ops::Range;

use super::lists::{
    ItemList, ItemSpan, ListScan, ListScanError, MAX_ITEMS, TooMany, is_key, parse_envelope,
};
use super::scan::{Container, Loose, Nesting, Rules, ScanError, Scanner, is_white_space};

/// The maximum number of times that a body may be read to salvage its items. [`FREE_BYTES`] may
/// be read in addition. A page with a defect in each item needs about five times.
const MAX_READINGS: usize = 16;

/// The number of bytes that may be read in addition for a body of any length.
const FREE_BYTES: usize = 4 << 20;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum SalvageError {
    /// The damage is before the first item.
    NoItems,
    /// The body ends too early.
    Truncated,
    /// The end of an item was not found, or the search would read too many bytes.
    NoEnd,
    TooMany(TooMany),
}

/// Returns the lists of a page whose scan has failed.
pub(super) fn salvage_lists(scan: &ListScan<'_>) -> Result<Vec<ItemList>, SalvageError> {
    let (damaged, before) = scan.lists.split_last().ok_or(SalvageError::NoItems)?;
    if !damaged.is_array(scan.body) {
        return Err(SalvageError::NoItems);
    }
    let salvage = Salvage {
        scan,
        body: scan.body,
        start: damaged.range.start,
        is_second: damaged.is_second,
        before,
        count_before: before.iter().map(|list| list.spans.len()).sum(),
        spans: Vec::new(),
        is_window: false,
        budget: reading_budget(scan.body.len()),
        has_met_end: false,
    };
    salvage.run()
}

/// Counts the places of a salvaged list that have a comma too many: two of them between items, or
/// one before the first item or after the last one.
pub(super) fn count_extra_commas(body: &[u8], list: &ItemList) -> usize {
    if !list.is_array(body) {
        return 0;
    }
    let starts = list.spans.iter().map(|span| span.range.start);
    let ends = list.spans.iter().map(|span| span.range.end);
    let last = list.spans.len();
    let gaps = std::iter::once(list.range.start + 1)
        .chain(ends)
        .zip(starts.chain([list.range.end]))
        .enumerate();
    let has_extra = |(nth, (from, to)): &(usize, (usize, usize))| {
        let between = body.get(*from..*to).unwrap_or_default();
        let commas = between.iter().filter(|byte| **byte == b',').count();
        commas > usize::from(*nth > 0 && *nth < last)
    };
    gaps.filter(has_extra).count()
}

/// Returns how many bytes may be read to divide a damaged text of this length.
pub(crate) fn reading_budget(length: usize) -> usize {
    length
        .saturating_mul(MAX_READINGS)
        .saturating_add(FREE_BYTES)
}

/// Returns the damaged item at `start`, and the position of what follows it: the next item, or
/// the end of a list that another list follows. The position is `None` if the document ends
/// after the list. The function returns `None` if it does not find the end of the
/// item. It also returns `None` if `is_all` is false and the end of the item may change when the
/// rest of the body arrives. The bytes that are read are subtracted from `budget`.
pub(super) fn find_damaged_item(
    scan: &ListScan<'_>,
    start: usize,
    is_all: bool,
    budget: &mut usize,
) -> Option<(ItemSpan, Option<usize>)> {
    let mut salvage = Salvage {
        scan,
        body: scan.body,
        // The bracket that opens the list is the byte before the item.
        start: start - 1,
        is_second: false,
        before: &[],
        count_before: 0,
        is_window: true,
        spans: Vec::new(),
        budget: *budget,
        has_met_end: false,
    };
    let next = salvage.add_next_item(start);
    *budget = next.as_ref().map_or(0, |_| salvage.budget);
    if salvage.has_met_end && !is_all {
        return None;
    }
    let next = match next.ok()? {
        AfterItem::Item(next) => Some(next),
        AfterItem::End(_) => None,
    };
    Some((salvage.spans.pop()?, next))
}

struct Salvage<'w, 'b> {
    scan: &'w ListScan<'b>,
    body: &'b [u8],
    /// The position of the damaged list.
    start: usize,
    /// True if the damaged list is the second list of the package.
    is_second: bool,
    /// The lists before the damaged list.
    before: &'w [ItemList],
    /// The number of items in those lists.
    count_before: usize,
    /// True if the body is only a window of the text.
    is_window: bool,
    /// The items of the damaged list that were found so far.
    spans: Vec<ItemSpan>,
    /// The number of bytes that may still be read.
    budget: usize,
    /// True if a decision depends on where the body ends. More text might change that decision.
    has_met_end: bool,
}

enum AfterItem {
    /// Another item follows, or the end of the list. It begins at this position, perhaps after a
    /// comma and white space.
    Item(usize),
    /// The list ends. The value contains all lists of the page, but the damaged list has no items
    /// in it.
    End(Vec<ItemList>),
}

struct ScannedItem {
    start: usize,
    depth: usize,
    end: Result<usize, ScanError>,
    has_ocid: bool,
    /// The range of the name of the first member. The name may contain escapes.
    first_key: Option<Range<usize>>,
}

impl ScannedItem {
    fn is_object_with_ocid(&self) -> bool {
        self.end.is_ok() && self.has_ocid
    }
}

/// The end of an item if only its brackets and quotes are considered.
enum BracketEnd {
    At(usize),
    /// The body ends before all brackets are closed.
    Missing,
    /// The brackets do not match, or a quote is missing.
    Mismatched,
}

impl Salvage<'_, '_> {
    fn run(mut self) -> Result<Vec<ItemList>, SalvageError> {
        let mut at = self.start + 1;
        let mut lists = loop {
            at = self.skip(at, |byte| is_white_space(byte) || byte == b',');
            let end = match self.body.get(at) {
                None => return Err(SalvageError::Truncated),
                Some(b']') => self.try_list_end(at)?,
                Some(_) => None,
            };
            if let Some(lists) = end {
                break lists;
            }
            if self.item_count() >= MAX_ITEMS {
                return Err(SalvageError::TooMany(TooMany::Items));
            }
            match self.add_next_item(at)? {
                AfterItem::Item(next) => at = next,
                AfterItem::End(lists) => break lists,
            }
        };
        lists[self.before.len()].spans = self.spans;
        Ok(lists)
    }

    /// Adds the item at `start`, and finds what follows the item.
    fn add_next_item(&mut self, start: usize) -> Result<AfterItem, SalvageError> {
        let item = self.scan_item(start)?;
        let Ok(end) = item.end else {
            return self.salvage_damaged(&item);
        };
        match self.check_item_end(&item, end)? {
            Some(next) => {
                self.add_item(&item, end);
                Ok(next)
            }
            None => self.salvage_damaged(&item),
        }
    }

    /// Checks that an item ends at `end`, and returns what follows it. Returns `None` if the following
    /// text shows that the item does not end there.
    fn check_item_end(
        &mut self,
        item: &ScannedItem,
        end: usize,
    ) -> Result<Option<AfterItem>, SalvageError> {
        let at = self.skip(end, is_white_space);
        self.has_met_end |= at == self.body.len();
        Ok(match self.body.get(at) {
            Some(b']') if self.is_window && self.precedes_list(at)? => Some(AfterItem::Item(at)),
            Some(b',') if self.is_item_start(item, at + 1)? => Some(AfterItem::Item(at)),
            Some(b'{') if self.scan_item(at)?.is_object_with_ocid() => Some(AfterItem::Item(at)),
            Some(b']') => self.try_list_end(at)?.map(AfterItem::End),
            _ => None,
        })
    }

    /// Returns true if the text after a comma is another item, which may be damaged. Returns
    /// false if the text is the rest of the item before the comma, which an extra brace or quote
    /// seems to end.
    fn is_item_start(&mut self, before: &ScannedItem, at: usize) -> Result<bool, SalvageError> {
        let start = self.skip(at, |byte| is_white_space(byte) || byte == b',');
        let Some(first) = self.body.get(start) else {
            self.has_met_end = true;
            return Ok(true);
        };
        if *first == b']' {
            return Ok(true);
        }
        let next = self.scan_item(start)?;
        let is_whole = match next.end {
            Ok(end) => {
                let end = self.skip(end, is_white_space);
                self.has_met_end |= end == self.body.len();
                *first == b'{' || matches!(self.body.get(end), None | Some(b',' | b']'))
            }
            Err(error) => error.is_unexpected_end(),
        };
        if is_whole {
            return Ok(true);
        }
        if *first == b'{' {
            return Ok(next.first_key.is_some() || self.has_similar_start(before, start));
        }
        self.is_item_without_brace(start)
    }

    /// Decides whether an object is an item, if it is damaged in the name of its first member.
    /// Returns true if it starts almost like the item before it, or if the name is cut off after
    /// a byte or two.
    fn has_similar_start(&self, before: &ScannedItem, start: usize) -> bool {
        let Some(name) = before.first_key.clone().map(|key| &self.body[key]) else {
            return true;
        };
        let text = &self.body[start + 1..];
        let text = || text.iter().filter(|byte| !is_white_space(**byte));
        // Escaped quotes belong to JSON inside a string, which was opened by an extra quote.
        text().next() != Some(&b'\\')
            && (text().take(3).any(|byte| name.first() == Some(byte))
                || text().take(2).any(|byte| matches!(byte, b',' | b']')))
    }

    /// Returns true if an item whose opening brace is missing starts here. Another byte may stand
    /// in the place of the brace.
    fn is_item_without_brace(&mut self, mut start: usize) -> Result<bool, SalvageError> {
        start += usize::from(self.body[start] != b'"');
        let mut scanner = Scanner::new(self.body, start, Loose);
        let mut has_ocid = false;
        let body = self.body;
        let result = scanner.walk_members_to_brace(|scanner, key| {
            has_ocid |= is_key(&body[key], "ocid");
            scanner.skip_value().map(drop)
        });
        self.has_met_end |= result.is_err_and(|error| error.is_unexpected_end());
        let end = result.map_or_else(|error| error.at, |()| scanner.position());
        self.spend_budget(end - start)?;
        Ok(has_ocid)
    }

    /// Adds a damaged item. The item ends before the next item, or where its brackets close, or
    /// at the end of the list.
    fn salvage_damaged(&mut self, item: &ScannedItem) -> Result<AfterItem, SalvageError> {
        let damage = item.end.unwrap_or_else(|error| error.at);
        let mut is_open = item.end.map_or_else(
            |error| error.is_unexpected_end(),
            |end| self.skip(end, is_white_space) == self.body.len(),
        );
        let mut own_end = None;
        match self.match_brackets(item.start)? {
            BracketEnd::At(end) if end > damage => {
                is_open |= self.skip(end, is_white_space) == self.body.len();
                own_end = self.check_item_end(item, end)?.map(|next| (end, next));
            }
            BracketEnd::Missing => is_open = true,
            BracketEnd::At(_) | BracketEnd::Mismatched => {}
        }
        let limit = own_end.as_ref().map_or(self.body.len(), |(end, _)| *end);
        if let Some(next) = self.find_next_item(item, limit)? {
            self.add_item(item, self.end_before_comma(next));
            return Ok(AfterItem::Item(next));
        }
        if let Some((end, next)) = own_end {
            self.add_item(item, end);
            return Ok(next);
        }
        if is_open {
            return Err(SalvageError::Truncated);
        }
        self.salvage_last(item)
    }

    /// Adds a damaged item that is the last one of its list. The item ends before the first
    /// bracket after which the rest of the page is complete.
    fn salvage_last(&mut self, item: &ScannedItem) -> Result<AfterItem, SalvageError> {
        let body = self.body;
        let search = item.start + 1;
        for at in memchr::memchr_iter(b']', &body[search..]) {
            let at = search + at;
            match self.try_list_end(at) {
                Ok(Some(lists)) => {
                    let end = self.skip_back(at);
                    self.add_item(item, end);
                    return Ok(AfterItem::End(lists));
                }
                Ok(None) | Err(SalvageError::Truncated) => {}
                Err(failure) => return Err(failure),
            }
        }
        Err(SalvageError::NoEnd)
    }

    /// Returns the position of the next item after the start of a damaged one. It searches up to
    /// `limit`.
    fn find_next_item(
        &mut self,
        item: &ScannedItem,
        limit: usize,
    ) -> Result<Option<usize>, SalvageError> {
        let body = self.body;
        let search = item.start + 1;
        // The end of an object that may be the second half of the damaged item. No item starts
        // before it.
        let mut own_half = None;
        for at in memchr::memchr_iter(b'{', &body[search..limit]) {
            let at = search + at;
            let before = self.skip_back(at);
            if !matches!(body[before - 1], b',' | b'}' | b']') {
                continue;
            }
            let found = self.scan_item(at)?;
            if !found.is_object_with_ocid() || own_half.is_some_and(|half| at < half) {
                continue;
            }
            if own_half.is_some() || self.is_sibling(item, &found) {
                return Ok(Some(at));
            }
            own_half = found.end.ok();
        }
        Ok(None)
    }

    /// Returns true if an object with an `ocid` is another item. Returns false if it may be the
    /// rest of the damaged item after an extra brace. It is another item if the damaged item
    /// already has an `ocid`, or if both have the same first member.
    fn is_sibling(&self, item: &ScannedItem, found: &ScannedItem) -> bool {
        let name = |item: &ScannedItem| item.first_key.clone().map(|key| &self.body[key]);
        item.has_ocid || name(item).is_none_or(|key| name(found) == Some(key))
    }

    fn scan_item(&mut self, start: usize) -> Result<ScannedItem, SalvageError> {
        let body = self.body;
        let mut scanner = Scanner::new(body, start, Loose);
        let mut depth = 0;
        let mut has_ocid = false;
        let mut first_key = None;
        let result = if body[start] == b'{' {
            scanner.walk_members(|scanner, key| {
                has_ocid |= is_key(&body[key.clone()], "ocid");
                first_key.get_or_insert(key);
                depth = depth.max(scanner.skip_value()?);
                Ok(())
            })
        } else {
            scanner.skip_value().map(|value| depth = value)
        };
        let end = result.map(|()| scanner.position());
        self.has_met_end |= end.is_err_and(|error| error.is_unexpected_end());
        self.spend_budget(end.unwrap_or_else(|error| error.at) - start)?;
        Ok(ScannedItem {
            start,
            depth: depth + usize::from(body[start] == b'{'),
            end,
            has_ocid,
            first_key,
        })
    }

    /// Finds the end of an item by matching the brackets outside strings. It ignores all other
    /// text.
    fn match_brackets(&mut self, start: usize) -> Result<BracketEnd, SalvageError> {
        let mut nesting = Nesting::default();
        let mut at = start;
        let found = loop {
            match self.body.get(at) {
                None => break BracketEnd::Missing,
                Some(b'"') => match Loose.find_string_end(self.body, at + 1) {
                    Ok(end) => at = end,
                    Err(error) => {
                        at = error.at;
                        break BracketEnd::Mismatched;
                    }
                },
                Some(b'{') => drop(nesting.open(Container::Object)),
                Some(b'[') => drop(nesting.open(Container::Array)),
                Some(b'}') if nesting.innermost() == Some(Container::Object) => nesting.close(),
                Some(b']') if nesting.innermost() == Some(Container::Array) => nesting.close(),
                // After a missing quote, the scan takes strings for structure, and structure for
                // strings.
                Some(b'}' | b']' | b'\\') => break BracketEnd::Mismatched,
                Some(_) => {}
            }
            at += 1;
            if nesting.innermost().is_none() {
                break BracketEnd::At(at);
            }
        };
        self.spend_budget(at - start)?;
        Ok(found)
    }

    /// Returns true if another array of items follows the list that the bracket at `at` ends. The
    /// text up to that array shows that the list ends there, and the rest of the document may not
    /// fit into memory.
    fn precedes_list(&mut self, at: usize) -> Result<bool, SalvageError> {
        let (rest, next) = self.scan.scan_to_next_list(at + 1);
        self.spend_budget(rest.position() - at)?;
        Ok(matches!(next, Ok(Some(_))))
    }

    /// Tries the bracket at `at` as the end of the damaged list. Returns the lists of the page,
    /// or `None` if the text after the bracket shows that the list does not end there.
    fn try_list_end(&mut self, at: usize) -> Result<Option<Vec<ItemList>>, SalvageError> {
        let (rest, end) = self.scan.find_lists_after(at + 1, self.item_count());
        self.spend_budget(end - at)?;
        let rest = match rest {
            Ok(rest) => rest,
            Err(error) if error.is_unexpected_end() => return Err(SalvageError::Truncated),
            Err(ListScanError::TooMany(found)) => return Err(SalvageError::TooMany(found)),
            Err(_) => return Ok(None),
        };
        // The envelope is copied, escaped and parsed, so its bytes count three times.
        self.spend_budget((self.start + self.body.len() - at).saturating_mul(3))?;
        let mut lists = self.before.to_vec();
        lists.push(ItemList {
            is_second: self.is_second,
            range: self.start..at + 1,
            spans: Vec::new(),
            extra_commas: 0,
        });
        lists.extend(rest);
        Ok(parse_envelope(self.body, &lists).is_ok().then_some(lists))
    }

    /// Returns the number of items that were found so far, in the damaged list and before it.
    fn item_count(&self) -> usize {
        self.count_before + self.spans.len()
    }

    fn add_item(&mut self, item: &ScannedItem, end: usize) {
        self.spans.push(ItemSpan {
            range: item.start..end,
            depth: item.depth,
        });
    }

    fn spend_budget(&mut self, bytes: usize) -> Result<(), SalvageError> {
        self.budget = self.budget.checked_sub(bytes).ok_or(SalvageError::NoEnd)?;
        Ok(())
    }

    /// Returns the position of the first byte at or after `at` for which `skipped` returns false.
    fn skip(&self, at: usize, skipped: impl Fn(u8) -> bool) -> usize {
        let rest = &self.body[at..];
        let length = rest.iter().position(|byte| !skipped(*byte));
        at + length.unwrap_or(rest.len())
    }

    /// Returns the position after the last byte before `at` that is not white space.
    fn skip_back(&self, at: usize) -> usize {
        let before = self.body[..at]
            .iter()
            .rposition(|byte| !is_white_space(*byte));
        before.map_or(0, |last| last + 1)
    }

    /// Returns the end of the text before an item. The comma before the item is not part of that
    /// text.
    fn end_before_comma(&self, next: usize) -> usize {
        let end = self.skip_back(next);
        if self.body[end - 1] == b',' {
            self.skip_back(end - 1)
        } else {
            end
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use serde_json::json;

    use crate::json::{ItemsAt, cut};

    /// Returns the items of a body in the order in which they were served.
    fn items(body: &str) -> Vec<&str> {
        let shapes = ["/releases/*", "/*", ""].map(|at| ItemsAt::parse(at).unwrap());
        let cut = cut(body.as_bytes(), &shapes).unwrap();
        if body.contains("links") {
            assert_eq!(cut.envelope["links"], json!({"next": "n"}), "{body}");
        }
        cut.items
            .into_iter()
            .map(|item| &body[item.range])
            .collect()
    }

    fn unreadable(body: &str) -> bool {
        let shapes = ["/releases/*", "/*", ""].map(|at| ItemsAt::parse(at).unwrap());
        cut(body.as_bytes(), &shapes).is_err()
    }

    const A: &str = r#"{"ocid":"a","id":"1","items":[{"id":1},{"id":2}]}"#;
    const Z: &str = r#"{"ocid":"z","id":"9","note":"a ] and a } and ,{"}"#;

    /// Returns pages that contain a damaged item, and the items of each page. The damaged item is
    /// the only one, the first, between two others, or the last. The pages are packages and
    /// arrays.
    fn pages(damaged: &str) -> impl Iterator<Item = (String, Vec<&str>)> {
        let around = [
            (r#"{"releases":["#, r#"],"links":{"next":"n"}}"#),
            (r#"{"links":{"next":"n"},"releases" : [ "#, " ]\n}"),
            ("[", "]"),
        ];
        let all = [
            vec![A, Z, damaged],
            vec![A, damaged, Z],
            vec![damaged, Z, A],
            vec![Z, damaged, Z, Z, A],
            vec![damaged],
        ];
        around.into_iter().flat_map(move |(open, close)| {
            all.clone().into_iter().map(move |all| {
                let body = format!("{open}{}{close}", all.join(" ,\n"));
                (body, all)
            })
        })
    }

    #[test]
    fn a_missing_or_an_extra_mark_costs_its_item_alone() {
        for damaged in [
            // A quote is missing before or after a name or a text.
            r#"{"ocid:"x","id":"1","tag":["t"]}"#,
            r#"{ocid":"x","id":"1","tag":["t"]}"#,
            r#"{"ocid":"x,"id":"1","tag":["t"],"a":"b"}"#,
            r#"{"ocid":"x","id":"1","tag":[t"],"a":"b"}"#,
            // There is an extra quote.
            r#"{"ocid":"x","id":"1","title":"6" pipe","a":"b"}"#,
            r#"{"ocid":"x","id":"1","title":"a "b" c"}"#,
            // A brace is missing.
            r#""ocid":"x","id":"1","buyer":{"id":1}}"#,
            r#"{"ocid":"x","id":"1","buyer":{"id":1},"a":1"#,
            r#"{"ocid":"x","id":"1","buyer":"id":1},"a":1}"#,
            r#"{"ocid":"x","id":"1","items":[{"id":1,{"id":2}]}"#,
            r#"{"ocid":"x","id":"1","items":[{"id":1},"id":2}],"a":1}"#,
            // There is an extra brace.
            r#"{"ocid":"x","id":"1","buyer":{"id":1}},"a":1}"#,
            r#"{"ocid":"x","id":"1","buyer":{"id":1}}}"#,
            r#"{{"ocid":"x","id":"1"}"#,
            r#"{"ocid":"x","id":"1",{"buyer":{"id":1}}"#,
            r#"{"tag":["t"],{"ocid":"x","id":"1"}"#,
            r#"{"ocid":"x"},"id":"1","tag":["t"]}"#,
            // A bracket is missing, or there is an extra one.
            r#"{"ocid":"x","id":"1","tag":"t"],"a":{"b":[1]}}"#,
            r#"{"ocid":"x","id":"1","tag":["t","a":{"b":[1]}}"#,
            r#"{"ocid":"x","id":"1","items":[{"id":1},{"id":2},"a":1}"#,
            r#"{"ocid":"x","id":"1"],"a":1}"#,
            r#"{"ocid":"x","id":"1","tag":[["t"],"a":1}"#,
            // A value, a comma or a colon is missing, or a number contains commas.
            r#"{"ocid":"x","id":,"tag":["t"]}"#,
            r#"{"ocid":"x" "id":1,"tag":["t"]}"#,
            r#"{"ocid":"x","id"1,"tag":["t"]}"#,
            r#"{"ocid":"x","id":"1","amount":221,000,000.00,"tag":["t"]}"#,
            r#"{"ocid":"x","id":"1",}"#,
        ] {
            for (body, all) in pages(damaged) {
                assert_eq!(items(&body), all, "{body}");
            }
        }
    }

    #[test]
    fn an_item_cut_short_costs_itself_alone() {
        let whole = r#"{"ocid":"x","id":"1","buyer":{"id":"b"},"tag":["t"],"date":"d"}"#;
        for end in 1..whole.len() {
            for (body, all) in pages(&whole[..end]) {
                // If the damaged item is the last one, the page may look truncated.
                let is_last = all.last() == Some(&&whole[..end]);
                if !is_last || !unreadable(&body) {
                    assert_eq!(items(&body), all, "{body}");
                }
            }
        }
        let body = format!(
            r#"{{"releases":[{A},{{"ocid":"x","items":[{{"id":1}},{Z},{A}],"links":{{"next":"n"}}}}"#
        );
        assert_eq!(items(&body), [A, r#"{"ocid":"x","items":[{"id":1}"#, Z, A]);
    }

    #[test]
    fn each_of_several_damaged_items_costs_itself_alone() {
        let bad = |n: usize| format!(r#"{{"ocid":"x{n}","amount":1,000,"note":"6" pipe "inch"}}"#);
        let quote = |n: usize| format!(r#"{{"ocid":"x{n}","note":"no end,"id":"1"}}"#);
        let all = [
            bad(1),
            bad(2),
            Z.to_owned(),
            quote(1),
            A.to_owned(),
            quote(2),
            A.to_owned(),
        ];
        assert_eq!(items(&format!("[{}]", all.join(","))), all);
    }

    #[test]
    fn commas_between_items_may_be_missing_or_too_many() {
        assert_eq!(items(&format!("[{A}{Z} {A}]")), [A, Z, A]);
        assert_eq!(items(&format!("[,{A},,{Z},]")), [A, Z]);
    }

    #[test]
    fn commas_that_are_too_many_are_counted() {
        for (body, expected) in [
            (format!("[,{A},,{Z},]"), 3),
            (format!("[ , , {A} , {Z}\n,\n]"), 2),
            (format!("{{\"releases\":[{A},{Z},],\"links\":{{}}}}"), 1),
            (format!("[{A}{Z} {A}]"), 0),
            (format!("[{A},{{\"ocid\":\"x\",,\"a\":1}},{Z}]"), 0),
            (format!("[{A},{Z}]"), 0),
            (format!("[{A},{{\"ocid\":\"x\" 1}},,{Z}]"), 1),
        ] {
            let shapes = ["/releases/*", "/*"].map(|at| ItemsAt::parse(at).unwrap());
            let cut = cut(body.as_bytes(), &shapes).unwrap();
            assert_eq!(cut.extra_commas, expected, "{body}");
        }
    }

    #[test]
    fn part_of_a_release_does_not_pass_for_a_release() {
        let all = items(r#"[{"ocid":"x","id":"1"},"tag":["t"]},{"ocid":"y"}]"#);
        assert_eq!(
            all,
            [r#"{"ocid":"x","id":"1"},"tag":["t"]}"#, r#"{"ocid":"y"}"#]
        );
    }

    #[test]
    fn a_page_that_was_cut_off_is_no_shorter_page() {
        let broken = r#"{"ocid":"x","amount":1,000,"tags":["t"],"sub":{"list":[1]}}"#;
        for page in [
            format!(r#"{{"releases":[{A},{Z},{A}],"links":{{"next":"n"}}}}"#),
            format!(r#"{{"a":1,"releases":[{A},{Z},null],"b":{{"c":["d"]}}}}"#),
            format!("[{A},{Z}]"),
            // Items of the page may be damaged too.
            format!(r#"{{"releases":[{broken},{A},{broken}]}}"#),
        ] {
            assert!(!unreadable(&page));
            for end in 0..page.len() {
                assert!(unreadable(&page[..end]), "{}", &page[..end]);
            }
        }
    }

    #[test]
    fn a_page_made_to_be_slow_is_given_up() {
        let size = 1 << 17;
        let fill = |unit: &str| unit.repeat(size / unit.len());
        for body in [
            format!("[{{\"a\" 1{}", fill(",{\"ocid\":[")),
            format!("[{{\"a\" 1{}", fill(",{\"ocid\":\"\",\"a\":")),
            format!("[{{\"a\" 1{}", fill("],[")),
            format!("{{\"releases\":[{{\"a\" 1{}", fill("],\"a\":[")),
            format!("{{\"releases\":[{{\"a\" 1{}", fill(",{\"b\":\"")),
            format!("[{}", fill("{\"a\" 1,")),
            format!("[{}", fill("{\"ocid\" \"")),
            format!("[1 {}", fill("   {")),
        ] {
            let start = Instant::now();
            let _ = unreadable(&body);
            // The limit is generous, because tests run unoptimised and on busy machines. An
            // algorithm that needs quadratic time would take minutes.
            assert!(start.elapsed() < Duration::from_secs(20), "{}", &body[..40]);
        }
    }
}
