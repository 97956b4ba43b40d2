//! Tests the walk through a feed over real sockets: in order, complete, and not beyond its end.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use futures::StreamExt as _;
use ocds_ingest::config;
use ocds_ingest::error::{Error, Kind};
use ocds_ingest::fetch::{self, Event, Fetched, Fetcher, PageBudget, Plan, PreviousRun, Start};
use ocds_ingest::page::{Cursor, Page, Position, UnreadablePage};
use ocds_ingest::request::Requests;
use ocds_ingest::source::Source;
use tokio_util::sync::CancellationToken;

use crate::harness::{LINK, NUMBER};
use crate::publisher::{
    Encoding, Feed, Gate, Items, Publisher, Reply, Request, package, pages, release,
};

/// Always set, and full of characters that need encoding.
const SECRET: &str = "{env.PATH}";

fn read_secret() -> String {
    std::env::var("PATH").unwrap()
}

fn millis(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}

fn limits() -> config::Fetch {
    config::Fetch {
        attempts: 3,
        first_wait: millis(1),
        longest_wait: millis(5),
        ..config::Fetch::default()
    }
}

fn source(publisher: &Publisher, table: &str) -> Source {
    let mut source: Source =
        toml::from_str(&format!("url = {:?}\n{table}", publisher.url("/"))).unwrap();
    source.name = "zambia".into();
    source.validate().unwrap();
    source
}

fn fetcher(publisher: &Publisher, table: &str) -> Arc<Fetcher> {
    Arc::new(Fetcher::new(&source(publisher, table), &limits()).unwrap())
}

/// The pages that a walk delivered, and its result.
struct Walked {
    pages: Vec<Fetched>,
    error: Option<Error>,
}

impl Walked {
    fn numbers(&self) -> Vec<u64> {
        self.pages
            .iter()
            .map(|page| page.position().number)
            .collect()
    }

    fn read_pages(&self) -> Vec<&Page> {
        self.pages
            .iter()
            .map(|page| match page {
                Fetched::Page(page) => page,
                Fetched::Unchanged(page) => panic!("{page:?}"),
                Fetched::Unreadable(page) => panic!("{}", page.message),
            })
            .collect()
    }

    /// Returns the items of all pages as they were served.
    fn items(&self) -> Vec<String> {
        let read = self.read_pages();
        read.iter()
            .flat_map(|page| &page.documents)
            .flat_map(|part| {
                let items = part.cut.items.iter();
                items.map(|item| &part.body[item.range.clone()])
            })
            .map(|bytes| String::from_utf8(bytes.to_vec()).unwrap())
            .collect()
    }

    /// Checks that the walk ended at the end of the feed, with all these items.
    #[track_caller]
    fn expect_whole(&self, items: &[Vec<String>]) {
        assert!(self.error.is_none(), "{:?}", self.error);
        assert_eq!(self.items(), items.concat());
        assert!(self.read_pages().last().unwrap().next.is_none());
    }

    fn unreadable(&self) -> &UnreadablePage {
        match self.pages.last() {
            Some(Fetched::Unreadable(page)) => page,
            other => panic!("{other:?}"),
        }
    }

    /// Returns the kind and the message of the error.
    fn failure(&self) -> (Kind, String) {
        let error = self.error.as_ref().expect("the walk failed");
        (error.kind(), error.chain())
    }
}

async fn walk_from(fetcher: &Arc<Fetcher>, start: Start) -> Walked {
    let budget = PageBudget::new(8, usize::MAX);
    let stream = fetch::pages(Arc::clone(fetcher), start, budget, CancellationToken::new());
    let mut stream = std::pin::pin!(stream);
    let mut walked = Walked {
        pages: Vec::new(),
        error: None,
    };
    while let Some(delivery) = stream.next().await {
        match delivery {
            Ok(Event::Page(fetched, _permit)) => walked.pages.push(*fetched),
            Ok(_) => {}
            Err(error) => walked.error = Some(error),
        }
    }
    walked
}

fn start_at_first(fetcher: &Fetcher) -> Start {
    start_at(fetcher, fetch::first_page(fetcher.source()))
}

fn start_at(fetcher: &Fetcher, first: Position) -> Start {
    Start {
        plan: Plan::plain(fetcher.source(), first),
        fullest: 0,
        until: None,
        max_pages: None,
        files: Vec::new(),
        previous: PreviousRun::default(),
        refused: HashSet::new(),
        returns_to_stretch: false,
    }
}

async fn walk(fetcher: &Arc<Fetcher>) -> Walked {
    walk_from(fetcher, start_at_first(fetcher)).await
}

/// Walks a link feed of three pages. The second page misbehaves at its first request.
async fn walk_past_failure(table: &str, misbehaviour: Reply) -> (Walked, Requests) {
    let feed = Feed::link(pages(3, 2));
    let publisher = Publisher::serve(move |request| {
        if request.query("page").as_deref() == Some("2") && request.nth == 0 {
            misbehaviour.clone()
        } else {
            feed.reply(request)
        }
    })
    .await;
    let fetcher = fetcher(&publisher, &format!("{LINK}\n{table}"));
    let walked = walk(&fetcher).await;
    (walked, fetcher.counters())
}

/// Fetches one page of a publisher that always gives the same reply.
async fn fetch_page(table: &str, limits: config::Fetch, reply: Reply) -> (Walked, usize) {
    let publisher = Publisher::serve(move |_| reply.clone()).await;
    let fetcher = Arc::new(Fetcher::new(&source(&publisher, table), &limits).unwrap());
    let walked = walk(&fetcher).await;
    (walked, publisher.requests().len())
}

// Walks.

