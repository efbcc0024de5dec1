//! The words of the two query languages.
//!
//! Names of pods and containers stand in quotes, and nothing in them ends the quotes: they may
//! come from anybody who may create objects.

use std::{collections::BTreeSet, fmt::Write};

use serde::{Deserialize, Serialize};

use super::LabelNames;
use crate::StoreKind;

/// The way to ask a store for the lines of containers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoreQuery {
    kind: Kind,
    names: LabelNames,
    /// The names that select streams; others are compared line by line.
    indexed: BTreeSet<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Kind {
    Loki,
    VictoriaLogs,
}

/// The comparisons of a query, by whether a label selects streams.
#[derive(Default)]
struct Terms {
    stream: Vec<String>,
    line: Vec<String>,
}

impl StoreQuery {
    /// Creates the queries of a store whose streams have the labels `indexed`.
    pub fn new(kind: StoreKind, names: LabelNames, indexed: BTreeSet<String>) -> Self {
        let kind = match kind {
            StoreKind::Loki => Kind::Loki,
            StoreKind::VictoriaLogs => Kind::VictoriaLogs,
        };
        Self {
            kind,
            names,
            indexed,
        }
    }

    /// Returns the kind of store.
    pub fn kind(&self) -> StoreKind {
        match self.kind {
            Kind::Loki => StoreKind::Loki,
            Kind::VictoriaLogs => StoreKind::VictoriaLogs,
        }
    }

    /// Returns the names of the labels.
    pub fn names(&self) -> &LabelNames {
        &self.names
    }

    /// Returns the name of the query language.
    pub fn language(&self) -> &'static str {
        match self.kind {
            Kind::Loki => "LogQL",
            Kind::VictoriaLogs => "LogsQL",
        }
    }

    /// Returns the query for all lines of a container.
    pub fn container(&self, namespace: &str, pod: &str, container: &str) -> String {
        let mut terms = self.namespace(namespace);
        self.push(&mut terms, &self.names.pod, Value::Is(pod));
        self.push(&mut terms, &self.names.container, Value::Is(container));
        self.text(terms)
    }

    /// Returns the query for all lines of some pods of a namespace, or of all of them.
    pub fn pods<'a>(&self, namespace: &str, pods: impl IntoIterator<Item = &'a str>) -> String {
        let mut terms = self.namespace(namespace);
        let pods: Vec<&str> = pods.into_iter().collect();
        match &pods[..] {
            [] => {}
            [pod] => self.push(&mut terms, &self.names.pod, Value::Is(pod)),
            pods => self.push(&mut terms, &self.names.pod, Value::OneOf(pods)),
        }
        self.text(terms)
    }

    fn namespace(&self, namespace: &str) -> Terms {
        let mut terms = Terms::default();
        self.push(&mut terms, &self.names.namespace, Value::Is(namespace));
        terms
    }

    fn push(&self, terms: &mut Terms, name: &str, value: Value<'_>) {
        let is_indexed = self.indexed.contains(name);
        let name = self.name(name);
        if is_indexed {
            terms.stream.push(format!("{name}{}", value.comparison()));
        } else if self.kind == Kind::Loki {
            terms.line.push(format!(" | {name}{}", value.comparison()));
        } else {
            terms.line.push(format!("{name}:{}", value.filter()));
        }
    }

    /// Returns a label's name as the language writes it.
    fn name(&self, name: &str) -> String {
        let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.');
        match self.kind {
            Kind::VictoriaLogs if name.chars().all(is_plain) => name.to_owned(),
            Kind::VictoriaLogs => quoted(name),
            // Loki's names are letters, digits and underscores.
            Kind::Loki => name
                .chars()
                .map(|c| if c.is_ascii_alphanumeric() { c } else { '_' })
                .collect(),
        }
    }

    fn text(&self, terms: Terms) -> String {
        let Terms { mut stream, line } = terms;
        match self.kind {
            Kind::Loki => {
                if stream.is_empty() {
                    // A selector without a value that must be there is refused.
                    stream.push("service_name=~\".+\"".to_owned());
                }
                format!("{{{}}}{}", stream.join(", "), line.concat())
            }
            Kind::VictoriaLogs => {
                let selector = (!stream.is_empty()).then(|| format!("{{{}}}", stream.join(",")));
                let parts: Vec<_> = selector.into_iter().chain(line).collect();
                parts.join(" ")
            }
        }
    }
}

