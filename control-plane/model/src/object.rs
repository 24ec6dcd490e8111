//! An object: a typed, validated document with a name.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use crate::{istio, kube};

/// Milliseconds since 1970-01-01 UTC.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(u64);

/// Names an object within a mesh.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ObjectKey {
    /// Its kind.
    pub kind: ObjectKind,
    /// Its namespace; empty for kinds without one.
    pub namespace: Arc<str>,
    /// Its name.
    pub name: Arc<str>,
}

/// What every object carries besides its specification.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ObjectMeta {
    /// `metadata.labels`.
    pub labels: BTreeMap<String, String>,
    /// `metadata.annotations`.
    pub annotations: BTreeMap<String, String>,
    /// `metadata.creationTimestamp`; 0 until the store has filled it in. Decides "oldest wins".
    pub created: Timestamp,
    /// `metadata.deletionTimestamp`: it is on its way out, and takes no more requests.
    pub deleted: Option<Timestamp>,
}

/// A document that was read and accepted.
#[derive(Clone, Debug, PartialEq)]
pub struct Object {
    /// Its name.
    pub key: ObjectKey,
    /// Labels, annotations, age.
    pub meta: ObjectMeta,
    /// What it says.
    pub spec: Spec,
    /// The document as it was given.
    pub source_text: Arc<str>,
}

/// A change to the set of objects.
#[derive(Clone, Debug, PartialEq)]
pub enum Change {
    /// The object exists and says this.
    Applied(Arc<Object>),
    /// The object is gone.
    Deleted(ObjectKey),
}

macro_rules! kinds {
    ($($(#[$doc:meta])* $kind:ident($module:ident) $scope:ident [$($version:literal),+]),+ $(,)?) => {
        /// The kinds of object a mesh is made of.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum ObjectKind { $($(#[$doc])* $kind),+ }

        /// What an object says, by kind. Boxed, because a DestinationRule is ten times a Pod and there are more Pods.
        #[derive(Clone, Debug, PartialEq)]
        pub enum Spec { $($(#[$doc])* $kind(Box<$module::$kind>)),+ }

        impl ObjectKind {
            /// Every kind.
            pub const ALL: &[Self] = &[$(Self::$kind),+];

            /// The kind as documents spell it.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$kind => stringify!($kind)),+ }
            }

            /// The `apiVersion`s this kind is served under.
            pub const fn api_versions(self) -> &'static [&'static str] {
                match self { $(Self::$kind => &[$($version),+]),+ }
            }

            /// Whether objects of this kind live in a namespace.
            pub const fn namespaced(self) -> bool {
                match self { $(Self::$kind => kinds!(@$scope)),+ }
            }
        }

        impl Spec {
            /// The kind of object this belongs to.
            pub const fn kind(&self) -> ObjectKind {
                match self { $(Self::$kind(_) => ObjectKind::$kind),+ }
            }

            /// Reads the specification of a kind from a whole document.
            pub(crate) fn read(kind: ObjectKind, document: &crate::node::Node, context: &mut crate::context::Context<'_>) -> Option<Self> {
                match kind { $(ObjectKind::$kind => $module::$kind::from_document(document, context).map(|spec| Self::$kind(Box::new(spec)))),+ }
            }
        }
    };
    (@namespaced) => { true };
    (@cluster) => { false };
}

kinds! {
    /// A Kubernetes Service.
    Service(kube) namespaced ["v1"],
    /// A Kubernetes EndpointSlice.
    EndpointSlice(kube) namespaced ["discovery.k8s.io/v1"],
    /// Kubernetes Endpoints, the older form.
    Endpoints(kube) namespaced ["v1"],
    /// A Kubernetes Pod.
    Pod(kube) namespaced ["v1"],
    /// A Kubernetes Deployment.
    Deployment(kube) namespaced ["apps/v1"],
    /// A Kubernetes Namespace.
    Namespace(kube) cluster ["v1"],
    /// A Kubernetes ServiceAccount.
    ServiceAccount(kube) namespaced ["v1"],
    /// Routing of requests to hosts.
    VirtualService(istio) namespaced ["networking.istio.io/v1", "networking.istio.io/v1beta1", "networking.istio.io/v1alpha3"],
    /// Subsets and traffic policy of a host.
    DestinationRule(istio) namespaced ["networking.istio.io/v1", "networking.istio.io/v1beta1", "networking.istio.io/v1alpha3"],
    /// Hosts that the platform does not know.
    ServiceEntry(istio) namespaced ["networking.istio.io/v1", "networking.istio.io/v1beta1", "networking.istio.io/v1alpha3"],
    /// One workload outside of Kubernetes.
    WorkloadEntry(istio) namespaced ["networking.istio.io/v1", "networking.istio.io/v1beta1", "networking.istio.io/v1alpha3"],
    /// The template of workloads that register themselves.
    WorkloadGroup(istio) namespaced ["networking.istio.io/v1", "networking.istio.io/v1beta1", "networking.istio.io/v1alpha3"],
    /// What a sidecar sees and serves.
    Sidecar(istio) namespaced ["networking.istio.io/v1", "networking.istio.io/v1beta1", "networking.istio.io/v1alpha3"],
    /// Servers at the edge.
    Gateway(istio) namespaced ["networking.istio.io/v1", "networking.istio.io/v1beta1", "networking.istio.io/v1alpha3"],
}

/// A word that names no kind.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no kind a mesh is made of")]
pub struct UnknownKind(String);

// === impl Timestamp ===

impl Timestamp {
    /// A point in time.
    pub const fn from_unix_millis(millis: u64) -> Self {
        Self(millis)
    }

    /// Milliseconds since 1970.
    pub const fn unix_millis(self) -> u64 {
        self.0
    }
}

// === impl ObjectKey ===

impl ObjectKey {
    /// A key; `namespace` is empty for kinds without one.
    pub fn new(kind: ObjectKind, namespace: impl Into<Arc<str>>, name: impl Into<Arc<str>>) -> Self {
        Self { kind, namespace: namespace.into(), name: name.into() }
    }
}

impl fmt::Display for ObjectKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &*self.namespace {
            "" => write!(f, "{} {}", self.kind, self.name),
            namespace => write!(f, "{} {namespace}/{}", self.kind, self.name),
        }
    }
}

// === impl ObjectKind ===

impl fmt::Display for ObjectKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for ObjectKind {
    type Err = UnknownKind;

    fn from_str(word: &str) -> Result<Self, Self::Err> {
        Self::ALL.iter().copied().find(|kind| kind.as_str() == word).ok_or_else(|| UnknownKind(word.to_owned()))
    }
}

// === impl ObjectMeta ===

impl ObjectMeta {
    /// Whether the document or the store said when the object was made.
    pub fn has_creation_time(&self) -> bool {
        self.created != Timestamp::default()
    }
}

// === impl Change ===

impl Change {
    /// The object it is about.
    pub fn key(&self) -> &ObjectKey {
        match self {
            Self::Applied(object) => &object.key,
            Self::Deleted(key) => key,
        }
    }
}
