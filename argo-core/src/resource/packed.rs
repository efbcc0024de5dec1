//! A pod that is not decoded yet.

use std::{
    borrow::Cow,
    fmt,
    hash::{DefaultHasher, Hasher},
};

use k8s_openapi::{NamespaceResourceScope, apimachinery::pkg::apis::meta::v1::ObjectMeta};
use kube::Resource;
use serde::{
    Deserialize, Deserializer,
    de::{MapAccess, Visitor},
};

use super::{
    Pod,
    cut::{Cut, Field, Key, copy_value, push_text},
    lenient::{lenient, nullable},
    meta::{LAST_APPLIED, slim_metadata},
};

/// A pod as JSON, without the fields that are many and never read.
///
/// Most pods of a crowded namespace belong to others and change all the time. Their JSON is
/// copied in one pass; it is decoded once it is known whose they are, if at all.
#[derive(Clone)]
pub struct PackedPod {
    /// Holds the resource version and nothing else: a watch asks for it.
    meta: ObjectMeta,
    uid: Box<str>,
    /// The metadata, without the resource version, which is another after every change.
    metadata: Box<[u8]>,
    /// The other fields, as an object.
    rest: Box<[u8]>,
}

const fn dropped(name: &'static str) -> (&'static str, Field) {
    (name, Field::Dropped)
}

const METADATA: Cut = Cut(&[
    dropped("managedFields"),
    dropped("resourceVersion"),
    dropped("selfLink"),
    ("annotations", Field::Cut(&Cut(&[dropped(LAST_APPLIED)]))),
]);

const POD: Cut = Cut(&[
    dropped("apiVersion"),
    dropped("kind"),
    ("spec", Field::Cut(&SPEC)),
    ("status", Field::Cut(&STATUS)),
]);

const SPEC: Cut = Cut(&[
    ("containers", Field::Cut(&CONTAINER)),
    ("initContainers", Field::Cut(&CONTAINER)),
    ("ephemeralContainers", Field::Cut(&CONTAINER)),
    dropped("dnsConfig"),
    dropped("dnsPolicy"),
    dropped("enableServiceLinks"),
    dropped("hostAliases"),
    dropped("imagePullSecrets"),
    dropped("preemptionPolicy"),
    dropped("priority"),
    dropped("readinessGates"),
    dropped("securityContext"),
    dropped("serviceAccount"),
    dropped("tolerations"),
    dropped("topologySpreadConstraints"),
]);

const CONTAINER: Cut = Cut(&[
    dropped("args"),
    dropped("command"),
    dropped("env"),
    dropped("envFrom"),
    dropped("imagePullPolicy"),
    dropped("lifecycle"),
    ("livenessProbe", Field::Cut(&PROBE)),
    ("readinessProbe", Field::Cut(&PROBE)),
    ("startupProbe", Field::Cut(&PROBE)),
    dropped("securityContext"),
    dropped("terminationMessagePath"),
    dropped("terminationMessagePolicy"),
    dropped("volumeDevices"),
    dropped("volumeMounts"),
]);

const PROBE: Cut = Cut(&[("httpGet", Field::Cut(&Cut(&[dropped("httpHeaders")])))]);

const STATUS: Cut = Cut(&[
    ("containerStatuses", Field::Cut(&CONTAINER_STATUS)),
    ("initContainerStatuses", Field::Cut(&CONTAINER_STATUS)),
    ("ephemeralContainerStatuses", Field::Cut(&CONTAINER_STATUS)),
    ("conditions", Field::Cut(&Cut(&[dropped("lastProbeTime")]))),
    dropped("hostIP"),
    dropped("hostIPs"),
    dropped("podIP"),
    dropped("podIPs"),
    dropped("qosClass"),
]);

const CONTAINER_STATUS: Cut = Cut(&[
    dropped("allocatedResources"),
    dropped("allocatedResourcesStatus"),
    dropped("resources"),
    dropped("user"),
    dropped("volumeMounts"),
]);

/// The parts of a pod that decide whose it is.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PodHead {
    /// The metadata.
    pub metadata: ObjectMeta,
    /// The claims that the pod mounts.
    pub claims: Vec<String>,
}

/// The parts of a changed pod that tell whether the change matters to whoever knew it before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Glimpse {
    /// The resource version.
    pub version: Option<String>,
    /// The [fingerprint](PackedPod::fingerprint) of the metadata.
    pub fingerprint: u64,
}

/// The beginning of a line of a watch that reports a change.
const CHANGED: &[u8] = br#"{"type":"MODIFIED","object":{"#;
const METADATA_KEY: &[u8] = br#""metadata":"#;
/// Bytes within which the metadata of an object begin. Only its kind and its version come before.
const BEGINS_WITHIN: usize = 128;

impl PackedPod {
    /// Reads only the metadata of the pod in a line of a watch. Returns nothing for a line of
    /// any other form than a server writes for a change.
    pub fn glimpse(line: &[u8]) -> Option<Glimpse> {
        let object = line.strip_prefix(CHANGED)?;
        let begin = &object[..object.len().min(BEGINS_WITHIN)];
        let at = memchr::memmem::find(begin, METADATA_KEY)?;
        // It is the object's own field, and not one of a field before it.
        if object[..at].contains(&b'{') {
            return None;
        }
        let json = &object[at + METADATA_KEY.len()..];
        let mut json = serde_json::Deserializer::from_slice(json);
        let metadata = Metadata::deserialize(&mut json).ok()?;
        Some(Glimpse {
            fingerprint: fingerprint(&metadata.json),
            version: metadata.version,
        })
    }

    /// A hash of the metadata without the resource version. The uid is part of it.
    pub fn fingerprint(&self) -> u64 {
        fingerprint(&self.metadata)
    }

