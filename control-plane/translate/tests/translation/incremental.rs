//! Following changes one by one arrives where translating from scratch arrives, and a change costs what it touches.

use std::collections::BTreeMap;
use std::sync::Arc;

use ferro_model::mesh::{Labels, Locality, Mesh};
use ferro_model::{Change, MeshConfig, ObjectKey};
use ferro_translate::{
    Capture, Dirty, Impact, Input, Proxy, ProxyKind, Settings, Translation, Update, Variant, View, impact, views,
};
use ferro_xds_protos::Kind;
use proptest::prelude::{Just, Strategy, prop, prop_assert_eq};
use proptest::test_runner::{Config, TestRunner};

use crate::case::{addressed, changes, send};
use crate::envoy;
use crate::world::slots;

/// What a client holds.
type Held = BTreeMap<(Kind, Arc<str>), Arc<str>>;

fn proxy(name: &str, kind: ProxyKind, capture: Capture, variant: Variant, address: [u8; 4]) -> Proxy {
    Proxy {
        id: name.into(),
        kind,
        namespace: "ns".into(),
        labels: Labels::from([("app".to_owned(), name.to_owned())]),
        addresses: vec![address.into()],
        service_account: "default".into(),
        workload: name.into(),
        cluster_id: "local".into(),
        locality: Locality::parse("eu/a/1"),
        capture,
        app_ports: BTreeMap::new(),
        variant,
    }
}

/// A proxy of every kind.
pub(crate) fn proxies() -> Vec<Proxy> {
    let mut dual = proxy("client", ProxyKind::Sidecar, Capture::Redirect, Variant::Sotw, [10, 1, 9, 8]);
    dual.addresses.push("fd00::9".parse().expect("an address"));
    vec![
        proxy("client", ProxyKind::Sidecar, Capture::Redirect, Variant::Delta, [10, 1, 9, 9]),
        dual,
        proxy("a", ProxyKind::Sidecar, Capture::Redirect, Variant::Delta, [10, 1, 0, 1]),
        proxy("b", ProxyKind::Sidecar, Capture::None, Variant::Delta, [10, 1, 0, 2]),
        proxy("edge", ProxyKind::Router, Capture::Redirect, Variant::Delta, [10, 1, 9, 7]),
    ]
}

/// One proxy's two parts, followed from change to change.
struct Followed {
    proxy: Proxy,
    parts: Vec<(Translation, Held)>,
}

impl Followed {
    fn new(mesh: &Mesh, proxy: Proxy) -> Self {
        let views = views(mesh, &proxy);
        let parts = [views.outbound, views.local].map(|view| start(mesh, view));
        Self { proxy, parts: parts.into() }
    }

    fn follow(&mut self, mesh: &Mesh, step: &Impact) {
        if step.rekeys(&self.proxy) {
            let views = views(mesh, &self.proxy);
            for (part, view) in self.parts.iter_mut().zip([views.outbound, views.local]) {
                if *part.0.view() != view {
                    *part = start(mesh, view);
                }
            }
        }
        let settings = Settings::default();
        for (translation, held) in &mut self.parts {
            let dirty = step.dirty(translation.view());
            apply(held, translation.update(&Input { mesh, settings: &settings }, &dirty));
        }
    }

    fn check(&self, mesh: &Mesh) {
        let views = views(mesh, &self.proxy);
        for ((translation, held), view) in self.parts.iter().zip([views.outbound, views.local]) {
            assert_eq!(*translation.view(), view, "{}: another view without a word", self.proxy.id);
            let (fresh, wanted) = start(mesh, view);
            assert_eq!(*held, wanted, "{}", self.proxy.id);
            assert_eq!(translation.findings(), fresh.findings(), "{}", self.proxy.id);
        }
    }
}

fn start(mesh: &Mesh, view: View) -> (Translation, Held) {
    let mut translation = Translation::new(view);
    let mut held = Held::new();
    let settings = Settings::default();
    apply(&mut held, translation.update(&Input { mesh, settings: &settings }, &Dirty::everything()));
    let listed: Held = translation
        .resources()
        .map(|(kind, found)| ((kind, Arc::clone(found.name())), Arc::clone(found.version())))
        .collect();
    assert_eq!(held, listed, "updates and contents differ");
    (translation, held)
}

