#!/usr/bin/env bash
# clap_complete 4.6.11: in bash, no flag of a subcommand is completed if the program has a hyphen in its name.
#
# Seen: the script looks commands up as `my__app__subcmd__run` and lists them as `my__subcmd__app__subcmd__run`
# (clap-rs/clap#6421), so `my-app ru<Tab>` works and `my-app run --<Tab>` answers nothing. zsh and fish are fine.
# Consequence: replace the second spelling by the first in the script that is handed out, and ask the real shells in a test:
# the script loads without an error.
#
# Exits 0 while this is so. Needs cargo and a registry; works in a temporary folder (a minute).
set -euo pipefail
dir=$(mktemp -d); trap 'rm -rf "$dir"' EXIT; cd "$dir"
cat > Cargo.toml <<'T'
[package]
name = "my-app"
edition = "2024"
[dependencies]
clap = { version = "4", default-features = false, features = ["std"] }
clap_complete = "=4.6.11"
T
mkdir src; cat > src/main.rs <<'R'
use clap::{Arg, ArgAction, Command};
fn main() {
    let run = Command::new("run").arg(Arg::new("fast").long("fast").action(ArgAction::SetTrue));
    let mut app = Command::new("my-app").subcommand(run);
    clap_complete::generate(clap_complete::Shell::Bash, &mut app, "my-app", &mut std::io::stdout());
}
R
cargo run --quiet > script
ask() {
  bash --noprofile --norc -c 'source "$1"; shift
    COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1))
    "$(complete -p my-app | sed "s/.*-F \([^ ]*\).*/\1/")" my-app "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD - 1]}"
    echo "${COMPREPLY[*]}"' bash "$@"
}
command=$(ask ./script my-app ru); flag=$(ask ./script my-app run --fa)
sed 's/my__subcmd__app__/my__app__/g' script > mended; mended=$(ask ./mended my-app run --fa)
printf 'command: %s\nflag: %s\nflag, mended: %s\n' "$command" "$flag" "$mended"
[ "$command" = run ]
[ -z "$flag" ]
[ "$mended" = --fast ]
echo "as described"
