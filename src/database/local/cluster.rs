//! The cluster itself: made by `initdb`, started and stopped by `pg_ctl`.
//!
//! Whether its server runs is found out by connecting. Everything here expects
//! its caller to hold the [`ServerDirectory`]'s start lock.

use std::path::Path;
use std::time::{Duration, Instant, SystemTime};

use tokio::process::Command;
use tokio_postgres::NoTls;
use tokio_postgres::error::SqlState;

use super::binaries::Binaries;
use super::directory::Directory;
use super::owner::{find_last_line, path_error, run_command, run_command_within};
use super::server_directory::{Lock, ServerDirectory};
use super::{DATABASE, Durability, Options};
use crate::error::{Error, Result};

/// How long a server may take to start, recovery after a crash included, or to
/// stop.
const SERVER_LIMIT: Duration = Duration::from_secs(300);

/// How long to wait before looking again at a server that is busy.
const PROBE_INTERVAL: Duration = Duration::from_millis(50);

/// How long a server may take to answer a probe.
const PROBE_LIMIT: Duration = Duration::from_secs(5);

/// Begins the name of a directory in which `initdb` works.
const UNFINISHED: &str = "unfinished-";

/// The file in the data directory that names the server's process.
const PID_FILE: &str = "postmaster.pid";

/// A cluster, what runs it, and how.
#[derive(Debug)]
pub(super) struct Cluster {
    pub(super) server_directory: ServerDirectory,
    pub(super) binaries: Binaries,
    pub(super) socket_directory: Directory,
    pub(super) options: Options,
}

/// How a server is stopped, in `pg_ctl`'s words.
#[derive(Clone, Copy, Debug)]
pub(super) enum StopMode {
    /// Ends sessions, writes everything down, then stops.
    Fast,
    /// Stops at once, and recovers at the next start.
    Immediate,
}

/// What a server answers to somebody who connects.
#[derive(Debug)]
enum ServerState {
    /// It is there, and so is our database.
    Ready,
    /// It is there and lacks our database.
    NoDatabase,
    /// It is starting, recovering or stopping.
    Busy,
    /// Nobody listens.
    NotRunning,
}

/// How long a file may be that PostgreSQL writes a number or a few lines into.
const SHORT_FILE_LENGTH: u16 = 4096;

/// The major version that made a site's cluster; `None` if there is none yet.
pub(super) fn read_version(server_directory: &ServerDirectory) -> Result<Option<u32>> {
    let Some(data) = server_directory.open_data_directory()? else {
        return Ok(None);
    };
    let Some(text) = data.read_file("PG_VERSION", SHORT_FILE_LENGTH)? else {
        return Ok(None);
    };
    let number = std::str::from_utf8(&text).unwrap_or_default().trim();
    number.parse().map(Some).map_err(|_| {
        let file = data.path.join("PG_VERSION");
        Error::environment(format!("{} names no version", file.display()))
    })
}

impl Cluster {
    /// The URL of one of its databases.
    pub(super) fn url(&self, database: &str) -> String {
        let host = percent_encode(&self.socket_directory.path.to_string_lossy());
        let database = percent_encode(database);
        let port = self.options.port();
        format!("postgresql://{DATABASE}@/{database}?host={host}&port={port}")
    }

    /// Refuses a cluster that our programs cannot run.
    pub(super) fn check_version(&self, made_by: u32) -> Result<()> {
        let ours = self.binaries.major;
        if made_by == ours {
            return Ok(());
        }
        let directory = self.server_directory.path().display();
        Err(Error::environment(format!(
            "PostgreSQL {made_by} made the local database in {directory}, and this machine has \
             PostgreSQL {ours}: install PostgreSQL {made_by}, or upgrade {directory}/data with \
             pg_upgrade, or set database.directory to a new one"
        )))
    }

    /// Makes the cluster in a directory of another name, and renames it when it
    /// is whole: what is called `data` is never a half of one. The name is new
    /// each time, for an `initdb` may outlive the program that started it.
    pub(super) async fn initialise(&self) -> Result<()> {
        self.remove_unfinished().await;
        let started = SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default();
        let name = format!("{UNFINISHED}{}-{}", std::process::id(), started.as_nanos());
        let unfinished = self.server_directory.path().join(&name);
        if let Err(first) = self.initdb(&unfinished, "C.UTF-8").await {
            // Some systems have no C.UTF-8; it differs from C in what is
            // upper and lower case outside ASCII, and in nothing else.
            self.remove_unfinished().await;
            self.initdb(&unfinished, "C").await.map_err(|_| first)?;
        }
        let directory = &self.server_directory.directory;
        directory
            .rename(&name, "data")
            .map_err(|e| path_error("make", &self.server_directory.data_path(), e))?;
        directory.sync()?;
        tracing::info!(
            "made a database in {} with PostgreSQL {}",
            directory.path.display(),
            self.binaries.major
        );
        Ok(())
    }

