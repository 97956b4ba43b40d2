//! The points in a commit at which a test can stop or delay the program.
//!
//! A point does nothing unless the variable `FAILPOINTS` names it, in the syntax of the `fail`
//! crate: `commit-sent=3*off->return(crash)` passes the point three times and ends the process
//! at the fourth. Only test builds read the variable; in all others the crate's macro is empty.

use std::time::Duration;

/// The time for which a process continues after `return(linger)`. Queued data has the time to be sent and
/// answered.
const LINGER: Duration = Duration::from_millis(200);

/// Reads `FAILPOINTS`. The points stay active until the returned value is dropped.
#[cfg(feature = "cli")]
pub(crate) fn set_up() -> Option<fail::FailScenario<'static>> {
    fail::has_failpoints().then(fail::FailScenario::setup)
}

/// Passes a point. `return(crash)` ends the process there at once, `return(linger)` a little
/// later.
pub(crate) fn reach(point: &'static str) {
    fail::fail_point!(point, |how: Option<String>| {
        if how.as_deref() == Some("linger") {
            // other tasks continue in the meantime
            tokio::task::block_in_place(|| std::thread::sleep(LINGER));
        }
        std::process::abort();
    });
    // only the macro of test builds uses them
    let _ = (point, LINGER);
}
