use super::*;

type Pairs<'a> = &'a [(&'a str, &'a str)];

fn inferred(env: Pairs<'_>, flags: Pairs<'_>) -> Options {
    let look_up = |name: &str| {
        let found = env.iter().find(|(known, _)| *known == name);
        found.map(|(_, value)| OsString::from(value))
    };
    Options::inferred(look_up, flags.iter().copied()).unwrap()
}

/// URL and token, as argocd would use them.
fn target(env: Pairs<'_>, flags: Pairs<'_>) -> (String, String) {
    let target = inferred(env, flags).target().unwrap();
    let token = target.headers.get(header::AUTHORIZATION);
    let token = token.map(|value| value.to_str().unwrap().to_owned());
    (target.address.to_string(), token.unwrap_or_default())
}

const FILE: &str = "
current-context: file:1
contexts: [{name: 'file:1', server: 'file:1', user: u}, {name: b, server: 'b:2', user: b}]
servers: [{server: 'file:1', plain-text: true, grpc-web-root-path: argo}, {server: 'b:2', grpc-web-root-path: ''}, {server: kubernetes, core: true}]
users: [{name: u, auth-token: filetoken}, {name: b, auth-token: btoken}]
";

#[test]
fn flags_come_before_opts_before_variables_before_the_file() {
    let home = tempfile::tempdir().unwrap();
    let folder = home.path().join(".config/argocd");
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("config"), FILE).unwrap();
    let home = ("HOME", home.path().to_str().unwrap());
    let server = ("ARGOCD_SERVER", "env:1");
    let token = ("ARGOCD_AUTH_TOKEN", "envtoken");
    let opts = (
        "ARGOCD_OPTS",
        "--server opts:1 --auth-token optstoken --grpc-web-root-path r",
    );
    let flags: Pairs<'_> = &[
        ("server", "flag:0"),
        ("server", "flag:1"),
        ("auth-token", " flagtoken\n"),
    ];
    for (env, flags, address, token) in [
        (
            &[home][..],
            &[][..],
            "http://file:1/argo",
            "Bearer filetoken",
        ),
        (
            &[home],
            &[("argocd-context", "b")],
            "https://b:2",
            "Bearer btoken",
        ),
        (
            &[home, server],
            &[],
            "http://env:1/argo",
            "Bearer filetoken",
        ),
        (
            &[home, server, token],
            &[],
            "http://env:1/argo",
            "Bearer envtoken",
        ),
        (
            &[home, server, token, opts],
            &[],
            "http://opts:1/r",
            "Bearer optstoken",
        ),
        (
            &[home, server, token, opts],
            flags,
            "http://flag:1/r",
            "Bearer flagtoken",
        ),
        (&[server], &[], "https://env:1", ""),
        (&[server], &[("plaintext", "")], "http://env:1", ""),
        (&[server], &[("plaintext", "false")], "https://env:1", ""),
    ] {
        assert_eq!(
            target(env, flags),
            (address.to_owned(), token.to_owned()),
            "{env:?} {flags:?}"
        );
    }
}

#[test]
fn the_file_lies_where_argocd_looks() {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().to_str().unwrap();
    let config = |env: Pairs<'_>, flags: Pairs<'_>| inferred(env, flags).config;
    let all = [
        ("HOME", path),
        ("XDG_CONFIG_HOME", "/x"),
        ("ARGOCD_CONFIG_DIR", "/d"),
    ];
    assert_eq!(config(&all, &[]), Some("/d/config".into()));
    assert_eq!(config(&all[..2], &[]), Some("/x/argocd/config".into()));
    assert_eq!(
        config(&all[..1], &[]),
        Some(home.path().join(".config/argocd/config"))
    );
    assert_eq!(config(&all, &[("config", "/c")]), Some("/c".into()));
    assert_eq!(config(&[], &[]), None);
    std::fs::create_dir(home.path().join(".argocd")).unwrap();
    assert_eq!(
        config(&all[..2], &[]),
        Some(home.path().join(".argocd/config"))
    );
}

