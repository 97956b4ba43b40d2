//! The directory of a local server: what is in it, whose it is, who uses it.
//!
//! | entry | what |
//! |---|---|
//! | `data/` | the cluster, as `initdb` made it |
//! | `socket/` | the server's socket; elsewhere if its path would be too long |
//! | `socket.path` | where, if it is elsewhere |
//! | `server.log` | what the server says, `server.log.1` before that |
//! | `start.lock` | held while initialising, starting or stopping |
//! | `use.lock` | shared by every process that uses the server |
//!
//! Locks are the kernel's and end with the process that holds them. They are
//! not inherited by the server: files are opened close-on-exec.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rustix::fs::{FlockOperation, Mode, OFlags};

use super::owner::{Owner, failed};
use crate::error::{Error, Result};

/// How long another process may take to initialise, start or stop the server.
const LOCK_LIMIT: Duration = Duration::from_secs(300);

/// How often a lock is tried; waiting in the kernel could not be given up.
const LOCK_INTERVAL: Duration = Duration::from_millis(20);

/// The longest path of a socket that both Linux (107 bytes) and macOS (103) take.
const LONGEST_SOCKET: usize = 100;

/// What the log grows to before it is put aside at the next start.
const LONGEST_LOG: u64 = 1 << 20;

/// A local server's directory, which is there, and is ours or an empty one
/// that was made ours.
#[derive(Clone, Debug)]
pub(super) struct Site {
    pub(super) directory: PathBuf,
    pub(super) owner: Owner,
}

impl Site {
    /// Makes the directory if need be, and sees that it can be used.
    ///
    /// # Errors
    /// [`Config`](crate::error::Kind::Config): it holds something else, is
    /// somebody else's, or cannot be reached by the server's user.
    pub(super) async fn prepare(directory: &Path) -> Result<Self> {
        let directory = std::path::absolute(directory).map_err(|e| failed("find", directory, e))?;
        check_name(&directory)?;
        std::fs::create_dir_all(&directory).map_err(|e| failed("make", &directory, e))?;
        let mut entries =
            std::fs::read_dir(&directory).map_err(|e| failed("list", &directory, e))?;
        let site = Self {
            owner: Owner::of(&directory).await?,
            directory,
        };
        let is_empty = entries.next().is_none();
        if !is_empty && !site.directory.join("start.lock").is_file() {
            return Err(Error::config(format!(
                "{} holds something other than a local database: set database.directory to an \
                 empty one",
                site.directory.display()
            )));
        }
        site.owner.make_private(&site.directory)?;
        site.owner.can_enter(&site.directory).await?;
        Ok(site)
    }

    pub(super) fn data(&self) -> PathBuf {
        self.directory.join("data")
    }

    pub(super) fn log(&self) -> PathBuf {
        self.directory.join("server.log")
    }

    /// Waits until no other process initialises, starts or stops the server.
    pub(super) async fn lock_start(&self) -> Result<Lock> {
        let file = self.open("start.lock")?;
        let deadline = Instant::now() + LOCK_LIMIT;
        while !lock(&file, FlockOperation::NonBlockingLockExclusive)? {
            if Instant::now() > deadline {
                return Err(Error::environment(format!(
                    "another process has been starting or stopping the server in {} for {} s",
                    self.directory.display(),
                    LOCK_LIMIT.as_secs()
                )));
            }
            tokio::time::sleep(LOCK_INTERVAL).await;
        }
        Ok(Lock(file))
    }

    /// Counts this process among the server's users. Only whoever holds the
    /// other lock asks for this one alone, so it is free for sharing.
    pub(super) fn lock_use(&self, _start: &Lock) -> Result<Lock> {
        let file = self.open("use.lock")?;
        if lock(&file, FlockOperation::NonBlockingLockShared)? {
            return Ok(Lock(file));
        }
        Err(Error::environment(format!(
            "something else locked {}",
            self.directory.join("use.lock").display()
        )))
    }

    /// Opens a file of ours, making it if need be. In a directory of another
    /// user's, root must not follow that user's links.
    fn open(&self, name: &str) -> Result<File> {
        let path = self.directory.join(name);
        let flags = OFlags::RDWR | OFlags::CREATE | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let file = rustix::fs::open(&path, flags, Mode::RUSR | Mode::WUSR)
            .map_err(|e| failed("open", &path, e.into()))?;
        let file = File::from(file);
        if let Owner::Other { uid, gid } = self.owner {
            std::os::unix::fs::fchown(&file, Some(uid), Some(gid))
                .map_err(|e| failed("own", &path, e))?;
        }
        Ok(file)
    }

