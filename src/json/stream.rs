//! Cuts a list that is too long to be held whole, a window of text at a time.
//!
//! It asks of the items what [`cut`](super::cut()) asks, and salvages what that
//! salvages. What it does not have is the end of the document: so an item counts
//! only once what follows it looks like the next one, since a brace too many ends
//! an item early and shows behind it.

use std::ops::Range;

use serde_json::Value;

use super::lists::{Halt, Span, Walk, envelope};
use super::salvage;
use super::scan::{Loose, Scanner, Stop, Why, is_white};
use crate::json::{Item, ItemsAt};

/// A list of items that is read window by window.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LongList {
    /// The names that lead to it.
    path: Vec<String>,
    /// Its pointer.
    place: String,
}

/// The beginning of a document, up to its items.
#[derive(Clone, Debug, PartialEq)]
pub struct Opening {
    /// The list that the document goes on with.
    pub list: LongList,
    /// Where its first item is, or the bracket that closes it.
    pub start: usize,
    /// What is before the list, as if the document ended with it.
    pub envelope: Value,
}

/// How much to cut off at a time.
#[derive(Clone, Copy, Debug)]
pub struct Most {
    /// So many items.
    pub items: usize,
    /// Items of so many bytes together; one may be larger by itself.
    pub bytes: usize,
}

/// Items at the beginning of a window.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Portion {
    /// The items, by where they are in the window.
    pub items: Vec<Item>,
    /// Where the rest of the window begins.
    pub end: usize,
    /// What the rest begins with.
    pub then: Then,
}

/// What follows a portion.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Then {
    /// More items.
    Items,
    /// An item that the window has only the beginning of, or nothing.
    Text,
    /// The list and its document have ended. Of a record it was that of its releases,
    /// and what else it has is not among the items.
    End {
        /// Whether it was a record.
        is_record: bool,
    },
    /// What cannot be told apart any more: a clause that goes on after "it is".
    Broken(String),
}

impl Opening {
    /// The first of the shapes that a document begins like, of which there is only
    /// the beginning. A record is none: its releases are not all that it has.
    #[must_use]
    pub fn of(body: &[u8], shapes: &[ItemsAt]) -> Option<Self> {
        let mut lists = shapes.iter().filter(|shape| shape.is_each());
        lists.find_map(|shape| {
            let mut walk = Walk::new(body, shape.path());
            // it ends in the middle, which is no news
            let _ = walk.document();
            let start = walk.lists.first()?.range.start;
            let around = around(body, start, shape.path())?;
            let is_record = walk.is_record() || around.get("ocid").is_some();
            (!is_record).then(|| Self {
                list: LongList {
                    path: shape.path().to_vec(),
                    place: walk.place(),
                },
                start: start + 1,
                envelope: around,
            })
        })
    }
}

/// What is before a list that starts there.
fn around(body: &[u8], start: usize, path: &[String]) -> Option<Value> {
    if body.get(start) != Some(&b'[') {
        return None;
    }
    let mut whole = body[..start].to_vec();
    whole.extend_from_slice(b"[]");
    whole.extend(path.iter().map(|_| b'}'));
    envelope(&whole, &[]).ok()
}

impl LongList {
    /// Its JSON Pointer, such as `/releases`.
    #[must_use]
    pub fn place(&self) -> &str {
        &self.place
    }

    /// Cuts items off the beginning of a window, which begins with one, with the
    /// comma before one, or with what closes the list; they are numbered from
    /// `first`. The window `is_all` if no more text follows it.
    #[must_use]
    pub fn portion(&self, window: &[u8], is_all: bool, first: usize, most: Most) -> Portion {
        let mut cutting = Cutting {
            list: self,
            window,
            is_all,
            spans: Vec::new(),
            certain: 0,
            at: 0,
            budget: salvage::budget(window.len()),
        };
        let then = loop {
            if let Some(then) = cutting.next(most) {
                break then;
            }
        };
        let Cutting { spans, at, .. } = cutting;
        let items = spans.into_iter().enumerate().map(|(index, span)| Item {
            index: first + index,
            range: span.range,
            depth: span.depth,
        });
        Portion {
            items: items.collect(),
            end: at,
            then,
        }
    }

    /// The text of a document up to its list.
    fn beginning(&self) -> Vec<u8> {
        let names = self.path.iter();
        let mut text: String = names
            .map(|name| format!("{{{}:", Value::from(&**name)))
            .collect();
        text.push('[');
        text.into()
    }
}

