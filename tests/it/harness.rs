//! Provides a PostgreSQL server, a new database for each test, and the real program as a process.
//!
//! The server is the program's own local one, volatile, and starts once for all tests. It stops
//! when their process ends for any reason. With `TEST_DATABASE_URL` the databases are on that
//! server instead.

use std::ffi::{OsStr, OsString};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use ocds_ingest::config;
use ocds_ingest::database::Database;
use ocds_ingest::database::local::{Durability, Options, Server};
use rustix::process::{Pid, Signal};
use serde_json::Value;
use tokio::io::{AsyncRead, AsyncReadExt as _};
use tokio::process::{Child, Command};
use tokio::sync::OnceCell;
use tokio::task::JoinHandle;
use tokio_postgres::config::Host;
use tokio_postgres::{Client, NoTls};

use crate::process_memory;
use crate::proxy::Proxy;
use crate::publisher::Publisher;

/// The name of the source in most tests.
pub(crate) const SOURCE: &str = "zambia";

/// The pagination of [`Feed::link`](crate::publisher::Feed::link).
pub(crate) const LINK: &str = r#"page = { mode = "link", pointer = "/links/next" }"#;

/// The pagination of [`Feed::number`](crate::publisher::Feed::number).
pub(crate) const NUMBER: &str = r#"page = { mode = "number", total_pages = "/total_pages" }"#;

/// Numbered pages up to the first one without items.
pub(crate) const UNTIL_EMPTY: &str = r#"page = { mode = "number", stop = "empty" }"#;

/// Short waits make tests fast.
const SHORT_WAITS: &str = r#"
[database]
connect_timeout = "5s"
retry_for = "20s"

[fetch]
attempts = 4
first_wait = "2ms"
longest_wait = "20ms"

[lease]
heartbeat = "200ms"
"#;

/// Variables of the tests' environment that the program must not get: proxies, which would come
/// between it and a local publisher, and failpoints.
const REMOVED_VARIABLES: [&str; 10] = [
    "RUST_LOG",
    "FAILPOINTS",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "ALL_PROXY",
    "NO_PROXY",
    "http_proxy",
    "https_proxy",
    "all_proxy",
    "no_proxy",
];

/// The time after which a test gives up. It is much longer than a busy machine needs, so only a
/// broken program reaches it.
pub(crate) const TEST_TIMEOUT: Duration = Duration::from_secs(120);

/// The settings of each server. Its commits survive its own crash, and it takes little memory.
const SERVER_SETTINGS: [(&str, &str); 3] = [
    ("shared_buffers", "64MB"),
    ("synchronous_commit", "on"),
    ("max_wal_size", "256MB"),
];

/// True if a session of this database waits for a lock.
pub(crate) const HAS_LOCK_WAIT: &str =
    "select exists (select from pg_locks join pg_stat_activity using (pid)
    where not granted and datname = current_database())";

/// Returns a path in the repository.
pub(crate) fn repository_path(path: impl AsRef<Path>) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

pub(crate) fn read_repository_file(path: &str) -> String {
    std::fs::read_to_string(repository_path(path)).unwrap_or_else(|e| panic!("{path}: {e}"))
}

/// A PostgreSQL server that ends with the test process.
pub(crate) struct Cluster {
    pub(crate) server: Server,
    /// When this closes, the watchdog removes the server.
    _watchdog: std::process::ChildStdin,
}

impl Cluster {
    /// Starts a volatile server in a temporary directory. Its commits survive its own crash, but
    /// not the machine's.
    pub(crate) async fn start() -> Self {
        Self::start_with(&[]).await
    }

    pub(crate) async fn start_with(settings: &[(&str, &str)]) -> Self {
        Self::start_in(&Self::create_directory(), settings).await
    }

