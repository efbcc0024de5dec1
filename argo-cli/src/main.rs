//! The argo-assistant command.

use std::process::ExitCode;

fn main() -> ExitCode {
    argo_assistant::command::main()
}
