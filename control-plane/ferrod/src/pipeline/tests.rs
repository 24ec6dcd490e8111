use std::collections::BTreeMap;
use std::sync::Arc;

use ferro_model::mesh::address::allocate;
use ferro_model::mesh::{AddressTable, Labels, Locality};
use ferro_model::{Change, MeshConfig};
use ferro_translate::{Capture, Proxy, ProxyKind, Settings, Variant};
use ferro_xds::StreamId;
use ferro_xds_protos::Kind;

use super::{Pipeline, Published};
use crate::testing::changes;

fn empty() -> Pipeline {
    Pipeline::new(Arc::new(MeshConfig::default()), Settings::default())
}

/// A pod of one Deployment: they differ in name, address and the label that Kubernetes gives each.
fn pod(number: u32, namespace: &str) -> Proxy {
    let [_, _, high, low] = number.to_be_bytes();
    Proxy {
        id: format!("sidecar~10.5.{high}.{low}~client-{number}.{namespace}~{namespace}.svc.cluster.local").into(),
        kind: ProxyKind::Sidecar,
        namespace: namespace.into(),
        labels: Labels::from([
            ("app".to_owned(), "client".to_owned()),
            ("statefulset.kubernetes.io/pod-name".to_owned(), format!("client-{number}")),
        ]),
        addresses: vec![[10, 5, high, low].into()],
        service_account: "default".into(),
        workload: "client".into(),
        cluster_id: "local".into(),
        locality: Locality::default(),
        capture: Capture::Redirect,
        app_ports: BTreeMap::new(),
        variant: Variant::Delta,
    }
}

/// A host without an address of its own: ferrod gives it one.
fn entry(number: usize) -> String {
    format!(
        "---\n{{apiVersion: networking.istio.io/v1, kind: ServiceEntry, metadata: {{name: s{number}, namespace: ns}}, spec: \
         {{hosts: [s{number}.example], ports: [{{number: 80, name: http, protocol: HTTP}}, \
         {{number: 9000, name: tcp, protocol: TCP}}], resolution: STATIC, endpoints: [{{address: 192.0.2.1}}]}}}}\n"
    )
}

/// Gives addresses to hosts that want one, and takes them from hosts that are gone, as the task does.
fn address(pipeline: &mut Pipeline, given: &mut AddressTable) -> Published {
    let mesh = pipeline.mesh();
    let mut table = allocate(given, mesh.unaddressed().cloned()).table;
    for key in given.iter().map(|(key, _)| key).filter(|key| !mesh.declares(key)) {
        table.remove(key);
    }
    *given = table;
    pipeline.apply(&[], Some(given.clone()))
}

/// Name and version of everything a stream is given.
fn held(pipeline: &Pipeline, stream: StreamId) -> BTreeMap<(Kind, String), String> {
    let snapshot = pipeline.snapshot_of(stream).expect("attached");
    let of_kind = |kind: Kind| {
        let snapshot = Arc::clone(&snapshot);
        let all: Vec<_> =
            snapshot.iter(kind).map(|found| ((kind, found.name().to_string()), found.version().to_string())).collect();
        all
    };
    Kind::ALL.into_iter().flat_map(of_kind).collect()
}

#[test]
fn one_new_host_among_a_thousand_costs_what_it_touches() {
    let (mut pipeline, mut given) = (empty(), AddressTable::default());
    let world: String = (0..1000).map(entry).collect();
    pipeline.apply(&changes(&world), None);
    address(&mut pipeline, &mut given);
    for number in 0..20 {
        pipeline.attach(StreamId(number.into()), pod(number, if number % 2 == 0 { "ns" } else { "other" }));
    }
    assert_eq!(pipeline.parts(), 4, "an outbound and a local part a namespace");

    let came = pipeline.apply(&changes(&entry(1000)), None);
    let named = address(&mut pipeline, &mut given);
    for (what, published) in [("the host", came), ("its address", named)] {
        assert_eq!(published.parts, 2, "{what}: the outbound parts, {published:?}");
        assert_eq!(published.streams.len(), 20, "{what}: {published:?}");
        // In each of two parts: cluster, endpoints, virtual hosts, listeners, name, and its two ports.
        assert!((1..=2 * 8).contains(&published.units), "{what}: {published:?}");
        assert!((1..=2 * 10).contains(&published.resources), "{what}: {published:?}");
    }
}

