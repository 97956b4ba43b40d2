//! Tests network faults: connections that break or hang, and a publisher that fails as real
//! publishers do.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use futures::stream::{self, StreamExt as _};

use super::{FaultTest, MAX_RUNS, PATIENCE_FILE, declare_feed};
use crate::dice::Dice;
use crate::harness::{Ingest, NUMBER};
use crate::proxy::{Proxy, Trouble};
use crate::publisher::{Encoding, Feed, Publisher, Reply, Request, pages};

/// Connections that end, and connections that hang.
const TROUBLES: [[Trouble; 2]; 2] = [
    [Trouble::Cut, Trouble::Reset],
    [Trouble::HalfOpen, Trouble::BlackHole],
];

/// The number of positions at which a connection is disturbed.
const POSITIONS: u64 = 20;

/// The number of tests that run at once.
const CONCURRENT_TESTS: usize = 4;

/// Short timeouts for a server that does not reply. Heartbeats are rare, so that a slow machine
/// does not send more bytes.
const SHORT_TIMEOUTS: &str = r#"
[database]
statement_timeout = "2s"
connect_timeout = "2s"
idle_in_transaction_timeout = "2s"
[fetch]
attempts = 8
read_timeout = "1s"
page_timeout = "5s"
[lease]
heartbeat = "1s"
ttl = "10s"
wait = "20s"
"#;

/// Makes the same test for the same seed.
async fn make_test(seed: u64) -> FaultTest {
    let mut test = FaultTest::with_ingest(Ingest::new().await, Dice::from_seed(seed), 4).await;
    test.ingest.configure_as(PATIENCE_FILE, SHORT_TIMEOUTS);
    test
}

/// The connection that is disturbed.
#[derive(Clone, Copy, Debug)]
enum Peer {
    Database,
    Publisher,
}

impl Peer {
    /// Puts a proxy before the server, which disturbs the connection after this many bytes.
    fn put_proxy(self, test: &mut FaultTest, bytes: u64, trouble: Trouble) -> Proxy {
        match self {
            Self::Database => {
                let (socket, user, name) = test.ingest.socket();
                let proxy = Proxy::disturb_after(&socket, bytes, trouble);
                test.ingest
                    .set_env("DATABASE_URL", &proxy.url(&user, &name));
                proxy
            }
            Self::Publisher => {
                let proxy =
                    Proxy::disturb_publisher_after(test.publisher.address(), bytes, trouble);
                declare_feed(&mut test.ingest, &proxy.http(), &test.oracle);
                proxy
            }
        }
    }
}

/// Disturbs a connection at every position. Each time the run continues, or it cannot begin and
/// the next run stores everything.
async fn disturb(with: Peer) {
    let seed = Dice::new().seed();
    let mut calm = make_test(seed).await;
    let whole = with.put_proxy(&mut calm, u64::MAX, Trouble::Cut);
    calm.start().wait().await.expect(0);
    let length = whole.bytes_passed();
    let calm = calm.ingest.read_tables().await;
    let turns = (1..=POSITIONS).flat_map(|place| {
        let turn = usize::from(place % 2 == 0);
        TROUBLES.map(|troubles| (place, troubles[turn]))
    });
    stream::iter(turns)
        .map(async |(place, trouble)| {
            let mut test = make_test(seed).await;
            let proxy = with.put_proxy(&mut test, length * place / (POSITIONS + 1), trouble);
            let when = format!("{trouble:?} with the {with:?} at {place} of {POSITIONS}");
            let ran = test.start().wait().await;
            assert!(proxy.was_troubled(), "{}", test.describe(&when));
            test.expect_absorbed(&ran, &when);
            if ran.code != Some(0) {
                test.use_long_timeouts();
                test.start().wait().await.expect(0);
            }
            test.expect_tables(&calm, &when).await;
        })
        .buffer_unordered(CONCURRENT_TESTS)
        .collect::<()>()
        .await;
}

#[tokio::test]
async fn a_run_survives_a_database_connection_that_breaks_anywhere() {
    disturb(Peer::Database).await;
}

#[tokio::test]
async fn a_run_survives_a_publisher_connection_that_breaks_anywhere() {
    disturb(Peer::Publisher).await;
}

#[tokio::test]
async fn an_incomplete_body_is_never_a_page_or_the_end() {
    for encoding in [None, Some(Encoding::Gzip)] {
        let mut test = FaultTest::new(99).await;
        let feed = test.oracle.feed();
        test.publisher.set_script(move |request| {
            let reply = feed.reply(request);
            let reply = match encoding {
                Some(encoding) => reply.with_encoding(encoding),
                None => reply,
            };
            // At the first request, the body of each page stops at another percentage.
            match request.nth {
                0 => reply.cut_at_percent(request.page()),
                _ => reply,
            }
        });
        let ran = test.start().wait().await.expect(0);
        let retries = ran.report()["retries"].as_u64();
        assert!(retries >= Some(99), "{retries:?}");
        test.expect_all("after bodies that stop").await;
    }
}

