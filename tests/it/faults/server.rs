//! The faults of a database's server: it goes, it is full, it does not take writes, it
//! is locked.

use std::time::{Duration, Instant};

use super::Stand;
use crate::harness::{Cluster, PATIENCE, connect};

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
        .endure(stops, async |dice, ingest| {
            cluster.server.crash().await.unwrap();
            tokio::time::sleep(Duration::from_millis(dice.roll(1_000))).await;
            cluster.server.revive().await.unwrap();
            let back = Instant::now();
            let client = connect(&ingest.url).await;
            let pages = "select count(*) from ocds.page";
            let before: i64 = client.query_one(pages, &[]).await.unwrap().get(0);
            loop {
                let now: i64 = client.query_one(pages, &[]).await.unwrap().get(0);
                let is_over = "select not exists (select from ocds.run where state = 'running')";
                let is_over: bool = client.query_one(is_over, &[]).await.unwrap().get(0);
                if now > before || is_over {
                    break;
                }
                assert!(back.elapsed() < PATIENCE, "it does not write again");
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            longest = longest.max(back.elapsed());
        })
        .await;
    println!("{stops} stops; writing again within {longest:.2?} of the server's return");
}

#[tokio::test]
async fn a_backend_that_is_killed_takes_the_server_down_and_nothing_with_it() {
    let cluster = Cluster::start().await;
    let mut stand = Stand::on(&cluster, 60).await;
    stand
        .endure(4, async |_, ingest| {
            let client = connect(&ingest.url).await;
            // as the kernel does where memory is short; the server starts itself again
            let sql = "select pid from pg_stat_activity
                where datname = current_database() and pid <> pg_backend_pid() limit 1";
            let Ok(Some(row)) = client.query_opt(sql, &[]).await else {
                return;
            };
            let pid = rustix::process::Pid::from_raw(row.get(0)).unwrap();
            let _ = rustix::process::kill_process(pid, rustix::process::Signal::KILL);
            tokio::time::sleep(Duration::from_millis(500)).await;
        })
        .await;
}

#[tokio::test]
async fn backends_that_are_terminated_again_and_again_are_replaced() {
    let mut stand = Stand::new(60).await;
    stand
        .endure(20, async |_, ingest| {
            let sql = "select count(pg_terminate_backend(pid)) from pg_stat_activity
                where datname = current_database() and pid <> pg_backend_pid()";
            ingest.value(sql).await;
            tokio::time::sleep(Duration::from_millis(200)).await;
        })
        .await;
}

#[tokio::test]
async fn a_server_that_takes_no_writes_for_a_while_is_waited_for() {
    let cluster = Cluster::start().await;
    let mut stand = Stand::on(&cluster, 60).await;
    let admin = connect(&cluster.server.url("postgres")).await;
    stand
        .endure(3, async |dice, _| {
            for setting in ["on", "off"] {
                let set = format!("alter system set default_transaction_read_only = {setting}");
                admin
                    .batch_execute("set default_transaction_read_only = off")
                    .await
                    .unwrap();
                admin.batch_execute(&set).await.unwrap();
                admin
                    .batch_execute("select pg_reload_conf()")
                    .await
                    .unwrap();
                let some = Duration::from_millis(300 + dice.roll(500));
                tokio::time::sleep(some).await;
            }
        })
        .await;
}

#[tokio::test]
async fn a_full_disk_ends_the_run_and_costs_no_row() {
    let mut stand = Stand::new(30).await;
    // what a server says that cannot extend a table
    let full = "create function oracle.fill() returns trigger language plpgsql as $$
        begin
            raise exception 'could not extend file: No space left on device'
                using errcode = '53100';
        end $$;
        create trigger is_full before insert on ocds.release execute function oracle.fill();
        alter table ocds.release disable trigger is_full";
    stand.ingest.client.batch_execute(full).await.unwrap();
    stand.ingest.configure("[database]\nretry_for = \"1s\"");
    let run = stand.start();
    stand
        .ingest
        .until("select count(*) >= 5 from ocds.page")
        .await;
    let fill = "alter table ocds.release enable trigger is_full";
    stand.ingest.client.batch_execute(fill).await.unwrap();
    let ran = run.end().await.expect(3);
    assert!(ran.stderr.contains("53100"), "{}", ran.stderr);
    super::invariants::expect_always(&stand.ingest.client, "on a full disk").await;

    let free = "drop trigger is_full on ocds.release";
    stand.ingest.client.batch_execute(free).await.unwrap();
    let ran = stand.start().end().await.expect(0);
    assert!(ran.report()["resumed_from"].as_i64() >= Some(5));
    stand.expect_all("with room again").await;
}

#[tokio::test]
async fn a_server_without_a_connection_to_spare_is_waited_for_and_given_up() {
    let mut stand = Stand::new(20).await;
    let role = format!("scarce_{}", std::process::id());
    let make = format!(
        "create role {role} login; grant all on schema ocds to {role};
         grant all on all tables in schema ocds to {role};
         grant all on all sequences in schema ocds to {role};
         alter role {role} connection limit 1"
    );
    stand.ingest.client.batch_execute(&make).await.unwrap();
    stand
        .ingest
        .configure("[database]\nretry_for = \"1s\"\nmigrate = false");
    let (_, user, _) = stand.ingest.socket();
    let url = stand
        .ingest
        .url
        .replacen(&format!("{user}@"), &format!("{role}@"), 1);
    stand.ingest.set("DATABASE_URL", &url);
    let ran = stand.start().end().await.expect(3);
    assert!(ran.stderr.contains("53300"), "{}", ran.stderr);
    assert_eq!(stand.ingest.count("quarantine").await, 0);

    let more = format!("alter role {role} connection limit 10");
    stand.ingest.client.batch_execute(&more).await.unwrap();
    stand.start().end().await.expect(0);
    stand.expect_all("with connections again").await;
    let gone = format!("drop owned by {role}; drop role {role}");
    stand.ingest.client.batch_execute(&gone).await.unwrap();
}

#[tokio::test]
async fn rows_that_somebody_holds_are_waited_for_and_deadlocks_are_tried_again() {
    let mut stand = Stand::new(60).await;
    stand
        .ingest
        .configure("[database]\nlock_timeout = \"300ms\"");
    stand
        .endure(6, async |dice, ingest| {
            let client = connect(&ingest.url).await;
            // the rows of any page, in an order that is not the sink's
            let hold = "begin; set local deadlock_timeout = '10ms';
                select from (select ctid from ocds.release order by random() limit 20) as some
                join ocds.release using (ctid) for update of release";
            if client.batch_execute(hold).await.is_ok() {
                let some = Duration::from_millis(dice.roll(800));
                tokio::time::sleep(some).await;
                let more = "update ocds.release set language = language
                    where ctid in (select ctid from ocds.release order by random() limit 20)";
                // one of the two is the server's choice, if they are in a circle
                let _ = client.batch_execute(more).await;
            }
        })
        .await;
}
