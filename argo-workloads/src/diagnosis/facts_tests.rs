use argo_core::{GroupKind, KindTraits};

use super::{events::EVENT_OBJECTS, *};

fn object(uid: &str) -> ObjectRef {
    ObjectRef {
        kind: GroupKind::new("", "Pod"),
        namespace: "n".into(),
        name: uid.into(),
        uid: uid.into(),
    }
}

fn pod(uid: &str) -> Tracked {
    Tracked {
        object: object(uid),
        owner: None,
        root: object("root"),
        hook: None,
        is_new: true,
        rollout: None,
        traits: KindTraits::default(),
        body: TrackedBody::Pod(Arc::default()),
    }
}

#[test]
fn its_size_is_bounded() {
    let mut facts = Facts::new(Timestamp::UNIX_EPOCH);
    let line = "x".repeat(10_000);
    for number in 0..EVENT_OBJECTS + 10 {
        let uid = number.to_string();
        facts.event(EventFact {
            object: object(&uid),
            container: None,
            reason: "BackOff".into(),
            message: String::new(),
            type_: "Warning".into(),
            count: 1,
            first: Timestamp::UNIX_EPOCH,
            last: Timestamp::UNIX_EPOCH,
        });
    }
    for number in 0..100 {
        let uid = number.to_string();
        let tracked = pod(&uid);
        facts.apply(&tracked, Timestamp::UNIX_EPOCH);
        let lines = std::iter::repeat_n((None, line.as_bytes()), 1000);
        facts.lines(&tracked.object.uid, &"app".into(), &"A".into(), lines);
        let kept = facts.lines_of(&facts.pods[&*uid], "app");
        assert!(kept.len() == LAST_LINES && kept[0].text.len() <= 1000);
        facts.remove(&tracked.object, Timestamp::UNIX_EPOCH);
    }
    assert_eq!(facts.events.objects(), EVENT_OBJECTS);
    assert_eq!(facts.gone_of("root").count(), GONE);
    assert!(facts.pods.is_empty());
    assert_eq!(facts.lines.pods(), GONE);
    for number in 0..100 {
        let uid: Arc<str> = format!("stranger-{number}").into();
        let lines = std::iter::once((None, line.as_bytes()));
        facts.lines(&uid, &"app".into(), &"A".into(), lines);
    }
    facts.forget_strangers();
    assert_eq!(facts.lines.pods(), GONE);
}

#[test]
fn a_pod_that_comes_back_keeps_its_lines() {
    let start = Timestamp::UNIX_EPOCH;
    for is_root_removed in [false, true] {
        let mut facts = Facts::new(start);
        let back = pod("back");
        facts.apply(&back, start);
        facts.remove(&back.object, start);
        facts.apply(&back, start);
        let lines = std::iter::once((None, &b"a line"[..]));
        facts.lines(&back.object.uid, &"app".into(), &"A".into(), lines);
        if is_root_removed {
            facts.remove(&object("root"), start);
        }
        for number in 0..GONE {
            let other = pod(&number.to_string());
            facts.apply(&other, start);
            facts.remove(&other.object, start);
        }
        let kept = facts.lines_of(&facts.pods["back"], "app");
        assert_eq!(kept.len(), 1, "{is_root_removed}");
    }
}
