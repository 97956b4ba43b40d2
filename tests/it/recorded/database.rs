//! Today's program resumes what earlier versions left unfinished in a database.
//!
//! Each `database-NNNN.sql` is a dump of a database whose newest migration has this number. A
//! version that changes the schema, or what is stored, adds a dump of its own and leaves the older
//! ones as they are, because users upgrade from any version:
//!
//! ```sh
//! cargo test --locked --test it -- --ignored records_the_database_of_this_version
//! ```

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use futures::future::join_all;
use serde_json::Value;

use super::directory;
use super::feeds::{ALL, NEW_SECRET, OLD_SECRET, Recorded, SECRET, local_file, reply};
use crate::harness::{Cluster, Ingest, Tables, connect};
use crate::publisher::Publisher;

/// The signal that ends a process at a failpoint.
const ABORTED: i32 = 6;

/// The number of sources in one process. More processes than processors gain nothing.
const SOURCES_OF_PROCESS: usize = 5;

/// A database with all recorded sources, and the publisher of all.
struct Scene {
    ingest: Ingest,
    publisher: Publisher,
    /// The number of requests that [`Scene::take_requests`] has returned.
    seen: usize,
}

impl Scene {
    async fn new(mut ingest: Ingest, secret: &str) -> Self {
        let publisher = Publisher::serve(|request| reply(request, false)).await;
        // pages are committed in order, so that a failpoint ends the run after a known page
        ingest.configure("[sink]\nworkers = 1\nmax_bad_ratio = 1.0");
        for Recorded { name, table, .. } in &ALL {
            ingest.configure(&format!("[sources.{name}]\n{table}"));
        }
        ingest.set_env("http_proxy", &publisher.url(""));
        ingest.set_env(SECRET, secret);
        let file = ingest.directory.path().join("loaded.json");
        fs::write(file, local_file()).unwrap();
        Self {
            ingest,
            publisher,
            seen: 0,
        }
    }

    /// Runs commands side by side, expects the exit code of each, and returns the reports by
    /// source. One process has several `run`s.
    async fn run(&self, commands: &[(&[&str], i32)]) -> BTreeMap<String, Value> {
        let mut processes: Vec<(Vec<&str>, i32)> = Vec::new();
        let mut names = Vec::new();
        for (command, code) in commands {
            match (command, code) {
                (["run", name], 0) => names.push(*name),
                _ => processes.push((command.to_vec(), *code)),
            }
        }
        for some in names.chunks(SOURCES_OF_PROCESS) {
            processes.push(([&["run"], some].concat(), 0));
        }
        let ended = processes.iter().map(async |(command, code)| {
            let command = [command, &["--json"][..]].concat();
            self.ingest.call(&command).await.expect(*code).parse_lines()
        });
        let reports = join_all(ended).await.into_iter().flatten();
        let named = reports.map(|report| (report["source"].as_str().unwrap().to_owned(), report));
        named.collect()
    }

    /// Runs the sources again after their publishers have repaired what was wrong.
    async fn repair_and_run(&self) {
        self.publisher.set_script(|request| reply(request, true));
        let runs = ALL.iter().filter(|recorded| recorded.next_asks.is_some());
        let runs: Vec<[&str; 2]> = runs.map(|recorded| ["run", recorded.name]).collect();
        let runs: Vec<(&[&str], i32)> = runs.iter().map(|run| (&run[..], 0)).collect();
        self.run(&runs).await;
    }

    /// Reads the stored data. Packages are left out, because a migration that finds the package of
    /// an older row gives it another id.
    async fn read_tables(&self) -> Tables {
        self.ingest.read_tables().await.without_additions()
    }

    /// Discards the one reject that is not wanted.
    async fn discard_reject(&self) {
        let unwanted = "select id from ocds.quarantine
            where convert_from(document, 'UTF8') like '%unwanted%'";
        let id = self.ingest.value(unwanted).await;
        let discard = ["quarantine", "discard", &id];
        self.ingest.call(&discard).await.expect(0);
    }

    /// Returns the requests since the last call, by source.
    fn take_requests(&mut self) -> Requests {
        let mut requests = Requests::new();
        let all = self.publisher.requests();
        for request in &all[self.seen..] {
            let target = request.target.strip_prefix("http://").unwrap();
            let (host, path) = target.split_at(target.find('/').unwrap());
            let name = host.trim_end_matches(".example").to_owned();
            let (targets, conditional) = requests.entry(name).or_default();
            targets.push(path.to_owned());
            *conditional += usize::from(request.header("if-none-match").is_some());
        }
        self.seen = all.len();
        requests
    }

