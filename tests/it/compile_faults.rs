//! Tests that processes are compiled to the same end whatever happens: kills, pauses, two compilers,
//! a server that refuses rows, and work beside it.

use std::time::Duration;

use rustix::process::Signal;
use serde_json::json;

use crate::compile::release_of;
use crate::dice::Dice;
use crate::harness::{Ingest, LINK, SOURCE};
use crate::publisher::{Feed, Items, Publisher};

/// The signal of a process that aborts at a failpoint.
const SIGABRT: i32 = 6;

/// The failpoints of a batch, and those of the transaction around it.
const FAILPOINTS: [&str; 7] = [
    "compile-taken",
    "copy-begun",
    "compile-written",
    "before-commit",
    "commit-sent",
    "commit-acknowledged",
    "compile-committed",
];

/// Returns releases of processes, four each, in the order of dates.
fn releases(processes: usize) -> Items {
    let release = |n: usize, i: usize| {
        let members = json!({
            "parties": [{"id": "s", "name": format!("supplier of {i}"), "roles": ["supplier"]}],
            "tender": {"title": format!("{n} of {i}"), "items": [{"id": "1", "description": format!("item {n}")}]},
            "awards": [{"id": format!("a{}", n % 2), "value": {"amount": n + i, "currency": "GBP"}, "suppliers": [{"id": "s"}]}],
        });
        release_of(&format!("o-{i:03}"), n, &members)
    };
    (1..=4)
        .flat_map(|n| (0..processes).map(move |i| release(n, i)))
        .collect()
}

/// Stores releases whose processes are still in the queue.
async fn store_releases(processes: usize) -> (Publisher, Ingest) {
    let publisher = Feed::link(vec![releases(processes)]).serve().await;
    let mut ingest = Ingest::with_source(&publisher, LINK).await;
    ingest.configure("[compile]\nbatch_processes = 7");
    let mut killed = ingest;
    killed.set_env("FAILPOINTS", "compile-taken=return(crash)");
    let ran = killed.run(&[]).await;
    assert_eq!(ran.signal, Some(SIGABRT), "{}", ran.stderr);
    killed.set_env("FAILPOINTS", "");
    // the last transactions of the killed process may still end
    let idle = "select not exists (select from pg_stat_activity
        where datname = current_database() and application_name = 'ocds-ingest')";
    killed.wait_until(idle).await;
    assert_eq!(killed.count("release").await, 4 * processes);
    (publisher, killed)
}

async fn read_calm(processes: usize) -> Vec<String> {
    let publisher = Feed::link(vec![releases(processes)]).serve().await;
    let ingest = Ingest::with_source(&publisher, LINK).await;
    ingest.run(&[]).await.expect(0);
    ingest.read_processes().await
}

#[tokio::test]
async fn a_compiler_killed_at_any_moment_is_continued_to_the_same_rows() {
    let calm = read_calm(40).await;
    for moment in FAILPOINTS {
        let (_publisher, mut ingest) = store_releases(40).await;
        let mut ended = 0;
        loop {
            ingest.set_env(
                "FAILPOINTS",
                &format!("{moment}={ended}*off->return(crash)"),
            );
            let ran = ingest.call(&["compile", SOURCE]).await;
            if ran.code.is_some() {
                ran.expect(0);
                break;
            }
            assert_eq!(ran.signal, Some(SIGABRT), "{moment}: {}", ran.stderr);
            ended += 1;
            assert!(ended < 100, "{moment}: no progress");
        }
        assert!(ended > 0, "{moment} was never reached");
        assert_eq!(ingest.read_processes().await, calm, "{moment}");
    }
}

#[tokio::test]
async fn a_compiler_killed_at_random_is_continued_to_the_same_rows() {
    let calm = read_calm(200).await;
    let (_publisher, ingest) = store_releases(200).await;
    let mut dice = Dice::new();
    let mut killed = 0;
    for _ in 0..20 {
        let mut compile = ingest.start(&["compile", SOURCE]);
        tokio::time::sleep(Duration::from_millis(dice.roll(150))).await;
        if compile.is_running() {
            killed += 1;
            compile.kill().await;
        } else {
            compile.wait().await.expect(0);
        }
    }
    ingest.call(&["compile", SOURCE]).await.expect(0);
    assert!(killed > 0);
    assert_eq!(ingest.read_processes().await, calm);
}

