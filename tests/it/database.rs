//! Tests the database module: the local server, sessions, TLS and migrations, each on real
//! servers in directories of their own.

use std::io::{BufRead, BufReader, Read};
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use ocds_ingest::config;
use ocds_ingest::database::local::{DATABASE, Durability, Options, Server};
use ocds_ingest::database::migrate::{self, Migration};
use ocds_ingest::database::{Connection, Database};
use ocds_ingest::error::{Error, Kind};
use tempfile::TempDir;
use tokio_postgres::NoTls;

use crate::harness::TEST_TIMEOUT;

/// Makes a directory that the server's user can enter, because the tests may run as root.
pub(crate) fn make_open_directory() -> TempDir {
    let directory = tempfile::Builder::new()
        .prefix("ocds-ingest-test-")
        .permissions(PermissionsExt::from_mode(0o755))
        .tempdir()
        .expect("a temporary directory");
    std::fs::set_permissions(directory.path(), PermissionsExt::from_mode(0o755))
        .expect("a directory of ours");
    directory
}

pub(crate) fn volatile_options(directory: &Path) -> Options {
    Options {
        durability: Durability::Volatile,
        ..Options::new(directory.to_owned())
    }
}

/// Starts a server in a new directory.
async fn start_server() -> (TempDir, Server) {
    let directory = make_open_directory();
    let server = Server::start(&volatile_options(&directory.path().join("pg")))
        .await
        .expect("a server");
    (directory, server)
}

pub(crate) fn settings(url: &str) -> config::Database {
    config::Database {
        url: url.into(),
        connect_timeout: Duration::from_secs(5),
        statement_timeout: Duration::from_secs(5),
        ..config::Database::default()
    }
}

pub(crate) async fn connect(url: &str) -> Result<Connection, Error> {
    Database::open(&settings(url), 1).await?.connection().await
}

async fn query_text(url: &str, question: &str) -> String {
    let connection = connect(url).await.expect("a connection");
    let row = connection.query_one(question, &[]).await.expect("a row");
    row.get(0)
}

/// Returns the start time of the server, which differs after each start.
async fn read_start_time(url: &str) -> String {
    query_text(url, "select pg_postmaster_start_time()::text").await
}

async fn is_down(url: &str) -> bool {
    let config: tokio_postgres::Config = url.parse().expect("a URL");
    config.connect(NoTls).await.is_err()
}