    /// Makes a directory for a server. The server's user must be able to enter it, and is another
    /// one if the tests run as root.
    fn create_directory() -> PathBuf {
        let directory = tempfile::Builder::new()
            .prefix("ocds-ingest-test-")
            .permissions(std::fs::Permissions::from_mode(0o755))
            .tempdir_in(parent_of_clusters());
        directory.unwrap().keep()
    }

    async fn start_in(directory: &Path, settings: &[(&str, &str)]) -> Self {
        let watchdog = spawn_watchdog(REMOVE_CLUSTER, &[directory.as_os_str()]);
        let options = Options {
            durability: Durability::Volatile,
            settings: SERVER_SETTINGS
                .iter()
                .chain(settings)
                .map(|&(name, value)| (name.into(), value.into()))
                .collect(),
            ..Options::new(directory.join("cluster"))
        };
        Self {
            server: Server::start(&options).await.unwrap(),
            _watchdog: watchdog,
        }
    }

    /// Starts an asynchronous standby of this server.
    pub(crate) async fn start_standby(&self) -> Self {
        let directory = Self::create_directory();
        let cluster = directory.join("cluster");
        std::fs::create_dir(&cluster).unwrap();
        self.set_owner(&cluster);
        // The program recognizes its own directory by this file.
        std::fs::write(cluster.join("start.lock"), "").unwrap();
        // The server's own path may be a link to the programs.
        let programs = self.server.program("pg_ctl").canonicalize().unwrap();
        let mut command = self.command(programs.with_file_name("pg_basebackup"));
        command
            .args(["--checkpoint=fast", "--write-recovery-conf", "--no-sync"])
            .arg("--dbname")
            .arg(self.server.url("postgres"))
            .arg("--pgdata")
            .arg(cluster.join("data"));
        let copied = command.output().await.unwrap();
        assert!(copied.status.success(), "{copied:?}");
        Self::start_in(&directory, &[]).await
    }

    /// Prepares a program that runs as the server's user.
    pub(crate) fn command(&self, program: impl AsRef<OsStr>) -> Command {
        let owner = self.owner();
        let mut command = Command::new(program);
        command
            .uid(owner.uid())
            .gid(owner.gid())
            .current_dir("/")
            .kill_on_drop(true);
        command
    }

    /// Makes the server's user the only one who may use a directory.
    pub(crate) fn set_owner(&self, directory: &Path) {
        let owner = self.owner();
        std::os::unix::fs::chown(directory, Some(owner.uid()), Some(owner.gid())).unwrap();
        std::fs::set_permissions(directory, std::fs::Permissions::from_mode(0o700)).unwrap();
    }

    /// Returns the metadata that show the server's user.
    fn owner(&self) -> std::fs::Metadata {
        std::fs::metadata(self.server.directory().join("data")).unwrap()
    }
}

/// Returns the parent of the servers' directories. It is in memory if there is enough, because
/// each test has a database, which is three hundred files.
fn parent_of_clusters() -> PathBuf {
    const MEMORY: &str = "/dev/shm";
    const PLENTY: u64 = 4 << 30;
    let is_plenty = rustix::fs::statvfs(MEMORY).is_ok_and(|free| {
        let bytes = free.f_bavail.saturating_mul(free.f_frsize);
        bytes >= PLENTY
    });
    match is_plenty {
        true => MEMORY.into(),
        false => std::env::temp_dir(),
    }
}

/// Stops the server in a directory, and removes the directory.
const REMOVE_CLUSTER: &str = r#"
    server=$(head -n 1 "$1/cluster/data/postmaster.pid") && kill -QUIT "$server"
    while [ -n "$server" ] && kill -0 "$server"; do sleep 0.05; done
    socket=$(cat "$1/cluster/socket.path") && [ -n "$socket" ] && rm -rf "$socket"
    rm -rf "$1"
"#;

/// Drops the template database on an external server.
const DROP_TEMPLATE: &str = r#"psql --no-psqlrc --command "drop database $2" "$1""#;