fn apply(held: &mut Held, updates: Vec<Update>) {
    for update in updates {
        let key = (update.kind, update.name);
        match update.resource {
            Some(resource) => {
                let before = held.insert(key.clone(), Arc::clone(resource.version()));
                assert_ne!(before.as_ref(), Some(resource.version()), "{key:?} sent again though it is the same");
            }
            None => assert!(held.remove(&key).is_some(), "{key:?} removed though it was not there"),
        }
    }
}

/// What happens to a slot: it takes a form, or goes.
type Move = (usize, Option<usize>);

fn one_move() -> impl Strategy<Value = Move> {
    (0..slots().len()).prop_flat_map(|slot| {
        let forms = slots()[slot].len();
        (Just(slot), prop::option::weighted(0.8, 0..forms))
    })
}

fn change((slot, form): &Move) -> Vec<Change> {
    match form {
        Some(form) => changes(slots()[*slot][*form]),
        None => {
            let applied = changes(slots()[*slot][0]);
            let key = |change: &Change| -> ObjectKey { change.key().clone() };
            applied.iter().map(key).map(Change::Deleted).collect()
        }
    }
}

#[test]
fn following_changes_arrives_where_translating_from_scratch_does() {
    let steps = prop::collection::vec(prop::collection::vec(one_move(), 1..3), 1..14);
    let mut runner = TestRunner::new(Config { cases: 60, failure_persistence: None, ..Config::default() });
    let outcome = runner.run(&steps, |steps| {
        let mut mesh = Mesh::new(Arc::new(MeshConfig::default()));
        let mut followed: Vec<Followed> = proxies().into_iter().map(|proxy| Followed::new(&mesh, proxy)).collect();
        for step in &steps {
            let changes: Vec<Change> = step.iter().flat_map(change).collect();
            let next = addressed(&mesh.apply(&changes));
            let found = impact(&changes, &mesh, &next);
            for followed in &mut followed {
                followed.follow(&next, &found);
                followed.check(&next);
            }
            mesh = next;
        }
        Ok(())
    });
    if let Err(error) = outcome {
        panic!("{error}");
    }
}

#[test]
fn envoy_accepts_whatever_a_world_yields() {
    let slots = slots();
    let worlds = prop::collection::vec(prop::option::weighted(0.7, 0..4usize), slots.len());
    let mut runner = TestRunner::new(Config { cases: 12, failure_persistence: None, ..Config::default() });
    let outcome = runner.run(&worlds, |world| {
        let forms = world.iter().zip(&slots).filter_map(|(form, forms)| Some(forms[form.as_ref()? % forms.len()]));
        let changes: Vec<Change> = forms.flat_map(changes).collect();
        let mesh = addressed(&Mesh::new(Arc::new(MeshConfig::default())).apply(&changes));
        for proxy in proxies() {
            let sent = send(&mesh, &(proxy.id.to_string(), proxy.clone()), &Settings::default());
            prop_assert_eq!(envoy::validate(&sent.resources), Ok(()), "{:?}", proxy);
        }
        Ok(())
    });
    if let Err(error) = outcome {
        panic!("{error}");
    }
}

fn big_mesh(services: usize) -> Mesh {
    let text: String = (0..services)
        .map(|n| {
            format!(
                "---\n{{apiVersion: v1, kind: Service, metadata: {{name: s{n}, namespace: ns}}, spec: {{clusterIP: 10.{}.{}.1, \
                 ports: [{{name: http, port: 80}}]}}}}\n",
                100 + n / 250,
                n % 250
            )
        })
        .collect();
    Mesh::new(Arc::new(MeshConfig::default())).apply(&changes(&text))
}

fn split(weight: u32) -> Vec<Change> {
    changes(&format!(
        "{{apiVersion: networking.istio.io/v1, kind: VirtualService, metadata: {{name: s7, namespace: ns}}, spec: {{hosts: [s7], \
         http: [{{route: [{{destination: {{host: s7}}, weight: {weight}}}, {{destination: {{host: s8}}, weight: {}}}]}}]}}}}",
        100 - weight
    ))
}

