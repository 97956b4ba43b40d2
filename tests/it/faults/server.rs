//! The faults of a database's server: it goes, it has no room for one more, it does not
//! take writes, it is locked.

use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal};
use tokio_postgres::error::SqlState;

use super::Stand;
use super::footprint::Footprint;
use crate::harness::{Cluster, PATIENCE, Running, SOURCE, connect};

/// Within what a run writes again when the server is back: many times what it takes.
const SOON: Duration = Duration::from_secs(20);

/// How often the server is taken away; 60 for the long form.
fn stops() -> usize {
    std::env::var("STOPS").map_or(8, |stops| stops.parse().unwrap())
}

#[tokio::test]
async fn a_server_that_is_taken_away_again_and_again_costs_nothing() {
    let cluster = Cluster::start().await;
    let stops = stops();
    // a page is a tenth of a second and more, as slow as the server that comes back
    let mut stand = Stand::on(&cluster, 40 + 20 * stops).await;
    let mut longest = Duration::ZERO;
    stand
        .endure(stops, async |dice, ingest, run| {
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
                assert!(back.elapsed() < PATIENCE, "it does not write again");
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            true
        })
        .await;
    assert!(longest > Duration::ZERO, "it never wrote again");
    assert!(longest < SOON, "{longest:?}");
    println!("{stops} stops; writing again within {longest:.2?} of the server's return");
}

#[tokio::test]
async fn a_backend_that_is_killed_takes_the_server_down_and_nothing_with_it() {
    let cluster = Cluster::start().await;
    let mut stand = Stand::on(&cluster, 60).await;
    let said = stand
        .endure(4, async |_, ingest, _| kill_backend(&ingest.url).await)
        .await;
    assert!(said.contains("trying again"), "{said}");
}

