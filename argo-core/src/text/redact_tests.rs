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

/// Random words as issuers of tokens make them, with a digit and a capital.
fn canaries() -> impl Strategy<Value = String> {
    let mixed = |word: &String| {
        word.bytes().any(|b| b.is_ascii_digit()) && word.bytes().any(|b| b.is_ascii_uppercase())
    };
    "[A-Za-z0-9]{12,40}".prop_filter("random words have every kind of character", mixed)
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
    fn no_form_lets_a_canary_through(canary in canaries()) {
        for (name, form) in FORMS {
            let message = form.replace("{}", &canary);
            let shown = redacted(&message);
            prop_assert!(!shows(&shown, &canary), "{name}: {shown}");
        }
    }

    #[test]
    fn a_canary_within_other_text_is_cut_too(canary in canaries(), form in 0..FORMS.len(), before in 0..HARMLESS.len()) {
        let (name, form) = FORMS[form];
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
