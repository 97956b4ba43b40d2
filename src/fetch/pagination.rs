//! Finds the page that follows a page, by pure functions over positions in a feed.
//!
//! Nothing here fetches pages or decides whether a link is allowed. A page that cannot say what
//! follows it is unreadable, and never the last one.

use serde_json::{Number, Value};
use url::Url;

use crate::json::{Pointer, Unreadable};
use crate::page::{Cursor, Position};
use crate::source::{LinkPlace, Pagination, Size, Stop};

/// The page that follows a page, and the totals of the chain, as far as the page tells them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Following {
    /// The next page. `None` if the page says that it is the last one.
    pub(crate) next: Option<Position>,
    pub(crate) total_pages: Option<u64>,
    pub(crate) total_items: Option<u64>,
}

/// The parts of a page that decide what follows it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PageParts<'r> {
    pub(crate) position: &'r Position,
    /// The URL of the request. A feed of changes compares its link with it.
    pub(crate) request_url: &'r Url,
    /// The URL of the response. Relative links start from it.
    pub(crate) url: &'r Url,
    /// The target of the `Link` header with the relation `next`, as served.
    pub(crate) next_link: Option<&'r str>,
    pub(crate) envelope: &'r Value,
    pub(crate) items: usize,
}

pub(crate) fn first_position(pagination: &Pagination) -> Position {
    match pagination {
        Pagination::Single { .. } | Pagination::File | Pagination::Link { .. } => Position {
            number: 1,
            cursor: Cursor::Start,
        },
        Pagination::Number { start, .. } => Position {
            number: *start,
            cursor: Cursor::Number(*start),
        },
        Pagination::Offset { start, .. } => Position {
            number: 1,
            cursor: Cursor::Offset(*start),
        },
        Pagination::Token { start, .. } => Position {
            number: 1,
            cursor: start.clone().map_or(Cursor::Start, Cursor::Token),
        },
    }
}

/// Returns the position of the page with a number, if it can be known without reading the page
/// before it.
pub(super) fn position_at(pagination: &Pagination, number: u64) -> Option<Position> {
    let first = first_position(pagination);
    let skipped = number.checked_sub(first.number)?;
    let cursor = match pagination {
        Pagination::Number { .. } => Cursor::Number(number),
        Pagination::Offset { start, size, .. } => {
            Cursor::Offset(skipped.checked_mul(*size)?.checked_add(*start)?)
        }
        Pagination::Single { .. }
        | Pagination::File
        | Pagination::Link { .. }
        | Pagination::Token { .. } => (skipped == 0).then_some(first.cursor)?,
    };
    Some(Position { number, cursor })
}

/// Returns the number of the page at a cursor, or 1 if the cursor does not tell it.
pub(super) fn page_number_at(pagination: &Pagination, cursor: &Cursor) -> u64 {
    match (pagination, cursor) {
        (_, Cursor::Number(number)) => *number,
        (Pagination::Offset { start, size, .. }, Cursor::Offset(offset)) => {
            offset.saturating_sub(*start) / size + 1
        }
        _ => 1,
    }
}

/// Returns the position of the next page, if it can be known without reading this page.
pub(super) fn next_page_position(pagination: &Pagination, position: &Position) -> Option<Position> {
    position_at(pagination, position.number.checked_add(1)?)
}

/// Returns the number of the last page of a chain with `total_pages` pages. An empty chain has
/// one page, which says that there are no items.
pub(super) fn last_page_number(pagination: &Pagination, total_pages: u64) -> u64 {
    first_position(pagination)
        .number
        .saturating_add(total_pages.saturating_sub(1))
}

/// Returns true if the first page of a chain has at most half the items that the source declares
/// for a page, although other pages follow.
///
/// Such a server limits its pages to fewer items than were requested. The run would skip the
/// items between two pages or end too early, and would look complete.
pub(super) fn is_size_too_large(
    pagination: &Pagination,
    position: &Position,
    total_pages: Option<u64>,
    items: usize,
) -> bool {
    let size = match pagination {
        Pagination::Number {
            stop:
                Stop::TotalItems {
                    size: Size::Fixed(size),
                    ..
                },
            ..
        }
        | Pagination::Offset { size, .. } => *size,
        _ => return false,
    };
    let first = first_position(pagination).number;
    let follows = total_pages.is_some_and(|total| last_page_number(pagination, total) > first);
    position.number == first && follows && items as u64 <= size / 2
}

