//! Creates the cluster with `initdb`, and starts and stops its server with `pg_ctl`.
//!
//! A connection attempt shows whether the server is running. Every caller must hold the start
//! lock of the [`ServerDirectory`].

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
use crate::percent::percent_encode;

/// The time limit for starting the server, which includes the recovery after a crash. It is also
/// the time limit for stopping the server.
const SERVER_LIMIT: Duration = Duration::from_secs(300);

/// The pause between two connection attempts to a busy server.
const PROBE_INTERVAL: Duration = Duration::from_millis(50);

/// The time limit for one connection attempt.
const PROBE_LIMIT: Duration = Duration::from_secs(5);

/// The prefix of the names of the directories in which `initdb` works.
const UNFINISHED: &str = "unfinished-";

/// The name of the file in the data directory that contains the server's process id.
const PID_FILE: &str = "postmaster.pid";

/// A cluster, and the programs and options with which its server runs.
#[derive(Debug)]
pub(super) struct Cluster {
    pub(super) directory: ServerDirectory,
    pub(super) binaries: Binaries,
    pub(super) socket_directory: Directory,
    pub(super) options: Options,
}

/// A mode of `pg_ctl stop`.
#[derive(Clone, Copy, Debug)]
pub(super) enum StopMode {
    /// Ends all sessions, writes all data to disk, and then stops.
    Fast,
    /// Stops at once. The next start must recover the data.
    Immediate,
}

/// The state of the server, as found by a connection attempt.
#[derive(Debug)]
enum ServerState {
    /// The server is running and has the database.
    Ready,
    /// The server is running, but does not have the database yet.
    NoDatabase,
    /// The server is starting, recovering or stopping.
    Busy,
    /// No process listens on the socket.
    NotRunning,
}

/// The maximum length of a file that contains a version or process ids.
const SHORT_FILE_LENGTH: u16 = 4096;

