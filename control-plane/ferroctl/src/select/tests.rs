use ferro_model::ObjectKind;

use super::{Wanted, kind, wanted};

fn words(line: &str) -> Vec<String> {
    line.split_whitespace().map(str::to_owned).collect()
}

fn one(kind: ObjectKind, name: Option<&str>) -> Wanted {
    Wanted { kind, name: name.map(str::to_owned) }
}

#[test]
fn a_kind_is_known_by_its_singular_its_plural_and_its_short_form_in_any_case() {
    for (kind_wanted, names) in [
        (ObjectKind::VirtualService, ["VirtualService", "virtualservices", "vs"]),
        (ObjectKind::ServiceEntry, ["serviceentry", "ServiceEntries", "SE"]),
        (ObjectKind::Gateway, ["gateway", "gateways", "gw"]),
        (ObjectKind::Endpoints, ["Endpoints", "endpoints", "ep"]),
        (ObjectKind::Namespace, ["namespace", "namespaces", "ns"]),
        (ObjectKind::Pod, ["pod", "pods", "po"]),
    ] {
        for name in names {
            assert_eq!(kind(name).unwrap(), kind_wanted, "{name}");
        }
    }
}

#[test]
fn no_two_kinds_share_a_name() {
    for known in ObjectKind::ALL {
        for name in [super::short(*known).to_owned(), known.as_str().to_lowercase(), super::plural(known.as_str())] {
            assert_eq!(kind(&name).unwrap(), *known, "{name}");
        }
    }
}

#[test]
fn an_unknown_kind_is_told_with_those_there_are() {
    for word in ["nosuchkind", "", "v s", "vs."] {
        let error = kind(word).unwrap_err().to_string();
        assert!(error.contains("VirtualService (vs)") && error.contains("Pod (po)"), "{error}");
    }
}

#[test]
fn words_are_a_kind_with_names_or_pairs() {
    assert_eq!(wanted(&[]).unwrap(), []);
    assert_eq!(wanted(&words("vs")).unwrap(), [one(ObjectKind::VirtualService, None)]);
    let two = [one(ObjectKind::VirtualService, Some("a")), one(ObjectKind::VirtualService, Some("b"))];
    assert_eq!(wanted(&words("vs a b")).unwrap(), two);
    let pairs = [one(ObjectKind::VirtualService, Some("a")), one(ObjectKind::Service, Some("b"))];
    assert_eq!(wanted(&words("vs/a svc/b")).unwrap(), pairs);
    for wrong in ["vs/", "vs/a b", "vs svc/b", "nosuchkind/a"] {
        assert!(wanted(&words(wrong)).is_err(), "{wrong}");
    }
}