#[tokio::test]
async fn follows_links_to_the_last_page() {
    let feed = pages(4, 3);
    let publisher = Feed::link([feed.clone(), vec![vec![release(99)]]].concat())
        .serve()
        .await;
    let fetcher = fetcher(&publisher, LINK);
    let walked = walk(&fetcher).await;
    walked.expect_whole(&[feed, vec![vec![release(99)]]].concat());
    assert_eq!(walked.numbers(), [1, 2, 3, 4, 5]);
    assert_eq!(
        publisher.targets(),
        ["/", "/?page=2", "/?page=3", "/?page=4", "/?page=5"]
    );
    let cursors: Vec<&Cursor> = walked
        .pages
        .iter()
        .map(|page| &page.position().cursor)
        .collect();
    assert!(
        publisher
            .requests()
            .iter()
            .all(|asked| asked.method == "GET")
    );
    assert_eq!(cursors[0], &Cursor::Start);
    assert_eq!(cursors[1], &Cursor::Link(publisher.url("/?page=2")));
}

#[tokio::test]
async fn counts_pages_and_offsets_up_to_the_total_or_an_empty_page() {
    let feed = [pages(3, 2), vec![vec![release(9)]]].concat();
    for (is_offset, table, targets) in [
        (
            false,
            NUMBER,
            &["/?page=1", "/?page=2", "/?page=3", "/?page=4"][..],
        ),
        (
            false,
            r#"page = { mode = "number", total_items = "/total_items", size = 2 }"#,
            &["/?page=1", "/?page=2", "/?page=3", "/?page=4"],
        ),
        (
            false,
            r#"page = { mode = "number", stop = "empty" }"#,
            &["/?page=1", "/?page=2", "/?page=3", "/?page=4", "/?page=5"],
        ),
        (
            true,
            r#"page = { mode = "offset", total_items = "/total_items", size = 2 }"#,
            &["/?offset=0", "/?offset=2", "/?offset=4", "/?offset=6"],
        ),
        (
            true,
            r#"page = { mode = "offset", stop = "empty", size = 2 }"#,
            &[
                "/?offset=0",
                "/?offset=2",
                "/?offset=4",
                "/?offset=6",
                "/?offset=8",
            ],
        ),
    ] {
        let served = if is_offset {
            Feed::offset(feed.clone())
        } else {
            Feed::number(feed.clone())
        };
        let publisher = served.serve().await;
        let walked = walk(&fetcher(&publisher, table)).await;
        walked.expect_whole(&feed);
        assert_eq!(publisher.targets(), targets, "{table}");
        assert_eq!(
            walked.numbers(),
            (1..=targets.len() as u64).collect::<Vec<_>>()
        );
    }
}

#[tokio::test]
async fn a_single_document_is_one_request() {
    let publisher = Feed::link(pages(3, 2)).serve().await;
    let walked = walk(&fetcher(&publisher, "page = { mode = \"none\" }")).await;
    walked.expect_whole(&pages(1, 2));
    assert_eq!(publisher.targets(), ["/"]);
}

#[tokio::test]
async fn walks_five_hundred_pages_quickly() {
    let feed = pages(500, 5);
    for (served, table) in [
        (Feed::link(feed.clone()), LINK.to_owned()),
        (
            Feed::number(feed.clone()),
            format!("{NUMBER}\nhttp = {{ concurrency = 4 }}"),
        ),
    ] {
        let publisher = served.serve().await;
        let began = Instant::now();
        let walked = walk(&fetcher(&publisher, &table)).await;
        walked.expect_whole(&feed);
        assert!(
            began.elapsed() < Duration::from_secs(20),
            "{:?}",
            began.elapsed()
        );
    }
}

#[tokio::test]
async fn fetches_several_pages_at_once_and_delivers_them_in_order() {
    let feed = pages(12, 2);
    let served = Feed::number(feed.clone());
    // Of the four concurrent pages, the second comes last.
    let gate = Gate::open_up_to(0);
    let held = gate.clone();
    let publisher = Publisher::serve(move |request| match request.query("page").as_deref() {
        Some("2") => served.reply(request).hold_at(&held, 2),
        _ => served.reply(request),
    })
    .await;
    let fetcher = fetcher(
        &publisher,
        &format!("{NUMBER}\nhttp = {{ concurrency = 4 }}"),
    );
    let opener = async {
        publisher.wait_for_requests(5).await;
        tokio::time::sleep(millis(400)).await;
        assert_eq!(publisher.requests().len(), 5, "the sixth page waits");
        gate.open();
    };
    let (walked, ()) = tokio::join!(walk(&fetcher), opener);
    walked.expect_whole(&feed);
    assert_eq!(walked.numbers(), (1..=12).collect::<Vec<_>>());
    assert_eq!(publisher.requests().len(), 12);
}

#[tokio::test]
async fn never_has_more_open_requests_than_permits() {
    let feed = Feed::number(pages(9, 1));
    let publisher = Publisher::serve(move |request| feed.reply(request).delay(millis(2))).await;
    let fetcher = fetcher(
        &publisher,
        &format!("{NUMBER}\nhttp = {{ concurrency = 8 }}"),
    );
    let budget = PageBudget::new(2, usize::MAX);
    let start = start_at_first(&fetcher);
    let stream = fetch::pages(fetcher, start, budget, CancellationToken::new());
    let mut stream = std::pin::pin!(stream);
    let mut held = Vec::new();
    let mut numbers = Vec::new();
    while numbers.len() < 9 {
        // Holds two pages uncommitted, then commits the older one.
        if held.len() == 2 {
            let asked = publisher.requests().len();
            assert!(
                tokio::time::timeout(millis(30), stream.next())
                    .await
                    .is_err()
            );
            assert_eq!(publisher.requests().len(), asked);
            assert_eq!(asked, numbers.len());
            drop(held.remove(0));
        }
        let Some(Ok(Event::Page(fetched, permit))) = stream.next().await else {
            panic!("no page");
        };
        numbers.push(fetched.position().number);
        held.push(permit);
    }
    assert_eq!(numbers, (1..=9).collect::<Vec<_>>());
}