#[test]
fn a_way_that_is_not_followed_is_named() {
    let error = |env: Pairs<'_>, flags: Pairs<'_>| inferred(env, flags).target().unwrap_err();
    let server = ("ARGOCD_SERVER", "a");
    assert!(matches!(
        error(&[server], &[("core", "")]),
        OptionsError::Core
    ));
    assert!(matches!(
        error(&[("ARGOCD_OPTS", "--core")], &[]),
        OptionsError::Core
    ));
    let forward = ("port-forward-namespace", "argocd");
    assert!(matches!(
        error(&[server], &[forward]),
        OptionsError::PortForward
    ));
    assert!(matches!(error(&[], &[]), OptionsError::NoServer(_)));
    assert!(matches!(
        error(&[server], &[("header", "nocolon")]),
        OptionsError::Header(1)
    ));
    let opts = Options::inferred(
        |name| (name == "ARGOCD_OPTS").then(|| "--auth-token s3cret s3cret".into()),
        [("", ""); 0],
    );
    let error = opts.unwrap_err();
    assert!(!format!("{error} {error:?}").contains("s3cret"));
}

#[test]
fn headers_are_separated_by_commas_and_never_shown() {
    let flags = [
        ("H", "X-A: a,X-B: b"),
        ("header", "\"X-C: c,d\""),
        ("server", "a"),
    ];
    let options = inferred(&[("ARGOCD_OPTS", "--header X-D:d")], &flags);
    let target = options.target().unwrap();
    let value = |name: &str| {
        target
            .headers
            .get(name)
            .map(|value| value.to_str().unwrap().to_owned())
    };
    assert_eq!(value("x-a").as_deref(), Some("a"));
    assert_eq!(value("x-b").as_deref(), Some("b"));
    assert_eq!(value("x-c").as_deref(), Some("c,d"));
    assert_eq!(
        value("x-d"),
        None,
        "those of the command line replace those of ARGOCD_OPTS"
    );
    let shown = format!("{options:?} {target:?}");
    assert!(!shown.contains("X-A") && !shown.contains("c,d"), "{shown}");
}

/// Each row was seen with argocd 3.2.11 (`argocd app get x --grpc-web`), which names the URL that
/// it cannot reach.
#[test]
fn the_address_is_the_one_of_the_real_argocd() {
    let home = tempfile::tempdir().unwrap();
    let folder = home.path().join(".config/argocd");
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("config"), FILE).unwrap();
    let home = ("HOME", home.path().to_str().unwrap());
    let b = ("argocd-context", "b");
    let server = ("ARGOCD_SERVER", "env:1");
    let opts = |text: &'static str| ("ARGOCD_OPTS", text);
    for (env, flags, wanted) in [
        (&[home][..], &[][..], "http://file:1/argo"),
        (&[home], &[b], "https://b:2"),
        (&[home, server], &[], "http://env:1/argo"),
        (&[home, ("ARGOCD_SERVER", "env")], &[], "http://env/argo"),
        (
            &[home, server, opts("--server opts:1 --grpc-web-root-path r")],
            &[],
            "http://opts:1/r",
        ),
        (
            &[
                home,
                server,
                opts("--server opts:1 --grpc-web-root-path /r/"),
            ],
            &[("server", "flag:1")],
            "http://flag:1/r",
        ),
        (&[home, opts("--server=opts:1")], &[], "http://opts:1/argo"),
        (
            &[home, opts("--plaintext --server opts:1")],
            &[b],
            "http://opts:1",
        ),
        (
            &[home, opts("--plaintext=false --server opts:1")],
            &[b],
            "https://opts:1",
        ),
        (
            &[home, opts("--argocd-context b")],
            &[],
            "http://file:1/argo",
        ),
        (
            &[home, ("ARGOCD_SERVER", "env/argo")],
            &[b],
            "https://env/argo",
        ),
        (
            &[home, ("ARGOCD_CONFIG_DIR", "/nonexistent"), server],
            &[],
            "https://env:1",
        ),
        (&[home], &[("plaintext", "false")], "http://file:1/argo"),
    ] {
        assert_eq!(target(env, flags).0, wanted, "{env:?} {flags:?}");
    }
    let error = |env: Pairs<'_>, flags: Pairs<'_>| inferred(env, flags).target().unwrap_err();
    assert!(matches!(
        error(&[home], &[("argocd-context", "nope")]),
        OptionsError::Config(_)
    ));
    let elsewhere = ("ARGOCD_CONFIG_DIR", "/nonexistent");
    assert!(matches!(
        error(&[home, elsewhere], &[]),
        OptionsError::NoServer(_)
    ));
}
