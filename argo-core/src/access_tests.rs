use super::*;

#[test]
fn a_refusal_names_user_verb_and_resource() {
    for (message, expected) in [
        (
            r#"jobs.batch is forbidden: User "ci" cannot list resource "jobs" in API group "batch" in the namespace "shop""#,
            ("ci", "list", "jobs.batch"),
        ),
        (
            r#"pods "p" is forbidden: User "system:serviceaccount:ci:deployer" cannot get resource "pods/log" in API group "" in the namespace "shop""#,
            ("system:serviceaccount:ci:deployer", "get", "pods/log"),
        ),
        (
            r#"clusters.db.example.com "c" is forbidden: User "ci" cannot get resource "clusters/scale" in API group "db.example.com""#,
            ("ci", "get", "clusters.db.example.com/scale"),
        ),
    ] {
        let forbidden = Forbidden::parse(message);
        let parts = (forbidden.user, forbidden.verb, forbidden.resource);
        let (user, verb, resource) = expected;
        assert_eq!(
            parts,
            (Some(user.into()), Some(verb.into()), Some(resource.into()))
        );
    }
    assert_eq!(Forbidden::parse("no"), Forbidden::default());
    assert_eq!(Forbidden::parse("User \"ci"), Forbidden::default());
}

#[test]
fn a_grant_adds_to_the_role_that_is_there() {
    let said = r#"User "ci" cannot get resource "pods/log" in API group """#;
    assert_eq!(
        grant(Some("shop"), &["get"], &["pods/log"], said),
        "kubectl create role argo-assistant -n shop --verb=get --resource=pods/log --dry-run=client -o yaml | kubectl auth reconcile -n shop -f - && kubectl create rolebinding argo-assistant -n shop --role=argo-assistant --user=ci --dry-run=client -o yaml | kubectl auth reconcile -n shop -f -"
    );
    assert_eq!(
        grant(None, &["list", "watch"], &["pods", "jobs.batch"], "no"),
        "kubectl create clusterrole argo-assistant --verb=list,watch --resource=pods,jobs.batch --dry-run=client -o yaml | kubectl auth reconcile -f - && kubectl create clusterrolebinding argo-assistant --clusterrole=argo-assistant --user=USER --dry-run=client -o yaml | kubectl auth reconcile -f -"
    );
}

#[test]
fn a_refusal_lists_its_resources() {
    assert_eq!(
        refusal("list", &["jobs.batch", "pods"], "shop"),
        "cannot list jobs.batch and pods in shop (403 forbidden)"
    );
}

#[test]
fn a_scope_is_reported_once_and_its_recovery_once() {
    let mut reported = Reported::default();
    assert!(reported.failed(&"shop", "a"));
    assert!(!reported.failed(&"shop", "b"));
    assert!(reported.failed(&"cart", "a"));
    assert!(reported.is_failing(&"shop", "b"));
    assert_eq!(reported.works(&"shop", "c"), Recovery::Unrelated);
    assert_eq!(reported.works(&"shop", "b"), Recovery::First);
    assert_eq!(reported.works(&"shop", "a"), Recovery::Repeated);
    assert_eq!(reported.works(&"shop", "a"), Recovery::Unrelated);
    assert!(reported.failed(&"shop", "a"));
}

#[test]
fn nobody_is_advised_to_give_rights_to_everybody() {
    let said = r#"pods is forbidden: User "system:anonymous" cannot list resource "pods" in API group "" in the namespace "shop""#;
    let hint = grant(Some("shop"), &["list"], &["pods"], said);
    assert!(
        hint.starts_with("no credentials reached the server"),
        "{hint}"
    );
    assert!(!hint.contains("create"), "{hint}");
}
