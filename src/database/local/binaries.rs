//! Where the machine keeps PostgreSQL's programs, and which version they are.
//!
//! Debian, Homebrew and the PostgreSQL project's own packages put the server's
//! programs outside `PATH`, one directory for each major version.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::owner::limit_environment;
use crate::error::{Error, Result};

/// Directories that hold one directory for each installed version, and what
/// follows that directory's name: its prefix, and the way down to the programs.
const INSTALLATIONS: [(&str, &str, &str); 8] = [
    ("/usr/lib/postgresql", "", "bin"),
    ("/usr", "pgsql-", "bin"),
    ("/usr/libexec", "postgresql", ""),
    ("/opt/homebrew/opt", "postgresql", "bin"),
    ("/usr/local/opt", "postgresql", "bin"),
    ("/home/linuxbrew/.linuxbrew/opt", "postgresql", "bin"),
    ("/Applications/Postgres.app/Contents/Versions", "", "bin"),
    ("/usr/local/pgsql", "bin", ""),
];

/// The programs without which there is no server.
const PROGRAMS: [&str; 3] = ["postgres", "initdb", "pg_ctl"];

/// A directory with the server's programs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Binaries {
    pub(super) directory: PathBuf,
    pub(super) major: u32,
}

impl Binaries {
    pub(super) fn program(&self, name: &str) -> PathBuf {
        self.directory.join(name)
    }
}

/// Where to look: the directories of `path`, then every installation.
#[derive(Clone, Debug)]
pub(super) struct SearchPath {
    path: Vec<PathBuf>,
    installations: Vec<PathBuf>,
}

impl SearchPath {
    /// This machine's.
    pub(super) fn of_this_machine() -> Self {
        let path: OsString = std::env::var_os("PATH").unwrap_or_default();
        Self {
            path: std::env::split_paths(&path).collect(),
            installations: INSTALLATIONS
                .iter()
                .flat_map(|(parent, prefix, below)| {
                    list_installations(Path::new(parent), prefix, below)
                })
                .collect(),
        }
    }

    /// The programs for a cluster that version `wanted` made, or else the first
    /// ones on `PATH`, or else the newest. It asks no more of them than it must
    /// for their version, for each answer is a process.
    ///
    /// # Errors
    /// [`Environment`](crate::error::Kind::Environment) where there are none;
    /// it names the command that installs them.
    pub(super) fn find(&self, wanted: Option<u32>) -> Result<Binaries> {
        let fits = |found: &Binaries| wanted.is_none_or(|wanted| found.major == wanted);
        let mut unfit = None;
        for found in self.path.iter().filter_map(|it| inspect_directory(it)) {
            if fits(&found) {
                return Ok(found);
            }
            unfit.get_or_insert(found);
        }
        let configured = self.ask_pg_config();
        let installations = self.installations.iter().chain(&configured);
        let mut installed: Vec<Binaries> = installations
            .filter_map(|it| inspect_directory(it))
            .collect();
        installed.sort_by_key(|found| std::cmp::Reverse(found.major));
        let fit = installed.iter().position(fits);
        let place = fit.or((unfit.is_none() && !installed.is_empty()).then_some(0));
        let found = place.map(|place| installed.swap_remove(place)).or(unfit);
        found.ok_or_else(|| {
            Error::environment(format!(
                "no PostgreSQL server is installed: {}, or name a server with --database-url",
                describe_install_command()
            ))
        })
    }

    /// What `pg_config` on `PATH` says.
    fn ask_pg_config(&self) -> Option<PathBuf> {
        let programs = self.path.iter().map(|it| it.join("pg_config"));
        let said = programs
            .filter(|it| it.is_file())
            .find_map(|it| read_output(&it, "--bindir"))?;
        Some(PathBuf::from(said.trim()))
    }

    /// A client program such as psql: on `PATH` first, else beside a server.
    fn find_client(&self, name: &str) -> PathBuf {
        let on_path = self.path.iter().find(|it| it.join(name).is_file());
        let beside = self.installations.iter().find(|it| it.join(name).is_file());
        match on_path.or(beside) {
            Some(directory) => directory.join(name),
            None => PathBuf::from(name),
        }
    }
}

/// A client program such as psql, wherever this machine has it; its bare name
/// if it has none.
pub(in crate::database) fn find_client(name: &str) -> PathBuf {
    SearchPath::of_this_machine().find_client(name)
}

