//! Causes all faults at random, one after the other, for a given time.
//!
//! `make soak SECONDS=3600 SEED=7`. At the end of a feed its invariants are checked, the source
//! is purged, and the next feed begins. A seed repeats the feeds, and the faults as far as their
//! timing allows. At the same time one long run meets faults that must not end it, and its memory
//! must not keep growing.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

use rustix::process::Signal;

use super::footprint::{Footprint, MemoryTrend};
use super::invariants::Watcher;
use super::oracle::Oracle;
use super::server::{hold_row, kill_backend, set_read_only, terminate_backends};
use super::{FaultTest, MAX_RUNS, PATIENCE_FILE, declare_feed, invariants};
use crate::dice::Dice;
use crate::harness::{Cluster, Ingest, ProgramOutput, Running, SOURCE, TEST_TIMEOUT, connect};
use crate::proxy::{Proxy, Trouble};
use crate::publisher::{Reply, Request};

/// The duration in seconds.
fn seconds() -> u64 {
    std::env::var("SOAK_SECONDS").map_or(15, |seconds| seconds.parse().unwrap())
}

/// In this many seconds each fault comes often enough to have an effect.
const LONG_SECONDS: u64 = 600;

/// The number of pages of each feed.
const PAGES: usize = 150;

/// The delay of each reply.
const REPLY_DELAY: Duration = Duration::from_millis(30);

/// The maximum duration of one run, because the test holds its whole feed in memory.
const LONGEST_SECONDS: u64 = 4 * 3_600;

/// Short timeouts.
const SHORT_TIMEOUTS: &str = r#"
[database]
statement_timeout = "2s"
connect_timeout = "2s"
lock_timeout = "1s"
idle_in_transaction_timeout = "1s"
[fetch]
read_timeout = "500ms"
page_timeout = "3s"
longest_retry_after = "1s"
[lease]
heartbeat = "300ms"
ttl = "3s"
wait = "20s"
[shutdown]
grace = "5s"
"#;

/// In addition, faults and slow pages must not end the run.
const LONG_TIMEOUTS: &str = r#"
[database]
retry_for = "10m"
[fetch]
attempts = 100
longest_wait = "500ms"
read_timeout = "2s"
"#;

/// The faults.
const FAULTS: [&str; 16] = [
    "kill -9",
    "terminate",
    "sleep",
    "a second run",
    "stop the server",
    "kill a backend",
    "read only",
    "a held row",
    "terminate backends",
    "cut the database",
    "half-open database",
    "black hole database",
    "reset the publisher",
    "black hole publisher",
    "throttle the publisher",
    "refusals",
];

/// The faults that end no run.
const GENTLE: &[&str] = FAULTS.split_at(7).1;

/// A soak test.
struct Soak {
    test: FaultTest,
    /// Makes the feeds. Faults have their own random numbers.
    feeds: Dice,
    cluster: Cluster,
    to_database: Proxy,
    to_publisher: Proxy,
    /// True while the publisher refuses some requests.
    is_stormy: Arc<AtomicBool>,
    /// The number of refusals.
    refused: Arc<AtomicU64>,
    inflicted: BTreeMap<&'static str, FaultCounts>,
}

/// Counts how many times a fault came, and how many times it had an effect.
#[derive(Clone, Copy, Debug, Default)]
struct FaultCounts {
    times: u32,
    took_effect: u32,
}

#[tokio::test]
async fn random_faults_break_no_invariant() {
    let mut bath = Soak::new(PAGES).await;
    let until = Instant::now() + Duration::from_secs(seconds());
    let (mut runs, mut feeds) = (0_u64, 0_u64);
    let mut footprint = Footprint::default();
    while Instant::now() < until {
        feeds += 1;
        println!("{}", bath.test.describe(&format!("feed {feeds}")));
        let thought = bath.test.oracle.reply_delay(REPLY_DELAY);
        bath.serve(move |_| thought);
        // At most two runs at once.
        let watcher = Watcher::start(&bath.test.ingest.url, 2);
        for of_feed in 1.. {
            assert!(
                of_feed <= MAX_RUNS,
                "{}",
                bath.test.describe("a feed has no end")
            );
            let mut run = bath.test.start();
            runs += 1;
            while run.is_running() && Instant::now() < until {
                bath.wait_randomly(1_500).await;
                footprint = footprint.max(Footprint::measure(&run));
                bath.cause_any_of(&FAULTS, &mut run).await;
            }
            let ran = run.wait().await;
            if !was_killed(&ran) && bath.test.has_completed(&ran).await {
                break;
            }
        }
        watcher.expect_calm().await;
        bath.test.expect_all("after a feed").await;
        bath.start_next_feed().await;
    }
    println!("{runs} runs, {feeds} feeds of {PAGES} pages, {footprint:?}");
    footprint.expect_bounded();
    bath.expect_effects(&FAULTS);
}