/// Returns true if a page looks full, so that it is probably not the last page of a link feed. It
/// has the declared size, or at least `fullest` items, the most that a page has had so far.
pub(super) fn is_full(pagination: &Pagination, items: usize, fullest: usize) -> bool {
    match pagination {
        pagination if pagination.is_change_feed() => false,
        Pagination::Link {
            size: Some(size), ..
        } => items as u64 >= *size,
        Pagination::Link { .. } | Pagination::Token { .. } => items > 0 && items >= fullest,
        Pagination::Single { .. }
        | Pagination::File
        | Pagination::Number { .. }
        | Pagination::Offset { .. } => false,
    }
}

/// Reads from a page the position of the next page, and the totals. A link becomes an absolute
/// URL, or stays as served if that is impossible.
pub(super) fn read_following(
    pagination: &Pagination,
    page: PageParts<'_>,
) -> Result<Following, Unreadable> {
    match pagination {
        Pagination::Single { .. } | Pagination::File => Ok(Following::default()),
        Pagination::Link {
            place: LinkPlace::Header,
            ..
        } => {
            let next = page.next_link.map(|link| resolve_link(page.url, link));
            Ok(follow_cursor(pagination, page, next))
        }
        Pagination::Link {
            place: LinkPlace::Member(pointer),
            ..
        }
        | Pagination::Token { pointer, .. } => {
            let next = read_member(pagination, pointer, page)?;
            Ok(follow_cursor(pagination, page, next))
        }
        Pagination::Number { stop, .. } | Pagination::Offset { stop, .. } => {
            read_totals(pagination, stop, page)
        }
    }
}

fn read_totals(
    pagination: &Pagination,
    stop: &Stop,
    page: PageParts<'_>,
) -> Result<Following, Unreadable> {
    let PageParts {
        position,
        envelope,
        items,
        ..
    } = page;
    let needs_total = matches!(stop, Stop::TotalPages(_) | Stop::TotalItems { .. });
    if envelope.is_null() && (items == 0 || needs_total) {
        // A single release has no total, so a feed that needs a total cannot read it. Otherwise
        // it is a page with one item, because an error object was recognized when the body was
        // cut.
        return Err(Unreadable("it is one object and not a page of them".into()));
    }
    let (total_pages, total_items) = match stop {
        Stop::TotalPages(pointer) => (Some(read_total(pointer, envelope)?), None),
        Stop::TotalItems { pointer, size } => {
            let items = read_total(pointer, envelope)?;
            let size = match size {
                Size::Fixed(size) => *size,
                Size::At(pointer) => read_total(pointer, envelope)?,
            };
            (Some(items.div_ceil(size.max(1))), Some(items))
        }
        Stop::Empty | Stop::Status(_) | Stop::Repeated => (None, None),
    };
    let ended = match total_pages {
        Some(total_pages) => position.number >= last_page_number(pagination, total_pages),
        None => items == 0,
    };
    let next = if ended {
        None
    } else {
        let after = next_page_position(pagination, position);
        let too_large = || Unreadable("the page after it has too large a number".into());
        Some(after.ok_or_else(too_large)?)
    };
    Ok(Following {
        next,
        total_pages,
        total_items,
    })
}

/// Reads the link or the token of the next page from a member. On the last page it is missing,
/// `null` or blank.
fn read_member(
    pagination: &Pagination,
    pointer: &Pointer,
    page: PageParts<'_>,
) -> Result<Option<Cursor>, Unreadable> {
    if !page.envelope.is_object() {
        return Err(Unreadable(format!(
            "it is not an object that could name the next page at {pointer}"
        )));
    }
    let is_link = matches!(pagination, Pagination::Link { .. });
    match pointer.get(page.envelope) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) if text.trim().is_empty() => Ok(None),
        Some(Value::String(link)) if is_link => Ok(Some(resolve_link(page.url, link))),
        Some(_) if is_link => Err(Unreadable(format!("{pointer} is not the text of a link"))),
        Some(Value::String(token)) => Ok(Some(Cursor::Token(token.clone()))),
        Some(Value::Number(token)) if is_kept(token) => Ok(Some(Cursor::Token(token.to_string()))),
        Some(Value::Number(_)) => {
            let message = format!("{pointer} is a number of more digits than are kept");
            Err(Unreadable(message))
        }
        Some(_) => Err(Unreadable(format!("{pointer} is not a token"))),
    }
}

