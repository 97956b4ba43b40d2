//! Faults, and what must hold whatever they do.
//!
//! Each test is a seed, faults while a run has a feed to store, runs without faults
//! until one comes to its end, and [`invariants`] checked against what the [`oracle`]
//! knows to be true. A failure prints its seed; `SEED` plays it again.

mod clock;
mod invariants;
mod network;
mod oracle;
mod poison;
mod server;
mod signals;
mod soak;
mod upgrade;

use std::time::Duration;

use self::invariants::Watcher;
use self::oracle::Oracle;
use crate::dice::Dice;
use crate::harness::{Cluster, Ingest, LINK, Ran, Running, connect};
use crate::publisher::{Publisher, Reply, Request, release};

/// A run, and what it is compared with.
struct Stand {
    dice: Dice,
    oracle: Oracle,
    publisher: Publisher,
    ingest: Ingest,
}

/// How long the publisher thinks about a page, so that something can happen meanwhile.
const THOUGHT: Duration = Duration::from_millis(10);

impl Stand {
    /// A feed of so many pages.
    async fn new(pages: usize) -> Self {
        let ingest = Ingest::new().await;
        Self::with(ingest, pages).await
    }

    /// The same on a server of its own.
    async fn on(cluster: &Cluster, pages: usize) -> Self {
        let ingest = Ingest::on(cluster).await;
        Self::with(ingest, pages).await
    }

    async fn with(ingest: Ingest, pages: usize) -> Self {
        let mut dice = Dice::new();
        let oracle = Oracle::new(&mut dice, pages);
        Self::of(ingest, dice, oracle).await
    }

    async fn of(mut ingest: Ingest, dice: Dice, oracle: Oracle) -> Self {
        let feed = oracle.link();
        let publisher = Publisher::serve(move |request| feed.reply(request).after(THOUGHT)).await;
        ingest.declare(&publisher, LINK);
        // what is poison is no reason to stop
        ingest.configure("[sink]\nmax_bad_ratio = 1.0");
        invariants::tell(&ingest.client, &oracle).await;
        Self {
            dice,
            oracle,
            publisher,
            ingest,
        }
    }

    /// Runs until a run has come to its end, with a fault again and again while one is
    /// under way, at most so many: each of them waits as long as it wants to last.
    async fn endure(&mut self, most: usize, mut fault: impl AsyncFnMut(&mut Dice, &Ingest)) {
        let watcher = Watcher::start(&self.ingest.url);
        let mut faults = 0;
        loop {
            let mut run = self.ingest.start_run(&[]);
            while run.is_running() && faults < most {
                let calm = Duration::from_millis(self.dice.roll(200));
                tokio::time::sleep(calm).await;
                fault(&mut self.dice, &self.ingest).await;
                faults += 1;
            }
            let ran = run.end().await;
            if self.is_done(&ran).await {
                break;
            }
        }
        assert!(faults > 0, "no fault came in time");
        watcher.expect_calm().await;
        self.expect_all("after faults").await;
    }

    /// Whether a run has come to the end of the feed, as its exit code says.
    async fn is_done(&mut self, ran: &Ran) -> bool {
        match ran.code {
            Some(0) => {
                self.ingest.client = connect(&self.ingest.url).await;
                let last = "page where run_id = (select max(id) from ocds.run)";
                assert_eq!(self.ingest.count(last).await, self.oracle.pages());
                true
            }
            // what another run goes on from: the environment, the middle of the feed,
            // a lease that was lost, a kill
            Some(3 | 4 | 6) | None => false,
            Some(code) => panic!("exit code {code}: {}", ran.stderr),
        }
    }

    /// Expects all invariants, and that a release that is new now is stored now.
    async fn expect_all(&mut self, when: &str) {
        self.ingest.client = connect(&self.ingest.url).await;
        invariants::expect_all(&self.ingest.client, when).await;

        let fresh = release(5_000_000);
        let package = crate::publisher::package(&[fresh], "");
        self.publisher
            .turn(move |_: &Request| Reply::json(package.clone()));
        let counts = self.ingest.run(&[]).await.expect(0).counts();
        assert_eq!(counts.inserted, 1, "{when}: a fresh release");
    }

    fn start(&self) -> Running {
        self.ingest.start_run(&[])
    }
}
