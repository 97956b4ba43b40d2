//! Divides a list that does not fit into memory into its items, one window of text at a time. A
//! window is a part of the text that fits into memory.
//!
//! [`DocumentStart::find`] parses the text before the list. [`LongList::cut_portion`] then
//! returns items from the start of a window. The caller removes the bytes of these items, adds
//! more text, and calls the function again. The result has the same items as
//! [`cut`](super::cut()) of the whole document, and a damaged item is salvaged in the same way.
//! The result does not depend on the sizes of the windows, so a run that resumes in the middle of
//! a file finds the same items again.
//!
//! If another list follows in the same package, the portion before it ends where that list begins,
//! and the other list is divided in the same way.
//!
//! An extra brace ends an item too early, and only the text after it shows that. So the last item
//! of a window is not returned until the text after it looks like another item.

use std::ops::Range;

use serde_json::Value;

use super::cut::find_second_name;
use super::lists::{
    ItemList, ItemSpan, ListScan, ListScanError, LoneObject, parse_envelope, write_pointer,
};
use super::salvage;
use super::scan::{Loose, ScanError, Scanner, is_white_space};
use crate::json::{Item, ItemsAt};

/// A list that is read window by window.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LongList {
    /// The names of the members that lead to the list.
    path: Vec<String>,
    /// The name of the second list that the package may have in the same object.
    second: Option<String>,
    pointer: String,
    /// True if items of this list were cut. The list may follow another one of the same name.
    has_items: bool,
}

/// The start of a document, up to the list of items.
#[derive(Clone, Debug, PartialEq)]
pub struct DocumentStart {
    /// The list of items.
    pub list: LongList,
    /// The position after the bracket that opens the list.
    pub start: usize,
    /// The part of the envelope that comes before the list.
    pub envelope: Value,
    /// The objects before the list that are in the place of a list.
    pub lone_objects: Vec<LoneObject>,
}

/// The limits for a portion, which is a group of items that is returned together.
#[derive(Clone, Copy, Debug)]
pub struct PortionLimits {
    /// The maximum number of items in a portion.
    pub items: usize,
    /// The number of bytes after which a portion ends. A portion with a single item may be
    /// larger.
    pub bytes: usize,
}

/// The items at the start of a window.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Portion {
    /// The items of the portion. Their positions are relative to the window.
    pub items: Vec<Item>,
    /// The position after the portion, where the rest of the window begins.
    pub end: usize,
    /// Says what follows the portion.
    pub continuation: Continuation,
    /// The number of places in the portion that have a comma too many.
    pub extra_commas: usize,
    /// The objects after the list that are in the place of a list. Their positions are relative
    /// to the window.
    pub lone_objects: Vec<LoneObject>,
}

/// Says what follows a portion.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Continuation {
    /// More items follow in the same window.
    MoreItems,
    /// The window has no other complete item. The caller must add more text.
    MoreText,
    /// The list has ended, and another one of the same package follows. The rest of the window
    /// begins after the bracket that opens it.
    NextList {
        /// The list that follows. It may have the same name as the list before it.
        list: LongList,
        /// True if the text between the lists shows that the document is a record.
        is_record: bool,
    },
    /// The document has ended.
    End {
        /// True if the text after the list shows that the document is a record and that the list
        /// contains the record's releases. The other parts of the record are then not among the
        /// items.
        is_record: bool,
    },
    /// The rest of the document cannot be divided into items. The text describes the rest.
    Broken(String),
}

impl DocumentStart {
    /// Finds the first shape that fits the start of a document. A record does not fit, because it
    /// contains more than its list of releases.
    #[must_use]
    pub fn find(body: &[u8], shapes: &[ItemsAt]) -> Option<Self> {
        let mut lists = shapes.iter().filter(|shape| shape.is_list());
        lists.find_map(|shape| {
            let second = find_second_name(shape, shapes);
            let mut scan = ListScan::new(body, shape.path(), second);
            // The scan fails, because the body is only the start of the document. The lists that
            // it has found are used all the same.
            let _ = scan.scan_document();
            let at = scan.lists.iter().position(|list| list.is_array(body))?;
            let (before, list) = (&scan.lists[..at], &scan.lists[at]);
            let envelope = parse_text_before(&body[..list.range.start], before, shape.path())?;
            let is_record = scan.is_record || envelope.get("ocid").is_some();
            let of_shape = LongList {
                path: shape.path().to_vec(),
                second: second.map(str::to_owned),
                pointer: scan.pointer(),
                has_items: false,
            };
            (!is_record).then(|| Self {
                list: of_shape.find_list(list.is_second),
                start: list.range.start + 1,
                envelope,
                lone_objects: scan.lone_objects(before),
            })
        })
    }
}

