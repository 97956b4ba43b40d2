//! Finds chains that never end or fail all the time: pages that lead back to an earlier page,
//! repeat their items, stay empty, or fail one after another.
//!
//! Nothing here does I/O. [`chain`](crate::fetch::chain) tells the guard what it requests and
//! receives, and fails if the guard objects.

use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasher as _, Hash, Hasher, RandomState};
use std::sync::{Mutex, PoisonError};

use crate::error::Kind;
use crate::page::{Cursor, Page};
use crate::source::{Http, Pagination, Stop};

/// At most this many pages in a row may have the same items, and at most this many windows the
/// same first page. A server that ignores the query parameter serves its first page for ever. Two
/// are allowed, because a feed that grows at its head may repeat one page, and neighbouring
/// windows share a point in time.
const MAX_ALIKE: u32 = 2;

/// At most this many pages in a row may have no items and a link to the next page. Some are
/// allowed, because a publisher may filter the items after it has cut the pages. More are not,
/// because links may lead on for ever.
const MAX_EMPTY: u32 = 200;

/// At most this many pages in a row are stepped over. A server that refuses more of them refuses
/// the rest of the feed, and each run would request all of these pages again.
const MAX_STEPPED_OVER: u32 = 30;

/// If the server refuses this many items in a row by an error of its own, the server has a fault
/// and not the items.
pub(super) const MAX_REFUSED: usize = 3;

/// Watches one chain. It objects by a clause that follows the name of a page.
#[derive(Debug, Default)]
pub(super) struct Guard {
    hasher: RandomState,
    /// The hashes of all links that were followed. They are hashes to save memory, because a feed
    /// may have hundreds of thousands of links.
    followed: HashSet<u64>,
    /// The hash of the items of the previous page. `alike_in_a_row` pages in a row had these
    /// items.
    previous_items: Option<u64>,
    alike_in_a_row: u32,
    empty_in_a_row: u32,
    unreadable_in_a_row: u32,
    most_unreadable: u32,
    stepped_over_in_a_row: u32,
    refused_in_a_row: usize,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct PageContent<'a> {
    pub(super) cursor: &'a Cursor,
    pub(super) next: Option<&'a Cursor>,
    pub(super) items: usize,
    /// The hash of the items, or of the items that the index page names. It is used only if
    /// [`should_compare_items`] returns true for the cursor.
    pub(super) hash: u64,
}

/// Counts the items of a page that the server refused by an error of its own.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct RefusedItems {
    /// The number of refused items in a row at the end of the page.
    pub(super) trailing: usize,
    pub(super) is_all: bool,
    /// The kind of the last refusal, which becomes the kind of error if several follow one
    /// another.
    pub(super) kind: Option<Kind>,
}

impl Guard {
    /// Makes a guard that objects to `most_unreadable` unreadable pages in a row.
    pub(super) fn new(most_unreadable: u32) -> Self {
        Self {
            most_unreadable,
            ..Self::default()
        }
    }

    pub(super) fn hash_of<T: Hash + ?Sized>(&self, content: &T) -> u64 {
        self.hasher.hash_one(content)
    }

    pub(super) fn hash_of_items(&self, page: &Page) -> u64 {
        hash_items(page, self.hasher.build_hasher())
    }

    pub(super) fn note_request(&mut self, cursor: &Cursor) {
        if let Some(key) = read_link_or_token(cursor) {
            self.followed.insert(self.hasher.hash_one(key));
        }
    }

    /// Adds the page at `url` to the requested pages. Returns true if it names as the next page
    /// itself or a page that was requested before.
    pub(super) fn check_loop(&mut self, url: &str, next: &Cursor) -> bool {
        let Some(key) = read_link_or_token(next) else {
            return false;
        };
        // the first page must be added here, because no link led to it
        self.followed.insert(self.hasher.hash_one(url));
        self.followed.contains(&self.hasher.hash_one(key))
    }

    /// Returns true if the items have the hash of the items of the previous page.
    pub(super) fn has_same_items(&self, hash: u64) -> bool {
        self.previous_items == Some(hash)
    }