async fn wait_until_down(url: &str) {
    while !is_down(url).await {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

fn socket_url(directory: &Path) -> String {
    format!("host={}/socket user=ocds dbname=ocds", directory.display())
}

pub(crate) fn read_postmaster_pid(directory: &Path) -> u32 {
    let text = std::fs::read_to_string(directory.join("data/postmaster.pid")).expect("a server");
    let line = text.lines().next().expect("a first line");
    line.parse().expect("a number")
}

fn kill_process(process: u32) {
    let status = Command::new("kill")
        .args(["-9", &process.to_string()])
        .status()
        .expect("kill");
    assert!(status.success());
}

/// The variable with the directory for [`uses_a_server_until_killed`].
const CHILD: &str = "OCDS_INGEST_TEST_DIRECTORY";

/// Not a test: other tests start this binary with it, and kill it.
#[tokio::test]
#[ignore = "run by other tests, as a process of its own"]
async fn uses_a_server_until_killed() {
    let Some(directory) = std::env::var_os(CHILD) else {
        return;
    };
    let server = Server::start(&volatile_options(Path::new(&directory)))
        .await
        .unwrap();
    println!("ready {}", server.url(DATABASE));
    std::future::pending::<()>().await;
}

/// Starts a process that uses the server in `directory`. It inherits an open file, as under
/// `flock`.
fn spawn_user(directory: &Path) -> Child {
    let inherited = directory.parent().expect("a parent").join("inherited.lock");
    let mut child = Command::new("sh")
        .arg("-c")
        .arg("exec 3>\"$1\" && shift && exec \"$@\"")
        .arg("sh")
        .arg(inherited)
        .arg(std::env::current_exe().expect("this binary"))
        .args(["--exact", "database::uses_a_server_until_killed"])
        .args(["--ignored", "--nocapture"])
        .env(CHILD, directory)
        .stdout(Stdio::piped())
        .process_group(0)
        .spawn()
        .expect("a child");
    let mut lines = BufReader::new(child.stdout.as_mut().expect("a pipe")).lines();
    let ready = lines.any(|line| line.is_ok_and(|line| line.contains("ready postgresql://")));
    assert!(ready, "the child did not start its server");
    child
}

#[tokio::test]
async fn the_last_user_stops_the_server() {
    let (directory, first) = start_server().await;
    let second = Server::start(&volatile_options(first.directory()))
        .await
        .unwrap();
    let mut process = spawn_user(first.directory());
    let url = first.url(DATABASE);
    let born = read_start_time(&url).await;
    assert_eq!(second.url(DATABASE), url);

    first.stop().await.unwrap();
    assert_eq!(read_start_time(&url).await, born);
    process.kill().unwrap();
    process.wait().unwrap();
    assert_eq!(read_start_time(&url).await, born);
    second.stop().await.unwrap();
    assert!(is_down(&url).await);
    drop(directory);
}

#[tokio::test]
async fn concurrent_users_share_one_server() {
    let directory = make_open_directory();
    let options = volatile_options(&directory.path().join("pg"));
    let starts = (0..6).map(|_| Server::start(&options));
    let servers: Vec<Server> = futures::future::try_join_all(starts).await.unwrap();
    let url = servers[0].url(DATABASE);
    let stops = servers.into_iter().map(Server::stop);
    futures::future::try_join_all(stops).await.unwrap();
    assert!(is_down(&url).await);
}

#[tokio::test]
async fn a_server_left_by_a_killed_program_is_reused() {
    let directory = make_open_directory();
    let home = directory.path().join("pg");
    let mut child = spawn_user(&home);
    let group = child.id();
    child.kill().unwrap();
    // The read ends, so the server has not inherited the pipe.
    let mut rest = String::new();
    child
        .stdout
        .take()
        .unwrap()
        .read_to_string(&mut rest)
        .unwrap();
    child.wait().unwrap();

    let process = read_postmaster_pid(&home);
    let groups = Command::new("ps")
        .args(["-o", "pgid=", "-p", &process.to_string()])
        .output()
        .unwrap();
    let groups = String::from_utf8(groups.stdout).unwrap();
    assert_ne!(groups.trim(), group.to_string());
    assert!(!groups.trim().is_empty());
    if cfg!(target_os = "linux") {
        for entry in std::fs::read_dir(format!("/proc/{process}/fd")).unwrap() {
            let file = std::fs::read_link(entry.unwrap().path()).unwrap_or_default();
            assert_ne!(file.extension().unwrap_or_default(), "lock", "{file:?}");
        }
    }

    let server = Server::start(&volatile_options(&home)).await.unwrap();
    assert_eq!(read_postmaster_pid(&home), process);
    let url = server.url(DATABASE);
    server.stop().await.unwrap();
    assert!(is_down(&url).await);
}

#[tokio::test]
async fn a_killed_server_restarts_with_its_commits() {
    let directory = make_open_directory();
    let settings = config::Database {
        directory: Some(directory.path().join("pg")),
        ..settings("local")
    };
    let database = Database::open(&settings, 2).await.unwrap();
    let connection = database.connection().await.unwrap();
    let sql = "create table kept (it int); insert into kept values (1)";
    connection.batch_execute(sql).await.unwrap();
    drop(connection);
    let killed = read_postmaster_pid(&directory.path().join("pg"));
    kill_process(killed);
    wait_until_down(&socket_url(&directory.path().join("pg"))).await;

    // The backend of a pooled connection may live for a moment longer.
    let kept = loop {
        let connection = database.connection().await.unwrap();
        match connection.query_one("select it from kept", &[]).await {
            Ok(row) if read_postmaster_pid(&directory.path().join("pg")) != killed => break row,
            _ => tokio::time::sleep(Duration::from_millis(20)).await,
        }
    };
    assert_eq!(kept.get::<_, i32>(0), 1);
    assert!(database.describe().contains("/pg"));
    database.close().await.unwrap();
    assert!(!directory.path().join("pg/data/postmaster.pid").exists());
}

#[tokio::test]
async fn a_reused_process_id_of_a_killed_server_does_not_block_a_start() {
    let (_directory, server) = start_server().await;
    let data = server.directory().join("data");
    kill_process(read_postmaster_pid(server.directory()));
    wait_until_down(&server.url(DATABASE)).await;
    let owner = std::fs::metadata(&data).unwrap();
    let mut command = Command::new("sleep");
    command.arg("60").current_dir("/");
    if owner.uid() != rustix::process::geteuid().as_raw() {
        command.uid(owner.uid()).gid(owner.gid());
    }
    let mut other = command.spawn().unwrap();
    let file = data.join("postmaster.pid");
    let text = std::fs::read_to_string(&file).unwrap();
    let (_, rest) = text.split_once('\n').unwrap();
    std::fs::write(&file, format!("{}\n{rest}", other.id())).unwrap();

    let revived = server.ensure_running().await;
    other.kill().unwrap();
    other.wait().unwrap();
    revived.unwrap();
    server.stop().await.unwrap();
}

#[tokio::test]
async fn a_crashed_server_restarts_on_revive() {
    let (_directory, server) = start_server().await;
    let url = server.url(DATABASE);
    let born = read_start_time(&url).await;
    server.crash().await.unwrap();
    assert!(is_down(&url).await);
    server.ensure_running().await.unwrap();
    assert_ne!(read_start_time(&url).await, born);
    server.stop().await.unwrap();
}

#[tokio::test]
async fn an_incomplete_initdb_is_repeated() {
    let directory = make_open_directory();
    let home = directory.path().join("pg");
    let half = home.join("unfinished-1-1");
    std::fs::create_dir_all(half.join("base")).unwrap();
    std::fs::write(half.join("PG_VERSION"), "15").unwrap();
    std::fs::write(home.join("start.lock"), "").unwrap();
    // `initdb` runs as the server's user.
    let (_elsewhere, other) = start_server().await;
    let owner = std::fs::metadata(other.directory()).unwrap();
    other.stop().await.unwrap();
    for path in [&half, &half.join("base"), &half.join("PG_VERSION")] {
        chown(path, Some(owner.uid()), Some(owner.gid())).unwrap();
    }
    let server = Server::start(&volatile_options(&home)).await.unwrap();
    assert!(!half.exists());
    server.stop().await.unwrap();
}

#[tokio::test]
async fn a_cluster_of_another_version_is_refused_and_both_are_named() {
    let (_directory, server) = start_server().await;
    let home = server.directory().to_owned();
    server.stop().await.unwrap();
    let ours = std::fs::read_to_string(home.join("data/PG_VERSION")).unwrap();
    std::fs::write(home.join("data/PG_VERSION"), "9\n").unwrap();
    let error = Server::start(&volatile_options(&home)).await.unwrap_err();
    assert_eq!(error.exit_code(), 3);
    for part in ["PostgreSQL 9 ", &format!("PostgreSQL {}", ours.trim())] {
        assert!(error.to_string().contains(part), "{error}");
    }
}

#[tokio::test]
async fn a_long_directory_path_has_its_socket_elsewhere() {
    let directory = make_open_directory();
    let home = directory.path().join("d".repeat(120));
    let first = Server::start(&volatile_options(&home)).await.unwrap();
    let second = Server::start(&volatile_options(&home)).await.unwrap();
    assert_eq!(first.url(DATABASE), second.url(DATABASE));
    assert_eq!(
        query_text(&first.url(DATABASE), "select 'here'").await,
        "here"
    );
    let elsewhere = PathBuf::from(std::fs::read_to_string(home.join("socket.path")).unwrap());
    assert_eq!(std::fs::metadata(&elsewhere).unwrap().mode() & 0o777, 0o700);
    first.stop().await.unwrap();
    second.stop().await.unwrap();
    assert!(!elsewhere.exists());
    let again = Server::start(&volatile_options(&home)).await.unwrap();
    again.stop().await.unwrap();
}

#[tokio::test]
async fn a_directory_with_odd_characters_works() {
    let directory = make_open_directory();
    let server = Server::start(&volatile_options(&directory.path().join("it's é, a % b")))
        .await
        .unwrap();
    assert_eq!(
        query_text(&server.url(DATABASE), "select 'here'").await,
        "here"
    );
    server.stop().await.unwrap();
    let error = Server::start(&volatile_options(&directory.path().join("$HOME"))).await;
    assert_eq!(error.unwrap_err().kind(), Kind::Config);
}

#[tokio::test]
async fn a_directory_with_other_content_is_refused() {
    let directory = make_open_directory();
    std::fs::write(directory.path().join("thesis.tex"), "").unwrap();
    let before = std::fs::metadata(directory.path()).unwrap();
    let error = Server::start(&volatile_options(directory.path())).await;
    assert_eq!(error.unwrap_err().kind(), Kind::Config);
    let after = std::fs::metadata(directory.path()).unwrap();
    assert_eq!((before.uid(), before.mode()), (after.uid(), after.mode()));
}

#[tokio::test]
async fn a_parent_directory_without_access_is_named() {
    if !rustix::process::geteuid().is_root() {
        return;
    }
    let directory = make_open_directory();
    let closed = directory.path().join("closed");
    std::fs::create_dir(&closed).unwrap();
    std::fs::set_permissions(&closed, PermissionsExt::from_mode(0o700)).unwrap();
    let error = Server::start(&volatile_options(&closed.join("pg")))
        .await
        .unwrap_err();
    assert_eq!(error.kind(), Kind::Config);
    let named = format!("may not enter {}:", closed.display());
    assert!(error.to_string().contains(&named), "{error}");
}

#[tokio::test]
async fn a_failed_start_reports_the_reason() {
    let directory = make_open_directory();
    let mut options = volatile_options(&directory.path().join("pg"));
    options.settings = vec![("max_connections".into(), "many".into())];
    let begun = Instant::now();
    let error = Server::start(&options).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Environment);
    assert!(error.to_string().contains("max_connections"), "{error}");
    assert!(begun.elapsed() < Duration::from_secs(30));
}

#[tokio::test]
async fn other_users_cannot_enter_the_local_server_s_directories() {
    let (_directory, server) = start_server().await;
    for name in ["", "socket", "data"] {
        let metadata = std::fs::metadata(server.directory().join(name)).unwrap();
        assert_eq!(metadata.mode() & 0o777, 0o700, "{name}");
        assert_ne!(metadata.uid(), 0, "{name}");
    }
    let url = server.url(DATABASE);
    assert_eq!(query_text(&url, "show listen_addresses").await, "");
    assert_eq!(query_text(&url, "show server_encoding").await, "UTF8");
    assert_eq!(query_text(&url, "show fsync").await, "off");
    server.stop().await.unwrap();
    let server = Server::start(&Options::new(server_directory(&url)))
        .await
        .unwrap();
    assert_eq!(query_text(&url, "show fsync").await, "on");
    assert_eq!(query_text(&url, "show synchronous_commit").await, "on");
    assert_eq!(query_text(&url, "show full_page_writes").await, "on");
    server.stop().await.unwrap();
}

/// Returns the directory of the server whose socket is in the URL.
fn server_directory(url: &str) -> PathBuf {
    let (_, host) = url.split_once("host=").expect("a host");
    let (socket, _) = host.split_once('&').expect("a port");
    Path::new(socket).parent().expect("a directory").to_owned()
}

#[tokio::test]
async fn psql_gets_its_password_from_the_environment() {
    let (_directory, server) = start_server().await;
    let url = server.url(DATABASE).replace("ocds@", "ocds:hunter2@");
    let database = Database::open(&settings(&url), 1).await.unwrap();
    let mut command = database.psql_command();
    let arguments: Vec<_> = command.get_args().map(|it| it.to_owned()).collect();
    assert!(
        !arguments
            .iter()
            .any(|it| it.to_string_lossy().contains("hunter2"))
    );
    let passed = command
        .get_envs()
        .any(|(name, value)| name == "PGPASSWORD" && value.is_some_and(|value| value == "hunter2"));
    assert!(passed);
    let output = command
        .args(["-XAtc", "select current_database()"])
        .output()
        .unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stdout).trim(), "ocds");
    server.stop().await.unwrap();
}

