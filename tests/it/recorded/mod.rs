//! What earlier versions of the program wrote, kept as files. Today's program must know it.
//!
//! Databases hold such texts. If a test fails here, the databases of users would begin
//! anew, ask publishers for everything again, or lose rows.

mod database;
mod definitions;
mod feeds;

use std::path::PathBuf;

/// Returns where the recorded files are.
fn directory() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/it/recorded")
}