    /// Returns why the chain must fail, if too many pages in a row were empty or had the same items.
    pub(super) fn check_content(&mut self, content: PageContent<'_>) -> Option<String> {
        self.note_readable();
        let PageContent {
            cursor,
            next,
            items,
            hash,
        } = content;
        if items == 0 {
            self.empty_in_a_row += 1;
            let leads_on = next.is_some_and(|next| read_link_or_token(next).is_some());
            return (leads_on && self.empty_in_a_row > MAX_EMPTY).then(|| {
                format!(
                    "is the last of {} without items that lead on",
                    self.empty_in_a_row
                )
            });
        }
        self.empty_in_a_row = 0;
        if !should_compare_items(cursor) {
            return None;
        }
        self.alike_in_a_row = match self.previous_items {
            Some(previous) if previous == hash => self.alike_in_a_row + 1,
            _ => 1,
        };
        self.previous_items = Some(hash);
        let why = match cursor {
            Cursor::Start | Cursor::Link(_) => {
                "has the items of the pages before it, so their links lead on for ever"
            }
            _ => "has the items of the pages before it, so the server ignores its number",
        };
        (self.alike_in_a_row > MAX_ALIKE).then(|| why.to_owned())
    }

    /// Notes a page that has not changed. The run that stored it has checked its items.
    pub(super) fn note_unchanged(&mut self) {
        self.note_readable();
        self.previous_items = None;
    }

    fn note_readable(&mut self) {
        self.unreadable_in_a_row = 0;
        self.stepped_over_in_a_row = 0;
    }

    /// Counts a page that could not be read although the next one can be requested. Returns an
    /// objection if too many in a row could not be read.
    pub(super) fn check_unreadable(&mut self) -> Option<String> {
        self.unreadable_in_a_row += 1;
        let most = self.most_unreadable;
        (self.unreadable_in_a_row >= most)
            .then(|| format!("is the last of {most} in a row that could not be read"))
    }

    /// Counts a page that is stepped over because the publisher has refused it for days. Such a
    /// page says nothing about the next one, so more of them are allowed than unreadable pages.
    /// Returns an objection if there are too many in a row.
    pub(super) fn check_stepped_over(&mut self) -> Option<String> {
        self.stepped_over_in_a_row += 1;
        (self.stepped_over_in_a_row >= MAX_STEPPED_OVER).then(|| {
            format!("is the last of {MAX_STEPPED_OVER} in a row that the publisher refuses")
        })
    }

    /// Counts the refused items of a page. They are counted over all pages, because a page with
    /// only one or two items never has several in a row. Returns an objection if there are too
    /// many.
    pub(super) fn check_refused(&mut self, refused: RefusedItems) -> Option<(Kind, String)> {
        self.refused_in_a_row = match refused.is_all {
            true => self.refused_in_a_row + refused.trailing,
            false => refused.trailing,
        };
        (self.refused_in_a_row >= MAX_REFUSED).then(|| {
            let why = format!(
                "is the last of {} items in a row that were refused",
                self.refused_in_a_row
            );
            (refused.kind.unwrap_or(Kind::Environment), why)
        })
    }
}

/// Counts the windows that have begun with the same items. The items are hashed together with the
/// values of the axes.
#[derive(Debug, Default)]
pub(super) struct WindowBeginnings {
    hasher: RandomState,
    windows: Mutex<HashMap<u64, u32>>,
}

impl WindowBeginnings {
    /// Counts a window that begins with the items of this page. Returns true if too many windows
    /// along the same axes have begun with them, because then the server ignores dates.
    pub(super) fn count_beginning(&self, axes: &impl Hash, page: &Page) -> bool {
        let mut hasher = self.hasher.build_hasher();
        axes.hash(&mut hasher);
        let hash = hash_items(page, hasher);
        let windows = self.windows.lock();
        let mut windows = windows.unwrap_or_else(PoisonError::into_inner);
        let alike = windows.entry(hash).or_default();
        *alike += 1;
        *alike > MAX_ALIKE
    }
}

/// Returns true if the items of a page are compared with those of the page before it. An index
/// page is compared only once, with the first page of the run that uses it.
pub(super) fn should_compare_items(cursor: &Cursor) -> bool {
    !matches!(cursor, Cursor::Detail { skip: 1.., .. })
}

/// Returns the link or token of a cursor, which must not repeat within a chain. For a page of
/// items, it is that of the index page.
fn read_link_or_token(cursor: &Cursor) -> Option<&str> {
    match cursor {
        Cursor::Link(link) => Some(link),
        Cursor::Token(token) => Some(token),
        Cursor::Detail { index, skip: 0, .. } => read_link_or_token(index),
        Cursor::Start
        | Cursor::Number(_)
        | Cursor::Offset(_)
        | Cursor::Piece(_)
        | Cursor::Detail { .. } => None,
    }
}