#[tokio::test]
async fn a_dead_pooled_connection_is_not_used() {
    let (_directory, server) = start_server().await;
    let url = server.url(DATABASE);
    let database = Database::open(&settings(&url), 1).await.unwrap();
    let connection = database.connection().await.unwrap();
    let row = connection.query_one("select pg_backend_pid()", &[]).await;
    let backend: i32 = row.unwrap().get(0);
    drop(connection);
    let other = connect(&url).await.unwrap();
    other
        .execute("select pg_terminate_backend($1, 5000)", &[&backend])
        .await
        .unwrap();
    let connection = database.connection().await.unwrap();
    assert!(connection.query_one("select 1", &[]).await.is_ok());
    server.stop().await.unwrap();
}

#[tokio::test]
async fn a_server_that_takes_no_writes_is_waited_for() {
    let (_directory, server) = start_server().await;
    let url = server.url(DATABASE);
    let database = Database::open(&settings(&url), 1).await.unwrap();
    drop(database.connection().await.unwrap());
    let admin = connect(&format!("{url}&target_session_attrs=any"))
        .await
        .unwrap();
    let read_only = |state| format!("alter system set default_transaction_read_only = {state}");
    for (state, kind) in [("on", Some(Kind::Environment)), ("off", None)] {
        admin
            .batch_execute("set transaction_read_only = off")
            .await
            .unwrap();
        admin.batch_execute(&read_only(state)).await.unwrap();
        admin
            .batch_execute("select pg_reload_conf()")
            .await
            .unwrap();
        let deadline = Instant::now() + TEST_TIMEOUT;
        // The pooled connection from before is refused like a new one.
        loop {
            let found = database.connection().await.err().map(|error| error.kind());
            if found == kind {
                break;
            }
            assert!(Instant::now() < deadline, "{found:?} instead of {kind:?}");
        }
    }
    server.stop().await.unwrap();
}

