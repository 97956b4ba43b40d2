//! Tests a server that loses commits which it has confirmed: missing data is fetched again, and
//! no watermark moves past it.

use std::time::Duration;

use serde_json::json;
use tokio::io::AsyncWriteExt as _;
use tokio_postgres::Client;

use crate::harness::{Cluster, Ingest, LINK, ProgramOutput, Running, SOURCE, connect};
use crate::publisher::{Feed, Gate, Publisher, Reply, Request, pages, release};

/// A server, and a standby that takes over before it has all commits.
struct ServerPair {
    primary: Cluster,
    standby: Cluster,
    ingest: Ingest,
}

impl ServerPair {
    async fn start() -> Self {
        let primary = Cluster::start().await;
        let mut ingest = Ingest::on_cluster(&primary).await;
        let standby = primary.start_standby().await;
        ingest.set_env("DATABASE_URL", &url_of_both(&primary, &standby));
        Self {
            primary,
            standby,
            ingest,
        }
    }

    async fn connect_standby(&self) -> Client {
        connect(&self.standby.server.url("ocds")).await
    }

    /// Waits until the standby has all commits, and disconnects it.
    async fn disconnect_standby(&self) {
        let lsn = self.ingest.value("select pg_current_wal_lsn()::text").await;
        let standby = self.connect_standby().await;
        wait_until(
            &standby,
            &format!("select pg_last_wal_replay_lsn() >= '{lsn}'::pg_lsn"),
        )
        .await;
        standby
            .batch_execute("alter system set primary_conninfo = ''")
            .await
            .unwrap();
        standby
            .batch_execute("select pg_reload_conf()")
            .await
            .unwrap();
        self.ingest
            .wait_until("select not exists (select from pg_stat_replication)")
            .await;
    }

    /// Stops the server and promotes the standby, which lacks the later commits.
    async fn fail_over(&mut self) {
        self.primary.server.crash().await.unwrap();
        let standby = self.connect_standby().await;
        standby.batch_execute("select pg_promote()").await.unwrap();
        self.ingest.client = standby;
        self.ingest.url = self.standby.server.url("ocds");
    }
}

/// Returns a URL of a server and its standby that connects to the one which accepts writes.
fn url_of_both(primary: &Cluster, standby: &Cluster) -> String {
    let [of_primary, of_standby] = [primary, standby].map(|it| it.server.url("ocds"));
    let (before, port) = of_primary.split_once("&port=").unwrap();
    let (_, of_standby) = of_standby.split_once("?host=").unwrap();
    let (host, other_port) = of_standby.split_once("&port=").unwrap();
    format!("{before},{host}&port={port},{other_port}")
}