#[tokio::test]
async fn a_long_run_with_faults_completes_and_leaks_no_memory() {
    let seconds = seconds().min(LONGEST_SECONDS);
    // Thousands of pages if there is time. A page never takes longer than a run waits.
    let pages = (30 * seconds).min(3_000).max(4 * seconds);
    let mut bath = Soak::new(pages.try_into().unwrap()).await;
    bath.test
        .ingest
        .configure_as("enduring.toml", LONG_TIMEOUTS);
    let watcher = Watcher::start(&bath.test.ingest.url, 1);
    let began = Instant::now();
    let each = Duration::from_secs(seconds) / u32::try_from(pages).unwrap();
    bath.serve(move |request| {
        // Later pages come faster, to make up for the time that faults took.
        (each * u32::try_from(request.page()).unwrap()).saturating_sub(began.elapsed())
    });
    let mut run = bath.test.start();
    let course = MemoryTrend::start(&run);
    let is_under_way = "select count(*) > 0 from ocds.page";
    bath.test.ingest.wait_until(is_under_way).await;
    while run.is_running() && began.elapsed() < Duration::from_secs(seconds) {
        bath.wait_randomly(1_500).await;
        bath.cause_any_of(GENTLE, &mut run).await;
    }
    let ran = run.wait_within(5 * TEST_TIMEOUT).await.expect(0);
    println!("{pages} pages in {:.1?}", began.elapsed());
    assert!(bath.test.has_completed(&ran).await);
    watcher.expect_calm().await;
    course.expect_level().await;
    bath.test.expect_all("after one run").await;
    bath.expect_effects(GENTLE);
}

/// Returns true if a signal of this test ended the run: a kill, a signal before the program
/// handled signals, or a second one.
fn was_killed(ran: &ProgramOutput) -> bool {
    let signals = [Signal::KILL, Signal::TERM].map(|signal| Some(signal.as_raw()));
    signals.contains(&ran.signal) || ran.code == Some(143)
}

impl Soak {
    /// Makes a feed with this number of pages, which is not served yet.
    async fn new(pages: usize) -> Self {
        let cluster = Cluster::start().await;
        let mut dice = Dice::new();
        let mut feeds = dice.fork();
        let oracle = Oracle::new(&mut feeds, pages);
        let mut test =
            FaultTest::with_oracle(Ingest::on_cluster(&cluster).await, dice, oracle).await;
        test.ingest.configure_as(PATIENCE_FILE, SHORT_TIMEOUTS);
        let to_database = test.ingest.add_proxy();
        let to_publisher =
            Proxy::disturb_publisher_after(test.publisher.address(), u64::MAX, Trouble::Cut);
        Self {
            test,
            feeds,
            cluster,
            to_database,
            to_publisher,
            is_stormy: Arc::default(),
            refused: Arc::default(),
            inflicted: BTreeMap::new(),
        }
    }

    /// Serves the oracle's feed with a delay for each request, and with refusals during a storm.
    fn serve(&mut self, thought: impl Fn(&Request) -> Duration + Send + Sync + 'static) {
        let test = &mut self.test;
        declare_feed(&mut test.ingest, &self.to_publisher.http(), &test.oracle);
        let feed = test.oracle.feed();
        let (is_stormy, refused) = (Arc::clone(&self.is_stormy), Arc::clone(&self.refused));
        let nth = AtomicU64::new(0);
        test.publisher.set_script(move |request| {
            let reply = feed.reply(request).delay(thought(request));
            let nth = nth.fetch_add(1, Relaxed) % 6;
            if nth > 2 || !is_stormy.load(Relaxed) {
                return reply;
            }
            refused.fetch_add(1, Relaxed);
            match nth {
                0 => Reply::status(429).header("retry-after", "0"),
                1 => Reply::status(503),
                _ => reply.cut_at_percent(50),
            }
        });
    }

    /// Waits for a random time of up to `longest` milliseconds.
    async fn wait_randomly(&mut self, longest: u64) {
        let calm = Duration::from_millis(self.test.dice.roll(longest));
        tokio::time::sleep(calm).await;
    }

