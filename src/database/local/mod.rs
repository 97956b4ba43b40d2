//! The local server: a private PostgreSQL cluster of the program's own.
//!
//! It is made from the server programs on the machine, listens on a Unix socket
//! of its own and on no TCP port, and is shared by every process that names its
//! directory. The last one that leaves stops it. The socket's directory is open
//! to the server's user alone (and to root), which is why the server trusts
//! whoever gets there.
//!
//! Nothing but locks tells who uses it, and nothing but connecting tells
//! whether it runs, so neither `kill -9` of a program nor of the server leaves
//! anything behind that has to be repaired: a server without a program is used
//! by the next one, and a program without its server starts it again.

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

/// The name of the database in a local cluster, and of its superuser.
pub const DATABASE: &str = "ocds";

/// What a local server is started with.
#[derive(Clone, Debug)]
pub struct Options {
    /// Where it keeps everything; made if it is not there.
    pub directory: PathBuf,
    /// Whether its data survive a crash of the machine.
    pub durability: Durability,
    /// Settings of `postgresql.conf`, over the ones that are set here.
    pub settings: Vec<(String, String)>,
}

/// Whether a server's data survive a crash of the machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Durability {
    /// What was committed stays, whatever happens.
    Durable,
    /// For tests only, for nothing waits for the disk: a crash of the machine may
    /// cost everything, and one of the server the last commits.
    Volatile,
}

impl Options {
    /// A durable server in `directory`.
    #[must_use]
    pub fn new(directory: PathBuf) -> Self {
        Self {
            directory,
            durability: Durability::Durable,
            settings: Vec::new(),
        }
    }

    /// Where the server listens; it names the socket, too.
    fn port(&self) -> u16 {
        let told = self.settings.iter().rev().find(|(name, _)| name == "port");
        told.and_then(|(_, port)| port.parse().ok()).unwrap_or(5432)
    }
}

/// The directory of the local server where `database.directory` names none:
/// under `/var/lib` for root, else in the user's data directory.
///
/// # Errors
/// [`Config`](crate::error::Kind::Config): the user has no home directory.
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

/// A local server in use by this process.
///
/// Dropping it leaves the server running, for the next process to find;
/// [`Server::stop`] gives it up properly.
#[derive(Debug)]
pub struct Server {
    cluster: Cluster,
    in_use: Lock,
}

impl Server {
    /// Starts the server in `options.directory`, initialising it if need be, or
    /// joins those who use it already; then it keeps the settings that the
    /// first of them gave it.
    ///
    /// # Errors
    /// [`Environment`](crate::error::Kind::Environment): no server programs,
    /// with the command that installs them; a cluster that another major
    /// version made; a server that does not start.
    /// [`Config`](crate::error::Kind::Config): a directory that cannot be used.
    pub async fn start(options: &Options) -> Result<Self> {
        let server_directory = ServerDirectory::prepare(&options.directory).await?;
        let start = server_directory.lock_start().await?;
        // A few programs are asked for their version, which blocks.
        let made_by = cluster::read_version(&server_directory)?;
        let binaries =
            tokio::task::spawn_blocking(move || SearchPath::of_this_machine().find(made_by))
                .await
                .map_err(|e| Error::unexpected("look for server programs").with_source(e))??;
        let in_use = server_directory.lock_use(&start)?;
        let cluster = Cluster {
            socket_directory: server_directory.socket_directory(options.port()).await?,
            options: options.clone(),
            binaries,
            server_directory,
        };
        match made_by {
            None => cluster.initialise().await?,
            Some(major) => cluster.check_version(major)?,
        }
        cluster.ensure_running(&start, &in_use).await?;
        Ok(Self { cluster, in_use })
    }

    /// The directory that it keeps everything in.
    #[must_use]
    pub fn directory(&self) -> &Path {
        self.cluster.server_directory.path()
    }

    /// The URL of one of its databases, [`DATABASE`] for the usual one.
    #[must_use]
    pub fn url(&self, database: &str) -> String {
        self.cluster.url(database)
    }

    /// The path of a program that came with the server, such as `psql`.
    #[must_use]
    pub fn program(&self, name: &str) -> PathBuf {
        self.cluster.binaries.program(name)
    }

    /// Starts the server again if it is not running.
    ///
    /// # Errors
    /// [`Environment`](crate::error::Kind::Environment): it does not start.
    pub async fn ensure_running(&self) -> Result<()> {
        let start = self.cluster.server_directory.lock_start().await?;
        self.cluster.ensure_running(&start, &self.in_use).await
    }

    /// Takes the server away from all who use it, as a crash would, and waits
    /// until it is gone; [`Server::ensure_running`] brings it back. For tests.
    ///
    /// # Errors
    /// [`Environment`](crate::error::Kind::Environment): it does not stop.
    pub async fn crash(&self) -> Result<()> {
        let _start = self.cluster.server_directory.lock_start().await?;
        self.cluster.stop(StopMode::Immediate).await
    }

    /// Gives the server up: the last user stops it and waits for that.
    ///
    /// # Errors
    /// [`Environment`](crate::error::Kind::Environment): it does not stop.
    pub async fn stop(self) -> Result<()> {
        let start = self.cluster.server_directory.lock_start().await?;
        if self.in_use.is_only_user(&start)? {
            self.cluster.stop(StopMode::Fast).await?;
            let socket_directory = &self.cluster.socket_directory.path;
            let server_directory = &self.cluster.server_directory;
            server_directory
                .remove_socket_directory(socket_directory)
                .await;
        }
        Ok(())
    }
}