#[test]
fn a_weight_in_a_mesh_of_a_thousand_services_changes_one_virtual_host() {
    let settings = Settings::default();
    let before = big_mesh(1000).apply(&split(90));
    let proxy = &proxies()[0];
    let mut outbound = Translation::new(views(&before, proxy).outbound);
    outbound.update(&Input { mesh: &before, settings: &settings }, &Dirty::everything());
    let changes = split(80);
    let after = before.apply(&changes);
    let step = impact(&changes, &before, &after);
    assert!(!step.rekeys(proxy));
    let updates = outbound.update(&Input { mesh: &after, settings: &settings }, &step.dirty(outbound.view()));
    let names: Vec<_> = updates.iter().map(|update| (update.kind, &*update.name)).collect();
    assert_eq!(names, [(Kind::VirtualHost, "80/s7.ns.svc.cluster.local:80")]);
    let size = updates[0].resource.as_ref().map_or(0, |found| found.delta_frame().len());
    assert!(size < 1000, "{size} bytes");
    assert!(step.dirty(&views(&after, proxy).local).is_empty());
}

#[test]
fn an_endpoint_changes_nothing_but_assignments() {
    let settings = Settings::default();
    let pod = |ip: &str| {
        changes(&format!(
            "{{apiVersion: v1, kind: Pod, metadata: {{name: p, namespace: ns, labels: {{app: x}}}}, spec: {{containers: [{{name: c}}]}}, \
             status: {{podIP: {ip}, phase: Running, conditions: [{{type: Ready, status: 'True'}}]}}}}"
        ))
    };
    let service = "{apiVersion: v1, kind: Service, metadata: {name: x, namespace: ns}, spec: {clusterIP: 10.9.9.9, \
                   selector: {app: x}, ports: [{name: http, port: 80}, {name: tcp, port: 81}]}}";
    let before = big_mesh(10).apply(&changes(service)).apply(&pod("10.1.0.1"));
    let mut outbound = Translation::new(views(&before, &proxies()[0]).outbound);
    outbound.update(&Input { mesh: &before, settings: &settings }, &Dirty::everything());
    let moved = pod("10.1.0.2");
    let after = before.apply(&moved);
    let dirty = impact(&moved, &before, &after).dirty(outbound.view());
    let updates = outbound.update(&Input { mesh: &after, settings: &settings }, &dirty);
    assert_eq!(updates.len(), 2);
    assert!(updates.iter().all(|update| update.kind == Kind::Endpoint));
}

#[test]
fn workloads_of_one_namespace_share_what_no_policy_tells_apart() {
    let mesh = big_mesh(3);
    let named = |mesh: &Mesh, name: &str| {
        let proxy = proxy(name, ProxyKind::Sidecar, Capture::Redirect, Variant::Delta, [10, 5, 0, 1]);
        views(mesh, &proxy).outbound
    };
    assert_eq!(named(&mesh, "a"), named(&mesh, "b"));
    let rule = changes(
        "{apiVersion: networking.istio.io/v1, kind: VirtualService, metadata: {name: x, namespace: ns}, spec: {hosts: [s1], \
         http: [{match: [{sourceLabels: {app: a}}], route: [{destination: {host: s2}}]}]}}",
    );
    let after = mesh.apply(&rule);
    assert_ne!(named(&after, "a"), named(&after, "b"));
    let step = impact(&rule, &mesh, &after);
    assert!(proxies().iter().all(|proxy| step.rekeys(proxy)), "everybody may be in another view now");
}

#[test]
fn a_thousand_pods_of_one_workload_are_one_view() {
    let mesh = big_mesh(3);
    let pods = (0..1000u32).map(|n| {
        let [_, _, high, low] = n.to_be_bytes();
        let mut pod = proxy("client", ProxyKind::Sidecar, Capture::Redirect, Variant::Delta, [10, 5, high, low]);
        pod.id = format!("pod-{n}").into();
        pod.labels.insert("pod-template-hash".to_owned(), format!("{n}"));
        pod
    });
    let mut found: Vec<_> = pods.map(|pod| views(&mesh, &pod)).collect();
    found.dedup();
    assert_eq!(found.len(), 1);
}
