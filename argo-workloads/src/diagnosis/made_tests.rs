//! A small world for the tests of rules: objects and events as JSON, one look at them.

use std::{collections::BTreeMap, sync::Arc};

use argo_core::{
    GroupKind, KindTraits, ObjectRef, TrackEvent, Tracked, TrackedBody, resource::Application,
};
use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use serde_json::{Value, json};

use super::{EventFact, Examiner, Facts, Finding, Thresholds};
use crate::{builtin, describe};

/// Facts that a test makes, by the second of a clock that starts at 1,000.
pub(crate) struct World {
    pub(crate) facts: Facts,
    examiner: Examiner,
    tracked: BTreeMap<String, Tracked>,
}

/// The time this many seconds after the rollout began.
pub(crate) fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_000 + second).unwrap()
}

/// The time as text, in the form of objects.
pub(crate) fn time(second: i64) -> Value {
    json!(at(second).to_string())
}

impl World {
    pub(crate) fn new() -> Self {
        Self {
            facts: Facts::new(at(0)),
            examiner: Examiner::default(),
            tracked: BTreeMap::new(),
        }
    }

    /// A world with `Deployment/web` and its ReplicaSet, which make no progress.
    pub(crate) fn with_deployment() -> Self {
        let mut world = Self::new();
        let deployment = json!({"kind": "Deployment", "metadata": {"name": "web", "generation": 1},
            "spec": {"replicas": 3},
            "status": {"observedGeneration": 1, "replicas": 3, "updatedReplicas": 3}});
        world.apply(0, deployment);
        world.apply(
            0,
            json!({"kind": "ReplicaSet", "owner": "web", "metadata": {"name": "web-1"}}),
        );
        world
    }

    /// An object was seen. `owner` names its owner; uids are names.
    pub(crate) fn apply(&mut self, second: i64, mut value: Value) {
        let kind = value["kind"].as_str().unwrap().to_owned();
        let group = match &*kind {
            "Pod" => "",
            "Job" | "CronJob" => "batch",
            "Rollout" | "AnalysisRun" | "Experiment" => "argoproj.io",
            _ => "apps",
        };
        value["metadata"]["namespace"] = json!("shop");
        value["metadata"]["uid"] = value["metadata"]["name"].clone();
        if value["metadata"]["creationTimestamp"].is_null() {
            value["metadata"]["creationTimestamp"] = time(second);
        }
        let meta: ObjectMeta = serde_json::from_value(value["metadata"].clone()).unwrap();
        let object = ObjectRef::from_meta(GroupKind::new(group, &kind), &meta);
        let owner = value["owner"].as_str().map(|name| &self.tracked[name]);
        let root = owner.map_or_else(|| object.clone(), |owner| owner.root.clone());
        let owner = owner.map(|owner| owner.object.clone());
        let hook = value["hook"].as_str().map(Arc::from);
        let body = if kind == "Pod" {
            TrackedBody::Pod(Arc::new(serde_json::from_value(value).unwrap()))
        } else {
            TrackedBody::Workload(Arc::new(serde_json::from_value(value).unwrap()))
        };
        let created = meta.creation_timestamp.map(|time| time.0);
        let tracked = Tracked {
            root,
            owner,
            hook,
            is_new: created >= Some(at(0)),
            object,
            rollout: None,
            traits: KindTraits::default(),
            body,
        };
        let tracked = describe(&builtin(), tracked);
        let event = TrackEvent::Applied(tracked.clone());
        self.facts.track(&event, at(second));
        self.tracked
            .insert(tracked.object.name.to_string(), tracked);
    }

    /// A pod of `web-1` was seen.
    pub(crate) fn pod(&mut self, second: i64, name: &str, spec: &Value, status: &Value) {
        let pod = json!({"kind": "Pod", "owner": "web-1", "metadata": {"name": name},
            "spec": spec, "status": status});
        self.apply(second, pod);
    }

    /// An event of an object was seen.
    pub(crate) fn event(&mut self, second: i64, name: &str, reason: &str, message: &str) {
        self.facts.event(EventFact {
            object: self.tracked[name].object.clone(),
            container: None,
            reason: reason.to_owned(),
            message: message.to_owned(),
            type_: "Warning".to_owned(),
            count: 1,
            first: at(second),
            last: at(second),
        });
    }

    /// An event of a container was seen.
    pub(crate) fn event_of(
        &mut self,
        second: i64,
        name: &str,
        container: &str,
        reason: &str,
        message: &str,
    ) {
        self.facts.event(EventFact {
            object: self.tracked[name].object.clone(),
            container: Some(container.to_owned()),
            reason: reason.to_owned(),
            message: message.to_owned(),
            type_: "Normal".to_owned(),
            count: 1,
            first: at(second),
            last: at(second),
        });
    }

    /// The Application was seen.
    pub(crate) fn application(&mut self, second: i64, value: Value) {
        let application: Application = serde_json::from_value(value).unwrap();
        let event = TrackEvent::Application(Arc::new(application));
        self.facts.track(&event, at(second));
    }

    /// An object got the tracking id of another application.
    pub(crate) fn claimed(&mut self, second: i64, name: &str, by: &str) {
        let object = self.tracked[name].object.clone();
        let by = by.to_owned();
        self.facts
            .track(&TrackEvent::Claimed { object, by }, at(second));
    }

    /// An object was deleted.
    pub(crate) fn remove(&mut self, name: &str) {
        let object = self.tracked[name].object.clone();
        self.facts.track(&TrackEvent::Removed(object), at(0));
    }

    pub(crate) fn findings(&mut self, second: i64) -> Vec<Finding> {
        self.examiner
            .examine(&mut self.facts, &Thresholds::default(), at(second))
    }

    /// `code: sentence` of each reason known so far.
    pub(crate) fn reasons(&mut self, second: i64) -> Vec<String> {
        let thresholds = Thresholds::default().so_far();
        let findings = self
            .examiner
            .examine(&mut self.facts, &thresholds, at(second));
        let words = |finding: &Finding| format!("{}: {}", finding.code, finding.sentence);
        findings.iter().map(words).collect()
    }

    /// `code: sentence` of each finding.
    pub(crate) fn sentences(&mut self, second: i64) -> Vec<String> {
        let findings = self.findings(second);
        let words = |finding: &Finding| format!("{}: {}", finding.code, finding.sentence);
        findings.iter().map(words).collect()
    }
}
