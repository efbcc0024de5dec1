//! Any history against the definition: which objects belong to whom.

use std::collections::{BTreeMap, BTreeSet};

use super::*;

/// Objects 0 to 7 are watched, in two namespaces; 8 and 9 are of a kind that is not.
/// Objects n and n + 4 have one name.
const WATCHED: usize = 8;

#[derive(Clone, Debug)]
enum Step {
    Apply {
        object: usize,
        owners: Vec<usize>,
        own: bool,
        version: u8,
    },
    Delete {
        object: usize,
    },
    /// A list of one namespace after which only these are there.
    Relist {
        namespace: usize,
        left: u8,
        broken: bool,
    },
    Answer {
        object: usize,
        found: bool,
        own: bool,
    },
    Reselect {
        own: u8,
    },
}

fn step() -> impl Strategy<Value = Step> {
    let owners = vec(0..WATCHED + 2, 0..3);
    prop_oneof![
        8 => (0..WATCHED, owners, any::<bool>(), 0..4_u8).prop_map(
            |(object, owners, own, version)| Step::Apply { object, owners, own, version }),
        3 => (0..WATCHED).prop_map(|object| Step::Delete { object }),
        2 => (0..2_usize, any::<u8>(), any::<bool>()).prop_map(
            |(namespace, left, broken)| Step::Relist { namespace, left, broken }),
        3 => (WATCHED..WATCHED + 2, any::<bool>(), any::<bool>()).prop_map(
            |(object, found, own)| Step::Answer { object, found, own }),
        1 => any::<u8>().prop_map(|own| Step::Reselect { own }),
    ]
}

#[derive(Clone, Debug)]
struct Fact {
    owners: Vec<usize>,
    own: bool,
    version: u8,
    there: bool,
}

/// The definition, worked out anew each time.
#[derive(Debug, Default)]
struct Model {
    facts: BTreeMap<usize, Fact>,
    asked: BTreeSet<usize>,
}

impl Model {
    /// The roots that an object can be traced to; none if it does not belong.
    fn roots(&self, object: usize) -> BTreeSet<usize> {
        let mut roots = BTreeSet::new();
        let (mut open, mut seen) = (vec![object], BTreeSet::new());
        while let Some(next) = open.pop() {
            let Some(fact) = self.facts.get(&next).filter(|_| seen.insert(next)) else {
                continue;
            };
            if fact.own {
                roots.insert(next);
            } else {
                open.extend(&fact.owners);
            }
        }
        roots
    }

    fn tracked(&self) -> BTreeSet<usize> {
        let there = self.facts.iter().filter(|(_, fact)| fact.there);
        let objects = there.map(|(object, _)| *object);
        objects
            .filter(|object| !self.roots(*object).is_empty())
            .collect()
    }

    fn is_referred_to(&self, object: usize) -> bool {
        self.facts
            .values()
            .any(|fact| fact.owners.contains(&object))
    }

    /// Forgets objects that were read once nothing refers to them.
    fn forget(&mut self) {
        for object in WATCHED..WATCHED + 2 {
            if !self.is_referred_to(object) {
                self.facts.remove(&object);
                self.asked.remove(&object);
            }
        }
    }
}

fn of_uid(uid: &str) -> usize {
    uid[1..].parse().unwrap()
}

fn namespace_of(object: usize) -> usize {
    object % 2
}

fn body(object: usize, fact: &Fact) -> TrackedBody {
    let references: Vec<_> = fact
        .owners
        .iter()
        .map(|owner| {
            json!({
        "apiVersion": "v1", "name": format!("n{}", owner % 4), "uid": format!("u{owner}"),
        "kind": if *owner < WATCHED { "Watched" } else { "Unwatched" }})
        })
        .collect();
    let object: WorkloadObject = serde_json::from_value(json!({"metadata": {
        "name": format!("n{}", object % 4), "namespace": namespace_of(object).to_string(),
        "uid": format!("u{object}"), "resourceVersion": fact.version.to_string(),
        "ownerReferences": references}}))
    .unwrap();
    TrackedBody::Workload(Arc::new(object))
}

struct Run {
    index: Index,
    model: Model,
    /// The belief of a follower: the last event about each object.
    view: BTreeMap<usize, (String, usize)>,
}

impl Run {
    fn new() -> Self {
        let mut index = Index::new(since());
        for namespace in 0..2 {
            let scope = Scope::Namespace(namespace.to_string().into());
            index.cover(&kind("Watched"), &scope);
        }
        Self {
            index,
            model: Model::default(),
            view: BTreeMap::new(),
        }
    }

    fn step(&mut self, step: Step) {
        match step {
            Step::Apply {
                object,
                owners,
                own,
                version,
            } => {
                self.apply(
                    object,
                    Fact {
                        owners,
                        own,
                        version,
                        there: true,
                    },
                );
            }
            Step::Delete { object } => self.delete(object),
            Step::Relist {
                namespace,
                left,
                broken,
            } => self.relist(namespace, left, broken),
            Step::Answer { object, found, own } => self.answer(object, found, own),
            Step::Reselect { own } => self.reselect(own),
        }
        self.model.forget();
        let view: BTreeSet<_> = self.view.keys().copied().collect();
        assert_eq!(view, self.model.tracked());
        for (object, (_, root)) in &self.view {
            assert!(
                self.model.roots(*object).contains(root),
                "{object} < {root}"
            );
        }
    }

