//! The README says what is true: every flag stands in it.

use argo_assistant::args::Cli;
use clap::CommandFactory;

const README: &str = include_str!("../../../README.md");

#[test]
fn every_flag_and_command_stands_in_the_readme() {
    let cli = Cli::command();
    for command in cli.get_subcommands() {
        assert!(
            README.contains(&format!("`{}", command.get_name())),
            "{}",
            command.get_name()
        );
        for flag in command.get_arguments().filter_map(|flag| flag.get_long()) {
            let flag = format!("--{flag}");
            assert!(
                matches!(flag.as_str(), "--help" | "--version") || README.contains(&flag),
                "{flag}"
            );
        }
    }
}

#[test]
fn every_default_in_the_readme_is_the_real_one() {
    let cli = Cli::command();
    let sync = cli.find_subcommand("sync").unwrap();
    for (flag, default) in [
        ("grace", "60s"),
        ("settle", "10s"),
        ("spool-limit", "1GiB"),
        ("allow-restarts", "2"),
        ("tail", "10"),
    ] {
        let argument = sync
            .get_arguments()
            .find(|argument| argument.get_long() == Some(flag))
            .unwrap();
        assert_eq!(argument.get_default_values(), [default], "{flag}");
        let row = README
            .lines()
            .find(|line| line.starts_with('|') && line.contains(&format!("--{flag}")))
            .unwrap();
        assert!(row.contains(default), "{row}");
    }
}
