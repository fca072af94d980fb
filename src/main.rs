//! The `tt` command.

use std::process::ExitCode;

fn main() -> ExitCode {
    tt::cli::main()
}
