use super::*;

const PROXY: &str = "http://proxy.corp.example:3128";

/// The proxy for a server if all variables but `NO_PROXY` name one.
fn through(server: &str, except: &str) -> bool {
    let variables = ProxyVariables {
        https: PROXY.into(),
        http: PROXY.into(),
        except: except.into(),
        is_cgi: false,
    };
    variables
        .proxy_for(&server.parse().unwrap())
        .unwrap()
        .is_some()
}

/// The table of Go's `httpproxy`, rule by rule.
#[test]
fn no_proxy_is_held_against_the_server() {
    for (server, except, is_proxied) in [
        ("https://k8s.example:6443", "", true),
        ("https://k8s.example:6443", "k8s.example", false),
        ("https://k8s.example:6443", "K8S.Example", false),
        ("https://a.k8s.example", "k8s.example", false),
        ("https://notk8s.example", "k8s.example", true),
        ("https://k8s.example", ".k8s.example", true),
        ("https://a.k8s.example", ".k8s.example", false),
        ("https://a.k8s.example", "*.k8s.example", false),
        ("https://k8s.example", "*.k8s.example", true),
        ("https://k8s.example:6443", "k8s.example:6443", false),
        ("https://k8s.example:6443", "k8s.example:443", true),
        ("https://k8s.example", "k8s.example:443", false),
        ("http://k8s.example", "k8s.example:80", false),
        ("https://k8s.example", "*", false),
        ("https://k8s.example", " a, * ,b", false),
        ("https://k8s.example", ",, ,k8s.example,", false),
        ("https://k8s.example", "other.example,,", true),
        ("https://k8s.example", ":6443", true),
        ("https://k8s.example", "proxy.corp.example", true),
        ("https://10.1.2.3:6443", "10.0.0.0/8", false),
        ("https://11.1.2.3:6443", "10.0.0.0/8", true),
        ("https://10.1.2.3:6443", "0.0.0.0/0", false),
        ("https://10.1.2.3:6443", "10.1.2.3", false),
        ("https://10.1.2.3:6443", "10.1.2.3:6443", false),
        ("https://10.1.2.3:6443", "10.1.2.3:443", true),
        ("https://10.1.2.3:6443", "10.1.2.3/33", true),
        ("https://10.1.2.3:6443", ".3", true),
        ("https://[fd00::1]:6443", "fd00::/8", false),
        ("https://[fd00::1]:6443", "fd00::1", false),
        ("https://[fd00::1]:6443", "[fd00::1]:6443", false),
        ("https://[fd00::1]:6443", "[fd00::1]:443", true),
        ("https://[fd00::1]:6443", "[fd00::1]", true),
        ("https://[fd00::1]:6443", "fe80::/10", true),
        ("https://[::ffff:10.1.2.3]:6443", "10.1.2.3", false),
        // These are never proxied.
        ("https://localhost:6443", "", false),
        ("https://LOCALHOST:6443", "", false),
        ("https://127.0.0.1:6443", "", false),
        ("https://127.9.9.9:6443", "", false),
        ("https://[::1]:6443", "", false),
        ("https://localhost.example:6443", "", true),
    ] {
        assert_eq!(
            through(server, except),
            is_proxied,
            "{server} NO_PROXY={except}"
        );
    }
}

fn chosen(pairs: &[(&str, &str)], server: &str) -> Result<Option<String>, ProxyError> {
    let env = |name: &str| {
        let found = pairs.iter().find(|(known, _)| *known == name);
        found.map(|(_, value)| OsString::from(value))
    };
    let proxy = ProxyVariables::from_env(env).proxy_for(&server.parse().unwrap());
    proxy.map(|proxy| proxy.map(|url| url.to_string()))
}

#[test]
fn each_scheme_has_its_variable() {
    let both = [("HTTPS_PROXY", "http://a:1"), ("http_proxy", "http://b:2")];
    assert_eq!(
        chosen(&both, "https://k8s").unwrap().unwrap(),
        "http://a:1/"
    );
    assert_eq!(chosen(&both, "http://k8s").unwrap().unwrap(), "http://b:2/");
    assert_eq!(chosen(&both[1..], "https://k8s"), Ok(None));
    assert_eq!(chosen(&both[..1], "http://k8s"), Ok(None));
    assert_eq!(
        chosen(&[("ALL_PROXY", "http://a:1")], "https://k8s"),
        Ok(None)
    );
    let empty = [
        ("HTTPS_PROXY", ""),
        ("https_proxy", "http://c:3"),
        ("NO_PROXY", ""),
    ];
    assert_eq!(
        chosen(&empty, "https://k8s").unwrap().unwrap(),
        "http://c:3/"
    );
    let cgi = [both[1], ("REQUEST_METHOD", "GET")];
    assert_eq!(chosen(&cgi, "http://k8s"), Err(ProxyError::Cgi));
    assert_eq!(
        chosen(&[both[0], cgi[1]], "https://k8s").unwrap().unwrap(),
        "http://a:1/"
    );
}

#[test]
fn addresses_are_read_as_go_reads_them() {
    let proxy = |address| parse(address).map(|url| url.to_string());
    assert_eq!(proxy("proxy:3128").unwrap(), "http://proxy:3128/");
    assert_eq!(proxy("proxy").unwrap(), "http://proxy/");
    assert_eq!(proxy("https://u:p@proxy").unwrap(), "https://u:p@proxy/");
    assert_eq!(
        proxy("socks5h://proxy:1080").unwrap(),
        "socks5h://proxy:1080/"
    );
    assert_eq!(
        proxy("ftp://proxy").unwrap_err(),
        ProxyError::Scheme("ftp".into())
    );
    let secret = proxy("u:hunter2@[proxy").unwrap_err();
    assert!(!secret.to_string().contains("hunter2"), "{secret}");
    // Go ignores such a variable, and connects without a proxy.
    assert_eq!(
        chosen(&[("HTTPS_PROXY", "[proxy")], "https://k8s"),
        Ok(None)
    );
}
