use argo_core::{GroupKind, KindTraits};

use super::{events::EVENT_OBJECTS, *};

#[test]
fn its_size_is_bounded() {
    let mut facts = Facts::new(Timestamp::UNIX_EPOCH);
    let object = |uid: &str| ObjectRef {
        kind: GroupKind::new("", "Pod"),
        namespace: "n".into(),
        name: uid.into(),
        uid: uid.into(),
    };
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
        let tracked = Tracked {
            object: object(&uid),
            owner: None,
            root: object("root"),
            hook: None,
            is_new: true,
            rollout: None,
            traits: KindTraits::default(),
            body: TrackedBody::Pod(Arc::default()),
        };
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
}
