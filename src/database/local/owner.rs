//! Whom the server runs as: ourselves, or a system user where we are root.
//!
//! PostgreSQL refuses to run as root. Everything that runs as somebody else is
//! started from here, in a session or a process group of its own, so that a Ctrl-C
//! meant for us does not reach the server, and with a few variables of our environment
//! only.

use std::ffi::OsStr;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};
use std::time::Duration;

use tokio::process::Command;

use crate::error::{Error, Result};

/// The users that may own a root's cluster: the packages' own, else ours.
const SERVICE_USERS: [&str; 2] = ["postgres", OWN_USER];
const OWN_USER: &str = "ocds-ingest";

/// The program that begins a session, and becomes another program.
const SETSID: &str = "setsid";

/// How long any command may take. Those that wait for the server are told to wait for five
/// minutes.
const COMMAND_LIMIT: Duration = Duration::from_secs(600);

/// The user that owns the cluster and runs its server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Owner {
    CurrentUser,
    OtherUser { uid: u32, gid: u32 },
}

impl Owner {
    /// Who owns a directory that is already a cluster's, or shall own it; `owner` is the user
    /// and the group that it belongs to.
    ///
    /// # Errors
    /// [`Config`](crate::error::Kind::Config): it is somebody else's and we are
    /// not root; [`Environment`](crate::error::Kind::Environment): we are root
    /// and no system user could be made.
    pub(super) async fn for_directory(path: &Path, owner: (u32, u32)) -> Result<Self> {
        let us = rustix::process::geteuid();
        let path = path.display();
        match (us.is_root(), owner) {
            (true, (0, _)) => find_or_make_service_user().await,
            // `chown USER` alone leaves root's group, in which the server shall not run
            (true, (uid, 0)) => look_up_user(&uid.to_string()).await?.ok_or_else(|| {
                Error::config(format!(
                    "{path} belongs to user {uid} and to root's group: `chgrp` it to a group of \
                     that user's"
                ))
            }),
            (true, (uid, gid)) => Ok(Owner::OtherUser { uid, gid }),
            (false, (uid, _)) if uid == us.as_raw() => Ok(Owner::CurrentUser),
            (false, (uid, _)) => Err(Error::config(format!(
                "{path} belongs to user {uid}: set database.directory to one of your own"
            ))),
        }
    }

    /// Makes a directory that is this owner's and that nobody else may enter.
    ///
    /// It is a process of the owner's that makes it, so that what the owner may have put
    /// in its place is touched with the owner's rights and not with root's.
    pub(super) async fn make_directory(self, directory: &Path) -> Result<()> {
        self.run_on_path("mkdir", &["-m", "700"], directory).await
    }

    /// Removes an empty directory with this owner's rights.
    pub(super) async fn remove_directory(self, directory: &Path) -> Result<()> {
        self.run_on_path("rmdir", &[], directory).await
    }

    /// Removes a directory and everything in it with this owner's rights.
    pub(super) async fn remove_tree(self, directory: &Path) -> Result<()> {
        self.run_on_path("rm", &["-rf"], directory).await
    }

    async fn run_on_path(self, program: &str, options: &[&str], path: &Path) -> Result<()> {
        let mut command = self.command(program);
        command.args(options).arg("--").arg(path);
        let output = run_command(&mut command).await?;
        if output.status.success() {
            return Ok(());
        }
        Err(Error::environment(find_last_line(&output)))
    }

    /// Makes sure that the owner can reach a directory.
    ///
    /// # Errors
    /// [`Config`](crate::error::Kind::Config), naming the first parent that is
    /// closed to the owner.
    pub(super) async fn check_can_enter(self, directory: &Path) -> Result<()> {
        let Owner::OtherUser { uid, gid } = self else {
            return Ok(());
        };
        // A real attempt knows of access lists, which modes do not show.
        let mut command = self.command("sh");
        command.args(["-c", "cd -- \"$1\"", "sh"]).arg(directory);
        if run_command(&mut command).await?.status.success() {
            return Ok(());
        }
        let parents: Vec<&Path> = directory.ancestors().collect();
        let closed = parents.iter().rev().find(|parent| {
            std::fs::metadata(parent).is_ok_and(|it| {
                let bit = match () {
                    () if it.uid() == uid => 0o100,
                    () if it.gid() == gid => 0o010,
                    () => 0o001,
                };
                it.mode() & bit == 0
            })
        });
        let closed = closed.unwrap_or(&directory).display();
        Err(Error::config(format!(
            "the database server runs as user {uid}, who may not enter {closed}: set \
             database.directory to a place that it may, or `chmod o+x {closed}`"
        )))
    }

    /// A command that runs as this owner, its output kept for us.
    ///
    /// Another user gets a session of their own, and so cannot open our terminal: whoever
    /// can, can type into it, and root's shell would read that once we have ended.
    pub(super) fn command(self, program: impl AsRef<OsStr>) -> Command {
        let mut command = match self {
            // It becomes the program, for it would fork only if it led a process group.
            Owner::OtherUser { .. } if cfg!(target_os = "linux") => {
                let mut command = Command::new(SETSID);
                command.arg(program);
                command
            }
            _ => {
                let mut command = Command::new(program);
                command.process_group(0);
                command
            }
        };
        limit_environment(command.as_std_mut());
        command.current_dir("/").stdin(Stdio::null());
        if let Owner::OtherUser { uid, gid } = self {
            // The standard library drops root's supplementary groups with it.
            command.uid(uid).gid(gid).env("HOME", "/");
        }
        command
    }
}