#[derive(Clone, Copy)]
enum Value<'a> {
    Is(&'a str),
    OneOf(&'a [&'a str]),
}

impl Value<'_> {
    /// `="web-1"`, `=~"web-1|web-2"`
    fn comparison(self) -> String {
        match self {
            Self::Is(value) => format!("={}", quoted(value)),
            Self::OneOf(values) => {
                let values: Vec<_> = values.iter().map(|value| regex::escape(value)).collect();
                format!("=~{}", quoted(&values.join("|")))
            }
        }
    }

    /// `="web-1"`, `in("web-1","web-2")`
    fn filter(self) -> String {
        match self {
            Self::Is(value) => format!("={}", quoted(value)),
            Self::OneOf(values) => {
                let values: Vec<_> = values.iter().map(|value| quoted(value)).collect();
                format!("in({})", values.join(","))
            }
        }
    }
}

/// Returns a Go string literal, as both languages read it.
fn quoted(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c if c.is_control() || u32::from(c) > 0xFFFF => {
                let _ = write!(out, "\\U{:08x}", u32::from(c));
            }
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn query(kind: StoreKind, names: [&str; 3], indexed: &[&str]) -> StoreQuery {
        let [namespace, pod, container] = names;
        let indexed = indexed.iter().map(|name| (*name).to_owned()).collect();
        StoreQuery::new(kind, LabelNames::new(namespace, pod, container), indexed)
    }

    const LOKI: [&str; 3] = ["namespace", "pod", "container"];
    const VECTOR: [&str; 3] = [
        "kubernetes.pod_namespace",
        "kubernetes.pod_name",
        "kubernetes.container_name",
    ];

    #[test]
    fn labels_select_streams_and_the_rest_compares_lines() {
        let all = query(StoreKind::Loki, LOKI, &LOKI);
        assert_eq!(
            all.container("shop", "web-1", "app"),
            r#"{namespace="shop", pod="web-1", container="app"}"#
        );
        let some = query(StoreKind::Loki, LOKI, &["namespace", "container"]);
        assert_eq!(
            some.container("shop", "web-1", "app"),
            r#"{namespace="shop", container="app"} | pod="web-1""#
        );
        let none = query(StoreKind::Loki, LOKI, &[]);
        assert_eq!(
            none.pods("shop", ["a", "b.c"]),
            r#"{service_name=~".+"} | namespace="shop" | pod=~"a|b\\.c""#
        );
    }

    #[test]
    fn victorialogs_has_fields_beside_its_streams() {
        let all = query(StoreKind::VictoriaLogs, VECTOR, &VECTOR);
        assert_eq!(
            all.container("shop", "web-1", "app"),
            r#"{kubernetes.pod_namespace="shop",kubernetes.pod_name="web-1",kubernetes.container_name="app"}"#
        );
        let some = query(StoreKind::VictoriaLogs, VECTOR, &[VECTOR[0]]);
        assert_eq!(
            some.pods("shop", ["a", "b"]),
            r#"{kubernetes.pod_namespace="shop"} kubernetes.pod_name:in("a","b")"#
        );
        let odd = query(StoreKind::VictoriaLogs, ["n s", "pod", "c"], &[]);
        assert_eq!(odd.pods("shop", []), r#""n s":="shop""#);
    }

    #[test]
    fn a_name_does_not_end_its_quotes() {
        let evil = "x\"} or {a=\"b\\\n`'\u{7}";
        for kind in [StoreKind::Loki, StoreKind::VictoriaLogs] {
            let text = query(kind, LOKI, &LOKI).pods("shop", [evil]);
            assert!(
                text.ends_with("=\"x\\\"} or {a=\\\"b\\\\\\n`'\\U00000007\"}"),
                "{text}"
            );
        }
    }

    proptest! {
        /// Quotes of the text are escaped, backslashes come in pairs or before an escape.
        #[test]
        fn quotes_hold_any_text(text in any::<String>()) {
            let quoted = quoted(&text);
            let inner = &quoted[1..quoted.len() - 1];
            let mut chars = inner.chars();
            while let Some(c) = chars.next() {
                prop_assert!(c != '"' && !c.is_control());
                if c == '\\' {
                    prop_assert!(chars.next().is_some());
                }
            }
        }
    }
}
