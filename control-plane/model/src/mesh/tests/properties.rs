//! Over random histories: the mesh is the same whichever way it came about, and `affected` misses nothing.

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};

use proptest::prelude::{ProptestConfig, Strategy, prop, prop_assert, prop_assert_eq, proptest};
use proptest::sample::Index;

use super::fixture::{Doc, changes};
use crate::mesh::address::allocate;
use crate::mesh::{AddressTable, Affected, GatewayRef, Labels, Mesh, affected, affected_by_addresses};
use crate::mesh_config::MeshConfig;
use crate::object::{Change, Object, ObjectKey};

const NAMESPACES: [&str; 3] = ["shop", "bar", "istio-system"];
const HOSTS: [&str; 6] =
    ["a.shop.svc.cluster.local", "b.shop.svc.cluster.local", "a.bar.svc.cluster.local", "x.com", "y.com", "*.wild.com"];

/// Specifications to draw from, by kind; `rest` holds what stands beside the metadata.
const SHAPES: &[(&str, &str)] = &[
    ("Service", "spec: {clusterIP: 10.0.0.1, selector: {app: a}, ports: [{name: http, port: 80, targetPort: web}]}"),
    ("Service", "spec: {selector: {app: a, version: v1}, ports: [{name: http, port: 80}, {name: tcp, port: 81}]}"),
    ("Service", "spec: {clusterIP: None, ports: [{name: http, port: 80}]}"),
    (
        "ServiceEntry",
        "spec: {hosts: [x.com, y.com], ports: [{number: 80, name: http, protocol: HTTP}], resolution: DNS}",
    ),
    (
        "ServiceEntry",
        "spec: {hosts: [x.com], exportTo: ['.'], ports: [{number: 80, name: http}], resolution: STATIC, endpoints: [{address: 10.9.0.1}]}",
    ),
    ("ServiceEntry", "spec: {hosts: ['*.wild.com'], ports: [{number: 80, name: http, protocol: HTTP}]}"),
    (
        "ServiceEntry",
        "spec: {hosts: [a.shop.svc.cluster.local], ports: [{number: 80, name: http}], resolution: STATIC, workloadSelector: {labels: {app: a}}}",
    ),
    (
        "Pod",
        "spec: {serviceAccountName: p, containers: [{name: c, ports: [{name: web, containerPort: 8080}]}]}, status: {podIP: 10.1.0.1}",
    ),
    ("Pod", "spec: {}, status: {podIP: 10.1.0.2, conditions: [{type: Ready, status: 'False'}]}"),
    ("WorkloadEntry", "spec: {address: 10.2.0.1, labels: {app: a}, ports: {web: 7000}}"),
    ("WorkloadEntry", "spec: {address: 10.2.0.2, labels: {app: b}, serviceAccount: w}"),
    (
        "EndpointSlice",
        "addressType: IPv4, ports: [{name: http, port: 8080}], endpoints: [{addresses: [10.3.0.1], targetRef: {kind: Pod, name: a}}]",
    ),
    ("EndpointSlice", "addressType: IPv4, ports: [{name: http, port: 8080}], endpoints: [{addresses: [10.3.0.2]}]"),
    ("Endpoints", "subsets: [{addresses: [{ip: 10.4.0.1}], ports: [{name: http, port: 80}]}]"),
    ("VirtualService", "spec: {hosts: [a], http: [{route: [{destination: {host: b}}]}]}"),
    ("VirtualService", "spec: {hosts: ['*.local'], exportTo: ['.'], http: [{route: [{destination: {host: x.com}}]}]}"),
    (
        "VirtualService",
        "spec: {hosts: [x.com], gateways: [shop/a, mesh], http: [{delegate: {name: b, namespace: shop}}]}",
    ),
    ("VirtualService", "spec: {http: [{match: [{uri: {prefix: /a}}], route: [{destination: {host: y.com}}]}]}"),
    ("VirtualService", "spec: {hosts: [y.com], gateways: [shop/a], http: [{route: [{destination: {host: a}}]}]}"),
    ("DestinationRule", "spec: {host: a, subsets: [{name: v1}]}"),
    ("DestinationRule", "spec: {host: '*.local', exportTo: ['.'], trafficPolicy: {tls: {mode: DISABLE}}}"),
    ("DestinationRule", "spec: {host: x.com, workloadSelector: {matchLabels: {app: a}}, subsets: [{name: v2}]}"),
    ("DestinationRule", "spec: {host: '*', subsets: [{name: v3}]}"),
    (
        "VirtualService",
        "spec: {hosts: [x.com], http: [{route: [{destination: {host: a.shop.svc.cluster.local, port: {number: 80}}}]}]}",
    ),
    ("Sidecar", "spec: {egress: [{hosts: ['*/x.com', '~bar/y.com']}]}"),
    (
        "Sidecar",
        "spec: {workloadSelector: {labels: {app: a}}, egress: [{port: {number: 80, protocol: HTTP, name: p}, hosts: ['*/*']}]}",
    ),
    (
        "Gateway",
        "spec: {selector: {app: a}, servers: [{port: {number: 80, name: http, protocol: HTTP}, hosts: ['*']}]}",
    ),
];

