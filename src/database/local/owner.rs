//! Runs commands as the user that owns the local server. It is the user of this process, or a
//! system user if this process runs as root.
//!
//! PostgreSQL refuses to run as root. Each command gets a session or a process group of its own,
//! so that Ctrl-C for the program does not reach the server. The command gets only a few
//! variables of the environment.

use std::ffi::OsStr;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};
use std::time::Duration;

use tokio::process::Command;

use crate::error::{Error, Result};

/// The system users that can own a cluster if the program runs as root. The first is the user
/// that PostgreSQL's packages create, and the second is the program's own user.
const SERVICE_USERS: [&str; 2] = ["postgres", OWN_USER];
const OWN_USER: &str = "ocds-ingest";

/// The name of the program that starts another program in a new session.
const SETSID: &str = "setsid";

/// The time limit for any command. It is longer than the five minutes that `pg_ctl` may wait for
/// the server.
const COMMAND_LIMIT: Duration = Duration::from_secs(600);

/// The user that owns the cluster and runs its server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Owner {
    CurrentUser,
    OtherUser { uid: u32, gid: u32 },
}

impl Owner {
    /// Returns the owner of the cluster in a directory. `owner` is the user and the group of the
    /// directory. If the directory belongs to root, a system user becomes the owner.
    ///
    /// # Errors
    ///
    /// [`Config`](crate::error::Kind::Config) if the directory belongs to another user and this
    /// process is not root. [`Environment`](crate::error::Kind::Environment) if root cannot
    /// create a system user.
    pub(super) async fn for_directory(path: &Path, owner: (u32, u32)) -> Result<Self> {
        let current_user = rustix::process::geteuid();
        let path = path.display();
        match (current_user.is_root(), owner) {
            (true, (0, _)) => find_or_make_service_user().await,
            // `chown USER` leaves the directory in root's group, in which the server must not
            // run.
            (true, (uid, 0)) => look_up_user(&uid.to_string()).await?.ok_or_else(|| {
                Error::config(format!(
                    "{path} belongs to user {uid} and to root's group: `chgrp` it to a group of \
                     that user's"
                ))
            }),
            (true, (uid, gid)) => Ok(Owner::OtherUser { uid, gid }),
            (false, (uid, _)) if uid == current_user.as_raw() => Ok(Owner::CurrentUser),
            (false, (uid, _)) => Err(Error::config(format!(
                "{path} belongs to user {uid}: set database.directory to one of your own"
            ))),
        }
    }

    /// Creates a directory that only this owner may enter. A process that runs as the owner
    /// creates it, so that anything that is already at this path is touched only with the owner's
    /// rights.
    pub(super) async fn make_directory(self, directory: &Path) -> Result<()> {
        self.run_on_path("mkdir", &["-m", "700"], directory).await
    }

    pub(super) async fn remove_directory(self, directory: &Path) -> Result<()> {
        self.run_on_path("rmdir", &[], directory).await
    }

    pub(super) async fn remove_tree(self, directory: &Path) -> Result<()> {
        self.run_on_path("rm", &["-rf"], directory).await
    }

    async fn run_on_path(self, program: &str, options: &[&str], path: &Path) -> Result<()> {
        let mut command = self.new_command(program);
        command.args(options).arg("--").arg(path);
        let output = run_command(&mut command).await?;
        if output.status.success() {
            return Ok(());
        }
        Err(Error::environment(find_last_line(&output)))
    }

    /// Checks that the owner can enter a directory. The error names the outermost directory that
    /// the owner may not enter.
    pub(super) async fn check_can_enter(self, directory: &Path) -> Result<()> {
        let Owner::OtherUser { uid, gid } = self else {
            return Ok(());
        };
        // Only an attempt shows whether the owner can enter, because access lists do not show in
        // a mode.
        let mut command = self.new_command("sh");
        command.args(["-c", "cd -- \"$1\"", "sh"]).arg(directory);
        if run_command(&mut command).await?.status.success() {
            return Ok(());
        }
        let parents: Vec<&Path> = directory.ancestors().collect();
        let closed = parents.iter().rev().find(|parent| {
            std::fs::metadata(parent).is_ok_and(|metadata| {
                let bit = match () {
                    () if metadata.uid() == uid => 0o100,
                    () if metadata.gid() == gid => 0o010,
                    () => 0o001,
                };
                metadata.mode() & bit == 0
            })
        });
        let closed = closed.unwrap_or(&directory).display();
        Err(Error::config(format!(
            "the database server runs as user {uid}, and this user may not enter {closed}: set \
             database.directory to a place that it may enter, or `chmod o+x {closed}`"
        )))
    }

    /// Creates a command that runs as this owner.
    ///
    /// The command of another user gets a session of its own, so that it cannot open this
    /// terminal. Otherwise it could type into the terminal, and root's shell would read that
    /// input after the program has ended.
    pub(super) fn new_command(self, program: impl AsRef<OsStr>) -> Command {
        let mut command = match self {
            // `setsid` starts the program without a fork, because this process leads no process
            // group.
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
            // The standard library also drops root's supplementary groups.
            command.uid(uid).gid(gid).env("HOME", "/");
        }
        command
    }
}