/// Starts a shell that waits until the test process has ended before it runs the script. Code in
/// the process could not do this after a crash.
#[expect(
    clippy::zombie_processes,
    reason = "it ends after us, and is not ours to wait for"
)]
pub(crate) fn spawn_watchdog(script: &str, arguments: &[&OsStr]) -> std::process::ChildStdin {
    let mut watchdog = std::process::Command::new("sh")
        .arg("-c")
        .arg(format!("trap '' INT TERM HUP; read -r _; {script}"))
        .arg("watchdog")
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .process_group(0)
        .spawn()
        .unwrap();
    watchdog.stdin.take().unwrap()
}

/// The server on which the tests make their databases.
enum TestServer {
    Own(Box<Cluster>),
    External {
        url: url::Url,
        _watchdog: std::process::ChildStdin,
    },
}

impl TestServer {
    fn url(&self, database: &str) -> String {
        match self {
            TestServer::Own(cluster) => cluster.server.url(database),
            TestServer::External { url, .. } => {
                let mut url = url.clone();
                url.set_path(database);
                url.into()
            }
        }
    }

    async fn admin(&self) -> Client {
        connect(&match self {
            TestServer::Own(cluster) => cluster.server.url("postgres"),
            TestServer::External { url, .. } => url.to_string(),
        })
        .await
    }
}

/// Returns the server of all tests, with a migrated template database.
async fn test_server() -> &'static TestServer {
    static SITE: OnceCell<TestServer> = OnceCell::const_new();
    SITE.get_or_init(async || {
        let site = match std::env::var("TEST_DATABASE_URL") {
            Ok(url) if !url.is_empty() => TestServer::External {
                url: url.parse().unwrap(),
                _watchdog: spawn_watchdog(DROP_TEMPLATE, &[url.as_ref(), template_name().as_ref()]),
            },
            _ => TestServer::Own(Box::new(Cluster::start().await)),
        };
        let admin = site.admin().await;
        let template = template_name();
        for sql in [
            format!("drop database if exists {template}"),
            format!("create database {template} encoding 'UTF8' template template0"),
        ] {
            admin.batch_execute(&sql).await.unwrap();
        }
        let database = open_database(&site.url(&template)).await;
        database.migrate().await.unwrap();
        database.close().await.unwrap();
        site
    })
    .await
}

/// The name contains the process id, because others may use the same server.
fn template_name() -> String {
    format!("ocds_ingest_template_{}", std::process::id())
}

