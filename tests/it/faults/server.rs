//! Tests faults of the database's server: it stops, has no free connection, accepts no writes, or
//! holds locks.

use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal};
use tokio_postgres::error::SqlState;

use super::FaultTest;
use super::footprint::Footprint;
use crate::harness::{Cluster, Running, SOURCE, TEST_TIMEOUT, connect};

/// The time in which a run must write again after the server is back; it normally needs much
/// less.
const RECOVERY_TIME: Duration = Duration::from_secs(20);

/// The number of server stops; 60 in the long form.
fn stop_count() -> usize {
    std::env::var("STOPS").map_or(8, |stops| stops.parse().unwrap())
}

#[tokio::test]
async fn a_server_that_stops_repeatedly_loses_nothing() {
    let cluster = Cluster::start().await;
    let stops = stop_count();
    // Each page takes a tenth of a second or more, as the server starts slowly.
    let mut test = FaultTest::on_cluster(&cluster, 40 + 20 * stops).await;
    let mut longest = Duration::ZERO;
    test.run_with_faults(stops, async |dice, ingest, run| {
        cluster.server.crash().await.unwrap();
        tokio::time::sleep(Duration::from_millis(dice.roll(1_000))).await;
        cluster.server.ensure_running().await.unwrap();
        let back = Instant::now();
        let client = connect(&ingest.url).await;
        let pages = "select count(*) from ocds.page";
        let before: i64 = client.query_one(pages, &[]).await.unwrap().get(0);
        while run.is_running() {
            let now: i64 = client.query_one(pages, &[]).await.unwrap().get(0);
            if now > before {
                longest = longest.max(back.elapsed());
                break;
            }
            assert!(
                back.elapsed() < TEST_TIMEOUT,
                "the run does not write again"
            );
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        true
    })
    .await;
    assert!(longest > Duration::ZERO, "the run never wrote again");
    assert!(longest < RECOVERY_TIME, "{longest:?}");
    println!("{stops} stops; writing again within {longest:.2?} of the server's return");
}

#[tokio::test]
async fn a_killed_backend_restarts_the_server_and_loses_nothing() {
    let cluster = Cluster::start().await;
    let mut test = FaultTest::on_cluster(&cluster, 60).await;
    let said = test
        .run_with_faults(4, async |_, ingest, _| kill_backend(&ingest.url).await)
        .await;
    assert!(said.contains("trying again"), "{said}");
}

/// Kills a backend of the program, as the kernel does when memory is short, and waits until the
/// server has restarted. Returns true if there was one to kill.
pub(super) async fn kill_backend(url: &str) -> bool {
    let client = connect(url).await;
    let sql = format!("select pid {PROGRAM_BACKENDS} limit 1");
    let Ok(Some(row)) = client.query_opt(&sql, &[]).await else {
        return false;
    };
    let pid = Pid::from_raw(row.get(0)).unwrap();
    if rustix::process::kill_process(pid, Signal::KILL).is_err() {
        return false;
    }
    // The server ends all other backends before it restarts.
    let killed = Instant::now();
    while client.simple_query("select").await.is_ok() {
        if killed.elapsed() > RECOVERY_TIME {
            // The backend was ending by itself.
            return false;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    connect(url).await;
    true
}

/// Selects the backends of the program.
const PROGRAM_BACKENDS: &str = "from pg_stat_activity
    where datname = current_database() and application_name = 'ocds-ingest'";

/// Terminates all backends of the program, and returns true if there were any.
pub(super) async fn terminate_backends(url: &str) -> bool {
    let client = connect(url).await;
    let sql = format!("select count(pg_terminate_backend(pid)) {PROGRAM_BACKENDS}");
    match client.query_one(&sql, &[]).await {
        Ok(row) => row.get::<_, i64>(0) > 0,
        Err(_) => false,
    }
}

/// Locks a row that every page has, for this time. Returns true if the run had to wait for it.
pub(super) async fn hold_row(url: &str, long: Duration) -> bool {
    let client = connect(url).await;
    let hold = "begin;
        select from ocds.release where ocid = 'ocds-213czf-1000000' for update";
    let mut waited = false;
    if client.batch_execute(hold).await.is_err() {
        return waited;
    }
    let held = Instant::now();
    // The transaction ends with the connection.
    while held.elapsed() < long {
        tokio::time::sleep(Duration::from_millis(20)).await;
        match client.query_one(HAS_PROGRAM_LOCK_WAIT, &[]).await {
            Ok(row) => waited |= row.get::<_, bool>(0),
            Err(_) => break,
        }
    }
    waited
}

/// Returns true if the program waits for a lock.
const HAS_PROGRAM_LOCK_WAIT: &str = "select exists (select from pg_locks where not granted
    and pid in (select pid from pg_stat_activity
        where datname = current_database() and application_name = 'ocds-ingest'))";

/// Makes the server refuse writes, or accept them again.
pub(super) async fn set_read_only(cluster: &Cluster, setting: &str) {
    let admin = connect(&cluster.server.url("postgres")).await;
    for sql in [
        "set default_transaction_read_only = off",
        &format!("alter system set default_transaction_read_only = {setting}"),
        "select pg_reload_conf()",
    ] {
        admin.batch_execute(sql).await.unwrap();
    }
}

#[tokio::test]
async fn repeatedly_terminated_backends_are_replaced() {
    let mut test = FaultTest::new(60).await;
    let said = test
        .run_with_faults(20, async |_, ingest, _| {
            terminate_backends(&ingest.url).await
        })
        .await;
    assert!(said.contains("trying again"), "{said}");
}

#[tokio::test]
async fn a_server_that_refuses_writes_for_a_while_is_waited_for() {
    let cluster = Cluster::start().await;
    let mut test = FaultTest::on_cluster(&cluster, 60).await;
    let said = test
        .run_with_faults(3, async |dice, _, run| {
            run.wait_for_log(&format!(" of {SOURCE} ")).await;
            let [refused, closed] = READ_ONLY.map(|text| run.count_logged(text));
            set_read_only(&cluster, "on").await;
            // The server refuses a write of the session that the heartbeat has used since the
            // claim, and then new sessions.
            let is_refused = (refused > 0 || wait_for_more_log(run, READ_ONLY[0], 0).await)
                && wait_for_more_log(run, READ_ONLY[1], closed).await;
            let some = Duration::from_millis(dice.roll(500));
            tokio::time::sleep(some).await;
            set_read_only(&cluster, "off").await;
            is_refused
        })
        .await;
    // The server refuses writes of open sessions, and the program rejects new sessions.
    for words in READ_ONLY.into_iter().chain(["trying again"]) {
        assert!(said.contains(words), "{words}: {said}");
    }
}

#[tokio::test]
async fn a_server_without_free_connections_is_waited_for_up_to_a_limit() {
    // A server of its own, because a role exists in all databases.
    let cluster = Cluster::start().await;
    let mut test = FaultTest::on_cluster(&cluster, 60).await;
    let make = "create role scarce login; grant all on schema ocds to scarce;
        grant all on all tables in schema ocds to scarce;
        grant all on all sequences in schema ocds to scarce;
        alter role scarce connection limit 1";
    test.ingest.execute(make).await;
    test.ingest
        .configure("[database]\nretry_for = \"1s\"\nmigrate = false");
    let (_, user, _) = test.ingest.socket();
    let url = test.ingest.url.replacen(&format!("{user}@"), "scarce@", 1);
    test.ingest.set_env("DATABASE_URL", &url);
    let ran = test.start().wait().await.expect(3);
    ran.expect_log("53300");
    assert_eq!(test.ingest.count("quarantine").await, 0);

    // A running run continues by itself.
    let more = "alter role scarce connection limit 10";
    test.ingest.execute(more).await;
    test.ingest.configure("[database]\nretry_for = \"60s\"");
    test.release_pages(1, 10);
    let run = test.start();
    test.ingest.wait_for_pages(3).await;
    let fewer = "alter role scarce connection limit 1";
    test.ingest.execute(fewer).await;
    assert!(terminate_backends(&test.ingest.url).await);
    run.wait_for_log("53300").await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    Footprint::measure(&run).expect_bounded();
    test.ingest.execute(more).await;
    test.release_pages(1, 1);
    run.wait().await.expect(0);
    test.expect_all("with connections again").await;
}

/// The log of an open session and of a new one while the server accepts no writes.
const READ_ONLY: [&str; 2] = ["25006", "database does not allow writes"];

/// Waits until a run has logged a text more than `before` times. Returns false if it ended
/// without doing so.
async fn wait_for_more_log(run: &mut Running, text: &str, before: usize) -> bool {
    let began = Instant::now();
    while run.count_logged(text) == before {
        if !run.is_running() {
            return false;
        }
        assert!(
            began.elapsed() < TEST_TIMEOUT,
            "the run does not log {text:?}"
        );
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    true
}

/// The victim of a deadlock.
#[derive(Clone, Copy)]
enum Deadlock {
    /// The server ends the transaction of the run.
    EndsTheRun,
    /// The server ends the other transaction.
    EndsTheOther,
    /// The lock timeout of the run ends its wait before there is a deadlock.
    IsNone,
}

#[tokio::test]
async fn locked_rows_are_waited_for_and_deadlocks_are_retried() {
    let mut test = FaultTest::new(60).await;
    test.ingest.configure("[database]\nlock_timeout = \"2s\"");
    // The server looks for a deadlock once in each wait, after this time.
    let look = "do $$ begin execute format(
        'alter database %I set deadlock_timeout = ''1s''', current_database()); end $$";
    test.ingest.execute(look).await;
    let mut circles = [
        Deadlock::EndsTheRun,
        Deadlock::EndsTheOther,
        Deadlock::IsNone,
    ]
    .into_iter()
    .cycle();
    let said = test
        .run_with_faults(9, async |_, ingest, run| {
            let client = connect(&ingest.url).await;
            // Locks rows of any page, and later most of the rows after the one that is on all
            // pages.
            let hold = "begin;
                select from (select ctid as at from ocds.release order by random() limit 20) as few
                join ocds.release on release.ctid = few.at
                where ocid <> 'ocds-213czf-1000000' for update of release;
                select from ocds.release where ocid collate \"C\" > 'ocds-213czf-2' for update";
            if let Err(error) = client.batch_execute(hold).await {
                // The run waited for a row too, and the server ended this transaction.
                let code = error.code();
                assert_eq!(code, Some(&SqlState::T_R_DEADLOCK_DETECTED), "{error:?}");
                return false;
            }
            while ingest.value(HAS_PROGRAM_LOCK_WAIT).await != "t" {
                if !run.is_running() {
                    return false;
                }
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
            let patience = match circles.next().unwrap() {
                Deadlock::EndsTheRun => "60s",
                Deadlock::EndsTheOther => "1ms",
                Deadlock::IsNone => {
                    let before = run.count_logged("55P03");
                    return wait_for_more_log(run, "55P03", before).await;
                }
            };
            let look = format!("set local deadlock_timeout = '{patience}'");
            client.batch_execute(&look).await.unwrap();
            let more = "update ocds.release set language = language";
            // The server may end this transaction.
            let _ = client.batch_execute(more).await;
            true
        })
        .await;
    assert!(said.contains("trying again"), "{said}");
    // A session reports its counters when it is idle.
    let circles = "select deadlocks from pg_stat_database where datname = current_database()";
    test.ingest
        .wait_until(&circles.replace("deadlocks", "deadlocks > 0"))
        .await;
    println!(
        "{} circles, of which {} ended the run's transaction; {} waits that were too long",
        test.ingest.value(circles).await,
        said.matches("40P01").count(),
        said.matches("55P03").count()
    );
}
