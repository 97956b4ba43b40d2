//! Finds the items of a page whose structure is damaged, so that the damage
//! costs the item it is in and not its neighbours.
//!
//! A missing quote, brace or bracket, one too many, or an item cut short moves
//! everything behind it to another depth. What gives the place of the next item
//! away is that it is an object, follows a comma, and has an `ocid` of its own:
//! nothing within a release has. Where the last item is damaged, it ends at the
//! first bracket behind which the rest of the page is whole.
//!
//! Two mistakes are worse than losing a neighbour to quarantine, where its
//! bytes are kept. A part of a release must not pass for a release: a complete
//! object whose text goes on behind its end is damaged. And a body that was cut
//! off must not pass for a shorter page: where an item is whole as far as the
//! body goes, more was to come, and the body is unreadable.

use std::ops::Range;

use super::lists::{List, MOST_ITEMS, Span, Walk, envelope, key_is};
use super::scan::{Container, Loose, Nesting, Rules, Scanner, Stop, Why, is_white};

/// How many times the length of a body is read to salvage it, at most, beside
/// [`FREE`]. A page with a defect in each of its items takes about five times.
const READINGS: usize = 16;

/// How many bytes are read in any case.
const FREE: usize = 4 << 20;

/// Why a page cannot be salvaged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Lost {
    /// It was damaged before its items began.
    NoItems,
    /// More was to come.
    CutShort,
    /// No end of its items was found, or only by reading too much.
    Hopeless,
}

/// The lists of a page on whose walk the scanner stopped.
pub(super) fn salvage(walk: &Walk<'_>) -> Result<Vec<List>, Lost> {
    let (damaged, before) = walk.lists.split_last().ok_or(Lost::NoItems)?;
    if walk.body.get(damaged.range.start) != Some(&b'[') {
        return Err(Lost::NoItems);
    }
    let salvage = Salvage {
        walk,
        body: walk.body,
        start: damaged.range.start,
        before,
        spans: Vec::new(),
        budget: budget(walk.body.len()),
        has_met_end: false,
    };
    salvage.run()
}

/// How many bytes may be read to salvage a body of so many.
pub(super) fn budget(length: usize) -> usize {
    length.saturating_mul(READINGS).saturating_add(FREE)
}

/// The item that starts there, in the walk's first list, and where the next one
/// starts; `None` for the last of a whole document. `None` too if it cannot be told
/// where it ends, or if more of a body that is not all there could tell otherwise.
/// What is read of the body is taken from `budget`.
pub(super) fn item(
    walk: &Walk<'_>,
    start: usize,
    is_all: bool,
    budget: &mut usize,
) -> Option<(Span, Option<usize>)> {
    let mut salvage = Salvage {
        walk,
        body: walk.body,
        // the list opens with the byte before
        start: start - 1,
        before: &[],
        spans: Vec::new(),
        budget: *budget,
        has_met_end: false,
    };
    let next = salvage.item(start);
    *budget = next.as_ref().map_or(0, |_| salvage.budget);
    if salvage.has_met_end && !is_all {
        return None;
    }
    let next = match next.ok()? {
        Next::Item(next) => Some(next),
        Next::End(_) => None,
    };
    Some((salvage.spans.pop()?, next))
}

struct Salvage<'w, 'b> {
    walk: &'w Walk<'b>,
    body: &'b [u8],
    /// Where the damaged list starts.
    start: usize,
    /// The lists before it.
    before: &'w [List],
    /// The items found so far.
    spans: Vec<Span>,
    /// How many bytes may still be read.
    budget: usize,
    /// Whether anything was taken for what it is because the body ends there.
    has_met_end: bool,
}

/// What follows an item.
enum Next {
    /// Another one, here or behind white space and a comma.
    Item(usize),
    /// Nothing: these are the lists of the page, the damaged one without its items.
    End(Vec<List>),
}

/// What a scan saw of an item.
struct Seen {
    start: usize,
    depth: usize,
    /// Where it ends, or why that cannot be said.
    end: Result<usize, Stop>,
    has_ocid: bool,
    /// The raw name of its first member.
    first_key: Option<Range<usize>>,
}

impl Seen {
    fn is_object_with_ocid(&self) -> bool {
        self.end.is_ok() && self.has_ocid
    }
}

/// Where brackets alone say that an item ends.
enum Brackets {
    Close(usize),
    /// Nowhere: the body ends before.
    Open,
    /// They do not match, or are hidden by a quote that is missing.
    Torn,
}

