//! The scripts that build a release, with stand-ins for compiler, linker and valgrind.

use std::{fs, process::Output};

use super::{Machine, PROGRAM, read, text};

/// Stands in for the compiler's driver: keeps its command line and the order of the functions.
const CC: &str = r#"#!/bin/sh
echo "$*" >> linked
for argument in "$@"; do
  case $argument in -Wl,--symbol-ordering-file=*) cp "${argument#*=}" order ;; esac
done
"#;

/// Stands in for nm: functions of listed names, which differ in hash or version, one of another
/// size, and what must not be in the order.
const NM: &str = r#"#!/bin/sh
case "$*" in
  *.rlib*) echo 'libaws_lc_sys-1.rlib[a.o]:'; echo 'aws_lc_0_48_1_SHA384_Init T 0 0010' ;;
  *) cat << 'END'
_ZN4core3fmt5write17h1111111111111111E T 0 0010
_ZN4logs4open17h4444444444444444E t 0 0020
_RNvCs1111_3std4exit t 0 10
_ZN4logs4open17h2222222222222222E t 0 10
_ZN4logs5close17h2222222222222222E.llvm.77 t 0 10
_RNvNtCs2222_3std2io4read t 0 10
_ZN4logs7nothing17h2222222222222222E t 0 10
_ZN4logs4open17h3333333333333333E d 0 10
END
    ;;
esac
"#;

const LISTED: &str = "\
_RNvCs_3std4exit 10
_RNvNtCs_3std2io4read 10
_ZN4core3fmt5write 10
_ZN4logs4open 10
_ZN4logs5close 10
aws_lc_SHA384_Init 10
memcpy 30
";

/// Links with `packaging/link-in-order` and its stand-ins; what it said.
fn link(machine: &Machine, objects: &[&str], variables: &[(&str, &str)]) -> String {
    fs::create_dir_all(machine.path("packaging")).unwrap();
    let linker = "packaging/link-in-order";
    machine.program(linker, &read(linker));
    machine.folder.write("packaging/functions-in-use", LISTED);
    let names = "packaging/plain-name.awk";
    machine.folder.write(names, &read(names));
    machine.program("bin/cc", CC);
    machine.program("bin/nm", NM);
    let done = machine
        .command(machine.path(linker))
        .args(objects)
        .args(["-Wl,--strip-all", "-o", "program"])
        .envs(variables.iter().copied())
        .output()
        .unwrap();
    assert!(done.status.success(), "{}", text(&done.stderr));
    text(&done.stderr)
}

#[test]
fn the_linker_puts_listed_functions_first_and_takes_the_nearest_size() {
    let machine = Machine::new();
    let report = machine.path("report").display().to_string();
    let objects = ["argo_assistant-1.rcgu.o", "libaws_lc_sys-1.rlib"];
    let variables = [("ORDER_REPORT", &*report), ("WITH_SYMBOLS", "symbols")];
    let said = link(&machine, &objects, &variables);
    let order = fs::read_to_string(machine.path("order")).unwrap();
    assert_eq!(
        order.lines().collect::<Vec<_>>(),
        [
            "aws_lc_SHA384_Init",
            "memcpy",
            "_ZN4core3fmt5write17h1111111111111111E",
            "_RNvCs1111_3std4exit",
            "_ZN4logs4open17h2222222222222222E",
            "_ZN4logs5close17h2222222222222222E.llvm.77",
            "_RNvNtCs2222_3std2io4read",
            "aws_lc_0_48_1_SHA384_Init",
        ]
    );
    let count = "functions in order: 6 of the 7 listed, and 0 of another size";
    assert_eq!(said.trim_end(), count);
    assert_eq!(fs::read_to_string(&report).unwrap(), said);

    let linked = fs::read_to_string(machine.path("linked")).unwrap();
    let (program, symbols) = linked.trim_end().split_once('\n').unwrap();
    assert!(program.contains("-Wl,--strip-all -o program "), "{linked}");
    assert!(symbols.contains("-o symbols "), "{linked}");
    assert!(!symbols.contains("--strip-all"), "{linked}");
    assert!(symbols.contains("--symbol-ordering-file="), "{linked}");
}

