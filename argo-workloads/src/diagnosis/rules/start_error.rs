//! Start errors of the kubelet and the runtime, in words.
//!
//! Texts: kubernetes `pkg/kubelet/lifecycle/handlers.go`, opencontainers/runc
//! `libcontainer/rootfs_linux.go`.

/// Ends of runc's text on mounts that name the cause.
const MOUNT_CAUSES: [&str; 6] = [
    "not a directory",
    "no such file or directory",
    "permission denied",
    "read-only file system",
    "operation not permitted",
    "invalid argument",
];

/// Returns a start error in words, where its text is known.
pub(super) fn words(text: &str) -> Option<String> {
    post_start(text).or_else(|| mount(text))
}

/// Parses `Exec lifecycle hook ([sh -c …]) for Container "app" in Pod "web-1_shop(uid)"
/// failed - error: command 'sh -c …' exited with 5: no route, message: "no route"`. The
/// command stays away: its arguments may hold a password.
fn post_start(text: &str) -> Option<String> {
    let (kind, rest) = text.split_once(" lifecycle hook (")?;
    let (_, error) = rest.split_once(" failed - error: ")?;
    let (error, message) = error.rsplit_once(", message: ").unwrap_or((error, ""));
    if let Some((_, end)) = error.rsplit_once("' exited with ") {
        let (code, said) = end.split_once(':').unwrap_or((end, ""));
        let message = message.trim().trim_matches('"').trim_end_matches("\\n");
        let said = if said.trim().is_empty() {
            message
        } else {
            said.trim()
        };
        let said = if said.is_empty() {
            String::new()
        } else {
            format!(": {said}")
        };
        return Some(format!(
            "its postStart hook exits with {}{said}",
            code.trim()
        ));
    }
    let why = error.rsplit(": ").next().unwrap_or(error);
    Some(if kind.ends_with("HTTP") || kind.ends_with("Http") {
        let (path, _) = rest.split_once(')').unwrap_or((rest, ""));
        let path = path.split('?').next().unwrap_or_default();
        format!("its postStart hook GET {path} fails: {why}")
    } else {
        format!("its postStart hook fails: {why}")
    })
}

/// Parses `error mounting "/var/lib/kubelet/…" to rootfs at "/etc/app": mount …: not a
/// directory: …`
fn mount(text: &str) -> Option<String> {
    let (_, rest) = text.split_once("error mounting \"")?;
    let (_, rest) = rest.split_once("\" to rootfs at \"")?;
    let (target, rest) = rest.split_once('"')?;
    let cause = MOUNT_CAUSES
        .iter()
        .find(|cause| rest.contains(&format!(": {cause}")))?;
    let hint = if *cause == "not a directory" {
        " (a directory is mounted on a file, or a file on a directory)"
    } else {
        ""
    };
    Some(format!("nothing can be mounted at {target}: {cause}{hint}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hooks_and_mounts_are_told_in_words() {
        for (text, expected) in [
            (
                "Exec lifecycle hook ([sh -c echo cannot register at consul:8500 >&2; exit 5]) for Container \"app\" in Pod \"web-7d7694b575-fgx2z_shop(b660d6bd-3325-48c1-a0d2-400d312bdf3b)\" failed - error: command 'sh -c echo cannot register at consul:8500 >&2; exit 5' exited with 5: cannot register at consul:8500\n, message: \"cannot register at consul:8500\\n\"",
                "its postStart hook exits with 5: cannot register at consul:8500",
            ),
            (
                "Exec lifecycle hook ([true]) for Container \"app\" in Pod \"x\" failed - error: command 'true' exited with 1: , message: \"\"",
                "its postStart hook exits with 1",
            ),
            (
                "HTTP lifecycle hook (/register?token=s3cret) for Container \"app\" in Pod \"x\" failed - error: Get \"http://10.0.0.1:80/register\": dial tcp 10.0.0.1:80: connect: connection refused",
                "its postStart hook GET /register fails: connection refused",
            ),
            (
                "error during container init: error mounting \"/var/lib/kubelet/pods/u/volumes/kubernetes.io~configmap/s\" to rootfs at \"/bin/spew\": mount /var/lib/x:/bin/spew (via /proc/self/fd/6), flags: 0x5001: not a directory: Are you trying to mount a directory onto a file (or vice-versa)? Check if the specified host path exists and is the expected type",
                "nothing can be mounted at /bin/spew: not a directory (a directory is mounted on a file, or a file on a directory)",
            ),
        ] {
            assert_eq!(words(text).as_deref(), Some(expected));
        }
        assert_eq!(words("exec: \"/app\": no such file or directory"), None);
    }
}