impl Salvage<'_, '_> {
    fn run(mut self) -> Result<Vec<List>, Lost> {
        let mut at = self.start + 1;
        let mut lists = loop {
            at = self.skip(at, |byte| is_white(byte) || byte == b',');
            let end = match self.body.get(at) {
                None => return Err(Lost::CutShort),
                Some(b']') => self.end_at(at)?,
                Some(_) => None,
            };
            if let Some(lists) = end {
                break lists;
            }
            if self.spans.len() > MOST_ITEMS {
                return Err(Lost::Hopeless);
            }
            match self.item(at)? {
                Next::Item(next) => at = next,
                Next::End(lists) => break lists,
            }
        };
        lists[self.before.len()].spans = self.spans;
        Ok(lists)
    }

    /// Takes the item that starts at `start`.
    fn item(&mut self, start: usize) -> Result<Next, Lost> {
        let seen = self.scan(start)?;
        let Ok(end) = seen.end else {
            return self.damaged(&seen);
        };
        match self.after(&seen, end)? {
            Some(next) => {
                self.take(&seen, end);
                Ok(next)
            }
            None => self.damaged(&seen),
        }
    }

    /// What follows an item that seems to end at `end`; `None` if what follows
    /// shows that it does not.
    fn after(&mut self, item: &Seen, end: usize) -> Result<Option<Next>, Lost> {
        let at = self.skip(end, is_white);
        self.has_met_end |= at == self.body.len();
        Ok(match self.body.get(at) {
            Some(b',') if self.starts_an_item(item, at + 1)? => Some(Next::Item(at)),
            Some(b'{') if self.scan(at)?.is_object_with_ocid() => Some(Next::Item(at)),
            Some(b']') => self.end_at(at)?.map(Next::End),
            _ => None,
        })
    }

    /// Whether what follows a comma is an item, whole or damaged, and not the rest
    /// of the one before, which a brace or a quote too many has ended early.
    fn starts_an_item(&mut self, before: &Seen, at: usize) -> Result<bool, Lost> {
        let start = self.skip(at, |byte| is_white(byte) || byte == b',');
        let Some(first) = self.body.get(start) else {
            self.has_met_end = true;
            return Ok(true);
        };
        if *first == b']' {
            return Ok(true);
        }
        let next = self.scan(start)?;
        let is_whole = match next.end {
            Ok(end) => {
                let end = self.skip(end, is_white);
                self.has_met_end |= end == self.body.len();
                *first == b'{' || matches!(self.body.get(end), None | Some(b',' | b']'))
            }
            Err(stop) => stop.why == Why::End,
        };
        if is_whole {
            return Ok(true);
        }
        if *first == b'{' {
            return Ok(next.first_key.is_some() || self.begins_alike(before, start));
        }
        self.lost_its_brace(start)
    }

    /// Whether an object that is damaged in its first member's name begins as
    /// the one before it does, give or take a byte, or is cut short right there.
    fn begins_alike(&self, before: &Seen, start: usize) -> bool {
        let Some(name) = before.first_key.clone().map(|key| &self.body[key]) else {
            return true;
        };
        let text = &self.body[start + 1..];
        let text = || text.iter().filter(|byte| !is_white(**byte));
        // JSON in a text, whose quotes are escaped, is behind a stray quote.
        text().next() != Some(&b'\\')
            && (text().take(3).any(|byte| name.first() == Some(byte))
                || text().take(2).any(|byte| matches!(byte, b',' | b']')))
    }

    /// Whether the members that start here, or behind one byte in place of the
    /// brace, are those of an item.
    fn lost_its_brace(&mut self, mut start: usize) -> Result<bool, Lost> {
        start += usize::from(self.body[start] != b'"');
        let mut scanner = Scanner::new(self.body, start, Loose);
        let mut has_ocid = false;
        let body = self.body;
        let result = scanner.members_to_brace(|scanner, key| {
            has_ocid |= key_is(&body[key], "ocid");
            scanner.value().map(drop)
        });
        self.has_met_end |= result.is_err_and(|stop| stop.why == Why::End);
        let end = result.map_or_else(|stop| stop.at, |()| scanner.at());
        self.spend(end - start)?;
        Ok(has_ocid)
    }