#[tokio::test]
async fn a_refused_login_differs_from_an_unavailable_server() {
    let (_directory, server) = start_server().await;
    let url = server.url(DATABASE);
    let admin = connect(&url).await.unwrap();
    for sql in [
        "create database latin encoding 'LATIN1' locale 'C' template template0",
        "create role full_up login connection limit 0",
    ] {
        admin.batch_execute(sql).await.unwrap();
    }
    for (url, kind, said) in [
        (server.url("nowhere"), Kind::Config, "3D000"),
        (url.replace("ocds@", "nobody@"), Kind::Config, "28000"),
        (server.url("latin"), Kind::Config, "LATIN1"),
        (url.replace("ocds@", "full_up@"), Kind::Environment, "53300"),
        (
            "postgresql://u@127.0.0.1:1/d".into(),
            Kind::Environment,
            "127.0.0.1:1/d",
        ),
    ] {
        let error = connect(&url).await.unwrap_err();
        assert_eq!(error.kind(), kind, "{}", error.chain());
        assert!(error.chain().contains(said), "{}", error.chain());
    }
    server.crash().await.unwrap();
    let error = connect(&url).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Environment, "{}", error.chain());
    server.stop().await.unwrap();
}

/// Certificates made by `openssl`, and a server that uses them.
struct Tls {
    _directory: TempDir,
    keys: PathBuf,
    port: u16,
    server: Server,
}