#[test]
fn the_linker_orders_nothing_but_the_program_and_takes_the_named_tools() {
    let machine = Machine::new();
    assert_eq!(link(&machine, &["build_script-1.rcgu.o"], &[]), "");
    assert!(!machine.path("order").exists());
    let linked = fs::read_to_string(machine.path("linked")).unwrap();
    assert_eq!(linked, "build_script-1.rcgu.o -Wl,--strip-all -o program\n");

    machine.program("bin/other-cc", "#!/bin/sh\necho \"$1\" > other\n");
    machine.program(
        "bin/other-nm",
        "#!/bin/sh\nsed -E 's/ (.+)/ T 0 \\1'\"$DIGIT/\" packaging/functions-in-use\n",
    );
    let tools = [
        ("CC", "other-cc --first"),
        ("NM", "other-nm"),
        ("DIGIT", ""),
    ];
    let said = link(&machine, &["argo_assistant-1.rcgu.o"], &tools);
    let count = "functions in order: 7 of the 7 listed, and 0 of another size";
    assert_eq!(said.trim_end(), count);
    let other_sizes = [tools[0], tools[1], ("DIGIT", "5")];
    let said = link(&machine, &["argo_assistant-1.rcgu.o"], &other_sizes);
    assert!(said.contains("and 7 of another size"), "{said}");
    assert!(said.contains("functions-in-use is out of date"), "{said}");
    let other = fs::read_to_string(machine.path("other")).unwrap();
    assert_eq!(other, "--first\n");
}

/// Stands in for cargo: keeps its flags, and links only if there is no program.
const CARGO: &str = r#"#!/bin/sh
[ "$1" = build ] || exit 101
folder=target/x86_64-unknown-linux-gnu/release
printf '%s\njitter=%s\n' "$RUSTFLAGS" "$AWS_LC_SYS_NO_JITTER_ENTROPY" > flags
mkdir -p "$folder/deps"
[ ! -e "$folder/deps/argo_assistant-1" ] || exit 0
[ -z "$FAKE_ORDER" ] || echo 'functions in order: all' > "$ORDER_REPORT"
[ -z "$FAKE_SYMBOLS" ] || echo symbols > "$WITH_SYMBOLS"
printf '#!/bin/sh\n' > "$folder/argo-assistant"
chmod 755 "$folder/argo-assistant"
cp "$folder/argo-assistant" "$folder/deps/argo_assistant-1"
"#;

const RUSTC: &str = r#"#!/bin/sh
case $1 in
  -vV) echo "host: $FAKE_HOST" ;;
  *) echo "$FAKE_SYSROOT" ;;
esac
"#;

/// Runs `packaging/dist` with stand-ins for the tools; what it said, and the flags of rustc.
fn dist(machine: &Machine, variables: &[(&str, &str)]) -> (Output, String) {
    let lld = "sysroot/lib/rustlib/x86_64-unknown-linux-gnu/bin";
    for folder in ["packaging", lld] {
        fs::create_dir_all(machine.path(folder)).unwrap();
    }
    machine.program(&format!("{lld}/rust-lld"), "");
    machine.program("packaging/dist", &read("packaging/dist"));
    machine.program("bin/cargo", CARGO);
    machine.program("bin/rustc", RUSTC);
    machine.program("bin/getconf", "#!/bin/sh\necho \"glibc $FAKE_GLIBC\"\n");
    machine.folder.write("Cargo.toml", "version = \"9.9.9\"\n");
    for name in ["LICENSE-MIT", "LICENSE-APACHE", "README.md", "CHANGELOG.md"] {
        machine.folder.write(name, "");
    }
    let done = machine
        .command(machine.path("packaging/dist"))
        .env("FAKE_HOST", "x86_64-unknown-linux-gnu")
        .env("FAKE_SYSROOT", machine.path("sysroot"))
        .env("FAKE_GLIBC", "2.36")
        .envs(variables.iter().copied())
        .output()
        .unwrap();
    let flags = fs::read_to_string(machine.path("flags")).unwrap_or_default();
    (done, flags)
}

