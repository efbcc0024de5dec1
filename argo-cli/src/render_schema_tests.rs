//! `docs/output.schema.json` says what is written: no field is missing there, and none
//! is there that is not written. Unknown fields are refused here, and welcome to readers.

use std::collections::BTreeSet;

use argo_core::{NoticeCode, record::SCHEMA};
use argo_workloads::diagnosis::Code;
use serde_json::Value;

use super::{json, tests::records};
use crate::{pages::page, summary::Outcome};

fn schema() -> Option<Value> {
    let page = page("output.schema.json")?;
    Some(serde_json::from_str(&page).unwrap())
}

/// The part of JSON Schema that the file uses.
struct Validator {
    schema: Value,
    /// Pointers of the properties that were met.
    met: BTreeSet<String>,
}

impl Validator {
    fn new(schema: Value) -> Self {
        Self {
            schema,
            met: BTreeSet::new(),
        }
    }

    /// Valid, and without a field that the schema does not know.
    fn strict(&mut self, at: &str, value: &Value) -> Result<(), String> {
        let known = self.check(at, value)?;
        let fields = value.as_object().into_iter().flat_map(|map| map.keys());
        match fields.into_iter().find(|field| !known.contains(*field)) {
            Some(field) => Err(format!("{at}: {field} is not in the schema")),
            None => Ok(()),
        }
    }

    /// The fields that are known, if valid.
    fn check(&mut self, at: &str, value: &Value) -> Result<BTreeSet<String>, String> {
        let schema = self.schema.pointer(at).unwrap().clone();
        let mut known = BTreeSet::new();
        for (key, rule) in schema.as_object().unwrap() {
            let holds = match key.as_str() {
                "$ref" => {
                    let target = rule.as_str().unwrap().trim_start_matches('#').to_owned();
                    known.extend(self.check(&target, value)?);
                    true
                }
                "oneOf" => {
                    known.extend(self.one_of(at, rule.as_array().unwrap().len(), value)?);
                    true
                }
                "properties" => {
                    known.extend(self.properties(at, rule, value)?);
                    true
                }
                "items" => {
                    let items = value.as_array().unwrap();
                    items
                        .iter()
                        .try_for_each(|item| self.strict(&format!("{at}/items"), item))?;
                    true
                }
                "type" => is_of_type(rule.as_str().unwrap(), value),
                "const" => rule == value,
                "enum" => rule.as_array().unwrap().contains(value),
                "minimum" => value.as_i64() >= rule.as_i64(),
                "format" => value.as_str().unwrap().parse::<jiff::Timestamp>().is_ok(),
                "required" => {
                    let required = rule.as_array().unwrap();
                    required
                        .iter()
                        .all(|field| value.get(field.as_str().unwrap()).is_some())
                }
                "$schema" | "$defs" | "title" | "description" | "examples" => true,
                other => return Err(format!("{at}: {other} is not checked")),
            };
            if !holds {
                return Err(format!("{at}: {key} {rule} does not hold for {value}"));
            }
        }
        Ok(known)
    }

    fn properties(
        &mut self,
        at: &str,
        rule: &Value,
        value: &Value,
    ) -> Result<BTreeSet<String>, String> {
        let names: BTreeSet<String> = rule.as_object().unwrap().keys().cloned().collect();
        for name in &names {
            if let Some(field) = value.get(name) {
                let at = format!("{at}/properties/{name}");
                self.strict(&at, field)?;
                self.met.insert(at);
            }
        }
        Ok(names)
    }

    fn one_of(&mut self, at: &str, len: usize, value: &Value) -> Result<BTreeSet<String>, String> {
        let mut errors = Vec::new();
        let mut valid = Vec::new();
        for number in 0..len {
            let before = self.met.clone();
            match self.check(&format!("{at}/oneOf/{number}"), value) {
                Ok(known) => valid.push(known),
                Err(error) => {
                    self.met = before;
                    errors.push(error);
                }
            }
        }
        match (valid.pop(), valid.len()) {
            (Some(known), 0) => Ok(known),
            _ => Err(format!("{at}: not exactly one holds: {errors:#?}")),
        }
    }

    fn never_met(&self) -> Vec<String> {
        let mut missing = Vec::new();
        let definitions = self.schema["$defs"].as_object().unwrap();
        for (name, definition) in definitions {
            for field in definition["properties"].as_object().unwrap().keys() {
                let at = format!("/$defs/{name}/properties/{field}");
                if !self.met.contains(&at) {
                    missing.push(at);
                }
            }
        }
        missing
    }
}

fn is_of_type(name: &str, value: &Value) -> bool {
    match name {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "boolean" => value.is_boolean(),
        "integer" => value.is_i64() || value.is_u64(),
        _ => false,
    }
}

#[test]
fn what_is_written_is_what_the_schema_says() {
    let Some(schema) = schema() else { return };
    let mut validator = Validator::new(schema);
    for record in records() {
        let mut out = Vec::new();
        json::record(&record, &mut out);
        let value = serde_json::from_slice(&out).unwrap();
        assert_eq!(validator.strict("", &value), Ok(()), "{value}");
    }
    assert_eq!(validator.never_met(), Vec::<String>::new());
}

#[test]
fn the_check_can_fail() {
    let Some(schema) = schema() else { return };
    let record = serde_json::to_value(&records()[0]).unwrap();
    let with = |field: &str, value: Value| {
        let mut changed = record.clone();
        changed[field] = value;
        Validator::new(schema.clone()).strict("", &changed)
    };
    assert!(with("unknown", 1.into()).is_err());
    assert!(with("time", "today".into()).is_err());
    assert!(with("level", "loud".into()).is_err());
    assert!(with("restart", (-1).into()).is_err());
    assert!(with("kind", "event".into()).is_err());
    let mut short = record.clone();
    short.as_object_mut().unwrap().remove("pod");
    assert!(Validator::new(schema.clone()).strict("", &short).is_err());
}

#[test]
fn codes_are_listed() {
    let Some(schema) = schema() else { return };
    let examples = |at: &str| schema.pointer(at).unwrap()["examples"].clone();
    let codes: Vec<&str> = Code::ALL.iter().map(|code| code.as_str()).collect();
    for name in ["finding", "cause"] {
        let at = format!("/$defs/{name}/properties/code");
        assert_eq!(examples(&at), Value::from(codes.clone()));
    }
    let notices = [
        NoticeCode::Forbidden,
        NoticeCode::NotServed,
        NoticeCode::Unreachable,
        NoticeCode::Disconnected,
        NoticeCode::Restored,
        NoticeCode::LinesMissing,
        NoticeCode::InstancesLost,
        NoticeCode::LogUnreadable,
        NoticeCode::LogPolled,
        NoticeCode::FromStore,
        NoticeCode::Limited,
        NoticeCode::NothingFound,
        NoticeCode::ApplicationUnreadable,
        NoticeCode::DidYouMean,
        NoticeCode::Other,
    ];
    let notices = serde_json::to_value(notices).unwrap();
    assert_eq!(examples("/$defs/notice/properties/code"), notices);
    let outcomes = [
        Outcome::Succeeded,
        Outcome::Failed,
        Outcome::TimedOut,
        Outcome::Interrupted,
        Outcome::Waiting,
        Outcome::Paused,
    ];
    let outcomes: Vec<&str> = outcomes.map(Outcome::name).into();
    assert_eq!(
        examples("/$defs/verdict/properties/outcome"),
        Value::from(outcomes)
    );
    assert_eq!(schema["properties"]["schema"]["const"], SCHEMA);
}
