//! ferroctl against a live mesh.

use std::fs;
use std::path::PathBuf;

use ferro_e2e::{Blueprint, Mesh, eventually, until};
use serde_json::Value;

use crate::BANK;
use crate::weights::split;

/// A file outside the watched folder, for `apply`.
fn outside(mesh: &Mesh, name: &str, text: &str) -> String {
    let path: PathBuf = mesh.folder().join(name);
    fs::write(&path, text).unwrap();
    path.display().to_string()
}

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

fn version_of(mesh: &Mesh, kind: &str, name: &str) -> u64 {
    json(&mesh.ctl_ok(&["get", kind, name, "-n", "shop", "-o", "json"]))[0]["resourceVersion"].as_u64().unwrap()
}

#[test]
fn objects_are_applied_shown_and_deleted_through_the_api() {
    let mesh = Blueprint::two_versions().up();
    let route = outside(&mesh, "route.yaml", &split(0, 100));

    let dry = mesh.ctl_ok(&["apply", "--dry-run", "-f", &route]);
    assert_eq!(dry, "VirtualService shop/product created\n");
    assert!(mesh.objects("VirtualService").is_empty(), "a dry run changes nothing");
    assert_eq!(mesh.ctl_ok(&["apply", "-f", &route]), "VirtualService shop/product created\n");
    assert_eq!(mesh.ctl_ok(&["apply", "-f", &route]), "VirtualService shop/product unchanged\n");
    let client = mesh.beside("product-v1");
    eventually("the route is in force", || {
        (0..5).all(|_| client.get("http://product:8080/who").is_ok_and(|answer| answer.version() == "v2"))
    });

    let table = mesh.ctl_ok(&["get", "vs"]);
    let row: Vec<&str> = table.lines().nth(1).unwrap().split_whitespace().collect();
    assert_eq!(row[..4], ["VirtualService", "shop", "product", "api"]);
    let yaml = mesh.ctl_ok(&["get", "virtualservices", "product", "-n", "shop", "-o", "yaml"]);
    assert!(yaml.contains("subset: v1") && yaml.contains("owner api"), "{yaml}");
    let all = json(&mesh.ctl_ok(&["get", "-o", "json"]));
    assert!(all.as_array().unwrap().iter().any(|object| object["kind"] == "WorkloadEntry"), "{all}");
    let missing = mesh.ctl(&["get", "vs", "nowhere"]);
    assert!(!missing.ok && missing.stderr.contains("no VirtualService `nowhere`"), "{missing:?}");

    mesh.settled();
    let described = mesh.ctl_ok(&["describe", "vs", "product"]);
    assert!(described.contains("owner             api") && described.contains("in sync   2 of 2"), "{described}");
    json(&mesh.ctl_ok(&["describe", "vs", "product", "-o", "json"]));

    assert_eq!(mesh.ctl_ok(&["delete", "vs", "product", "-n", "shop"]), "VirtualService shop/product deleted\n");
    let again = mesh.ctl(&["delete", "vs", "product", "-n", "shop"]);
    assert!(!again.ok && again.stderr.contains("there is no VirtualService shop/product"), "{again:?}");
}

#[test]
fn what_a_file_or_a_newer_version_says_is_not_overwritten_and_the_refusal_says_what_to_do() {
    let mesh = Blueprint::two_versions().file("route.yaml", &split(100, 0)).up();
    let file = mesh.policy("route.yaml").display().to_string();
    let own = outside(&mesh, "route.yaml", &split(0, 100));
    for refused in [mesh.ctl(&["apply", "-f", &own]), mesh.ctl(&["delete", "vs", "product", "-n", "shop"])] {
        assert!(!refused.ok && refused.stderr.contains(&file), "the owner is named: {refused:?}");
    }
    assert!(mesh.objects("VirtualService")[0].text.contains("weight: 100"), "nothing changed");

    let entry = |port: u32| outside(&mesh, "bank.yaml", &BANK.replace("number: 80", &format!("number: {port}")));
    mesh.ctl_ok(&["apply", "-f", &entry(80)]);
    let first = version_of(&mesh, "se", "bank").to_string();
    let changed = mesh.ctl_ok(&["apply", "-f", &entry(81), "--resource-version", &first]);
    assert_eq!(changed, "ServiceEntry shop/bank configured\n");
    let second = version_of(&mesh, "se", "bank").to_string();
    assert_ne!(first, second);
    let late = mesh.ctl(&["apply", "-f", &entry(82), "--resource-version", &first]);
    assert!(!late.ok && late.stderr.contains(&second), "the version in force is named: {late:?}");
    assert!(!mesh.ctl(&["delete", "se", "bank", "-n", "shop", "--resource-version", &first]).ok);
    assert!(mesh.objects("ServiceEntry")[0].text.contains("number: 81"));
    mesh.ctl_ok(&["delete", "se", "bank", "-n", "shop", "--resource-version", &second]);

    let wrong =
        outside(&mesh, "wrong.yaml", &format!("{BANK}---{}", split(0, 100).replace("weight: 100", "weight: lots")));
    let refused = mesh.ctl(&["apply", "-f", &wrong]);
    assert!(!refused.ok && refused.stderr.contains("spec.http[0].route[1].weight"), "{refused:?}");
    assert!(mesh.objects("ServiceEntry").is_empty(), "all documents of a text, or none");
}