#[tokio::test]
async fn starts_in_the_middle_and_ends_after_the_requested_page() {
    let feed = pages(9, 1);
    for (served, table, cursor) in [
        (
            Feed::number(feed.clone()),
            format!("{NUMBER}\nhttp = {{ concurrency = 4 }}"),
            None,
        ),
        (
            Feed::offset(feed.clone()),
            r#"page = { mode = "offset", size = 1, stop = "empty" }"#.into(),
            None,
        ),
        (Feed::link(feed.clone()), LINK.into(), Some("/?page=4")),
    ] {
        let publisher = served.serve().await;
        let fetcher = fetcher(&publisher, &table);
        let position = match cursor {
            Some(path) => Position {
                number: 4,
                cursor: Cursor::Link(publisher.url(path)),
            },
            None => fetch::page_at(fetcher.source(), 4).unwrap(),
        };
        let walked = walk_from(
            &fetcher,
            Start {
                fullest: 1,
                until: Some(6),
                ..start_at(&fetcher, position)
            },
        )
        .await;
        assert!(walked.error.is_none());
        assert_eq!(walked.items(), feed[3..6].concat());
        assert!(
            walked.read_pages()[2].next.is_some(),
            "the end of the feed was not seen"
        );
        assert_eq!(publisher.requests().len(), 3, "{table}");
    }
}

#[tokio::test]
async fn continues_to_the_new_end_when_the_feed_grows() {
    let feed = pages(6, 2);
    let (short, long) = (Feed::number(feed[..4].to_vec()), Feed::number(feed.clone()));
    let publisher = Publisher::serve(move |request| {
        let page: usize = request.query("page").unwrap().parse().unwrap();
        if page < 4 {
            short.reply(request)
        } else {
            long.reply(request)
        }
    })
    .await;
    let walked = walk(&fetcher(
        &publisher,
        &format!("{NUMBER}\nhttp = {{ concurrency = 3 }}"),
    ))
    .await;
    walked.expect_whole(&feed);
}

