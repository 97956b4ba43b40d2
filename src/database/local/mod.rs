//! The local server: a PostgreSQL server that the program starts for itself.
//!
//! It uses the server programs that are installed on the machine. It listens on its own Unix
//! socket and on no TCP port. It needs no password, because only the server's user and root can
//! enter the socket's directory. All processes that use the same directory share the server, and
//! the last of them stops it.
//!
//! # Recovery from `kill -9`
//!
//! Only file locks show which processes use the server, and only a connection shows whether it is
//! running. So nothing has to be repaired after `kill -9`. If a program is killed, the next
//! program uses its server. If the server is killed, the program starts it again.

mod binaries;
mod cluster;
mod directory;
mod owner;
mod server_directory;

use std::path::{Path, PathBuf};

use self::binaries::SearchPath;
pub(super) use self::binaries::find_client;
use self::cluster::{Cluster, StopMode};
use self::server_directory::{Lock, ServerDirectory};
use crate::error::{Error, Result};

/// The name of the database on the local server, and of the server's superuser.
pub const DATABASE: &str = "ocds";

/// The options of a local server.
#[derive(Clone, Debug)]
pub struct Options {
    /// The directory that contains all files of the server. It is created if it does not exist.
    pub directory: PathBuf,
    /// Decides whether the data survive a crash.
    pub durability: Durability,
    /// Additional settings of `postgresql.conf`. They replace the settings of this module.
    pub settings: Vec<(String, String)>,
}

/// Decides whether a server's data survive a crash.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Durability {
    /// Committed data survive every crash.
    Durable,
    /// Committed data may be lost. This is for tests only, because nothing waits for the disk.
    /// All data may be lost if the machine crashes, and the last commits may be lost if the
    /// server crashes.
    Volatile,
}

impl Options {
    /// Creates the options of a durable server in `directory`.
    #[must_use]
    pub fn new(directory: PathBuf) -> Self {
        Self {
            directory,
            durability: Durability::Durable,
            settings: Vec::new(),
        }
    }

    /// Returns the port. It is only a part of the socket's name.
    fn port(&self) -> u16 {
        let setting = self.settings.iter().rev().find(|(name, _)| name == "port");
        setting
            .and_then(|(_, port)| port.parse().ok())
            .unwrap_or(5432)
    }
}

/// Returns the local server's directory for a configuration without `database.directory`. It is
/// under `/var/lib` for root, and in the user's data directory for any other user.
///
/// # Errors
///
/// [`Config`](crate::error::Kind::Config) if the user has no home directory.
pub fn default_directory() -> Result<PathBuf> {
    if rustix::process::geteuid().is_root() {
        return Ok(PathBuf::from("/var/lib/ocds-ingest"));
    }
    let absolute = |name| {
        let path = PathBuf::from(std::env::var_os(name)?);
        path.is_absolute().then_some(path)
    };
    let below_home = if cfg!(target_os = "macos") {
        "Library/Application Support"
    } else {
        ".local/share"
    };
    let data = absolute("XDG_DATA_HOME").or_else(|| Some(absolute("HOME")?.join(below_home)));
    let data = data.ok_or_else(|| {
        Error::config("no home directory for the local database: set HOME or database.directory")
    })?;
    Ok(data.join("ocds-ingest"))
}

/// A local server that this process uses.
///
/// If this value is dropped, the server keeps running, and the next process uses it.
/// [`Server::stop`] stops the server if no other process uses it.
#[derive(Debug)]
pub struct Server {
    cluster: Cluster,
    in_use: Lock,
}

impl Server {
    /// Starts the server in `options.directory`, and creates its data if there are none. If the
    /// server is already running, it is used as it is, with the settings of the process that
    /// started it.
    ///
    /// # Errors
    ///
    /// [`Environment`](crate::error::Kind::Environment) if no server programs are installed, if
    /// another major version created the data, or if the server does not start.
    /// [`Config`](crate::error::Kind::Config) if the directory cannot be used.
    pub async fn start(options: &Options) -> Result<Self> {
        let directory = ServerDirectory::prepare(&options.directory).await?;
        let start = directory.lock_start().await?;
        // The search runs programs to learn their version, and waiting for them blocks the
        // thread.
        let cluster_version = cluster::read_version(&directory)?;
        let binaries = tokio::task::spawn_blocking(move || {
            SearchPath::detect().find_binaries(cluster_version)
        })
        .await
        .map_err(|e| Error::unexpected("look for server programs").with_source(e))??;
        let in_use = directory.lock_use(&start)?;
        let cluster = Cluster {
            socket_directory: directory.open_socket_directory(options.port()).await?,
            options: options.clone(),
            binaries,
            directory,
        };
        match cluster_version {
            None => cluster.initialise().await?,
            Some(major) => cluster.check_version(major)?,
        }
        cluster.ensure_running(&start, &in_use).await?;
        Ok(Self { cluster, in_use })
    }

    /// Returns the directory that contains all files of the server.
    #[must_use]
    pub fn directory(&self) -> &Path {
        self.cluster.directory.path()
    }

    /// Returns the URL of one of the server's databases, which is usually [`DATABASE`].
    #[must_use]
    pub fn url(&self, database: &str) -> String {
        self.cluster.url(database)
    }

    /// Returns the path of a program that is installed with the server, such as `psql`.
    #[must_use]
    pub fn program(&self, name: &str) -> PathBuf {
        self.cluster.binaries.program(name)
    }

    /// Starts the server again if it is not running.
    ///
    /// # Errors
    ///
    /// [`Environment`](crate::error::Kind::Environment) if the server does not start.
    pub async fn ensure_running(&self) -> Result<()> {
        let start = self.cluster.directory.lock_start().await?;
        self.cluster.ensure_running(&start, &self.in_use).await
    }

    /// Stops the server as a crash would, even if other processes use it. This is for tests.
    ///
    /// # Errors
    ///
    /// [`Environment`](crate::error::Kind::Environment) if the server does not stop.
    pub async fn crash(&self) -> Result<()> {
        let _start = self.cluster.directory.lock_start().await?;
        self.cluster.stop(StopMode::Immediate).await
    }

    /// Stops the server if no other process uses it, and waits until it has stopped.
    ///
    /// # Errors
    ///
    /// [`Environment`](crate::error::Kind::Environment) if the server does not stop.
    pub async fn stop(self) -> Result<()> {
        let start = self.cluster.directory.lock_start().await?;
        if self.in_use.is_only_user(&start)? {
            self.cluster.stop(StopMode::Fast).await?;
            let socket_directory = &self.cluster.socket_directory.path;
            let directory = &self.cluster.directory;
            directory.remove_socket_directory(socket_directory).await;
        }
        Ok(())
    }
}