/// Every shape under every name, each with a time of its own.
static CANDIDATES: LazyLock<Vec<Arc<Object>>> = LazyLock::new(|| {
    let names = NAMESPACES.iter().flat_map(|namespace| ["a", "b"].map(|name| format!("{namespace}/{name}")));
    let documents: Vec<Doc> = names
        .flat_map(|name| {
            SHAPES.iter().map(move |(kind, rest)| {
                let labels = match *kind {
                    "EndpointSlice" => "{kubernetes.io/service-name: a}",
                    _ => "{app: a, version: v1}",
                };
                Doc::new(kind, &name).labels(labels).rest(&format!("{{{rest}}}"))
            })
        })
        .collect();
    let applied = |change| match change {
        Change::Applied(object) => Some(object),
        Change::Deleted(_) => None,
    };
    changes(&documents).into_iter().filter_map(applied).collect()
});

fn history(length: usize) -> impl Strategy<Value = Vec<Change>> {
    let step = (proptest::prelude::any::<Index>(), 0..4_u8).prop_map(|(index, dice)| {
        let object = index.get(&CANDIDATES);
        match dice {
            0 => Change::Deleted(object.key.clone()),
            _ => Change::Applied(Arc::clone(object)),
        }
    });
    prop::collection::vec(step, 0..length)
}

fn empty() -> Mesh {
    Mesh::new(Arc::new(MeshConfig::default()))
}

fn labels(app: &str) -> Labels {
    [("app", app), ("version", "v1")].map(|(key, value)| (key.to_owned(), value.to_owned())).into()
}

