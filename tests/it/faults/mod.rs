//! Tests faults, and the invariants that hold whatever happens.
//!
//! Each test has a seed, causes faults while a run stores a feed, runs again without faults until
//! a run completes, and checks the [`invariants`] against the [`oracle`]. A failure prints its
//! seed, and `SEED` repeats it.

pub(crate) mod clock;
mod contention;
mod disk;
mod footprint;
pub(crate) mod invariants;
mod network;
mod oracle;
mod poison;
mod server;
mod signals;
mod soak;
mod upgrade;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::Duration;

use serde_json::Value;

use self::footprint::Footprint;
use self::invariants::Watcher;
use self::oracle::Oracle;
use crate::dice::Dice;
use crate::harness::{
    Cluster, Ingest, ProgramOutput, Running, SOURCE, TEST_TIMEOUT, Tables, connect,
};
use crate::publisher::{Publisher, release};

/// A source with its publisher, and the oracle that knows the right result.
struct FaultTest {
    dice: Dice,
    oracle: Oracle,
    publisher: Publisher,
    /// Later pages than this one are delayed by [`LATE_DELAY`].
    released: Arc<AtomicUsize>,
    ingest: Ingest,
}

/// The delay of each reply, so that faults can happen meanwhile.
const REPLY_DELAY: Duration = Duration::from_millis(10);

/// The delay of pages that are not released yet, so that the feed does not end before all faults
/// have happened.
const LATE_DELAY: Duration = Duration::from_millis(300);

/// The maximum number of runs for a feed, whatever happens to them.
const MAX_RUNS: usize = 100;

/// The file with longer timeouts.
const PATIENCE_FILE: &str = "patience.toml";

/// Declares the oracle's feed at a URL, and replaces the last declaration.
fn declare_feed(ingest: &mut Ingest, url: &str, oracle: &Oracle) {
    let source = format!("[sources.{SOURCE}]\nurl = {url:?}\n{}", oracle.definition());
    ingest.configure_as("source.toml", &source);
}

impl FaultTest {
    /// Makes a feed with this number of pages.
    async fn new(pages: usize) -> Self {
        let ingest = Ingest::new().await;
        Self::with_ingest(ingest, Dice::new(), pages).await
    }

    /// Uses a server of the test's own.
    async fn on_cluster(cluster: &Cluster, pages: usize) -> Self {
        let ingest = Ingest::on_cluster(cluster).await;
        Self::with_ingest(ingest, Dice::new(), pages).await
    }

    async fn with_ingest(ingest: Ingest, mut dice: Dice, pages: usize) -> Self {
        let oracle = Oracle::new(&mut dice, pages);
        Self::with_oracle(ingest, dice, oracle).await
    }

    async fn with_oracle(mut ingest: Ingest, dice: Dice, oracle: Oracle) -> Self {
        let released = Arc::new(AtomicUsize::new(usize::MAX));
        let (feed, so_far) = (oracle.feed(), Arc::clone(&released));
        let (thought, late) = (
            oracle.reply_delay(REPLY_DELAY),
            oracle.reply_delay(LATE_DELAY),
        );
        let publisher = Publisher::serve(move |request| {
            let is_early = request.page() > so_far.load(Relaxed);
            feed.reply(request)
                .delay(if is_early { late } else { thought })
        })
        .await;
        declare_feed(&mut ingest, &publisher.url("/"), &oracle);
        // Bad rows and a server that starts slowly on a busy machine are no reason to stop.
        ingest.configure("[sink]\nmax_bad_ratio = 1.0\n[database]\nretry_for = \"60s\"");
        invariants::insert_truths(&ingest.client, &oracle).await;
        Self {
            dice,
            oracle,
            publisher,
            released,
            ingest,
        }
    }

    /// Runs until `most` faults have had an effect and a run has completed. The fault returns
    /// true if it had an effect. It comes while a run is active, and waits as long as it should
    /// last. Returns the logs of all runs.
    async fn run_with_faults(
        &mut self,
        most: usize,
        mut fault: impl AsyncFnMut(&mut Dice, &Ingest, &mut Running) -> bool,
    ) -> String {
        let watcher = Watcher::start(&self.ingest.url, 1);
        let (mut faults, mut said) = (0, String::new());
        let mut footprint = Footprint::default();
        for runs in 1.. {
            assert!(
                runs <= MAX_RUNS,
                "{}: {faults} faults: {said}",
                self.describe("runs")
            );
            let mut run = self.start_and_wait().await;
            while run.is_running() && faults < most {
                // Each fault gets half of its pages before it and half during it.
                self.release_pages(2 * faults + 1, 2 * most);
                let calm = Duration::from_millis(self.dice.roll(200));
                tokio::time::sleep(calm).await;
                self.release_pages(2 * faults + 2, 2 * most);
                footprint = footprint.max(Footprint::measure(&run));
                if run.is_running() && fault(&mut self.dice, &self.ingest, &mut run).await {
                    faults += 1;
                }
            }
            let ran = run.wait_within(self.time_limit()).await;
            said += &ran.stderr;
            self.expect_absorbed(&ran, "under faults");
            if self.has_completed(&ran).await && faults == most {
                println!("{faults} faults in {runs} runs: {footprint:?}");
                break;
            }
        }
        watcher.expect_calm().await;
        footprint.expect_bounded();
        self.expect_all("after faults").await;
        said
    }