    /// Reads what must not change. It leaves out pages after a gap, because a resumed run
    /// deletes them.
    async fn read_lasting_rows(&self) -> Vec<String> {
        let mut lasting = Vec::new();
        for rows in [
            "select concat_ws(' ', 'run', id, source, kind, definition, started_at, window_from, window_until)
            from ocds.run",
            "select concat_ws(' ', 'page', run_id, chain, number, cursor, committed_at)
            from ocds.page join ocds.run on run.id = page.run_id
            where run.source <> 'gaps' or page.number < 3",
            "select concat_ws(' ', 'release', source, ocid, release_id, run_id, page_number, first_seen_at)
            from ocds.release",
            "select concat_ws(' ', 'compiled release', source, ocid, run_id, page_number, first_seen_at)
            from ocds.publisher_compiled",
            "select concat_ws(' ', 'reject', id, source, document_hash, pointer, first_seen_at)
            from ocds.quarantine",
            "select concat_ws(' ', 'request', id, run_id, page_number, url, requested_at)
            from ocds.request",
        ] {
            lasting.extend(self.ingest.column(rows).await);
        }
        lasting
    }

    /// Reads the rejects: source, reason and resolution of each.
    async fn read_rejects(&self) -> Vec<String> {
        let sql = "select concat_ws(' ', source, reason, coalesce(resolution, 'open'))
            from ocds.quarantine order by 1";
        self.ingest.column(sql).await
    }

    async fn read_watermarks(&self) -> Vec<String> {
        let sql = "select concat_ws(' ', source, scope, reached at time zone 'UTC', cursor)
            from ocds.watermark order by 1";
        self.ingest.column(sql).await
    }

    /// Reads the releases of `tagged` with their row versions, which any write changes.
    async fn read_row_versions(&self) -> Vec<String> {
        let sql = "select concat_ws(' ', ctid, xmin, release) from ocds.release
            where source = 'tagged' order by 1";
        self.ingest.column(sql).await
    }
}

/// The requested targets of each source's host, and the number of conditional requests.
type Requests = BTreeMap<String, (Vec<String>, usize)>;

/// Returns the targets of a source in the order of the requests. The entries of an index may
/// be requested in any order, so these are sorted.
fn targets_of(requests: &Requests, source: &str) -> Vec<String> {
    let (mut targets, _) = requests.get(source).cloned().unwrap_or_default();
    if source == "details" {
        targets.sort();
    }
    targets
}

/// Lists the recorded dumps, oldest first.
fn list_dumps() -> Vec<PathBuf> {
    let entries = fs::read_dir(directory()).unwrap();
    let paths = entries.map(|entry| entry.unwrap().path());
    let is_database = |path: &PathBuf| {
        let name = path.file_name().unwrap().to_str().unwrap();
        name.starts_with("database-") && name.ends_with(".sql")
    };
    let mut paths: Vec<PathBuf> = paths.filter(is_database).collect();
    paths.sort();
    paths
}

/// Restores a dump into an empty database, and migrates it.
async fn restore(file: &Path) -> Scene {
    let ingest = Ingest::without_schema().await;
    let dump = fs::read_to_string(file).unwrap();
    // on a connection of its own, because the dump changes the session's settings
    let client = connect(&ingest.url).await;
    let restored = client.batch_execute(&dump).await;
    restored.unwrap_or_else(|error| panic!("{}: {error:?}", file.display()));
    let scene = Scene::new(ingest, NEW_SECRET).await;
    scene.ingest.call(&["migrate"]).await.expect(0);
    scene
}

/// The data that the same commands store if no process is killed.
struct Calm {
    stored: Tables,
    watermarks: Vec<String>,
    /// The digest of the rules that the pages of `tagged` were read by.
    rules: String,
    /// The same after the publishers have repaired their feeds.
    stored_at_end: Tables,
}

