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
//! The directory belongs to the server's user, who may not be us. So its entries are
//! opened as [`Directory`] says, and a link in the place of `data` or `socket` is refused.
//! The directory itself may be named by a link of our own, which is resolved once: its
//! parents, and links of root's, are the administrator's decision.
//!
//! Locks are the kernel's and end with the process that holds them. They are
//! not inherited by the server: files are opened close-on-exec.

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

/// How long another process may take to initialise, start or stop the server.
const LOCK_LIMIT: Duration = Duration::from_secs(300);

/// How often a lock is tried; waiting in the kernel could not be given up.
const LOCK_INTERVAL: Duration = Duration::from_millis(20);

/// The longest path of a socket that both Linux (107 bytes) and macOS (103) take.
const MAX_SOCKET_PATH: usize = 100;

/// What the log grows to before it is put aside at the next start.
const MAX_LOG_LENGTH: u64 = 1 << 20;

/// The longest path that Linux takes.
const MAX_PATH: u16 = 4096;

const LOG: &str = "server.log";
const OLD_LOG: &str = "server.log.1";
const START_LOCK: &str = "start.lock";
const USE_LOCK: &str = "use.lock";
const SOCKET: &str = "socket";
const SOCKET_PATH: &str = "socket.path";

/// The directory that all users write to.
const SHARED_DIRECTORY: &str = "/tmp";

/// A local server's directory, which is there, and is ours or an empty one
/// that was made ours.
#[derive(Debug)]
pub(super) struct ServerDirectory {
    pub(super) directory: Directory,
    pub(super) owner: Owner,
}

impl ServerDirectory {
    /// Makes the directory if need be, and sees that it can be used.
    ///
    /// # Errors
    /// [`Config`](crate::error::Kind::Config): it holds something else, is
    /// somebody else's, or cannot be reached by the server's user.
    pub(super) async fn prepare(directory: &Path) -> Result<Self> {
        let path = resolve_link(directory)?;
        std::fs::create_dir_all(&path).map_err(|e| path_error("make", &path, e))?;
        let directory = Directory::open(&path)?;
        let is_empty = directory.names()?.is_empty();
        if !is_empty && directory.file_length(START_LOCK).is_none() {
            return Err(Error::config(format!(
                "{} holds something other than a local database: set database.directory to an \
                 empty one",
                path.display()
            )));
        }
        let mut server_directory = Self {
            owner: Owner::for_directory(&path, directory.owner()).await?,
            directory,
        };
        server_directory.give_to_owner(is_empty)?;
        server_directory.owner.check_can_enter(&path).await?;
        Ok(server_directory)
    }

    /// Gives a directory of root's to the server's user, and closes it to all others.
    ///
    /// # Errors
    /// [`Config`](crate::error::Kind::Config): others could have put a `start.lock` there,
    /// to be given what is beside it.
    fn give_to_owner(&mut self, is_empty: bool) -> Result<()> {
        if let Owner::OtherUser { uid, gid } = self.owner
            && self.directory.owner().0 != uid
        {
            let writable = Mode::WGRP | Mode::WOTH;
            if !is_empty && self.directory.mode()?.intersects(writable) {
                let path = self.path().display();
                return Err(Error::config(format!(
                    "{path} belongs to root, and others may write to it: set database.directory \
                     to an empty one, or `chmod go-w {path}` if all in it is the local database's"
                )));
            }
            self.directory.change_owner(uid, gid)?;
        }
        self.directory.make_private()
    }

    pub(super) fn path(&self) -> &Path {
        &self.directory.path
    }

    pub(super) fn data_path(&self) -> PathBuf {
        self.path().join("data")
    }

    /// The cluster's directory, if there is one.
    pub(super) fn open_data_directory(&self) -> Result<Option<Directory>> {
        self.directory.open_directory("data")
    }

    pub(super) fn log_path(&self) -> PathBuf {
        self.path().join(LOG)
    }

