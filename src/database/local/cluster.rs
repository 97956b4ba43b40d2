//! Creates the cluster with `initdb`, and starts and stops its server with `pg_ctl`.
//!
//! A connection attempt tells whether the server runs. Every caller must hold the start lock of
//! the [`ServerDirectory`].

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
use crate::redact::percent_encode;

/// The longest time for a start, with the recovery after a crash, or for a stop.
const SERVER_LIMIT: Duration = Duration::from_secs(300);

/// The wait between two probes of a busy server.
const PROBE_INTERVAL: Duration = Duration::from_millis(50);

/// The longest wait for the answer to a probe.
const PROBE_LIMIT: Duration = Duration::from_secs(5);

/// The names of the directories in which `initdb` works begin with this.
const UNFINISHED: &str = "unfinished-";

/// The file in the data directory that has the server's process id.
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
    /// Ends all sessions and writes all data to disk, then stops.
    Fast,
    /// Stops at once, and recovers at the next start.
    Immediate,
}

/// The state of the server, as a connection attempt shows it.
#[derive(Debug)]
enum ServerState {
    /// The server runs and has the database.
    Ready,
    /// The server runs and lacks the database.
    NoDatabase,
    /// The server starts, recovers or stops.
    Busy,
    /// Nothing listens on the socket.
    NotRunning,
}

/// The longest length of a file with a version or with process ids.
const SHORT_FILE_LENGTH: u16 = 4096;

/// Reads which major version made the cluster; `None` if there is no cluster yet.
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

    /// Refuses a cluster that another major version made.
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

    /// Makes the cluster in a directory with another name, and renames it when it is complete, so
    /// that `data` is never half a cluster. The name is new each time, because an `initdb` may
    /// still run after its program was killed.
    pub(super) async fn initialise(&self) -> Result<()> {
        self.remove_unfinished().await;
        let now = SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default();
        let name = format!("{UNFINISHED}{}-{}", std::process::id(), now.as_nanos());
        let unfinished = self.directory.path().join(&name);
        if let Err(first) = self.initdb(&unfinished, "C.UTF-8").await {
            // Some systems have no C.UTF-8. It differs from C only in upper and lower case
            // outside ASCII.
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
        let names = self.directory.entries.names().unwrap_or_default();
        for name in names.iter().filter(|name| name.starts_with(UNFINISHED)) {
            let path = self.directory.path().join(name);
            if let Err(error) = self.directory.owner.remove_tree(&path).await {
                tracing::warn!("{}", error.chain());
            }
        }
    }

    /// Starts the server and creates the database where they are missing, and waits until the
    /// server accepts connections.
    pub(super) async fn ensure_running(&self, start: &Lock, in_use: &Lock) -> Result<()> {
        let deadline = Instant::now() + SERVER_LIMIT;
        while Instant::now() < deadline {
            match self.probe().await {
                ServerState::Ready => return Ok(()),
                ServerState::NoDatabase => return self.create_database().await,
                ServerState::Busy => {}
                // Processes of a killed server still end, or the server of a killed program
                // does not listen yet.
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
                // The server runs if it answers with any other error, such as too many clients.
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

    /// Starts the server by a shell that first closes all inherited files. Otherwise, under
    /// `flock lockfile ocds-ingest run`, a server that runs longer than the program would keep the
    /// lock.
    async fn start_server(&self) -> Result<()> {
        let log_start = self.directory.rotate_log();
        let options: Vec<String> = self
            .build_settings()
            .await
            .iter()
            .map(|(name, value)| format!("-c {}", shell_quote(&format!("{name}={value}"))))
            .collect();
        let mut command = self.directory.owner.new_command("sh");
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

    /// Stops the server, and waits until it has stopped.
    pub(super) async fn stop(&self, mode: StopMode) -> Result<()> {
        // `pg_ctl` would wait for a killed process that is still in the process table.
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
        self.directory
            .owner
            .new_command(self.binaries.program(program))
    }

    /// Makes the settings of the server; a later one replaces an earlier one. They are passed at
    /// each start and not stored, so that they always fit the machine.
    async fn build_settings(&self) -> Vec<(String, String)> {
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
            // Checkpoints are rare, because after each one the first change of a page writes
            // the whole page to the log.
            ("max_wal_size", "2GB".into()),
            ("checkpoint_timeout", "15min".into()),
            ("shared_buffers", format!("{megabytes}MB")),
            ("fsync", durable.into()),
            ("full_page_writes", durable.into()),
            ("synchronous_commit", durable.into()),
            // The server's log has no failed statements, because they show values. The program
            // reports errors itself.
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

    /// Asks the server's program whether it was built with lz4. The time is limited, because the
    /// program reads its configuration first, which may be a named pipe.
    async fn has_lz4(&self) -> bool {
        let mut command = self.new_command("postgres");
        command.arg("-D").arg(self.directory.data_path());
        command.args(["-c", "wal_compression=lz4", "-C", "wal_compression"]);
        let output = run_command_within(PROBE_LIMIT, command.kill_on_drop(true)).await;
        output.is_ok_and(|output| output.status.success())
    }

    /// Removes the files that have a killed server's process id, if another process now has that
    /// id. PostgreSQL would think that this process is a server, and refuse to start. This happens
    /// in a container, where each start uses the same few ids.
    ///
    /// The files stay if another process uses the directory, because its server may run in another
    /// container, where this process cannot see it.
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

    /// True if any process of a server still works in the data directory. On Linux all processes
    /// are checked, on other systems only the one that the server's file names.
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
        // The name is checked too, because a user's shell may be in the directory.
        let is_server = |process: &Path| {
            std::fs::read_link(process.join("cwd")).is_ok_and(|directory| directory == data)
                && std::fs::read_to_string(process.join("comm"))
                    .is_ok_and(|name| name.starts_with("postgres"))
        };
        processes
            .flatten()
            .any(|process| is_server(&process.path()))
    }
}

/// True if a process has the id on a file's first line.
fn is_process_alive(directory: &Directory, file: &str) -> Result<bool> {
    let text = directory
        .read_file(file, SHORT_FILE_LENGTH)?
        .unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    let number = text
        .lines()
        .next()
        .and_then(|line| line.trim().parse().ok());
    // PostgreSQL writes a negative id for a server in single-user mode.
    let number = number.and_then(i32::checked_abs);
    let Some(process) = number.and_then(rustix::process::Pid::from_raw) else {
        return Ok(false);
    };
    // A process that may not be signalled is alive.
    Ok(!matches!(
        rustix::process::test_kill_process(process),
        Err(rustix::io::Errno::SRCH)
    ))
}

/// Reads how many bytes of memory the machine or the container has.
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
    // the container's limit, which is `max` if there is none
    let container = read("/sys/fs/cgroup/memory.max").trim().parse();
    machine.min(container.unwrap_or(u64::MAX))
}

/// Quotes a word for `sh`, with which `pg_ctl` starts the server.
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
