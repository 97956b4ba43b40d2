//! Tests concurrent runs of one source, some of which sleep or die: only one of them writes at
//! any moment.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use rustix::process::Signal;

use super::invariants::Watcher;
use super::{FaultTest, PATIENCE_FILE};
use crate::harness::{Cluster, Ingest, Running, TEST_TIMEOUT};

/// The number of runs at a time.
const CONTENDERS: u8 = 3;

/// Enough pages that some remain after each fault.
const PAGES: usize = 120;

/// The number of kills before the other runs finish undisturbed.
const KILLS: usize = 3;

/// The longest time in which all runs may sleep, or find out which one writes.
const LONGEST_PAUSE: Duration = Duration::from_secs(4);

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
const CREATE_NOTES: &str = "
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
const READ_NOTES: &str = "
    select process, run_id, epoch, owner from oracle.commit where process is not null
    order by pg_xact_commit_timestamp(xmin)";

/// One of the concurrent runs.
struct Contender {
    run: Running,
    /// The time at which it wakes, if it sleeps.
    wakes_at: Option<Instant>,
    has_slept: bool,
    is_killed: bool,
}

/// The concurrent runs and their results.
struct Contest {
    test: FaultTest,
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
async fn only_one_of_several_concurrent_runs_writes_at_a_time() {
    let cluster = Cluster::start_with(&[("track_commit_timestamp", "on")]).await;
    let mut contest = Contest::new(&cluster).await;
    let watcher = Watcher::start(&contest.test.ingest.url, CONTENDERS.into());
    let began = Instant::now();
    while contest.killed < KILLS || contest.taken_over < TAKEOVERS {
        assert!(began.elapsed() < 2 * TEST_TIMEOUT, "{}", contest.describe());
        let done = contest.killed.min(KILLS) + contest.taken_over.min(TAKEOVERS);
        contest.test.release_pages(done + 1, KILLS + TAKEOVERS + 1);
        contest.continue_until_written().await;
        let calm = Duration::from_millis(contest.test.dice.roll(200));
        contest.continue_for(calm).await;
        contest.disturb().await;
    }
    contest.finish_all().await;
    watcher.expect_calm().await;
    println!("{}", contest.describe());

    let mut test = contest.expect_one_writer().await;
    let ran = test.start().wait().await.expect(0);
    assert!(test.has_completed(&ran).await);
    test.expect_all("after contention").await;
}

impl Contest {
    async fn new(cluster: &Cluster) -> Self {
        let mut test = FaultTest::on_cluster(cluster, PAGES).await;
        test.ingest.configure_as(PATIENCE_FILE, SHORT_LEASE);
        test.ingest.execute(CREATE_NOTES).await;
        let mut contest = Self {
            test,
            contenders: Vec::new(),
            processes: Vec::new(),
            written: 0,
            killed: 0,
            taken_over: 0,
            codes: BTreeMap::new(),
        };
        for _ in 0..CONTENDERS {
            contest.start_run();
        }
        contest
    }

    /// Starts one more run, whose sessions have its number in their name.
    fn start_run(&mut self) {
        let url = &self.test.ingest.url;
        let sign = if url.contains('?') { '&' } else { '?' };
        let process = self.processes.len();
        let url = format!("{url}{sign}options=-c%20oracle.process%3D{process}");
        let run = self.test.start_with_env("DATABASE_URL", &url);
        self.processes.push(run.id());
        self.contenders.push(Contender {
            run,
            wakes_at: None,
            has_slept: false,
            is_killed: false,
        });
    }

    /// Kills a run or makes it sleep, preferably the one that writes.
    async fn disturb(&mut self) {
        let any = self.test.dice.index(self.contenders.len());
        let holder = match self.test.dice.roll(3) {
            0 => None,
            _ => self.find_holder().await,
        };
        let contender = &mut self.contenders[holder.unwrap_or(any)];
        if self.killed < KILLS && self.test.dice.roll(3) == 0 {
            contender.run.send_signal(Signal::KILL);
            contender.is_killed = true;
        } else if contender.wakes_at.is_none() {
            // Most sleep longer than their lease lasts.
            let long = Duration::from_millis(500 + self.test.dice.roll(2_000));
            contender.run.send_signal(Signal::STOP);
            contender.wakes_at = Some(Instant::now() + long);
            contender.has_slept = true;
        }
    }