/// Parses the text before a list as if the list were empty and the document ended after it.
/// `before` are the values in the place of a list that the text contains.
fn parse_text_before(text: &[u8], before: &[ItemList], path: &[String]) -> Option<Value> {
    let mut whole = text.to_vec();
    whole.extend_from_slice(b"[]");
    whole.extend(path.iter().map(|_| b'}'));
    parse_envelope(&whole, before).ok()
}

impl LongList {
    /// Returns the JSON Pointer of the list, such as `/releases`.
    #[must_use]
    pub fn pointer(&self) -> &str {
        &self.pointer
    }

    /// Returns this list, or the second list of its package.
    fn find_list(&self, is_second: bool) -> Self {
        let (true, Some(second), [place @ .., name]) = (is_second, &self.second, &*self.path)
        else {
            return Self {
                has_items: false,
                ..self.clone()
            };
        };
        let path = [place, std::slice::from_ref(second)].concat();
        Self {
            pointer: write_pointer(&path),
            path,
            second: Some(name.clone()),
            has_items: false,
        }
    }

    fn scan<'b>(&'b self, body: &'b [u8]) -> ListScan<'b> {
        ListScan::new(body, &self.path, self.second.as_deref())
    }

    /// Returns items from the start of a window. The window must start with an item, with the
    /// comma before an item, or with the end of the list. `is_all` is true if no more text
    /// follows the window. The first item gets the number `first`.
    #[must_use]
    pub fn cut_portion(
        &mut self,
        window: &[u8],
        is_all: bool,
        first: usize,
        limits: PortionLimits,
    ) -> Portion {
        let mut cutter = PortionCutter {
            list: self,
            window,
            is_all,
            is_first: !self.has_items,
            extra_commas: 0,
            extra_commas_before_last: 0,
            lone_objects: Vec::new(),
            spans: Vec::new(),
            certain: 0,
            at: 0,
            budget: salvage::reading_budget(window.len()),
        };
        let continuation = loop {
            if let Some(continuation) = cutter.cut_next(limits) {
                break continuation;
            }
        };
        let PortionCutter {
            spans,
            mut at,
            mut extra_commas,
            lone_objects,
            ..
        } = cutter;
        if spans.is_empty() && continuation == Continuation::MoreText {
            // The next window begins with the same commas, and counts them.
            (at, extra_commas) = (0, 0);
        }
        self.has_items |= !spans.is_empty();
        let items = spans.into_iter().enumerate().map(|(index, span)| Item {
            index: first + index,
            range: span.range,
            depth: span.depth,
        });
        Portion {
            items: items.collect(),
            end: at,
            continuation,
            extra_commas,
            lone_objects,
        }
    }

    /// Returns the start of a document that has only this list.
    fn text_before_items(&self) -> Vec<u8> {
        let names = self.path.iter();
        let mut text: String = names
            .map(|name| format!("{{{}:", Value::from(&**name)))
            .collect();
        text.push('[');
        text.into()
    }
}

struct PortionCutter<'w> {
    list: &'w LongList,
    window: &'w [u8],
    is_all: bool,
    /// True if the list has no items before the window.
    is_first: bool,
    /// The number of places that have a comma too many.
    extra_commas: usize,
    /// The number of those places that are before the last of `spans`.
    extra_commas_before_last: usize,
    lone_objects: Vec<LoneObject>,
    spans: Vec<ItemSpan>,
    /// The number of `spans` that text after the window cannot change.
    certain: usize,
    at: usize,
    /// The number of bytes that may still be read to salvage items.
    budget: usize,
}