#[tokio::test]
async fn a_total_that_becomes_smaller_is_confirmed_by_another_request() {
    let feed = pages(5, 2);
    let served = Feed::number(feed.clone());
    let publisher = Publisher::serve(move |request| {
        if request.query("page").as_deref() == Some("3") && request.nth == 0 {
            return Reply::json(package(&[], r#","total_pages":0"#));
        }
        served.reply(request)
    })
    .await;
    walk(&fetcher(&publisher, NUMBER)).await.expect_whole(&feed);

    // A feed that really became shorter ends at its new total.
    let (long, short) = (Feed::number(feed.clone()), Feed::number(feed[..3].to_vec()));
    let publisher = Publisher::serve(move |request| match request.query("page").as_deref() {
        Some("1") => long.reply(request),
        _ => short.reply(request),
    })
    .await;
    walk(&fetcher(&publisher, NUMBER))
        .await
        .expect_whole(&feed[..3]);
}

// Failures that are retried.

#[tokio::test]
async fn retries_what_fails_once() {
    let whole = package(&[release(2), release(3)], r#","links":{"next":"?page=3"}"#);
    for (what, misbehaviour) in [
        ("status 500", Reply::status(500)),
        ("status 503", Reply::status(503).body("<html>busy</html>")),
        ("status 429", Reply::status(429)),
        ("status 408", Reply::status(408)),
        ("a status the source adds", Reply::status(403)),
        (
            "a reset before the body",
            Reply::json(whole.clone()).cut_after(0),
        ),
        (
            "a reset in mid-body",
            Reply::json(whole.clone()).cut_after(whole.len() / 2),
        ),
        (
            "a reset in a compressed body",
            Reply::json(whole.clone())
                .with_encoding(Encoding::Gzip)
                .cut_after(30),
        ),
        (
            "truncated JSON",
            Reply::json(whole[..whole.len() - 40].to_owned()),
        ),
        (
            "HTML with 200",
            Reply::json("<!doctype html><title>Request Rejected</title>"),
        ),
        (
            "an error object with 200",
            Reply::json(r#"{"error":"internal"}"#),
        ),
        ("an empty body with 200", Reply::json("")),
        ("white space with 200", Reply::json(" \n")),
        ("no content", Reply::status(204)),
        (
            "bad gzip",
            Reply::json("not gzip").header("content-encoding", "gzip"),
        ),
        (
            "an encoding not asked for",
            Reply::json(&b"\x1F\x9D\x90"[..]).header("content-encoding", "compress"),
        ),
        (
            "a link of a wrong type",
            Reply::json(package(&[release(2)], r#","links":{"next":3}"#)),
        ),
    ] {
        let (walked, counters) =
            walk_past_failure("http = { retry_status = [403] }", misbehaviour).await;
        assert!(walked.error.is_none(), "{what}: {:?}", walked.error);
        walked.expect_whole(&pages(3, 2));
        assert_eq!(
            (counters.retries, walked.numbers()),
            (1, vec![1, 2, 3]),
            "{what}"
        );
    }
}

#[tokio::test]
async fn an_incomplete_body_is_never_the_end_of_the_feed() {
    let whole = package(&[release(2), release(3)], r#","links":{"next":"?page=3"}"#);
    for percent in (0..100).step_by(8) {
        let at = whole.len() * percent / 100;
        for misbehaviour in [
            Reply::json(whole.clone()).cut_after(at),
            Reply::json(whole[..at].to_owned()),
        ] {
            let (walked, _) = walk_past_failure("", misbehaviour).await;
            walked.expect_whole(&pages(3, 2));
        }
    }
}

#[tokio::test]
async fn many_errors_are_retried() {
    let feed = pages(40, 2);
    let served = Feed::number(feed.clone());
    let publisher = Publisher::serve(move |request| {
        let page: usize = request.query("page").unwrap().parse().unwrap();
        match (page + request.nth) % 3 {
            0 if request.nth < 2 => Reply::status(503).header("retry-after", "0"),
            1 if request.nth < 1 => served.reply(request).cut_after(50),
            _ => served.reply(request),
        }
    })
    .await;
    let fetcher = fetcher(
        &publisher,
        &format!("{NUMBER}\nhttp = {{ concurrency = 4 }}"),
    );
    walk(&fetcher).await.expect_whole(&feed);
    let counters = fetcher.counters();
    assert_eq!(counters.requests, publisher.requests().len() as u64);
    assert_eq!(counters.requests, 40 + counters.retries);
}

#[tokio::test]
async fn a_missing_next_link_is_confirmed_by_another_request() {
    let (walked, counters) =
        walk_past_failure("", Reply::json(package(&[release(2), release(3)], ""))).await;
    walked.expect_whole(&pages(3, 2));
    // The second page again, and the third, which is as full as the others.
    assert_eq!((counters.requests, counters.retries), (5, 0));

    // A page that is less full than an earlier one is accepted as the last.
    let feed = [pages(2, 2), vec![vec![release(9)]]].concat();
    let publisher = Feed::link(feed.clone()).serve().await;
    walk(&fetcher(&publisher, LINK)).await.expect_whole(&feed);
    assert_eq!(publisher.requests().len(), 3);

    // So is one of a run that has seen a fuller page before.
    let fetcher = fetcher(&publisher, LINK);
    let position = Position {
        number: 3,
        cursor: Cursor::Link(publisher.url("/?page=3")),
    };
    let walked = walk_from(
        &fetcher,
        Start {
            fullest: 2,
            ..start_at(&fetcher, position)
        },
    )
    .await;
    walked.expect_whole(&feed[2..]);
    assert_eq!(publisher.requests().len(), 4);
}

// Failures that end the walk.

#[tokio::test]
async fn each_failure_ends_the_walk_with_its_kind_and_message() {
    for (reply, kind, sentence, requests) in [
        (
            Reply::status(404),
            Kind::Truncated,
            "fetch page 1 of zambia: status 404",
            1,
        ),
        (
            Reply::status(401),
            Kind::Truncated,
            "fetch page 1 of zambia: status 401",
            1,
        ),
        (
            Reply::status(403),
            Kind::Truncated,
            "fetch page 1 of zambia: status 403",
            1,
        ),
        (
            Reply::status(304),
            Kind::Truncated,
            "fetch page 1 of zambia: status 304",
            1,
        ),
        (
            Reply::status(429),
            Kind::Truncated,
            "fetch page 1 of zambia: status 429 after 3 attempts",
            3,
        ),
        (
            Reply::status(503),
            Kind::Environment,
            "fetch page 1 of zambia: status 503 after 3 attempts",
            3,
        ),
        (
            Reply::status(408),
            Kind::Environment,
            "fetch page 1 of zambia: status 408 after 3 attempts",
            3,
        ),
        (
            Reply::json("[]").cut_after(1),
            Kind::Interrupted,
            "fetch page 1 of zambia: no page after 3 attempts: read the body: ",
            3,
        ),
        (
            Reply::redirect(302, "/again"),
            Kind::Truncated,
            "fetch page 1 of zambia: more than 10 redirects in a row",
            11,
        ),
        (
            Reply::redirect(302, "http://localhost:1/"),
            Kind::HostRefused,
            "fetch page 1 of zambia: a redirect leads to host `localhost:1`, which `http.allow_hosts` does not name",
            1,
        ),
        (
            Reply::redirect(302, "ftp://127.0.0.1/"),
            Kind::HostRefused,
            "fetch page 1 of zambia: a redirect leads ",
            1,
        ),
        (
            Reply::status(503).header("retry-after", "301"),
            Kind::RateLimited,
            "fetch page 1 of zambia: status 503, rate limited until ",
            1,
        ),
        (
            Reply::status(429).header("retry-after", "99999999999999999999"),
            Kind::RateLimited,
            "fetch page 1 of zambia: status 429, rate limited for ",
            1,
        ),
    ] {
        let (walked, asked) = fetch_page(LINK, limits(), reply).await;
        let failure = walked.failure();
        assert_eq!(failure.0, kind, "{}", failure.1);
        assert!(failure.1.starts_with(sentence), "{}", failure.1);
        assert!(walked.pages.is_empty());
        assert_eq!(asked, requests, "{sentence}");
    }
}

#[tokio::test]
async fn an_unreachable_publisher_is_an_environment_error() {
    let publisher = Feed::link(pages(1, 1)).serve().await;
    let fetcher = fetcher(&publisher, LINK);
    drop(publisher);
    let walked = walk(&fetcher).await;
    let (kind, sentence) = walked.failure();
    assert_eq!(kind, Kind::Environment);
    assert!(
        sentence.starts_with("fetch page 1 of zambia: no page after 3 attempts: "),
        "{sentence}"
    );
    assert!(walked.error.unwrap().is_transient());
}

/// The time for which a server is silent; it is longer than all limits.
const SILENCE: Duration = Duration::from_secs(60);

#[tokio::test]
async fn time_limits_end_a_silent_server_and_a_slow_body() {
    let body = package(&pages(1, 20)[0], "");
    for (limits, reply) in [
        (
            config::Fetch {
                read_timeout: millis(500),
                ..limits()
            },
            Reply::json(body.clone()).delay(SILENCE),
        ),
        (
            config::Fetch {
                read_timeout: millis(500),
                ..limits()
            },
            Reply::json(body.clone()).drip(body.len() / 2, SILENCE),
        ),
        (
            config::Fetch {
                page_timeout: millis(500),
                ..limits()
            },
            Reply::json(body.clone()).drip(1, millis(20)),
        ),
    ] {
        let limits = config::Fetch {
            attempts: 2,
            ..limits
        };
        let began = Instant::now();
        let (walked, asked) = fetch_page(LINK, limits, reply).await;
        let kind = walked.failure().0;
        assert!(matches!(kind, Kind::Environment | Kind::Interrupted));
        assert_eq!(asked, 2);
        assert!(began.elapsed() < SILENCE, "{:?}", began.elapsed());
    }
}

#[tokio::test]
async fn an_unreadable_page_ends_a_link_feed_and_is_delivered() {
    let feed = Feed::link(pages(3, 2));
    let publisher = Publisher::serve(move |request| match request.query("page").as_deref() {
        Some("2") => Reply::json("<html>maintenance</html>"),
        _ => feed.reply(request),
    })
    .await;
    let fetcher = fetcher(&publisher, LINK);
    let walked = walk(&fetcher).await;
    assert!(walked.error.is_none());
    assert_eq!(walked.numbers(), [1, 2]);
    let page = walked.unreadable();
    assert_eq!(&page.body[..], b"<html>maintenance</html>");
    assert_eq!(page.url, publisher.url("/?page=2"));
    assert!(!page.message.is_empty());
    assert_eq!(fetcher.counters().retries, 2);
}

#[tokio::test]
async fn a_numbered_feed_skips_an_unreadable_page() {
    for table in [NUMBER, r#"page = { mode = "number", stop = "empty" }"#] {
        for bad in ["1", "3", "5"] {
            let feed = Feed::number(pages(5, 2));
            let publisher =
                Publisher::serve(move |request| match request.query("page").as_deref() {
                    Some(page) if page == bad => Reply::json(r#"{"error":"internal"#),
                    _ => feed.reply(request),
                })
                .await;
            let walked = walk(&fetcher(
                &publisher,
                &format!("{table}\nhttp = {{ concurrency = 3 }}"),
            ))
            .await;
            assert!(walked.error.is_none(), "{:?}", walked.error);
            let expected: Vec<u64> = if table == NUMBER {
                (1..=5).collect()
            } else {
                (1..=6).collect()
            };
            assert_eq!(walked.numbers(), expected);
            let unreadable: Vec<u64> = walked
                .pages
                .iter()
                .filter(|page| matches!(page, Fetched::Unreadable(_)))
                .map(|page| page.position().number)
                .collect();
            assert_eq!(unreadable, [bad.parse::<u64>().unwrap()]);
        }
    }
}

#[tokio::test]
async fn several_unreadable_pages_in_a_row_end_the_walk() {
    let feed = Feed::number(pages(50, 2));
    let publisher = Publisher::serve(move |request| match request.query("page").as_deref() {
        Some("1" | "2") => feed.reply(request),
        _ => Reply::json("<html>maintenance</html>"),
    })
    .await;
    let walked = walk(&fetcher(&publisher, NUMBER)).await;
    assert_eq!(walked.numbers(), [1, 2, 3, 4, 5]);
    let (kind, sentence) = walked.failure();
    assert_eq!(kind, Kind::Truncated);
    assert_eq!(
        sentence,
        "page 5 of zambia is the last of 3 in a row that could not be read: an HTML page"
    );
}

#[tokio::test]
async fn a_repeated_link_ends_the_walk_as_a_loop() {
    for (names, expected) in [
        ("?page=3", vec![1, 2, 3]),
        ("?page=2", vec![1, 2, 3]),
        ("/", vec![1, 2, 3]),
    ] {
        let feed = Feed::link(pages(3, 2));
        let publisher = Publisher::serve(move |request| match request.query("page").as_deref() {
            Some("3") => {
                let link = format!(r#","links":{{"next":"{names}"}}"#);
                Reply::json(package(&[release(4), release(5)], &link))
            }
            _ => feed.reply(request),
        })
        .await;
        let walked = walk(&fetcher(&publisher, LINK)).await;
        assert_eq!(walked.numbers(), expected);
        assert_eq!(walked.items(), pages(3, 2).concat());
        assert!(
            walked.read_pages()[2].next.is_some(),
            "a loop is not the end of the feed"
        );
        let (kind, sentence) = walked.failure();
        assert_eq!(kind, Kind::Truncated);
        assert_eq!(
            sentence,
            "page 3 of zambia names as next a page that was fetched before it, a loop"
        );
        assert_eq!(publisher.requests().len(), 3);
    }
}

#[tokio::test]
async fn a_server_that_ignores_the_page_number_is_detected() {
    for table in [NUMBER, r#"page = { mode = "number", stop = "empty" }"#] {
        let publisher =
            Publisher::serve(|_| Reply::json(package(&pages(1, 2)[0], r#","total_pages":50"#)))
                .await;
        let walked = walk(&fetcher(&publisher, table)).await;
        assert_eq!(walked.numbers(), [1, 2, 3]);
        assert_eq!(walked.failure().0, Kind::Truncated);
    }
}

#[tokio::test]
async fn endless_links_are_detected() {
    // Each page links to another one, and all have the same items or none.
    let all = (
        pages(1, 2).remove(0),
        3,
        "has the items of the pages before it",
    );
    let nothing = (Items::new(), 201, "is the last of 201 without items");
    for (items, requests, sentence) in [all, nothing] {
        let publisher = Publisher::serve(move |request| {
            let page = request.page();
            let link = format!(r#","links":{{"next":"?page={}"}}"#, page + 1);
            Reply::json(package(&items, &link))
        })
        .await;
        let walked = walk(&fetcher(&publisher, LINK)).await;
        let (kind, message) = walked.failure();
        assert_eq!(kind, Kind::Truncated);
        assert!(message.contains(sentence), "{message}");
        assert_eq!(publisher.requests().len(), requests);
    }
    // A few pages without items are accepted.
    let mut feed = pages(60, 1);
    for page in &mut feed[1..59] {
        page.clear();
    }
    let publisher = Feed::link(feed.clone()).serve().await;
    walk(&fetcher(&publisher, LINK)).await.expect_whole(&feed);
}

#[tokio::test]
async fn a_feed_with_fewer_items_than_its_total_is_incomplete() {
    // As behind a search engine that returns at most 4 results.
    let reply = |total: usize| {
        move |request: &Request| {
            let page: usize = request.query("page").unwrap().parse().unwrap();
            let items = pages(2, 2).get(page - 1).cloned().unwrap_or_default();
            Reply::json(package(&items, &format!(r#","total":{total}"#)))
        }
    };
    let table = r#"page = { mode = "number", total_items = "/total", size = 2 }"#;
    let publisher = Publisher::serve(reply(8)).await;
    let walked = walk(&fetcher(&publisher, table)).await;
    assert_eq!(walked.items(), pages(2, 2).concat());
    let (kind, sentence) = walked.failure();
    assert_eq!(kind, Kind::Truncated);
    assert_eq!(
        sentence,
        "page 4 of zambia is the last and empty, and there are fewer items than its total says"
    );
    // If pages are larger than the declared size, the walk fetches more of them.
    let table = r#"page = { mode = "number", total_items = "/total", size = 1 }"#;
    let publisher = Publisher::serve(reply(4)).await;
    let walked = walk(&fetcher(&publisher, table)).await;
    walked.expect_whole(&[pages(2, 2), vec![Items::new(); 2]].concat());
}

#[tokio::test]
async fn an_ignored_page_size_is_a_configuration_error() {
    let publisher = Feed::offset(pages(10, 10)).serve().await;
    let table = r#"page = { mode = "offset", size = 20, total_items = "/total_items" }"#;
    let walked = walk(&fetcher(&publisher, table)).await;
    assert!(walked.pages.is_empty());
    assert_eq!(walked.failure().0, Kind::Config);
}

// Limits.

#[tokio::test]
async fn a_body_over_a_limit_is_reported_and_not_fetched_again() {
    let body = package(&pages(1, 2_000)[0], "");
    let bomb = vec![b' '; 1 << 20];
    for (limits, reply, key) in [
        (
            config::Fetch {
                max_body_bytes: 100_000,
                ..limits()
            },
            Reply::json(body.clone()),
            "fetch.max_body_bytes",
        ),
        (
            config::Fetch {
                max_body_bytes: 5_000,
                ..limits()
            },
            Reply::json(body.clone()).with_encoding(Encoding::Gzip),
            "fetch.max_body_bytes",
        ),
        (
            config::Fetch {
                max_decoded_bytes: 100_000,
                ..limits()
            },
            Reply::json(body),
            "fetch.max_decoded_bytes",
        ),
        (
            config::Fetch {
                max_decoded_bytes: 128 << 10,
                ..limits()
            },
            Reply::json(bomb.clone()).with_encoding(Encoding::Gzip),
            "fetch.max_decoded_bytes",
        ),
        (
            config::Fetch {
                max_decoded_bytes: 128 << 10,
                ..limits()
            },
            Reply::json(bomb.clone()).with_encoding(Encoding::Brotli),
            "fetch.max_decoded_bytes",
        ),
        (
            config::Fetch {
                max_decoded_bytes: 128 << 10,
                ..limits()
            },
            Reply::json(bomb).with_encoding(Encoding::Zstd),
            "fetch.max_decoded_bytes",
        ),
    ] {
        let (walked, asked) = fetch_page(LINK, limits, reply).await;
        let page = walked.unreadable();
        assert!(page.message.contains(key), "{}", page.message);
        assert!(page.body.len() <= 64 << 10);
        assert_eq!(asked, 1);
    }
}

#[tokio::test]
async fn encoded_bodies_are_decoded_and_counted_by_their_encoded_size() {
    let items = pages(1, 500);
    let body = package(&items[0], "");
    for encoding in [Encoding::Gzip, Encoding::Brotli, Encoding::Zstd] {
        let served = body.clone();
        let publisher = Publisher::serve(move |request| {
            assert_eq!(request.header("accept-encoding"), Some("gzip, br, zstd"));
            Reply::json(served.clone()).with_encoding(encoding)
        })
        .await;
        let fetcher = fetcher(&publisher, "");
        walk(&fetcher).await.expect_whole(&items);
        let bytes = fetcher.counters().bytes;
        assert!(
            bytes > 100 && bytes < body.len() as u64 / 3,
            "{encoding:?}: {bytes}"
        );
    }
}

#[tokio::test]
async fn a_byte_order_mark_is_not_part_of_the_body() {
    let body = package(&pages(1, 1)[0], "");
    let (walked, _) = fetch_page("", limits(), Reply::json(format!("\u{feff}{body}"))).await;
    walked.expect_whole(&pages(1, 1));
    assert_eq!(walked.read_pages()[0].documents[0].body, body);
}

#[tokio::test]
async fn every_request_counts_for_the_rate_limit() {
    let feed = Feed::link(pages(3, 1));
    let publisher = Publisher::serve(move |request| match request.nth {
        0 => Reply::status(503),
        1 => Reply::redirect(302, &request.target),
        _ => feed.reply(request),
    })
    .await;
    let fetcher = fetcher(&publisher, &format!("{LINK}\nhttp = {{ rate = \"20/s\" }}"));
    walk(&fetcher).await.expect_whole(&pages(3, 1));
    let at: Vec<Instant> = publisher
        .requests()
        .iter()
        .map(|request| request.at)
        .collect();
    // Three pages with a retry and a redirect each, and the last page once more: nine intervals
    // of 50 ms, of which a busy machine may lose a few.
    assert_eq!(at.len(), 10);
    assert!(at[9] - at[0] >= millis(350), "{:?}", at[9] - at[0]);
}

// `Retry-After`.

/// The time that a busy machine may need in addition to a wait of two seconds.
const SLACK: Duration = Duration::from_secs(30);

/// Returns the time between a refusal and the page.
async fn measure_wait_after(refusal: impl Fn() -> Reply + Send + Sync + 'static) -> Duration {
    let publisher = Publisher::serve(move |request| match request.nth {
        0 => refusal(),
        _ => Reply::json(package(&pages(1, 1)[0], "")),
    })
    .await;
    walk(&fetcher(&publisher, ""))
        .await
        .expect_whole(&pages(1, 1));
    let asked = publisher.requests();
    assert_eq!(asked.len(), 2);
    asked[1].at - asked[0].at
}

#[tokio::test]
async fn retry_after_is_obeyed_in_seconds_and_as_a_date() {
    // A date has whole seconds, so one two seconds in the future is more than one second away.
    let date = || httpdate::fmt_http_date(SystemTime::now() + Duration::from_secs(2));
    let past = || "Fri, 13 Nov 2020 08:00:00 GMT".to_owned();
    let cases: [(fn() -> String, _); 5] = [
        (|| "1".to_owned(), millis(990)),
        (date, millis(900)),
        (|| "0".to_owned(), millis(0)),
        (|| "soon".to_owned(), millis(0)),
        (past, millis(0)),
    ];
    for (value, least) in cases {
        let refusal = move || Reply::status(429).header("retry-after", &value());
        let waited = measure_wait_after(refusal).await;
        assert!((least..SLACK).contains(&waited), "{}: {waited:?}", value());
    }
}

#[tokio::test]
async fn a_retry_after_date_is_relative_to_the_publishers_clock() {
    for year in [2020, 2090] {
        let date = move |second| {
            let midnight = Duration::from_secs((year - 1970) * 31_556_952);
            httpdate::fmt_http_date(UNIX_EPOCH + midnight + Duration::from_secs(second))
        };
        let refusal = move || {
            Reply::status(503)
                .header("date", &date(0))
                .header("retry-after", &date(1))
        };
        let waited = measure_wait_after(refusal).await;
        assert!((millis(990)..SLACK).contains(&waited), "{year}: {waited:?}");
    }
}

#[tokio::test]
async fn retry_after_zero_does_not_use_up_the_attempts_at_once() {
    let limits = config::Fetch {
        first_wait: millis(100),
        longest_wait: millis(100),
        ..limits()
    };
    let began = Instant::now();
    let (_, asked) = fetch_page(LINK, limits, Reply::status(429).header("retry-after", "0")).await;
    assert_eq!(asked, 3);
    assert!(
        began.elapsed() >= millis(100),
        "two waits of half to one tenth of a second"
    );
}

// Stopping.

#[tokio::test]
async fn a_stop_interrupts_requests_and_waits() {
    let limits = config::Fetch {
        first_wait: Duration::from_secs(60),
        longest_wait: Duration::from_secs(60),
        ..limits()
    };
    let slow = Reply::json("[]").delay(Duration::from_secs(60));
    for (table, reply) in [
        (LINK.to_owned(), slow),
        (LINK.to_owned(), Reply::status(503)),
        (
            LINK.to_owned(),
            Reply::status(503).header("retry-after", "60"),
        ),
        (
            format!("{LINK}\nhttp = {{ rate = \"1/60s\" }}"),
            Reply::json(package(&[], r#","links":{"next":"/2"}"#)),
        ),
    ] {
        let publisher = Publisher::serve(move |_| reply.clone()).await;
        let fetcher = Arc::new(Fetcher::new(&source(&publisher, &table), &limits).unwrap());
        let stop = CancellationToken::new();
        let start = start_at_first(&fetcher);
        let stream = fetch::pages(fetcher, start, PageBudget::new(2, usize::MAX), stop.clone());
        let began = Instant::now();
        let stopper = async {
            publisher.wait_for_requests(1).await;
            tokio::time::sleep(millis(60)).await;
            stop.cancel();
        };
        let (deliveries, ()) = tokio::join!(stream.collect::<Vec<_>>(), stopper);
        assert!(deliveries.iter().all(Result::is_ok));
        assert!(began.elapsed() < millis(30_000), "{:?}", began.elapsed());
        assert_eq!(publisher.requests().len(), 1);
    }
}

// Hosts and secrets.

#[tokio::test]
async fn redirects_on_the_same_host_are_followed() {
    let feed = Feed::link(pages(2, 2));
    let publisher = Publisher::serve(move |request| match request.path() {
        "/" => Reply::redirect(301, "/moved/here"),
        "/moved/here" => Reply::redirect(307, "/feed/"),
        _ => feed.reply(request),
    })
    .await;
    let walked = walk(&fetcher(&publisher, LINK)).await;
    walked.expect_whole(&pages(2, 2));
    // A link is relative to the URL of its page.
    assert_eq!(
        publisher.targets(),
        [
            "/",
            "/moved/here",
            "/feed/",
            "/feed/?page=2",
            "/feed/?page=2"
        ]
    );
    assert_eq!(walked.read_pages()[0].url, publisher.url("/"));
}

fn credentials() -> String {
    format!(
        "{LINK}\nquery = {{ key = \"{SECRET}\" }}\n[http.headers]\nauthorization = \"Bearer {SECRET}\"\nx-plain = \"1\"\n"
    )
}

fn authorization(request: &Request) -> Option<&str> {
    request.header("authorization")
}

#[tokio::test]
async fn secrets_are_sent_and_not_stored() {
    let served = AtomicUsize::new(0);
    let feed = pages(3, 2);
    let items = feed.clone();
    let publisher = Publisher::serve(move |request| {
        let page = served.fetch_add(1, Ordering::Relaxed);
        assert_eq!(request.query("key"), Some(read_secret()));
        assert_eq!(
            authorization(request),
            Some(format!("Bearer {}", read_secret()).as_str())
        );
        assert!(
            request
                .header("user-agent")
                .unwrap()
                .starts_with("ocds-ingest/")
        );
        // One link echoes the secret and one leaves it out.
        let link = match page {
            0 => format!(
                r#","links":{{"next":"/p?key={}&after=1"}}"#,
                read_secret().replace('/', "%2f")
            ),
            1 => r#","links":{"next":"/p?after=2"}"#.to_owned(),
            _ => String::new(),
        };
        Reply::json(package(&items[page.min(2)], &link))
    })
    .await;
    let walked = walk(&fetcher(&publisher, &credentials())).await;
    walked.expect_whole(&feed);
    let urls: Vec<&str> = walked
        .read_pages()
        .iter()
        .map(|page| page.url.as_str())
        .collect();
    assert_eq!(
        urls,
        [
            publisher.url(&format!("/?key={SECRET}")),
            publisher.url(&format!("/p?key={SECRET}&after=1")),
            publisher.url(&format!("/p?after=2&key={SECRET}")),
        ]
    );
    let next = &walked.read_pages()[0].next.as_ref().unwrap().cursor;
    assert_eq!(
        next,
        &Cursor::Link(publisher.url(&format!("/p?key={SECRET}&after=1")))
    );
}

#[tokio::test]
async fn other_hosts_get_no_secrets_and_headers() {
    let other = Feed::link(pages(1, 2)).serve().await;
    let there = other.url("/").replace("127.0.0.1", "localhost");
    let by_link = {
        let there = there.clone();
        Publisher::serve(move |_| {
            Reply::json(package(
                &[release(7)],
                &format!(r#","links":{{"next":"{there}"}}"#),
            ))
        })
        .await
    };
    let by_redirect = {
        let there = there.clone();
        Publisher::serve(move |_| Reply::redirect(302, &there)).await
    };
    for (publisher, expected) in [
        (&by_link, Kind::LinkRefused),
        (&by_redirect, Kind::HostRefused),
    ] {
        // The host is not allowed, so it gets no request.
        let walked = walk(&fetcher(publisher, &credentials())).await;
        let (kind, sentence) = walked.failure();
        assert_eq!(kind, expected);
        assert!(
            sentence.contains("localhost") && sentence.contains("http.allow_hosts"),
            "{sentence}"
        );
        assert!(walked.read_pages().iter().all(|page| page.next.is_some()));

        // The host is allowed, so it gets a request without secrets.
        let before = other.requests().len();
        let table = credentials().replace(
            "[http.headers]",
            "http.allow_hosts = [\"localhost\"]\n[http.headers]",
        );
        walk(&fetcher(publisher, &table)).await;
        let told = other.requests().split_off(before);
        assert!(!told.is_empty());
        for request in told {
            assert_eq!(
                (authorization(&request), request.header("x-plain")),
                (None, None)
            );
            assert!(!format!("{request:?}").contains(&read_secret()));
        }
    }
    assert_eq!(
        authorization(&by_link.requests()[0]),
        Some(format!("Bearer {}", read_secret()).as_str())
    );
}

#[tokio::test]
async fn an_error_shows_no_secret() {
    let publisher = Publisher::serve(|_| Reply::status(503)).await;
    let table = credentials();
    let reachable = fetcher(&publisher, &table);
    let mut sentences = vec![walk(&reachable).await.failure().1, format!("{reachable:?}")];
    drop(publisher);
    sentences.push(format!("{:?}", walk(&reachable).await.error));
    for sentence in sentences {
        assert!(!sentence.contains(&read_secret()), "{sentence}");
        assert!(
            !sentence.contains(&read_secret().replace('/', "%2F")),
            "{sentence}"
        );
    }
}

#[tokio::test]
async fn an_invalid_definition_is_refused_before_any_request() {
    let publisher = Feed::link(pages(1, 1)).serve().await;
    for (table, expected) in [
        (
            "query = { key = \"{env.OCDS_INGEST_TEST_UNSET}\" }",
            "key `sources.zambia.query.key`: the environment variable OCDS_INGEST_TEST_UNSET is not set, nor is OCDS_INGEST_TEST_UNSET_FILE",
        ),
        (
            "[http.headers]\n\"x y\" = \"1\"",
            "key `sources.zambia.http.headers.x y`: is not an HTTP header",
        ),
        (
            "[http.headers]\nx = \"a\\nb\"",
            "key `sources.zambia.http.headers.x`: is not an HTTP header",
        ),
    ] {
        let error = Fetcher::new(&source(&publisher, table), &limits()).unwrap_err();
        assert_eq!(
            (error.kind(), error.to_string().as_str()),
            (Kind::Config, expected)
        );
    }
    assert!(publisher.requests().is_empty());
}