    async fn initdb(&self, directory: &Path, locale: &str) -> Result<()> {
        let mut command = self.command("initdb");
        command
            .arg("--pgdata")
            .arg(directory)
            .args(["--username", DATABASE, "--auth", "trust"])
            .args(["--encoding", "UTF8", "--locale", locale])
            .kill_on_drop(true);
        if self.options.durability == Durability::Volatile {
            command.arg("--no-sync");
        }
        let output = run_command(&mut command).await?;
        if output.status.success() {
            return Ok(());
        }
        let why = find_last_line(&output);
        Err(Error::environment(format!("initdb failed: {why}")))
    }

    async fn remove_unfinished(&self) {
        let names = self.server_directory.directory.names().unwrap_or_default();
        for name in names.iter().filter(|name| name.starts_with(UNFINISHED)) {
            let path = self.server_directory.path().join(name);
            if let Err(error) = self.server_directory.owner.remove_tree(&path).await {
                tracing::warn!("{}", error.chain());
            }
        }
    }

    /// Waits until the server takes connections and has our database, starting
    /// what is not there.
    pub(super) async fn ensure_running(&self, start: &Lock, in_use: &Lock) -> Result<()> {
        let deadline = Instant::now() + SERVER_LIMIT;
        while Instant::now() < deadline {
            match self.probe().await {
                ServerState::Ready => return Ok(()),
                ServerState::NoDatabase => return self.create_database().await,
                ServerState::Busy => {}
                // The remains of a killed server are still ending, or a killed
                // program's server has not begun to listen.
                ServerState::NotRunning
                    if cfg!(target_os = "linux") && self.has_server_process() => {}
                ServerState::NotRunning => {
                    self.remove_stale_pid_files(start, in_use)?;
                    match self.start_server().await {
                        Ok(()) => continue,
                        Err(_) if self.has_server_process() => {}
                        Err(error) => return Err(error),
                    }
                }
            }
            tokio::time::sleep(PROBE_INTERVAL).await;
        }
        Err(Error::environment(format!(
            "the database server in {} is still not ready after {} s: see {}",
            self.server_directory.path().display(),
            SERVER_LIMIT.as_secs(),
            self.server_directory.log_path().display()
        )))
    }

    async fn probe(&self) -> ServerState {
        let Ok(config) = self.url(DATABASE).parse::<tokio_postgres::Config>() else {
            return ServerState::NotRunning;
        };
        let Ok(answer) = tokio::time::timeout(PROBE_LIMIT, config.connect(NoTls)).await else {
            return ServerState::Busy;
        };
        match answer {
            Ok(_) => ServerState::Ready,
            Err(error) => match error.code() {
                Some(&SqlState::INVALID_CATALOG_NAME) => ServerState::NoDatabase,
                Some(&SqlState::CANNOT_CONNECT_NOW) => ServerState::Busy,
                // Whatever else it says, it says it: full, for one.
                Some(_) => ServerState::Ready,
                None => ServerState::NotRunning,
            },
        }
    }

    async fn create_database(&self) -> Result<()> {
        let config: tokio_postgres::Config = self.url("postgres").parse()?;
        let (client, connection) = config.connect(NoTls).await?;
        let connection = tokio::spawn(connection);
        let created = client
            .batch_execute(&format!("create database {DATABASE}"))
            .await;
        drop(client);
        connection
            .await
            .map_err(|e| Error::unexpected("talk to the local server").with_source(e))??;
        Ok(created?)
    }