#[test]
fn an_address_table_that_says_the_same_costs_nothing() {
    let (mut pipeline, mut given) = (empty(), AddressTable::default());
    pipeline.apply(&changes(&entry(0)), None);
    address(&mut pipeline, &mut given);
    pipeline.attach(StreamId(1), pod(1, "ns"));
    assert_eq!(pipeline.apply(&[], Some(given)), Published::default());
}

#[test]
fn following_addresses_arrives_where_translating_from_scratch_does() {
    let (mut pipeline, mut given) = (empty(), AddressTable::default());
    let proxies = [pod(1, "ns"), pod(2, "other"), Proxy { variant: Variant::Sotw, ..pod(3, "ns") }];
    for (stream, proxy) in (1..).zip(&proxies) {
        pipeline.attach(StreamId(stream), proxy.clone());
    }
    let mut objects: BTreeMap<usize, Vec<Change>> = BTreeMap::new();
    // Hosts come, go and come back in an order that leaves and fills gaps in the table.
    for step in 0..60_usize {
        let number = (step * 7) % 11;
        let change: Vec<Change> = match objects.remove(&number) {
            Some(there) => there.iter().map(|change| Change::Deleted(change.key().clone())).collect(),
            None => objects.entry(number).or_insert_with(|| changes(&entry(number))).clone(),
        };
        pipeline.apply(&change, None);
        // The task may be late: several changes of hosts, and then one of addresses.
        if step % 3 != 0 {
            address(&mut pipeline, &mut given);
        }
        let mut fresh = empty();
        fresh.apply(&objects.values().flatten().cloned().collect::<Vec<_>>(), Some(given.clone()));
        for (stream, proxy) in (1..).zip(&proxies) {
            fresh.attach(StreamId(stream), proxy.clone());
            assert_eq!(held(&pipeline, StreamId(stream)), held(&fresh, StreamId(stream)), "step {step}, {}", proxy.id);
        }
    }
}

#[test]
fn a_thousand_pods_of_one_workload_share_every_byte() {
    let (mut pipeline, mut given) = (empty(), AddressTable::default());
    let service = "---\n{apiVersion: v1, kind: Service, metadata: {name: client, namespace: ns}, spec: {clusterIP: 10.96.0.1, \
                   selector: {app: client}, ports: [{name: http, port: 80}]}}\n";
    pipeline.apply(&changes(&format!("{}{service}", entry(0))), None);
    address(&mut pipeline, &mut given);
    for number in 0..1000 {
        pipeline.attach(StreamId(number.into()), pod(number, "ns"));
    }
    assert_eq!(pipeline.parts(), 2, "one outbound part, one local part");
    let first = pipeline.snapshot_of(StreamId(0)).expect("attached");
    let last = pipeline.snapshot_of(StreamId(999)).expect("attached");
    for (one, other) in first.parts().iter().zip(last.parts()) {
        assert!(Arc::ptr_eq(one, other));
    }
    let mut compared = 0;
    for kind in Kind::ALL {
        for (one, other) in first.iter(kind).zip(last.iter(kind)) {
            assert_eq!(one.delta_frame().as_ptr(), other.delta_frame().as_ptr(), "{kind:?} {}", one.name());
            compared += 1;
        }
    }
    assert!(compared > 10, "{compared}");

    let published = pipeline.apply(&changes(&entry(1)), None);
    assert_eq!((published.parts, published.streams.len()), (1, 1000), "translated once, given to all");
}
