//! `SelfSubjectAccessReview`: may I?

use bytes::Bytes;
use serde_json::{Value, json};

use super::reply::{self, Refusal, Reply};
use super::request::{Asked, Target};
use super::server::Core;
use super::write::parsed;

pub(super) const GROUP: &str = "authorization.k8s.io";

pub(super) fn answer(
    core: &Core,
    asked: &Asked,
    user: &str,
    target: &Target,
    body: &Bytes,
) -> Result<Reply, Refusal> {
    if target.resource != "selfsubjectaccessreviews" || target.verb != "create" {
        return Err(Refusal::not_served());
    }
    let mut review: Value = parsed(asked, body)?;
    let wanted = &review["spec"]["resourceAttributes"];
    let text = |field: &str| wanted[field].as_str().unwrap_or_default().to_owned();
    let some = |field: &str| Some(text(field)).filter(|text| !text.is_empty());
    let verbs = [
        "get",
        "list",
        "watch",
        "create",
        "update",
        "patch",
        "delete",
        "deletecollection",
    ];
    let verb = text("verb");
    let wished = Target {
        verb: verbs
            .into_iter()
            .find(|known| *known == verb)
            .unwrap_or("other"),
        group: text("group"),
        version: String::new(),
        resource: text("resource"),
        namespace: some("namespace"),
        name: some("name"),
        subresource: some("subresource"),
    };
    let allowed = wanted.is_null() || core.access.may(user, &wished, &core.faults.rules());
    review["kind"] = json!("SelfSubjectAccessReview");
    review["apiVersion"] = json!("authorization.k8s.io/v1");
    review["status"] = json!({ "allowed": allowed });
    Ok(reply::json(201, &review))
}