impl Calm {
    async fn new() -> Self {
        let scene = Scene::new(Ingest::new().await, NEW_SECRET).await;
        let before = ALL.iter().flat_map(|recorded| recorded.before);
        let before: Vec<(&[&str], i32)> = before.map(|command| (*command, 0)).collect();
        scene.run(&before).await;
        scene.run(&commands()).await;
        scene.discard_reject().await;
        let stored = scene.read_tables().await;
        let watermarks = scene.read_watermarks().await;
        let rules = format!("select distinct rules from ocds.page {OF_TAGGED}");
        let rules = scene.ingest.value(&rules).await;
        scene.repair_and_run().await;
        Self {
            stored,
            watermarks,
            rules,
            stored_at_end: scene.read_tables().await,
        }
    }
}

/// Selects the pages of the source whose publisher sends an `ETag`.
const OF_TAGGED: &str = "where run_id in (select id from ocds.run where source = 'tagged')";

/// Returns the commands that resume the recorded runs, and their exit codes.
fn commands() -> Vec<(&'static [&'static str], i32)> {
    let commands = ALL.iter();
    commands.map(|it| (it.command, it.code)).collect()
}

/// Marks the recorded pages of `tagged` as read by the rules of today's program.
///
/// A new version fetches all pages once without a condition, because it may read them
/// differently. It compares a digest of the rules, which contains the version. With today's
/// digest the test shows that the stored `ETag`s are still used.
async fn adopt_rules(scene: &Scene, calm: &Calm) {
    let rules = &calm.rules;
    let adopt = format!("update ocds.page set rules = '{rules}' {OF_TAGGED}");
    scene.ingest.execute(&adopt).await;
}

/// Resumes all that a dump has, and runs its sources once more.
async fn check_dump(file: &Path, calm: &Calm) {
    let what = file.file_name().unwrap().to_str().unwrap();
    let mut scene = restore(file).await;
    adopt_rules(&scene, calm).await;
    let lasting = scene.read_lasting_rows().await;
    check_resumed(&mut scene, calm, what).await;
    expect_rows_kept(&scene, &lasting, what).await;
    expect_no_secret(&scene).await;
    check_repaired(&mut scene, calm, what).await;
    expect_rows_kept(&scene, &lasting, what).await;
}

/// Resumes the runs: no durable page is fetched again, and the data is that of an undisturbed
/// run.
async fn check_resumed(scene: &mut Scene, calm: &Calm, what: &str) {
    let row_versions = scene.read_row_versions().await;
    let mut newest_runs = BTreeMap::new();
    for Recorded { name, .. } in &ALL {
        let sql = format!(
            "select concat_ws(' ', id, state) from ocds.run where source = '{name}'
            order by id desc limit 1"
        );
        newest_runs.insert(*name, scene.ingest.value(&sql).await);
    }

    let reports = scene.run(&commands()).await;
    let requests = scene.take_requests();
    for recorded in &ALL {
        let (name, report) = (recorded.name, &reports[recorded.name]);
        let targets = targets_of(&requests, name);
        assert_eq!(targets, recorded.asks, "{what}: {name}: {report}");
        let from = report["resumed_from"].as_u64();
        assert_eq!(from, recorded.resumed_from, "{what}: {name}: {report}");
        let (id, state) = newest_runs[name].split_once(' ').unwrap();
        let is_same_run = report["run_id"].as_i64() == id.parse().ok();
        assert_eq!(is_same_run, state != "complete", "{what}: {name}: {report}");
        let was_killed = recorded.killed_behind.is_some();
        assert_eq!(state == "running", was_killed, "{what}: {name}");
    }
    let (targets, conditional) = &requests["tagged"];
    assert_eq!(*conditional, targets.len(), "{what}: {}", reports["tagged"]);
    assert_eq!(reports["tagged"]["unchanged_pages"], 3, "{what}");
    assert_eq!(scene.read_row_versions().await, row_versions, "{what}");
    scene.read_tables().await.expect_equal(&calm.stored, what);
    assert_eq!(scene.read_watermarks().await, calm.watermarks, "{what}");
    let rejects = [
        "gaps unreadable-page open",
        "links missing-ocid discarded",
        "links missing-ocid open",
        "links nul-character open",
    ];
    assert_eq!(scene.read_rejects().await, rejects, "{what}");
}