    /// Returns the index of the run that holds the source.
    async fn find_holder(&self) -> Option<usize> {
        let owner = "select owner from ocds.run where state = 'running'";
        let owners = self.test.ingest.column(owner).await;
        let owner = owners.first()?;
        let mut contenders = self.contenders.iter();
        contenders.position(|contender| is_owned_by(owner, contender.run.id()))
    }

    /// Lets the runs continue for some time, and replaces those that end.
    async fn continue_for(&mut self, long: Duration) {
        let until = Instant::now() + long;
        while Instant::now() < until {
            self.check_contenders().await;
            while self.contenders.len() < CONTENDERS.into() {
                self.start_run();
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// Lets the runs continue until a page is committed.
    async fn continue_until_written(&mut self) {
        let began = Instant::now();
        let before = self.written;
        while self.written == before && began.elapsed() < LONGEST_PAUSE {
            self.continue_for(Duration::from_millis(10)).await;
            let count = "select count(*) from oracle.commit";
            let row = self.test.ingest.client.query_one(count, &[]).await;
            self.written = row.unwrap().get(0);
        }
    }

    /// Lets each run finish by itself.
    async fn finish_all(&mut self) {
        self.test.release_pages(1, 1);
        let began = Instant::now();
        while !self.contenders.is_empty() {
            assert!(began.elapsed() < TEST_TIMEOUT, "{}", self.describe());
            self.check_contenders().await;
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// Wakes runs whose sleep is over, and checks how others ended.
    async fn check_contenders(&mut self) {
        for mut contender in std::mem::take(&mut self.contenders) {
            if contender
                .wakes_at
                .is_some_and(|wakes_at| wakes_at <= Instant::now())
            {
                contender.run.send_signal(Signal::CONT);
                contender.wakes_at = None;
            }
            if contender.run.is_running() {
                self.contenders.push(contender);
            } else {
                self.check_end(contender).await;
            }
        }
    }

    /// Checks that a finished run was killed, completed, or found that another one holds the
    /// source.
    async fn check_end(&mut self, contender: Contender) {
        let ran = contender.run.wait().await;
        match ran.code {
            None if contender.is_killed => self.killed += 1,
            Some(code @ (0 | 3 | 4 | 6)) => {
                *self.codes.entry(code).or_default() += 1;
                let is_taken_over = code == 6 && ran.stderr.contains("has taken over");
                self.taken_over += usize::from(contender.has_slept && is_taken_over);
            }
            _ => panic!("{}: {ran:?}", self.describe()),
        }
    }

    /// Checks that only the holder of the source committed each page, and that a run never wrote
    /// after it lost the source.
    async fn expect_one_writer(self) -> FaultTest {
        let notes = read_notes(&self.test.ingest).await;
        let mut writers = Vec::new();
        for note in notes {
            let process = self.processes[note.process];
            assert!(
                is_owned_by(&note.owner, process),
                "{}: {note:?} was committed by process {process}",
                self.describe()
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
            self.describe()
        );
        let processes: BTreeSet<_> = writers.iter().map(|(_, _, process)| process).collect();
        assert_eq!(
            processes.len(),
            writers.len(),
            "{}: {writers:?}",
            self.describe()
        );
        assert!(writers.len() > 2, "{}: {writers:?}", self.describe());
        self.test
    }

    /// Describes what happened, with the seed that repeats it.
    fn describe(&self) -> String {
        let Self {
            processes,
            killed,
            taken_over,
            codes,
            ..
        } = self;
        let runs = processes.len();
        self.test.describe(&format!(
            "{runs} runs, {killed} killed, {taken_over} taken over from, exit codes {codes:?}"
        ))
    }
}

fn is_owned_by(owner: &str, process: u32) -> bool {
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

async fn read_notes(ingest: &Ingest) -> Vec<Note> {
    let rows = ingest.client.query(READ_NOTES, &[]).await.unwrap();
    let note = |row: &tokio_postgres::Row| Note {
        process: row.get::<_, i64>(0).try_into().unwrap(),
        run_id: row.get(1),
        epoch: row.get(2),
        owner: row.get(3),
    };
    rows.iter().map(note).collect()
}
