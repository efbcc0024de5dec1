//! The marks by which objects belong to an application.

use argo_core::{AppRef, GroupKind, TrackingId};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

/// The label that Argo CD writes where no other is configured.
pub const INSTANCE_LABEL: &str = "app.kubernetes.io/instance";
/// The annotation that tells two Argo CDs of one cluster apart.
pub(crate) const INSTALLATION_ID: &str = "argocd.argoproj.io/installation-id";
/// Bytes of the longest value that Kubernetes allows for a label.
const LABEL_LIMIT: usize = 63;

/// The way in which Argo CD marks the objects that it manages
/// (`application.resourceTrackingMethod`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum TrackingMethod {
    /// The tracking id in an annotation; the default since Argo CD 3.0.
    #[default]
    Annotation,
    /// The name of the application in a label; the default before. Helm charts write the
    /// same label, so it may claim too much.
    Label,
    /// The tracking id; the label is for people only.
    AnnotationAndLabel,
}

/// Tells the objects of one application from all others.
///
/// An id is trusted only where it names the object that carries it: controllers copy
/// annotations to the objects that they create (a Deployment to each of its ReplicaSets).
/// Objects that a followed object owns are found by the ownership index.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AppSelector {
    app: AppRef,
    method: TrackingMethod,
    label: String,
    installation: Option<String>,
    controller: Option<String>,
}

/// The membership of an object in the application, by its marks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Membership {
    /// The object belongs to the application.
    Own,
    /// The tracking id names another object: a controller copied the id.
    Copied(TrackingId),
    /// The object belongs to another application, of this name.
    Other(String),
    /// The object belongs to an application of the same name of another Argo CD; holds the id
    /// of that installation, if it has one.
    OtherInstallation(Option<String>),
    /// Only the label names the application, and labels do not count.
    LabelOnly,
    /// The object carries no mark that counts.
    None,
}

impl AppSelector {
    /// Creates a selector of an application by annotation, in both forms that its ids may
    /// have.
    pub fn new(app: AppRef) -> Self {
        Self {
            app,
            method: TrackingMethod::default(),
            label: INSTANCE_LABEL.to_owned(),
            installation: None,
            controller: None,
        }
    }

    /// Replaces the tracking method.
    #[must_use]
    pub fn method(mut self, method: TrackingMethod) -> Self {
        self.method = method;
        self
    }

    /// Replaces the label `app.kubernetes.io/instance` by another one.
    #[must_use]
    pub fn label(mut self, key: impl Into<String>) -> Self {
        self.label = key.into();
        self
    }

    /// Restricts the selector to one Argo CD, if that has an id.
    #[must_use]
    pub fn installation(mut self, id: Option<String>) -> Self {
        self.installation = id;
        self
    }

    /// Sets the namespace of the Argo CD controller, if it is known: the namespace decides
    /// whether ids begin with `shop` or with `team-a_shop`.
    #[must_use]
    pub fn controller_namespace(mut self, namespace: Option<String>) -> Self {
        self.controller = namespace.filter(|namespace| !namespace.is_empty());
        self
    }

    /// Returns the application.
    pub fn app(&self) -> &AppRef {
        &self.app
    }

    /// Returns the key of the label that names the application where labels count.
    pub fn label_key(&self) -> &str {
        &self.label
    }

    /// True if an object of this kind belongs to the application by its own marks.
    pub fn matches(&self, kind: &GroupKind, meta: &ObjectMeta) -> bool {
        self.membership(kind, meta) == Membership::Own
    }

    /// Reads the membership of an object from its marks.
    pub fn membership(&self, kind: &GroupKind, meta: &ObjectMeta) -> Membership {
        if !self.is_installation(meta) {
            let id = annotation(meta, INSTALLATION_ID).map(str::to_owned);
            return match self.by_marks(kind, meta) {
                Membership::Own => Membership::OtherInstallation(id),
                other => other,
            };
        }
        self.by_marks(kind, meta)
    }

