//! The directory of a local server: its files, its owner and its locks.
//!
//! | entry | content |
//! |---|---|
//! | `data/` | the cluster, created by `initdb` |
//! | `socket/` | the server's socket, unless its path would be too long |
//! | `socket.path` | the path of the socket's directory if the socket is not in `socket/` |
//! | `server.log` | the server's log; `server.log.1` is the older one |
//! | `start.lock` | locked while a process creates, starts or stops the server |
//! | `use.lock` | locked (shared) by every process that uses the server |
//!
//! The directory belongs to the server's user, who may not be the user of this process. So
//! [`Directory`] opens the entries, and fails if `data` or `socket` is a link. The path of the
//! directory itself may be a link of this process's user, which is resolved once.
//!
//! The kernel releases a lock when the process that holds it ends. The server does not inherit
//! locks, because the files are opened close-on-exec.

use std::ffi::OsString;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom, Write};
use std::os::unix::ffi::OsStringExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};

use rustix::fs::{FlockOperation, Mode, OFlags};

use super::directory::{Directory, PRIVATE};
use super::owner::{Owner, path_error};
use crate::error::{Error, Result};

/// The time limit for waiting for another process that creates, starts or stops the server.
const LOCK_LIMIT: Duration = Duration::from_secs(300);

/// The pause between two attempts to lock a file. The kernel is not asked to wait for the lock,
/// because such a wait could not be cancelled.
const LOCK_INTERVAL: Duration = Duration::from_millis(20);

/// The maximum length of a socket's path. The system's limit is a little higher: 107 bytes on
/// Linux and 103 on macOS.
const MAX_SOCKET_PATH: usize = 100;

/// The maximum length of a log. A longer log is renamed at the next start.
const MAX_LOG_LENGTH: u64 = 1 << 20;

/// The maximum length of a path on Linux.
const MAX_PATH: u16 = 4096;

const LOG: &str = "server.log";
const OLD_LOG: &str = "server.log.1";
const START_LOCK: &str = "start.lock";
const USE_LOCK: &str = "use.lock";
const SOCKET: &str = "socket";
const SOCKET_PATH: &str = "socket.path";

/// A directory to which all users may write.
const SHARED_DIRECTORY: &str = "/tmp";

/// The directory of a local server. It exists and belongs to the server's user.
#[derive(Debug)]
pub(super) struct ServerDirectory {
    pub(super) entries: Directory,
    pub(super) owner: Owner,
}

impl ServerDirectory {
    /// Creates the directory if it does not exist, and checks that it can be used.
    ///
    /// # Errors
    ///
    /// [`Config`](crate::error::Kind::Config) if the directory has other files, if it belongs to
    /// another user, or if the server's user cannot enter it.
    pub(super) async fn prepare(directory: &Path) -> Result<Self> {
        let path = resolve_link(directory)?;
        std::fs::create_dir_all(&path).map_err(|e| path_error("make", &path, e))?;
        let entries = Directory::open(&path)?;
        let is_empty = entries.list_names()?.is_empty();
        if !is_empty && entries.file_length(START_LOCK).is_none() {
            return Err(Error::config(format!(
                "{} has other files than a local database: set database.directory to an \
                 empty one",
                path.display()
            )));
        }
        let mut prepared = Self {
            owner: Owner::for_directory(&path, entries.owner()).await?,
            entries,
        };
        prepared.give_to_owner(is_empty)?;
        prepared.owner.check_can_enter(&path).await?;
        Ok(prepared)
    }

    /// Gives a directory of root to the server's user, and closes it to all other users. It fails
    /// if others may write to the directory, because one of them could have created a
    /// `start.lock` there to obtain the other files of the directory.
    fn give_to_owner(&mut self, is_empty: bool) -> Result<()> {
        if let Owner::OtherUser { uid, gid } = self.owner
            && self.entries.owner().0 != uid
        {
            let writable = Mode::WGRP | Mode::WOTH;
            if !is_empty && self.entries.mode()?.intersects(writable) {
                let path = self.path().display();
                return Err(Error::config(format!(
                    "{path} belongs to root, and others may write to it: set database.directory \
                     to an empty one, or `chmod go-w {path}` if all its files are the local database's"
                )));
            }
            self.entries.change_owner(uid, gid)?;
        }
        self.entries.make_private()
    }

    pub(super) fn path(&self) -> &Path {
        &self.entries.path
    }

    pub(super) fn data_path(&self) -> PathBuf {
        self.path().join("data")
    }

    pub(super) fn open_data_directory(&self) -> Result<Option<Directory>> {
        self.entries.open_directory("data")
    }

    pub(super) fn log_path(&self) -> PathBuf {
        self.path().join(LOG)
    }

