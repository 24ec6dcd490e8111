//! Files of policy and what becomes of them.

use std::fs::{self, File};
use std::io::Write;
use std::time::Duration;

use ferro_e2e::{Blueprint, Client, Mesh, eventually, for_a_while};

use crate::weights::split;

const WHO: &str = "http://product:8080/who";

/// Whether every sidecar sends everything to this version. A few requests each tell 100:0 from 0:100.
fn all_go_to(mesh: &Mesh, version: &str) -> bool {
    ["product-v1", "product-v2"].iter().all(|sidecar| only(&mesh.beside(sidecar), version))
}

fn only(client: &Client, version: &str) -> bool {
    (0..5).all(|_| client.get(WHO).is_ok_and(|answer| answer.version() == version))
}

#[test]
fn a_changed_file_reaches_every_sidecar_whether_renamed_or_written_in_place() {
    let mesh = Blueprint::two_versions().file("route.yaml", &split(100, 0)).up();
    eventually("version 1 everywhere", || all_go_to(&mesh, "v1"));

    mesh.rename_in("route.yaml", &split(0, 100));
    eventually("version 2 everywhere", || all_go_to(&mesh, "v2"));

    mesh.write_in_place("route.yaml", &split(100, 0));
    eventually("version 1 everywhere", || all_go_to(&mesh, "v1"));
    assert_eq!(mesh.diagnostics(), Vec::<serde_json::Value>::new());
}

#[test]
fn a_new_file_in_a_new_folder_counts_and_a_removed_one_no_longer() {
    let mesh = Blueprint::two_versions().up();
    fs::create_dir_all(mesh.policy("more/routes")).unwrap();
    fs::write(mesh.policy("more/routes/product.yaml"), split(0, 100)).unwrap();
    eventually("version 2 everywhere", || all_go_to(&mesh, "v2"));

    fs::remove_file(mesh.policy("more/routes/product.yaml")).unwrap();
    eventually("both versions, as without a route", || {
        let client = mesh.beside("product-v1");
        let versions: Vec<_> = (0..20).filter_map(|_| Some(client.get(WHO).ok()?.version().to_owned())).collect();
        versions.iter().any(|version| version == "v1") && versions.iter().any(|version| version == "v2")
    });
    assert!(mesh.objects("VirtualService").is_empty());
}

#[test]
fn a_half_written_file_keeps_what_was_in_force_until_it_is_whole() {
    let mesh = Blueprint::two_versions().file("route.yaml", &split(100, 0)).up();
    eventually("version 1 everywhere", || all_go_to(&mesh, "v1"));
    let whole = split(0, 100);
    // In the middle of a line, of a document, and where the first part is a valid document by itself.
    for cut in
        [whole.find("namespace").unwrap() + 4, whole.find("subset: v2").unwrap() + 3, whole.find("route:").unwrap()]
    {
        let mut file = File::create(mesh.policy("route.yaml")).unwrap();
        file.write_all(&whole.as_bytes()[..cut]).unwrap();
        file.sync_all().unwrap();
        for_a_while("version 1 everywhere", Duration::from_millis(800), || all_go_to(&mesh, "v1"));
        file.write_all(&whole.as_bytes()[cut..]).unwrap();
        drop(file);
        eventually("version 2 everywhere", || all_go_to(&mesh, "v2"));
        mesh.rename_in("route.yaml", &split(100, 0));
        eventually("version 1 everywhere", || all_go_to(&mesh, "v1"));
    }
}

#[test]
fn a_bad_document_keeps_its_last_good_version_and_spoils_no_neighbour() {
    let mesh = Blueprint::two_versions().file("route.yaml", &split(100, 0)).up();
    eventually("version 1 everywhere", || all_go_to(&mesh, "v1"));
    let bad = split(0, 100).replace("weight: 100", "weight: lots");
    let neighbour = "
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: bank, namespace: shop}
spec: {hosts: [bank.example.com], ports: [{number: 80, name: http, protocol: HTTP}], resolution: DNS}
";
    mesh.rename_in("route.yaml", &format!("{bad}---{neighbour}"));
    eventually("the neighbour is in force", || {
        mesh.clusters("product-v1").contains(&"outbound|80||bank.example.com".to_owned())
    });
    assert!(all_go_to(&mesh, "v1"), "the route's last good version");

    let found = mesh.diagnostics();
    let about =
        found.iter().find(|found| found["object"] == "VirtualService shop/product" && found["severity"] == "error");
    let about = about.unwrap_or_else(|| panic!("the route is named: {found:#?}"));
    assert_eq!(about["field"], "spec.http[0].route[1].weight");
    assert!(about["file"].as_str().is_some_and(|file| file.ends_with("route.yaml")), "{about}");
    let line = bad.lines().position(|line| line.contains("lots")).unwrap() + 1;
    assert_eq!(about["line"], line, "{about}");
    let described = mesh.ctl_ok(&["describe", "vs", "product", "-n", "shop"]);
    let finding =
        format!("error: {}:{line}:{} spec.http[0].route[1].weight: ", about["file"].as_str().unwrap(), about["column"]);
    assert!(described.lines().any(|line| line.trim_start().starts_with(&finding)), "{finding}\n{described}");

    mesh.rename_in("route.yaml", &split(0, 100));
    eventually("version 2 everywhere", || all_go_to(&mesh, "v2"));
    eventually("nothing is wrong any more", || mesh.diagnostics().is_empty());
}
