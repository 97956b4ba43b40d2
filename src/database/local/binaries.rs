//! Finds the installed PostgreSQL programs and their version.
//!
//! The packages of Debian, Homebrew and the PostgreSQL project install the server's programs in
//! directories that are not in `PATH`. Each major version has its own directory.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::owner::limit_environment;
use crate::error::{Error, Result};

/// The directories in which packages install PostgreSQL. Each entry has the parent directory, the
/// prefix of the names of the versions' directories, and the directory of the programs within a
/// version's directory.
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

/// The names of the programs that are needed to run a server.
const PROGRAMS: [&str; 3] = ["postgres", "initdb", "pg_ctl"];

/// A directory that contains the server's programs, and their major version.
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

/// The directories that are searched for programs. `path` is searched before `installations`.
#[derive(Clone, Debug)]
pub(super) struct SearchPath {
    path: Vec<PathBuf>,
    installations: Vec<PathBuf>,
}

impl SearchPath {
    pub(super) fn detect() -> Self {
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

    /// Finds the programs of the wanted major version. Otherwise it returns the first programs on
    /// `PATH`, or else the newest ones that are installed. It runs as few programs as possible,
    /// because each question for a version needs a process. If there are no programs at all, the
    /// error names the command that installs them.
    pub(super) fn find_binaries(&self, wanted: Option<u32>) -> Result<Binaries> {
        let is_wanted = |found: &Binaries| wanted.is_none_or(|wanted| found.major == wanted);
        let mut first_on_path = None;
        for found in self.path.iter().filter_map(|it| inspect_directory(it)) {
            if is_wanted(&found) {
                return Ok(found);
            }
            first_on_path.get_or_insert(found);
        }
        let configured = self.ask_pg_config();
        let installed = self.installations.iter().chain(&configured);
        let mut installed: Vec<Binaries> = installed
            .filter_map(|directory| inspect_directory(directory))
            .collect();
        installed.sort_by_key(|found| std::cmp::Reverse(found.major));
        let newest = installed.first().cloned();
        let wanted = installed.into_iter().find(is_wanted);
        wanted.or(first_on_path).or(newest).ok_or_else(|| {
            Error::environment(format!(
                "no PostgreSQL server is installed: {}, or name a server with --database-url",
                describe_install_command()
            ))
        })
    }

    /// Runs `pg_config` to learn the directory of the programs.
    fn ask_pg_config(&self) -> Option<PathBuf> {
        let programs = self.path.iter().map(|it| it.join("pg_config"));
        let mut programs = programs.filter(|program| program.is_file());
        let directory = programs.find_map(|program| read_output(&program, "--bindir"))?;
        Some(PathBuf::from(directory.trim()))
    }
}

/// Finds a client program such as psql. It searches `PATH` first, and then the installations. If
/// the program is not found, only its name is returned.
pub(in crate::database) fn find_client(name: &str) -> PathBuf {
    let SearchPath {
        path,
        installations,
    } = SearchPath::detect();
    let mut programs = path.iter().chain(&installations).map(|it| it.join(name));
    let found = programs.find(|program| program.is_file());
    found.unwrap_or_else(|| PathBuf::from(name))
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

/// Reads the version of the programs in a directory. Returns `None` if one of the programs is
/// missing.
fn inspect_directory(directory: &Path) -> Option<Binaries> {
    if !PROGRAMS.iter().all(|name| directory.join(name).is_file()) {
        return None;
    }
    let version = read_output(&directory.join("postgres"), "--version")?;
    Some(Binaries {
        directory: directory.to_owned(),
        major: parse_major_version(&version)?,
    })
}

/// Runs a program and returns its output. Returns `None` if the program fails.
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

/// Returns the major version in a text such as `postgres (PostgreSQL) 15.14 (Debian
/// 15.14-0+deb12u1)` or `… 18beta1`.
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
    let is_on_path =
        |name: &str| std::env::split_paths(&path).any(|directory| directory.join(name).is_file());
    match managers.iter().find(|(manager, _)| is_on_path(manager)) {
        Some((_, command)) => format!("install it with {command}"),
        None => {
            let commands = managers.map(|(_, command)| command);
            format!("install it with {}", commands.join(" or "))
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;
    use crate::error::Kind;

    /// Makes a directory whose programs print this version.
    fn make_programs(parent: &Path, version: &str) -> PathBuf {
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
    fn no_server_is_an_error_that_names_the_install_command() {
        let empty = tempfile::tempdir().unwrap();
        let lookup = SearchPath {
            path: vec![empty.path().to_owned()],
            installations: vec![empty.path().join("none")],
        };
        let error = lookup.find_binaries(None).expect_err("there is none");
        assert_eq!(error.kind(), Kind::Environment);
        assert_eq!(error.exit_code(), 3);
        assert!(error.to_string().contains("install postgresql"), "{error}");
    }

    #[test]
    fn the_cluster_s_version_is_preferred_then_path_then_the_newest() {
        let parent = tempfile::tempdir().unwrap();
        let [old, on_path, new] =
            ["14.2", "16.1", "18beta1"].map(|version| make_programs(parent.path(), version));
        let lookup = SearchPath {
            path: vec![on_path.clone()],
            installations: vec![old.clone(), new.clone()],
        };
        let found = |wanted| lookup.find_binaries(wanted).expect("a server").directory;
        assert_eq!(found(Some(14)), old);
        assert_eq!(found(None), on_path);
        assert_eq!(found(Some(9)), on_path);
        let lookup = SearchPath {
            path: Vec::new(),
            ..lookup
        };
        assert_eq!(lookup.find_binaries(None).expect("a server").directory, new);
    }

    #[test]
    fn versions_are_read_as_packagers_write_them() {
        for (version, expected) in [
            (
                "postgres (PostgreSQL) 15.14 (Debian 15.14-0+deb12u1)",
                Some(15),
            ),
            ("postgres (PostgreSQL) 18beta1\n", Some(18)),
            ("postgres (PostgreSQL) devel", None),
            ("something else 3", None),
        ] {
            assert_eq!(parse_major_version(version), expected, "{version}");
        }
    }
}