    /// Waits until no other process initialises, starts or stops the server.
    pub(super) async fn lock_start(&self) -> Result<Lock> {
        let file = self.directory.open_or_create_file(START_LOCK)?;
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

    /// Counts this process among the server's users. Only whoever holds the
    /// other lock asks for this one alone, so it is free for sharing.
    pub(super) fn lock_use(&self, _start: &Lock) -> Result<Lock> {
        let file = self.directory.open_or_create_file(USE_LOCK)?;
        if try_lock(&file, FlockOperation::NonBlockingLockShared)? {
            return Ok(Lock(file));
        }
        Err(Error::environment(format!(
            "something else locked {}",
            self.path().join(USE_LOCK).display()
        )))
    }

    /// The directory of the server's socket, made if need be.
    pub(super) async fn socket_directory(&self, port: u16) -> Result<Directory> {
        let usual = self.path().join(SOCKET);
        let path = usual.join(format!(".s.PGSQL.{port}"));
        // A comma would make two directories of it, for libpq and the server.
        if path.as_os_str().len() <= MAX_SOCKET_PATH && !path.to_string_lossy().contains(',') {
            if self.directory.open_directory(SOCKET)?.is_none() {
                self.owner.make_directory(&usual).await?;
            }
            let socket = self.directory.open_directory(SOCKET)?;
            let socket = socket
                .ok_or_else(|| Error::environment(format!("{} was removed", usual.display())))?;
            socket.make_private()?;
            return Ok(socket);
        }
        if let Some(known) = self.open_stored_socket_directory()? {
            return Ok(known);
        }
        let hash = blake3::hash(self.path().as_os_str().as_encoded_bytes()).to_hex();
        let name = format!("ocds-ingest-{}", &hash[..12]);
        // In a directory that everybody writes to, anybody may have taken the one name, and
        // nobody can guess the other.
        let now = SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default();
        let other = format!("{name}-{:x}", now.as_nanos());
        let usual = find_runtime_directory(self.owner).join(name);
        let (short, socket) = match self.make_private_directory(&usual).await {
            Ok(socket) => (usual, socket),
            Err(_) => {
                let other = Path::new(SHARED_DIRECTORY).join(other);
                let socket = self.make_private_directory(&other).await?;
                (other, socket)
            }
        };
        self.store_socket_path(&short)?;
        Ok(socket)
    }

    /// Removes a socket's directory that is not in ours, once nobody uses it.
    pub(super) async fn remove_socket_directory(&self, directory: &Path) {
        if directory.starts_with(self.path()) {
            return;
        }
        if let Err(error) = self.owner.remove_directory(directory).await {
            tracing::warn!("{}", error.chain());
        }
    }

    fn open_stored_socket_directory(&self) -> Result<Option<Directory>> {
        let Some(path) = self.directory.read_file(SOCKET_PATH, MAX_PATH)? else {
            return Ok(None);
        };
        let path = PathBuf::from(OsString::from_vec(path));
        Ok(self.open_private_directory(&path))
    }

    /// Makes a directory that is elsewhere, or opens it if it is the server's user's.
    async fn make_private_directory(&self, path: &Path) -> Result<Directory> {
        let made = self.owner.make_directory(path).await;
        let Some(directory) = self.open_private_directory(path) else {
            made?;
            return Err(Error::environment(format!(
                "{}, where the server's socket would be, is somebody else's",
                path.display()
            )));
        };
        Ok(directory)
    }

    /// Opens a directory that is elsewhere, if it is the server's user's and nobody else
    /// may enter it. A comma would make two hosts of it, for those who connect.
    fn open_private_directory(&self, path: &Path) -> Option<Directory> {
        if path.to_string_lossy().contains(',') {
            return None;
        }
        let directory = Directory::open(path).ok()?;
        let mode = directory.mode().ok()?;
        let is_owners = directory.owner().0 == self.directory.owner().0;
        let is_private = mode & (Mode::RWXU | Mode::RWXG | Mode::RWXO) == PRIVATE;
        (is_owners && is_private).then_some(directory)
    }

    fn store_socket_path(&self, directory: &Path) -> Result<()> {
        let path = self.path().join(SOCKET_PATH);
        let mut file = self.directory.open_or_create_file(SOCKET_PATH)?;
        file.set_len(0)
            .and_then(|()| file.write_all(directory.as_os_str().as_encoded_bytes()))
            .map_err(|e| path_error("write", &path, e))
    }

    /// Puts a log that has grown aside, dropping the one before, and tells how
    /// long the one that goes on is.
    pub(super) fn rotate_log(&self) -> u64 {
        let length = self.directory.file_length(LOG).unwrap_or(0);
        if length <= MAX_LOG_LENGTH {
            return length;
        }
        match self.directory.rename(LOG, OLD_LOG) {
            Ok(()) => 0,
            Err(error) => {
                tracing::warn!(%error, "the database server's log cannot be put aside: {error}");
                length
            }
        }
    }

    /// Why the server ended, by its log from byte `start` on.
    pub(super) fn find_fatal_error(&self, start: u64) -> Option<String> {
        let mut log = self.directory.open_file(LOG, OFlags::RDONLY).ok()??;
        log.seek(SeekFrom::Start(start)).ok()?;
        let mut text = Vec::new();
        log.take(MAX_LOG_LENGTH).read_to_end(&mut text).ok()?;
        let text = String::from_utf8_lossy(&text);
        let fatal = |line: &str| Some(line.split_once("FATAL:")?.1.trim().to_owned());
        text.lines().rev().find_map(fatal)
    }
}

/// A lock on a file of a [`ServerDirectory`], given up when dropped.
#[derive(Debug)]
pub(super) struct Lock(File);

impl Lock {
    /// Whether nobody shares this lock; for as long as the `start` lock is
    /// held, nobody will.
    pub(super) fn is_only_user(&self, _start: &Lock) -> Result<bool> {
        let sole = try_lock(&self.0, FlockOperation::NonBlockingLockExclusive)?;
        // A try that failed may have cost us our share.
        try_lock(&self.0, FlockOperation::NonBlockingLockShared)?;
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

fn try_lock(file: &File, operation: FlockOperation) -> Result<bool> {
    match rustix::fs::flock(file, operation) {
        Ok(()) => Ok(true),
        Err(rustix::io::Errno::WOULDBLOCK) => Ok(false),
        Err(e) => Err(Error::environment("lock the local database's directory")
            .with_source(std::io::Error::from(e))),
    }
}

/// Makes a path absolute, and follows its last part if that is a link of our own. A link of
/// another user's may lead to another place each time.
fn resolve_link(directory: &Path) -> Result<PathBuf> {
    let path = std::path::absolute(directory).map_err(|e| path_error("find", directory, e))?;
    check_path(&path)?;
    let us = rustix::process::geteuid().as_raw();
    let path = match std::fs::symlink_metadata(&path) {
        Ok(metadata) if metadata.is_symlink() && metadata.uid() == us => path
            .canonicalize()
            .map_err(|e| path_error("find", &path, e))?,
        Ok(metadata) if metadata.is_symlink() => {
            return Err(Error::config(format!(
                "{} is a symbolic link of user {}: set database.directory to where it leads, if \
                 that is where the local database shall be",
                path.display(),
                metadata.uid()
            )));
        }
        _ => path,
    };
    check_path(&path)?;
    Ok(path)
}

/// `pg_ctl` pastes the directory's name into a shell command, between double
/// quotes, and does not escape it.
fn check_path(directory: &Path) -> Result<()> {
    match directory.to_str() {
        Some(name) if !name.contains(['"', '$', '`', '\\', '\n']) => Ok(()),
        _ => Err(Error::config(format!(
            "database.directory {directory:?}: PostgreSQL takes no quotes, `$`, `\\` or line \
             breaks in it, and no bytes that are not UTF-8"
        ))),
    }
}

/// Where a user keeps sockets; another user's is closed to us, or we to it.
fn find_runtime_directory(owner: Owner) -> PathBuf {
    let own = std::env::var_os("XDG_RUNTIME_DIR").filter(|_| owner == Owner::CurrentUser);
    match own.map(PathBuf::from) {
        Some(directory) if directory.is_dir() && directory.as_os_str().len() < 60 => directory,
        _ => PathBuf::from(SHARED_DIRECTORY),
    }
}
