//! The kinds of patches.

use serde_json::Value;

use super::list::is_custom;
use super::reply::Refusal;
use super::strategic;
use crate::store::{ResourceType, merge_patch};

/// How a patch is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum PatchKind {
    Json,
    Merge,
    Strategic,
    Apply,
}

impl PatchKind {
    pub(super) fn of(content_type: Option<&str>, resource: &ResourceType) -> Result<Self, Refusal> {
        let name = content_type.unwrap_or_default();
        let name = name.split(';').next().unwrap_or_default().trim();
        Ok(match name {
            "application/json-patch+json" => Self::Json,
            "application/merge-patch+json" => Self::Merge,
            "application/strategic-merge-patch+json" if !is_custom(resource) => Self::Strategic,
            "application/apply-patch+yaml" => Self::Apply,
            _ => {
                let known = if is_custom(resource) {
                    "application/json-patch+json, application/merge-patch+json, application/apply-patch+yaml"
                } else {
                    "application/json-patch+json, application/merge-patch+json, application/strategic-merge-patch+json, application/apply-patch+yaml"
                };
                return Err(Refusal::new(
                    415,
                    format!(
                        "the body of the request was in an unknown format - accepted media types include: {known}"
                    ),
                ));
            }
        })
    }

    /// The object with the patch applied.
    pub(super) fn apply(
        self,
        old: &Value,
        patch: &Value,
        resource: &ResourceType,
    ) -> Result<Value, Refusal> {
        let mut new = old.clone();
        match self {
            Self::Json => {
                let patch: json_patch::Patch = serde_json::from_value(patch.clone())
                    .map_err(|error| Refusal::bad_request(error.to_string()))?;
                json_patch::patch(&mut new, &patch)
                    .map_err(|error| Refusal::new(422, error.to_string()))?;
            }
            Self::Merge => merge_patch(&mut new, patch),
            Self::Apply if is_custom(resource) => merge_patch(&mut new, patch),
            Self::Strategic | Self::Apply => strategic::merge(&mut new, patch),
        }
        Ok(new)
    }
}
