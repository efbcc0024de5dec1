//! The body of an object, kept as small as its use allows.

use std::{borrow::Cow, sync::Arc};

use argo_core::{
    TrackedBody,
    resource::{PackedPod, slim_metadata},
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use serde::{Deserialize, Serialize, de::DeserializeOwned};

/// The body of an object.
///
/// Most objects of a crowded namespace belong to others, and yet any of them may be adopted
/// by the application. Until then they are kept as JSON, which takes a fifth of the memory.
#[derive(Clone, Debug)]
pub(crate) enum Body {
    /// Unpacked, as followers get it.
    Open(TrackedBody),
    /// As JSON.
    Packed(Packed),
    /// A pod as its watch delivered it.
    Pod(Arc<PackedPod>),
    /// A pod that is none of the application's and has to be read again if it becomes so. Holds
    /// the [fingerprint](PackedPod::fingerprint) of its metadata.
    LeftOut(u64),
}

#[derive(Clone, Debug)]
pub(crate) struct Packed {
    shape: Shape,
    version: Option<Box<str>>,
    json: Box<[u8]>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Shape {
    Pod,
    Workload,
    Other,
}

impl Body {
    /// Returns the body, unpacked if need be, unless it has to be read again.
    fn get(&self) -> Option<TrackedBody> {
        Some(match self {
            Self::Open(body) => body.clone(),
            Self::Packed(packed) => packed.unpack(),
            Self::Pod(pod) => TrackedBody::Pod(Arc::new(pod.pod())),
            Self::LeftOut(_) => return None,
        })
    }

    /// Returns the metadata, which alone is unpacked, if it is here.
    pub(super) fn metadata(&self) -> Option<Cow<'_, ObjectMeta>> {
        Some(match self {
            Self::Open(body) => Cow::Borrowed(body.metadata()),
            Self::Packed(packed) => Cow::Owned(packed.metadata()),
            Self::Pod(pod) => Cow::Owned(pod.metadata()),
            Self::LeftOut(_) => return None,
        })
    }

    /// Returns the body and leaves it unpacked; nothing if it has to be read again.
    pub(super) fn open(&mut self) -> Option<TrackedBody> {
        let body = self.get()?;
        if !matches!(self, Self::Open(_)) {
            *self = Self::Open(body.clone());
        }
        Some(body)
    }

    /// Packs the body, which is not needed soon. One that others keep as well takes no memory
    /// of its own.
    pub(super) fn pack(&mut self) {
        if let Self::Open(body) = self
            && !is_shared(body)
            && let Some(packed) = Packed::new(body)
        {
            *self = Self::Packed(packed);
        }
    }

    pub(super) fn resource_version(&self) -> Option<&str> {
        match self {
            Self::Open(body) => body.metadata().resource_version.as_deref(),
            Self::Packed(packed) => packed.version.as_deref(),
            Self::Pod(pod) => pod.resource_version(),
            Self::LeftOut(_) => None,
        }
    }

    pub(super) fn is_pod(&self) -> bool {
        match self {
            Self::Open(body) => matches!(body, TrackedBody::Pod(_)),
            Self::Packed(packed) => packed.shape == Shape::Pod,
            Self::Pod(_) | Self::LeftOut(_) => true,
        }
    }
}

fn is_shared(body: &TrackedBody) -> bool {
    let owners = match body {
        TrackedBody::Pod(pod) => Arc::strong_count(pod),
        TrackedBody::Workload(workload) => Arc::strong_count(workload),
        TrackedBody::Other(meta) => Arc::strong_count(meta),
    };
    owners > 1
}

impl Packed {
    fn new(body: &TrackedBody) -> Option<Self> {
        let (shape, json) = match body {
            TrackedBody::Pod(pod) => (Shape::Pod, json(&**pod)),
            TrackedBody::Workload(workload) => (Shape::Workload, json(&**workload)),
            TrackedBody::Other(meta) => (Shape::Other, json(&**meta)),
        };
        let version = body.metadata().resource_version.as_deref();
        Some(Self {
            shape,
            version: version.map(Box::from),
            json: json?,
        })
    }

    fn unpack(&self) -> TrackedBody {
        match self.shape {
            Shape::Pod => TrackedBody::Pod(object(&self.json)),
            Shape::Workload => TrackedBody::Workload(object(&self.json)),
            Shape::Other => TrackedBody::Other(object(&self.json)),
        }
    }

    fn metadata(&self) -> ObjectMeta {
        match self.shape {
            Shape::Other => Arc::unwrap_or_clone(object(&self.json)),
            _ => Arc::unwrap_or_clone(object::<Headed>(&self.json)).metadata,
        }
    }
}

/// An object of which only the metadata is read.
#[derive(Clone, Default, Deserialize)]
struct Headed {
    #[serde(deserialize_with = "slim_metadata")]
    metadata: ObjectMeta,
}

fn json(of: &impl Serialize) -> Option<Box<[u8]>> {
    let packed = serde_json::to_vec(of);
    packed
        .inspect_err(|error| log::error!("an object cannot be packed: {error}"))
        .ok()
        .map(Vec::into_boxed_slice)
}

/// Parses the output of [`json`].
fn object<T: DeserializeOwned + Default>(json: &[u8]) -> Arc<T> {
    let object = serde_json::from_slice(json);
    Arc::new(object.unwrap_or_else(|error| {
        log::error!("an object cannot be unpacked: {error}");
        T::default()
    }))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn bodies() -> [TrackedBody; 2] {
        let meta = json!({"name": "web", "namespace": "shop", "uid": "1", "resourceVersion": "7",
            "labels": {"app": "web"}, "annotations": {"a": "\u{e9}"}});
        let pod = json!({"metadata": meta, "spec": {"containers": [{"name": "app", "image": "app:1"}]},
            "status": {"phase": "Running", "containerStatuses": [{"name": "app", "restartCount": 3,
                "state": {"waiting": {"reason": "CrashLoopBackOff"}},
                "lastState": {"terminated": {"exitCode": 1, "finishedAt": "2026-11-23T10:00:00Z"}}}]}});
        let workload = json!({"metadata": meta, "spec": {"replicas": 3},
            "status": {"conditions": [{"type": "Available", "status": "True"}]}});
        [
            TrackedBody::Pod(serde_json::from_value(pod).unwrap()),
            TrackedBody::Workload(serde_json::from_value(workload).unwrap()),
        ]
    }

    fn same(a: &TrackedBody, b: &TrackedBody) -> bool {
        match (a, b) {
            (TrackedBody::Pod(a), TrackedBody::Pod(b)) => a == b,
            (TrackedBody::Workload(a), TrackedBody::Workload(b)) => a == b,
            _ => false,
        }
    }

    fn copied(body: &TrackedBody) -> TrackedBody {
        match body {
            TrackedBody::Pod(pod) => TrackedBody::Pod(Arc::new((**pod).clone())),
            TrackedBody::Workload(it) => TrackedBody::Workload(Arc::new((**it).clone())),
            TrackedBody::Other(meta) => TrackedBody::Other(Arc::new((**meta).clone())),
        }
    }

    #[test]
    fn what_was_packed_comes_back_as_it_was() {
        for before in bodies() {
            let mut body = Body::Open(before.clone());
            body.pack();
            assert!(matches!(body, Body::Open(_)), "another one keeps it too");
            let mut body = Body::Open(copied(&before));
            body.pack();
            assert!(matches!(body, Body::Packed(_)));
            assert_eq!(body.is_pod(), matches!(before, TrackedBody::Pod(_)));
            let version = before.metadata().resource_version.as_deref();
            assert_eq!(body.resource_version(), version);
            let after = body.get().unwrap();
            assert!(same(&before, &after), "{before:#?}\n{after:#?}");
            assert_eq!(*body.metadata().unwrap(), *before.metadata());
            assert!(same(&before, &body.open().unwrap()));
            assert!(matches!(body, Body::Open(_)));
        }
    }
}
