//! Field selectors.

use serde_json::Value;

use crate::store::ResourceType;

/// Fields that a selector may name, besides `metadata.name` and `metadata.namespace`
/// (kubernetes, `pkg/apis/core/v1/conversion.go` and its neighbours).
const POD: [&str; 10] = [
    "spec.nodeName",
    "spec.restartPolicy",
    "spec.schedulerName",
    "spec.serviceAccountName",
    "spec.hostNetwork",
    "status.phase",
    "status.podIP",
    "status.podIPs",
    "status.nominatedNodeName",
    "spec.host",
];
const EVENT: [&str; 11] = [
    "involvedObject.kind",
    "involvedObject.namespace",
    "involvedObject.name",
    "involvedObject.uid",
    "involvedObject.apiVersion",
    "involvedObject.resourceVersion",
    "involvedObject.fieldPath",
    "reason",
    "reportingComponent",
    "source",
    "type",
];

/// All of these hold.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Fields {
    terms: Vec<Term>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Term {
    field: String,
    equal: bool,
    value: String,
}

impl Fields {
    /// Reads what `fieldSelector` holds; the error is the message of the 400.
    pub(super) fn parse(text: &str, resource: &ResourceType) -> Result<Self, String> {
        let terms = split(text).into_iter().filter(|term| !term.is_empty());
        let terms: Result<Vec<Term>, String> = terms
            .map(|term| {
                let term = Term::parse(&term).ok_or_else(|| {
                    format!("invalid selector: '{text}'; can't understand '{term}'")
                })?;
                known(&term.field, resource)?;
                Ok(term)
            })
            .collect();
        Ok(Self { terms: terms? })
    }

    /// Only the object of that name.
    pub(super) fn and_name(mut self, name: &str) -> Self {
        self.terms.push(Term {
            field: "metadata.name".to_owned(),
            equal: true,
            value: name.to_owned(),
        });
        self
    }

    pub(super) fn matches(&self, object: &Value) -> bool {
        let holds = |term: &Term| (field(object, &term.field) == term.value) == term.equal;
        self.terms.iter().all(holds)
    }
}

impl Term {
    fn parse(text: &str) -> Option<Self> {
        let at = unescaped(text, |c| c == '=' || c == '!')?;
        let (field, rest) = text.split_at(at);
        let (equal, value) = if let Some(value) = rest.strip_prefix("!=") {
            (false, value)
        } else if let Some(value) = rest.strip_prefix("==") {
            (true, value)
        } else {
            (true, rest.strip_prefix('=')?)
        };
        Some(Self {
            field: field.to_owned(),
            equal,
            value: unescape(value),
        })
    }
}

/// Splits at commas that no backslash hides.
fn split(text: &str) -> Vec<String> {
    let mut parts = Vec::new();
    let mut rest = text;
    while let Some(at) = unescaped(rest, |c| c == ',') {
        parts.push(rest[..at].to_owned());
        rest = &rest[at + 1..];
    }
    parts.push(rest.to_owned());
    parts
}

fn unescaped(text: &str, wanted: impl Fn(char) -> bool) -> Option<usize> {
    let mut escaped = false;
    for (at, c) in text.char_indices() {
        if !escaped && wanted(c) {
            return Some(at);
        }
        escaped = !escaped && c == '\\';
    }
    None
}

fn unescape(text: &str) -> String {
    let mut out = String::new();
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        out.extend(if c == '\\' { chars.next() } else { Some(c) });
    }
    out
}

fn known(field: &str, resource: &ResourceType) -> Result<(), String> {
    let own: &[&str] = match resource.name().as_str() {
        "pods" => &POD,
        "events" => &EVENT,
        "namespaces" => &["status.phase"],
        "nodes" => &["spec.unschedulable"],
        "secrets" => &["type"],
        "replicationcontrollers" | "replicasets.apps" => &["status.replicas"],
        "jobs.batch" => &["status.successful"],
        _ => &[],
    };
    if matches!(field, "metadata.name" | "metadata.namespace") || own.contains(&field) {
        return Ok(());
    }
    Err(if own.is_empty() {
        format!(
            "{} is not a known field selector: only \"metadata.name\", \"metadata.namespace\"",
            go_quoted(field)
        )
    } else {
        format!("field label not supported: {field}")
    })
}

/// The value of a field as the registries show it to a selector.
fn field(object: &Value, name: &str) -> String {
    let first = |names: [&str; 2]| {
        let mut values = names.iter().map(|name| path(object, name));
        values.find(|value| !value.is_empty()).unwrap_or_default()
    };
    match name {
        "source" => first(["source.component", "reportingComponent"]),
        "spec.host" => path(object, "spec.nodeName"),
        "spec.hostNetwork" | "spec.unschedulable" => match path(object, name) {
            value if value.is_empty() => "false".to_owned(),
            value => value,
        },
        "status.successful" => match path(object, "status.succeeded") {
            value if value.is_empty() => "0".to_owned(),
            value => value,
        },
        "status.replicas" => match path(object, name) {
            value if value.is_empty() => "0".to_owned(),
            value => value,
        },
        "status.podIPs" => path(object, "status.podIP"),
        name => path(object, name),
    }
}

fn path(object: &Value, name: &str) -> String {
    let pointer = format!("/{}", name.replace('.', "/"));
    match object.pointer(&pointer) {
        Some(Value::String(text)) => text.clone(),
        Some(Value::Null) | None => String::new(),
        Some(other) => other.to_string(),
    }
}

/// Text in the quotes of Go's `%q`.
pub(super) fn go_quoted(text: &str) -> String {
    Value::from(text).to_string()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn of(plural: &str) -> ResourceType {
        let types = crate::store::builtin();
        types
            .into_iter()
            .find(|known| known.plural == plural)
            .unwrap()
    }

    #[test]
    fn equal_and_unequal() {
        let event = json!({
            "metadata": {"name": "e", "namespace": "a"},
            "involvedObject": {"kind": "Pod", "name": "p,1"},
            "type": "Warning",
            "reportingComponent": "kubelet",
        });
        for (text, wanted) in [
            ("", true),
            ("involvedObject.kind=Pod,type!=Normal", true),
            ("involvedObject.kind!=Pod", false),
            (r"involvedObject.name=p\,1", true),
            ("source==kubelet", true),
            ("reason=", true),
        ] {
            let fields = Fields::parse(text, &of("events")).unwrap();
            assert_eq!(fields.matches(&event), wanted, "{text}");
        }
    }

    #[test]
    fn an_unknown_field_is_refused() {
        let refused = |plural, text| Fields::parse(text, &of(plural)).unwrap_err();
        assert_eq!(
            refused("pods", "spec.nothing=x"),
            "field label not supported: spec.nothing"
        );
        assert_eq!(
            refused("deployments", "spec.replicas=1"),
            "\"spec.replicas\" is not a known field selector: only \"metadata.name\", \"metadata.namespace\""
        );
        assert_eq!(
            refused("pods", "x"),
            "invalid selector: 'x'; can't understand 'x'"
        );
    }
}
