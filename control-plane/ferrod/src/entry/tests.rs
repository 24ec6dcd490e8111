use std::collections::BTreeMap;
use std::sync::Arc;

use ferro_model::istio::{Health as EntryHealth, WorkloadGroup};
use ferro_model::{Limits, Spec, document};

use super::{Announcement, Health, entry};

fn group(text: &str) -> WorkloadGroup {
    let head =
        "apiVersion: networking.istio.io/v1\nkind: WorkloadGroup\nmetadata: {name: product, namespace: shop}\nspec:\n";
    let parsed = document::parse("test", &format!("{head}{text}"), &Limits::default());
    match parsed.objects.into_iter().next().map(|(object, _)| object.spec) {
        Some(Spec::WorkloadGroup(group)) => *group,
        other => panic!("{other:?} {:?}", parsed.diagnostics),
    }
}

fn said() -> Announcement {
    Announcement {
        group: Arc::from("product"),
        namespace: Arc::from("shop"),
        address: Arc::from("127.77.0.2"),
        node: Arc::from("node"),
        labels: BTreeMap::from([("version".to_owned(), "v2".to_owned())]),
        locality: None,
    }
}

const TEMPLATE: &str = "  metadata: {labels: {app: product}}\n  template: {ports: {http: 8080}, serviceAccount: product, labels: {version: v1}}\n";

#[test]
fn an_entry_has_the_address_of_the_agent_and_the_template_of_the_group() {
    let object = entry(&group(TEMPLATE), &said(), &Health::Healthy).unwrap();
    assert_eq!(object.key.to_string(), "WorkloadEntry shop/product-127.77.0.2");
    let Spec::WorkloadEntry(spec) = &object.spec else { panic!() };
    assert_eq!(spec.address.as_deref(), Some("127.77.0.2"));
    assert_eq!(spec.ports["http"], 8080);
    assert_eq!(spec.service_account.as_deref(), Some("product"));
    assert_eq!(spec.health(), EntryHealth::Healthy);
}

#[test]
fn labels_of_the_instance_win_over_those_of_the_group() {
    let object = entry(&group(TEMPLATE), &said(), &Health::Healthy).unwrap();
    assert_eq!(object.meta.labels["app"], "product");
    assert_eq!(object.meta.labels["version"], "v2");
}

#[test]
fn a_workload_without_a_good_report_is_no_endpoint() {
    for health in [Health::Unknown, Health::Unhealthy("503".to_owned())] {
        let object = entry(&group(TEMPLATE), &said(), &health).unwrap();
        let Spec::WorkloadEntry(spec) = &object.spec else { panic!() };
        assert_eq!(spec.health(), EntryHealth::Unhealthy);
    }
}
