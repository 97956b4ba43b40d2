//! Opens entries of a directory that belongs to the server's user. This is safe even for root.
//!
//! # Links are never followed
//!
//! The program may run as root, while the directory belongs to the server's user. This user can
//! replace every entry at any moment by a link to a file of root, by a pipe that blocks, or by an
//! endless file. If root opened an entry by its path, root would change the file to which the
//! link points. So an entry is opened by its name, relative to the open directory, and links are
//! not followed. The type and the owner of an entry are checked before it is used, and only a
//! limited number of bytes is read.
//!
//! The owner of an existing entry is never changed. A child process that runs as the owner
//! creates directories and removes trees. Entries are renamed and removed here directly, because
//! the owner could do this too.

use std::fs::File;
use std::io::Read;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, Dir, FileType, Gid, Mode, OFlags, Stat, Uid};
use rustix::io::Errno;

use super::owner::path_error;
use crate::error::{Error, Result};

/// The flags with which every entry is opened. `NONBLOCK` prevents that a pipe blocks. `NOCTTY`
/// prevents that a terminal becomes the terminal of this process.
const SAFE_FLAGS: OFlags = OFlags::NOFOLLOW
    .union(OFlags::CLOEXEC)
    .union(OFlags::NONBLOCK)
    .union(OFlags::NOCTTY);

/// The maximum number of attempts to create a file, because another process may create and remove
/// the same file at the same time.
const CREATE_ATTEMPTS: usize = 3;

/// The access mode that gives only the owner access.
pub(super) const PRIVATE: Mode = Mode::RWXU;

/// An open directory. Its entries belong to `owner` or to the user of this process.
#[derive(Debug)]
pub(super) struct Directory {
    pub(super) path: PathBuf,
    descriptor: OwnedFd,
    owner: Uid,
    group: Gid,
}