impl Tls {
    async fn start() -> Self {
        let directory = make_open_directory();
        let keys = directory.path().join("keys");
        std::fs::create_dir(&keys).expect("a directory");
        make_certificates(&keys);
        let home = directory.path().join("pg");
        // The first start makes the user's directory, because the key needs its owner.
        let first = Server::start(&volatile_options(&home))
            .await
            .expect("a server");
        let owner = std::fs::metadata(first.directory()).expect("a directory");
        first.stop().await.expect("a stop");
        chown(
            keys.join("server.key"),
            Some(owner.uid()),
            Some(owner.gid()),
        )
        .expect("a key");
        std::fs::write(
            keys.join("hba"),
            "local all all trust\n\
             hostssl certified all 127.0.0.1/32 cert\n\
             host secret all 127.0.0.1/32 scram-sha-256\n\
             hostnossl plain all 127.0.0.1/32 trust\n\
             hostssl ocds all 127.0.0.1/32 trust\n",
        )
        .expect("a file");
        let port = std::net::TcpListener::bind("127.0.0.1:0")
            .and_then(|listener| listener.local_addr())
            .expect("a port")
            .port();
        let file = |name: &str| keys.join(name).display().to_string();
        let options = Options {
            settings: vec![
                ("listen_addresses".into(), "127.0.0.1".into()),
                ("port".into(), port.to_string()),
                ("ssl".into(), "on".into()),
                ("ssl_cert_file".into(), file("server.crt")),
                ("ssl_key_file".into(), file("server.key")),
                ("ssl_ca_file".into(), file("ca.crt")),
                ("hba_file".into(), file("hba")),
            ],
            ..volatile_options(&home)
        };
        let server = Server::start(&options).await.expect("a server");
        let admin = connect(&server.url(DATABASE)).await.expect("a connection");
        for sql in [
            "create database certified",
            "create database secret",
            "create database plain",
            "create role with_password login password 'hunter2'",
        ] {
            admin.batch_execute(sql).await.expect("a statement");
        }
        Self {
            _directory: directory,
            keys,
            port,
            server,
        }
    }