    /// The directory of the server's socket, made if need be.
    pub(super) fn socket_directory(&self, port: u16) -> Result<PathBuf> {
        let usual = self.directory.join("socket");
        let path = usual.join(format!(".s.PGSQL.{port}"));
        // A comma would make two directories of it, for libpq and the server.
        if path.as_os_str().len() <= LONGEST_SOCKET && !path.to_string_lossy().contains(',') {
            self.owner.make_private(&usual)?;
            return Ok(usual);
        }
        if let Some(known) = self.known_socket_directory()? {
            return Ok(known);
        }
        let hash = blake3::hash(self.directory.as_os_str().as_encoded_bytes()).to_hex();
        let short = runtime_directory(self.owner).join(format!("ocds-ingest-{}", &hash[..12]));
        match std::fs::create_dir(&short) {
            Ok(()) => self.owner.make_private(&short)?,
            // In a directory that everybody writes to, it may not be ours.
            Err(_) if self.owner.has_private(&short) => {}
            Err(e) => return Err(failed("make for the server's socket", &short, e)),
        }
        self.remember_socket_directory(&short)?;
        Ok(short)
    }

    /// Removes a socket's directory that is not in ours, once nobody uses it.
    pub(super) fn remove_socket_directory(&self, directory: &Path) {
        if directory.starts_with(&self.directory) {
            return;
        }
        if let Err(error) = std::fs::remove_dir(directory) {
            let path = directory.display();
            tracing::warn!(%error, "{path} could not be removed: {error}");
        }
    }

    fn known_socket_directory(&self) -> Result<Option<PathBuf>> {
        let mut text = String::new();
        let path = self.directory.join("socket.path");
        self.open("socket.path")?
            .read_to_string(&mut text)
            .map_err(|e| failed("read", &path, e))?;
        let known = PathBuf::from(text);
        Ok(self.owner.has_private(&known).then_some(known))
    }

    fn remember_socket_directory(&self, directory: &Path) -> Result<()> {
        let path = self.directory.join("socket.path");
        let mut file = self.open("socket.path")?;
        file.set_len(0)
            .and_then(|()| file.write_all(directory.as_os_str().as_encoded_bytes()))
            .map_err(|e| failed("write", &path, e))
    }

    /// Puts a log that has grown aside, dropping the one before, and tells how
    /// long the one that goes on is.
    pub(super) fn rotate_log(&self) -> u64 {
        let log = self.log();
        let length = std::fs::symlink_metadata(&log).map_or(0, |it| it.len());
        if length <= LONGEST_LOG {
            return length;
        }
        match std::fs::rename(&log, log.with_extension("log.1")) {
            Ok(()) => 0,
            Err(error) => {
                tracing::warn!(%error, "the database server's log cannot be put aside: {error}");
                length
            }
        }
    }

    /// Why the server ended, by its log from byte `start` on.
    pub(super) fn last_words(&self, start: u64) -> Option<String> {
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let mut log = File::from(rustix::fs::open(self.log(), flags, Mode::empty()).ok()?);
        log.seek(SeekFrom::Start(start)).ok()?;
        let mut text = Vec::new();
        log.take(LONGEST_LOG).read_to_end(&mut text).ok()?;
        let text = String::from_utf8_lossy(&text);
        let fatal = |line: &str| Some(line.split_once("FATAL:")?.1.trim().to_owned());
        text.lines().rev().find_map(fatal)
    }
}

/// A lock on a file of a [`Site`], given up when dropped.
#[derive(Debug)]
pub(super) struct Lock(File);

impl Lock {
    /// Whether nobody shares this lock; for as long as the `start` lock is
    /// held, nobody will.
    pub(super) fn is_sole(&self, _start: &Lock) -> Result<bool> {
        let sole = lock(&self.0, FlockOperation::NonBlockingLockExclusive)?;
        // A try that failed may have cost us our share.
        lock(&self.0, FlockOperation::NonBlockingLockShared)?;
        Ok(sole)
    }
}

impl Drop for Lock {
    /// Unlocks by hand: closing the file is not enough while a process that was
    /// just forked, and has not yet become another program, has it open too.
    fn drop(&mut self) {
        if let Err(error) = rustix::fs::flock(&self.0, FlockOperation::Unlock) {
            tracing::warn!(%error, "a lock could not be given up: {error}");
        }
    }
}

fn lock(file: &File, operation: FlockOperation) -> Result<bool> {
    match rustix::fs::flock(file, operation) {
        Ok(()) => Ok(true),
        Err(rustix::io::Errno::WOULDBLOCK) => Ok(false),
        Err(e) => Err(Error::environment("lock the local database's directory")
            .with_source(std::io::Error::from(e))),
    }
}

/// `pg_ctl` pastes the directory's name into a shell command, between double
/// quotes, and does not escape it.
fn check_name(directory: &Path) -> Result<()> {
    match directory.to_str() {
        Some(name) if !name.contains(['"', '$', '`', '\\', '\n']) => Ok(()),
        _ => Err(Error::config(format!(
            "database.directory {directory:?}: PostgreSQL takes no quotes, `$`, `\\` or line \
             breaks in it, and no bytes that are not UTF-8"
        ))),
    }
}

/// Where a user keeps sockets; another user's is closed to us, or we to it.
fn runtime_directory(owner: Owner) -> PathBuf {
    let own = std::env::var_os("XDG_RUNTIME_DIR").filter(|_| owner == Owner::Ourselves);
    match own.map(PathBuf::from) {
        Some(directory) if directory.is_dir() && directory.as_os_str().len() < 60 => directory,
        _ => PathBuf::from("/tmp"),
    }
}