fn list_installations(parent: &Path, prefix: &str, below: &str) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(parent) else {
        return Vec::new();
    };
    entries
        .filter_map(|entry| Some(entry.ok()?.file_name()))
        .filter(|name| name.to_string_lossy().starts_with(prefix))
        .map(|name| parent.join(name).join(below))
        .collect()
}

/// The programs in a directory, if it has those of a server.
fn inspect_directory(directory: &Path) -> Option<Binaries> {
    if !PROGRAMS.iter().all(|name| directory.join(name).is_file()) {
        return None;
    }
    let said = read_output(&directory.join("postgres"), "--version")?;
    Some(Binaries {
        directory: directory.to_owned(),
        major: parse_major_version(&said)?,
    })
}

/// What a program answers, if it runs.
fn read_output(program: &Path, argument: &str) -> Option<String> {
    let mut command = Command::new(program);
    limit_environment(&mut command);
    let output = command
        .arg(argument)
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .output()
        .ok()?;
    String::from_utf8(output.stdout)
        .ok()
        .filter(|_| output.status.success())
}

/// Reads `postgres (PostgreSQL) 15.14 (Debian 15.14-0+deb12u1)`, `18beta1` too.
fn parse_major_version(version: &str) -> Option<u32> {
    let number = version.split_once("(PostgreSQL) ")?.1;
    let digits = number.split(|c: char| !c.is_ascii_digit()).next()?;
    digits.parse().ok()
}

fn describe_install_command() -> String {
    let managers = [
        ("apt-get", "`sudo apt-get install postgresql`"),
        ("dnf", "`sudo dnf install postgresql-server`"),
        ("apk", "`sudo apk add postgresql`"),
        ("brew", "`brew install postgresql`"),
    ];
    let path: OsString = std::env::var_os("PATH").unwrap_or_default();
    let here = |name: &str| std::env::split_paths(&path).any(|it| it.join(name).is_file());
    let known: Vec<&str> = managers.iter().map(|(_, command)| *command).collect();
    let command = managers.iter().find(|(manager, _)| here(manager));
    match command {
        Some((_, command)) => format!("install it with {command}"),
        None => format!("install it with {}", known.join(" or ")),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;
    use crate::error::Kind;

    /// A directory with programs that say they are this version.
    fn pretend(parent: &Path, version: &str) -> PathBuf {
        let directory = parent.join(version);
        std::fs::create_dir(&directory).unwrap();
        for name in PROGRAMS {
            let program = directory.join(name);
            let script = format!("#!/bin/sh\necho 'postgres (PostgreSQL) {version}'\n");
            std::fs::write(&program, script).unwrap();
            std::fs::set_permissions(&program, PermissionsExt::from_mode(0o755)).unwrap();
        }
        directory
    }

    #[test]
    fn no_server_is_an_error_that_names_the_describe_install_command() {
        let empty = tempfile::tempdir().unwrap();
        let lookup = SearchPath {
            path: vec![empty.path().to_owned()],
            installations: vec![empty.path().join("none")],
        };
        let error = lookup.find(None).expect_err("there is none");
        assert_eq!(error.kind(), Kind::Environment);
        assert_eq!(error.exit_code(), 3);
        assert!(error.to_string().contains("install postgresql"), "{error}");
    }

    #[test]
    fn the_cluster_s_own_version_comes_before_path_and_path_before_the_newest() {
        let parent = tempfile::tempdir().unwrap();
        let [old, on_path, new] = ["14.2", "16.1", "18beta1"].map(|it| pretend(parent.path(), it));
        let lookup = SearchPath {
            path: vec![on_path.clone()],
            installations: vec![old.clone(), new.clone()],
        };
        let found = |wanted| lookup.find(wanted).expect("a server").directory;
        assert_eq!(found(Some(14)), old);
        assert_eq!(found(None), on_path);
        assert_eq!(found(Some(9)), on_path);
        let lookup = SearchPath {
            path: Vec::new(),
            ..lookup
        };
        assert_eq!(lookup.find(None).expect("a server").directory, new);
    }

    #[test]
    fn versions_are_read_as_packagers_write_them() {
        for (said, expected) in [
            (
                "postgres (PostgreSQL) 15.14 (Debian 15.14-0+deb12u1)",
                Some(15),
            ),
            ("postgres (PostgreSQL) 18beta1\n", Some(18)),
            ("postgres (PostgreSQL) devel", None),
            ("something else 3", None),
        ] {
            assert_eq!(parse_major_version(said), expected, "{said}");
        }
    }
}
