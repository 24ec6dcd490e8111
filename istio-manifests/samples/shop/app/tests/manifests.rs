//! The sample's manifests as ferrod reads them: no complaint about any, and each policy can be applied on its own.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use ferro_model::document::{Parsed, parse};
use ferro_model::{Limits, MeshConfig, Spec};

fn shop() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn read(path: &Path) -> Parsed {
    let text = fs::read_to_string(path).expect("readable");
    parse(&path.display().to_string(), &text, &Limits::default())
}

fn policies() -> Vec<PathBuf> {
    let entries = fs::read_dir(shop().join("policies")).expect("a folder");
    let files: Vec<_> = entries.map(|entry| entry.expect("readable").path()).collect();
    assert!(files.len() >= 10, "{files:?}");
    files
}

#[test]
fn every_document_is_read_without_a_complaint() {
    for path in policies().into_iter().chain([shop().join("services.yaml")]) {
        let parsed = read(&path);
        assert!(!parsed.objects.is_empty(), "{}", path.display());
        assert!(parsed.unsupported.is_empty(), "{:?}", parsed.unsupported);
        assert!(parsed.diagnostics.is_empty(), "{:?}", parsed.diagnostics);
    }
}

#[test]
fn the_mesh_config_is_read_without_a_complaint() {
    let text = fs::read_to_string(shop().join("mesh-config.yaml")).expect("readable");
    let (config, complaints) = MeshConfig::parse("mesh-config.yaml", &text).expect("valid");
    assert!(complaints.is_empty(), "{complaints:?}");
    assert_eq!(config.access_log_file, "/dev/stdout");
}

#[test]
fn a_policy_defines_every_subset_it_routes_to() {
    for path in policies() {
        let (mut used, mut defined) = (BTreeSet::new(), BTreeSet::new());
        for (object, _) in read(&path).objects {
            match object.spec {
                Spec::VirtualService(service) => {
                    for route in service.http {
                        let destinations = route.route.into_iter().map(|share| share.destination).chain(route.mirror);
                        used.extend(destinations.filter_map(|destination| destination.subset));
                    }
                }
                Spec::DestinationRule(rule) => defined.extend(rule.subsets.into_iter().map(|subset| subset.name)),
                _ => {}
            }
        }
        assert!(used.is_subset(&defined), "{}: {used:?} of {defined:?}", path.display());
    }
}

#[test]
fn every_workload_group_is_selected_by_a_service_and_has_a_probe() {
    let objects = read(&shop().join("services.yaml")).objects;
    let selector = |spec: &Spec| match spec {
        Spec::Service(service) => service.spec.as_ref().map(|spec| spec.selector.clone()),
        _ => None,
    };
    let selectors: Vec<_> = objects.iter().filter_map(|(object, _)| selector(&object.spec)).collect();
    let mut groups = 0;
    for (object, _) in &objects {
        let Spec::WorkloadGroup(group) = &object.spec else { continue };
        groups += 1;
        let labels = &group.metadata.as_ref().expect("labels").labels;
        assert!(
            selectors.iter().any(|s| s.iter().all(|(key, value)| labels.get(key) == Some(value))),
            "{}",
            object.key
        );
        assert!(group.probe.is_some(), "{}", object.key);
    }
    assert_eq!(groups, 6);
}
