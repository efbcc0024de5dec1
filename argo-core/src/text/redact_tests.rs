use std::borrow::Cow;

use proptest::prelude::*;

use super::{
    forms::{FORMS, HARMLESS},
    *,
};

#[test]
fn credentials_are_cut_and_the_rest_is_kept() {
    for (message, expected) in [
        (
            "Failed to pull image \"https://bob:hunter2@registry.example/shop/web:1\": denied",
            "Failed to pull image \"https://***@registry.example/shop/web:1\": denied",
        ),
        (
            "exec /app --password=hunter2, DB_TOKEN=x1 failed: tokens=3 replicas=2 password=",
            "exec /app --password=***, DB_TOKEN=*** failed: tokens=3 replicas=2 password=",
        ),
        (
            "GET https://ghp_abcdef@github.com/x: 403",
            "GET https://***@github.com/x: 403",
        ),
        (
            "Failed to pull image \"bob:hun@ter2@registry.example/web\"",
            "Failed to pull image \"***@registry.example/web\"",
        ),
        (
            "Get \"https://s3.example/blob?X-Amz-Signature=abc&X-Amz-Date=1\": 403 Forbidden",
            "Get \"https://s3.example/blob?***\": 403 Forbidden",
        ),
        (
            "Authorization: Bearer eyJhbGciOi.x.y refused",
            "Authorization: Bearer *** refused",
        ),
        (
            "Authorization: Basic  dXNlcjpwYXNz",
            "Authorization: Basic  ***",
        ),
        (
            "image bob:pa55@reg/web:1 is bad",
            "image ***@reg/web:1 is bad",
        ),
        ("bob:pa55@reg/web:1@sha256:abc", "***@reg/web:1@sha256:abc"),
        (
            "Get \"https://h/token?account=bob&sig=x\": EOF",
            "Get \"https://h/token?***\": EOF",
        ),
        (
            "You have reached your pull rate limit as 'bob': dckr_jti_x. You may increase it",
            "You have reached your pull rate limit as ***. You may increase it",
        ),
        (
            "error when applying patch: {\"data\":{\"p\":\"}s3\\\"cret\"}} to: Resource",
            "error when applying patch: {***} to: Resource",
        ),
        (
            "spec.containers[0].env[0].value: Invalid value: \"s3cret\": too long",
            "spec.containers[0].env[0].value: Invalid value: \"***\": too long",
        ),
        ("run --password=hunter2 now", "run --password=*** now"),
        (
            "Authorization: Bearer abcdefghij",
            "Authorization: Bearer ***",
        ),
        (
            "key -----BEGIN PRIVATE KEY-----\nMHcC\nAQEE\n-----END PRIVATE KEY----- is bad",
            "key -----BEGIN PRIVATE KEY-----***-----END PRIVATE KEY----- is bad",
        ),
        ("bad values: password: hunter2", "bad values: password: ***"),
        ("password: swordfish for bob", "password: *** for bob"),
        (
            "login failed, passwd: Summer2026!",
            "login failed, passwd: ***!",
        ),
        ("token: swordfish", "token: ***"),
        (
            "token: 53e28ff20cc530b9ada2173fbbd64d48338583ba",
            "token: ***",
        ),
        (
            "got secret=swordfish apikey=abc pwd=hunter2",
            "got secret=*** apikey=*** pwd=***",
        ),
        ("secret: swordfish", "secret: ***"),
        ("API key: abcdef", "API key: ***"),
        (
            "access token: abcdef is expired",
            "access token: *** is expired",
        ),
        ("map[token:abc user:bob]", "map[token:*** user:bob]"),
        (
            "run --password hunter2 --token abc",
            "run --password *** --token ***",
        ),
        (
            "docker login -u bob -p swordfish reg.example",
            "docker login -u bob -p *** reg.example",
        ),
        (
            "curl -u bob:x https://h.example",
            "curl -u bob:*** https://h.example",
        ),
        (
            "authentication required for https://bob:123456",
            "authentication required for https://bob:***",
        ),
        (
            "Server=db;User Id=app;Password=x;Encrypt=true",
            "Server=db;User Id=app;Password=***;Encrypt=true",
        ),
    ] {
        assert_eq!(redacted(message), expected);
    }
}

#[test]
fn what_is_no_credential_stays() {
    for message in HARMLESS {
        assert!(
            matches!(redacted(message), Cow::Borrowed(_)),
            "{message} became {}",
            redacted(message)
        );
    }
}

#[test]
fn a_text_of_braces_or_dashes_takes_no_time() {
    for part in [
        "{\"",
        "{\\\"",
        "-BEGIN PRIVATE KEY-",
        "://",
        "=",
        "@",
        "AKIA",
        "password: \"",
    ] {
        redacted(&part.repeat(5_000));
    }
}