impl Directory {
    /// Opens a directory by its path. It fails if the last part of the path is a link.
    pub(super) fn open(path: &Path) -> Result<Self> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | SAFE_FLAGS;
        let descriptor = rustix::fs::open(path, flags, Mode::empty()).map_err(|e| {
            let stat = rustix::fs::lstat(path).ok();
            explain_open_error(path, stat, FileType::Directory, e)
        })?;
        Self::from_descriptor(path.to_owned(), descriptor)
    }

    fn from_descriptor(path: PathBuf, descriptor: OwnedFd) -> Result<Self> {
        let stat = read_stat(&descriptor, &path)?;
        Ok(Self {
            path,
            descriptor,
            owner: Uid::from_raw(stat.st_uid),
            group: Gid::from_raw(stat.st_gid),
        })
    }

    pub(super) fn owner(&self) -> (u32, u32) {
        (self.owner.as_raw(), self.group.as_raw())
    }

    pub(super) fn mode(&self) -> Result<Mode> {
        let stat = read_stat(&self.descriptor, &self.path)?;
        Ok(Mode::from_raw_mode(stat.st_mode))
    }

    /// Gives this directory to another user. Only root can do this.
    pub(super) fn change_owner(&mut self, uid: u32, gid: u32) -> Result<()> {
        let (owner, group) = (Uid::from_raw(uid), Gid::from_raw(gid));
        rustix::fs::fchown(&self.descriptor, Some(owner), Some(group))
            .map_err(|e| path_error("own", &self.path, e.into()))?;
        (self.owner, self.group) = (owner, group);
        Ok(())
    }

    pub(super) fn make_private(&self) -> Result<()> {
        rustix::fs::fchmod(&self.descriptor, PRIVATE)
            .map_err(|e| path_error("close", &self.path, e.into()))
    }

    pub(super) fn list_names(&self) -> Result<Vec<String>> {
        let read = || -> Result<Vec<String>, Errno> {
            Dir::read_from(&self.descriptor)?
                .map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned()))
                .collect()
        };
        let mut names = read().map_err(|e| path_error("list", &self.path, e.into()))?;
        names.retain(|name| name != "." && name != "..");
        Ok(names)
    }

    /// Opens a directory in this directory. Returns `None` if the entry does not exist. Both
    /// directories must belong to the same user.
    pub(super) fn open_directory(&self, name: &str) -> Result<Option<Self>> {
        let access = OFlags::RDONLY | OFlags::DIRECTORY;
        let Some(descriptor) = self.open_entry(name, access, FileType::Directory)? else {
            return Ok(None);
        };
        let directory = Self::from_descriptor(self.path.join(name), descriptor)?;
        if directory.owner != self.owner {
            let found = format!("a directory of user {}", directory.owner.as_raw());
            let required = format!("one of user {}", self.owner.as_raw());
            return Err(refuse(&directory.path, &found, &required));
        }
        Ok(Some(directory))
    }

    /// Opens a file in this directory. Returns `None` if the entry does not exist. It must be a
    /// regular file of the owner. It must have only one name, because a second name could be the
    /// name of another user's file.
    pub(super) fn open_file(&self, name: &str, access: OFlags) -> Result<Option<File>> {
        let Some(descriptor) = self.open_entry(name, access, FileType::RegularFile)? else {
            return Ok(None);
        };
        let path = self.path.join(name);
        let stat = read_stat(&descriptor, &path)?;
        let (found, required) = (FileType::from_raw_mode(stat.st_mode), FileType::RegularFile);
        if found != required {
            return Err(refuse(&path, describe(found), describe(required)));
        }
        if stat.st_nlink != 1 {
            let found = "a file that has another name too (a hard link)";
            return Err(refuse(&path, found, "a file of its own"));
        }
        // A new file belongs to the user of this process until it is given to the owner.
        let current_user = rustix::process::geteuid();
        if ![self.owner, current_user].contains(&Uid::from_raw(stat.st_uid)) {
            let found = format!("a file of user {}", stat.st_uid);
            let required = format!("one of user {}", self.owner.as_raw());
            return Err(refuse(&path, &found, &required));
        }
        Ok(Some(File::from(descriptor)))
    }

    /// Opens a file for reading and writing. Creates the file if it does not exist.
    pub(super) fn open_or_create_file(&self, name: &str) -> Result<File> {
        let path = self.path.join(name);
        for _ in 0..CREATE_ATTEMPTS {
            if let Some(file) = self.open_file(name, OFlags::RDWR)? {
                return Ok(file);
            }
            let flags = OFlags::RDWR | OFlags::CREATE | OFlags::EXCL | SAFE_FLAGS;
            match rustix::fs::openat(&self.descriptor, name, flags, Mode::RUSR | Mode::WUSR) {
                Ok(descriptor) => {
                    // The file is new, so it cannot be the file of another user.
                    if rustix::process::geteuid() != self.owner {
                        rustix::fs::fchown(&descriptor, Some(self.owner), Some(self.group))
                            .map_err(|e| path_error("own", &path, e.into()))?;
                    }
                    return Ok(File::from(descriptor));
                }
                Err(Errno::EXIST) => {}
                Err(e) => return Err(path_error("create", &path, e.into())),
            }
        }
        let found = "created and removed again by another process";
        Err(refuse(&path, found, "left alone"))
    }

    /// Reads a file of at most `limit` bytes. Returns `None` if the file does not exist.
    pub(super) fn read_file(&self, name: &str, limit: u16) -> Result<Option<Vec<u8>>> {
        let Some(file) = self.open_file(name, OFlags::RDONLY)? else {
            return Ok(None);
        };
        let path = self.path.join(name);
        let mut bytes = Vec::new();
        file.take(u64::from(limit) + 1)
            .read_to_end(&mut bytes)
            .map_err(|e| path_error("read", &path, e))?;
        if bytes.len() > usize::from(limit) {
            let required = format!("one of at most {limit} bytes");
            return Err(refuse(&path, "a longer file", &required));
        }
        Ok(Some(bytes))
    }

    /// Returns the length of a regular file. Returns `None` if the entry is not a regular file.
    pub(super) fn file_length(&self, name: &str) -> Option<u64> {
        let flags = AtFlags::SYMLINK_NOFOLLOW;
        let stat = rustix::fs::statat(&self.descriptor, name, flags).ok()?;
        let is_file = FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile;
        u64::try_from(stat.st_size).ok().filter(|_| is_file)
    }

    pub(super) fn rename(&self, from: &str, to: &str) -> std::io::Result<()> {
        let descriptor = &self.descriptor;
        Ok(rustix::fs::renameat(descriptor, from, descriptor, to)?)
    }

    pub(super) fn remove_file(&self, name: &str) -> Result<()> {
        rustix::fs::unlinkat(&self.descriptor, name, AtFlags::empty())
            .map_err(|e| path_error("remove", &self.path.join(name), e.into()))
    }

    /// Waits until the names of the directory's entries are on disk.
    pub(super) fn sync(&self) -> Result<()> {
        rustix::fs::fsync(&self.descriptor).map_err(|e| path_error("write", &self.path, e.into()))
    }

    fn open_entry(
        &self,
        name: &str,
        access: OFlags,
        required: FileType,
    ) -> Result<Option<OwnedFd>> {
        let flags = access | SAFE_FLAGS;
        match rustix::fs::openat(&self.descriptor, name, flags, Mode::empty()) {
            Ok(descriptor) => Ok(Some(descriptor)),
            Err(Errno::NOENT) => Ok(None),
            Err(e) => {
                let flags = AtFlags::SYMLINK_NOFOLLOW;
                let stat = rustix::fs::statat(&self.descriptor, name, flags).ok();
                Err(explain_open_error(&self.path.join(name), stat, required, e))
            }
        }
    }
}

fn read_stat(descriptor: &OwnedFd, path: &Path) -> Result<Stat> {
    rustix::fs::fstat(descriptor).map_err(|e| path_error("look at", path, e.into()))
}

/// Explains why an entry could not be opened: by its type if that is wrong, else by the system's
/// error.
fn explain_open_error(path: &Path, stat: Option<Stat>, required: FileType, error: Errno) -> Error {
    match stat.map(|stat| FileType::from_raw_mode(stat.st_mode)) {
        Some(found) if found != required => refuse(path, describe(found), describe(required)),
        _ => path_error("open", path, error.into()),
    }
}

fn refuse(path: &Path, found: &str, required: &str) -> Error {
    Error::config(format!(
        "{} is {found}, and the local database needs {required}: find out who put it there, and \
         move it away",
        path.display()
    ))
}

fn describe(kind: FileType) -> &'static str {
    match kind {
        FileType::RegularFile => "a regular file",
        FileType::Directory => "a directory",
        FileType::Symlink => "a symbolic link",
        FileType::Fifo => "a named pipe",
        FileType::Socket => "a socket",
        FileType::CharacterDevice | FileType::BlockDevice => "a device",
        FileType::Unknown => "something unknown",
    }
}