    fn apply(&mut self, object: usize, fact: Fact) {
        let known = self.model.facts.get(&object).filter(|known| known.there);
        // One version of an object is always the same.
        let fact = match known {
            Some(known) if known.version == fact.version => known.clone(),
            _ => fact,
        };
        let twin = (object + 4) % WATCHED;
        if let Some(twin) = self.model.facts.get_mut(&twin) {
            twin.there = false;
        }
        let changes = self
            .index
            .apply(&kind("Watched"), body(object, &fact), fact.own);
        self.model.facts.insert(object, fact);
        self.model.forget();
        self.follow(&changes);
    }

    fn delete(&mut self, object: usize) {
        let changes = self.index.delete(&format!("u{object}"));
        if let Some(fact) = self.model.facts.get_mut(&object) {
            fact.there = false;
        }
        self.follow(&changes);
    }

    fn relist(&mut self, namespace: usize, left: u8, broken: bool) {
        let scope = Scope::Namespace(namespace.to_string().into());
        let here = |object: &usize| namespace_of(*object) == namespace && *object < WATCHED;
        let there = self
            .model
            .facts
            .clone()
            .into_iter()
            .filter(|(_, fact)| fact.there);
        let there: Vec<_> = there.filter(|(object, _)| here(object)).collect();
        self.index.begin_list(&kind("Watched"), &scope);
        if broken {
            for (object, fact) in there.iter().rev() {
                self.apply(*object, fact.clone());
            }
            self.index.begin_list(&kind("Watched"), &scope);
        }
        for (object, fact) in there {
            if left & (1 << object) != 0 {
                self.apply(object, fact);
            } else if let Some(fact) = self.model.facts.get_mut(&object) {
                fact.there = false;
            }
        }
        let changes = self.index.end_list(&kind("Watched"), &scope);
        self.follow(&changes);
    }

    fn answer(&mut self, object: usize, found: bool, own: bool) {
        if !self.model.asked.contains(&object) {
            return;
        }
        let fact = Fact {
            owners: Vec::new(),
            own,
            version: 0,
            there: true,
        };
        let body = body(object, &fact);
        let wanted = UnknownOwner {
            owner: ObjectRef::from_meta(kind("Unwatched"), body.metadata()),
            api_version: "v1".into(),
        };
        let meta = found.then(|| body.metadata().clone());
        let changes = self.index.owner_read(&wanted, meta, own);
        if found {
            self.model.facts.insert(object, fact);
        }
        self.follow(&changes);
    }

    fn reselect(&mut self, own: u8) {
        let bit = |object: usize| own & (1 << (object % 8)) != 0;
        let changes = self.index.reselect(|object, _| bit(of_uid(&object.uid)));
        for (object, fact) in &mut self.model.facts {
            fact.own = bit(*object);
        }
        self.follow(&changes);
    }

    /// Believes what it is told, and checks that each change is one.
    fn follow(&mut self, changes: &[Change]) {
        for change in changes {
            match change {
                Change::Applied(tracked) => self.applied(tracked),
                Change::Removed(object) => {
                    let removed = self.view.remove(&of_uid(&object.uid));
                    assert!(removed.is_some(), "phantom removal of {}", object.uid);
                }
                Change::Read(pod) => panic!("{pod} was not left out"),
                Change::Want(wanted) => {
                    let object = of_uid(&wanted.owner.uid);
                    assert!(object >= WATCHED && self.model.is_referred_to(object));
                    // What was read may be asked for again: it may be marked by now.
                    let read = self.model.facts.contains_key(&object);
                    assert!(
                        self.model.asked.insert(object) || read,
                        "asked twice for {object}"
                    );
                }
            }
        }
    }

    fn applied(&mut self, tracked: &Tracked) {
        let object = of_uid(&tracked.object.uid);
        let above = tracked.owner.as_ref().map(|owner| of_uid(&owner.uid));
        if tracked.root != tracked.object {
            let above = above.unwrap();
            let there = self.model.facts.get(&above).is_some_and(|fact| fact.there);
            assert!(
                self.view.contains_key(&above) || !there || self.is_in_circle(object),
                "{object} before its owner {above}"
            );
        }
        let told = format!("{tracked:?}");
        let root = of_uid(&tracked.root.uid);
        let before = self.view.insert(object, (told.clone(), root));
        assert!(
            before.is_none_or(|(before, _)| before != told),
            "phantom change of {object}"
        );
    }

    /// True if owners go round in circles: nothing can come before everything then.
    fn is_in_circle(&self, object: usize) -> bool {
        let owners = |object: &usize| {
            self.model
                .facts
                .get(object)
                .map(|fact| fact.owners.clone())
                .unwrap_or_default()
        };
        let (mut open, mut seen) = (owners(&object), BTreeSet::new());
        while let Some(next) = open.pop() {
            if next == object {
                return true;
            }
            if seen.insert(next) {
                open.extend(owners(&next));
            }
        }
        false
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_history_ends_as_the_definition_says(steps in vec(step(), 1..40)) {
        let mut run = Run::new();
        for step in steps {
            run.step(step);
        }
    }
}
