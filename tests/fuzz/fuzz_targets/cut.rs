//! Fuzzes how a page is cut into its items: as a whole page, and as a file window by window.
//!
//! The first byte of the input selects where the items are, the second byte sets the window size,
//! and the rest is the page.

#![no_main]

use std::collections::HashMap;
use std::ops::Range;
use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use ocds_ingest::json::{Continuation, Cut, DocumentStart, ItemsAt, PortionLimits, cut};
use ocds_ingest_fuzz::{Members, entries};

/// The places where items are searched. The first byte of the input selects one, counted from
/// `a`.
static SHAPES: LazyLock<[Vec<ItemsAt>; 6]> = LazyLock::new(|| {
    let shapes: [&[&str]; 6] = [
        &["/releases/*", "/records/*", "/*", ""],
        &["/releases/*"],
        &["/*"],
        &[""],
        &["/data/records/*"],
        &["/a~1b/~0/*", "/*"],
    ];
    let parse = |at: &&str| ItemsAt::parse(at).expect("a valid pointer");
    shapes.map(|shapes| shapes.iter().map(parse).collect())
});

fuzz_target!(|data: &[u8]| {
    let [shape, step, body @ ..] = data else {
        return;
    };
    let shapes = &SHAPES[usize::from(shape.wrapping_sub(b'a')) % SHAPES.len()];
    whole(body, shapes);
    if let [shape] = &shapes[..] {
        check_against_serde_json(body, shape);
    }
    windows(body, shapes, usize::from(*step) + 1);
});

/// The pointer of each item and its bytes.
type Found<'b> = Vec<(String, &'b [u8])>;

fn whole(body: &[u8], shapes: &[ItemsAt]) {
    let Ok(found) = cut(body, shapes) else { return };
    let ranges: Vec<Range<usize>> = found.items.iter().map(|item| item.range.clone()).collect();
    if let [item] = &found.items[..]
        && found.list.is_none()
    {
        let (before, after) = (&body[..item.range.start], &body[item.range.end..]);
        assert!(trim_white(before).is_empty() && trim_white(after).is_empty());
        return;
    }
    if found.second.is_none() {
        check_between(body, &ranges);
    }
    for object in &found.lone_objects {
        assert!(body[object.range.clone()].starts_with(b"{"));
    }
    if let (Some(first), Some(last)) = (ranges.first(), ranges.last()) {
        assert_eq!(trim_commas(&body[..first.start]).last(), Some(&b'['));
        assert_eq!(trim_commas(&body[last.end..]).first(), Some(&b']'));
    }
    for (nth, item) in found.items.iter().enumerate() {
        assert_eq!(item.index, nth);
    }
}

/// Checks that no byte between items belongs to an item, unless a list of the same name follows.
fn check_between(body: &[u8], ranges: &[Range<usize>]) {
    for range in ranges {
        assert!(!range.is_empty());
        assert_eq!(trim_white(&body[range.clone()]).len(), range.len());
    }
    for pair in ranges.windows(2) {
        let between = trim_commas(&body[pair[0].end..pair[1].start]);
        assert!(
            matches!(between.first(), None | Some(b']')),
            "lost {}",
            between.escape_ascii()
        );
    }
}

fn is_white(byte: u8) -> bool {
    matches!(byte, b' ' | b'\n' | b'\r' | b'\t')
}

fn trim_white(bytes: &[u8]) -> &[u8] {
    between(bytes, is_white)
}

fn trim_commas(bytes: &[u8]) -> &[u8] {
    between(bytes, |byte| is_white(byte) || byte == b',')
}

fn between(bytes: &[u8], left_out: impl Fn(u8) -> bool) -> &[u8] {
    let Some(start) = bytes.iter().position(|byte| !left_out(*byte)) else {
        return &[];
    };
    let end = bytes.iter().rposition(|byte| !left_out(*byte));
    &bytes[start..=end.expect("as there is a first")]
}

/// Checks that the items of valid JSON are those that `serde_json` finds.
fn check_against_serde_json(body: &[u8], shape: &ItemsAt) {
    let Ok(text) = std::str::from_utf8(body) else {
        return;
    };
    // Skips an envelope that is too deep for `serde_json`, or has numbers that it cannot hold.
    if serde_json::from_str::<serde_json::Value>(text).is_err() {
        return;
    }
    let found = cut(body, std::slice::from_ref(shape)).ok().map(|cut| {
        let texts = cut.items.into_iter().map(|item| &text[item.range]);
        texts.collect::<Vec<_>>()
    });
    let expected = match shape.is_list() {
        true => lists(text, shape.path()).filter(|lists| !lists.is_empty()),
        false => document(text).map(|document| vec![vec![document]]),
    };
    match expected {
        Some(lists) => assert_eq!(found, Some(lists.concat())),
        // A package may have no list.
        None => assert_eq!(found.unwrap_or_default(), <[&str; 0]>::default()),
    }
}

/// Returns the lists at a path. Returns `None` if the path leads to something else and to no
/// array.
fn lists<'t>(text: &'t str, path: &[String]) -> Option<Vec<Vec<&'t str>>> {
    if path.is_empty() {
        return entries(text).map(|entries| vec![entries]);
    }
    let values = values(text, path)?;
    let arrays: Vec<_> = values.iter().filter_map(|text| entries(text)).collect();
    let are_null = values.iter().all(|text| *text == "null");
    match arrays.is_empty() {
        true => are_null.then(|| values.iter().map(|_| Vec::new()).collect()),
        false => Some(arrays),
    }
}