    /// Purges the source, and makes another feed for it.
    async fn start_next_feed(&mut self) {
        let test = &mut self.test;
        let purge = ["purge", SOURCE, "--yes"];
        test.ingest.call(&purge).await.expect(0);
        test.oracle = Oracle::new(&mut self.feeds, PAGES);
        test.ingest.configure_as(PATIENCE_FILE, SHORT_TIMEOUTS);
        test.ingest.client = connect(&test.ingest.url).await;
        let forget = "drop schema oracle cascade";
        test.ingest.execute(forget).await;
        invariants::insert_truths(&test.ingest.client, &test.oracle).await;
    }

    /// Causes one of these faults and counts it.
    async fn cause_any_of(&mut self, faults: &[&'static str], run: &mut Running) {
        let fault = faults[self.test.dice.index(faults.len())];
        let some = Duration::from_millis(200 + self.test.dice.roll(1_000));
        if !run.is_running() {
            return;
        }
        let took_effect = self.cause_fault(fault, some, run).await;
        println!("{fault}");
        let inflicted = self.inflicted.entry(fault).or_default();
        inflicted.times += 1;
        inflicted.took_effect += u32::from(took_effect);
    }

    /// Prints how often each fault came, and checks after a long soak that each had an effect.
    fn expect_effects(&self, faults: &[&'static str]) {
        for fault in faults {
            let inflicted = self.inflicted.get(fault).copied().unwrap_or_default();
            println!("{fault:24} {inflicted:?}");
            let has_come = inflicted.took_effect > 0;
            assert!(
                has_come || seconds() < LONG_SECONDS,
                "{}",
                self.test.describe(fault)
            );
        }
    }

    /// Causes a fault, and ends it again if it lasts. Returns true if it affected the run.
    async fn cause_fault(&mut self, fault: &str, some: Duration, run: &mut Running) -> bool {
        match fault {
            "kill -9" => run.send_signal(Signal::KILL),
            "terminate" => run.send_signal(Signal::TERM),
            "sleep" => {
                run.send_signal(Signal::STOP);
                tokio::time::sleep(some * 3).await;
                run.send_signal(Signal::CONT);
            }
            "a second run" => return self.run_second().await,
            "stop the server" => {
                self.cluster.server.crash().await.unwrap();
                tokio::time::sleep(some).await;
                self.cluster.server.ensure_running().await.unwrap();
            }
            "kill a backend" => return kill_backend(&self.test.ingest.url).await,
            "terminate backends" => return terminate_backends(&self.test.ingest.url).await,
            "read only" => {
                for setting in ["on", "off"] {
                    set_read_only(&self.cluster, setting).await;
                    tokio::time::sleep(some).await;
                }
                return run.is_running();
            }
            "a held row" => return hold_row(&self.test.ingest.url, some).await,
            "cut the database" => return self.to_database.disturb(Trouble::Cut),
            "half-open database" => return self.to_database.disturb(Trouble::HalfOpen),
            "black hole database" => return self.to_database.disturb(Trouble::BlackHole),
            "reset the publisher" => {
                self.to_publisher.refuse_connections(true);
                let were_any = self.to_publisher.disturb(Trouble::Reset);
                tokio::time::sleep(some).await;
                self.to_publisher.refuse_connections(false);
                return were_any;
            }
            "black hole publisher" => return self.to_publisher.disturb(Trouble::BlackHole),
            "throttle the publisher" => {
                let before = self.to_publisher.bytes_passed();
                self.to_publisher.throttle(2_000);
                tokio::time::sleep(some * 3).await;
                self.to_publisher.throttle(0);
                return self.to_publisher.bytes_passed() > before;
            }
            "refusals" => {
                let before = self.refused.load(Relaxed);
                self.is_stormy.store(true, Relaxed);
                tokio::time::sleep(some * 2).await;
                self.is_stormy.store(false, Relaxed);
                return self.refused.load(Relaxed) > before;
            }
            other => panic!("{other} is not known"),
        }
        true
    }

    /// Starts another run of the source, and returns true if it found that the source is held. If
    /// the source is free, that run stores what is left.
    async fn run_second(&self) -> bool {
        let wait = "OCDS_INGEST__LEASE__WAIT";
        let ran = self.test.start_with_env(wait, "300ms").wait().await;
        let is_honest = matches!(ran.code, Some(0 | 3 | 4 | 6));
        assert!(is_honest, "{}: {ran:?}", self.test.describe("a second run"));
        ran.code == Some(6)
    }
}
