//! A directory that belongs to the server's user, seen by us, who may be root.
//!
//! Its owner can replace every entry at any moment: by a link to one of root's files, by
//! a pipe that blocks, by a file without an end. If root opened an entry by its path, it
//! would do to the link's target what it meant to do to the entry. So an entry is opened
//! by its name below a descriptor of the directory, without following a link, and its
//! type and owner are looked at before anything is done to it. Reading is bounded.
//!
//! Nothing here changes the owner of an entry that exists. Directories are made, and
//! trees are removed, by a child process that runs as the owner. What is renamed and
//! removed here is a name in the owner's own directory, which the owner can do too.

use std::fs::File;
use std::io::Read;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, Dir, FileType, Gid, Mode, OFlags, Stat, Uid};
use rustix::io::Errno;

use super::owner::path_error;
use crate::error::{Error, Result};

/// An entry is never opened without these. A pipe does not block with `NONBLOCK`, and
/// a terminal does not become ours with `NOCTTY`.
const SAFE_FLAGS: OFlags = OFlags::NOFOLLOW
    .union(OFlags::CLOEXEC)
    .union(OFlags::NONBLOCK)
    .union(OFlags::NOCTTY);

/// How often a file is created that somebody else creates and removes meanwhile.
const CREATE_ATTEMPTS: usize = 3;

/// The access that only the owner has.
pub(super) const PRIVATE: Mode = Mode::RWXU;

/// An open directory whose entries belong to `owner`, or to us.
#[derive(Debug)]
pub(super) struct Directory {
    pub(super) path: PathBuf,
    descriptor: OwnedFd,
    owner: Uid,
    group: Gid,
}

