//! Errors of the store.

/// Error of the store.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// No such type is registered.
    #[error("the server could not find the requested resource")]
    UnknownType(String),
    /// No such object.
    #[error("{resource} \"{name}\" not found")]
    NotFound {
        /// Full name of the type.
        resource: String,
        /// Name of the object.
        name: String,
    },
    /// An object of that name exists.
    #[error("{resource} \"{name}\" already exists")]
    AlreadyExists {
        /// Full name of the type.
        resource: String,
        /// Name of the object.
        name: String,
    },
    /// The object has another version or uid than the writer thinks.
    #[error("Operation cannot be fulfilled on {resource} \"{name}\": {cause}")]
    Conflict {
        /// Full name of the type.
        resource: String,
        /// Name of the object.
        name: String,
        /// The difference.
        cause: String,
    },
    /// The object cannot be stored.
    #[error("{0}")]
    Invalid(String),
    /// Changes since that version are no longer kept.
    #[error("too old resource version: {requested} ({oldest})")]
    Expired {
        /// The version asked for.
        requested: u64,
        /// The oldest version a watch may start from.
        oldest: u64,
    },
}

pub(super) fn conflict(resource: &str, name: &str, cause: &str) -> StoreError {
    StoreError::Conflict {
        resource: resource.to_owned(),
        name: name.to_owned(),
        cause: cause.to_owned(),
    }
}

pub(super) fn unknown(resource: &str) -> StoreError {
    StoreError::UnknownType(resource.to_owned())
}