/// The number of attempts for a page, and the longest `Retry-After`.
const ATTEMPTS: usize = 8;
const LONGEST_RETRY_AFTER: Duration = Duration::from_secs(2);

/// The time that a busy machine may need for one request.
const SLACK: Duration = Duration::from_secs(15);

/// Checks that a run did not request a page too often, and that no pause was longer than the
/// publisher's wait.
fn expect_polite_requests(requests: &[Request], last: usize, when: &str) {
    let mut by_page: HashMap<usize, Vec<Instant>> = HashMap::new();
    for request in requests {
        by_page.entry(request.page()).or_default().push(request.at);
    }
    for (page, asked) in by_page {
        // The last page is fetched once more to confirm it.
        let times = if page == last { 2 } else { 1 };
        let count = asked.len();
        assert!(
            count <= times * ATTEMPTS,
            "{when}: page {page}, {count} times"
        );
        let waits = asked.windows(2).map(|pair| pair[1] - pair[0]);
        let longest = waits.max().unwrap_or_default();
        let most = LONGEST_RETRY_AFTER + SLACK;
        assert!(longest < most, "{when}: page {page} after {longest:?}");
    }
}

#[tokio::test]
async fn many_refusals_are_waited_for_or_end_the_run_with_an_error() {
    const PAGES: usize = 60;
    let mut test = FaultTest::new(PAGES).await;
    test.ingest.configure(&format!(
        "[fetch]\nlongest_retry_after = \"{LONGEST_RETRY_AFTER:?}\"\nattempts = {ATTEMPTS}"
    ));
    let feed = test.oracle.feed();
    let dice = Mutex::new(test.dice.fork());
    test.publisher.set_script(move |request| {
        let (storm, wish) = {
            let mut dice = dice.lock().unwrap();
            (dice.roll(10), dice.roll(40))
        };
        // Some pages are refused more often than one run tries.
        if request.page().is_multiple_of(15) && request.nth < ATTEMPTS + 2 {
            return Reply::status(503);
        }
        let status = match storm {
            0 | 1 => 429,
            2 => 503,
            _ => return feed.reply(request),
        };
        let reply = Reply::status(status);
        match wish {
            0 => reply.header("retry-after", "1000000000"),
            1 => reply.header("retry-after", "1"),
            2..10 => reply.header("retry-after", "0"),
            10..20 => reply.header("retry-after", "Fri, 13 Nov 1998 08:00:00 GMT"),
            20..30 => reply.header("retry-after", "when it suits you"),
            _ => reply,
        }
    });
    let given_up = [
        format!("after {ATTEMPTS} attempts"),
        // or pages that were requested together were refused one after the other
        "refused requests in a row".to_owned(),
    ];
    let mut times_given_up = 0;
    for runs in 1.. {
        let when = test.describe(&format!("run {runs} in a storm"));
        assert!(runs <= MAX_RUNS, "{when}");
        let before = test.publisher.requests().len();
        let ran = test.start().wait().await;
        expect_polite_requests(&test.publisher.requests()[before..], PAGES, &when);
        if test.has_completed(&ran).await {
            break;
        }
        let is_given_up = given_up.iter().any(|it| ran.stderr.contains(it));
        let is_said = is_given_up || ran.stderr.contains("rate limited until");
        assert!(is_said, "{when}: {}", ran.stderr);
        times_given_up += usize::from(is_given_up);
    }
    assert!(times_given_up > 0, "{}", test.describe("in a storm"));
    test.expect_all("after a storm").await;
}

#[tokio::test]
async fn releases_added_at_the_head_of_a_feed_are_stored_by_the_next_run() {
    let new = Arc::new(AtomicUsize::new(0));
    let growing = Arc::clone(&new);
    let publisher = Publisher::serve(move |request| {
        // The newest releases come first, so new ones move the others to later pages.
        let growth = growing.load(Ordering::Relaxed);
        let mut items: Vec<String> = pages(1, 100 + growth).remove(0);
        items.reverse();
        let feed = Feed::number(items.chunks(10).map(<[String]>::to_vec).collect());
        if growth < 30 {
            growing.fetch_add(3, Ordering::Relaxed);
        }
        feed.reply(request)
    })
    .await;
    let ingest = Ingest::with_source(&publisher, NUMBER).await;
    ingest.run(&[]).await.expect(0);
    let grown = new.load(Ordering::Relaxed);
    assert!(grown > 0);
    ingest.run(&[]).await.expect(0);
    assert_eq!(ingest.count("release").await, 100 + grown);
}
