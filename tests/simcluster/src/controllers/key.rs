//! The name under which an object waits for its controller.

use crate::store::Object;

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Key {
    pub(super) resource: &'static str,
    pub(super) namespace: String,
    pub(super) name: String,
}

pub(super) fn key(resource: &'static str, object: &Object) -> Key {
    Key {
        resource,
        namespace: object.namespace().to_owned(),
        name: object.name().to_owned(),
    }
}