#[tokio::test]
async fn a_paused_compiler_changes_nothing_when_it_wakes() {
    let calm = read_calm(40).await;
    // in the middle of a COPY, no time limit of the server ends the transaction
    for moment in ["compile-taken", "compile-written", "copy-begun"] {
        let (publisher, mut ingest) = store_releases(40).await;
        ingest.configure(
            "[lease]\nheartbeat = \"100ms\"\nttl = \"3s\"\n[database]\nidle_in_transaction_timeout = \"2s\"\nstatement_timeout = \"3s\"",
        );
        ingest.set_env("FAILPOINTS", &format!("{moment}=1*off->sleep(60000)"));
        let asleep = ingest.start(&["compile", SOURCE]);
        let is_stuck = "select exists (select from pg_stat_activity
            where datname = current_database() and application_name = 'ocds-ingest'
                and wait_event = 'ClientRead' and state in ('active', 'idle in transaction')
                and state_change < now() - interval '300 ms')";
        ingest.wait_until(is_stuck).await;
        asleep.send_signal(Signal::STOP);
        ingest
            .wait_until("select bool_and(heartbeat_at < now() - interval '3.1s') from ocds.run where state = 'running'")
            .await;
        ingest.set_env("FAILPOINTS", "");
        // meanwhile the releases of a process change
        let mut items = releases(40);
        items.push(release_of(
            "o-000",
            9,
            &json!({"tender": {"title": "changed"}}),
        ));
        let changed = Feed::link(vec![items]);
        publisher.set_script(move |request| changed.reply(request));
        ingest.run(&["--restart"]).await.expect(0);
        let title = "select tender_title from ocds.process where ocid = 'o-000'";
        assert_eq!(ingest.value(title).await, "changed");
        let rows = ingest.read_processes().await;
        assert_eq!(rows.len(), calm.len());

        asleep.send_signal(Signal::CONT);
        asleep.kill().await;
        assert_eq!(ingest.read_processes().await, rows, "{moment}");
    }
}

#[tokio::test]
async fn two_compilers_share_the_work() {
    let calm = read_calm(100).await;
    let (_publisher, ingest) = store_releases(100).await;
    let first = ingest.start(&["compile"]);
    let second = ingest.start(&["compile"]);
    first.wait().await.expect(0);
    second.wait().await.expect(0);
    assert_eq!(ingest.read_processes().await, calm);
}

#[tokio::test]
async fn a_run_waits_until_a_compiler_gives_the_source_back() {
    let (_publisher, mut ingest) = store_releases(40).await;
    ingest.configure("[lease]\nwait = \"100ms\"\n[compile]\nslice = \"1s\"\nworkers = 1");
    // each batch takes half a second
    ingest.set_env("FAILPOINTS", "compile-taken=sleep(500)");
    let compile = ingest.start(&["compile", SOURCE]);
    ingest
        .wait_until("select exists (select from ocds.run where kind = 'compile')")
        .await;
    ingest.set_env("FAILPOINTS", "");
    ingest.run(&[]).await.expect(0);
    compile.wait().await.expect(0);
    assert_eq!(ingest.read_processes().await, read_calm(40).await);
    // a run that only compiles is not the last run of a source
    let status = ingest.call(&["status", "--json"]).await.expect(0);
    assert_eq!(status.report()["kind"], "incremental");
}

#[tokio::test]
async fn a_stopped_compiler_leaves_the_rest_in_the_queue() {
    let (_publisher, mut ingest) = store_releases(40).await;
    ingest.set_env("FAILPOINTS", "compile-taken=sleep(300)");
    let compile = ingest.start(&["compile", SOURCE]);
    ingest
        .wait_until("select count(*) > 0 from ocds.process")
        .await;
    compile.send_signal(Signal::TERM);
    let ran = compile.wait().await.expect(4);
    ran.expect_log("what is not compiled yet is still in the queue");
    assert!(ingest.count("compile_queue").await > 0);
    ingest.set_env("FAILPOINTS", "");
    ingest.call(&["compile", SOURCE]).await.expect(0);
    assert_eq!(ingest.read_processes().await, read_calm(40).await);
}

