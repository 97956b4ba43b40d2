//! Tests concurrent runs of one source, some of which sleep or die: only one of them writes at
//! any moment.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use rustix::process::Signal;

use super::invariants::Watcher;
use super::{PATIENCE_FILE, Stand};
use crate::harness::{Cluster, Ingest, PATIENCE, Running};

/// The number of runs at a time.
const CONTENDERS: u8 = 3;

/// Enough pages that some remain after each fault.
const PAGES: usize = 120;

/// The number of kills before the other runs finish undisturbed.
const KILLS: usize = 3;

/// The longest time in which all runs may sleep, or find out which one writes.
const SLOW: Duration = Duration::from_secs(4);

/// The number of runs that must find after waking that another one has taken over.
const TAKEOVERS: usize = 3;

/// A silent holder is replaced soon, and other runs give up soon.
const SHORT_LEASE: &str = r#"
[database]
lock_timeout = "1s"
idle_in_transaction_timeout = "500ms"
[lease]
heartbeat = "200ms"
ttl = "1s"
wait = "500ms"
"#;

/// Records for each page, at its commit, which process commits it and which one holds the source.
/// A rollback removes the record.
const NOTE: &str = "
    create table oracle.commit (process bigint, run_id bigint, epoch integer, owner text);
    create function oracle.note() returns trigger language plpgsql as $$
    begin
        insert into oracle.commit
        select current_setting('oracle.process', true)::bigint, id, epoch, owner
        from ocds.run where id = new.run_id;
        return null;
    end $$;
    create constraint trigger note after insert on ocds.page
        deferrable initially deferred for each row execute function oracle.note()";

/// The records in the order of their commits.
const NOTES: &str = "
    select process, run_id, epoch, owner from oracle.commit where process is not null
    order by pg_xact_commit_timestamp(xmin)";

/// One of the concurrent runs.
struct Contender {
    run: Running,
    /// The time at which it wakes, if it sleeps.
    wakes: Option<Instant>,
    has_slept: bool,
    is_killed: bool,
}

/// The concurrent runs and their results.
struct Contest {
    stand: Stand,
    contenders: Vec<Contender>,
    /// The process ids in the order in which the runs started.
    processes: Vec<u32>,
    /// The number of committed pages at the last fault.
    written: i64,
    killed: usize,
    /// The number of runs that lost the source while they slept.
    taken_over: usize,
    codes: BTreeMap<i32, usize>,
}

#[tokio::test]
async fn of_runs_that_contend_for_a_source_one_writes_at_every_moment() {
    let cluster = Cluster::start_with(&[("track_commit_timestamp", "on")]).await;
    let mut contest = Contest::new(&cluster).await;
    let watcher = Watcher::start(&contest.stand.ingest.url, CONTENDERS.into());
    let began = Instant::now();
    while contest.killed < KILLS || contest.taken_over < TAKEOVERS {
        assert!(began.elapsed() < 2 * PATIENCE, "{}", contest.told());
        let done = contest.killed.min(KILLS) + contest.taken_over.min(TAKEOVERS);
        contest.stand.release(done + 1, KILLS + TAKEOVERS + 1);
        contest.go_on_until_written().await;
        let calm = Duration::from_millis(contest.stand.dice.roll(200));
        contest.go_on(calm).await;
        contest.disturb().await;
    }
    contest.end().await;
    watcher.expect_calm().await;
    println!("{}", contest.told());

    let mut stand = contest.expect_one_writer().await;
    let ran = stand.start().end().await.expect(0);
    assert!(stand.is_done(&ran).await);
    stand.expect_all("after contention").await;
}

impl Contest {
    async fn new(cluster: &Cluster) -> Self {
        let mut stand = Stand::on(cluster, PAGES).await;
        stand.ingest.configure_as(PATIENCE_FILE, SHORT_LEASE);
        stand.ingest.client.batch_execute(NOTE).await.unwrap();
        let mut contest = Self {
            stand,
            contenders: Vec::new(),
            processes: Vec::new(),
            written: 0,
            killed: 0,
            taken_over: 0,
            codes: BTreeMap::new(),
        };
        for _ in 0..CONTENDERS {
            contest.enter();
        }
        contest
    }

    /// Starts one more run, whose sessions have its number in their name.
    fn enter(&mut self) {
        let url = &self.stand.ingest.url;
        let sign = if url.contains('?') { '&' } else { '?' };
        let process = self.processes.len();
        let url = format!("{url}{sign}options=-c%20oracle.process%3D{process}");
        let run = self.stand.start_with("DATABASE_URL", &url);
        self.processes.push(run.id());
        self.contenders.push(Contender {
            run,
            wakes: None,
            has_slept: false,
            is_killed: false,
        });
    }