/// Connects to a server, which may be starting.
pub(crate) async fn connect(url: &str) -> Client {
    let give_up = Instant::now() + TEST_TIMEOUT;
    loop {
        match tokio_postgres::connect(url, NoTls).await {
            Ok((client, connection)) => {
                tokio::spawn(connection);
                return client;
            }
            Err(error) => assert!(Instant::now() < give_up, "{error:?}"),
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Opens a database as the program does.
pub(crate) async fn open_database(url: &str) -> Database {
    open_database_with(url, 4).await
}

pub(crate) async fn open_database_with(url: &str, connections: usize) -> Database {
    let settings = config::Database {
        url: url.into(),
        ..config::Database::default()
    };
    Database::open(&settings, connections).await.unwrap()
}

/// A database that is dropped at the end if its test passes.
struct TestDatabase {
    name: String,
}

impl TestDatabase {
    /// Creates a database from a template.
    async fn create(template: &str) -> (Self, String) {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let site = test_server().await;
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("ocds_ingest_test_{}_{count}", std::process::id());
        let sql = format!("create database {name} encoding 'UTF8' template {template}");
        site.admin().await.batch_execute(&sql).await.unwrap();
        let url = site.url(&name);
        (Self { name }, url)
    }
}

impl Drop for TestDatabase {
    fn drop(&mut self) {
        if std::thread::panicking() {
            return;
        }
        let sql = format!("drop database {} with (force)", self.name);
        // A thread of a runtime cannot wait for another runtime.
        let dropping = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .unwrap();
            runtime.block_on(async {
                let admin = test_server().await.admin().await;
                admin.batch_execute(&sql).await.unwrap();
            });
        });
        dropping.join().unwrap();
    }
}

/// Returns the program under test: the one of this build, or `TEST_PROGRAM`, such as a release
/// build.
fn program_path() -> OsString {
    let built = || env!("CARGO_BIN_EXE_ocds-ingest").into();
    std::env::var_os("TEST_PROGRAM").unwrap_or_else(built)
}

/// The program, its configuration and its database.
pub(crate) struct Ingest {
    pub(crate) url: String,
    pub(crate) client: Client,
    pub(crate) directory: tempfile::TempDir,
    files: Vec<PathBuf>,
    environment: Vec<(String, String)>,
    /// It is dropped after the connection to it.
    _database: Option<TestDatabase>,
}

impl Ingest {
    /// Makes a new, migrated database.
    pub(crate) async fn new() -> Self {
        test_server().await;
        let (database, url) = TestDatabase::create(&template_name()).await;
        Self::with_database(url, Some(database)).await
    }

    /// Makes a new, migrated database, and declares [`SOURCE`].
    pub(crate) async fn with_source(publisher: &Publisher, table: &str) -> Self {
        let mut ingest = Self::new().await;
        ingest.declare(publisher, table);
        ingest
    }

    /// Makes a new, migrated database, and declares [`SOURCE`] by its whole definition.
    pub(crate) async fn with_definition(definition: &str) -> Self {
        let mut ingest = Self::new().await;
        ingest.configure(&format!("[sources.{SOURCE}]\n{definition}"));
        ingest
    }

    /// Makes a database without a schema.
    pub(crate) async fn without_schema() -> Self {
        let (database, url) = TestDatabase::create("template0").await;
        Self::with_database(url, Some(database)).await
    }

    /// Uses the default database of a server of the test's own.
    pub(crate) async fn on_cluster(cluster: &Cluster) -> Self {
        let url = cluster.server.url("ocds");
        let database = open_database(&url).await;
        database.migrate().await.unwrap();
        database.close().await.unwrap();
        Self::with_database(url, None).await
    }

    async fn with_database(url: String, database: Option<TestDatabase>) -> Self {
        let mut ingest = Self {
            client: connect(&url).await,
            url,
            directory: tempfile::tempdir().unwrap(),
            files: Vec::new(),
            environment: Vec::new(),
            _database: database,
        };
        ingest.configure(SHORT_WAITS);
        ingest
    }

    /// Returns the path of the server's socket, the user, and the name of the database.
    pub(crate) fn socket(&self) -> (PathBuf, String, String) {
        let config: tokio_postgres::Config = self.url.parse().unwrap();
        let [Host::Unix(directory)] = config.get_hosts() else {
            panic!("the tests' own server listens on a socket");
        };
        let port = config.get_ports().first().unwrap_or(&5432);
        (
            directory.join(format!(".s.PGSQL.{port}")),
            config.get_user().unwrap().to_owned(),
            config.get_dbname().unwrap().to_owned(),
        )
    }

    /// Puts a proxy between the program and its database.
    pub(crate) fn add_proxy(&mut self) -> Proxy {
        let (socket, user, name) = self.socket();
        let proxy = Proxy::slow(&socket, Duration::ZERO);
        self.set_env("DATABASE_URL", &proxy.url(&user, &name));
        proxy
    }

    /// Waits until this many pages of all runs are durable.
    pub(crate) async fn wait_for_pages(&self, pages: usize) {
        self.wait_until(&format!("select count(*) >= {pages} from ocds.page"))
            .await;
    }

    /// Waits until a transaction of the program has been idle for this long.
    pub(crate) async fn wait_until_idle_in_transaction(&self, long: Duration) {
        let milliseconds = long.as_millis();
        self.wait_until(&format!(
            "select exists (select from pg_stat_activity where datname = current_database()
            and application_name = 'ocds-ingest' and state = 'idle in transaction'
            and state_change < clock_timestamp() - interval '{milliseconds} ms')"
        ))
        .await;
    }

    /// Waits until a session of this database waits for a lock.
    pub(crate) async fn wait_for_lock_wait(&self) {
        self.wait_until(HAS_LOCK_WAIT).await;
    }

    /// Adds a configuration file that overrides earlier ones.
    pub(crate) fn configure(&mut self, toml: &str) {
        let name = format!("{}.toml", self.files.len());
        self.configure_as(&name, toml);
    }

    /// Adds a configuration file, and replaces an earlier one of the same name.
    pub(crate) fn configure_as(&mut self, name: &str, toml: &str) {
        let file = self.directory.path().join(name);
        std::fs::write(&file, toml).unwrap();
        self.files.retain(|known| *known != file);
        self.files.push(file);
    }

    /// Declares [`SOURCE`], a feed at the publisher's root.
    pub(crate) fn declare(&mut self, publisher: &Publisher, table: &str) {
        self.declare_as(SOURCE, &publisher.url("/"), table);
    }

    pub(crate) fn declare_as(&mut self, name: &str, url: &str, table: &str) {
        self.configure(&format!("[sources.{name}]\nurl = {url:?}\n{table}"));
    }

    /// Sets an environment variable of the program.
    pub(crate) fn set_env(&mut self, name: &str, value: &str) {
        self.environment.push((name.into(), value.into()));
    }

    /// Prepares a call of the program.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(program_path());
        for name in REMOVED_VARIABLES {
            command.env_remove(name);
        }
        command
            .args(arguments)
            .current_dir(self.directory.path())
            .env("DATABASE_URL", &self.url)
            .envs(self.environment.iter().cloned())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        for file in &self.files {
            command.arg("--config").arg(file);
        }
        command
    }

    /// Runs the program until it ends.
    pub(crate) async fn call(&self, arguments: &[&str]) -> ProgramOutput {
        self.start(arguments).wait().await
    }

    /// Runs `run` for [`SOURCE`] until it ends.
    pub(crate) async fn run(&self, options: &[&str]) -> ProgramOutput {
        self.start_run(options).wait().await
    }

    /// Starts `run` for [`SOURCE`].
    pub(crate) fn start_run(&self, options: &[&str]) -> Running {
        self.start(&[&["run", SOURCE, "--json"], options].concat())
    }

    pub(crate) fn start(&self, arguments: &[&str]) -> Running {
        let child = self.command(arguments).spawn().unwrap();
        Running::new(child)
    }

    /// Executes statements on the test's own connection.
    pub(crate) async fn execute(&self, sql: &str) {
        let result = self.client.batch_execute(sql).await;
        result.unwrap_or_else(|error| panic!("{sql}: {error:?}"));
    }

    /// Returns the first column of a query as texts.
    pub(crate) async fn column(&self, sql: &str) -> Vec<String> {
        let rows = self.client.simple_query(sql).await;
        let rows = rows.unwrap_or_else(|error| panic!("{sql}: {error:?}"));
        rows.iter()
            .filter_map(|message| match message {
                tokio_postgres::SimpleQueryMessage::Row(row) => {
                    Some(row.get(0).unwrap_or("null").to_owned())
                }
                _ => None,
            })
            .collect()
    }

    /// Returns the single value of a query as text.
    pub(crate) async fn value(&self, sql: &str) -> String {
        let mut values = self.column(sql).await;
        assert_eq!(values.len(), 1, "{sql}: {values:?}");
        values.remove(0)
    }

    /// Executes the migration with this name again.
    pub(crate) async fn execute_migration(&self, name: &str) {
        let migrations = ocds_ingest::database::migrate::built_in_migrations().unwrap();
        let migration = migrations.iter().find(|it| it.name == name).unwrap();
        self.execute(&migration.sql).await;
    }

    /// Counts the rows of a table. `where` may follow the table's name.
    pub(crate) async fn count(&self, rows: &str) -> usize {
        let sql = format!("select count(*) from ocds.{rows}");
        self.value(&sql).await.parse().unwrap()
    }

    /// Waits until the single value of a query is true.
    pub(crate) async fn wait_until(&self, sql: &str) {
        let give_up = Instant::now() + TEST_TIMEOUT;
        while self.value(sql).await != "t" {
            assert!(Instant::now() < give_up, "never true: {sql}");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// Returns the stored data without times and run ids. It must be the same after any faults.
    pub(crate) async fn read_tables(&self) -> Tables {
        Tables {
            releases: self
                .column(
                    "select (to_jsonb(release)
                        - '{run_id,first_seen_at,fetched_at,absent_since}'::text[]
                        || jsonb_build_object('is_absent', absent_since is not null))::text
                    from ocds.release order by source, ocid, release_id",
                )
                .await,
            compiled: self
                .column(
                    "select (to_jsonb(publisher_compiled)
                        - '{run_id,first_seen_at,fetched_at,absent_since}'::text[]
                        || jsonb_build_object('is_absent', absent_since is not null))::text
                    from ocds.publisher_compiled order by source, ocid",
                )
                .await,
            quarantine: self
                .column(
                    "select (to_jsonb(quarantine) - '{id,run_id,seen,first_seen_at,last_seen_at,
                        resolved_at,url}'::text[])::text
                    from ocds.quarantine order by source, document_hash, pointer",
                )
                .await,
            packages: self
                .column(
                    "select concat_ws(' ', source, id, data) from ocds.package order by source, id",
                )
                .await,
            processes: self.read_processes().await,
        }
    }

    /// Returns the rows of processes in all tables without times, and what is in the queue.
    pub(crate) async fn read_processes(&self) -> Vec<String> {
        let tables = ocds_ingest::compile::tables().iter().map(|table| {
            format!(
                "select concat_ws(' ', '{0}', to_jsonb({0}) ->> 'absent_since' is not null,
                    to_jsonb({0}) - '{{changed_at,content_hash,absent_since}}'::text[])
                from ocds.{0}",
                table.name
            )
        });
        let queue = "select concat_ws(' ', 'queued', source, ocid) from ocds.compile_queue";
        let all: Vec<String> = tables.chain([queue.to_owned()]).collect();
        let sql = format!("{} order by 1", all.join(" union all "));
        self.column(&sql).await
    }

    /// Returns the pages of the newest run, without what happened to their releases.
    pub(crate) async fn read_pages(&self) -> Vec<String> {
        self.column(
            "select concat_ws(' ', number, cursor, next_number, next_cursor, releases, folded, quarantined)
            from ocds.page where run_id = (select max(id) from ocds.run) order by number",
        )
        .await
    }

    /// Returns every stored release with its row version, which any write changes.
    pub(crate) async fn read_row_versions(&self) -> Vec<String> {
        let sql = "select concat_ws(' ', ctid, xmin, release) from ocds.release order by 1";
        self.column(sql).await
    }
}