#[test]
fn every_part_of_what_a_proxy_runs_can_be_shown() {
    let blueprint = Blueprint::two_versions().file("route.yaml", &split(30, 70));
    let mesh = blueprint.mesh_config("accessLogFile: /dev/stdout\n").up();
    mesh.settled();
    let client = mesh.beside("product-v1");
    let show = |part: &str| mesh.ctl_ok(&["proxy-config", part, "product-v1"]);
    for (part, wanted) in [
        ("listeners", "15007"),
        ("routes", "70 outbound|8080|v2|product.shop.svc.cluster.local"),
        ("clusters", "outbound|8080|v1|product.shop.svc.cluster.local"),
        ("endpoints", "outbound|8080|v2|product.shop.svc.cluster.local"),
        ("ecds", "ferro-filters-outbound"),
        ("all", "dynamic_listeners"),
        ("log", "upstream: "),
    ] {
        assert!(show(part).contains(wanted), "{part}: {}", show(part));
        if part != "log" {
            json(&mesh.ctl_ok(&["proxy-config", part, "product-v1.shop", "-o", "json"]));
        }
    }
    let levels = mesh.ctl_ok(&["proxy-config", "log", "product-v1", "--level", "upstream=debug"]);
    assert!(levels.contains("upstream: debug"), "{levels}");
    let unknown = mesh.ctl(&["proxy-config", "routes", "nobody"]);
    assert!(!unknown.ok && unknown.stderr.contains("product-v1, product-v2"), "it names those there are: {unknown:?}");

    let status = mesh.ctl_ok(&["proxy-status"]);
    let row = status.lines().find(|line| line.starts_with("product-v1.shop")).unwrap();
    assert_eq!(row.matches("SYNCED").count(), 6, "{status}");
    assert_eq!(json(&mesh.ctl_ok(&["proxy-status", "-o", "json"])).as_array().unwrap().len(), 2);

    let marked = "/who?mark=seen-in-the-log";
    client.get(&format!("http://product:8080{marked}")).unwrap();
    until("the access log shows the request", || {
        mesh.ctl_ok(&["logs", "product-v1", "--no-follow"]).contains(marked).then_some(())
    });
}

#[test]
fn a_bug_report_holds_what_there_is_to_know() {
    let mesh = Blueprint::two_versions().up();
    let folder = mesh.folder().join("report");
    let path = folder.to_str().unwrap();
    mesh.ctl_ok(&["bug-report", "--folder", path]);
    for name in [
        "version.json",
        "proxies.json",
        "revisions.json",
        "diagnostics.json",
        "objects.json",
        "config-product-v1.shop.json",
        "local-mesh.json",
    ] {
        json(&fs::read_to_string(folder.join(name)).unwrap_or_else(|error| panic!("{name}: {error}")));
    }
    for name in ["ferrod.log", "product-v1.agent.log", "product-v2.app.log"] {
        assert!(folder.join(name).exists(), "{name}");
    }
    let again = mesh.ctl(&["bug-report", "--folder", path]);
    assert!(!again.ok && again.stderr.contains("--folder"), "nothing is overwritten: {again:?}");

    mesh.kill("ferrod");
    let late = mesh.folder().join("late");
    mesh.ctl(&["bug-report", "--folder", late.to_str().unwrap()]);
    assert!(late.join("ferrod.log").exists(), "a report is most wanted when ferrod is down");
}

#[test]
fn versions_and_shell_completion_are_told() {
    let mesh = Blueprint::two_versions().up();
    let version = json(&mesh.ctl_ok(&["version", "-o", "json"]));
    assert_eq!((&version["server"]["component"], &version["server"]["protocol"]), (&"ferrod".into(), &1.into()));
    assert!(mesh.ctl_ok(&["version"]).contains("ferroctl"));
    for shell in ["bash", "zsh", "fish"] {
        assert!(mesh.ctl_ok(&["completion", shell]).contains("proxy-config"), "{shell}");
    }
    mesh.kill("ferrod");
    let own = mesh.ctl(&["version"]);
    assert!(own.ok && own.stdout.contains("ferroctl") && own.stderr.contains("does not answer"), "{own:?}");
}
