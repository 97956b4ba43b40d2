//! Fuzzes what follows a page, given its bytes and the pagination of its source.
//!
//! The first byte of the input selects the source, the second byte is the number of the page in
//! its feed, and the rest is the body.

#![no_main]

use std::sync::LazyLock;

use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use ocds_ingest::config;
use ocds_ingest::fetch::Fetcher;
use ocds_ingest::fuzz;
use ocds_ingest::page::{Cursor, Position};
use ocds_ingest::source::{LinkStop, Pagination, Size, Source, Stop};
use ocds_ingest_fuzz::Members;
use url::{Position as Part, Url};

/// A secret that no cursor may contain, as it is and as a URL encodes it.
const SECRET: &str = "s3cr&t";
const SECRET_IN_URL: &str = "s3cr%26t";

/// The paginations of the sources. The first byte of the input selects one, counted from `a`.
const PAGES: [&str; 12] = [
    r#"{ mode = "link", pointer = "/links/next" }"#,
    r#"{ mode = "link", pointer = "/links/next", stop = "same_url" }"#,
    r#"{ mode = "link", pointer = "/links/next", stop = "repeated" }"#,
    r#"{ mode = "token", pointer = "/links/next" }"#,
    r#"{ mode = "token", pointer = "/links/next", stop = "same_url", start = "first" }"#,
    r#"{ mode = "number", total_pages = "/total" }"#,
    r#"{ mode = "number", start = 0, total_items = "/total", size = "/size" }"#,
    r#"{ mode = "number", stop = "empty" }"#,
    r#"{ mode = "number", status = 404 }"#,
    r#"{ mode = "offset", total_items = "/total", size = 2 }"#,
    r#"{ mode = "offset", start = 1, size = 2, stop = "empty" }"#,
    r#"{ mode = "none" }"#,
];

const HOSTS: [&str; 2] = ["feed.example", "other.example"];

static FETCHERS: LazyLock<Vec<Fetcher>> = LazyLock::new(|| {
    let fetcher = |page: &&str| {
        let table = format!(
            r#"
            url = "https://feed.example/api?limit=2"
            query.key = "{{env.FUZZ_KEY}}"
            page = {page}
            http.allow_hosts = ["other.example"]
            "#
        );
        let mut source: Source = toml::from_str(&table).expect("a source");
        source.name = "feed".into();
        source.validate().expect("a source that fits together");
        Fetcher::new(&source, &config::Fetch::default()).expect("a fetcher")
    };
    PAGES.iter().map(fetcher).collect()
});

fuzz_target!(
    init: {
        // SAFETY: no other thread exists yet.
        unsafe { std::env::set_var("FUZZ_KEY", SECRET) };
    },
    |data: &[u8]| {
        let [page, nth, body @ ..] = data else { return };
        let fetcher = &FETCHERS[usize::from(page.wrapping_sub(b'a')) % PAGES.len()];
        let body = Bytes::copy_from_slice(body);
        let mut position = nth_page(fetcher, u64::from(*nth));
        // Use the same body for the following pages too.
        for _ in 0..3 {
            let Some(next) = next(fetcher, &position, &body) else {
                return;
            };
            position = next;
        }
    }
);

/// Returns the position of a page as a feed would reach it.
fn nth_page(fetcher: &Fetcher, nth: u64) -> Position {
    let first = fuzz::first(fetcher);
    if nth == 0 {
        return first;
    }
    let cursor = match (&fetcher.source().page, first.cursor) {
        (_, Cursor::Number(start)) => Cursor::Number(start + nth),
        (Pagination::Offset { size, .. }, Cursor::Offset(start)) => {
            Cursor::Offset(start + nth * size)
        }
        (Pagination::Link { .. }, _) => {
            Cursor::Link(format!("https://feed.example/api?page={nth}"))
        }
        (Pagination::Token { .. }, _) => Cursor::Token(nth.to_string()),
        (_, cursor) => cursor,
    };
    let number = first.number + nth;
    Position { number, cursor }
}