/// Runs the sources once more: they start at their watermarks, and repaired releases are
/// stored and no longer rejected.
async fn check_repaired(scene: &mut Scene, calm: &Calm, what: &str) {
    scene.repair_and_run().await;
    let requests = scene.take_requests();
    for recorded in &ALL {
        let targets = targets_of(&requests, recorded.name);
        let expected = recorded.next_asks.unwrap_or_default();
        assert_eq!(targets, expected, "{what}: {}", recorded.name);
    }
    let stored = scene.read_tables().await;
    stored.expect_equal(&calm.stored_at_end, what);
    let rejects = [
        "gaps unreadable-page stored",
        "links missing-ocid discarded",
        "links missing-ocid open",
        "links nul-character stored",
    ];
    assert_eq!(scene.read_rejects().await, rejects, "{what}");
}

/// Expects that rows are in the database as they were.
async fn expect_rows_kept(scene: &Scene, lasting: &[String], what: &str) {
    let now = scene.read_lasting_rows().await;
    let lost = lasting.iter().find(|row| !now.contains(row));
    assert_eq!(lost, None, "{what}: this row is lost or was changed");
}

/// Expects that the database holds neither secret.
async fn expect_no_secret(scene: &Scene) {
    for table in [
        "run",
        "page",
        "request",
        "watermark",
        "quarantine",
        "package",
    ] {
        let rows = format!(
            "select count(*) from ocds.{table} as it where it::text ~ '{NEW_SECRET}|{OLD_SECRET}'"
        );
        assert_eq!(scene.ingest.value(&rows).await, "0", "ocds.{table}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn databases_of_earlier_versions_are_resumed() {
    let dumps = list_dumps();
    assert!(!dumps.is_empty());
    let calm = Calm::new().await;
    for dump in dumps {
        check_dump(&dump, &calm).await;
    }
}

#[tokio::test]
#[ignore = "it writes a file of the repository, once for each version of the schema"]
async fn records_the_database_of_this_version() {
    let cluster = Cluster::start().await;
    let mut scene = Scene::new(Ingest::on_cluster(&cluster).await, OLD_SECRET).await;
    let sql = "select to_char(max(version), 'FM0000') from ocds.migration";
    let version = scene.ingest.value(sql).await;
    let file = directory().join(format!("database-{version}.sql"));
    assert!(!file.exists(), "{} is never changed", file.display());

    for recorded in &ALL {
        for command in recorded.before {
            scene.run(&[(command, 0)]).await;
        }
        let Some(pages) = recorded.killed_behind else {
            continue;
        };
        let crash = format!("after-rows={pages}*off->return(crash)");
        scene.ingest.set_env("FAILPOINTS", &crash);
        let ran = scene.ingest.call(recorded.command).await;
        assert_eq!(ran.signal, Some(ABORTED), "{}: {ran:?}", recorded.name);
        scene.ingest.set_env("FAILPOINTS", "");
        let of_newest = "page where run_id = (select max(id) from ocds.run)";
        assert_eq!(
            scene.ingest.count(of_newest).await,
            pages,
            "{}",
            recorded.name
        );
    }
    scene.discard_reject().await;
    // Removes the name of this machine.
    let owner = "update ocds.run set owner = 'somewhere process 1'";
    scene.ingest.execute(owner).await;
    expect_no_secret(&scene).await;

    let programs = cluster.server.program("pg_ctl").canonicalize().unwrap();
    let mut command = cluster.command(programs.with_file_name("pg_dump"));
    command
        .args(["--schema=ocds", "--no-owner", "--no-privileges"])
        .args(["--rows-per-insert=1000", "--no-toast-compression"])
        .arg("--dbname")
        .arg(cluster.server.url("ocds"));
    let dumped = command.output().await.unwrap();
    assert!(dumped.status.success(), "{dumped:?}");
    let dump = String::from_utf8(dumped.stdout).unwrap();
    let directory = scene.ingest.directory.path().to_str().unwrap().to_owned();
    fs::write(&file, make_portable(&dump, &directory)).unwrap();
}

/// Removes from a dump what another server or client cannot restore, and the
/// directory of the file that was loaded: commands to `psql`, comments with the server's
/// version, and a setting that servers before PostgreSQL 17 do not know.
fn make_portable(dump: &str, directory: &str) -> String {
    let is_kept = |line: &&str| {
        let dropped = ["--", "\\", "SET transaction_timeout"];
        !line.is_empty() && !dropped.iter().any(|start| line.starts_with(start))
    };
    let lines = dump.lines().filter(is_kept);
    let dump: String = lines.flat_map(|line| [line, "\n"]).collect();
    dump.replace(directory, "/srv")
        .replace(&directory.replace('/', "%2F"), "%2Fsrv")
}
