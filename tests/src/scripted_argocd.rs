//! stub
use std::process::ExitCode;
/// stub
pub fn main() -> ExitCode { std::thread::sleep(std::time::Duration::from_secs(45)); ExitCode::from(20) }