/// Returns the values at a path, or `None` if a value on the path is not an object.
fn values<'t>(text: &'t str, path: &[String]) -> Option<Vec<&'t str>> {
    let Some((name, path)) = path.split_first() else {
        return Some(vec![text]);
    };
    let members = Members::of(text)?;
    let found = members.all(name).into_iter().map(|text| values(text, path));
    Some(found.collect::<Option<Vec<_>>>()?.concat())
}

/// Returns the document if it is an item itself.
fn document(text: &str) -> Option<&str> {
    const NAMES: [&str; 5] = [
        "ocid",
        "tag",
        "initiationType",
        "compiledRelease",
        "versionedRelease",
    ];
    let members = Members::of(text)?;
    let is_item = members.0.iter().any(|(name, _)| NAMES.contains(&&**name));
    is_item.then(|| text.trim_matches([' ', '\n', '\r', '\t']))
}

/// Checks that the items are the same for every window size.
fn windows(body: &[u8], shapes: &[ItemsAt], step: usize) {
    let most = PortionLimits {
        items: 1 + step % 3,
        bytes: 20 * (step % 7),
    };
    let Some(opening) = opening(body, shapes, step) else {
        return;
    };
    let at_once = found(body, &opening, body.len(), most);
    let smallest = body.len() / 128 + 1;
    for step in [step.max(smallest), smallest] {
        assert_eq!(
            found(body, &opening, step, most),
            at_once,
            "steps of {step}"
        );
    }
    let without_most = PortionLimits {
        items: usize::MAX,
        bytes: usize::MAX,
    };
    assert_eq!(found(body, &opening, body.len(), without_most), at_once);

    let (items, then, end) = at_once;
    let ranges: Vec<Range<usize>> = items.iter().map(|(_, item)| range_in(body, item)).collect();
    let is_of_list = |(pointer, _): &(String, _)| pointer.starts_with(opening.list.pointer());
    if items.iter().all(is_of_list) {
        check_between(body, &ranges);
    }
    let Ok(whole) = cut(body, shapes) else { return };
    let is_document = whole.list.is_none();
    let of_list = |cut: &Cut| {
        let items = cut.items.iter();
        let found = items.map(|it| (cut.pointer(it), &body[it.range.clone()]));
        found.collect::<Found>()
    };
    let second = whole.second.as_deref().map(of_list);
    let mut whole = [of_list(&whole), second.unwrap_or_default()].concat();
    if !trim_white(&body[end..]).is_empty() {
        // The program treats the text after a damaged page as the next document.
        return;
    }
    // Only the cut of the whole page reads what follows a list on a damaged page.
    if serde_json::from_slice::<serde_json::Value>(body).is_err() {
        return;
    }
    assert_ne!(then, Ended::Broken, "a page that is whole as a page");
    if then == Ended::Whole && !is_document {
        let mut items = items;
        items.sort_unstable();
        whole.sort_unstable();
        assert_eq!(items, whole);
    }
}

/// Opens a document, and checks that the result does not depend on the window size.
fn opening(body: &[u8], shapes: &[ItemsAt], step: usize) -> Option<DocumentStart> {
    let some = DocumentStart::find(&body[..step.min(body.len())], shapes);
    let all = DocumentStart::find(body, shapes);
    if let (Some(some), Some(all)) = (&some, &all)
        && some.list == all.list
    {
        assert_eq!(some, all);
    }
    some.or(all)
}

#[derive(Debug, PartialEq, Eq)]
enum Ended {
    Whole,
    Record,
    Broken,
}

/// Reads the lists of a document with windows that grow by `step` bytes. Also returns how the
/// document ended and where.
fn found<'b>(
    body: &'b [u8],
    opening: &DocumentStart,
    step: usize,
    most: PortionLimits,
) -> (Found<'b>, Ended, usize) {
    let (mut at, mut seen) = (opening.start, opening.start);
    let mut list = opening.list.clone();
    let mut counts: HashMap<String, usize> = HashMap::new();
    let mut items: Found = Vec::new();
    let mut is_any_record = false;
    loop {
        let is_all = seen == body.len();
        let window = &body[at..seen];
        let count = counts.entry(list.pointer().to_owned()).or_default();
        let portion = list.cut_portion(window, is_all, *count, most);
        *count += portion.items.len();
        let is_nothing = portion.items.is_empty();
        let cut = portion.items.into_iter();
        items.extend(cut.map(|item| {
            let pointer = format!("{}/{}", list.pointer(), item.index);
            (pointer, &window[item.range])
        }));
        at += portion.end;
        match portion.continuation {
            Continuation::MoreItems => assert!(!is_nothing, "it would go on for ever"),
            Continuation::MoreText => {
                assert!(!is_all, "there is no more");
                seen = (seen + step).min(body.len());
            }
            Continuation::NextList {
                list: next,
                is_record,
            } => {
                list = next;
                is_any_record |= is_record;
            }
            Continuation::End { is_record } => {
                let ended = match is_record || is_any_record {
                    true => Ended::Record,
                    false => Ended::Whole,
                };
                return (items, ended, at);
            }
            Continuation::Broken(_) => return (items, Ended::Broken, at),
        }
    }
}

/// Returns the position of a piece within a body.
fn range_in(body: &[u8], piece: &[u8]) -> Range<usize> {
    let start = piece.as_ptr() as usize - body.as_ptr() as usize;
    start..start + piece.len()
}
