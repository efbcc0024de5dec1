use super::*;

fn parsed(text: &str) -> Kubeconfig {
    Kubeconfig::parse(text.as_bytes(), Path::new("/folder")).unwrap()
}

fn chosen(text: &str) -> Result<Choice, KubeconfigError> {
    parsed(text).choose(None, &Overrides::default(), &ProxyVariables::default())
}

/// A file with one of each; the entries are given without their braces.
fn file(cluster: &str, user: &str) -> String {
    format!(
        "{{current-context: c, clusters: [{{name: a, cluster: {{{cluster}}}}}], users: [{{name: b, user: {{{user}}}}}], \
         contexts: [{{name: c, context: {{cluster: a, user: b}}}}]}}"
    )
}

#[test]
fn empty_strings_and_nulls_count_as_absent() {
    let text = file(
        r#"server: "https://k8s:6443", certificate-authority: "", certificate-authority-data: "", proxy-url: "", tls-server-name: "", insecure-skip-tls-verify: null"#,
        r#"token: t, tokenFile: "", username: "", password: "", client-certificate: "", client-key: "", client-certificate-data: "", as: "", as-groups: [], as-user-extra: {}, auth-provider: null, exec: null"#,
    );
    let target = chosen(&text).unwrap().target;
    assert_eq!(target.user.token.as_deref(), Some("t"));
    assert!(target.user.token_file.is_none() && target.user.username.is_none());
    assert!(target.user.certificate().unwrap().is_none());
    assert!(target.user.impersonation.user.is_none() && target.user.exec.is_none());
    assert!(target.proxy.is_none() && target.server_name.is_none());
    assert!(target.trust.authorities.is_none() && !target.trust.anyone);
    assert_eq!(target.namespace, "default");
    let exec = file(
        "server: http://k",
        r#"exec: {command: "", interactiveMode: "", env: null, args: [""]}"#,
    );
    let exec = chosen(&exec).unwrap().target.user.exec.unwrap();
    assert!(exec.command.is_none() && exec.interactive_mode.is_none());
    assert_eq!(exec.args.unwrap(), [""], "an empty argument is an argument");
}

#[test]
fn paths_begin_at_the_folder_of_the_file() {
    let user = "tokenFile: t, client-certificate: ../c, client-key: /k, exec: {command: ./bin/p}";
    let text = file("server: http://k", user);
    let user = chosen(&text).unwrap().target.user;
    assert_eq!(user.token_file.unwrap(), "/folder/t");
    assert_eq!(user.client_certificate.unwrap(), "/folder/../c");
    assert_eq!(user.client_key.unwrap(), "/k");
    assert_eq!(user.exec.unwrap().command.unwrap(), "/folder/./bin/p");
    let text = file("server: http://k", "exec: {command: aws}");
    assert_eq!(
        chosen(&text)
            .unwrap()
            .target
            .user
            .exec
            .unwrap()
            .command
            .unwrap(),
        "aws"
    );
}

#[test]
fn the_first_file_with_a_name_wins() {
    let mut first = parsed(
        r#"{current-context: "", clusters: [{name: a, cluster: {server: http://one}}], contexts: null, users: []}"#,
    );
    first.merge(parsed(&file(
        "server: http://two, tls-server-name: x",
        "token: t",
    )));
    let choice = first
        .choose(None, &Overrides::default(), &ProxyVariables::default())
        .unwrap();
    assert_eq!(choice.target.server, "http://one/");
    assert!(
        choice.target.server_name.is_none(),
        "nothing is taken of the second entry"
    );
    assert_eq!((choice.context.as_str(), choice.user.as_str()), ("c", "b"));
}

#[test]
fn an_entry_that_nobody_uses_may_be_broken() {
    let text = format!(
        "{}\n",
        file("server: http://k", "token: t")
            .replace(
                "users: [",
                "users: [{name: x, user: {token: [1]}}, {user: null}, "
            )
            .replace("contexts: [", "contexts: [{name: y, context: {user: 1}}, ")
    );
    assert_eq!(chosen(&text).unwrap().target.user.token.unwrap(), "t");
    let broken = file("server: http://k", "token: [eyJsecret]");
    let error = chosen(&broken).err().unwrap().to_string();
    assert!(
        error.starts_with("the user \"b\" cannot be read"),
        "{error}"
    );
    assert!(!error.contains("eyJsecret"), "{error}");
}