/// Returns the major version that created the cluster, or `None` if there is no cluster yet.
pub(super) fn read_version(directory: &ServerDirectory) -> Result<Option<u32>> {
    let Some(data) = directory.open_data_directory()? else {
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
    pub(super) fn url(&self, database: &str) -> String {
        let host = encode_path(&self.socket_directory.path.to_string_lossy());
        let database = encode_path(database);
        let port = self.options.port();
        format!("postgresql://{DATABASE}@/{database}?host={host}&port={port}")
    }

    /// Returns an error if another major version created the cluster.
    pub(super) fn check_version(&self, made_by: u32) -> Result<()> {
        let installed = self.binaries.major;
        if made_by == installed {
            return Ok(());
        }
        let directory = self.directory.path().display();
        Err(Error::environment(format!(
            "PostgreSQL {made_by} made the local database in {directory}, and this machine has \
             PostgreSQL {installed}: install PostgreSQL {made_by}, or upgrade {directory}/data with \
             pg_upgrade, or set database.directory to a new one"
        )))
    }

    /// Creates the cluster in a directory with a temporary name, and renames it to `data` when it
    /// is complete. So `data` is never an incomplete cluster. The temporary name is new each
    /// time, because an `initdb` may still be running after its program was killed.
    pub(super) async fn initialise(&self) -> Result<()> {
        self.remove_unfinished().await;
        let now = SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default();
        let name = format!("{UNFINISHED}{}-{}", std::process::id(), now.as_nanos());
        let unfinished = self.directory.path().join(&name);
        if let Err(first) = self.initdb(&unfinished, "C.UTF-8").await {
            // Some systems have no locale C.UTF-8. The locale C differs from it only in upper and
            // lower case of characters outside ASCII.
            self.remove_unfinished().await;
            self.initdb(&unfinished, "C").await.map_err(|_| first)?;
        }
        let directory = &self.directory.entries;
        directory
            .rename(&name, "data")
            .map_err(|e| path_error("make", &self.directory.data_path(), e))?;
        directory.sync()?;
        tracing::info!(
            "made a database in {} with PostgreSQL {}",
            directory.path.display(),
            self.binaries.major
        );
        Ok(())
    }

    async fn initdb(&self, directory: &Path, locale: &str) -> Result<()> {
        let mut command = self.new_command("initdb");
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
        let reason = find_last_line(&output);
        Err(Error::environment(format!("initdb failed: {reason}")))
    }

    async fn remove_unfinished(&self) {
        let names = self.directory.entries.list_names().unwrap_or_default();
        for name in names.iter().filter(|name| name.starts_with(UNFINISHED)) {
            let path = self.directory.path().join(name);
            if let Err(error) = self.directory.owner.remove_tree(&path).await {
                tracing::warn!("{}", error.chain());
            }
        }
    }

    /// Starts the server if it is not running, creates the database if it is missing, and waits
    /// until the server accepts connections.
    pub(super) async fn ensure_running(&self, start: &Lock, in_use: &Lock) -> Result<()> {
        let deadline = Instant::now() + SERVER_LIMIT;
        while Instant::now() < deadline {
            match self.probe().await {
                ServerState::Ready => return Ok(()),
                ServerState::NoDatabase => return self.create_database().await,
                ServerState::Busy => {}
                // Either processes of a killed server are still ending, or the server of a killed
                // program does not listen yet.
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
            self.directory.path().display(),
            SERVER_LIMIT.as_secs(),
            self.directory.log_path().display()
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
                // If the server answers with any other error, such as too many clients, it is
                // running.
                Some(_) => ServerState::Ready,
                None => ServerState::NotRunning,
            },
        }
    }

    async fn create_database(&self) -> Result<()> {
        let config: tokio_postgres::Config = self.url("postgres").parse()?;
        let (client, connection) = config.connect(NoTls).await?;
        let connection = tokio::spawn(connection);
        let sql = format!("create database {DATABASE}");
        let created = client.batch_execute(&sql).await;
        drop(client);
        connection
            .await
            .map_err(|e| Error::unexpected("talk to the local server").with_source(e))??;
        Ok(created?)
    }

    /// Starts the server through a shell that first closes all inherited files. Otherwise a
    /// server that runs longer than the program would keep a lock that the program inherited, for
    /// example under `flock lockfile ocds-ingest run`.
    async fn start_server(&self) -> Result<()> {
        let log_start = self.directory.rotate_log();
        let options: Vec<String> = self
            .build_settings()
            .await
            .iter()
            .map(|(name, value)| format!("-c {}", shell_quote(&format!("{name}={value}"))))
            .collect();
        let mut command = self.directory.owner.new_command("sh");
        let closing: String = (3..10).map(|file| format!("{file}>&- ")).collect();
        command
            .arg("-c")
            .arg(format!("exec {closing}; exec \"$@\""))
            .arg("sh")
            .arg(self.binaries.program("pg_ctl"))
            .args(["start", "--silent", "--wait", "--timeout"])
            .arg(SERVER_LIMIT.as_secs().to_string())
            .arg("--pgdata")
            .arg(self.directory.data_path())
            .arg("--log")
            .arg(self.directory.log_path())
            .arg("--options")
            .arg(options.join(" "));
        let output = run_command(&mut command).await?;
        let directory = self.directory.path().display();
        if output.status.success() {
            let major = self.binaries.major;
            tracing::info!("started PostgreSQL {major} in {directory}");
            return Ok(());
        }
        let reason = self.directory.find_fatal_error(log_start);
        let reason = reason.unwrap_or_else(|| find_last_line(&output));
        Err(Error::environment(format!(
            "the database server in {directory} did not start: {reason}"
        )))
    }

    pub(super) async fn stop(&self, mode: StopMode) -> Result<()> {
        // Without this check, `pg_ctl` would wait for a killed process that is still in the
        // process table.
        if matches!(self.probe().await, ServerState::NotRunning) && !self.has_server_process() {
            return Ok(());
        }
        let mode = match mode {
            StopMode::Fast => "fast",
            StopMode::Immediate => "immediate",
        };
        let mut command = self.new_command("pg_ctl");
        command
            .args(["stop", "--silent", "--wait", "--mode", mode, "--timeout"])
            .arg(SERVER_LIMIT.as_secs().to_string())
            .arg("--pgdata")
            .arg(self.directory.data_path());
        let output = run_command(&mut command).await?;
        if output.status.success() || matches!(self.probe().await, ServerState::NotRunning) {
            return Ok(());
        }
        Err(Error::environment(format!(
            "the database server in {} did not stop: {}",
            self.directory.path().display(),
            find_last_line(&output)
        )))
    }

    fn new_command(&self, program: &str) -> Command {
        let program = self.binaries.program(program);
        self.directory.owner.new_command(program)
    }

    /// Returns the settings of the server. If a setting occurs twice, the later one counts. The
    /// settings are passed at each start and not stored, so that they always fit the machine.
    async fn build_settings(&self) -> Vec<(String, String)> {
        let socket = self.socket_directory.path.to_string_lossy();
        let socket = socket.replace('"', "\"\"");
        let megabytes = (read_memory_size() >> 20).clamp(512, 8192) / 8;
        let durable = match self.options.durability {
            Durability::Durable => "on",
            Durability::Volatile => "off",
        };
        let mut settings = vec![
            ("listen_addresses", String::new()),
            ("unix_socket_directories", format!("\"{socket}\"")),
            ("unix_socket_permissions", "0700".into()),
            // Checkpoints should be rare, because after each checkpoint the first change of a
            // page writes the whole page to the log.
            ("max_wal_size", "2GB".into()),
            ("checkpoint_timeout", "15min".into()),
            ("shared_buffers", format!("{megabytes}MB")),
            ("fsync", durable.into()),
            ("full_page_writes", durable.into()),
            ("synchronous_commit", durable.into()),
            // The server's log must not contain failed statements, because they show values. The
            // program reports errors itself.
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

    /// Runs the server's program to learn whether it was built with lz4. The time is limited,
    /// because the program first reads its configuration, which may be a named pipe.
    async fn has_lz4(&self) -> bool {
        let mut command = self.new_command("postgres");
        command.arg("-D").arg(self.directory.data_path());
        command.args(["-c", "wal_compression=lz4", "-C", "wal_compression"]);
        let output = run_command_within(PROBE_LIMIT, command.kill_on_drop(true)).await;
        output.is_ok_and(|output| output.status.success())
    }

    /// Removes files that contain the process id of a killed server, if another process now has
    /// the same id. Otherwise PostgreSQL would take this process for a running server, and refuse
    /// to start. This happens in containers, where each start uses the same few ids.
    ///
    /// The files are kept if another process uses the directory, because that process's server
    /// may run in another container, where this process cannot see it.
    fn remove_stale_pid_files(&self, start: &Lock, in_use: &Lock) -> Result<()> {
        let socket = format!(".s.PGSQL.{}.lock", self.options.port());
        let data = self.directory.open_data_directory()?;
        let pid_files = data.iter().map(|data| (data, PID_FILE));
        for (directory, file) in pid_files.chain([(&self.socket_directory, &*socket)]) {
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

    /// Returns true if a process of a server still works in the data directory. On Linux all
    /// processes are checked. On other systems only the process that is named in the server's
    /// file is checked.
    fn has_server_process(&self) -> bool {
        let data = self.directory.data_path();
        if !cfg!(target_os = "linux") {
            let data = self.directory.open_data_directory().ok().flatten();
            return data.is_some_and(|data| is_process_alive(&data, PID_FILE).unwrap_or(false));
        }
        let data = data.canonicalize().unwrap_or(data);
        let Ok(processes) = std::fs::read_dir("/proc") else {
            return false;
        };
        // The name of the process is checked too, because a user's shell may work in the same
        // directory.
        let is_server = |process: &Path| {
            std::fs::read_link(process.join("cwd")).is_ok_and(|directory| directory == data)
                && std::fs::read_to_string(process.join("comm"))
                    .is_ok_and(|name| name.starts_with("postgres"))
        };
        let mut processes = processes.flatten();
        processes.any(|process| is_server(&process.path()))
    }
}

/// Returns true if a process has the id that is on a file's first line.
fn is_process_alive(directory: &Directory, file: &str) -> Result<bool> {
    let text = directory.read_file(file, SHORT_FILE_LENGTH)?;
    let text = text.unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    let line = text.lines().next().unwrap_or_default();
    // PostgreSQL writes a negative id for a server in single-user mode.
    let number = line.trim().parse().ok().and_then(i32::checked_abs);
    let Some(process) = number.and_then(rustix::process::Pid::from_raw) else {
        return Ok(false);
    };
    // If the process may not be signalled, the error is a different one, and the process is
    // alive.
    Ok(!matches!(
        rustix::process::test_kill_process(process),
        Err(rustix::io::Errno::SRCH)
    ))
}

/// Returns the memory size of the machine or of the container in bytes, whichever is smaller.
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
    // The container's limit is the text `max` if there is no limit.
    let container = read("/sys/fs/cgroup/memory.max").trim().parse();
    machine.min(container.unwrap_or(u64::MAX))
}

/// Quotes a word for `sh`, because `pg_ctl` starts the server through `sh`.
fn shell_quote(word: &str) -> String {
    format!("'{}'", word.replace('\'', r"'\''"))
}

/// Percent-encodes a path. It keeps `/`, so that people can read it.
fn encode_path(path: &str) -> String {
    percent_encode(path).replace("%2F", "/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn odd_names_survive_a_shell_and_a_url() {
        assert_eq!(shell_quote("it's"), r"'it'\''s'");
        assert_eq!(encode_path("/a b/ü&c"), "/a%20b/%C3%BC%26c");
    }

    #[test]
    fn the_machine_has_memory() {
        assert!(read_memory_size() > 64 << 20);
    }
}