    /// Takes an item that is damaged: up to the next item, else up to where its
    /// brackets close, else up to the end of the list.
    fn damaged(&mut self, item: &Seen) -> Result<Next, Lost> {
        let noticed = item.end.unwrap_or_else(|stop| stop.at);
        let mut is_open = item.end.map_or_else(
            |stop| stop.why == Why::End,
            |end| self.skip(end, is_white) == self.body.len(),
        );
        let mut own_end = None;
        match self.brackets(item.start)? {
            Brackets::Close(end) if end > noticed => {
                is_open |= self.skip(end, is_white) == self.body.len();
                own_end = self.after(item, end)?.map(|next| (end, next));
            }
            Brackets::Open => is_open = true,
            Brackets::Close(_) | Brackets::Torn => {}
        }
        let limit = own_end.as_ref().map_or(self.body.len(), |(end, _)| *end);
        if let Some(next) = self.next_item(item, limit)? {
            self.take(item, self.without_comma(next));
            return Ok(Next::Item(next));
        }
        if let Some((end, next)) = own_end {
            self.take(item, end);
            return Ok(next);
        }
        if is_open {
            return Err(Lost::CutShort);
        }
        self.last(item)
    }

    /// Takes a damaged item behind which there is none: up to the first bracket
    /// behind which the rest of the page is whole.
    fn last(&mut self, item: &Seen) -> Result<Next, Lost> {
        let body = self.body;
        let search = item.start + 1;
        for at in memchr::memchr_iter(b']', &body[search..]) {
            let at = search + at;
            match self.end_at(at) {
                Ok(Some(lists)) => {
                    let end = self.skip_back(at);
                    self.take(item, end);
                    return Ok(Next::End(lists));
                }
                Ok(None) | Err(Lost::CutShort) => {}
                Err(lost) => return Err(lost),
            }
        }
        Err(Lost::Hopeless)
    }

