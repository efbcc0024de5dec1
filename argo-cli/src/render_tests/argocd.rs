//! Lines of argocd.

use super::*;

#[test]
fn argocd_names_its_levels_on_stderr() {
    let mut renderer = renderer(&[]);
    let mut out = Vec::new();
    let at = start();
    for (stream, text) in [
        (Stream::Stdout, "Health Status: level=error"),
        (Stream::Stderr, "time=\"x\" level=warning msg=\"a\""),
        (Stream::Stderr, "time=\"x\" level=fatal msg=\"b\""),
        (Stream::Stderr, "{\"level\":\"fatal\",\"msg\":\"c\"}"),
        (Stream::Stderr, "anything"),
        (Stream::Stdout, "two\nlines\n"),
        (Stream::Stdout, ""),
    ] {
        renderer.argo_at(at, stream, text.as_bytes(), &mut out);
    }
    let text = String::from_utf8(out).unwrap();
    let lines: Vec<&str> = text.lines().map(|line| &line[20..]).collect();
    assert_eq!(
        lines,
        [
            "INFO [argo] Health Status: level=error",
            "WARN [argo] time=\"x\" level=warning msg=\"a\"",
            "ERRO [argo] time=\"x\" level=fatal msg=\"b\"",
            "ERRO [argo] {\"level\":\"fatal\",\"msg\":\"c\"}",
            "INFO [argo] anything",
            "INFO [argo] two",
            "INFO [argo] lines",
            "INFO [argo] ",
        ]
    );
}

#[test]
fn argocd_lines_of_any_bytes_are_json() {
    let mut out = Vec::new();
    let bytes = b"a\xff\x00\"##[error]";
    renderer(&[JSON]).argo_at(start(), Stream::Stderr, bytes, &mut out);
    let json: Value = serde_json::from_slice(&out).unwrap();
    assert_eq!(json["msg"], "a\u{fffd}\u{0}\"##[error]");
    assert_eq!(
        (&json["kind"], &json["stream"]),
        (&"argo".into(), &"stderr".into())
    );
    assert!(!String::from_utf8(out).unwrap().contains("##["));
}