    /// Connects with options in which `@` stands for the directory of the keys.
    async fn try_connect(
        &self,
        database: &str,
        host: &str,
        options: &str,
    ) -> Result<String, Error> {
        let keys = self.keys.display().to_string();
        let options = options.replace('@', &keys);
        let port = self.port;
        let user = if options.contains("user=") {
            ""
        } else {
            "user=ocds"
        };
        let connection = connect(&format!(
            "host={host} hostaddr=127.0.0.1 port={port} dbname={database} {user} {options}"
        ))
        .await?;
        let question = "select coalesce(version, 'plain text') from pg_stat_ssl \
                        where pid = pg_backend_pid()";
        Ok(connection.query_one(question, &[]).await?.get(0))
    }
}

/// Makes two authorities, `ca` and `other`. The first signs a certificate for the server
/// `localhost` and one for the client user `ocds`.
pub(crate) fn make_certificates(keys: &Path) {
    let script = "
        set -e; cd \"$1\"
        authority() {
            openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj \"/CN=$1\" \
                -keyout \"$1.key\" -out \"$1.crt\"
        }
        signed() {
            openssl req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj \"/CN=$2\" -keyout \"$1.key\" -out \"$1.csr\"
            printf '%s' \"$3\" > \"$1.ext\"
            openssl x509 -req -in \"$1.csr\" -CA ca.crt -CAkey ca.key -CAcreateserial -days 2 \
                -extfile \"$1.ext\" -out \"$1.crt\"
        }
        authority ca; authority other
        signed server localhost subjectAltName=DNS:localhost
        signed client ocds extendedKeyUsage=clientAuth
        chmod 600 *.key; cp client.key open.key; chmod 644 open.key";
    let output = Command::new("sh")
        .args(["-c", script, "sh"])
        .arg(keys)
        .output()
        .expect("a shell");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
}

#[tokio::test]
async fn each_sslmode_checks_what_it_promises() {
    let tls = Tls::start().await;
    let right = "localhost";
    let wrong = "wrong.example";
    for (host, options) in [
        (right, ""),
        (wrong, "sslmode=require"),
        (wrong, "sslmode=require sslrootcert=@/ca.crt"),
        (wrong, "sslmode=verify-ca sslrootcert=@/ca.crt"),
        (right, "sslmode=verify-full sslrootcert=@/ca.crt"),
    ] {
        let version = tls.try_connect(DATABASE, host, options).await;
        assert_eq!(version.unwrap(), "TLSv1.3", "{options}");
    }
    for (host, options) in [
        (right, "sslmode=disable"),
        (right, "sslmode=require sslrootcert=@/other.crt"),
        (right, "sslmode=verify-ca sslrootcert=@/other.crt"),
        (right, "sslmode=verify-full sslrootcert=@/other.crt"),
        (right, "sslmode=verify-full"),
        (wrong, "sslmode=verify-full sslrootcert=@/ca.crt"),
    ] {
        let error = tls.try_connect(DATABASE, host, options).await.unwrap_err();
        assert_eq!(error.kind(), Kind::Config, "{options}: {}", error.chain());
    }
    let plain = tls.try_connect("plain", right, "sslmode=disable").await;
    assert_eq!(plain.unwrap(), "plain text");
    tls.server.stop().await.unwrap();
}

