use super::*;
use crate::source::Refusal;

fn entry(text: &str) -> LogEntry {
    serde_json::from_str(text).unwrap()
}

#[test]
fn a_line_gets_its_time_back() {
    let entry = entry(
        r#"{"content":"  line 91","timeStamp":"2026-11-28T06:52:13Z","last":false,"timeStampStr":"2026-11-28T06:52:13.83416699Z","podName":"web-1"}"#,
    );
    assert_eq!(
        &line(&entry)[..],
        b"2026-11-28T06:52:13.83416699Z   line 91\n"
    );
}

#[test]
fn answers_of_the_cluster_have_their_meaning() {
    for (message, meaning) in [
        (
            r#"previous terminated container "app" in pod "web-1" not found"#,
            Refusal::NoPrevious,
        ),
        (
            r#"container "app" in pod "web-1" is waiting to start: ContainerCreating"#,
            Refusal::Waiting,
        ),
        (r#"pods "web-1" not found"#, Refusal::PodGone),
        (
            r#"pods "web-1" is forbidden: User "system:serviceaccount:shop:deployer" cannot get resource "pods/log" in API group "" in the namespace "shop""#,
            Refusal::Forbidden,
        ),
        (
            "a container name must be specified for pod web-1, choose one of: [app side]",
            Refusal::Other,
        ),
    ] {
        assert_eq!(refusal(message).refusal(), meaning, "{message}");
    }
}

#[test]
fn refusals_of_argocd_have_their_meaning() {
    let of = |http_code, message: &str| {
        let refused = argo_core::argocd::Refused {
            http_code,
            message: message.to_owned(),
            ..Default::default()
        };
        translated(&refused).refusal()
    };
    let kubelet = r#"parsing time "unable" as "2006-01-02T15:04:05.999999999Z07:00": cannot parse "unable" as "2006""#;
    assert_eq!(of(500, kubelet), Refusal::Removed);
    assert_eq!(
        of(
            403,
            "permission denied: logs, get, default/api-two, sub: ci-no-logs"
        ),
        Refusal::Forbidden
    );
    assert_eq!(of(401, "no session information"), Refusal::Unauthorized);
    assert_eq!(of(500, "rpc error"), Refusal::Unavailable);
}

#[test]
fn the_age_of_a_line_is_counted_with_the_clock_of_its_node() {
    let time = |text: &str| text.parse::<Timestamp>().unwrap();
    let (since, server) = (time("2026-11-28T06:52:00Z"), time("2026-11-28T06:52:10.5Z"));
    assert_eq!(age(since, server, 0), 11 + MARGIN);
    assert_eq!(
        age(since, server, -3000),
        11 + MARGIN,
        "a node that is behind"
    );
    assert_eq!(
        age(since, server, 60_000),
        71 + MARGIN,
        "a node that is a minute ahead"
    );
    assert_eq!(
        age(server, since, 0),
        MARGIN,
        "a line of the server's future"
    );
}
