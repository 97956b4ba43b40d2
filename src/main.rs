//! The `ocds-ingest` program. It parses its command line, runs the command, and exits with a
//! code that tells a scheduler what to do next.

use std::process::ExitCode;

use ocds_ingest::cli::Cli;
use ocds_ingest::command;

fn main() -> ExitCode {
    command::main(Cli::read(std::env::args_os()))
}
