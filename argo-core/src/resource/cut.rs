//! JSON that is copied without the fields that are many and never read.
//!
//! The copy is made while the input is parsed, without a tree in between, and from any
//! deserializer: a watch event whose `object` comes before its `type` is buffered by serde and
//! has no text left to point into.

use std::fmt;

use serde::{
    Deserializer,
    de::{DeserializeSeed, IgnoredAny, MapAccess, SeqAccess, Visitor},
};
use serde_json::ser::{CompactFormatter, Formatter};

/// The fields of an object that are left out; all others are kept. Within a list the same is
/// true of each of its elements.
#[derive(Debug)]
pub(super) struct Cut(pub(super) &'static [(&'static str, Field)]);

/// The treatment of one field.
#[derive(Debug)]
pub(super) enum Field {
    /// Left out.
    Dropped,
    /// Kept, with cuts of its own.
    Cut(&'static Cut),
}

/// Leaves out nothing.
pub(super) const WHOLE: Cut = Cut(&[]);

impl Cut {
    /// Appends the name of a field unless it is left out, and returns the cuts of its value.
    /// The object begins at `start`.
    pub(super) fn keep(
        &self,
        name: &str,
        start: usize,
        out: &mut Vec<u8>,
    ) -> Option<&'static Self> {
        let within = self.within(name);
        if within.is_some() {
            push_name(out, start, name);
        }
        within
    }

    fn within(&self, name: &str) -> Option<&'static Cut> {
        let mut fields = self.0.iter();
        match fields.find(|(field, _)| *field == name) {
            Some((_, Field::Dropped)) => None,
            Some((_, Field::Cut(cut))) => Some(cut),
            None => Some(&WHOLE),
        }
    }
}

/// Appends a value to `out`.
struct Copy<'a> {
    out: &'a mut Vec<u8>,
    cut: &'a Cut,
}

/// Appends the value of the field that was read last, or skips it.
pub(super) fn copy_value<'de, A: MapAccess<'de>>(
    map: &mut A,
    within: Option<&Cut>,
    out: &mut Vec<u8>,
) -> Result<(), A::Error> {
    match within {
        Some(cut) => map.next_value_seed(Copy { out, cut }),
        None => map.next_value::<IgnoredAny>().map(drop),
    }
}

/// Appends a string with its quotes.
pub(super) fn push_text(out: &mut Vec<u8>, text: &str) {
    let is_plain = |byte: u8| byte >= 0x20 && byte != b'"' && byte != b'\\';
    if text.bytes().all(is_plain) {
        out.push(b'"');
        out.extend_from_slice(text.as_bytes());
        out.push(b'"');
    } else if let Err(error) = serde_json::to_writer(out, text) {
        log::error!("a string cannot be written: {error}");
    }
}

/// Appends the name of a field, behind a comma unless it is the first after `start`.
fn push_name(out: &mut Vec<u8>, start: usize, name: &str) {
    if out.len() > start {
        out.push(b',');
    }
    push_text(out, name);
    out.push(b':');
}

impl<'de> DeserializeSeed<'de> for Copy<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Copy<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any JSON")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let Self { out, cut } = self;
        out.push(b'{');
        let start = out.len();
        while let Some(within) = map.next_key_seed(Key(|name: &str| cut.keep(name, start, out)))? {
            copy_value(&mut map, within, out)?;
        }
        out.push(b'}');
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        let Self { out, cut } = self;
        out.push(b'[');
        while list.next_element_seed(Copy { out, cut })?.is_some() {
            out.push(b',');
        }
        if out.last() == Some(&b',') {
            out.pop();
        }
        out.push(b']');
        Ok(())
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }

    fn visit_none<E: serde::de::Error>(self) -> Result<(), E> {
        self.visit_unit()
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        self.out.extend_from_slice(b"null");
        Ok(())
    }

    fn visit_bool<E>(self, value: bool) -> Result<(), E> {
        let text: &[u8] = if value { b"true" } else { b"false" };
        self.out.extend_from_slice(text);
        Ok(())
    }

    fn visit_i64<E: serde::de::Error>(self, value: i64) -> Result<(), E> {
        CompactFormatter
            .write_i64(self.out, value)
            .map_err(E::custom)
    }

    fn visit_u64<E: serde::de::Error>(self, value: u64) -> Result<(), E> {
        CompactFormatter
            .write_u64(self.out, value)
            .map_err(E::custom)
    }

    fn visit_f64<E: serde::de::Error>(self, value: f64) -> Result<(), E> {
        CompactFormatter
            .write_f64(self.out, value)
            .map_err(E::custom)
    }

    fn visit_str<E>(self, value: &str) -> Result<(), E> {
        push_text(self.out, value);
        Ok(())
    }
}

/// Reads the name of a field without a copy of it.
pub(super) struct Key<F>(pub(super) F);

impl<'de, T, F: FnOnce(&str) -> T> DeserializeSeed<'de> for Key<F> {
    type Value = T;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<T, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl<T, F: FnOnce(&str) -> T> Visitor<'_> for Key<F> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the name of a field")
    }

    fn visit_str<E>(self, name: &str) -> Result<T, E> {
        Ok((self.0)(name))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;

    const INNER: Cut = Cut(&[("env", Field::Dropped)]);
    const OUTER: Cut = Cut(&[("many", Field::Dropped), ("each", Field::Cut(&INNER))]);

    fn cut(text: &str, cut: &Cut) -> String {
        let mut out = Vec::new();
        let mut input = serde_json::Deserializer::from_str(text);
        Copy { out: &mut out, cut }.deserialize(&mut input).unwrap();
        input.end().unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn fields_are_left_out_in_every_element_of_a_list() {
        let text = json!({"each": [{"env": [1], "name": "a"}, {"env": {}}, "b", {"x": {"env": 1}}],
            "many": {"a": [[1]]}, "name": "c"});
        let left = json!({"each": [{"name": "a"}, {}, "b", {"x": {"env": 1}}], "name": "c"});
        assert_eq!(cut(&text.to_string(), &OUTER), left.to_string());
        assert_eq!(cut(r#"{"many":1}"#, &OUTER), "{}");
        assert_eq!(cut("[]", &OUTER), "[]");
    }

    fn any_json() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<u64>().prop_map(Value::from),
            any::<i32>().prop_map(|quarters| Value::from(f64::from(quarters) / 4.0)),
            any::<String>().prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 40, 6, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
                prop::collection::hash_map(any::<String>(), inner, 0..6)
                    .prop_map(|map| Value::Object(map.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn a_whole_copy_is_the_same_json(value in any_json()) {
            prop_assert_eq!(cut(&value.to_string(), &WHOLE), value.to_string());
        }
    }
}