    /// Kills a run or makes it sleep, preferably the one that writes.
    async fn disturb(&mut self) {
        let any = self.stand.dice.index(self.contenders.len());
        let holder = match self.stand.dice.roll(3) {
            0 => None,
            _ => self.holder().await,
        };
        let contender = &mut self.contenders[holder.unwrap_or(any)];
        if self.killed < KILLS && self.stand.dice.roll(3) == 0 {
            contender.run.signal(Signal::KILL);
            contender.is_killed = true;
        } else if contender.wakes.is_none() {
            // Most sleep longer than their lease lasts.
            let long = Duration::from_millis(500 + self.stand.dice.roll(2_000));
            contender.run.signal(Signal::STOP);
            contender.wakes = Some(Instant::now() + long);
            contender.has_slept = true;
        }
    }

    /// Returns the index of the run that holds the source.
    async fn holder(&self) -> Option<usize> {
        let owner = "select owner from ocds.run where state = 'running'";
        let owners = self.stand.ingest.column(owner).await;
        let owner = owners.first()?;
        let mut contenders = self.contenders.iter();
        contenders.position(|contender| is_of(owner, contender.run.id()))
    }

    /// Lets the runs continue for some time, and replaces those that end.
    async fn go_on(&mut self, long: Duration) {
        let until = Instant::now() + long;
        while Instant::now() < until {
            self.look_after().await;
            while self.contenders.len() < CONTENDERS.into() {
                self.enter();
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// Lets the runs continue until a page is committed.
    async fn go_on_until_written(&mut self) {
        let began = Instant::now();
        let before = self.written;
        while self.written == before && began.elapsed() < SLOW {
            self.go_on(Duration::from_millis(10)).await;
            let count = "select count(*) from oracle.commit";
            let row = self.stand.ingest.client.query_one(count, &[]).await;
            self.written = row.unwrap().get(0);
        }
    }

    /// Lets each run finish by itself.
    async fn end(&mut self) {
        self.stand.release(1, 1);
        let began = Instant::now();
        while !self.contenders.is_empty() {
            assert!(began.elapsed() < PATIENCE, "{}", self.told());
            self.look_after().await;
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// Wakes runs whose sleep is over, and checks how others ended.
    async fn look_after(&mut self) {
        for mut contender in std::mem::take(&mut self.contenders) {
            if contender.wakes.is_some_and(|wakes| wakes <= Instant::now()) {
                contender.run.signal(Signal::CONT);
                contender.wakes = None;
            }
            if contender.run.is_running() {
                self.contenders.push(contender);
            } else {
                self.judge(contender).await;
            }
        }
    }

    /// Checks that a finished run was killed, completed, or found that another one holds the
    /// source.
    async fn judge(&mut self, contender: Contender) {
        let ran = contender.run.end().await;
        match ran.code {
            None if contender.is_killed => self.killed += 1,
            Some(code @ (0 | 3 | 4 | 6)) => {
                *self.codes.entry(code).or_default() += 1;
                let is_taken_over = code == 6 && ran.stderr.contains("has taken over");
                self.taken_over += usize::from(contender.has_slept && is_taken_over);
            }
            _ => panic!("{}: {ran:?}", self.told()),
        }
    }

    /// Checks that only the holder of the source committed each page, and that a run never wrote
    /// after it lost the source.
    async fn expect_one_writer(self) -> Stand {
        let notes = notes(&self.stand.ingest).await;
        let mut writers = Vec::new();
        for note in notes {
            let process = self.processes[note.process];
            assert!(
                is_of(&note.owner, process),
                "{}: {note:?} was committed by process {process}",
                self.told()
            );
            let writer = (note.run_id, note.epoch, note.process);
            if writers.last() != Some(&writer) {
                writers.push(writer);
            }
        }
        println!("{} wrote one after the other", writers.len());
        let leases: Vec<_> = writers.iter().map(|(run, epoch, _)| (run, epoch)).collect();
        assert!(
            leases.is_sorted_by(|a, b| a < b),
            "{}: {writers:?}",
            self.told()
        );
        let processes: BTreeSet<_> = writers.iter().map(|(_, _, process)| process).collect();
        assert_eq!(
            processes.len(),
            writers.len(),
            "{}: {writers:?}",
            self.told()
        );
        assert!(writers.len() > 2, "{}: {writers:?}", self.told());
        self.stand
    }

    /// Describes what happened, with the seed that repeats it.
    fn told(&self) -> String {
        let Self {
            processes,
            killed,
            taken_over,
            codes,
            ..
        } = self;
        let runs = processes.len();
        self.stand.when(&format!(
            "{runs} runs, {killed} killed, {taken_over} taken over from, exit codes {codes:?}"
        ))
    }
}

fn is_of(owner: &str, process: u32) -> bool {
    owner.ends_with(&format!(" process {process}"))
}

/// A committed page.
#[derive(Debug)]
struct Note {
    process: usize,
    run_id: i64,
    epoch: i32,
    owner: String,
}

async fn notes(ingest: &Ingest) -> Vec<Note> {
    let rows = ingest.client.query(NOTES, &[]).await.unwrap();
    let note = |row: &tokio_postgres::Row| Note {
        process: row.get::<_, i64>(0).try_into().unwrap(),
        run_id: row.get(1),
        epoch: row.get(2),
        owner: row.get(3),
    };
    rows.iter().map(note).collect()
}