    /// Locks `start.lock`. It waits until no other process holds the lock.
    pub(super) async fn lock_start(&self) -> Result<Lock> {
        let file = self.entries.open_or_create_file(START_LOCK)?;
        let deadline = Instant::now() + LOCK_LIMIT;
        while !try_lock(&file, FlockOperation::NonBlockingLockExclusive)? {
            if Instant::now() > deadline {
                return Err(Error::environment(format!(
                    "another process has been starting or stopping the server in {} for {} s",
                    self.path().display(),
                    LOCK_LIMIT.as_secs()
                )));
            }
            tokio::time::sleep(LOCK_INTERVAL).await;
        }
        Ok(Lock(file))
    }

    /// Locks `use.lock` (shared), so that other processes see that this process uses the server.
    /// The attempt does not wait. An exclusive lock of a process that uses the server cannot
    /// exist now, because such a lock is requested only while `start.lock` is held.
    pub(super) fn lock_use(&self, _start: &Lock) -> Result<Lock> {
        let file = self.entries.open_or_create_file(USE_LOCK)?;
        if try_lock(&file, FlockOperation::NonBlockingLockShared)? {
            return Ok(Lock(file));
        }
        Err(Error::environment(format!(
            "another program has locked {}",
            self.path().join(USE_LOCK).display()
        )))
    }

    /// Opens the directory of the server's socket, and creates it if it does not exist.
    pub(super) async fn open_socket_directory(&self, port: u16) -> Result<Directory> {
        let usual = self.path().join(SOCKET);
        let path = usual.join(format!(".s.PGSQL.{port}"));
        // If a path contains a comma, libpq and the server would read two directories.
        if path.as_os_str().len() <= MAX_SOCKET_PATH && !path.to_string_lossy().contains(',') {
            if self.entries.open_directory(SOCKET)?.is_none() {
                self.owner.make_directory(&usual).await?;
            }
            let removed = || Error::environment(format!("{} was removed", usual.display()));
            let socket = self.entries.open_directory(SOCKET)?.ok_or_else(removed)?;
            socket.make_private()?;
            return Ok(socket);
        }
        if let Some(known) = self.entries.read_file(SOCKET_PATH, MAX_PATH)?
            && let known = PathBuf::from(OsString::from_vec(known))
            && let Some(socket) = self.open_private_directory(&known)
        {
            return Ok(socket);
        }
        let hash = blake3::hash(self.path().as_os_str().as_encoded_bytes()).to_hex();
        let name = format!("ocds-ingest-{}", &hash[..12]);
        // All users may write to this directory, so another user may have created an entry with
        // the usual name. Nobody can guess this second name.
        let now = SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default();
        let other = format!("{name}-{:x}", now.as_nanos());
        let usual = find_runtime_directory(self.owner).join(name);
        let (path, socket) = match self.make_private_directory(&usual).await {
            Ok(socket) => (usual, socket),
            Err(_) => {
                let other = Path::new(SHARED_DIRECTORY).join(other);
                let socket = self.make_private_directory(&other).await?;
                (other, socket)
            }
        };
        self.store_socket_path(&path)?;
        Ok(socket)
    }

    /// Removes the socket's directory if it is outside the server's directory.
    pub(super) async fn remove_socket_directory(&self, directory: &Path) {
        if directory.starts_with(self.path()) {
            return;
        }
        if let Err(error) = self.owner.remove_directory(directory).await {
            tracing::warn!("{}", error.chain());
        }
    }

    /// Makes a directory somewhere else, or opens it if it belongs to the server's user.
    async fn make_private_directory(&self, path: &Path) -> Result<Directory> {
        let made = self.owner.make_directory(path).await;
        if let Some(directory) = self.open_private_directory(path) {
            return Ok(directory);
        }
        made?;
        Err(Error::environment(format!(
            "{}, the place of the server's socket, belongs to another user",
            path.display()
        )))
    }

    /// Opens a directory outside the server's directory. It must belong to the server's user, and
    /// no other user may enter it. Its path must not contain a comma, because a client would read
    /// two hosts.
    fn open_private_directory(&self, path: &Path) -> Option<Directory> {
        if path.to_string_lossy().contains(',') {
            return None;
        }
        let directory = Directory::open(path).ok()?;
        let mode = directory.mode().ok()?;
        let is_of_owner = directory.owner().0 == self.entries.owner().0;
        let is_private = mode & (Mode::RWXU | Mode::RWXG | Mode::RWXO) == PRIVATE;
        (is_of_owner && is_private).then_some(directory)
    }