/// Returns the position of the page at a link or token. In a feed of changes, the last page may
/// name itself.
fn follow_cursor(pagination: &Pagination, page: PageParts<'_>, next: Option<Cursor>) -> Following {
    let is_itself = |next: &Cursor| match next {
        Cursor::Link(link) => *link == remove_fragment(page.request_url),
        token => *token == page.position.cursor,
    };
    let next = next.filter(|next| !(pagination.is_change_feed() && is_itself(next)));
    let number = page.position.number.saturating_add(1);
    Following {
        next: next.map(|cursor| Position { number, cursor }),
        ..Following::default()
    }
}

/// Returns true if the number is exactly as served. An integer of more than 64 bits has become a
/// double, and a request with another number could lead anywhere.
fn is_kept(number: &Number) -> bool {
    // from this number on, a double cannot represent every integer
    let first_alike = 2_f64.powi(53);
    !number.is_f64() || number.as_f64().is_some_and(|it| it.abs() < first_alike)
}

/// Makes the cursor of a link. If the link has no URL, the cursor has the link as served.
pub(super) fn resolve_link(url: &Url, link: &str) -> Cursor {
    Cursor::Link(match url.join(link) {
        Ok(next) => remove_fragment(&next),
        Err(_) => link.trim().to_owned(),
    })
}

pub(super) fn remove_fragment(url: &Url) -> String {
    url[..url::Position::AfterQuery].to_owned()
}

