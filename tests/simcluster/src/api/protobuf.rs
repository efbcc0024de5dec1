//! The little protobuf that kubectl insists on: `create namespace` and `auth can-i` send it, and
//! do not fall back to JSON when it is refused.

use serde_json::{Map, Value, json};

/// Reads an object in the protobuf form of the API, if its kind is one of those known here.
pub(super) fn decode(body: &[u8]) -> Option<Value> {
    let envelope = body.strip_prefix(b"k8s\0")?;
    let types = field(envelope, 1)?;
    let (api_version, kind) = (text(types, 1), text(types, 2));
    let object = field(envelope, 2).unwrap_or_default();
    let mut value = json!({ "apiVersion": api_version, "kind": kind });
    match kind.as_str() {
        "Namespace" | "ServiceAccount" => {
            value["metadata"] = metadata(field(object, 1).unwrap_or_default());
        }
        "SelfSubjectAccessReview" => value["spec"] = review(field(object, 2).unwrap_or_default()),
        _ => return None,
    }
    Some(value)
}

/// `k8s.io/apimachinery/pkg/apis/meta/v1/generated.proto`, `ObjectMeta`.
fn metadata(bytes: &[u8]) -> Value {
    let mut metadata = Map::new();
    for (number, name) in [(1, "name"), (2, "generateName"), (3, "namespace")] {
        let text = text(bytes, number);
        if !text.is_empty() {
            metadata.insert(name.to_owned(), Value::from(text));
        }
    }
    for (number, name) in [(11, "labels"), (12, "annotations")] {
        let pairs: Map<String, Value> = fields(bytes)
            .filter(|(found, _)| *found == number)
            .map(|(_, pair)| (text(pair, 1), Value::from(text(pair, 2))))
            .collect();
        if !pairs.is_empty() {
            metadata.insert(name.to_owned(), Value::Object(pairs));
        }
    }
    Value::Object(metadata)
}

/// `k8s.io/api/authorization/v1/generated.proto`, `SelfSubjectAccessReviewSpec`.
fn review(bytes: &[u8]) -> Value {
    let Some(resource) = field(bytes, 1) else {
        return json!({});
    };
    let names = [
        "namespace",
        "verb",
        "group",
        "version",
        "resource",
        "subresource",
        "name",
    ];
    let attributes: Map<String, Value> = (1..)
        .zip(names)
        .map(|(number, name)| (name.to_owned(), Value::from(text(resource, number))))
        .collect();
    json!({ "resourceAttributes": attributes })
}

fn text(message: &[u8], number: u64) -> String {
    let bytes = field(message, number).unwrap_or_default();
    String::from_utf8_lossy(bytes).into_owned()
}

fn field(message: &[u8], number: u64) -> Option<&[u8]> {
    fields(message)
        .find(|(found, _)| *found == number)
        .map(|(_, bytes)| bytes)
}

/// The fields of a message that hold bytes, up to the first thing that cannot be read.
fn fields(mut message: &[u8]) -> impl Iterator<Item = (u64, &[u8])> {
    std::iter::from_fn(move || {
        loop {
            let tag = varint(&mut message)?;
            let bytes = match tag & 7 {
                0 => {
                    varint(&mut message)?;
                    continue;
                }
                1 => 8,
                2 => usize::try_from(varint(&mut message)?).ok()?,
                5 => 4,
                _ => return None,
            };
            let (value, rest) = message.split_at_checked(bytes)?;
            message = rest;
            if tag & 7 == 2 {
                return Some((tag >> 3, value));
            }
        }
    })
}

fn varint(bytes: &mut &[u8]) -> Option<u64> {
    let mut value = 0u64;
    for shift in (0..64).step_by(7) {
        let (&byte, rest) = bytes.split_first()?;
        *bytes = rest;
        value |= u64::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            return Some(value);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(number: u8, content: &[u8]) -> Vec<u8> {
        let len = u8::try_from(content.len()).unwrap();
        [&[number << 3 | 2, len], content].concat()
    }

    fn envelope(kind: &str, object: &[u8]) -> Vec<u8> {
        let types = [bytes(1, b"v1"), bytes(2, kind.as_bytes())].concat();
        [b"k8s\0".to_vec(), bytes(1, &types), bytes(2, object)].concat()
    }

    #[test]
    fn a_namespace() {
        let label = [bytes(1, b"team"), bytes(2, b"a")].concat();
        let meta = [bytes(1, b"b"), vec![7 << 3, 3], bytes(11, &label)].concat();
        assert_eq!(
            decode(&envelope("Namespace", &bytes(1, &meta))).unwrap(),
            json!({
                "apiVersion": "v1", "kind": "Namespace",
                "metadata": {"name": "b", "labels": {"team": "a"}},
            })
        );
    }

    #[test]
    fn another_kind_or_a_torn_message_is_not_read() {
        assert_eq!(decode(&envelope("Pod", b"")), None);
        assert_eq!(decode(b"k8s\0\x0a\x7f"), None);
        assert_eq!(decode(b"{}"), None);
    }
}
