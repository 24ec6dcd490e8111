mod garbage;

use super::{Parsed, parse};
use crate::object::{ObjectKey, ObjectKind, Spec};
use crate::yaml::Limits;

pub(super) const ROUTES: &str = "apiVersion: networking.istio.io/v1
kind: VirtualService
metadata:
  name: product
  namespace: shop
  labels: {app: product}
  annotations: {note: \"1\"}
  creationTimestamp: \"2026-11-21T08:00:00.25Z\"
spec:
  hosts: [product]
  http:
    - match: [{headers: {x-user: {exact: tester}}}]
      route: [{destination: {host: product, subset: v2}}]
    - route:
        - destination: {host: product, subset: v1}
          weight: 90
        - destination: {host: product, subset: v2}
          weight: 10
      timeout: 1.5s
";

fn read(text: &str) -> Parsed {
    parse("x.yaml", text, &Limits::default())
}

fn names(parsed: &Parsed) -> Vec<String> {
    parsed.objects.iter().map(|(object, _)| object.key.to_string()).collect()
}

fn codes(parsed: &Parsed) -> Vec<&'static str> {
    parsed.diagnostics.iter().map(|finding| finding.code).collect()
}

fn service(name: &str) -> String {
    format!("apiVersion: v1\nkind: Service\nmetadata: {{name: {name}}}\nspec: {{ports: [{{port: 80}}]}}\n")
}

#[test]
fn an_object_carries_its_name_age_labels_text_and_place() {
    let parsed = read(ROUTES);
    assert_eq!(codes(&parsed), Vec::<&str>::new());
    let [(object, location)] = parsed.objects.as_slice() else { panic!("one object: {parsed:?}") };
    assert_eq!(object.key, ObjectKey::new(ObjectKind::VirtualService, "shop", "product"));
    assert_eq!(object.meta.created.unix_millis(), 1_795_248_000_250);
    assert_eq!(object.meta.labels.get("app").map(String::as_str), Some("product"));
    assert_eq!(object.meta.deleted, None);
    assert_eq!(&*object.source_text, ROUTES.trim());
    assert_eq!((location.line, location.column), (1, 1));
}

#[test]
fn the_text_of_an_object_reads_as_the_same_object() {
    let list = "{apiVersion: v1, kind: List, items: [{apiVersion: v1, kind: Service, metadata: {name: a, annotations: {n: '1', t: 'x: y #z', u: \"line\\nline\"}}, spec: {clusterIP: None, ports: [{port: 80, targetPort: '80'}]}}]}".to_string();
    for text in [ROUTES, &list] {
        let [(first, _)] = &read(text).objects[..] else { panic!("one object in {text}") };
        let again = read(&first.source_text);
        let [(second, _)] = again.objects.as_slice() else {
            panic!("one object in {}: {:?}", first.source_text, again.diagnostics)
        };
        assert_eq!((&first.key, &first.meta, &first.spec), (&second.key, &second.meta, &second.spec));
    }
}

#[test]
fn every_served_version_reads_the_same() {
    for kind in ObjectKind::ALL.iter().filter(|kind| kind.api_versions().len() > 1) {
        assert_eq!(kind.api_versions().len(), 3, "{kind}");
    }
    for version in ["networking.istio.io/v1", "networking.istio.io/v1beta1", "networking.istio.io/v1alpha3"] {
        let parsed = read(&ROUTES.replace("networking.istio.io/v1", version));
        assert_eq!(names(&parsed), ["VirtualService shop/product"], "{version}");
    }
}

#[test]
fn a_version_that_is_not_served_is_refused_and_named() {
    let parsed = read(&ROUTES.replace("istio.io/v1", "istio.io/v1beta9"));
    assert_eq!(codes(&parsed), ["unknown-version"]);
    assert_eq!(parsed.diagnostics[0].object, Some(ObjectKey::new(ObjectKind::VirtualService, "shop", "product")));
}