/// See [`Ingest::tables`].
#[derive(PartialEq, Eq)]
pub(crate) struct Tables {
    pub(crate) releases: Vec<String>,
    pub(crate) compiled: Vec<String>,
    pub(crate) quarantine: Vec<String>,
    pub(crate) packages: Vec<String>,
    pub(crate) processes: Vec<String>,
}

impl Tables {
    /// Removes what older versions did not store: packages with the ids that refer to them, and
    /// what orders the contents of one release.
    pub(crate) fn without_additions(mut self) -> Self {
        let Self {
            releases,
            compiled,
            quarantine,
            packages,
            processes: _,
        } = &mut self;
        for row in [releases, compiled, quarantine].into_iter().flatten() {
            let mut value: Value = serde_json::from_str(row).unwrap();
            for column in ["package_id", "chain_number", "overwrite"] {
                value.as_object_mut().unwrap().remove(column);
            }
            *row = value.to_string();
        }
        packages.clear();
        self
    }

    /// Compares the tables, and shows the first row that differs.
    #[track_caller]
    pub(crate) fn expect_equal(&self, calm: &Tables, what: &str) {
        for (here, there) in [
            (&self.releases, &calm.releases),
            (&self.compiled, &calm.compiled),
            (&self.quarantine, &calm.quarantine),
            (&self.packages, &calm.packages),
            (&self.processes, &calm.processes),
        ] {
            let differs = here.iter().zip(there).find(|(here, there)| here != there);
            assert_eq!(differs, None, "{what}: this row differs");
            assert_eq!(here.len(), there.len(), "{what}: the number of rows");
        }
    }
}