    /// The next item behind the start of a damaged one.
    fn next_item(&mut self, item: &Seen, limit: usize) -> Result<Option<usize>, Lost> {
        let body = self.body;
        let search = item.start + 1;
        // Where the damaged item ends if what was found is its own second half.
        let mut own_half = None;
        for at in memchr::memchr_iter(b'{', &body[search..limit]) {
            let at = search + at;
            let before = self.skip_back(at);
            if !matches!(body[before - 1], b',' | b'}' | b']') {
                continue;
            }
            let found = self.scan(at)?;
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

    /// Whether an object with an `ocid` is an item beside a damaged one, and not
    /// the rest of that one behind a brace too many. It is, if the damaged one has
    /// an `ocid` already, or if both begin alike.
    fn is_sibling(&self, item: &Seen, found: &Seen) -> bool {
        let name = |seen: &Seen| seen.first_key.clone().map(|key| &self.body[key]);
        item.has_ocid || name(item).is_none_or(|key| name(found) == Some(key))
    }

    /// Scans the value that starts at `start`.
    fn scan(&mut self, start: usize) -> Result<Seen, Lost> {
        let body = self.body;
        let mut scanner = Scanner::new(body, start, Loose);
        let mut depth = 0;
        let mut has_ocid = false;
        let mut first_key = None;
        let result = if body[start] == b'{' {
            scanner.members(|scanner, key| {
                has_ocid |= key_is(&body[key.clone()], "ocid");
                first_key.get_or_insert(key);
                depth = depth.max(scanner.value()?);
                Ok(())
            })
        } else {
            scanner.value().map(|value| depth = value)
        };
        let end = result.map(|()| scanner.at());
        self.has_met_end |= end.is_err_and(|stop| stop.why == Why::End);
        self.spend(end.unwrap_or_else(|stop| stop.at) - start)?;
        Ok(Seen {
            start,
            depth: depth + usize::from(body[start] == b'{'),
            end,
            has_ocid,
            first_key,
        })
    }

    /// Matches brackets outside strings, whatever else is there.
    fn brackets(&mut self, start: usize) -> Result<Brackets, Lost> {
        let mut nesting = Nesting::default();
        let mut at = start;
        let found = loop {
            match self.body.get(at) {
                None => break Brackets::Open,
                Some(b'"') => match Loose.string(self.body, at + 1) {
                    Ok(end) => at = end,
                    Err(stop) => {
                        at = stop.at;
                        break Brackets::Torn;
                    }
                },
                Some(b'{') => drop(nesting.open(Container::Object)),
                Some(b'[') => drop(nesting.open(Container::Array)),
                Some(b'}') if nesting.innermost() == Some(Container::Object) => nesting.close(),
                Some(b']') if nesting.innermost() == Some(Container::Array) => nesting.close(),
                // Behind a missing quote, text and what is around it change places.
                Some(b'}' | b']' | b'\\') => break Brackets::Torn,
                Some(_) => {}
            }
            at += 1;
            if nesting.innermost().is_none() {
                break Brackets::Close(at);
            }
        };
        self.spend(at - start)?;
        Ok(found)
    }

    /// The lists of the page if the damaged one ends with the bracket at `at`;
    /// `None` if what is behind it shows that it does not.
    fn end_at(&mut self, at: usize) -> Result<Option<Vec<List>>, Lost> {
        let (rest, end) = self.walk.rest(at + 1);
        self.spend(end - at)?;
        let rest = match rest {
            Ok(rest) => rest,
            Err(halt) if halt.is_end() => return Err(Lost::CutShort),
            Err(_) => return Ok(None),
        };
        // What is around the items is copied, made valid, and parsed.
        self.spend((self.start + self.body.len() - at).saturating_mul(3))?;
        let mut lists = self.before.to_vec();
        lists.push(List {
            range: self.start..at + 1,
            spans: Vec::new(),
        });
        lists.extend(rest);
        Ok(envelope(self.body, &lists).is_ok().then_some(lists))
    }

    fn take(&mut self, item: &Seen, end: usize) {
        self.spans.push(Span {
            range: item.start..end,
            depth: item.depth,
        });
    }

    fn spend(&mut self, bytes: usize) -> Result<(), Lost> {
        self.budget = self.budget.checked_sub(bytes).ok_or(Lost::Hopeless)?;
        Ok(())
    }

    /// The position of the first byte, at `at` or after it, not to be skipped.
    fn skip(&self, at: usize, skipped: impl Fn(u8) -> bool) -> usize {
        let rest = &self.body[at..];
        let length = rest.iter().position(|byte| !skipped(*byte));
        at + length.unwrap_or(rest.len())
    }

    /// The position after the last byte before `at` that is not white space.
    fn skip_back(&self, at: usize) -> usize {
        let before = self.body[..at].iter().rposition(|byte| !is_white(*byte));
        before.map_or(0, |last| last + 1)
    }

    /// Where what comes before an item ends, the comma between them left out.
    fn without_comma(&self, next: usize) -> usize {
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

    /// The items of a body in the order they were served.
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

    /// Pages of a damaged item, alone, as the first, between two and as the
    /// last, in packages and in bare arrays; with the items of each.
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
            // A quote too few, in a name and in a text, in front and behind.
            r#"{"ocid:"x","id":"1","tag":["t"]}"#,
            r#"{ocid":"x","id":"1","tag":["t"]}"#,
            r#"{"ocid":"x,"id":"1","tag":["t"],"a":"b"}"#,
            r#"{"ocid":"x","id":"1","tag":[t"],"a":"b"}"#,
            // A quote too many.
            r#"{"ocid":"x","id":"1","title":"6" pipe","a":"b"}"#,
            r#"{"ocid":"x","id":"1","title":"a "b" c"}"#,
            // A brace too few.
            r#""ocid":"x","id":"1","buyer":{"id":1}}"#,
            r#"{"ocid":"x","id":"1","buyer":{"id":1},"a":1"#,
            r#"{"ocid":"x","id":"1","buyer":"id":1},"a":1}"#,
            r#"{"ocid":"x","id":"1","items":[{"id":1,{"id":2}]}"#,
            r#"{"ocid":"x","id":"1","items":[{"id":1},"id":2}],"a":1}"#,
            // A brace too many.
            r#"{"ocid":"x","id":"1","buyer":{"id":1}},"a":1}"#,
            r#"{"ocid":"x","id":"1","buyer":{"id":1}}}"#,
            r#"{{"ocid":"x","id":"1"}"#,
            r#"{"ocid":"x","id":"1",{"buyer":{"id":1}}"#,
            r#"{"tag":["t"],{"ocid":"x","id":"1"}"#,
            r#"{"ocid":"x"},"id":"1","tag":["t"]}"#,
            // A bracket too few or too many.
            r#"{"ocid":"x","id":"1","tag":"t"],"a":{"b":[1]}}"#,
            r#"{"ocid":"x","id":"1","tag":["t","a":{"b":[1]}}"#,
            r#"{"ocid":"x","id":"1","items":[{"id":1},{"id":2},"a":1}"#,
            r#"{"ocid":"x","id":"1"],"a":1}"#,
            r#"{"ocid":"x","id":"1","tag":[["t"],"a":1}"#,
            // No value, no comma, no colon, a number with commas.
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
                // As the last item it can make the page look cut off.
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
            // Also where the items are damaged anyway.
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
            // Unoptimised and on a busy machine; the square of the size takes minutes.
            assert!(start.elapsed() < Duration::from_secs(20), "{}", &body[..40]);
        }
    }
}