/// Reads a number, or a text that is a number.
pub(super) fn read_total(pointer: &Pointer, envelope: &Value) -> Result<u64, Unreadable> {
    let number = match pointer.get(envelope) {
        Some(Value::Number(number)) => number.as_u64(),
        Some(Value::String(text)) => text.trim().parse().ok(),
        _ => None,
    };
    number.ok_or_else(|| Unreadable(format!("{pointer} is not a number")))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::source::LinkStop;

    fn pointer(text: &str) -> Pointer {
        Pointer::parse(text).unwrap()
    }

    fn url() -> Url {
        Url::parse("https://publisher.example/api/releases?limit=2").unwrap()
    }

    fn link_feed() -> Pagination {
        Pagination::Link {
            place: LinkPlace::Member(pointer("/links/next")),
            size: None,
            stop: LinkStop::NoLink,
        }
    }

    fn read_following(
        pagination: &Pagination,
        position: &Position,
        url: &Url,
        envelope: &Value,
        items: usize,
    ) -> Result<Following, Unreadable> {
        let page = PageParts {
            position,
            request_url: url,
            url,
            next_link: None,
            envelope,
            items,
        };
        super::read_following(pagination, page)
    }

    fn read_first_page(
        pagination: &Pagination,
        envelope: &Value,
        items: usize,
    ) -> Result<Following, Unreadable> {
        let first = first_position(pagination);
        read_following(pagination, &first, &url(), envelope, items)
    }

    fn number(start: u64, stop: Stop) -> Pagination {
        Pagination::Number {
            param: Some("page".into()),
            start,
            stop,
        }
    }

    fn offset(start: u64, size: u64, stop: Stop) -> Pagination {
        Pagination::Offset {
            param: Some("offset".into()),
            start,
            size,
            stop,
        }
    }

    fn total_items(size: u64) -> Stop {
        Stop::TotalItems {
            pointer: pointer("/total"),
            size: Size::Fixed(size),
        }
    }

    /// Returns all positions from the first page to the end. The pages have `items` items and
    /// this envelope.
    fn walk(pagination: &Pagination, envelope: &Value, items: &[usize]) -> Vec<Position> {
        let mut walked = vec![first_position(pagination)];
        while walked.len() <= items.len() {
            let position = &walked[walked.len() - 1];
            let seen = items[walked.len() - 1];
            match read_following(pagination, position, &url(), envelope, seen)
                .unwrap()
                .next
            {
                Some(next) => walked.push(next),
                None => return walked,
            }
        }
        panic!("walked past its {} pages", items.len());
    }

    #[test]
    fn a_single_document_has_no_next_page_whatever_it_is() {
        for envelope in [json!(null), json!([]), json!({"links": {"next": "/2"}})] {
            let following = read_first_page(&Pagination::default(), &envelope, 1);
            assert_eq!(following.unwrap().next, None);
        }
    }

    #[test]
    fn the_last_link_is_absent_null_or_blank() {
        for envelope in [
            json!({}),
            json!({"links": {}}),
            json!({"links": null}),
            json!({"links": {"next": null}}),
            json!({"links": {"next": ""}}),
            json!({"links": {"next": " "}}),
        ] {
            let following = read_first_page(&link_feed(), &envelope, 1).unwrap();
            assert_eq!(following.next, None, "{envelope}");
        }
    }

    #[test]
    fn a_link_of_a_wrong_type_is_unreadable() {
        for next in [json!(7), json!(false), json!({"href": "/2"}), json!(["/2"])] {
            let envelope = json!({"links": {"next": next}});
            assert!(
                read_first_page(&link_feed(), &envelope, 1).is_err(),
                "{envelope}"
            );
        }
    }

    #[test]
    fn a_body_that_could_not_name_a_next_page_is_not_the_last_one() {
        for envelope in [json!(null), json!([])] {
            assert!(read_first_page(&link_feed(), &envelope, 1).is_err());
        }
    }

    #[test]
    fn links_are_resolved_against_the_page() {
        for (link, expected) in [
            (
                "https://publisher.example/x?after=1",
                "https://publisher.example/x?after=1",
            ),
            ("//other.example/x", "https://other.example/x"),
            ("/x", "https://publisher.example/x"),
            ("x", "https://publisher.example/api/x"),
            ("?after=1", "https://publisher.example/api/releases?after=1"),
            (
                "?after=1#top",
                "https://publisher.example/api/releases?after=1",
            ),
            ("http://[", "http://["),
        ] {
            let envelope = json!({"links": {"next": link}});
            let next = read_first_page(&link_feed(), &envelope, 1).unwrap().next;
            let expected = Position {
                number: 2,
                cursor: Cursor::Link(expected.into()),
            };
            assert_eq!(next, Some(expected));
        }
    }

    #[test]
    fn totals_may_be_the_text_of_a_number_and_nothing_else() {
        let feed = number(1, Stop::TotalPages(pointer("/pages")));
        let read = |envelope: Value| read_first_page(&feed, &envelope, 1).map(|f| f.total_pages);
        assert_eq!(read(json!({"pages": 3})), Ok(Some(3)));
        assert_eq!(read(json!({"pages": " 3 "})), Ok(Some(3)));
        for envelope in [
            json!({}),
            json!({"pages": null}),
            json!({"pages": "many"}),
            json!({"pages": -1}),
            json!({"pages": 1.5}),
            json!({"pages": [3]}),
            json!([]),
            json!(null),
        ] {
            assert!(read(envelope.clone()).is_err(), "{envelope}");
        }
    }

    #[test]
    fn the_page_after_the_last_is_one_without_items() {
        let feed = number(0, Stop::Empty);
        let numbers: Vec<u64> = walk(&feed, &json!([]), &[5, 1, 0])
            .iter()
            .map(|p| p.number)
            .collect();
        assert_eq!(numbers, [0, 1, 2]);
        assert!(read_first_page(&feed, &json!(null), 0).is_err());
        assert!(read_first_page(&feed, &json!(null), 1).is_ok());
    }

    #[test]
    fn an_empty_feed_is_one_page() {
        let envelope = json!({"pages": 0, "total": 0});
        for feed in [
            number(1, Stop::TotalPages(pointer("/pages"))),
            offset(0, 10, total_items(10)),
        ] {
            assert_eq!(walk(&feed, &envelope, &[0]), [first_position(&feed)]);
        }
    }

    #[test]
    fn numbers_that_end_are_unreadable_and_not_a_panic() {
        let feed = number(u64::MAX, Stop::Empty);
        assert!(read_first_page(&feed, &json!([]), 1).is_err());
        let feed = offset(u64::MAX - 1, 2, Stop::Empty);
        assert!(read_first_page(&feed, &json!([]), 1).is_err());
    }

    proptest! {
        #[test]
        fn offsets_visit_each_item_once(start in 0_u64..1000, size in 1_u64..50, total in 0_u64..2000) {
            let feed = offset(start, size, total_items(size));
            let pages = total.div_ceil(size).max(1);
            let envelope = json!({"total": total});
            let walked = walk(&feed, &envelope, &vec![1; pages as usize]);
            prop_assert_eq!(walked.len() as u64, pages);
            for (nth, position) in (0..).zip(&walked) {
                prop_assert_eq!(position.number, nth + 1);
                prop_assert_eq!(&position.cursor, &Cursor::Offset(start + nth * size));
            }
        }

        #[test]
        fn numbers_stop_at_the_total(start in 0_u64..1000, pages in 0_u64..500) {
            let feed = number(start, Stop::TotalPages(pointer("/pages")));
            let walked = walk(&feed, &json!({"pages": pages}), &vec![1; pages.max(1) as usize]);
            prop_assert_eq!(walked.len() as u64, pages.max(1));
            let last = walked.last().unwrap();
            prop_assert_eq!(last.number, last_page_number(&feed, pages));
            prop_assert_eq!(&last.cursor, &Cursor::Number(last.number));
        }

        #[test]
        fn a_page_found_by_number_is_the_one_walked_to(start in 0_u64..100, size in 1_u64..100, nth in 1_u64..100) {
            for feed in [number(start, Stop::Empty), offset(start, size, Stop::Empty)] {
                let items = [vec![1; nth as usize], vec![0]].concat();
                for position in walk(&feed, &json!([]), &items) {
                    prop_assert_eq!(position_at(&feed, position.number), Some(position.clone()));
                    prop_assert_eq!(Cursor::parse(&position.cursor.to_string()), Some(position.cursor));
                }
            }
        }

        #[test]
        fn whatever_the_link_the_next_page_is_the_next_number(link in ".*", number in 1_u64..100) {
            let position = Position { number, cursor: Cursor::Link("https://publisher.example/".into()) };
            let envelope = json!({"links": {"next": link}});
            let next = read_following(&link_feed(), &position, &url(), &envelope, 1).unwrap().next;
            prop_assert_eq!(next.is_none(), link.trim().is_empty());
            if let Some(next) = next {
                prop_assert_eq!(next.number, number + 1);
            }
        }
    }

    #[test]
    fn a_server_that_caps_its_pages_below_the_declared_size_is_noticed_on_the_first() {
        let feed = offset(0, 100, total_items(100));
        let check = |number, total_pages, items| {
            is_size_too_large(
                &feed,
                &position_at(&feed, number).unwrap(),
                Some(total_pages),
                items,
            )
        };
        assert!(check(1, 10, 50));
        assert!(check(1, 10, 0));
        assert!(!check(1, 10, 98));
        assert!(!check(1, 1, 50));
        assert!(!check(9, 10, 50));
    }

    #[test]
    fn the_newest_page_of_a_feed_of_changes_leads_to_itself() {
        let feed = Pagination::Token {
            param: Some("offset".into()),
            pointer: pointer("/next_page/offset"),
            start: None,
            stop: LinkStop::SameUrl,
        };
        let position = |number, cursor| Position { number, cursor };
        let token = |token: &str| Cursor::Token(token.into());
        for (own, envelope, expected) in [
            (
                Cursor::Start,
                json!({"next_page": {"offset": "a"}}),
                Some(token("a")),
            ),
            (
                token("a"),
                json!({"next_page": {"offset": 17}}),
                Some(token("17")),
            ),
            (token("17"), json!({"next_page": {"offset": 17}}), None),
            (token("17"), json!({}), None),
        ] {
            let next = read_following(&feed, &position(4, own), &url(), &envelope, 1)
                .unwrap()
                .next;
            assert_eq!(next, expected.map(|cursor| position(5, cursor)));
        }
        let feed = Pagination::Link {
            place: LinkPlace::Member(pointer("/next")),
            size: None,
            stop: LinkStop::SameUrl,
        };
        let envelope = json!({"next": "/api/releases?limit=2#x"});
        assert_eq!(read_first_page(&feed, &envelope, 1).unwrap().next, None);
        let envelope = json!({"next": "/api/releases?limit=2&offset=1"});
        assert!(read_first_page(&feed, &envelope, 1).unwrap().next.is_some());
    }

    #[test]
    fn a_token_of_more_digits_than_are_kept_is_unreadable_and_not_another_token() {
        let feed = Pagination::Token {
            param: Some("offset".into()),
            pointer: pointer("/next"),
            start: None,
            stop: LinkStop::NoLink,
        };
        let next = |token: &str| {
            let envelope = serde_json::from_str(&format!(r#"{{"next":{token}}}"#)).unwrap();
            read_first_page(&feed, &envelope, 1).map(|it| it.next.unwrap().cursor)
        };
        for kept in ["-1", "18446744073709551615", "1464904521.849"] {
            assert_eq!(next(kept), Ok(Cursor::Token(kept.into())));
        }
        assert!(next("18446744073709551616").is_err());
    }

    #[test]
    fn a_page_may_say_how_large_a_full_one_is() {
        let feed = number(
            0,
            Stop::TotalItems {
                pointer: pointer("/total"),
                size: Size::At(pointer("/size")),
            },
        );
        let envelope = json!({"total": 25, "size": 10});
        let following = read_first_page(&feed, &envelope, 10).unwrap();
        assert_eq!(
            (following.total_pages, following.total_items),
            (Some(3), Some(25))
        );
    }
}