/// Random words as issuers of tokens make them: with a digit and a capital, base64, and
/// those in lower case alone, which could be names or hashes.
fn canaries() -> impl Strategy<Value = String> {
    let plain = prop_oneof![
        "[a-z]{12,40}",
        "[a-z]{4,8}[0-9]{5,8}[a-z]{3,9}",
        "[0-9a-f]{16}",
        "[0-9a-f]{32}",
        "[0-9a-f]{40}",
        "[0-9a-f]{64}",
        "[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}",
        "[A-Z]{12,30}",
        "[0-9]{12,20}",
    ];
    prop_oneof!["[A-Za-z0-9]{8}[A-Z][0-9][A-Za-z0-9]{4,20}", plain]
}

/// Random words with a digit and a capital.
fn marked_canaries() -> impl Strategy<Value = String> {
    let mixed = |word: &String| {
        word.bytes().any(|b| b.is_ascii_digit()) && word.bytes().any(|b| b.is_ascii_uppercase())
    };
    "[A-Za-z0-9]{16,40}".prop_filter("random words have every kind of character", mixed)
}

/// True if a reader would learn a part of the secret.
fn shows(text: &str, canary: &str) -> bool {
    canary.as_bytes().windows(8).any(|part| {
        let part = std::str::from_utf8(part).unwrap_or_default();
        text.contains(part)
    })
}

proptest! {
    #[test]
    fn no_form_lets_a_canary_through(canary in canaries(), marked in marked_canaries()) {
        for (name, form) in FORMS {
            let canary = if is_known_by_look(name) { &marked } else { &canary };
            let message = form.replace("{}", canary);
            let shown = redacted(&message);
            prop_assert!(!shows(&shown, canary), "{name}: {shown}");
        }
    }

    #[test]
    fn no_form_but_a_url_lets_base64_through(canary in "[A-Za-z0-9][A-Za-z0-9+/]{21,39}={0,2}") {
        let forms = FORMS.iter().filter(|(name, form)| !is_known_by_look(name) && !form.contains("://"));
        for (name, form) in forms {
            let shown = redacted(&form.replace("{}", &canary)).into_owned();
            prop_assert!(!shows(&shown, &canary), "{name}: {shown}");
        }
    }

    #[test]
    fn a_canary_within_other_text_is_cut_too(canary in canaries(), marked in marked_canaries(), form in 0..FORMS.len(), before in 0..HARMLESS.len()) {
        let (name, form) = FORMS[form];
        let canary = if is_known_by_look(name) { marked } else { canary };
        let message = format!("{}, {}", HARMLESS[before], form.replace("{}", &canary));
        let shown = redacted(&message);
        prop_assert!(!shows(&shown, &canary), "{name}: {shown}");
    }

    #[test]
    fn names_and_hashes_stay(
        uid in "[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}",
        commit in "[0-9a-f]{40}",
        digest in "[0-9a-f]{64}",
        hash in "[bcdfghjklmnpqrstvwxz2456789]{9,10}",
        end in "[bcdfghjklmnpqrstvwxz2456789]{5}",
        name in "[a-z]{1,12}(-[a-z]{1,12}){0,2}",
    ) {
        for message in [
            format!("Created pod: {name}-{hash}-{end}"),
            format!("Scaled up replica set {name}-{hash} to 1"),
            format!("Failed container {name} in pod {name}-{hash}-{end}_shop({uid})"),
            format!("image reg.example.com:5000/shop/{name}:{commit}@sha256:{digest} is there"),
            format!("synced to {commit}, pods \"{name}-{hash}-{end}\" not found"),
            format!("Get \"https://10.0.0.1:10250/pods/{uid}/{name}-{hash}-{end}\": EOF"),
        ] {
            prop_assert_eq!(redacted(&message).into_owned(), message);
        }
    }

    #[test]
    fn any_text_can_be_redacted_and_twice_is_once(text in "[ -~é\n]{0,80}", parts in prop::collection::vec(0..FORMS.len(), 0..3)) {
        let mut message = text;
        for part in parts {
            message.push_str(FORMS[part].1);
        }
        let once = redacted(&message).into_owned();
        let twice = redacted(&once).into_owned();
        prop_assert_eq!(twice, once);
    }
}

/// True for the forms that have nothing beside the secret but its own look.
fn is_known_by_look(form: &str) -> bool {
    const FORMS: &[&str] = &[
        "unnamed parameter in a query",
        "AWS access key id",
        "AWS session key id",
        "AWS secret beside its id",
        "AWS secret before its id",
        "GitHub token",
        "GitHub token, fine-grained",
        "GitLab token",
        "Slack token",
        "Vault token",
        "Google key",
        "OpenShift token",
        "PEM block without its beginning",
    ];
    FORMS.contains(&form)
}
