//! All faults by chance, one after the other, for as long as is asked for.
//!
//! `make soak SECONDS=3600 SEED=7`. At the end of a feed its invariants are checked,
//! the source is emptied, and the next feed begins.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

use rustix::process::Signal;

use super::footprint::{self, Footprint};
use super::oracle::Oracle;
use super::server::{kill_backend, set_read_only, terminate_backends};
use super::{PATIENCE_FILE, RUNS, Stand, declare, invariants};
use crate::harness::{Cluster, Ran, Running, SOURCE, connect};
use crate::proxy::{Proxy, Trouble};
use crate::publisher::Reply;

/// How long it goes on.
fn seconds() -> u64 {
    std::env::var("SOAK_SECONDS").map_or(20, |seconds| seconds.parse().unwrap())
}

/// The pages of each feed.
const PAGES: usize = 150;

/// Short waits: nobody waits for what is not heard.
const IMPATIENT: &str = r#"
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

/// What is done to a run.
const FAULTS: [&str; 14] = [
    "kill -9",
    "terminate",
    "sleep",
    "stop the server",
    "kill a backend",
    "terminate backends",
    "read only",
    "cut the database",
    "half-open database",
    "black hole database",
    "reset the publisher",
    "black hole publisher",
    "throttle the publisher",
    "refusals",
];

/// What a soak has around its stand.
struct Bath {
    stand: Stand,
    cluster: Cluster,
    to_database: Proxy,
    to_publisher: Proxy,
    /// Whether the publisher refuses now and then.
    is_stormy: Arc<AtomicBool>,
}

#[tokio::test]
async fn all_faults_by_chance_break_no_invariant() {
    let until = Instant::now() + Duration::from_secs(seconds());
    let mut bath = Bath::new().await;
    let (mut faults, mut runs, mut feeds) = (0_u64, 0_u64, 0_u64);
    let mut largest: Vec<Footprint> = Vec::new();
    while Instant::now() < until {
        let watcher = invariants::Watcher::start(&bath.stand.ingest.url, 1);
        let mut footprint = Footprint::default();
        for of_feed in 1.. {
            assert!(of_feed <= RUNS, "{}", bath.stand.when("a feed has no end"));
            let mut run = bath.stand.start();
            runs += 1;
            while run.is_running() && Instant::now() < until {
                let calm = Duration::from_millis(bath.stand.dice.roll(1_500));
                tokio::time::sleep(calm).await;
                footprint = footprint.or(Footprint::of(&run));
                let fault = FAULTS[bath.stand.dice.index(FAULTS.len())];
                println!("{fault}");
                bath.inflict(fault, &run).await;
                faults += 1;
            }
            let ran = run.end().await;
            if !was_killed(&ran) && bath.stand.is_done(&ran).await {
                break;
            }
        }
        watcher.expect_calm().await;
        bath.stand.expect_all("after a feed").await;
        largest.push(footprint);
        feeds += 1;
        println!("feed {feeds}: {faults} faults in {runs} runs so far, {footprint:?}");
        bath.begin_anew().await;
    }
    println!("{faults} faults, {runs} runs, {feeds} feeds of {PAGES} pages");
    footprint::expect_level(&largest);
}

/// Whether a run ended by what this test sends: a kill, a signal before it listened, or
/// a second one.
fn was_killed(ran: &Ran) -> bool {
    let signals = [Signal::KILL, Signal::TERM].map(|signal| Some(signal.as_raw()));
    signals.contains(&ran.signal) || ran.code == Some(143)
}

impl Bath {
    async fn new() -> Self {
        let cluster = Cluster::start().await;
        let mut stand = Stand::on(&cluster, PAGES).await;
        let (socket, user, name) = stand.ingest.socket();
        let to_database = Proxy::slow(&socket, Duration::ZERO);
        stand
            .ingest
            .set("DATABASE_URL", &to_database.url(&user, &name));
        let to_publisher = Proxy::before(stand.publisher.address(), u64::MAX, Trouble::Cut);
        let mut bath = Self {
            stand,
            cluster,
            to_database,
            to_publisher,
            is_stormy: Arc::default(),
        };
        bath.serve();
        bath
    }

    /// Publishes the oracle's feed, with refusals while there is a storm.
    fn serve(&mut self) {
        let stand = &mut self.stand;
        declare(&mut stand.ingest, &self.to_publisher.http(), &stand.oracle);
        stand.ingest.configure_as(PATIENCE_FILE, IMPATIENT);
        let feed = stand.oracle.feed();
        let thought = stand.oracle.thought(Duration::from_millis(30));
        let is_stormy = Arc::clone(&self.is_stormy);
        let nth = AtomicU64::new(0);
        self.stand.publisher.turn(move |request| {
            let reply = feed.reply(request).after(thought);
            match nth.fetch_add(1, Relaxed) % 6 {
                0 if is_stormy.load(Relaxed) => Reply::status(429).header("retry-after", "0"),
                1 if is_stormy.load(Relaxed) => Reply::status(503),
                2 if is_stormy.load(Relaxed) => reply.cut_at_percent(50),
                _ => reply,
            }
        });
    }

    /// Empties the source, and makes another feed for it.
    async fn begin_anew(&mut self) {
        let stand = &mut self.stand;
        let purge = ["purge", SOURCE, "--yes"];
        stand.ingest.program(&purge).await.expect(0);
        stand.oracle = Oracle::new(&mut stand.dice, PAGES);
        stand.ingest.client = connect(&stand.ingest.url).await;
        let forget = "drop schema oracle cascade";
        stand.ingest.client.batch_execute(forget).await.unwrap();
        invariants::tell(&stand.ingest.client, &stand.oracle).await;
        self.serve();
    }

    /// Does something to a run, and ends it again if it lasts.
    async fn inflict(&mut self, fault: &str, run: &Running) {
        let some = Duration::from_millis(200 + self.stand.dice.roll(1_000));
        match fault {
            "kill -9" => run.signal(Signal::KILL),
            "terminate" => run.signal(Signal::TERM),
            "sleep" => {
                run.signal(Signal::STOP);
                tokio::time::sleep(some * 3).await;
                run.signal(Signal::CONT);
            }
            "stop the server" => {
                self.cluster.server.crash().await.unwrap();
                tokio::time::sleep(some).await;
                self.cluster.server.revive().await.unwrap();
            }
            "kill a backend" => {
                kill_backend(&self.stand.ingest.url).await;
            }
            "terminate backends" => {
                terminate_backends(&self.stand.ingest.url).await;
            }
            "read only" => {
                for setting in ["on", "off"] {
                    set_read_only(&self.cluster, setting).await;
                    tokio::time::sleep(some).await;
                }
            }
            "cut the database" => self.to_database.trouble(Trouble::Cut),
            "half-open database" => self.to_database.trouble(Trouble::HalfOpen),
            "black hole database" => self.to_database.trouble(Trouble::BlackHole),
            "reset the publisher" => {
                self.to_publisher.shut(true);
                self.to_publisher.trouble(Trouble::Reset);
                tokio::time::sleep(some).await;
                self.to_publisher.shut(false);
            }
            "black hole publisher" => self.to_publisher.trouble(Trouble::BlackHole),
            "throttle the publisher" => {
                self.to_publisher.throttle(2_000);
                tokio::time::sleep(some * 3).await;
                self.to_publisher.throttle(0);
            }
            "refusals" => {
                self.is_stormy.store(true, Relaxed);
                tokio::time::sleep(some * 2).await;
                self.is_stormy.store(false, Relaxed);
            }
            other => panic!("{other} is not known"),
        }
    }
}