#[tokio::test]
async fn a_client_certificate_authenticates_us() {
    let tls = Tls::start().await;
    let root = "sslmode=verify-full sslrootcert=@/ca.crt";
    let identity = format!("{root} sslcert=@/client.crt sslkey=@/client.key");
    let version = tls.try_connect("certified", "localhost", &identity).await;
    assert_eq!(version.unwrap(), "TLSv1.3");
    for options in [
        root.to_owned(),
        format!("{root} sslcert=@/client.crt sslkey=@/open.key"),
        format!("{root} sslcert=@/client.crt sslkey=@/ca.key"),
        format!("{identity} user=with_password"),
    ] {
        let error = tls.try_connect("certified", "localhost", &options).await;
        let error = error.unwrap_err();
        assert_eq!(error.kind(), Kind::Config, "{options}: {}", error.chain());
    }
    tls.server.stop().await.unwrap();
}

#[tokio::test]
async fn a_password_is_bound_to_the_server_s_certificate() {
    let tls = Tls::start().await;
    let bound = "sslmode=require channel_binding=require user=with_password";
    let version = tls
        .try_connect("secret", "localhost", &format!("{bound} password=hunter2"))
        .await;
    assert_eq!(version.unwrap(), "TLSv1.3");
    for options in [format!("{bound} password=hunter3"), bound.to_owned()] {
        let error = tls.try_connect("secret", "localhost", &options).await;
        let error = error.unwrap_err();
        assert_eq!(error.kind(), Kind::Config, "{options}: {}", error.chain());
        assert!(!error.chain().contains("hunter"), "{}", error.chain());
    }
    tls.server.stop().await.unwrap();
}

#[tokio::test]
async fn required_tls_fails_on_a_server_without_tls() {
    let (_directory, server) = start_server().await;
    let home = server.directory().to_owned();
    server.stop().await.unwrap();
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let number = port.local_addr().unwrap().port();
    drop(port);
    let server = Server::start(&Options {
        settings: vec![
            ("listen_addresses".into(), "127.0.0.1".into()),
            ("port".into(), number.to_string()),
        ],
        ..volatile_options(&home)
    })
    .await
    .unwrap();
    let url = format!("postgresql://ocds@127.0.0.1:{number}/ocds");
    assert!(connect(&url).await.is_ok());
    let error = connect(&format!("{url}?sslmode=require"))
        .await
        .unwrap_err();
    assert_eq!(error.kind(), Kind::Config, "{}", error.chain());
    server.stop().await.unwrap();
}

#[tokio::test]
async fn require_auth_is_obeyed_over_tls_too() {
    let tls = Tls::start().await;
    let user = "sslmode=require user=with_password password=hunter2";
    for list in [
        "scram-sha-256",
        "scram-sha-256,none",
        "!password,!md5",
        "!none",
    ] {
        let options = format!("{user} require_auth={list}");
        let version = tls.try_connect("secret", "localhost", &options).await;
        assert_eq!(version.unwrap(), "TLSv1.3", "{list}");
    }
    for list in ["md5", "none", "password,md5", "!scram-sha-256"] {
        let options = format!("{user} require_auth={list}");
        let error = tls.try_connect("secret", "localhost", &options).await;
        let error = error.unwrap_err();
        assert_eq!(error.kind(), Kind::Config, "{list}: {}", error.chain());
        assert!(error.chain().contains("SCRAM-SHA-256"), "{}", error.chain());
    }
    // A server that asks for no password is not the expected one.
    let trusted = "sslmode=require require_auth=scram-sha-256";
    let error = tls.try_connect(DATABASE, "localhost", trusted).await;
    let error = error.unwrap_err();
    assert_eq!(error.kind(), Kind::Config, "{}", error.chain());
    assert!(
        error.chain().contains("no authentication"),
        "{}",
        error.chain()
    );
    tls.server.stop().await.unwrap();
}

fn migration(version: i32, sql: &str) -> Migration {
    Migration {
        version,
        name: format!("step_{version}"),
        sql: sql.to_owned(),
    }
}

fn make_migrations() -> Vec<Migration> {
    vec![
        migration(1, "create table ocds.one (it int);\nselect pg_sleep(0.3);"),
        migration(2, "create table ocds.two (it int);"),
    ]
}