/// What a child process gets of our environment. `TZ` is where `initdb` finds the time
/// zone that it writes into the server's configuration.
const ENVIRONMENT: [&str; 3] = ["PATH", "HOME", "TZ"];

/// Keeps the rest of our environment from a child process. The server runs as another
/// user, who can read its environment, and a publisher's key or the database's password
/// may be in ours. `PG…` variables would lead the server elsewhere.
pub(super) fn limit_environment(command: &mut std::process::Command) {
    let passed = ENVIRONMENT
        .iter()
        .filter_map(|name| Some((name, std::env::var_os(name)?)));
    command.env_clear().envs(passed).env("LC_ALL", "C");
}

/// Runs a command to its end.
///
/// # Errors
/// It does not start, or takes longer than any command does: the server's user can make it
/// read from a named pipe, which would take for ever.
pub(super) async fn run_command(command: &mut Command) -> Result<Output> {
    run_command_within(COMMAND_LIMIT, command).await
}

/// Runs a command to its end, which must come within so long.
///
/// # Errors
/// As [`run`].
pub(super) async fn run_command_within(limit: Duration, command: &mut Command) -> Result<Output> {
    let words = command.as_std();
    let words: Vec<_> = std::iter::once(words.get_program())
        .chain(words.get_args())
        .filter(|word| *word != SETSID)
        .collect();
    let program = PathBuf::from(words[0]);
    let ended = tokio::time::timeout(limit, command.output()).await;
    let output = ended.map_err(|_| {
        let program = program.display();
        Error::environment(format!("{program} has not ended after {limit:?}"))
    })?;
    output.map_err(|e| Error::environment(format!("start {}", program.display())).with_source(e))
}

/// The last line that a command printed: where programs say what went wrong.
pub(super) fn find_last_line(output: &Output) -> String {
    let text = [&output.stdout[..], &output.stderr[..]].concat();
    let text = String::from_utf8_lossy(&text);
    let mut lines = text.lines().rev().map(str::trim);
    lines
        .find(|line| !line.is_empty() && !line.starts_with("HINT"))
        .unwrap_or("it said nothing")
        .to_owned()
}

/// An I/O error about a path, as a clause.
pub(super) fn path_error(verb: &str, path: &Path, error: std::io::Error) -> Error {
    Error::environment(format!("{verb} {}", path.display())).with_source(error)
}

async fn find_or_make_service_user() -> Result<Owner> {
    for name in SERVICE_USERS {
        if let Some(owner) = look_up_user(name).await? {
            return Ok(owner);
        }
    }
    // shadow-utils first, then BusyBox.
    let ways: [(&str, &[&str]); 2] = [
        (
            "useradd",
            &[
                "--system",
                "--user-group",
                "--home-dir",
                "/",
                "--no-create-home",
                "--shell",
                "/bin/false",
            ],
        ),
        (
            "adduser",
            &["-S", "-D", "-H", "-h", "/", "-s", "/bin/false"],
        ),
    ];
    for (program, arguments) in ways {
        let mut command = Owner::CurrentUser.command(program);
        command.args(arguments).arg(OWN_USER);
        if run_command(&mut command)
            .await
            .is_ok_and(|it| it.status.success())
            && let Some(owner) = look_up_user(OWN_USER).await?
        {
            tracing::info!("made the system user {OWN_USER} for the database server");
            return Ok(owner);
        }
    }
    Err(Error::environment(format!(
        "PostgreSQL does not run as root, and making the system user {OWN_USER} failed: make it, \
         or run this as an ordinary user"
    )))
}

/// Asks `id` for a user by name or number; `id` knows every place where users may be
/// kept.
async fn look_up_user(name: &str) -> Result<Option<Owner>> {
    let mut numbers = [0; 2];
    for (number, option) in numbers.iter_mut().zip(["-u", "-g"]) {
        let output = run_command(Owner::CurrentUser.command("id").args([option, name])).await?;
        match String::from_utf8_lossy(&output.stdout).trim().parse() {
            Ok(id) if output.status.success() => *number = id,
            _ => return Ok(None),
        }
    }
    let [uid, gid] = numbers;
    Ok(Some(Owner::OtherUser { uid, gid }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_command_that_does_not_end_is_given_up_by_its_name() {
        let mut command = Owner::CurrentUser.command("sleep");
        let command = command.arg("600").kill_on_drop(true);
        let error = run_command_within(Duration::from_millis(10), command).await;
        assert_eq!(
            error.unwrap_err().to_string(),
            "sleep has not ended after 10ms"
        );
    }

    #[cfg(target_os = "linux")]
    #[tokio::test]
    async fn another_user_s_process_is_not_in_our_session() {
        if !rustix::process::geteuid().is_root() {
            eprintln!("skipped: only root can start a process as another user");
            return;
        }
        let nobody = Owner::OtherUser {
            uid: 65534,
            gid: 65534,
        };
        let output = run_command(nobody.command("cat").arg("/proc/self/stat")).await;
        let stat = String::from_utf8(output.unwrap().stdout).unwrap();
        let mut fields = stat.split(' ');
        let process = fields.next().unwrap();
        // behind the name, the state, the parent and the process group
        let [session, terminal] = [fields.nth(4), fields.next()].map(Option::unwrap);
        assert_eq!((session, terminal), (process, "0"), "{stat}");
    }
}
