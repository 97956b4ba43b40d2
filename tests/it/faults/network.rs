//! Tests network faults: connections that break or hang, and a publisher that fails as real
//! publishers do.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use futures::stream::{self, StreamExt as _};

use super::{PATIENCE_FILE, RUNS, Stand, declare};
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
const PLACES: u64 = 20;

/// The number of tests that run at once.
const AT_ONCE: usize = 4;

/// Short timeouts for a server that does not reply. Heartbeats are rare, so that a slow machine
/// does not send more bytes.
const IMPATIENT: &str = r#"
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
async fn stand(seed: u64) -> Stand {
    let mut stand = Stand::with(Ingest::new().await, Dice::of(seed), 4).await;
    stand.ingest.configure_as(PATIENCE_FILE, IMPATIENT);
    stand
}

/// The connection that is disturbed.
#[derive(Clone, Copy, Debug)]
enum With {
    Database,
    Publisher,
}

impl With {
    /// Puts a proxy before the server, which disturbs the connection after this many bytes.
    fn through(self, stand: &mut Stand, bytes: u64, trouble: Trouble) -> Proxy {
        match self {
            Self::Database => {
                let (socket, user, name) = stand.ingest.socket();
                let proxy = Proxy::troubled(&socket, bytes, trouble);
                stand.ingest.set("DATABASE_URL", &proxy.url(&user, &name));
                proxy
            }
            Self::Publisher => {
                let proxy = Proxy::before(stand.publisher.address(), bytes, trouble);
                declare(&mut stand.ingest, &proxy.http(), &stand.oracle);
                proxy
            }
        }
    }
}

/// Disturbs a connection at every position. Each time the run continues, or it cannot begin and
/// the next run stores everything.
async fn disturb(with: With) {
    let seed = Dice::new().seed();
    let mut calm = stand(seed).await;
    let whole = with.through(&mut calm, u64::MAX, Trouble::Cut);
    calm.start().end().await.expect(0);
    let length = whole.passed();
    let calm = calm.ingest.tables().await;
    let turns = (1..=PLACES).flat_map(|place| {
        let turn = usize::from(place % 2 == 0);
        TROUBLES.map(|troubles| (place, troubles[turn]))
    });
    stream::iter(turns)
        .map(async |(place, trouble)| {
            let mut stand = stand(seed).await;
            let proxy = with.through(&mut stand, length * place / (PLACES + 1), trouble);
            let when = format!("{trouble:?} with the {with:?} at {place} of {PLACES}");
            let ran = stand.start().end().await;
            assert!(proxy.was_troubled(), "{}", stand.when(&when));
            stand.expect_absorbed(&ran, &when);
            if ran.code != Some(0) {
                stand.be_patient();
                stand.start().end().await.expect(0);
            }
            stand.expect_tables(&calm, &when).await;
        })
        .buffer_unordered(AT_ONCE)
        .collect::<()>()
        .await;
}

#[tokio::test]
async fn a_conversation_with_the_database_breaks_anywhere_and_is_gone_on_with() {
    disturb(With::Database).await;
}

#[tokio::test]
async fn a_conversation_with_the_publisher_breaks_anywhere_and_is_gone_on_with() {
    disturb(With::Publisher).await;
}

#[tokio::test]
async fn a_body_that_stops_anywhere_is_never_a_page_nor_the_end() {
    for encoding in [None, Some(Encoding::Gzip)] {
        let mut stand = Stand::new(99).await;
        let feed = stand.oracle.feed();
        stand.publisher.turn(move |request| {
            let reply = feed.reply(request);
            let reply = match encoding {
                Some(encoding) => reply.encoded(encoding),
                None => reply,
            };
            // At the first request, the body of each page stops at another percentage.
            match request.nth {
                0 => reply.cut_at_percent(request.page()),
                _ => reply,
            }
        });
        let ran = stand.start().end().await.expect(0);
        let retries = ran.report()["retries"].as_u64();
        assert!(retries >= Some(99), "{retries:?}");
        stand.expect_all("after bodies that stop").await;
    }
}

/// The number of attempts for a page, and the longest `Retry-After`.
const ATTEMPTS: usize = 8;
const LONGEST_RETRY_AFTER: Duration = Duration::from_secs(2);

/// The time that a busy machine may need for one request.
const SLACK: Duration = Duration::from_secs(15);

/// Checks that a run did not request a page too often, and that no pause was longer than the
/// publisher's wait.
fn expect_manners(requests: &[Request], last: usize, when: &str) {
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
async fn a_storm_of_refusals_is_waited_out_or_said_to_be_too_long() {
    const PAGES: usize = 60;
    let mut stand = Stand::new(PAGES).await;
    stand.ingest.configure(&format!(
        "[fetch]\nlongest_retry_after = \"{LONGEST_RETRY_AFTER:?}\"\nattempts = {ATTEMPTS}"
    ));
    let feed = stand.oracle.feed();
    let dice = Mutex::new(stand.dice.fork());
    stand.publisher.turn(move |request| {
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
    let given_up = format!("after {ATTEMPTS} attempts");
    let mut times_given_up = 0;
    for runs in 1.. {
        let when = stand.when(&format!("run {runs} in a storm"));
        assert!(runs <= RUNS, "{when}");
        let before = stand.publisher.requests().len();
        let ran = stand.start().end().await;
        expect_manners(&stand.publisher.requests()[before..], PAGES, &when);
        if stand.is_done(&ran).await {
            break;
        }
        let is_given_up = ran.stderr.contains(&given_up);
        let is_said = is_given_up || ran.stderr.contains("rate limited until");
        assert!(is_said, "{when}: {}", ran.stderr);
        times_given_up += usize::from(is_given_up);
    }
    assert!(times_given_up > 0, "{}", stand.when("in a storm"));
    stand.expect_all("after a storm").await;
}

#[tokio::test]
async fn what_comes_to_the_head_of_a_feed_that_is_read_is_stored_by_the_next_run() {
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