/// A window while it is cut.
struct Cutting<'w> {
    list: &'w LongList,
    window: &'w [u8],
    is_all: bool,
    spans: Vec<Span>,
    /// How many of them are items whatever follows.
    certain: usize,
    at: usize,
    /// How many bytes may still be read to salvage items.
    budget: usize,
}

impl Cutting<'_> {
    /// Passes an item; else says what follows those that were.
    fn next(&mut self, most: Most) -> Option<Then> {
        let rest = self.window[self.at..].iter();
        let skipped = rest.take_while(|byte| is_white(**byte) || **byte == b',');
        self.at += skipped.count();
        // one more than wanted: the last is held back
        if self.spans.len() > most.items || self.at > most.bytes && self.spans.len() > 1 {
            return Some(self.hold(Then::Items));
        }
        match self.window.get(self.at) {
            None => Some(self.wait()),
            Some(b']') => self.end(),
            Some(_) => self.item(),
        }
    }

    /// Leaves the last item to the next portion, unless it is one in any case.
    fn hold(&mut self, then: Then) -> Then {
        self.take_back();
        then
    }

    /// Goes back to before the last item, unless it is one in any case.
    fn take_back(&mut self) {
        if self.spans.len() > self.certain
            && let Some(last) = self.spans.pop()
        {
            self.at = last.range.start;
        }
    }

    /// What is left wants more text, if there is any.
    fn wait(&mut self) -> Then {
        if self.is_all {
            return Then::Broken("JSON that ends in the middle of its items".into());
        }
        self.hold(Then::Text)
    }

    fn item(&mut self) -> Option<Then> {
        match self.scan() {
            Ok(span) => {
                self.at = span.range.end;
                self.spans.push(span);
                None
            }
            Err(stop) if stop.why == Why::End && !self.is_all => Some(self.wait()),
            Err(stop) => self.damaged(stop),
        }
    }

    /// The value that comes next, if what follows it is what follows an item.
    fn scan(&self) -> Result<Span, Stop> {
        let mut scanner = Scanner::new(self.window, self.at, Loose);
        let depth = scanner.value()?;
        let range = self.at..scanner.at();
        match scanner.peek()? {
            b',' | b']' => Ok(Span { range, depth }),
            _ => Err(Stop::broken(scanner.at(), "an item was expected")),
        }
    }

    /// Passes what closes the list, and the rest of its document.
    fn end(&mut self) -> Option<Then> {
        let walk = Walk::new(self.window, &self.list.path);
        let (rest, ended) = walk.behind(self.at + 1);
        match ended {
            // whether more follows the document is not here yet
            Ok(()) if !self.is_all => return Some(self.wait()),
            Ok(()) | Err(Halt::Another) => {}
            Err(halt) if halt.is_end() && !self.is_all => return Some(self.wait()),
            Err(Halt::Stop(stop)) => return self.damaged(stop),
            Err(Halt::Shape(_)) => {
                let what = "a document with another list of the same name".into();
                return Some(Then::Broken(what));
            }
        }
        self.at = rest.at();
        let is_record = rest.is_record();
        // a list that is there twice
        let more = rest.lists.into_iter().flat_map(|list| list.spans);
        self.spans.extend(more);
        Some(Then::End { is_record })
    }

    /// Takes an item that is damaged, or the one before, whose end was none.
    fn damaged(&mut self, stop: Stop) -> Option<Then> {
        self.take_back();
        match self.salvage() {
            Some((span, at)) => {
                self.spans.push(span);
                self.certain = self.spans.len();
                self.at = at;
                None
            }
            None if self.is_all && stop.why == Why::End => Some(self.wait()),
            None if self.is_all => Some(Then::Broken(format!(
                "not JSON from byte {} of its items on, where {}",
                stop.at,
                stop.clause()
            ))),
            None => Some(Then::Text),
        }
    }

    /// The damaged item that comes next, and what follows it.
    fn salvage(&mut self) -> Option<(Span, usize)> {
        // what is copied is read too
        self.budget = self.budget.checked_sub(self.window.len() - self.at)?;
        let mut body = self.list.beginning();
        let start = body.len();
        body.extend_from_slice(&self.window[self.at..]);
        let walk = Walk::new(&body, &self.list.path);
        let (span, next) = salvage::item(&walk, start, self.is_all, &mut self.budget)?;
        // an end of the list is one only if it is that of the text
        let next = next.or(self.is_all.then_some(span.range.end))?;
        let there = |at: usize| at - start + self.at;
        let Range { start, end } = span.range;
        let range = there(start)..there(end);
        let depth = span.depth;
        Some((Span { range, depth }, there(next)))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::json::cut;

    const MOST: Most = Most {
        items: 3,
        bytes: 200,
    };

    fn shapes() -> Vec<ItemsAt> {
        ["/releases/*", "/*", ""]
            .map(|at| ItemsAt::parse(at).unwrap())
            .into()
    }

    /// What is found in a text of which so many more bytes are seen each time.
    fn found(text: &str, head: usize, step: usize) -> Option<(Vec<(String, String)>, Then)> {
        let opening = Opening::of(&text.as_bytes()[..head], &shapes())?;
        let (mut at, mut seen) = (opening.start, head);
        let mut items = Vec::new();
        loop {
            let window = &text[at..seen];
            let is_all = seen == text.len();
            let list = &opening.list;
            let portion = list.portion(window.as_bytes(), is_all, items.len(), MOST);
            let cut = portion.items.into_iter();
            items.extend(cut.map(|item| {
                let pointer = format!("{}/{}", list.place(), item.index);
                (pointer, window[item.range].to_owned())
            }));
            at += portion.end;
            match portion.then {
                Then::Items => {}
                Then::Text if !is_all => seen = (seen + step).min(text.len()),
                then => return Some((items, then)),
            }
        }
    }

    /// Expects these items of a whole list.
    #[track_caller]
    fn shows(text: &str, (head, step): (usize, usize), items: &[&str]) {
        let (found, then) = found(text, head, step).unwrap();
        assert_eq!(then, Then::End { is_record: false });
        let texts: Vec<&str> = found.iter().map(|(_, text)| &**text).collect();
        assert_eq!(texts, items, "{step}");
    }

    fn cut_whole(text: &str) -> Vec<(String, String)> {
        let cut = cut(text.as_bytes(), &shapes()).unwrap();
        let items = cut.items.iter();
        items
            .map(|item| (cut.pointer(item), text[item.range.clone()].to_owned()))
            .collect()
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

    proptest! {
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
                let (found, then) = found(&text, open.len() + 1, step).unwrap();
                prop_assert_eq!(then, Then::End { is_record: false }, "{}", text);
                prop_assert_eq!(found.len(), whole.items.len());
                prop_assert_eq!(found, cut_whole(&text));
            }
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
                    shows(&text, (14, step), &items);
                }
            }
        }
    }

    #[test]
    fn an_end_of_the_window_is_no_end_of_a_damaged_item() {
        // read from the stray quote on, the text of the second item is structure
        let items = [
            r#"{"ocid":"x","id":"1","title":"6" pipe","a":"b"}"#,
            r#"{"ocid":"a","id":"a","t":[",[][:]a},aaa,,]a[]:,:a[]:,}a}}a[}aaa:a[",{"n":1}]}"#,
            r#"{"ocid":"b","id":"b"}"#,
        ];
        let text = format!("[{}]", items.join(" ,\n"));
        for step in 1..text.len() {
            shows(&text, (1, step), &items);
        }
    }

    #[test]
    fn a_text_that_is_cut_short_is_no_shorter_list() {
        let text = r#"{"releases":[{"ocid":"a"},{"ocid":"b"},{"ocid":"c"}]}"#;
        for end in 15..text.len() {
            let (found, then) = found(&text[..end], 14, 5).unwrap();
            assert!(matches!(then, Then::Broken(_)), "{then:?}");
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
        let opening = Opening::of(&text.as_bytes()[..24], &shapes()).unwrap();
        assert_eq!(opening.envelope["uri"], "u");
        let window = &text.as_bytes()[opening.start..];
        let portion = opening.list.portion(window, false, 0, MOST);
        assert_eq!(portion.then, Then::End { is_record: false });
        assert_eq!(
            text[opening.start + portion.end..].trim(),
            r#"{"releases":[]}"#
        );
    }

    #[test]
    fn a_record_is_not_taken_for_a_list_of_releases() {
        let opens = |text: &str| Opening::of(text.as_bytes(), &shapes()).is_some();
        assert!(!opens(r#"{"ocid":"a","releases":[{"#));
        assert!(!opens(r#"{"compiledRelease":{},"releases":[{"#));
        assert!(!opens(r#"{"uri":"u","rel"#));
        assert!(opens(r#"[{"ocid":"a"#));
        let late = r#"{"releases":[{"ocid":"a"}],"compiledRelease":{}}"#;
        let (_, then) = found(late, 14, 100).unwrap();
        assert_eq!(then, Then::End { is_record: true });
    }
}