/// The running program. Dropping it kills it.
pub(crate) struct Running {
    child: Child,
    /// Both pipes are read during the run, because the program would wait for a full pipe.
    stdout: Pipe,
    stderr: Pipe,
}

impl Running {
    pub(crate) fn new(mut child: Child) -> Self {
        Self {
            stdout: Pipe::start(child.stdout.take()),
            stderr: Pipe::start(child.stderr.take()),
            child,
        }
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id().expect("nothing has waited for the process")
    }

    pub(crate) fn send_signal(&self, signal: Signal) {
        let pid = Pid::from_raw(self.id().try_into().unwrap()).unwrap();
        // The process may have ended by itself.
        let _ = rustix::process::kill_process(pid, signal);
    }

    /// Kills the process with SIGKILL, and waits until it is gone.
    pub(crate) async fn kill(mut self) {
        self.child.kill().await.unwrap();
    }

    pub(crate) fn is_running(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }

    /// Counts how often a text is in the log so far.
    pub(crate) fn count_logged(&self, text: &str) -> usize {
        self.stderr.text().matches(text).count()
    }

    /// Waits until a text is in the log.
    pub(crate) async fn wait_for_log(&self, text: &str) {
        let give_up = Instant::now() + TEST_TIMEOUT;
        loop {
            // This is checked first, so that the last line is seen too.
            let is_over = self.stderr.task.is_finished();
            if self.count_logged(text) > 0 {
                return;
            }
            let log = self.stderr.text();
            assert!(
                !is_over,
                "the program ended without logging {text:?}: {log}"
            );
            assert!(
                Instant::now() < give_up,
                "the program does not log {text:?}: {log}"
            );
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// Waits for the end. Also returns the peak memory in bytes.
    pub(crate) async fn wait_with_peak(self) -> (ProgramOutput, usize) {
        self.wait_with_peak_within(TEST_TIMEOUT).await
    }

    pub(crate) async fn wait_with_peak_within(self, patience: Duration) -> (ProgramOutput, usize) {
        let process = self.id().to_string();
        let mut end = std::pin::pin!(self.wait_within(patience));
        let mut most = 0;
        let ran = loop {
            tokio::select! {
                ran = &mut end => break ran,
                () = tokio::time::sleep(Duration::from_millis(5)) => {}
            }
            // The kernel records the peak, until the process ends.
            most = process_memory::peak(&process).unwrap_or(most);
        };
        assert!(most > 0, "its memory was never seen");
        (ran, usize::try_from(most).unwrap())
    }

    pub(crate) async fn wait(self) -> ProgramOutput {
        self.wait_within(TEST_TIMEOUT).await
    }

    pub(crate) async fn wait_within(mut self, patience: Duration) -> ProgramOutput {
        let status = tokio::time::timeout(patience, self.child.wait())
            .await
            .expect("the program ends in time")
            .unwrap();
        ProgramOutput {
            code: status.code(),
            signal: status.signal(),
            stdout: self.stdout.read_to_end().await,
            stderr: String::from_utf8(self.stderr.read_to_end().await).unwrap(),
        }
    }
}

/// The output of a pipe.
struct Pipe {
    bytes: Arc<Mutex<Vec<u8>>>,
    /// Reads until the end.
    task: JoinHandle<()>,
}

impl Pipe {
    fn start(pipe: Option<impl AsyncRead + Send + Unpin + 'static>) -> Self {
        let bytes = Arc::<Mutex<Vec<u8>>>::default();
        let read = Arc::clone(&bytes);
        let task = tokio::spawn(async move {
            let Some(mut pipe) = pipe else { return };
            let mut buffer = vec![0; 64 << 10];
            while let length @ 1.. = pipe.read(&mut buffer).await.unwrap() {
                read.lock().unwrap().extend_from_slice(&buffer[..length]);
            }
        });
        Self { bytes, task }
    }

    /// Returns the output so far.
    fn text(&self) -> String {
        String::from_utf8_lossy(&self.bytes.lock().unwrap()).into_owned()
    }

    /// Returns the whole output at its end.
    async fn read_to_end(self) -> Vec<u8> {
        self.task.await.unwrap();
        std::mem::take(&mut *self.bytes.lock().unwrap())
    }
}

/// The program after its end.
#[derive(Debug)]
pub(crate) struct ProgramOutput {
    pub(crate) code: Option<i32>,
    /// The signal that killed it, if one did.
    pub(crate) signal: Option<i32>,
    pub(crate) stdout: Vec<u8>,
    pub(crate) stderr: String,
}

impl ProgramOutput {
    /// Checks the exit code.
    #[track_caller]
    pub(crate) fn expect(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "{}\n{}", self.text(), self.stderr);
        self
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.stdout).into_owned()
    }