/// Kills a backend of the program, as the kernel does where memory is short, and waits
/// until the server has started itself again. Whether there was one to kill.
pub(super) async fn kill_backend(url: &str) -> bool {
    let client = connect(url).await;
    let sql = format!("select pid {OF_THE_PROGRAM} limit 1");
    let Ok(Some(row)) = client.query_opt(&sql, &[]).await else {
        return false;
    };
    let pid = Pid::from_raw(row.get(0)).unwrap();
    if rustix::process::kill_process(pid, Signal::KILL).is_err() {
        return false;
    }
    // the server ends all others before it starts again
    let killed = Instant::now();
    while client.simple_query("select").await.is_ok() {
        if killed.elapsed() > SOON {
            // it was about to end by itself
            return false;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    connect(url).await;
    true
}

/// The backends that a run has.
const OF_THE_PROGRAM: &str = "from pg_stat_activity
    where datname = current_database() and application_name = 'ocds-ingest'";

/// Terminates all backends of the program; whether there were any.
pub(super) async fn terminate_backends(url: &str) -> bool {
    let client = connect(url).await;
    let sql = format!("select count(pg_terminate_backend(pid)) {OF_THE_PROGRAM}");
    match client.query_one(&sql, &[]).await {
        Ok(row) => row.get::<_, i64>(0) > 0,
        Err(_) => false,
    }
}

/// Holds for so long a row that every page has; whether a run had to wait for it.
pub(super) async fn hold_row(url: &str, long: Duration) -> bool {
    let client = connect(url).await;
    let hold = "begin;
        select from ocds.release where ocid = 'ocds-213czf-1000000' for update";
    let mut waited = false;
    if client.batch_execute(hold).await.is_err() {
        return waited;
    }
    let held = Instant::now();
    // its transaction ends with the connection
    while held.elapsed() < long {
        tokio::time::sleep(Duration::from_millis(20)).await;
        match client.query_one(WAITS, &[]).await {
            Ok(row) => waited |= row.get::<_, bool>(0),
            Err(_) => break,
        }
    }
    waited
}

/// Whether the program waits for a lock.
const WAITS: &str = "select exists (select from pg_locks where not granted
    and pid in (select pid from pg_stat_activity
        where datname = current_database() and application_name = 'ocds-ingest'))";

/// Lets the server take no writes, or takes that back.
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
async fn backends_that_are_terminated_again_and_again_are_replaced() {
    let mut stand = Stand::new(60).await;
    let said = stand
        .endure(20, async |_, ingest, _| {
            terminate_backends(&ingest.url).await
        })
        .await;
    assert!(said.contains("trying again"), "{said}");
}

#[tokio::test]
async fn a_server_that_takes_no_writes_for_a_while_is_waited_for() {
    let cluster = Cluster::start().await;
    let mut stand = Stand::on(&cluster, 60).await;
    let said = stand
        .endure(3, async |dice, _, run| {
            run.until_logged(&format!(" of {SOURCE} ")).await;
            let [refused, closed] = READ_ONLY.map(|text| run.count_logged(text));
            set_read_only(&cluster, "on").await;
            // the session that the heartbeat has had since the claim is refused its write,
            // and then whichever is opened
            let is_refused = (refused > 0 || until_logged_beyond(run, READ_ONLY[0], 0).await)
                && until_logged_beyond(run, READ_ONLY[1], closed).await;
            let some = Duration::from_millis(dice.roll(500));
            tokio::time::sleep(some).await;
            set_read_only(&cluster, "off").await;
            is_refused
        })
        .await;
    // a session that was open is refused its writes, and one that is opened is not taken
    for words in READ_ONLY.into_iter().chain(["trying again"]) {
        assert!(said.contains(words), "{words}: {said}");
    }
}

#[tokio::test]
async fn a_server_without_a_connection_to_spare_is_waited_for_and_given_up() {
    // of its own, for a role is known to all databases
    let cluster = Cluster::start().await;
    let mut stand = Stand::on(&cluster, 60).await;
    let make = "create role scarce login; grant all on schema ocds to scarce;
        grant all on all tables in schema ocds to scarce;
        grant all on all sequences in schema ocds to scarce;
        alter role scarce connection limit 1";
    stand.ingest.client.batch_execute(make).await.unwrap();
    stand
        .ingest
        .configure("[database]\nretry_for = \"1s\"\nmigrate = false");
    let (_, user, _) = stand.ingest.socket();
    let url = stand.ingest.url.replacen(&format!("{user}@"), "scarce@", 1);
    stand.ingest.set("DATABASE_URL", &url);
    let ran = stand.start().end().await.expect(3);
    assert!(ran.stderr.contains("53300"), "{}", ran.stderr);
    assert_eq!(stand.ingest.count("quarantine").await, 0);

    // and one that is under way goes on by itself
    let more = "alter role scarce connection limit 10";
    stand.ingest.client.batch_execute(more).await.unwrap();
    stand.ingest.configure("[database]\nretry_for = \"60s\"");
    stand.release(1, 10);
    let run = stand.start();
    stand.ingest.until_durable(3).await;
    let fewer = "alter role scarce connection limit 1";
    stand.ingest.client.batch_execute(fewer).await.unwrap();
    assert!(terminate_backends(&stand.ingest.url).await);
    run.until_logged("53300").await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    Footprint::of(&run).expect_bounded();
    stand.ingest.client.batch_execute(more).await.unwrap();
    stand.release(1, 1);
    run.end().await.expect(0);
    stand.expect_all("with connections again").await;
}

/// What is logged of a session that was open, and of one that is opened, where the server
/// takes no writes.
const READ_ONLY: [&str; 2] = ["25006", "database does not allow writes"];

/// Waits until a run has logged a text more often than before; whether it did so before it
/// ended.
async fn until_logged_beyond(run: &mut Running, text: &str, before: usize) -> bool {
    let began = Instant::now();
    while run.count_logged(text) == before {
        if !run.is_running() {
            return false;
        }
        assert!(began.elapsed() < PATIENCE, "it does not log {text:?}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    true
}

/// What becomes of two who wait for each other.
#[derive(Clone, Copy)]
enum Circle {
    /// The run is the one whose transaction the server ends.
    EndsTheRun,
    /// The other one is.
    EndsTheOther,
    /// The run waits no longer than it wants to, and there is none.
    IsNone,
}

#[tokio::test]
async fn rows_that_somebody_holds_are_waited_for_and_deadlocks_are_tried_again() {
    let mut stand = Stand::new(60).await;
    stand.ingest.configure("[database]\nlock_timeout = \"2s\"");
    // the server looks for a circle once for each wait: when it has lasted that long
    let look = "do $$ begin execute format(
        'alter database %I set deadlock_timeout = ''1s''', current_database()); end $$";
    stand.ingest.client.batch_execute(look).await.unwrap();
    let mut circles = [Circle::EndsTheRun, Circle::EndsTheOther, Circle::IsNone]
        .into_iter()
        .cycle();
    let said = stand
        .endure(9, async |_, ingest, run| {
            let client = connect(&ingest.url).await;
            // rows of any page, and the most of those that come behind what is on all
            let hold = "begin;
                select from (select ctid as at from ocds.release order by random() limit 20) as few
                join ocds.release on release.ctid = few.at
                where ocid <> 'ocds-213czf-1000000' for update of release;
                select from ocds.release where ocid collate \"C\" > 'ocds-213czf-2' for update";
            if let Err(error) = client.batch_execute(hold).await {
                // it met the run half way, and the server ended this one
                let code = error.code();
                assert_eq!(code, Some(&SqlState::T_R_DEADLOCK_DETECTED), "{error:?}");
                return false;
            }
            while ingest.value(WAITS).await != "t" {
                if !run.is_running() {
                    return false;
                }
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
            let patience = match circles.next().unwrap() {
                Circle::EndsTheRun => "60s",
                Circle::EndsTheOther => "1ms",
                Circle::IsNone => {
                    let before = run.count_logged("55P03");
                    return until_logged_beyond(run, "55P03", before).await;
                }
            };
            let look = format!("set local deadlock_timeout = '{patience}'");
            client.batch_execute(&look).await.unwrap();
            let more = "update ocds.release set language = language";
            // it is this one that the server ends, or not
            let _ = client.batch_execute(more).await;
            true
        })
        .await;
    assert!(said.contains("trying again"), "{said}");
    // what sessions count is told when they are idle
    let circles = "select deadlocks from pg_stat_database where datname = current_database()";
    stand
        .ingest
        .until(&circles.replace("deadlocks", "deadlocks > 0"))
        .await;
    println!(
        "{} circles, of which {} ended the run's transaction; {} waits that were too long",
        stand.ingest.value(circles).await,
        said.matches("40P01").count(),
        said.matches("55P03").count()
    );
}