async fn wait_until(client: &Client, sql: &str) {
    let is_so = async || {
        while !client.query_one(sql, &[]).await.unwrap().get::<_, bool>(0) {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    let patience = crate::harness::TEST_TIMEOUT;
    tokio::time::timeout(patience, is_so()).await.expect(sql);
}

/// The message about lost pages.
const LOST_MESSAGE: &str = "whose commit it had confirmed";

/// Settings by which a run checks its commits often, or only at its end.
const CHECK_SETTINGS: [&str; 2] = [
    "[lease]\nheartbeat = \"200ms\"",
    "[lease]\nheartbeat = \"1h\"\nttl = \"3h\"",
];

#[tokio::test]
async fn pages_that_a_promoted_standby_lacks_are_fetched_again_by_the_same_run() {
    const PAGES: usize = 120;
    let feed = Feed::link(pages(PAGES, 2));
    let calm_publisher = feed.clone().serve().await;
    let calm = Ingest::with_source(&calm_publisher, LINK).await;
    calm.run(&[]).await.expect(0);
    let calm = calm.read_tables().await;
    for look in CHECK_SETTINGS {
        let mut pair = ServerPair::start().await;
        let released = Gate::open_up_to(0);
        let publisher = Publisher::serve(feed.clone().hold_at(&released)).await;
        pair.ingest.declare(&publisher, LINK);
        pair.ingest.configure(look);
        released.move_to(60);
        let run = pair.ingest.start_run(&[]);
        pair.ingest.wait_for_pages(60).await;
        pair.disconnect_standby().await;
        released.move_to(84);
        pair.ingest.wait_for_pages(84).await;
        pair.fail_over().await;
        assert_eq!(pair.ingest.count("page").await, 60, "the lag");
        released.move_to(PAGES);

        let ran = run.wait().await.expect(0);
        let ingest = &pair.ingest;
        assert!(ran.stderr.contains(LOST_MESSAGE), "{look}: {}", ran.stderr);
        assert_eq!(ingest.count("page").await, PAGES, "{look}");
        assert_eq!(ran.report()["pages"], PAGES, "{look}");
        assert_eq!(ran.report()["releases"], 2 * PAGES, "{look}");
        assert_eq!(ran.report()["verdict"], "complete");
        let runs = "select state || ' ' || pages from ocds.run";
        assert_eq!(ingest.column(runs).await, [format!("complete {PAGES}")]);
        ingest.read_tables().await.expect_equal(&calm, look);
    }
}

#[tokio::test]
async fn a_claim_that_a_promoted_standby_lacks_is_repeated_by_the_same_run() {
    let mut pair = ServerPair::start().await;
    let released = Gate::open_up_to(0);
    let publisher = Publisher::serve(Feed::link(pages(20, 2)).hold_at(&released)).await;
    pair.ingest.declare(&publisher, LINK);
    pair.disconnect_standby().await;
    released.move_to(10);
    let run = pair.ingest.start_run(&[]);
    pair.ingest.wait_for_pages(10).await;
    pair.fail_over().await;
    assert_eq!(pair.ingest.count("run").await, 0);
    released.move_to(20);
    let ran = run.wait().await.expect(0);
    let lost = "no longer knows that run 1 holds source";
    ran.expect_log(lost);
    assert_eq!(pair.ingest.count("page").await, 20);
    assert_eq!(pair.ingest.count("release").await, 40);
}

#[tokio::test]
async fn a_purge_whose_claim_is_lost_must_be_started_again() {
    let mut pair = ServerPair::start().await;
    let publisher = Feed::link(pages(4, 2)).serve().await;
    pair.ingest.declare(&publisher, LINK);
    pair.ingest.run(&[]).await.expect(0);
    pair.disconnect_standby().await;
    let lock = connect(&pair.primary.server.url("ocds")).await;
    let hold = "begin; select from ocds.release for update";
    lock.batch_execute(hold).await.unwrap();
    let purge = pair.ingest.start(&["purge", SOURCE, "--yes"]);
    pair.ingest.wait_for_lock_wait().await;
    pair.fail_over().await;
    let ran = purge.wait().await.expect(3);
    let lost = "no longer knows that run 2 holds source";
    ran.expect_log(lost);
    // The failed purge hides no lost rows, and the next one deletes all.
    assert_eq!(pair.ingest.count("release").await, 8);
    let purge = ["purge", SOURCE, "--yes"];
    pair.ingest.call(&purge).await.expect(0);
    assert_eq!(pair.ingest.count("release").await, 0);
}

/// A feed of one release a day, with one window and one page for each day.
fn serve_day(request: &Request) -> Reply {
    let from = request.query("from").unwrap();
    Reply::json(
        json!({"releases": [{
            "ocid": format!("ocds-test-{from}"), "id": from, "tag": ["tender"],
            "date": format!("{from}T00:00:00Z"),
        }]})
        .to_string(),
    )
}

/// Declares that feed from the first day of 2024.
fn declare_days(ingest: &mut Ingest, publisher: &Publisher) {
    let url = publisher.url("/feed?from={from}&to={to}");
    ingest.configure(&format!(
        "[sources.{SOURCE}]\nurl = \"{url}\"\npage = {{ mode = \"none\" }}\n\
         window = {{ from = \"2024\", step = \"1d\", basis = \"updated\", overlap = \"0s\" }}"
    ));
}

/// Returns the requested day of the year, counted from 1.
fn day_of_year(request: &Request) -> usize {
    let from = request.query("from").unwrap();
    let date: jiff::civil::Date = from[..10].parse().unwrap();
    usize::try_from(date.day_of_year()).unwrap()
}

const WATERMARK: &str =
    "select to_char(reached at time zone 'UTC', 'YYYY-MM-DD') from ocds.watermark";

#[tokio::test]
async fn a_watermark_does_not_pass_windows_that_a_promoted_standby_lacks() {
    for look in CHECK_SETTINGS {
        let mut pair = ServerPair::start().await;
        let released = Gate::open_up_to(0);
        let gate = released.clone();
        let publisher = Publisher::serve(move |request: &Request| {
            serve_day(request).hold_at(&gate, day_of_year(request))
        })
        .await;
        declare_days(&mut pair.ingest, &publisher);
        pair.ingest.configure(look);
        released.move_to(10);
        let run = pair.ingest.start_run(&["--until", "2024-02-01"]);
        pair.ingest.wait_for_pages(10).await;
        pair.disconnect_standby().await;
        released.move_to(20);
        pair.ingest.wait_for_pages(20).await;
        pair.fail_over().await;
        assert_eq!(pair.ingest.count("page").await, 10, "the lag");
        // The first page is durable on the new server while ten earlier ones are missing.
        released.move_to(31);

        let ran = run.wait().await.expect(0);
        assert!(ran.stderr.contains(LOST_MESSAGE), "{look}: {}", ran.stderr);
        assert_eq!(pair.ingest.count("release").await, 31, "{look}");
        assert_eq!(pair.ingest.value(WATERMARK).await, "2024-02-01");
    }
}

#[tokio::test]
async fn a_session_without_synchronous_commit_loses_nothing_in_a_crash() {
    // The log is written so late that a crash would lose everything.
    let lazy = [
        ("wal_writer_delay", "10s"),
        ("wal_writer_flush_after", "1GB"),
    ];
    let cluster = Cluster::start_with(&lazy).await;
    let mut ingest = Ingest::on_cluster(&cluster).await;
    let off = "alter role current_user set synchronous_commit = off";
    ingest.execute(off).await;
    let released = Gate::open_up_to(0);
    let publisher = Publisher::serve(Feed::link(pages(40, 2)).hold_at(&released)).await;
    ingest.declare(&publisher, LINK);
    released.move_to(20);
    let run = ingest.start_run(&[]);
    ingest.wait_for_pages(20).await;
    cluster.server.crash().await.unwrap();
    cluster.server.ensure_running().await.unwrap();
    ingest.client = connect(&ingest.url).await;
    assert_eq!(ingest.count("page").await, 20);
    released.move_to(40);
    let ran = run.wait().await.expect(0);
    assert!(!ran.stderr.contains(LOST_MESSAGE), "{}", ran.stderr);
    assert_eq!(ingest.count("release").await, 80);
}

#[tokio::test]
async fn a_commit_is_synchronous_and_a_stricter_setting_stays() {
    // Records the setting with which each page is committed.
    const RECORD_SETTING: &str = "
        create table noted (setting text);
        create function note() returns trigger language plpgsql as $$ begin
            insert into noted values (current_setting('synchronous_commit')); return new;
        end $$;
        create trigger notes after insert on ocds.page for each row execute function note()";
    let cases = [
        ("off", "on"),
        ("local", "on"),
        ("on", "on"),
        ("remote_write", "remote_write"),
        ("remote_apply", "remote_apply"),
    ];
    let publisher = Feed::link(pages(1, 1)).serve().await;
    let ingest = Ingest::with_source(&publisher, LINK).await;
    ingest.execute(RECORD_SETTING).await;
    for (session, committed) in cases {
        let sql = format!(
            "truncate noted;
            do $$ begin execute format('alter database %I set synchronous_commit = {session}', current_database()); end $$"
        );
        ingest.execute(&sql).await;
        ingest.run(&[]).await.expect(0);
        let noted = ingest.column("select distinct setting from noted").await;
        assert_eq!(noted, [committed], "{session}");
    }
}

async fn run_until(ingest: &Ingest, until: &str) -> ProgramOutput {
    ingest.run(&["--until", until]).await.expect(0)
}

#[tokio::test]
async fn the_next_run_sets_the_watermark_back_before_missing_pages() {
    let publisher = Publisher::serve(serve_day).await;
    let mut ingest = Ingest::new().await;
    declare_days(&mut ingest, &publisher);
    run_until(&ingest, "2024-01-11").await;
    run_until(&ingest, "2024-01-21").await;
    run_until(&ingest, "2024-01-26").await;
    let verified =
        "select id || ' ' || pages || ' ' || (verified_at is not null) from ocds.run order by id";
    assert_eq!(
        ingest.column(verified).await,
        ["1 10 true", "2 10 true", "3 5 false"]
    );
    assert_eq!(ingest.count("release").await, 25);

    // No run has checked the second run yet, as after an upgrade, and it lacks a window.
    let lose = "
        update ocds.run set verified_at = null;
        delete from ocds.page where chain like '2024-01-15%';
        delete from ocds.release where release_id = '2024-01-15'";
    ingest.execute(lose).await;
    assert_eq!(ingest.count("release").await, 24);
    let before = publisher.requests().len();
    let ran = run_until(&ingest, "2024-01-26").await;
    let said = "run 2 of zambia was complete, and 1 of its pages are missing from the database: \
        the watermark goes back to 2024-01-11T00:00:00Z";
    ran.expect_log(said);
    assert_eq!(publisher.requests().len() - before, 15);
    assert_eq!(ingest.count("release").await, 25);
    assert_eq!(ingest.value(WATERMARK).await, "2024-01-26");

    // A later run does not repeat what was fetched again.
    let before = publisher.requests().len();
    let ran = run_until(&ingest, "2024-01-27").await;
    assert!(!ran.stderr.contains("missing"), "{}", ran.stderr);
    assert_eq!(publisher.requests().len() - before, 1);
}

#[tokio::test]
async fn a_backfill_with_missing_pages_resumes_when_it_is_started_again() {
    let publisher = Feed::number(pages(6, 2)).serve().await;
    let ingest = Ingest::with_source(&publisher, crate::harness::NUMBER).await;
    let backfill = [
        "backfill",
        SOURCE,
        "--from-page",
        "2",
        "--to-page",
        "6",
        "--json",
    ];
    ingest.call(&backfill).await.expect(0);
    let lose = "delete from ocds.page where number >= 5";
    ingest.execute(lose).await;
    let before = publisher.requests().len();
    let ran = ingest.call(&backfill).await.expect(0);
    let said = "run 1 of zambia was complete, and 2 of its pages are missing";
    ran.expect_log(said);
    assert_eq!(ran.report()["resumed_from"], 4);
    assert_eq!(publisher.requests().len() - before, 2);
}

#[tokio::test]
async fn a_change_feed_resumes_at_the_page_before_the_first_gap() {
    let publisher = Publisher::serve(|request: &Request| {
        let offset: usize = request.query("offset").map_or(0, |n| n.parse().unwrap());
        let releases: Vec<_> = (offset..(offset + 1).min(6))
            .map(|i| json!({"ocid": format!("ocds-test-{i}"), "id": "1", "tag": ["tender"], "date": "2024-01-01T00:00:00Z"}))
            .collect();
        let next = offset + releases.len();
        Reply::json(json!({"releases": releases, "next_page": {"offset": next}}).to_string())
    })
    .await;
    let mut ingest = Ingest::new().await;
    ingest.configure(&format!(
        "[sources.{SOURCE}]\nurl = \"{}\"\npage = {{ mode = \"token\", pointer = \"/next_page/offset\", stop = \"same_url\" }}",
        publisher.url("/changes")
    ));
    ingest.run(&[]).await.expect(0);
    assert_eq!(ingest.count("release").await, 6);
    let lose = "delete from ocds.release where ocid = 'ocds-test-3';
        delete from ocds.page where number = 4";
    ingest.execute(lose).await;
    // It does not matter which command runs next.
    let backfill = ["backfill", SOURCE, "--from-page", "2", "--to-page", "2"];
    ingest.call(&backfill).await.expect(0);
    ingest.run(&[]).await.expect(0);
    assert_eq!(ingest.count("release").await, 6);
    // If nothing of a run is left, the watermark goes back to the run before it.
    let before = publisher.requests().len();
    ingest.run(&[]).await.expect(0);
    let lose = "delete from ocds.page where run_id = (select max(run_id) from ocds.page)";
    ingest.execute(lose).await;
    ingest.run(&[]).await.expect(0);
    assert!(publisher.requests().len() - before <= 4);
    assert!(
        publisher
            .targets()
            .iter()
            .filter(|it| *it == "/changes")
            .count()
            == 1
    );
}

#[tokio::test]
async fn a_live_holder_keeps_its_lease_after_a_server_outage() {
    let cluster = Cluster::start().await;
    let mut ingest = Ingest::on_cluster(&cluster).await;
    let released = Gate::open_up_to(4);
    let publisher = Publisher::serve(Feed::link(pages(8, 2)).hold_at(&released)).await;
    ingest.declare(&publisher, LINK);
    ingest.configure("[lease]\nheartbeat = \"1s\"\nttl = \"60s\"\nwait = \"100ms\"");
    ingest.configure("[database]\nretry_for = \"60s\"");
    let first = ingest.start_run(&[]);
    ingest.wait_for_pages(4).await;
    cluster.server.crash().await.unwrap();
    // More heartbeats are missed than a takeover needs, and no backend is left.
    tokio::time::sleep(Duration::from_secs(3)).await;
    cluster.server.ensure_running().await.unwrap();
    ingest.run(&[]).await.expect(6);
    released.open();
    first.wait().await.expect(0);
    ingest.client = connect(&ingest.url).await;
    assert_eq!(ingest.column("select epoch from ocds.run").await, ["1"]);
}

/// Deletes a page of each run, as a pooler does that alternates between two servers.
async fn delete_page(ingest: &Ingest, number: u64) {
    let sql = format!(
        "create function lose() returns trigger language plpgsql as $$ begin
            delete from ocds.page where number = {number} and run_id = new.run_id; return null;
        end $$;
        create constraint trigger loses after insert on ocds.page deferrable initially deferred
            for each row when (new.number = {number}) execute function lose()"
    );
    ingest.execute(&sql).await;
}

#[tokio::test]
async fn a_run_that_keeps_losing_pages_ends_with_an_error() {
    let publisher = Feed::link(pages(3, 2)).serve().await;
    let ingest = Ingest::with_source(&publisher, LINK).await;
    delete_page(&ingest, 2).await;
    let ran = ingest.run(&[]).await.expect(3);
    ran.expect_log(LOST_MESSAGE);
    assert_eq!(ran.stderr.matches("fetching what is missing").count(), 3);
    let report = ran.report();
    assert_eq!(report["verdict"], "truncated");
    // The report counts only pages that are stored.
    assert_eq!(report["pages"], ingest.count("page").await);
    assert_eq!(report["releases"], 4);
    assert_eq!(ingest.count("run where state = 'complete'").await, 0);
}

#[tokio::test]
async fn piped_input_is_not_read_again() {
    let mut ingest = Ingest::new().await;
    ingest.configure(&format!(
        "[sources.{SOURCE}]\nurl = \"http://127.0.0.1:9/\""
    ));
    delete_page(&ingest, 1).await;
    let releases: Vec<String> = (0..10).map(release).collect();
    let mut command = ingest.command(&["load", SOURCE, "-"]);
    let mut child = command.stdin(std::process::Stdio::piped()).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let array = format!("[{}]", releases.join(","));
    stdin.write_all(array.as_bytes()).await.unwrap();
    drop(stdin);
    let ran = Running::new(child).wait().await.expect(3);
    ran.expect_log(LOST_MESSAGE);
    assert!(!ran.stderr.contains("fetching what is missing"));
    assert_eq!(ingest.count("run where state = 'truncated'").await, 1);
}