#[test]
fn names_that_nothing_has_are_told_with_those_that_there_are() {
    let config = parsed(&file("server: http://k", "token: t"));
    let choose = |context: Option<&str>, overrides: &Overrides| {
        let choice = config.choose(context, overrides, &ProxyVariables::default());
        choice
            .map(|choice| choice.target)
            .map_err(|error| error.to_string())
    };
    let none = Overrides::default();
    assert_eq!(
        choose(Some("d"), &none).err().unwrap(),
        "there is no context \"d\" (there are: c)"
    );
    let user = Overrides {
        user: Some("z".into()),
        ..Overrides::default()
    };
    assert_eq!(
        choose(None, &user).err().unwrap(),
        "there is no user \"z\" (there are: b)"
    );
    let cluster = Overrides {
        cluster: Some("z".into()),
        ..Overrides::default()
    };
    assert_eq!(
        choose(None, &cluster).err().unwrap(),
        "there is no cluster \"z\" (there are: a)"
    );
    let error = chosen("{clusters: [], contexts: []}").err().unwrap();
    assert!(matches!(error, KubeconfigError::NoContext), "{error}");
}

#[test]
fn kubectls_flags_take_the_place_of_entries() {
    let text = file(
        "server: https://k, tls-server-name: x, certificate-authority-data: AAAA",
        "token: t, tokenFile: f, as: jane, exec: {command: p}",
    );
    let overrides = Overrides {
        server: Some("https://other:1".into()),
        token: Some("u".into()),
        impersonate_groups: vec!["dev".into()],
        insecure_skip_tls_verify: true,
        ..Overrides::default()
    };
    let choice = parsed(&text).choose(None, &overrides, &ProxyVariables::default());
    let target = choice.unwrap().target;
    assert_eq!(target.server, "https://other:1/");
    assert!(
        target.server_name.is_none(),
        "the name belongs to the other server"
    );
    assert!(target.trust.anyone && target.trust.authorities.is_none());
    assert_eq!(target.user.token.as_deref(), Some("u"));
    assert!(target.user.token_file.is_none());
    assert_eq!(target.user.impersonation.user.as_deref(), Some("jane"));
    assert_eq!(target.user.impersonation.groups, ["dev"]);
    // Without any file it is enough to know the server.
    let choice = Kubeconfig::default().choose(None, &overrides, &ProxyVariables::default());
    assert_eq!(choice.unwrap().target.server, "https://other:1/");
}

#[test]
fn servers_are_read_as_client_go_reads_them() {
    for (cluster, user, expected) in [
        ("server: k:6443", "", "http://k:6443/"),
        (
            "server: k:6443, insecure-skip-tls-verify: true",
            "",
            "https://k:6443/",
        ),
        ("server: k", "client-certificate-data: AAAA", "https://k/"),
        ("server: HTTPS://K:1/", "", "https://K:1/"),
        (
            "server: 'https://k/k8s/clusters/c-1'",
            "",
            "https://k/k8s/clusters/c-1",
        ),
        (
            "server: 'https://[fd00::1]:6443'",
            "",
            "https://[fd00::1]:6443/",
        ),
    ] {
        let target = chosen(&file(cluster, user)).unwrap().target;
        assert_eq!(target.server.to_string(), expected);
    }
    let error = chosen(&file("tls-server-name: x", ""))
        .err()
        .unwrap()
        .to_string();
    assert_eq!(error, "the cluster \"a\" has no server");
}

#[test]
fn files_of_every_encoding_are_read() {
    let plain = file("server: http://k", "token: t");
    let utf16 = |of: fn(u16) -> [u8; 2], mark: [u8; 2]| {
        let mut bytes = mark.to_vec();
        bytes.extend(plain.encode_utf16().flat_map(of));
        bytes
    };
    let marked = [b"\xef\xbb\xbf", plain.as_bytes()].concat();
    for bytes in [
        marked,
        utf16(u16::to_le_bytes, [0xff, 0xfe]),
        utf16(u16::to_be_bytes, [0xfe, 0xff]),
    ] {
        let config = Kubeconfig::parse(&bytes, Path::new("/")).unwrap();
        assert_eq!(config.current_context.as_deref(), Some("c"));
    }
    let json = r#"{"kind":"Config","apiVersion":"v1","current-context":"c","preferences":{}}"#;
    assert_eq!(parsed(json).current_context.as_deref(), Some("c"));
    assert!(parsed("").current_context.is_none());
    assert!(parsed("---\n# nothing\n").current_context.is_none());
    for wrong in ["a: [", "- a", "kind: Pod", "\u{0}"] {
        assert!(
            Kubeconfig::parse(wrong.as_bytes(), Path::new("/")).is_err(),
            "{wrong}"
        );
    }
}

#[test]
fn a_parser_does_not_quote_the_file() {
    let error = Kubeconfig::parse(b"users:\n- token: eyJsecret\n  x: [\n", Path::new("/"))
        .err()
        .unwrap();
    assert!(!error.contains("eyJsecret"), "{error}");
}
