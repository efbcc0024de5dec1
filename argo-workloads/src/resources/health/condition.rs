//! Conditions, which most custom resources have.

use jiff::Timestamp;
use serde_json::Value;

use super::{Assessment, Health, time};

/// Types of conditions that tell whether an object does its work.
pub(super) const READY_LIKE: &[&str] = &[
    "Ready",
    "Available",
    "Healthy",
    "Synced",
    "Accepted",
    "Programmed",
    "Established",
    "Reconciled",
    "Succeeded",
];

/// A condition of an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Condition<'a> {
    pub(super) type_: &'a str,
    pub(super) status: &'a str,
    pub(super) reason: &'a str,
    pub(super) message: &'a str,
    pub(super) since: Option<Timestamp>,
}

impl<'a> Condition<'a> {
    /// Returns the conditions of an object; Gateway API keeps those of routes by parent.
    pub(super) fn all(object: &'a Value) -> Vec<Self> {
        let status = &object["status"];
        let own = status["conditions"].as_array();
        let parents = status["parents"].as_array();
        let of_parents = parents.into_iter().flatten();
        let of_parents =
            of_parents.flat_map(|parent| parent["conditions"].as_array().into_iter().flatten());
        let all = own.into_iter().flatten().chain(of_parents);
        all.map(Self::new).collect()
    }

    fn new(value: &'a Value) -> Self {
        let text = |name: &str| value[name].as_str().unwrap_or_default();
        Self {
            type_: text("type"),
            status: text("status"),
            reason: text("reason"),
            message: text("message"),
            since: time(&value["lastTransitionTime"]),
        }
    }

    /// `Ready is False (NotFound): no such issuer`
    fn words(&self) -> String {
        let reason = match self.reason {
            "" => String::new(),
            reason => format!(" ({reason})"),
        };
        let message = match self.message {
            "" => String::new(),
            message => format!(": {message}"),
        };
        format!("{} is {}{reason}{message}", self.type_, self.status)
    }
}

/// Judges an object by the first of some condition types that is not true; `if_false` is its
/// health if the condition is false. Returns `None` if it has none of the types.
pub(super) fn of(object: &Value, types: &[&str], if_false: Health) -> Option<Assessment> {
    let conditions = Condition::all(object);
    let known = || {
        conditions
            .iter()
            .filter(|condition| types.contains(&condition.type_))
    };
    let Some(bad) = known().find(|condition| condition.status != "True") else {
        let stale = is_stale(object)
            .then(|| Assessment::progressing("its controller has not seen the change yet"));
        return stale.or_else(|| known().next().map(|_| Assessment::healthy()));
    };
    let health = match bad.status {
        "False" => if_false,
        _ => Health::Progressing,
    };
    let words = Assessment::progressing(bad.words()).since(bad.since);
    Some(Assessment { health, ..words })
}

/// A certificate that is being issued says why it is not ready yet.
pub(super) fn certificate(object: &Value) -> Option<Assessment> {
    let assessment = of(object, &["Ready"], Health::Degraded)?;
    let conditions = Condition::all(object);
    let issuing = conditions
        .iter()
        .find(|c| c.type_ == "Issuing" && c.status == "True");
    Some(match issuing {
        Some(issuing) => Assessment {
            health: Health::Progressing,
            ..assessment.note(issuing.message)
        },
        None => assessment,
    })
}

/// True if the status is that of an older generation.
fn is_stale(object: &Value) -> bool {
    let generation = object["metadata"]["generation"].as_i64();
    let observed = object["status"]["observedGeneration"].as_i64();
    matches!((generation, observed), (Some(generation), Some(observed)) if observed < generation)
}
