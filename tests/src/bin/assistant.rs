//! argo-assistant, built beside the tests so that they can run it as a process.

use std::process::ExitCode;

fn main() -> ExitCode {
    argo_assistant::command::main()
}