#[tokio::test]
async fn concurrent_migrations_of_an_empty_database_both_succeed() {
    let (_directory, server) = start_server().await;
    let url = server.url(DATABASE);
    let settings = settings(&url);
    let mut first = connect(&url).await.unwrap();
    let mut second = connect(&url).await.unwrap();
    let list = make_migrations();
    assert_eq!(migrate::find_pending(&first, &list).await.unwrap(), list);
    let (one, other) = tokio::join!(
        migrate::apply(&mut first, &list, &settings),
        migrate::apply(&mut second, &list, &settings),
    );
    let mut applied = [one.unwrap(), other.unwrap()];
    applied.sort_by_key(Vec::len);
    assert_eq!(applied, [vec![], list.clone()]);
    assert!(
        migrate::find_pending(&first, &list)
            .await
            .unwrap()
            .is_empty()
    );
    let again = migrate::apply(&mut first, &list, &settings).await.unwrap();
    assert!(again.is_empty());

    let mut longer = list.clone();
    longer.push(migration(3, "create table ocds.three (it int)"));
    assert_eq!(
        migrate::apply(&mut first, &longer, &settings)
            .await
            .unwrap(),
        longer[2..]
    );
    server.stop().await.unwrap();
}

#[tokio::test]
async fn a_database_with_other_migrations_is_refused() {
    let (_directory, server) = start_server().await;
    let url = server.url(DATABASE);
    let settings = settings(&url);
    let mut connection = connect(&url).await.unwrap();
    let list = make_migrations();
    migrate::apply(&mut connection, &list, &settings)
        .await
        .unwrap();
    let mut changed = make_migrations();
    changed[0].sql.push_str("-- and more");
    for (list, said) in [
        (&list[..1], "0002_step_2"),
        (&changed[..], "0001_step_1.sql"),
    ] {
        let error = migrate::apply(&mut connection, list, &settings).await;
        let error = error.unwrap_err();
        assert_eq!(error.kind(), Kind::Config);
        assert!(error.to_string().contains(said), "{error}");
        assert!(migrate::find_pending(&connection, list).await.is_err());
    }
    server.stop().await.unwrap();
}

#[tokio::test]
async fn a_failed_migration_names_its_line_and_is_rolled_back() {
    let (_directory, server) = start_server().await;
    let url = server.url(DATABASE);
    let mut connection = connect(&url).await.unwrap();
    let mut list = make_migrations();
    list[1].sql = "create table ocds.two (it int);\n\nselect nothing from nowhere;".to_owned();
    let error = migrate::apply(&mut connection, &list, &settings(&url)).await;
    let error = error.unwrap_err();
    assert_eq!(error.kind(), Kind::Unexpected);
    assert!(
        error.chain().contains("migration 0002_step_2.sql, line 3"),
        "{}",
        error.chain()
    );
    let left = "select count(*)::text from pg_namespace where nspname = 'ocds'";
    assert_eq!(query_text(&url, left).await, "0");
    server.stop().await.unwrap();
}

#[tokio::test]
async fn a_role_needs_the_create_right_only_to_migrate() {
    let (_directory, server) = start_server().await;
    let url = server.url(DATABASE);
    let settings = settings(&url);
    let mut owner = connect(&url).await.unwrap();
    owner
        .batch_execute("create role writer login")
        .await
        .unwrap();
    let mut writer = connect(&url.replace("ocds@", "writer@")).await.unwrap();
    let list = make_migrations();
    let error = migrate::apply(&mut writer, &list, &settings).await;
    let error = error.unwrap_err();
    assert_eq!(error.kind(), Kind::Config);
    assert!(error.chain().contains("CREATE"), "{}", error.chain());

    migrate::apply(&mut owner, &list, &settings).await.unwrap();
    let grant = "grant usage on schema ocds to writer; grant select on ocds.migration to writer";
    owner.batch_execute(grant).await.unwrap();
    let applied = migrate::apply(&mut writer, &list, &settings).await;
    assert!(applied.unwrap().is_empty());
    server.stop().await.unwrap();
}

#[tokio::test]
async fn a_database_opened_locally_migrates_and_closes() {
    let directory = make_open_directory();
    let settings = config::Database {
        directory: Some(directory.path().join("pg")),
        ..settings("local")
    };
    let database = Database::open(&settings, 2).await.unwrap();
    let pending = database.pending_migrations().await.unwrap();
    assert_eq!(pending, migrate::built_in_migrations().unwrap());
    assert_eq!(database.migrate().await.unwrap(), pending);
    assert!(database.pending_migrations().await.unwrap().is_empty());
    let clone = database.clone();
    database.close().await.unwrap();
    assert!(clone.connection().await.is_err());
    clone.close().await.unwrap();
}
