//! The moments of a commit at which a test can end the program or hold it up.
//!
//! Each is named in the code and does nothing unless the variable `FAILPOINTS` says so,
//! in the words of the `fail` crate: `commit-sent=3*off->return(crash)` passes the
//! moment three times and ends the process at the fourth. Only builds for tests look at
//! the variable; for all others the crate's macro is empty.

use std::time::Duration;

/// How long a process that is to linger goes on before it ends: long enough for what
/// it has queued to be sent, to arrive and to be answered.
const LINGER: Duration = Duration::from_millis(200);

/// Reads what the environment asks of the moments. It holds until the value is dropped.
pub(crate) fn armed() -> Option<fail::FailScenario<'static>> {
    fail::has_failpoints().then(fail::FailScenario::setup)
}

/// Passes a moment, unless that is asked to be the last: by `return(crash)` the process
/// is gone at once, by `return(linger)` a little later.
pub(crate) fn reach(moment: &'static str) {
    fail::fail_point!(moment, |how: Option<String>| {
        if how.as_deref() == Some("linger") {
            // others go on meanwhile
            tokio::task::block_in_place(|| std::thread::sleep(LINGER));
        }
        std::process::abort();
    });
    // read by the macro where it is not empty
    let _ = (moment, LINGER);
}