/// A question to a mesh; the parts decide which of the affected sets must name it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Question {
    Service { host: &'static str, from: &'static str },
    Endpoints { host: String },
    Inbound { namespace: &'static str, app: &'static str, host: String },
    Route { host: &'static str, from: &'static str, app: &'static str, port: u16 },
    GatewayRoutes { gateway: GatewayRef, from: &'static str },
    Rule { host: &'static str, from: &'static str, app: &'static str },
    Scope { namespace: &'static str, app: &'static str },
    InScope { host: &'static str, namespace: &'static str, app: &'static str },
    Listed { host: String, namespace: &'static str, app: &'static str },
    Gateway { app: &'static str, gateway: GatewayRef },
    Wanted { host: String },
    ClientLabel { name: String },
}

/// What a mesh answers to everything that can be asked. Questions without an answer are left out.
fn answers(mesh: &Mesh) -> BTreeMap<Question, String> {
    let mut answers = BTreeMap::new();
    for service in mesh.services() {
        let host = format!("{} {}", service.host, service.object());
        answers.insert(Question::Endpoints { host }, format!("{:?}", mesh.endpoints(service)));
    }
    for key in mesh.unaddressed() {
        answers.insert(Question::Wanted { host: key.host.to_string() }, format!("{key:?}"));
    }
    for name in mesh.client_labels() {
        answers.insert(Question::ClientLabel { name: name.to_owned() }, String::new());
    }
    for from in NAMESPACES {
        for gateway in ["shop", "bar"].map(|namespace| GatewayRef::parse("a", namespace)) {
            let routes = mesh.virtual_services_for_gateway(&gateway, from);
            answers.insert(Question::GatewayRoutes { gateway, from }, format!("{routes:?}"));
        }
        for app in ["a", "c"] {
            asked_by(mesh, from, app, &mut answers);
        }
    }
    answers
}

fn asked_by(mesh: &Mesh, from: &'static str, app: &'static str, answers: &mut BTreeMap<Question, String>) {
    let addresses = ["10.3.0.2", "10.9.0.1"].map(|address| address.parse().unwrap());
    for service in mesh.workload_services(from, &labels(app), &addresses) {
        let question = Question::Inbound { namespace: from, app, host: service.host.to_string() };
        answers.insert(question, format!("{service:?}"));
    }
    for gateway in mesh.gateways_for(&labels(app)) {
        answers.insert(Question::Gateway { app, gateway: gateway.name() }, format!("{gateway:?}"));
    }
    let scope = mesh.scope_for(from, &labels(app));
    answers.insert(Question::Scope { namespace: from, app }, format!("{scope:?}"));
    for service in mesh.scope_services(&scope) {
        let question = Question::Listed { host: service.host.to_string(), namespace: from, app };
        answers.insert(question, format!("{service:?}"));
    }
    for host in HOSTS {
        let in_scope = mesh.scope_service(&scope, host);
        answers.insert(Question::InScope { host, namespace: from, app }, format!("{in_scope:?}"));
        for port in [80, 81] {
            let listener = scope.listener_for_port(port);
            let route = listener.and_then(|listener| mesh.virtual_service_for(&scope, listener, host));
            answers.insert(Question::Route { host, from, app, port }, format!("{route:?}"));
        }
        let Some(service) = mesh.service(host, from) else { continue };
        answers.insert(Question::Service { host, from }, format!("{service:?}"));
        let rule = mesh.destination_rule_for(from, &labels(app), service);
        answers.insert(Question::Rule { host, from, app }, format!("{rule:?}"));
    }
}

/// Whether a question may be answered differently after a change with this effect.
fn covered(question: &Question, affected: &Affected) -> bool {
    let service = |host: &str| affected.services.contains(host);
    let scope = |namespace: &str| affected.scopes.contains(namespace);
    match question {
        Question::Service { host, .. } => service(host),
        Question::Wanted { host } => service(host),
        Question::ClientLabel { name } => affected.client_labels.contains(&**name),
        Question::Endpoints { host } => {
            let host = host.split(' ').next().unwrap_or_default();
            service(host) || affected.endpoints.contains(host)
        }
        Question::Inbound { host, .. } => service(host) || affected.endpoints.contains(&**host),
        Question::Route { host, from, .. } => affected.routes.iter().any(|pattern| pattern.covers(host)) || scope(from),
        Question::Rule { host, .. } => {
            service(host) || affected.destination_rules.iter().any(|pattern| pattern.covers(host))
        }
        Question::Scope { namespace, .. } => scope(namespace),
        Question::InScope { host, namespace, .. } => {
            service(host) || affected.imports.contains(*host) || scope(namespace)
        }
        Question::Listed { host, namespace, .. } => {
            service(host) || affected.imports.contains(&**host) || scope(namespace)
        }
        Question::GatewayRoutes { gateway, .. } | Question::Gateway { gateway, .. } => {
            affected.gateways.contains(gateway)
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, ..ProptestConfig::default() })]

    #[test]
    fn changes_one_by_one_make_the_mesh_that_a_fresh_start_makes(history in history(80)) {
        let mut stepwise = empty();
        let mut last: BTreeMap<ObjectKey, Arc<Object>> = BTreeMap::new();
        for change in &history {
            stepwise = stepwise.apply(std::slice::from_ref(change));
            match change {
                Change::Applied(object) => last.insert(object.key.clone(), Arc::clone(object)),
                Change::Deleted(key) => last.remove(key),
            };
        }
        let fresh: Vec<Change> = last.into_values().map(Change::Applied).collect();
        let at_once = empty().apply(&fresh);
        prop_assert_eq!(format!("{stepwise:?}"), format!("{at_once:?}"));
        let expected = answers(&at_once);
        prop_assert_eq!(&answers(&stepwise), &expected);
        prop_assert_eq!(&answers(&empty().apply(&history)), &expected);
        let reversed: Vec<Change> = fresh.into_iter().rev().collect();
        prop_assert_eq!(&answers(&empty().apply(&reversed)), &expected);
    }

    #[test]
    fn a_mesh_whose_objects_are_all_deleted_is_as_good_as_new(history in history(30)) {
        let mesh = empty().apply(&history);
        let gone: Vec<Change> = mesh.objects().map(|object| Change::Deleted(object.key.clone())).collect();
        let after = mesh.apply(&gone);
        prop_assert_eq!(format!("{after:?}"), format!("{:?}", empty()));
    }

    #[test]
    fn every_answer_that_a_change_alters_is_named_as_affected(before in history(70), changes in history(4)) {
        let before = empty().apply(&before);
        let after = before.apply(&changes);
        let mut effect = Affected::default();
        for change in &changes {
            effect.merge(affected(change, &before, &after));
        }
        let (old, new) = (answers(&before), answers(&after));
        for question in old.keys().chain(new.keys()) {
            let altered = old.get(question) != new.get(question);
            prop_assert!(!altered || covered(question, &effect), "{:?} is altered and not in {:?}", question, effect);
        }
    }

    #[test]
    fn giving_addresses_alters_what_is_named_and_the_same_mesh_comes_of_it_in_any_order(history in history(40), later in history(4)) {
        let before = empty().apply(&history);
        let table = allocate(&AddressTable::default(), before.unaddressed().cloned()).table;
        let after = before.with_addresses(table.clone());
        let effect = affected_by_addresses(&before, &after);
        let (old, new) = (answers(&before), answers(&after));
        for question in old.keys().chain(new.keys()) {
            let altered = old.get(question) != new.get(question);
            prop_assert!(!altered || covered(question, &effect), "{:?} is altered and not in {:?}", question, effect);
        }
        let first = empty().with_addresses(table).apply(&history);
        prop_assert_eq!(format!("{:?}", first.apply(&later)), format!("{:?}", after.apply(&later)));
    }

    #[test]
    fn another_configuration_makes_the_mesh_that_a_fresh_start_under_it_makes(history in history(40)) {
        let config = Arc::new(MeshConfig { default_service_export_to: vec![".".to_owned()], ..MeshConfig::default() });
        let mesh = empty().apply(&history);
        let objects: Vec<Change> = mesh.objects().cloned().map(Change::Applied).collect();
        let fresh = Mesh::new(Arc::clone(&config)).apply(&objects);
        prop_assert_eq!(format!("{:?}", mesh.with_config(config)), format!("{fresh:?}"));
    }
}