    /// Checks that a run ended by itself. If it could not begin, it must say so.
    fn expect_absorbed(&self, ran: &ProgramOutput, when: &str) {
        let begins = ["begins", "resumes"].map(|how| format!(" of {SOURCE} {how}"));
        let has_begun = begins.iter().any(|it| ran.stderr.contains(it));
        let expected = if has_begun { &[0][..] } else { &[0, 3] };
        let is_expected = ran.code.is_some_and(|code| expected.contains(&code));
        assert!(
            is_expected,
            "{}: {:?}: {}",
            self.describe(when),
            ran.code,
            ran.stderr
        );
    }

    /// Releases a share of the pages.
    fn release_pages(&self, share: usize, of: usize) {
        self.released
            .store(self.oracle.page_count() * share / of, Relaxed);
    }

    /// Returns true if a run has reached the end of the feed, according to its exit code. Callers
    /// that send signals call this only for runs that no signal ended.
    async fn has_completed(&mut self, ran: &ProgramOutput) -> bool {
        match ran.code {
            Some(0) => {
                self.ingest.client = connect(&self.ingest.url).await;
                let run = &ran.report()["run_id"];
                let pages = self
                    .ingest
                    .count(&format!("page where run_id = {run}"))
                    .await;
                assert_eq!(pages, self.oracle.page_count(), "{}", self.describe("done"));
                true
            }
            // Another run continues after these: an environment error, an incomplete feed, a lost
            // lease.
            Some(3 | 4 | 6) => {
                let verdicts: Vec<Value> = ran
                    .parse_lines()
                    .iter()
                    .map(|it| it["verdict"].clone())
                    .collect();
                assert!(
                    !verdicts.contains(&"complete".into()),
                    "{}: {ran:?}",
                    self.describe("ended")
                );
                false
            }
            code => panic!(
                "{}: exit code {code:?}, signal {:?}: {}",
                self.describe("ended"),
                ran.signal,
                ran.stderr
            ),
        }
    }

    /// Adds the seed that repeats a moment to its description.
    fn describe(&self, when: &str) -> String {
        format!("{when}, SEED={}", self.dice.seed())
    }

    /// Checks all invariants, and that a new release can still be stored.
    async fn expect_all(&mut self, when: &str) {
        let calm = self.read_undisturbed_tables().await;
        self.expect_tables(&calm, when).await;
    }

    /// Also compares the tables with those of a run without faults.
    async fn expect_tables(&mut self, calm: &Tables, when: &str) {
        let when = self.describe(when);
        self.ingest.client = connect(&self.ingest.url).await;
        invariants::expect_all(&self.ingest.client, &when).await;
        self.ingest.read_tables().await.expect_equal(calm, &when);

        self.use_long_timeouts();
        let fresh = self.oracle.make_feed(vec![vec![release(5_000_000)]]);
        self.publisher
            .set_script(move |request| fresh.reply(request));
        let counts = self.ingest.run(&[]).await.expect(0).counts();
        assert_eq!(counts.inserted, 1, "{when}: a fresh release");
    }

    /// Returns the tables of a run without faults, in a database of its own.
    async fn read_undisturbed_tables(&self) -> Tables {
        let publisher = self.oracle.feed().serve().await;
        let mut ingest = Ingest::new().await;
        declare_feed(&mut ingest, &publisher.url("/"), &self.oracle);
        ingest.configure("[sink]\nmax_bad_ratio = 1.0");
        let ran = ingest.start_run(&[]).wait_within(self.time_limit()).await;
        ran.expect(0);
        ingest.read_tables().await
    }

    /// Returns the time limit of a run over the whole feed.
    fn time_limit(&self) -> Duration {
        TEST_TIMEOUT + LATE_DELAY * u32::try_from(self.oracle.page_count()).unwrap()
    }

    /// Gives runs without faults the time that a busy machine needs.
    fn use_long_timeouts(&mut self) {
        let long = "connect_timeout = \"30s\"\nstatement_timeout = \"30s\"\nlock_timeout = \"20s\"";
        self.ingest
            .configure_as(PATIENCE_FILE, &format!("[database]\n{long}"));
    }

    fn start(&self) -> Running {
        self.ingest.start_run(&[])
    }

    /// Starts a run with an additional environment variable.
    fn start_with_env(&self, name: &str, value: &str) -> Running {
        let mut command = self.ingest.command(&["run", SOURCE, "--json"]);
        Running::new(command.env(name, value).spawn().unwrap())
    }

    /// Starts a run, and in three of four cases waits until it has stored something.
    async fn start_and_wait(&mut self) -> Running {
        let asked = self.publisher.targets().len();
        let mut run = self.start();
        let is_any_moment = self.dice.roll(4) == 0;
        while !is_any_moment && run.is_running() && self.publisher.targets().len() == asked {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        run
    }
}