    /// True if labels count and the object's label names the application. Where the object's
    /// owner cannot be read, that is all that can be known of an object.
    pub(crate) fn is_labelled(&self, meta: &ObjectMeta) -> bool {
        let value = meta.labels.as_ref().and_then(|all| all.get(&self.label));
        self.method == TrackingMethod::Label && value.is_some_and(|value| self.is_label(value))
    }

    fn by_marks(&self, kind: &GroupKind, meta: &ObjectMeta) -> Membership {
        match self.method {
            TrackingMethod::Label => self.by_label(meta),
            TrackingMethod::Annotation | TrackingMethod::AnnotationAndLabel => {
                self.by_annotation(kind, meta)
            }
        }
    }

    fn by_annotation(&self, kind: &GroupKind, meta: &ObjectMeta) -> Membership {
        let id = annotation(meta, TrackingId::ANNOTATION);
        let Some(id) = id.and_then(|id| id.parse::<TrackingId>().ok()) else {
            return match self.by_label(meta) {
                Membership::Own => Membership::LabelOnly,
                _ => Membership::None,
            };
        };
        if !names(&id, kind, meta) {
            return Membership::Copied(id);
        }
        if self.is_instance(&id.application) {
            Membership::Own
        } else {
            Membership::Other(id.application)
        }
    }

    /// Judges an object by its label. A label does not name the object that carries it, and
    /// controllers copy labels too: an object with an owner belongs where its owner does
    /// (Argo CD `controller/cache/cache.go` does the same).
    fn by_label(&self, meta: &ObjectMeta) -> Membership {
        let value = meta.labels.as_ref().and_then(|all| all.get(&self.label));
        let Some(value) = value.filter(|_| meta.owner_references.is_none()) else {
            return Membership::None;
        };
        if self.is_label(value) {
            Membership::Own
        } else {
            Membership::Other(value.clone())
        }
    }

    fn is_label(&self, value: &str) -> bool {
        self.instances().any(|name| match self.method {
            // Argo CD cuts the label only where the annotation holds the whole name.
            TrackingMethod::Label => name == value,
            _ => truncated(&name) == value,
        })
    }

    fn is_instance(&self, name: &str) -> bool {
        self.instances().any(|instance| instance == name)
    }

    /// Returns the instance names that the application may have.
    fn instances(&self) -> impl Iterator<Item = String> {
        let home = self.controller.as_deref() == Some(self.app.namespace.as_str());
        let plain = (self.controller.is_none() || home).then(|| self.app.name.clone());
        let qualified = (!home).then(|| self.app.qualified());
        plain.into_iter().chain(qualified)
    }

    fn is_installation(&self, meta: &ObjectMeta) -> bool {
        let wanted = self.installation.as_deref();
        wanted.is_none_or(|wanted| annotation(meta, INSTALLATION_ID) == Some(wanted))
    }
}

/// True if the id names the object that carries it. The name may be missing where the
/// object's was generated: Argo CD writes the id before it makes the name
/// (`sync_context.go`), as `<generateName><revision>-<phase>-<time>`.
fn names(id: &TrackingId, kind: &GroupKind, meta: &ObjectMeta) -> bool {
    let name = meta.name.as_deref().unwrap_or_default();
    let prefix = meta.generate_name.as_deref().unwrap_or_default();
    let generated = id.name.is_empty() && !prefix.is_empty() && name.starts_with(prefix);
    let namespace = meta.namespace.as_deref().unwrap_or_default();
    id.kind == *kind
        && (id.name == name || generated)
        && (namespace.is_empty() || namespace == id.namespace)
}

/// Cuts a name as Argo CD's `TruncateLabel` does.
fn truncated(name: &str) -> &str {
    let mut end = name.len().min(LABEL_LIMIT);
    while !name.is_char_boundary(end) {
        end -= 1;
    }
    if end == name.len() {
        return name;
    }
    name[..end].trim_end_matches(|c: char| !c.is_ascii_alphanumeric())
}

pub(crate) fn annotation<'a>(meta: &'a ObjectMeta, key: &str) -> Option<&'a str> {
    let annotations = meta.annotations.as_ref()?;
    annotations.get(key).map(String::as_str)
}

#[cfg(test)]
#[path = "selector_tests.rs"]
mod tests;