#[test]
fn kinds_of_other_projects_are_named_and_not_refused() {
    let text =
        "apiVersion: gateway.networking.k8s.io/v1\nkind: Gateway\nmetadata: {name: edge, namespace: a}\nspec: {x: 1}\n";
    let parsed = read(&format!("{text}---\n{}", service("a")));
    assert_eq!((names(&parsed), codes(&parsed).len()), (vec!["Service default/a".to_owned()], 0));
    let [other] = parsed.unsupported.as_slice() else { panic!("one document: {parsed:?}") };
    assert_eq!((other.kind.as_str(), other.namespace.as_str(), other.name.as_str()), ("Gateway", "a", "edge"));
}

#[test]
fn objects_without_a_namespace_live_in_default_or_in_none() {
    let parsed = read(&format!(
        "{}---\napiVersion: v1\nkind: Namespace\nmetadata: {{name: shop, namespace: ignored}}\n",
        service("a")
    ));
    assert_eq!(names(&parsed), ["Service default/a", "Namespace shop"]);
}

#[test]
fn a_list_holds_documents() {
    let text = "apiVersion: v1\nkind: List\nitems:\n- {apiVersion: v1, kind: Service, metadata: {name: a}, spec: {ports: [{port: 0}]}}\n- {apiVersion: v1, kind: Service, metadata: {name: b}, spec: {}}\n- {apiVersion: v1, kind: Secret, metadata: {name: c}}\n";
    let parsed = read(text);
    assert_eq!(names(&parsed), ["Service default/b"]);
    assert_eq!(parsed.diagnostics.iter().map(|finding| finding.location.line).collect::<Vec<_>>(), [4]);
    assert_eq!(parsed.unsupported.len(), 1);
}

#[test]
fn a_json_document_is_read() {
    let text = r#"{"apiVersion":"v1","kind":"Service","metadata":{"name":"a"},"spec":{"ports":[{"port":80,"targetPort":"http"}]}}"#;
    assert_eq!(names(&read(text)), ["Service default/a"]);
}

#[test]
fn file_modes_in_octal_do_no_harm() {
    let text = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: a}\nspec: {template: {spec: {volumes: [{secret: {defaultMode: 0400}}]}}}\n";
    let parsed = read(text);
    assert_eq!((names(&parsed).len(), codes(&parsed).len()), (1, 0));
}

#[test]
fn a_name_that_stands_twice_keeps_the_first_and_names_the_other() {
    let parsed = read(&format!("{}---\n{}---\n{}", service("a"), service("b"), service("a").replace("80", "81")));
    assert_eq!(names(&parsed), ["Service default/a", "Service default/b"]);
    let [twice] = parsed.diagnostics.as_slice() else { panic!("one finding: {parsed:?}") };
    assert_eq!((twice.code, twice.location.line), ("duplicate-object", 11));
    assert_eq!(twice.object, Some(ObjectKey::new(ObjectKind::Service, "default", "a")));
}

#[test]
fn a_broken_document_is_named_if_its_name_can_be_read() {
    let broken = service("a").replace("[{port: 80}]", "[{port: 80");
    let parsed = read(&format!("{}---\n{broken}---\n{}", service("b"), service("c")));
    assert_eq!(names(&parsed), ["Service default/b", "Service default/c"]);
    assert_eq!(codes(&parsed), ["syntax"]);
    assert_eq!(parsed.diagnostics[0].object, Some(ObjectKey::new(ObjectKind::Service, "default", "a")));
}

#[test]
fn a_broken_document_of_another_project_is_not_taken_for_one_of_ours() {
    let parsed = read("apiVersion: gateway.networking.k8s.io/v1\nkind: Gateway\nmetadata: {name: a}\nspec: [1\n");
    assert_eq!(codes(&parsed), ["syntax"]);
    assert_eq!(parsed.diagnostics[0].object, None);
}

#[test]
fn fields_of_the_metadata_are_checked() {
    let parsed = read(
        "apiVersion: v1\nkind: Service\nmetadata: {name: a, lables: {}, uid: x, creationTimestamp: null}\nspec: {}\n",
    );
    let [finding] = parsed.diagnostics.as_slice() else { panic!("one finding: {parsed:?}") };
    assert_eq!((finding.code, finding.field.as_str()), ("unknown-field", "metadata.lables"));
    assert!(finding.message.contains("did you mean `labels`?"), "{finding}");
}