#[tokio::test]
async fn a_process_that_the_server_refuses_never_blocks_others() {
    let (_publisher, ingest) = store_releases(40).await;
    let fail = "create function fail() returns trigger language plpgsql as $$
        begin
            if new.ocid = 'o-013' then
                raise exception 'it quotes %', new using errcode = '22000';
            end if;
            return new;
        end $$;
        create trigger fails before insert on ocds.award for each row execute function fail()";
    ingest.execute(fail).await;
    let ran = ingest.call(&["compile", SOURCE, "--json"]).await.expect(0);
    assert_eq!(ran.report()["failed"], 1);
    assert!(!ran.stderr.contains("it quotes"), "{}", ran.stderr);
    assert_eq!(ingest.count("compile_queue").await, 0);
    let reason = "select merge_error from ocds.process where ocid = 'o-013'";
    let reason = ingest.value(reason).await;
    assert!(
        reason.starts_with("the database refused a row of ocds.award: "),
        "{reason}"
    );
    assert!(!reason.contains("it quotes"), "{reason}");
    assert_eq!(ingest.count("award where ocid = 'o-013'").await, 0);
    assert_eq!(ingest.count("process where merge_error is null").await, 39);

    // it is compiled when its releases change, once the server takes it
    ingest
        .execute("drop trigger fails on ocds.award; update ocds.source set compile_rules = 'older'")
        .await;
    ingest.call(&["compile"]).await.expect(0);
    assert_eq!(ingest.read_processes().await, read_calm(40).await);
}

#[tokio::test]
async fn a_replay_compiles_what_it_stores() {
    let deep = format!("{}1{}", "[".repeat(20), "]".repeat(20));
    let item = format!(
        r#"{{"ocid":"o-1","id":"1","date":"2026-01-01","deep":{deep},"tender":{{"title":"deep"}}}}"#
    );
    let publisher = Feed::link(vec![vec![item]]).serve().await;
    let mut ingest = Ingest::with_source(&publisher, LINK).await;
    ingest.configure("[extract]\nmax_depth = 10");
    ingest.run(&["--max-bad-ratio", "1"]).await.expect(0);
    assert_eq!(ingest.count("process").await, 0);
    ingest.configure("[extract]\nmax_depth = 100");
    let ran = ingest
        .call(&["quarantine", "replay", "--json"])
        .await
        .expect(0);
    assert_eq!(ran.report()["compiled"]["changed"], 1);
    assert_eq!(
        ingest.value("select tender_title from ocds.process").await,
        "deep"
    );
}

#[tokio::test]
async fn an_incremental_run_compiles_while_it_lasts() {
    let publisher = Feed::link(vec![releases(5)]).serve().await;
    let mut ingest = Ingest::with_source(&publisher, LINK).await;
    ingest.configure("[compile]\ninterval = \"1s\"");
    ingest.run(&[]).await.expect(0);
    // the next pages come slowly
    let new = |page: usize| -> Items {
        vec![release_of(
            "o-000",
            10 + page,
            &json!({"tender": {"title": format!("page {page}")}}),
        )]
    };
    let feed = Feed::link((0..3).map(new).collect());
    publisher.set_script(move |request| {
        let late = if request.page() == 3 { 4_000 } else { 0 };
        feed.reply(request).delay(Duration::from_millis(late))
    });
    let run = ingest.start_run(&[]);
    ingest
        .wait_until("select exists (select from ocds.process where tender_title = 'page 1')")
        .await;
    assert_eq!(ingest.count("run where state = 'running'").await, 1);
    run.wait().await.expect(0);
    let title = "select tender_title from ocds.process where ocid = 'o-000'";
    assert_eq!(ingest.value(title).await, "page 2");
    assert_eq!(ingest.count("compile_queue").await, 0);
}

#[tokio::test]
async fn a_process_without_anything_left_is_gone_until_it_returns() {
    let publisher = Feed::link(vec![releases(3)]).serve().await;
    let ingest = Ingest::with_source(&publisher, LINK).await;
    ingest.run(&[]).await.expect(0);
    ingest
        .execute(
            "delete from ocds.release where ocid = 'o-001';
            insert into ocds.compile_queue (ocid, source) values ('o-001', 'zambia')",
        )
        .await;
    let ran = ingest.call(&["compile", "--json"]).await.expect(0);
    assert_eq!(ran.report()["gone"], 1);
    assert_eq!(ingest.count("process").await, 2);
    assert_eq!(ingest.count("award where ocid = 'o-001'").await, 0);
    assert_eq!(
        ingest.value("select ocid from ocds.process_gone").await,
        "o-001"
    );

    ingest.run(&["--restart"]).await.expect(0);
    assert_eq!(ingest.count("process").await, 3);
    assert_eq!(ingest.count("process_gone").await, 0);
}