    /// Starts the server through a shell that first closes what we inherited:
    /// under `flock lockfile ocds-ingest run`, a server that outlives us would
    /// hold that lock for ever.
    async fn start_server(&self) -> Result<()> {
        let log_start = self.server_directory.rotate_log();
        let options: Vec<String> = self
            .settings()
            .await
            .iter()
            .map(|(name, value)| format!("-c {}", shell_quote(&format!("{name}={value}"))))
            .collect();
        let mut command = self.server_directory.owner.command("sh");
        let closing: String = (3..10)
            .map(|descriptor| format!("{descriptor}>&- "))
            .collect();
        command
            .arg("-c")
            .arg(format!("exec {closing}; exec \"$@\""))
            .arg("sh")
            .arg(self.binaries.program("pg_ctl"))
            .args(["start", "--silent", "--wait", "--timeout"])
            .arg(SERVER_LIMIT.as_secs().to_string())
            .arg("--pgdata")
            .arg(self.server_directory.data_path())
            .arg("--log")
            .arg(self.server_directory.log_path())
            .arg("--options")
            .arg(options.join(" "));
        let output = run_command(&mut command).await?;
        let directory = self.server_directory.path().display();
        if output.status.success() {
            let major = self.binaries.major;
            tracing::info!("started PostgreSQL {major} in {directory}");
            return Ok(());
        }
        let why = self.server_directory.find_fatal_error(log_start);
        let why = why.unwrap_or_else(|| find_last_line(&output));
        Err(Error::environment(format!(
            "the database server in {directory} did not start: {why}"
        )))
    }

    /// Stops the server and waits until it is gone.
    pub(super) async fn stop(&self, how: StopMode) -> Result<()> {
        // `pg_ctl` would wait for a killed server that nobody reaped.
        if matches!(self.probe().await, ServerState::NotRunning) && !self.has_server_process() {
            return Ok(());
        }
        let mode = match how {
            StopMode::Fast => "fast",
            StopMode::Immediate => "immediate",
        };
        let mut command = self.command("pg_ctl");
        command
            .args(["stop", "--silent", "--wait", "--mode", mode, "--timeout"])
            .arg(SERVER_LIMIT.as_secs().to_string())
            .arg("--pgdata")
            .arg(self.server_directory.data_path());
        let output = run_command(&mut command).await?;
        if output.status.success() || matches!(self.probe().await, ServerState::NotRunning) {
            return Ok(());
        }
        Err(Error::environment(format!(
            "the database server in {} did not stop: {}",
            self.server_directory.path().display(),
            find_last_line(&output)
        )))
    }

    fn command(&self, program: &str) -> Command {
        self.server_directory
            .owner
            .command(self.binaries.program(program))
    }

    /// The settings that the server is started with; later ones win. They are
    /// given at each start and stored nowhere, so that they fit the machine.
    async fn settings(&self) -> Vec<(String, String)> {
        let socket = self
            .socket_directory
            .path
            .to_string_lossy()
            .replace('"', "\"\"");
        let megabytes = (read_memory_size() >> 20).clamp(512, 8192) / 8;
        let durable = self.options.durability == Durability::Durable;
        let durable = if durable { "on" } else { "off" };
        let mut settings = vec![
            ("listen_addresses", String::new()),
            ("unix_socket_directories", format!("\"{socket}\"")),
            ("unix_socket_permissions", "0700".into()),
            // Fewer and longer intervals between checkpoints: a page of data
            // is written whole to the log once in each.
            ("max_wal_size", "2GB".into()),
            ("checkpoint_timeout", "15min".into()),
            ("shared_buffers", format!("{megabytes}MB")),
            ("fsync", durable.into()),
            ("full_page_writes", durable.into()),
            ("synchronous_commit", durable.into()),
            // Its log tells of the server. What failed and in which statement,
            // with which values, is for us to tell or to keep quiet.
            ("log_min_messages", "log".into()),
            ("log_min_error_statement", "panic".into()),
            ("log_error_verbosity", "terse".into()),
            ("log_checkpoints", "off".into()),
        ];
        if self.has_lz4().await {
            settings.push(("wal_compression", "lz4".into()));
        }
        settings
            .into_iter()
            .map(|(name, value)| (name.to_owned(), value))
            .chain(self.options.settings.iter().cloned())
            .collect()
    }

    /// Whether the server was built with lz4; it has to be asked. It reads its
    /// configuration first, which may be a named pipe.
    async fn has_lz4(&self) -> bool {
        let mut command = self.command("postgres");
        command.arg("-D").arg(self.server_directory.data_path());
        command.args(["-c", "wal_compression=lz4", "-C", "wal_compression"]);
        let asked = run_command_within(PROBE_LIMIT, command.kill_on_drop(true)).await;
        asked.is_ok_and(|output| output.status.success())
    }