    /// Checks that a text is in the log.
    #[track_caller]
    pub(crate) fn expect_log(&self, text: &str) {
        assert!(self.stderr.contains(text), "not {text:?}: {}", self.stderr);
    }

    /// Parses the answer as one JSON object in each line.
    pub(crate) fn parse_lines(&self) -> Vec<Value> {
        let text = self.text();
        text.lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }

    /// Returns the single report.
    #[track_caller]
    pub(crate) fn report(&self) -> Value {
        let mut lines = self.parse_lines();
        assert_eq!(lines.len(), 1, "{}\n{}", self.text(), self.stderr);
        lines.remove(0)
    }

    /// Returns the counters of the single report, over all processes of the run.
    #[track_caller]
    pub(crate) fn counts(&self) -> Counts {
        Counts::from_report(&self.report()["run_totals"])
    }
}

/// The releases of a run by outcome.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    pub(crate) inserted: u64,
    pub(crate) updated: u64,
    pub(crate) unchanged: u64,
    pub(crate) folded: u64,
    pub(crate) quarantined: u64,
    pub(crate) older: u64,
}

/// Compares with the counters that are not zero, such as `"3 inserted, 1 quarantined"`.
impl PartialEq<&str> for Counts {
    fn eq(&self, other: &&str) -> bool {
        let counts = [
            (self.inserted, "inserted"),
            (self.updated, "updated"),
            (self.unchanged, "unchanged"),
            (self.folded, "folded"),
            (self.quarantined, "quarantined"),
            (self.older, "older"),
        ];
        let shown = counts.iter().filter(|(count, _)| *count > 0);
        let shown = shown.map(|(count, name)| format!("{count} {name}"));
        shown.collect::<Vec<_>>().join(", ") == **other
    }
}

impl Counts {
    /// Reads the counters of a report, and checks their sum.
    #[track_caller]
    pub(crate) fn from_report(report: &Value) -> Self {
        let count = |name: &str| report[name].as_u64().unwrap();
        let counts = Self {
            inserted: count("inserted"),
            updated: count("updated"),
            unchanged: count("unchanged"),
            folded: count("folded"),
            quarantined: count("quarantined"),
            older: count("older"),
        };
        let sum = counts.inserted
            + counts.updated
            + counts.unchanged
            + counts.folded
            + counts.quarantined
            + counts.older;
        assert_eq!(sum, count("releases"), "{report}");
        counts
    }
}