#[test]
fn an_archive_is_linked_again_each_time_and_tells_its_order() {
    let machine = Machine::new();
    let nothing: &[(&str, &str)] = &[];
    // The second build is in the folder of the first, and is the one with symbols.
    for (variables, said) in [
        (nothing, "warning: the program was linked without an order"),
        (
            &[
                ("FAKE_ORDER", "yes"),
                ("FAKE_SYMBOLS", "yes"),
                ("WITH_SYMBOLS", "symbols"),
            ],
            "functions in order: all",
        ),
    ] {
        let (done, flags) = dist(&machine, variables);
        let stderr = text(&done.stderr);
        assert!(done.status.success(), "{stderr}");
        assert!(stderr.contains(said), "no {said:?} in {stderr}");
        let small = "-Wl,--icf=all,-z,pack-relative-relocs,--no-eh-frame-hdr,-T,";
        assert!(flags.contains(small), "{flags}");
        assert!(flags.contains("/packaging/link-in-order\n"), "{flags}");
        assert!(flags.ends_with("jitter=1\n"), "{flags}");
    }
    assert!(machine.path("symbols").exists());

    let (done, _) = dist(&machine, &[("WITH_SYMBOLS", "symbols")]);
    assert_eq!(done.status.code(), Some(1));
    let stderr = text(&done.stderr);
    assert!(stderr.contains("was not written to"), "{stderr}");
}

#[test]
fn an_archive_is_built_without_what_the_machine_lacks() {
    let nowhere = ("FAKE_SYSROOT", "/nowhere");
    for (variable, said, has, lacks) in [
        (
            ("FAKE_GLIBC", "2.35"),
            "need glibc 2.36, and here is glibc 2.35",
            "-Wl,--icf=all,--no-eh-frame-hdr",
            "pack-relative-relocs",
        ),
        (nowhere, "rustc has no lld", "+crt-static", "-Wl,"),
        (
            ("FAKE_HOST", "aarch64-apple-darwin"),
            "this machine is not x86_64-unknown-linux-gnu",
            "+crt-static",
            "link-in-order",
        ),
    ] {
        let (done, flags) = dist(&Machine::new(), &[variable]);
        let stderr = text(&done.stderr);
        assert!(done.status.success(), "{stderr}");
        assert!(stderr.contains(said), "no {said:?} in {stderr}");
        assert!(flags.contains(has), "{flags}");
        assert!(!flags.contains(lacks), "{flags}");
    }
    let symbols = ("WITH_SYMBOLS", "symbols");
    let (done, flags) = dist(&Machine::new(), &[nowhere, symbols]);
    assert_eq!(done.status.code(), Some(1));
    assert!(text(&done.stderr).contains("WITH_SYMBOLS needs"));
    assert_eq!(flags, "");
}

#[test]
fn libraries_are_compared_with_the_newest_full_release() {
    let machine = Machine::new();
    for folder in ["packaging", "argo-cli"] {
        fs::create_dir_all(machine.path(folder)).unwrap();
    }
    machine.program("packaging/semver", &read("packaging/semver"));
    let manifest = read("argo-cli/Cargo.toml");
    machine.folder.write("argo-cli/Cargo.toml", &manifest);
    machine.program("bin/cargo", "#!/bin/sh\necho \"$*\" >> asked\n");
    let history = r#"
git init -q .
commit() { git -c user.name=a -c user.email=a@b commit -q --allow-empty -m "$1"; }
commit one && git tag v0.1.0
commit two && git tag v0 && git tag v0.2.0-rc.1
packaging/semver"#;
    let done = machine.script(&["bash", "-ec"], history, &[]);
    assert!(done.status.success(), "{}", text(&done.stderr));
    let asked = fs::read_to_string(machine.path("asked")).unwrap();
    assert_eq!(asked.lines().count(), 5, "{asked}");
    for line in asked.lines() {
        assert!(line.ends_with("--baseline-rev v0.1.0"), "{line}");
    }
}

