//! Tests that today's program reads what earlier versions wrote, which is kept in files.
//!
//! Databases hold such texts. If a test fails here, the databases of users would start
//! again, fetch everything again, or lose rows.

mod database;
mod definitions;
mod feeds;

use std::path::PathBuf;

/// Returns where the recorded files are.
fn directory() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/it/recorded")
}
