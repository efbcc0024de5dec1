//! Explanations why objects are followed or not.

use argo_core::{ObjectRef, TrackingId};

use super::{Index, index::Node, selectors::Selectors};
use crate::{Membership, selector::annotation};

/// The reason why one object is followed or not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Explanation {
    /// The object.
    pub object: ObjectRef,
    /// True if the object is followed.
    pub followed: bool,
    /// The reason in one sentence without a full stop.
    pub why: String,
}

/// Explains every known object, followed ones first.
pub(crate) fn explain(index: &Index, selectors: &Selectors) -> Vec<Explanation> {
    let mut all: Vec<_> = index
        .present()
        .map(|node| Explanation {
            object: node.object.clone(),
            followed: node.place.is_some(),
            why: why(index, selectors, node),
        })
        .collect();
    all.sort_by(|a, b| {
        let key = |e: &Explanation| {
            let o = &e.object;
            (
                !e.followed,
                o.namespace.clone(),
                o.kind.clone(),
                o.name.clone(),
            )
        };
        key(a).cmp(&key(b))
    });
    all
}

fn why(index: &Index, selectors: &Selectors, node: &Node) -> String {
    let meta = node.metadata();
    let membership = selectors.membership(&node.object.kind, &meta);
    match &node.place {
        Some(place) if place.parent.is_some() => format!("owned by {}", chain(index, node)),
        Some(_) => match annotation(&meta, TrackingId::ANNOTATION) {
            Some(id) if membership == Membership::Own => format!("tracking id {id}"),
            _ => "its label names the application".to_owned(),
        },
        None => ignored(node, membership, selectors),
    }
}

/// Returns the owners of an object: `ReplicaSet/web-6d4c ← Deployment/web`.
fn chain(index: &Index, node: &Node) -> String {
    let above = |node: &&Node| {
        let parent = node.place.as_ref()?.parent.as_ref()?;
        index.node(&parent.uid)
    };
    let names = std::iter::successors(above(&node), above).take(16);
    let names: Vec<_> = names.map(|node| node.object.to_string()).collect();
    names.join(" ← ")
}

fn ignored(node: &Node, membership: Membership, selectors: &Selectors) -> String {
    let owner = node.owners.first().map(|wanted| &wanted.owner);
    match (membership, owner) {
        (Membership::Copied(id), _) => format!(
            "tracking id is a copy of {}/{}'s, which belongs to \"{}\"",
            id.kind.kind, id.name, id.application
        ),
        (Membership::Other(app), _) => format!("belongs to \"{app}\""),
        (Membership::OtherInstallation(Some(id)), _) => {
            format!("belongs to the Argo CD with installation id \"{id}\"")
        }
        (Membership::OtherInstallation(None), _) => "carries no installation id".to_owned(),
        (Membership::LabelOnly, _) => {
            let key = selectors.label_key();
            let meta = node.metadata();
            let value = meta.labels.as_ref().and_then(|all| all.get(key));
            let value = value.map_or("", String::as_str);
            format!("no tracking id; label {key}={value} (use --tracking label)")
        }
        (_, Some(owner)) => format!("owned by {owner}, which is not followed"),
        _ => "no tracking id".to_owned(),
    }
}