/// Returns the position after a page, if the page can be read and its next page may be fetched.
fn next(fetcher: &Fetcher, position: &Position, body: &Bytes) -> Option<Position> {
    let pagination = &fetcher.source().page;
    let url = fuzz::url(fetcher, position).ok()?;
    let (_, next) = fuzz::follow(fetcher, position, &url, body.clone()).ok()?;
    check_body(pagination, position, body, next.as_ref());
    let next = next?;
    assert!(next.number > position.number, "{next:?}");

    let stored = next.cursor.to_string();
    assert_eq!(Cursor::parse(&stored).as_ref(), Some(&next.cursor));
    assert!(!stored.contains('\0'), "{stored:?}");
    if let Cursor::Link(link) = &next.cursor {
        // A host is no secret: messages show it and the program compares it.
        let shown = Url::parse(link).map_or_else(|_| link.clone(), without_host);
        assert!(!contains_secret(&shown), "{link:?}");
    }
    // The walk notices other circles of links and tokens, because it remembers all its pages.
    let may_repeat = matches!(next.cursor, Cursor::Link(_) | Cursor::Token(_));
    assert!(next.cursor != position.cursor || (may_repeat && !pagination.is_change_feed()));
    match fuzz::url(fetcher, &next) {
        Ok(url) => {
            let host = url.host_str().expect("it is http");
            assert!(HOSTS.contains(&host), "{url}");
            assert!(url.scheme() == "https" || host != HOSTS[0], "{url}");
            let is_home = host == HOSTS[0];
            assert!(is_home || !contains_secret(url.as_str()), "{url}");
        }
        Err(error) => assert!(matches!(next.cursor, Cursor::Link(_)), "{error}"),
    }
    Some(next)
}

fn contains_secret(text: &str) -> bool {
    text.contains(SECRET) || text.contains(SECRET_IN_URL)
}

fn without_host(url: Url) -> String {
    url[Part::BeforePath..].to_owned()
}

/// Checks that the position agrees with what `serde_json` reads in the body.
fn check_body(pagination: &Pagination, position: &Position, body: &[u8], next: Option<&Position>) {
    let Ok(text) = std::str::from_utf8(body) else {
        return;
    };
    let is_whole = serde_json::from_str::<serde_json::Value>(text).is_ok();
    let Some(members) = Members::of(text).filter(|_| is_whole) else {
        return;
    };
    let number = |name| {
        let text = members.only(name)?;
        let unquoted = text.strip_prefix('"').and_then(|it| it.strip_suffix('"'));
        unquoted.unwrap_or(text).trim().parse::<u64>().ok()
    };
    match pagination {
        Pagination::Single { .. } | Pagination::File => assert_eq!(next, None),
        Pagination::Link { stop, .. } | Pagination::Token { stop, .. } => {
            if members.all("links").len() > 1 {
                return;
            }
            let links = members.only("links").and_then(Members::of);
            let links = links.map(|it| it.all("next")).unwrap_or_default();
            let text = links
                .last()
                .filter(|it| **it != "null")
                .map(|it| serde_json::from_str::<String>(it).unwrap_or_else(|_| (*it).to_owned()));
            match text {
                Some(text) if !text.trim().is_empty() => {
                    let is_integer = text.parse::<u64>().is_ok_and(|it| it.to_string() == text);
                    if let Some(Cursor::Token(token)) = next.map(|it| &it.cursor)
                        && (is_integer || text.starts_with(|first: char| first.is_alphabetic()))
                    {
                        // The program replaces characters around items that cannot be stored.
                        assert_eq!(*token, text.replace('\0', "\u{fffd}"));
                    }
                    assert!(next.is_some() || *stop == LinkStop::SameUrl, "{text:?}");
                }
                _ => assert_eq!(next, None),
            }
        }
        Pagination::Number { start, stop, .. } | Pagination::Offset { start, stop, .. } => {
            let first = match pagination {
                Pagination::Number { .. } => *start,
                _ => 1,
            };
            let pages = match stop {
                Stop::TotalPages(_) => number("total"),
                Stop::TotalItems { size, .. } => {
                    let size = match size {
                        Size::Fixed(size) => Some(*size),
                        Size::At(_) => number("size"),
                    };
                    let of = |size: u64| Some(number("total")?.div_ceil(size.max(1)));
                    size.and_then(of)
                }
                Stop::Empty | Stop::Status(_) | Stop::Repeated => return,
            };
            if let Some(pages) = pages {
                let is_last = position.number - first + 1 >= pages;
                assert_eq!(next.is_none(), is_last, "{pages} pages");
            }
        }
    }
}