    /// Removes the files with a killed server's number, if the number now
    /// belongs to something else, which PostgreSQL would take for a server. In a
    /// container the same few numbers come again at every start, and a killed
    /// process may never be reaped.
    ///
    /// They are removed only if nobody else uses the directory: a server that we
    /// cannot see, in another container, is there as long as its program is.
    fn remove_stale_pid_files(&self, start: &Lock, in_use: &Lock) -> Result<()> {
        let socket = format!(".s.PGSQL.{}.lock", self.options.port());
        let data = self.server_directory.open_data_directory()?;
        let places = data.iter().map(|data| (data, PID_FILE));
        for (directory, file) in places.chain([(&self.socket_directory, &*socket)]) {
            let is_stale = cfg!(target_os = "linux")
                && is_process_alive(directory, file)?
                && !self.has_server_process()
                && in_use.is_only_user(start)?;
            if is_stale {
                directory.remove_file(file)?;
            }
        }
        Ok(())
    }

    /// Whether a process of PostgreSQL works in the data directory, be it only
    /// a remainder. On Linux every process is looked at, elsewhere the one that
    /// the server's own file names.
    fn has_server_process(&self) -> bool {
        let data = self.server_directory.data_path();
        if !cfg!(target_os = "linux") {
            let data = self.server_directory.open_data_directory().ok().flatten();
            return data.is_some_and(|data| is_process_alive(&data, PID_FILE).unwrap_or(false));
        }
        let data = data.canonicalize().unwrap_or(data);
        let Ok(processes) = std::fs::read_dir("/proc") else {
            return false;
        };
        // Not a shell in which somebody looks at the directory.
        let is_servers = |process: &Path| {
            std::fs::read_link(process.join("cwd")).is_ok_and(|it| it == data)
                && std::fs::read_to_string(process.join("comm"))
                    .is_ok_and(|name| name.starts_with("postgres"))
        };
        processes
            .flatten()
            .any(|process| is_servers(&process.path()))
    }
}

/// Whether there is a process with the number on a file's first line.
fn is_process_alive(directory: &Directory, file: &str) -> Result<bool> {
    let text = directory
        .read_file(file, SHORT_FILE_LENGTH)?
        .unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    let number = text
        .lines()
        .next()
        .and_then(|line| line.trim().parse().ok());
    // PostgreSQL writes a negative one for a server that has one session only.
    let number = number.and_then(i32::checked_abs);
    let Some(process) = number.and_then(rustix::process::Pid::from_raw) else {
        return Ok(false);
    };
    // One that we may not signal is alive all the same.
    Ok(!matches!(
        rustix::process::test_kill_process(process),
        Err(rustix::io::Errno::SRCH)
    ))
}

/// The bytes of memory that this process may count on.
fn read_memory_size() -> u64 {
    let read = |path| std::fs::read_to_string(path).unwrap_or_default();
    let machine = read("/proc/meminfo")
        .lines()
        .find_map(|line| {
            line.strip_prefix("MemTotal:")?
                .trim()
                .strip_suffix(" kB")?
                .parse()
                .ok()
        })
        .map_or(1 << 30, |kilobytes: u64| kilobytes << 10);
    // A container's limit, which is `max` where there is none.
    let container = read("/sys/fs/cgroup/memory.max").trim().parse();
    machine.min(container.unwrap_or(u64::MAX))
}

/// Quotes a word for `sh`, through which `pg_ctl` starts the server.
fn shell_quote(word: &str) -> String {
    format!("'{}'", word.replace('\'', r"'\''"))
}

/// Writes what is not plain in a URL as `%40` and its like.
fn percent_encode(text: &str) -> String {
    const HEX: [char; 16] = [
        '0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'A', 'B', 'C', 'D', 'E', 'F',
    ];
    let mut escaped = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.~/".contains(&byte) {
            escaped.push(char::from(byte));
        } else {
            escaped.extend([
                '%',
                HEX[usize::from(byte >> 4)],
                HEX[usize::from(byte & 15)],
            ]);
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn odd_names_survive_a_shell_and_a_url() {
        assert_eq!(shell_quote("it's"), r"'it'\''s'");
        assert_eq!(percent_encode("/a b/ü&c"), "/a%20b/%C3%BC%26c");
    }

    #[test]
    fn the_machine_has_memory() {
        assert!(read_memory_size() > 64 << 20);
    }
}