impl PortionCutter<'_> {
    /// Adds one item to the portion. Returns `None` if the portion goes on, or else what follows
    /// it.
    fn cut_next(&mut self, limits: PortionLimits) -> Option<Continuation> {
        let next = self.pass_commas();
        // The portion may have one item more than the limit here, because its last item may be
        // left to the next portion.
        if self.spans.len() > limits.items || self.at > limits.bytes && self.spans.len() > 1 {
            self.remove_uncertain_item();
            return Some(Continuation::MoreItems);
        }
        match next {
            None => Some(self.require_more_text()),
            Some(b']') => self.cut_list_end(),
            Some(_) => self.cut_item(),
        }
    }

    /// Moves past white space and commas, and returns the byte after them. One comma may stand
    /// before an item that is not the first one of the list. Stays before the commas if the window
    /// ends first, because more commas may follow.
    fn pass_commas(&mut self) -> Option<u8> {
        let mut commas = 0;
        let mut rest = self.window[self.at..].iter();
        let next = rest.find(|byte| {
            commas += usize::from(**byte == b',');
            !is_white_space(**byte) && **byte != b','
        });
        let Some(&next) = next else {
            self.at = if self.is_all {
                self.window.len()
            } else {
                self.at
            };
            return None;
        };
        self.at = self.window.len() - rest.as_slice().len() - 1;
        let is_at_start = self.is_first && self.spans.is_empty();
        let may_have_comma = !is_at_start && next != b']';
        self.extra_commas += usize::from(commas > usize::from(may_have_comma));
        Some(next)
    }

    /// Leaves the last item to the next portion, unless later text cannot change that item.
    fn remove_uncertain_item(&mut self) {
        if self.spans.len() > self.certain
            && let Some(last) = self.spans.pop()
        {
            self.at = last.range.start;
            self.extra_commas = self.extra_commas_before_last;
        }
    }

    fn require_more_text(&mut self) -> Continuation {
        if self.is_all {
            return Continuation::Broken("JSON that ends in the middle of its items".into());
        }
        self.remove_uncertain_item();
        Continuation::MoreText
    }

    fn cut_item(&mut self) -> Option<Continuation> {
        match self.scan_item() {
            Ok(span) => {
                self.at = span.range.end;
                self.extra_commas_before_last = self.extra_commas;
                self.spans.push(span);
                None
            }
            Err(error) if error.is_unexpected_end() && !self.is_all => {
                Some(self.require_more_text())
            }
            Err(error) => self.cut_damaged_item(error),
        }
    }

    /// Scans the next item. It fails if the item is followed neither by a comma nor by the end of
    /// the list.
    fn scan_item(&self) -> Result<ItemSpan, ScanError> {
        let mut scanner = Scanner::new(self.window, self.at, Loose);
        let (range, depth) = scanner.read_value()?;
        match scanner.peek()? {
            b',' | b']' => Ok(ItemSpan { range, depth }),
            _ => Err(ScanError::invalid(
                scanner.position(),
                "an item was expected",
            )),
        }
    }

    /// Moves past the end of the list, and up to the next list or the end of the document.
    fn cut_list_end(&mut self) -> Option<Continuation> {
        let scan = self.list.scan(self.window);
        let (rest, ended) = scan.scan_to_next_list(self.at + 1);
        let next = match ended {
            Ok(Some(is_second)) => Some(self.list.find_list(is_second)),
            // The document seems complete, but more text may follow.
            Ok(None) if !self.is_all => return Some(self.require_more_text()),
            Ok(None) | Err(ListScanError::SecondDocument) => None,
            Err(error) if error.is_unexpected_end() && !self.is_all => {
                return Some(self.require_more_text());
            }
            Err(ListScanError::Scan(error)) => return self.cut_damaged_item(error),
            Err(ListScanError::TooMany(found)) => {
                let what = format!("a document of {}", found.describe());
                return Some(Continuation::Broken(what));
            }
            Err(ListScanError::WrongShape(_)) => {
                let what = "a document with another value of the same name".into();
                return Some(Continuation::Broken(what));
            }
        };
        self.lone_objects = rest.lone_objects(&rest.lists);
        let is_record = rest.is_record;
        Some(match next {
            Some(list) => {
                self.at = rest.position() + 1;
                Continuation::NextList { list, is_record }
            }
            None => {
                self.at = rest.position();
                Continuation::End { is_record }
            }
        })
    }

    /// Adds a damaged item to the portion. If later text can still change the last item, the
    /// damage may be in that item, so that item is salvaged instead.
    fn cut_damaged_item(&mut self, error: ScanError) -> Option<Continuation> {
        self.remove_uncertain_item();
        match self.find_damaged_item() {
            Some((span, at)) => {
                self.spans.push(span);
                self.certain = self.spans.len();
                self.at = at;
                None
            }
            None if self.is_all && error.is_unexpected_end() => Some(self.require_more_text()),
            None if self.is_all => Some(Continuation::Broken(format!(
                "not JSON from byte {} of its items on, where {}",
                error.at,
                error.reason()
            ))),
            None => Some(Continuation::MoreText),
        }
    }

    /// Returns the next item, which is damaged, and the position of what follows the item.
    fn find_damaged_item(&mut self) -> Option<(ItemSpan, usize)> {
        // The window is copied below, and the copied bytes count as read.
        self.budget = self.budget.checked_sub(self.window.len() - self.at)?;
        let mut body = self.list.text_before_items();
        let start = body.len();
        body.extend_from_slice(&self.window[self.at..]);
        let scan = self.list.scan(&body);
        let (span, next) = salvage::find_damaged_item(&scan, start, self.is_all, &mut self.budget)?;
        // The end of the list is certain only if the window contains all remaining text.
        let next = next.or(self.is_all.then_some(span.range.end))?;
        let in_window = |at: usize| at - start + self.at;
        let Range { start, end } = span.range;
        let range = in_window(start)..in_window(end);
        let depth = span.depth;
        Some((ItemSpan { range, depth }, in_window(next)))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use proptest::prelude::*;

    use super::*;
    use crate::json::cut;

    const LIMITS: PortionLimits = PortionLimits {
        items: 3,
        bytes: 200,
    };

    fn shapes() -> Vec<ItemsAt> {
        ["/releases/*", "/records/*", "/*", ""]
            .map(|at| ItemsAt::parse(at).unwrap())
            .into()
    }

    /// The pointers and the texts of items, and what follows them.
    type Found = (Vec<(String, String)>, Continuation);

    /// Finds the items of a text. The first `head` bytes arrive together, and the others `step`
    /// bytes at a time.
    fn find_items(text: &str, head: usize, step: usize) -> Option<Found> {
        Some(find_items_and_commas(text, head, step)?.0)
    }

    /// Does the same, and also counts the places that have a comma too many.
    fn find_items_and_commas(text: &str, head: usize, step: usize) -> Option<(Found, usize)> {
        let opening = DocumentStart::find(&text.as_bytes()[..head], &shapes())?;
        let (mut at, mut seen) = (opening.start, head);
        let mut list = opening.list;
        let mut counts: HashMap<String, usize> = HashMap::new();
        let mut extra_commas = 0;
        let mut items = Vec::new();
        let lone_object = |text: &str, object: LoneObject| {
            (object.pointer, format!("object {}", &text[object.range]))
        };
        let objects = opening.lone_objects.into_iter();
        items.extend(objects.map(|it| lone_object(text, it)));
        loop {
            let window = &text[at..seen];
            let is_all = seen == text.len();
            let count = counts.entry(list.pointer().to_owned()).or_default();
            let portion = list.cut_portion(window.as_bytes(), is_all, *count, LIMITS);
            *count += portion.items.len();
            let cut = portion.items.into_iter();
            items.extend(cut.map(|item| {
                let pointer = format!("{}/{}", list.pointer(), item.index);
                (pointer, window[item.range].to_owned())
            }));
            let objects = portion.lone_objects.into_iter();
            items.extend(objects.map(|it| lone_object(window, it)));
            at += portion.end;
            extra_commas += portion.extra_commas;
            match portion.continuation {
                Continuation::MoreItems => {}
                Continuation::MoreText if !is_all => seen = (seen + step).min(text.len()),
                Continuation::NextList { list: next, .. } => list = next,
                continuation => return Some(((items, continuation), extra_commas)),
            }
        }
    }

    /// Checks that a complete list has these items.
    #[track_caller]
    fn check_items(text: &str, (head, step): (usize, usize), items: &[&str]) {
        let (found, continuation) = find_items(text, head, step).unwrap();
        assert_eq!(continuation, Continuation::End { is_record: false });
        let texts: Vec<&str> = found.iter().map(|(_, text)| &**text).collect();
        assert_eq!(texts, items, "{step}");
    }

    fn cut_whole(text: &str) -> Vec<(String, String)> {
        let mut cut = cut(text.as_bytes(), &shapes()).unwrap();
        let second = cut.take_second();
        let cuts = std::iter::once(&cut).chain(&second);
        let items = cuts.flat_map(|cut| {
            let items = cut.items.iter();
            items.map(|item| (cut.pointer(item), text[item.range.clone()].to_owned()))
        });
        let objects = cut.lone_objects.iter();
        let objects = objects.map(|it| {
            let text = format!("object {}", &text[it.range.clone()]);
            (it.pointer.clone(), text)
        });
        items.chain(objects).collect()
    }

    const DAMAGED: [&str; 7] = [
        r#"{"ocid":"x","id":"1","title":"6" pipe","a":"b"}"#,
        r#"{"ocid":"x","id":"1","buyer":{"id":1}},"a":1}"#,
        r#"{"ocid":"x","id":"1","buyer":{"id":1}}}"#,
        r#"{"ocid":"x","id":"1","items":[{"id":1},"id":2}],"a":1}"#,
        r#"{"ocid:"x","id":"1","tag":["t"]}"#,
        r#"{"ocid":"x","id":"1","tag":["t"}"#,
        r#"{"ocid":"x","id":"1",}"#,
    ];

    fn item() -> impl Strategy<Value = String> {
        prop_oneof![
            9 => ("[a-z]{1,3}", "[a-z\\]\\[{},:]{0,40}").prop_map(|(ocid, text)| {
                format!(r#"{{"ocid":"{ocid}","id":"{ocid}","t":["{text}",{{"n":1}}]}}"#)
            }),
            1 => proptest::sample::select(&DAMAGED[..]).prop_map(str::to_owned),
        ]
    }

    /// A value of a member that may be a list, and a list in most cases.
    fn value() -> impl Strategy<Value = String> {
        let list = proptest::collection::vec(item(), 0..5);
        prop_oneof![
            6 => list.prop_map(|items| format!("[{}]", items.join(" , "))),
            2 => proptest::sample::select(&[
                "null",
                "12",
                r#""u""#,
                r#"{"total":1}"#,
                r#"{"id":"1", "ocid" : "a"}"#,
            ][..]).prop_map(str::to_owned),
        ]
    }

    /// A package that may have each of its lists several times, or something else in their place.
    /// At most one of its lists has damaged items.
    fn package() -> impl Strategy<Value = String> {
        let name = proptest::sample::select(&["releases", "records", "uri"][..]);
        let members = proptest::collection::vec((name, value()), 1..6);
        let white = proptest::sample::select(&["", " ", "\n    "][..]);
        let is_damaged = |(_, value): &&(&str, String)| DAMAGED.iter().any(|it| value.contains(it));
        let members = members.prop_filter("one damaged list", move |members| {
            members.iter().filter(is_damaged).count() <= 1
        });
        (members, white).prop_map(|(members, white)| {
            let member =
                |(name, value): &(&str, String)| format!("{white}\"{name}\":{white}{value}");
            let members: Vec<String> = members.iter().map(member).collect();
            format!("{{{}{white}}}", members.join(","))
        })
    }

    proptest! {
        #[test]
        fn windows_show_all_lists_that_the_whole_shows(text in package(), step in 1_usize..400) {
            let head = (1..=text.len()).find(|head| find_items(&text, *head, step).is_some());
            if let (Ok(_), Some(head)) = (cut(text.as_bytes(), &shapes()), head) {
                let (mut found, continuation) = find_items(&text, head, step).unwrap();
                prop_assert_eq!(continuation, Continuation::End { is_record: false }, "{}", text);
                let mut expected = cut_whole(&text);
                found.sort_unstable();
                expected.sort_unstable();
                prop_assert_eq!(found, expected, "{}", text);
            }
        }

        #[test]
        fn windows_show_the_items_that_the_whole_shows(
            items in proptest::collection::vec(item(), 1..12),
            (open, close) in proptest::sample::select(&[
                ("[", "]"),
                (r#"{"uri":"u","releases" : ["#, r#"],"version":"1.1"}"#),
            ][..]),
            step in 1_usize..400,
        ) {
            let text = format!("{open}{}{close}", items.join(" ,\n"));
            if let Ok(whole) = cut(text.as_bytes(), &shapes()) {
                let (found, continuation) = find_items(&text, open.len() + 1, step).unwrap();
                prop_assert_eq!(continuation, Continuation::End { is_record: false }, "{}", text);
                prop_assert_eq!(found.len(), whole.items.len());
                prop_assert_eq!(found, cut_whole(&text));
            }
        }
    }

    #[test]
    fn windows_count_the_commas_that_the_whole_counts() {
        let item = |number: usize| format!(r#"{{"ocid":"a{number}","id":"1","items":[1,2]}}"#);
        let items: Vec<String> = (0..9).map(item).collect();
        let rest = items[1..].join(",\n");
        let first = &items[0];
        for (list, expected) in [
            (format!("{first},{rest}"), 0),
            (format!("{first},,{rest}"), 1),
            (format!("{first} , \n,,{rest},"), 2),
            (format!(",{first},{rest} , "), 2),
            (format!(",, ,{first},{rest}"), 1),
            (format!("{first},,{},{rest}", DAMAGED[0]), 1),
        ] {
            let text = format!("[{list}]");
            let whole = cut(text.as_bytes(), &shapes()).unwrap();
            assert_eq!(whole.extra_commas, expected, "{text}");
            for step in 1..text.len() {
                let ((found, _), extra_commas) = find_items_and_commas(&text, 1, step).unwrap();
                assert_eq!(found.len(), whole.items.len(), "{step}");
                assert_eq!(extra_commas, expected, "{step}: {text}");
            }
        }
    }

    #[test]
    fn commas_are_counted_in_every_list_of_a_package() {
        let item = r#"{"ocid":"a","id":"1"}"#;
        for (text, expected) in [
            (
                format!(r#"{{"releases":[{item}],"releases":[,{item}]}}"#),
                1,
            ),
            (
                format!(r#"{{"records":[],"releases":[{item}],"records":[ , ,{item},]}}"#),
                2,
            ),
            (format!(r#"{{"releases":[, ,],"records":[{item}]}}"#), 1),
        ] {
            for step in 1..text.len() {
                let head = text.find('[').unwrap() + 1;
                let ((_, continuation), extra_commas) =
                    find_items_and_commas(&text, head, step).unwrap();
                assert_eq!(continuation, Continuation::End { is_record: false });
                assert_eq!(extra_commas, expected, "{step}: {text}");
            }
        }
    }

    #[test]
    fn the_lists_after_a_list_are_limited() {
        let members = r#","records":{"ocid":1}"#.repeat(100_001);
        let text = format!(r#"{{"releases":[1]{members}}}"#);
        let (found, continuation) = find_items(&text, 13, text.len()).unwrap();
        assert_eq!(found.len(), 1);
        let what = "a document of more than 100000 lists".to_owned();
        assert_eq!(continuation, Continuation::Broken(what));
    }

    #[test]
    fn a_damaged_last_item_does_not_hide_the_list_after_it() {
        let items = [r#"{"ocid":"a","id":"1"}"#, r#"{"ocid":"x","id":"1",}"#];
        for (start, next) in [
            ("releases", "records"),
            ("releases", "releases"),
            ("records", "releases"),
        ] {
            let head = format!("{{\"{start}\":[");
            let list = format!("{} , \n{} ]", items[0], items[1]);
            let between = format!(",\"x\":{{\"y\":[]}},\"{next}\":[");
            // The second list does not end in the window.
            let window = format!(r#"{list}{between}{{"ocid":"b","id":"2","#);
            let mut opening = DocumentStart::find(head.as_bytes(), &shapes()).unwrap();
            let portion = opening
                .list
                .cut_portion(window.as_bytes(), false, 0, LIMITS);
            let found: Vec<&str> = portion
                .items
                .iter()
                .map(|it| &window[it.range.clone()])
                .collect();
            assert_eq!(found, items);
            assert!(
                matches!(portion.continuation, Continuation::NextList { .. }),
                "{:?}",
                portion.continuation
            );
            assert_eq!(portion.end, list.len() + between.len());
        }
    }

    #[test]
    fn damage_costs_its_item_alone() {
        let good = r#"{"ocid":"a","id":"1","items":[{"id":1},{"id":2}]}"#;
        for damaged in DAMAGED {
            for at in 0..4 {
                let mut items = vec![good; 5];
                items[at] = damaged;
                let text = format!(r#"{{"releases":[{}],"links":{{}}}}"#, items.join(","));
                for step in [1, 60, 1000] {
                    check_items(&text, (14, step), &items);
                }
            }
        }
    }

    #[test]
    fn an_end_of_the_window_is_no_end_of_a_damaged_item() {
        // After the extra quote, the text of the second item looks like structure.
        let items = [
            r#"{"ocid":"x","id":"1","title":"6" pipe","a":"b"}"#,
            r#"{"ocid":"a","id":"a","t":[",[][:]a},aaa,,]a[]:,:a[]:,}a}}a[}aaa:a[",{"n":1}]}"#,
            r#"{"ocid":"b","id":"b"}"#,
        ];
        let text = format!("[{}]", items.join(" ,\n"));
        for step in 1..text.len() {
            check_items(&text, (1, step), &items);
        }
    }

    #[test]
    fn a_list_that_comes_again_or_after_another_is_read_on() {
        let text = r#"{"releases":[],"records":{"ocid":"o"},"releases":[{"a":1}],"x":[5],
            "records":[{"b":2},{"c":3}],"releases":null,"releases":[{"d":4}],"records":[7]}"#;
        let expected = [
            ("/records", r#"object {"ocid":"o"}"#),
            ("/releases/0", r#"{"a":1}"#),
            ("/records/0", r#"{"b":2}"#),
            ("/records/1", r#"{"c":3}"#),
            ("/releases/1", r#"{"d":4}"#),
            ("/records/2", "7"),
        ];
        let expected = expected.map(|(pointer, text)| (pointer.to_owned(), text.to_owned()));
        for step in 1..text.len() {
            let (found, continuation) = find_items(text, 13, step).unwrap();
            assert_eq!(continuation, Continuation::End { is_record: false });
            assert_eq!(found, expected, "{step}");
        }
        // The sign of a record may stand between two lists.
        let record = r#"{"releases":[{"a":1}],"compiledRelease":{},"records":[]}"#;
        let mut opening = DocumentStart::find(&record.as_bytes()[..13], &shapes()).unwrap();
        let window = &record.as_bytes()[opening.start..];
        let portion = opening.list.cut_portion(window, true, 0, LIMITS);
        assert!(matches!(
            portion.continuation,
            Continuation::NextList {
                is_record: true,
                ..
            }
        ));
    }

    #[test]
    fn a_text_that_is_cut_short_is_no_shorter_list() {
        let text = r#"{"releases":[{"ocid":"a"},{"ocid":"b"},{"ocid":"c"}]}"#;
        for end in 15..text.len() {
            let (found, continuation) = find_items(&text[..end], 14, 5).unwrap();
            assert!(
                matches!(continuation, Continuation::Broken(_)),
                "{continuation:?}"
            );
            assert!(found.len() <= 3);
            let all = ["a", "b", "c"].map(|ocid| format!(r#"{{"ocid":"{ocid}"}}"#));
            let texts: Vec<&String> = found.iter().map(|(_, text)| text).collect();
            assert_eq!(texts, all[..found.len()].iter().collect::<Vec<_>>());
        }
    }

    #[test]
    fn the_document_ends_where_the_next_begins() {
        let first = r#"{"uri":"u","releases":[{"ocid":"a"}],"x":[{"y":1}]}"#;
        let text = format!("{first} \n{{\"releases\":[]}}");
        let mut opening = DocumentStart::find(&text.as_bytes()[..24], &shapes()).unwrap();
        assert_eq!(opening.envelope["uri"], "u");
        let window = &text.as_bytes()[opening.start..];
        let portion = opening.list.cut_portion(window, false, 0, LIMITS);
        assert_eq!(portion.continuation, Continuation::End { is_record: false });
        assert_eq!(
            text[opening.start + portion.end..].trim(),
            r#"{"releases":[]}"#
        );
    }

    #[test]
    fn a_record_is_not_taken_for_a_list_of_releases() {
        let opens = |text: &str| DocumentStart::find(text.as_bytes(), &shapes()).is_some();
        assert!(!opens(r#"{"ocid":"a","releases":[{"#));
        assert!(!opens(r#"{"compiledRelease":{},"releases":[{"#));
        assert!(!opens(r#"{"uri":"u","rel"#));
        assert!(opens(r#"[{"ocid":"a"#));
        let late = r#"{"releases":[{"ocid":"a"}],"compiledRelease":{}}"#;
        let (_, continuation) = find_items(late, 14, 100).unwrap();
        assert_eq!(continuation, Continuation::End { is_record: true });
    }
}
