//! The `ocds-ingest` program: parses its command line, does what it says, and
//! exits with a code that tells a scheduler what to do next.

use std::process::ExitCode;

use ocds_ingest::cli::Cli;
use ocds_ingest::command;

fn main() -> ExitCode {
    command::main(Cli::read(std::env::args_os()))
}