    /// The uid of the pod.
    pub fn uid(&self) -> &str {
        &self.uid
    }

    /// The resource version.
    pub fn resource_version(&self) -> Option<&str> {
        self.meta.resource_version.as_deref()
    }

    /// Decodes the metadata.
    pub fn metadata(&self) -> ObjectMeta {
        let Wrapped(mut metadata) = decoded(&self.metadata);
        metadata
            .resource_version
            .clone_from(&self.meta.resource_version);
        metadata
    }

    /// Decodes the parts that decide whose the pod is.
    pub fn head(&self) -> PodHead {
        PodHead {
            metadata: self.metadata(),
            claims: decoded::<Claiming>(&self.rest).spec.claims(),
        }
    }

    /// Decodes the pod.
    pub fn pod(&self) -> Pod {
        Pod {
            metadata: self.metadata(),
            ..decoded(&self.rest)
        }
    }
}

fn fingerprint(metadata: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    hasher.write(metadata);
    hasher.finish()
}

/// Decodes JSON that a server sent and that was valid then. A pod with a field of another type
/// than Kubernetes gives it is no reason to lose the others.
fn decoded<T: for<'de> Deserialize<'de> + Default>(json: &[u8]) -> T {
    serde_json::from_slice(json).unwrap_or_else(|error| {
        log::error!("a pod cannot be read: {error}");
        T::default()
    })
}

#[derive(Default, Deserialize)]
struct Wrapped(#[serde(deserialize_with = "slim_metadata")] ObjectMeta);

#[derive(Default, Deserialize)]
#[serde(default)]
struct Claiming {
    spec: ClaimingSpec,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct ClaimingSpec {
    #[serde(deserialize_with = "nullable")]
    volumes: Vec<ClaimingVolume>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct ClaimingVolume {
    #[serde(deserialize_with = "lenient")]
    persistent_volume_claim: Option<super::ClaimSource>,
}

impl ClaimingSpec {
    fn claims(self) -> Vec<String> {
        let volumes = self.volumes.into_iter();
        let claims = volumes.filter_map(|volume| volume.persistent_volume_claim);
        claims.map(|claim| claim.claim_name).collect()
    }
}

impl fmt::Debug for PackedPod {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let json = String::from_utf8_lossy(&self.metadata);
        f.debug_tuple("PackedPod").field(&json).finish()
    }
}

impl<'de> Deserialize<'de> for PackedPod {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Packing)
    }
}

struct Packing;

impl<'de> Visitor<'de> for Packing {
    type Value = PackedPod;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a pod")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<PackedPod, A::Error> {
        let (mut metadata, mut rest) = (Metadata::default(), Vec::with_capacity(USUAL));
        rest.push(b'{');
        while let Some(part) = map.next_key_seed(Key(|name: &str| match name {
            "metadata" => None,
            name => Some(POD.keep(name, 1, &mut rest)),
        }))? {
            match part {
                None => metadata = map.next_value()?,
                Some(within) => copy_value(&mut map, within, &mut rest)?,
            }
        }
        rest.push(b'}');
        Ok(metadata.with(rest))
    }
}

/// Bytes of a packed pod; two containers and their statuses fit.
const USUAL: usize = 3072;

#[derive(Default)]
struct Metadata {
    uid: Box<str>,
    version: Option<String>,
    json: Vec<u8>,
}

impl Metadata {
    fn with(self, rest: Vec<u8>) -> PackedPod {
        PackedPod {
            meta: ObjectMeta {
                resource_version: self.version,
                ..ObjectMeta::default()
            },
            uid: self.uid,
            metadata: self.json.into_boxed_slice(),
            rest: rest.into_boxed_slice(),
        }
    }
}

impl<'de> Deserialize<'de> for Metadata {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(PackingMetadata)
    }
}

struct PackingMetadata;

impl<'de> Visitor<'de> for PackingMetadata {
    type Value = Metadata;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the metadata of a pod")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Metadata, A::Error> {
        let mut found = Metadata {
            json: Vec::with_capacity(USUAL / 2),
            ..Metadata::default()
        };
        let out = &mut found.json;
        out.push(b'{');
        while let Some(part) = map.next_key_seed(Key(|name: &str| Part::of(name, out)))? {
            match part {
                Part::Uid => {
                    found.uid = map.next_value()?;
                    push_text(out, &found.uid);
                }
                Part::Version => found.version = map.next_value()?,
                Part::Other(within) => copy_value(&mut map, within, out)?,
            }
        }
        out.push(b'}');
        Ok(found)
    }
}

/// A field of metadata.
enum Part {
    Uid,
    Version,
    Other(Option<&'static Cut>),
}

impl Part {
    fn of(name: &str, out: &mut Vec<u8>) -> Self {
        let within = METADATA.keep(name, 1, out);
        match name {
            "uid" => Self::Uid,
            "resourceVersion" => Self::Version,
            _ => Self::Other(within),
        }
    }
}

impl Resource for PackedPod {
    type DynamicType = ();
    type Scope = NamespaceResourceScope;

    fn kind((): &()) -> Cow<'_, str> {
        Pod::kind(&())
    }
    fn group((): &()) -> Cow<'_, str> {
        Pod::group(&())
    }
    fn version((): &()) -> Cow<'_, str> {
        Pod::version(&())
    }
    fn plural((): &()) -> Cow<'_, str> {
        Pod::plural(&())
    }
    fn meta(&self) -> &ObjectMeta {
        &self.meta
    }
    fn meta_mut(&mut self) -> &mut ObjectMeta {
        &mut self.meta
    }
}

#[cfg(test)]
#[path = "packed_tests.rs"]
mod tests;