    fn store_socket_path(&self, directory: &Path) -> Result<()> {
        let path = self.path().join(SOCKET_PATH);
        let mut file = self.entries.open_or_create_file(SOCKET_PATH)?;
        file.set_len(0)
            .and_then(|()| file.write_all(directory.as_os_str().as_encoded_bytes()))
            .map_err(|e| path_error("write", &path, e))
    }

    /// Renames the log if it is long, and replaces the older log. Returns the length of the
    /// current log.
    pub(super) fn rotate_log(&self) -> u64 {
        let length = self.entries.file_length(LOG).unwrap_or(0);
        if length <= MAX_LOG_LENGTH {
            return length;
        }
        match self.entries.rename(LOG, OLD_LOG) {
            Ok(()) => 0,
            Err(error) => {
                tracing::warn!(%error, "the database server's log cannot be renamed: {error}");
                length
            }
        }
    }

    /// Returns the last fatal error in the log that comes after the byte `start`.
    pub(super) fn find_fatal_error(&self, start: u64) -> Option<String> {
        let mut log = self.entries.open_file(LOG, OFlags::RDONLY).ok()??;
        log.seek(SeekFrom::Start(start)).ok()?;
        let mut text = Vec::new();
        log.take(MAX_LOG_LENGTH).read_to_end(&mut text).ok()?;
        let text = String::from_utf8_lossy(&text);
        let fatal = |line: &str| Some(line.split_once("FATAL:")?.1.trim().to_owned());
        text.lines().rev().find_map(fatal)
    }
}

/// A lock on a file of a [`ServerDirectory`]. The lock is released when this value is dropped.
#[derive(Debug)]
pub(super) struct Lock(File);

impl Lock {
    /// Returns true if no other process shares this lock. No process can begin to share it while
    /// the caller holds the start lock.
    pub(super) fn is_only_user(&self, _start: &Lock) -> Result<bool> {
        let sole = try_lock(&self.0, FlockOperation::NonBlockingLockExclusive)?;
        // A failed attempt may have released the shared lock.
        try_lock(&self.0, FlockOperation::NonBlockingLockShared)?;
        Ok(sole)
    }
}

impl Drop for Lock {
    /// Unlocks the file. Closing the file would not be enough, because a forked process that has
    /// not yet started its program has the same file open.
    fn drop(&mut self) {
        if let Err(error) = rustix::fs::flock(&self.0, FlockOperation::Unlock) {
            tracing::warn!(%error, "a lock could not be released: {error}");
        }
    }
}

fn try_lock(file: &File, operation: FlockOperation) -> Result<bool> {
    match rustix::fs::flock(file, operation) {
        Ok(()) => Ok(true),
        Err(rustix::io::Errno::WOULDBLOCK) => Ok(false),
        Err(e) => Err(Error::environment("lock the local database's directory")
            .with_source(std::io::Error::from(e))),
    }
}

/// Makes a path absolute. If its last part is a link of this process's user, the link is
/// followed. A link of another user is an error, because it may change at any time.
fn resolve_link(directory: &Path) -> Result<PathBuf> {
    let path = std::path::absolute(directory).map_err(|e| path_error("find", directory, e))?;
    check_path(&path)?;
    let current_user = rustix::process::geteuid().as_raw();
    let path = match std::fs::symlink_metadata(&path) {
        Ok(metadata) if metadata.is_symlink() && metadata.uid() == current_user => path
            .canonicalize()
            .map_err(|e| path_error("find", &path, e))?,
        Ok(metadata) if metadata.is_symlink() => {
            return Err(Error::config(format!(
                "{} is a symbolic link of user {}: set database.directory to the place where it \
                 leads, if the local database belongs there",
                path.display(),
                metadata.uid()
            )));
        }
        _ => path,
    };
    check_path(&path)?;
    Ok(path)
}

/// Returns an error if the path has characters with a meaning in a shell. `pg_ctl` puts the path
/// into a shell command, between double quotes, without escaping it.
fn check_path(directory: &Path) -> Result<()> {
    match directory.to_str() {
        Some(name) if !name.contains(['"', '$', '`', '\\', '\n']) => Ok(()),
        _ => Err(Error::config(format!(
            "database.directory {directory:?}: PostgreSQL accepts no quotes, `$`, `\\` or line \
             breaks in it, and only UTF-8"
        ))),
    }
}

/// Returns the directory for sockets. If the server's user is not the user of this process, it is
/// `/tmp`, because the server's user has no access to this user's own directory.
fn find_runtime_directory(owner: Owner) -> PathBuf {
    let own_directory = std::env::var_os("XDG_RUNTIME_DIR").filter(|_| owner == Owner::CurrentUser);
    match own_directory.map(PathBuf::from) {
        Some(directory) if directory.is_dir() && directory.as_os_str().len() < 60 => directory,
        _ => PathBuf::from(SHARED_DIRECTORY),
    }
}