/// The variables of the environment that a child process inherits. `TZ` is among them because
/// `initdb` writes the time zone into the server's configuration.
const ENVIRONMENT: [&str; 3] = ["PATH", "HOME", "TZ"];

/// Removes all variables except those in [`ENVIRONMENT`] from a child process's environment.
/// Other variables may contain a publisher's key or the database's password, and the server's
/// user can read the server's environment. `PG…` variables would change what the server's
/// programs do.
pub(super) fn limit_environment(command: &mut std::process::Command) {
    let passed = ENVIRONMENT
        .iter()
        .filter_map(|name| Some((name, std::env::var_os(name)?)));
    command.env_clear().envs(passed).env("LC_ALL", "C");
}

/// Runs a command to its end. The time is limited, because the server's user can make a command
/// read from a named pipe that never ends.
pub(super) async fn run_command(command: &mut Command) -> Result<Output> {
    run_command_within(COMMAND_LIMIT, command).await
}

pub(super) async fn run_command_within(limit: Duration, command: &mut Command) -> Result<Output> {
    let words = command.as_std();
    let program = match words.get_program() {
        program if program == SETSID => words.get_args().next().unwrap_or(program),
        program => program,
    };
    let program = PathBuf::from(program);
    let result = tokio::time::timeout(limit, command.output()).await;
    let output = result.map_err(|_| {
        let program = program.display();
        Error::environment(format!("{program} has not ended after {limit:?}"))
    })?;
    output.map_err(|e| Error::environment(format!("start {}", program.display())).with_source(e))
}

/// Returns the last line that a command printed, because programs report their errors there.
pub(super) fn find_last_line(output: &Output) -> String {
    let text = [&output.stdout[..], &output.stderr[..]].concat();
    let text = String::from_utf8_lossy(&text);
    let mut lines = text.lines().rev().map(str::trim);
    lines
        .find(|line| !line.is_empty() && !line.starts_with("HINT"))
        .unwrap_or("it printed nothing")
        .to_owned()
}

pub(super) fn path_error(verb: &str, path: &Path, error: std::io::Error) -> Error {
    Error::environment(format!("{verb} {}", path.display())).with_source(error)
}

async fn find_or_make_service_user() -> Result<Owner> {
    for name in SERVICE_USERS {
        if let Some(owner) = look_up_user(name).await? {
            return Ok(owner);
        }
    }
    // the commands of shadow-utils and of BusyBox
    for (program, arguments) in [
        (
            "useradd",
            "--system --user-group --home-dir / --no-create-home --shell /bin/false",
        ),
        ("adduser", "-S -D -H -h / -s /bin/false"),
    ] {
        let mut command = Owner::CurrentUser.new_command(program);
        command.args(arguments.split(' ')).arg(OWN_USER);
        if run_command(&mut command)
            .await
            .is_ok_and(|output| output.status.success())
            && let Some(owner) = look_up_user(OWN_USER).await?
        {
            tracing::info!("made the system user {OWN_USER} for the database server");
            return Ok(owner);
        }
    }
    Err(Error::environment(format!(
        "PostgreSQL does not run as root, and the system user {OWN_USER} could not be made: \
         make it, or run this as an ordinary user"
    )))
}

/// Runs `id` to learn the ids of a user and the user's group. `id` knows all databases of users.
async fn look_up_user(name: &str) -> Result<Option<Owner>> {
    let mut numbers = [0; 2];
    for (number, option) in numbers.iter_mut().zip(["-u", "-g"]) {
        let output = run_command(Owner::CurrentUser.new_command("id").args([option, name])).await?;
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
    async fn a_command_that_does_not_end_is_an_error_with_its_name() {
        let mut command = Owner::CurrentUser.new_command("sleep");
        let command = command.arg("600").kill_on_drop(true);
        let error = run_command_within(Duration::from_millis(10), command).await;
        assert_eq!(
            error.unwrap_err().to_string(),
            "sleep has not ended after 10ms"
        );
    }

    #[cfg(target_os = "linux")]
    #[tokio::test]
    async fn another_user_s_process_has_its_own_session() {
        if !rustix::process::geteuid().is_root() {
            eprintln!("skipped: only root can start a process as another user");
            return;
        }
        let nobody = Owner::OtherUser {
            uid: 65534,
            gid: 65534,
        };
        let output = run_command(nobody.new_command("cat").arg("/proc/self/stat")).await;
        let stat = String::from_utf8(output.unwrap().stdout).unwrap();
        let mut fields = stat.split(' ');
        let process = fields.next().unwrap();
        // The session and the terminal follow the name, the state, the parent and the process
        // group.
        let [session, terminal] = [fields.nth(4), fields.next()].map(Option::unwrap);
        assert_eq!((session, terminal), (process, "0"), "{stat}");
    }
}