impl Directory {
    /// Opens a directory by its path, unless the last part of the path is a link.
    ///
    /// # Errors
    /// [`Config`](crate::error::Kind::Config): it is something else.
    pub(super) fn open(path: &Path) -> Result<Self> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | SAFE_FLAGS;
        let descriptor = rustix::fs::open(path, flags, Mode::empty()).map_err(|e| {
            let stat = rustix::fs::lstat(path).ok();
            explain_open_error(path, stat, FileType::Directory, e)
        })?;
        Self::from_descriptor(path.to_owned(), descriptor)
    }

    fn from_descriptor(path: PathBuf, descriptor: OwnedFd) -> Result<Self> {
        let stat =
            rustix::fs::fstat(&descriptor).map_err(|e| path_error("look at", &path, e.into()))?;
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

    /// The bits of its access.
    pub(super) fn mode(&self) -> Result<Mode> {
        let stat = rustix::fs::fstat(&self.descriptor);
        let stat = stat.map_err(|e| path_error("look at", &self.path, e.into()))?;
        Ok(Mode::from_raw_mode(stat.st_mode))
    }

    /// Gives this very directory to another user, which only root can do.
    pub(super) fn change_owner(&mut self, uid: u32, gid: u32) -> Result<()> {
        let (owner, group) = (Uid::from_raw(uid), Gid::from_raw(gid));
        rustix::fs::fchown(&self.descriptor, Some(owner), Some(group))
            .map_err(|e| path_error("own", &self.path, e.into()))?;
        (self.owner, self.group) = (owner, group);
        Ok(())
    }

    /// Closes the directory to everybody but its owner.
    pub(super) fn make_private(&self) -> Result<()> {
        rustix::fs::fchmod(&self.descriptor, PRIVATE)
            .map_err(|e| path_error("close", &self.path, e.into()))
    }

    /// The names of its entries.
    pub(super) fn names(&self) -> Result<Vec<String>> {
        let read = || -> Result<Vec<String>, Errno> {
            let names = Dir::read_from(&self.descriptor)?.map(|entry| {
                let name = entry?.file_name().to_string_lossy().into_owned();
                Ok(name)
            });
            names.collect()
        };
        let mut names = read().map_err(|e| path_error("list", &self.path, e.into()))?;
        names.retain(|name| name != "." && name != "..");
        Ok(names)
    }

    /// Opens a directory in this one; `None` if there is none.
    ///
    /// # Errors
    /// [`Config`](crate::error::Kind::Config): the entry is something else, or belongs
    /// to somebody else than this directory does.
    pub(super) fn open_directory(&self, name: &str) -> Result<Option<Self>> {
        let Some(descriptor) = self.open_entry(
            name,
            OFlags::RDONLY | OFlags::DIRECTORY,
            FileType::Directory,
        )?
        else {
            return Ok(None);
        };
        let directory = Self::from_descriptor(self.path.join(name), descriptor)?;
        if directory.owner != self.owner {
            let found = format!("a directory of user {}", directory.owner.as_raw());
            let wanted = format!("one of user {}", self.owner.as_raw());
            return Err(refuse(&directory.path, &found, &wanted));
        }
        Ok(Some(directory))
    }

    /// Opens a file in this directory; `None` if there is none.
    ///
    /// # Errors
    /// [`Config`](crate::error::Kind::Config): the entry is no regular file, belongs to
    /// somebody else, or has a second name, by which it is a file of somebody else's.
    pub(super) fn open_file(&self, name: &str, access: OFlags) -> Result<Option<File>> {
        let Some(descriptor) = self.open_entry(name, access, FileType::RegularFile)? else {
            return Ok(None);
        };
        let path = self.path.join(name);
        let stat =
            rustix::fs::fstat(&descriptor).map_err(|e| path_error("look at", &path, e.into()))?;
        let found = FileType::from_raw_mode(stat.st_mode);
        if found != FileType::RegularFile {
            return Err(refuse(
                &path,
                describe(found),
                describe(FileType::RegularFile),
            ));
        }
        if stat.st_nlink != 1 {
            let found = "a file that has another name too (a hard link)";
            return Err(refuse(&path, found, "a file of its own"));
        }
        // A file is ours until we have given it away.
        let us = rustix::process::geteuid();
        if ![self.owner, us].contains(&Uid::from_raw(stat.st_uid)) {
            let found = format!("a file of user {}", stat.st_uid);
            let wanted = format!("one of user {}", self.owner.as_raw());
            return Err(refuse(&path, &found, &wanted));
        }
        Ok(Some(File::from(descriptor)))
    }

    /// Opens a file for reading and writing, and creates it if there is none.
    ///
    /// # Errors
    /// As [`Directory::open_file`].
    pub(super) fn open_or_create_file(&self, name: &str) -> Result<File> {
        let path = self.path.join(name);
        for _ in 0..CREATE_ATTEMPTS {
            if let Some(file) = self.open_file(name, OFlags::RDWR)? {
                return Ok(file);
            }
            let flags = OFlags::RDWR | OFlags::CREATE | OFlags::EXCL | SAFE_FLAGS;
            match rustix::fs::openat(&self.descriptor, name, flags, Mode::RUSR | Mode::WUSR) {
                Ok(descriptor) => {
                    // It is new, so it can be nobody's but ours.
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
        Err(refuse(
            &path,
            "created and removed again by somebody else",
            "left alone",
        ))
    }

    /// Reads a file of at most `limit` bytes; `None` if there is none.
    ///
    /// # Errors
    /// As [`Directory::open_file`], and [`Config`](crate::error::Kind::Config): it is
    /// longer.
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
            let wanted = format!("one of at most {limit} bytes");
            return Err(refuse(&path, "a longer file", &wanted));
        }
        Ok(Some(bytes))
    }

    /// The length of a regular file; `None` if the entry is something else.
    pub(super) fn file_length(&self, name: &str) -> Option<u64> {
        let flags = AtFlags::SYMLINK_NOFOLLOW;
        let stat = rustix::fs::statat(&self.descriptor, name, flags).ok()?;
        let is_file = FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile;
        u64::try_from(stat.st_size).ok().filter(|_| is_file)
    }

    /// Renames an entry within this directory.
    pub(super) fn rename(&self, from: &str, to: &str) -> std::io::Result<()> {
        Ok(rustix::fs::renameat(
            &self.descriptor,
            from,
            &self.descriptor,
            to,
        )?)
    }

    /// Removes an entry that is no directory.
    pub(super) fn remove_file(&self, name: &str) -> Result<()> {
        rustix::fs::unlinkat(&self.descriptor, name, AtFlags::empty())
            .map_err(|e| path_error("remove", &self.path.join(name), e.into()))
    }

    /// Waits until the names of its entries are on disk.
    pub(super) fn sync(&self) -> Result<()> {
        rustix::fs::fsync(&self.descriptor).map_err(|e| path_error("write", &self.path, e.into()))
    }

    fn open_entry(&self, name: &str, access: OFlags, wanted: FileType) -> Result<Option<OwnedFd>> {
        let flags = access | SAFE_FLAGS;
        match rustix::fs::openat(&self.descriptor, name, flags, Mode::empty()) {
            Ok(descriptor) => Ok(Some(descriptor)),
            Err(Errno::NOENT) => Ok(None),
            Err(e) => {
                let flags = AtFlags::SYMLINK_NOFOLLOW;
                let stat = rustix::fs::statat(&self.descriptor, name, flags).ok();
                Err(explain_open_error(&self.path.join(name), stat, wanted, e))
            }
        }
    }
}

/// Explains why an entry could not be opened: it is something else, or the system says.
fn explain_open_error(path: &Path, stat: Option<Stat>, wanted: FileType, error: Errno) -> Error {
    match stat.map(|stat| FileType::from_raw_mode(stat.st_mode)) {
        Some(found) if found != wanted => refuse(path, describe(found), describe(wanted)),
        _ => path_error("open", path, error.into()),
    }
}

fn refuse(path: &Path, found: &str, wanted: &str) -> Error {
    Error::config(format!(
        "{} is {found}, and the local database needs {wanted}: find out who put it there, and \
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