/// Returns true if a chain that has begun ends where the server answers with a status of
/// `http.empty_status` instead of a page.
///
/// A chain of numbers or offsets ends there if a page without items would end it. A chain of
/// links or tokens ends there only if the status is a success, because an error means that the
/// remaining pages are lost. A chain that has a total, or a status of its own for the end, does
/// not end there.
pub(super) fn can_end_by_empty_page(pagination: &Pagination, status: u16) -> bool {
    match pagination {
        Pagination::Number { stop, .. } | Pagination::Offset { stop, .. } => {
            matches!(stop, Stop::Empty | Stop::Repeated)
        }
        Pagination::Link { .. } | Pagination::Token { .. } => (200..300).contains(&status),
        Pagination::Single { .. } | Pagination::File => false,
    }
}

/// Returns true if the server ends a chain with this status in place of a page. `has_begun` is
/// true if the chain has had a page.
pub(super) fn is_end_status(
    pagination: &Pagination,
    http: &Http,
    status: u16,
    has_begun: bool,
) -> bool {
    let is_empty = http.empty_status.contains(&status);
    (is_empty && (!has_begun || can_end_by_empty_page(pagination, status)))
        || (has_begun && pagination.stop_status() == Some(status))
}

fn hash_items(page: &Page, mut hasher: impl Hasher) -> u64 {
    page.iter_items().for_each(|item| hasher.write(item));
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn link(name: &str) -> Cursor {
        Cursor::Link(format!("https://feed.example/{name}"))
    }

    fn stretch(skip: u64) -> Cursor {
        Cursor::Detail {
            index: Box::new(Cursor::Number(1)),
            skip,
            seen: String::new(),
        }
    }

    /// Returns the guard's objections to pages of `(cursor, next cursor, items, hash)`.
    fn check(pages: &[(Cursor, Option<Cursor>, usize, u64)]) -> Vec<Option<String>> {
        let mut guard = Guard::new(3);
        let check = |(cursor, next, items, hash): &(Cursor, Option<Cursor>, usize, u64)| {
            guard.check_content(PageContent {
                cursor,
                next: next.as_ref(),
                items: *items,
                hash: *hash,
            })
        };
        pages.iter().map(check).collect()
    }

    #[test]
    fn the_third_page_in_a_row_with_the_same_items_is_objected_to() {
        for (hashes, expected) in [
            (&[1, 2, 3][..], None),
            (&[1, 1, 2, 2, 1, 1], None),
            (&[1, 2, 2, 2], Some(3)),
            (&[1, 1, 1, 1], Some(2)),
        ] {
            let numbers = (1..).zip(hashes);
            let pages: Vec<_> = numbers
                .map(|(number, hash)| (Cursor::Number(number), None, 5, *hash))
                .collect();
            let objections = check(&pages);
            assert_eq!(objections.iter().position(Option::is_some), expected);
        }
    }

    #[test]
    fn an_objection_says_what_the_server_ignores() {
        for (cursor, expected) in [
            (Cursor::Number(7), "so the server ignores its number"),
            (Cursor::Offset(700), "so the server ignores its number"),
            (link("7"), "so their links lead on for ever"),
        ] {
            let pages = vec![(cursor, None, 5, 1); 3];
            let objection = check(&pages).pop().flatten().unwrap();
            assert!(objection.ends_with(expected), "{objection}");
        }
    }

    #[test]
    fn only_the_first_stretch_of_an_index_page_is_compared() {
        let skips = [0, 10, 20, 30, 0, 10, 0];
        let pages = skips.map(|skip| (stretch(skip), None, 5, 1));
        let objections = check(&pages);
        assert_eq!(objections.iter().position(Option::is_some), Some(6));
    }

    #[test]
    fn empty_pages_may_lead_on_for_a_while() {
        let empty = |next: Option<Cursor>| (link("here"), next, 0, 0);
        let most = MAX_EMPTY as usize;
        let objected = |pages: &[_]| check(pages).iter().position(Option::is_some);
        let pages = vec![empty(Some(link("next"))); most + 2];
        assert_eq!(objected(&pages), Some(most));
        // a feed of numbers ends at its first empty page, so empty pages do not lead on
        let pages = vec![empty(Some(Cursor::Number(9))); most + 2];
        assert_eq!(objected(&pages), None);
        assert_eq!(objected(&vec![empty(None); most + 2]), None);
        let mut pages = vec![empty(Some(link("next"))); most + 2];
        pages[most - 1].2 = 1;
        assert_eq!(objected(&pages), None);
    }

    #[test]
    fn a_link_may_not_lead_back() {
        let index = |cursor: Cursor, skip| Cursor::Detail {
            index: Box::new(cursor),
            skip,
            seen: String::new(),
        };
        for (asked, url, next, expected) in [
            (&[][..], "https://feed.example/1", link("2"), false),
            // the page leads to itself, and no link led to it
            (&[], "https://feed.example/1", link("1"), true),
            (&[link("1"), link("2")], "x", link("1"), true),
            (&[link("1"), link("2")], "x", link("3"), false),
            (
                &[Cursor::Token("a".into())],
                "x",
                Cursor::Token("a".into()),
                true,
            ),
            (&[Cursor::Number(1)], "x", Cursor::Number(1), false),
            (&[Cursor::Offset(0)], "x", Cursor::Offset(0), false),
            (&[index(link("1"), 0)], "x", index(link("1"), 0), true),
            // two pages of the run that use the same index page
            (&[index(link("1"), 0)], "x", index(link("1"), 10), false),
        ] {
            let mut guard = Guard::new(3);
            for cursor in asked {
                guard.note_request(cursor);
            }
            assert_eq!(guard.check_loop(url, &next), expected, "{next:?}");
        }
    }

    #[test]
    fn several_unreadable_pages_in_a_row_are_objected_to() {
        let mut guard = Guard::new(3);
        assert_eq!(guard.check_unreadable(), None);
        assert_eq!(guard.check_unreadable(), None);
        guard.note_unchanged();
        assert_eq!(guard.check_unreadable(), None);
        assert_eq!(guard.check_unreadable(), None);
        let objection = guard.check_unreadable().unwrap();
        assert_eq!(
            objection,
            "is the last of 3 in a row that could not be read"
        );
        assert_eq!(Guard::new(1).check_unreadable().map(|_| ()), Some(()));
    }

    #[test]
    fn pages_that_are_stepped_over_count_apart_from_unreadable_ones() {
        let mut guard = Guard::new(3);
        let most = MAX_STEPPED_OVER;
        for _ in 1..most {
            assert_eq!(guard.check_stepped_over(), None);
        }
        assert_eq!(guard.check_unreadable(), None);
        let objection = guard.check_stepped_over().unwrap();
        let expected = format!("is the last of {most} in a row that the publisher refuses");
        assert_eq!(objection, expected);
        guard.note_unchanged();
        assert_eq!(guard.check_stepped_over(), None);
    }

    #[test]
    fn refused_items_are_counted_over_stretches() {
        let refused = |trailing, is_all| RefusedItems {
            trailing,
            is_all,
            kind: None,
        };
        for (stretches, expected) in [
            (
                &[refused(1, true), refused(1, true), refused(1, true)][..],
                Some(2),
            ),
            (&[refused(2, false), refused(1, true)], Some(1)),
            (&[refused(2, false), refused(2, false)], None),
            (
                &[refused(2, true), refused(0, false), refused(2, true)],
                None,
            ),
            (&[refused(3, false)], Some(0)),
        ] {
            let mut guard = Guard::new(3);
            let objections = stretches.iter().map(|it| guard.check_refused(*it));
            let objections: Vec<_> = objections.collect();
            assert_eq!(objections.iter().position(Option::is_some), expected);
        }
    }

    #[test]
    fn an_empty_status_ends_only_chains_that_an_empty_page_ends() {
        let number = |stop| Pagination::Number {
            param: None,
            start: 1,
            stop,
        };
        let ends = |pagination: &Pagination| {
            [200, 204, 404].map(|status| can_end_by_empty_page(pagination, status))
        };
        assert_eq!(ends(&number(Stop::Empty)), [true, true, true]);
        assert_eq!(ends(&number(Stop::Status(404))), [false, false, false]);
        assert_eq!(ends(&Pagination::default()), [false, false, false]);
    }
}
