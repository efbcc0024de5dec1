// Against marks as a real Argo CD wrote them, and against the hard forms of its grammar.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, OwnerReference};
use serde_json::json;

use super::*;