/// Stands in for valgrind: finds functions, unless the test breaks this run.
const VALGRIND: &str = r#"#!/bin/sh
printf '%s' "$ARGOCD_OPTS" "$ARGO_ASSISTANT_FAIL_FAST" >> settings
for argument in "$@"; do
  case $argument in --callgrind-out-file=*) file=${argument#*=} ;; esac
done
case $file in */calls."$FAKE_BROKEN".*) echo 'valgrind: the moon is full' >&2; exit 1 ;; esac
file=${file%\%p}$$
awk -v count="${FAKE_COUNT:-2500}" 'BEGIN { for (at = 1; at <= count; at++) print "fn=(" at ") name" at }' > "$file"
"#;

/// Stands in for nm.
const DEFINED: &str = r#"#!/bin/sh
awk 'BEGIN { for (at = 1; at <= 3000; at++) print "name" at " T 0 0010" }'
"#;

const DEMO: &str = r#"#!/bin/sh
while [ "$1" != -- ]; do
  if [ "$1" = --program ]; then program=$2; fi
  shift
done
shift
exec "$program" shop argocd "$@"
"#;

const SIMCLUSTER: &str = r#"#!/bin/sh
[ "$FAKE_BROKEN" != cluster ] || exit 1
for argument in "$@"; do last=$argument; done
echo config > "$last"
exec tail -f /dev/null
"#;

/// Stands in for cargo: everything is built already.
const BUILT: &str = r#"#!/bin/sh
[ "$1" != metadata ] || printf '{"target_directory":"%s/target"}\n' "$PWD"
"#;

/// Runs `packaging/record-functions` with stand-ins; what it said, and the list afterwards.
fn record(program: &str, variables: &[(&str, &str)]) -> (Machine, Output, String) {
    let machine = Machine::new();
    for folder in ["packaging", "target/debug", "with symbols"] {
        fs::create_dir_all(machine.path(folder)).unwrap();
    }
    let script = "packaging/record-functions";
    machine.program(script, &read(script));
    let list = machine.folder.write("packaging/functions-in-use", "old\n");
    machine.program("bin/cargo", BUILT);
    let names = "packaging/plain-name.awk";
    machine.folder.write(names, &read(names));
    machine.program("bin/nm", DEFINED);
    machine.program("bin/valgrind", VALGRIND);
    machine.program("target/debug/demo", DEMO);
    machine.program("target/debug/simcluster", SIMCLUSTER);
    machine.program("with symbols/argo's", PROGRAM);
    let done = machine
        .command(machine.path(script))
        .arg(program)
        .env("ARGOCD_OPTS", "--grpc-web")
        .env("ARGO_ASSISTANT_FAIL_FAST", "true")
        .envs(variables.iter().copied())
        .output()
        .unwrap();
    let list = fs::read_to_string(list).unwrap();
    (machine, done, list)
}

/// The list is recorded on Linux, with its `timeout` and a bash that macOS has not.
#[test]
fn a_list_of_functions_is_replaced_by_a_whole_one_only() {
    if !cfg!(target_os = "linux") {
        return;
    }
    let program = "with symbols/argo's";
    let (machine, done, list) = record(program, &[]);
    assert!(done.status.success(), "{}", text(&done.stderr));
    assert_eq!(list.lines().count(), 2500);
    assert!(list.lines().all(|line| line.ends_with(" 10")), "{list}");
    let settings = fs::read_to_string(machine.path("settings")).unwrap();
    assert_eq!(settings, "", "of the caller");

    for (program, variables, said) in [
        ("nowhere", ("FAKE_BROKEN", ""), "nowhere is no program"),
        (program, ("FAKE_BROKEN", "shop"), "the moon is full"),
        (program, ("FAKE_BROKEN", "follow"), "the run follow was not"),
        (program, ("FAKE_BROKEN", "cluster"), "cluster has ended"),
        (program, ("FAKE_COUNT", "12"), "only 12 functions"),
    ] {
        let (_machine, done, list) = record(program, &[variables]);
        let stderr = text(&done.stderr);
        assert_eq!(done.status.code(), Some(1), "{stderr}");
        assert!(stderr.contains(said), "no {said:?} in {stderr}");
        assert_eq!(list, "old\n");
    }
}