#[test]
fn names_that_no_object_can_have_are_refused() {
    let named = |fields: &str| read(&format!("apiVersion: v1\nkind: Service\nmetadata: {{{fields}}}\nspec: {{}}\n"));
    let finding = |fields: &str| {
        let parsed = named(fields);
        assert!(parsed.objects.is_empty(), "{fields}");
        parsed.diagnostics.first().map(|finding| format!("{} {}", finding.code, finding.field)).unwrap_or_default()
    };
    assert_eq!(finding("name: 'a/b'"), "bad-name metadata.name");
    assert_eq!(finding("name: \"a\\nb\""), "bad-name metadata.name");
    assert_eq!(finding("name: A"), "bad-name metadata.name");
    assert_eq!(finding(&format!("name: {}", "a".repeat(254))), "bad-name metadata.name");
    assert_eq!(finding("name: [a]"), "wrong-type metadata.name");
    assert_eq!(finding("name: a, namespace: a.b"), "bad-name metadata.namespace");
    assert_eq!(finding("namespace: a"), "missing-field metadata");
    assert_eq!(finding("name: a, labels: {a: 'b c'}"), "bad-name metadata.labels.a");
    assert_eq!(names(&named("name: group-10.0.0.1, namespace: shop")), ["Service shop/group-10.0.0.1"]);
}

#[test]
fn what_a_document_holds_is_shown_short_and_on_one_line() {
    let long = "k".repeat(900);
    let parsed =
        read(&format!("apiVersion: v1\nkind: Service\nmetadata: {{name: a}}\nspec: {{\"{long}\": 1, \"a\\nb\": 2}}\n"));
    assert_eq!(parsed.diagnostics.len(), 2);
    for finding in &parsed.diagnostics {
        assert!(finding.to_string().len() < 2_500 && !finding.to_string().contains('\n'), "{finding}");
    }
}

#[test]
fn an_object_that_is_being_deleted_says_so() {
    let text = "apiVersion: v1\nkind: Pod\nmetadata: {name: a, deletionTimestamp: \"2026-11-21T08:00:00Z\"}\n";
    let parsed = read(text);
    assert_eq!(parsed.objects[0].0.meta.deleted.map(crate::Timestamp::unix_millis), Some(1_795_248_000_000));
}

#[test]
fn the_health_of_a_registered_workload_stands_in_its_status() {
    let text = |status: &str| {
        format!(
            "apiVersion: networking.istio.io/v1\nkind: WorkloadEntry\nmetadata: {{name: a}}\nspec: {{address: 10.0.0.1}}\nstatus: {{conditions: [{{type: Healthy, status: '{status}'}}]}}\n"
        )
    };
    for (status, healthy) in [("True", true), ("False", false), ("Unknown", false)] {
        let parsed = read(&text(status));
        let [(object, _)] = parsed.objects.as_slice() else { panic!("one object: {parsed:?}") };
        let Spec::WorkloadEntry(entry) = &object.spec else { panic!("a WorkloadEntry") };
        assert_eq!(entry.health() == crate::istio::Health::Healthy, healthy, "{status}");
    }
}

#[test]
fn findings_are_json_for_machines() {
    let parsed = read("apiVersion: v1\nkind: Service\nmetadata: {name: a}\nspec: {ports: 80}\n");
    let json = serde_json::to_value(&parsed.diagnostics).expect("findings are plain data");
    let first = &json[0];
    assert_eq!((first["severity"].as_str(), first["code"].as_str()), (Some("error"), Some("wrong-type")));
    assert_eq!(
        (first["file"].as_str(), first["line"].as_u64(), first["column"].as_u64()),
        (Some("x.yaml"), Some(4), Some(15))
    );
    assert_eq!((first["object"].as_str(), first["field"].as_str()), (Some("Service default/a"), Some("spec.ports")));
}
