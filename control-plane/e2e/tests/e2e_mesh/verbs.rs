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

    let table = mesh.ctl_ok(&["get", "vs", "-n", "shop"]);
    let row: Vec<&str> = table.lines().nth(1).unwrap().split_whitespace().collect();
    assert_eq!(row[..4], ["VirtualService", "shop", "product", "api"]);
    let yaml = mesh.ctl_ok(&["get", "virtualservices", "product", "-n", "shop", "-o", "yaml"]);
    assert!(yaml.contains("subset: v1") && yaml.contains("owner api"), "{yaml}");
    let all = json(&mesh.ctl_ok(&["get", "-A", "-o", "json"]));
    assert!(all.as_array().unwrap().iter().any(|object| object["kind"] == "WorkloadEntry"), "{all}");

    mesh.settled();
    let described = mesh.ctl_ok(&["describe", "vs", "product", "-n", "shop"]);
    assert!(described.contains("owner             api") && described.contains("in sync   2 of 2"), "{described}");

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
        ("log", "upstream "),
    ] {
        assert!(show(part).contains(wanted), "{part}: {}", show(part));
    }
    let levels = mesh.ctl_ok(&["proxy-config", "log", "product-v1.shop", "--level", "upstream=debug", "-o", "json"]);
    assert_eq!((&json(&levels)["upstream"], &json(&levels)["misc"]), (&"debug".into(), &"error".into()));
    let elsewhere = mesh.ctl(&["proxy-config", "routes", "product-v1", "--server", "http://127.0.0.1:9"]);
    assert!(!elsewhere.ok && elsewhere.stderr.contains("127.0.0.1:9"), "a server that is named counts: {elsewhere:?}");
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

/// What a verb prints: in a table, as keys of its value or of each of its items, and as one of its names.
struct Verb {
    words: &'static str,
    table: &'static str,
    keys: &'static [&'static str],
    name: &'static str,
}

const OBJECT: &[&str] = &["kind", "namespace", "name", "owner", "resourceVersion", "text"];
const DOCUMENT: &[&str] = &["apiVersion", "kind", "metadata"];
const OUTCOME: &[&str] = &["revision", "objects", "diagnostics", "messages"];
const PROXY: &[&str] = &["id", "name", "proxyType", "types"];

const VERBS: [Verb; 16] = [
    Verb { words: "get vs -n shop", table: "NAMESPACE", keys: OBJECT, name: "virtualservice/product" },
    Verb { words: "get vs/product dr/product -n shop", table: "OWNER", keys: OBJECT, name: "destinationrule/product" },
    Verb { words: "get -A", table: "VERSION", keys: OBJECT, name: "namespace/shop" },
    Verb {
        words: "describe vs/product dr/product -n shop",
        table: "proxies in sync",
        keys: &["object", "diagnostics", "proxies"],
        name: "virtualservice/product",
    },
    Verb { words: "apply -f BANK -f TILL", table: "shop/bank created", keys: OUTCOME, name: "serviceentry/till" },
    Verb { words: "delete -f BANK -f TILL", table: "shop/till deleted", keys: OUTCOME, name: "serviceentry/bank" },
    Verb { words: "proxy-status", table: "CONNECTED", keys: PROXY, name: "product-v1.shop" },
    Verb { words: "proxy-status product-v2", table: "REFUSED BECAUSE", keys: PROXY, name: "product-v2.shop" },
    Verb { words: "pc listeners product-v1", table: "ADDRESS", keys: &["name", "active_state"], name: "127." },
    Verb {
        words: "pc routes product-v1",
        table: "VIRTUAL HOST",
        keys: &["version_info", "route_config"],
        name: "http_proxy",
    },
    Verb { words: "pc clusters product-v1", table: "TYPE", keys: &["version_info", "cluster"], name: "outbound|8080" },
    Verb { words: "pc endpoints product-v1", table: "OUTLIER", keys: &["name"], name: "127." },
    Verb {
        words: "pc ecds product-v1",
        table: "VERSION",
        keys: &["version_info", "ecds_filter"],
        name: "ferro-filters",
    },
    Verb { words: "pc log product-v1", table: "LOGGER", keys: &["upstream", "misc"], name: "upstream" },
    Verb { words: "pc all product-v1", table: "dynamic_listeners", keys: &["configs"], name: "" },
    Verb { words: "version", table: "STORE FORMAT", keys: &["ferroctl", "server"], name: "ferroctl" },
];

#[test]
fn every_verb_speaks_every_format() {
    let mesh = Blueprint::two_versions().file("route.yaml", &split(30, 70)).up();
    mesh.settled();
    let files = [
        ("BANK", outside(&mesh, "bank.yaml", BANK)),
        ("TILL", outside(&mesh, "till.yaml", &BANK.replace("bank", "till"))),
    ];
    for format in ["table", "json", "yaml", "name"] {
        for verb in VERBS.iter().filter(|verb| format != "name" || !verb.name.is_empty()) {
            let path = |word: &str| files.iter().find(|(name, _)| *name == word).map(|(_, path)| path.as_str());
            let words: Vec<&str> =
                verb.words.split_whitespace().map(|word| path(word).unwrap_or(word)).chain(["-o", format]).collect();
            let text = mesh.ctl_ok(&words);
            check(verb, format, &text);
        }
    }
}

fn check(verb: &Verb, format: &str, text: &str) {
    let of_objects = format == "yaml" && verb.words.starts_with("get");
    let values: Vec<Value> = match format {
        "json" => vec![json(text)],
        "yaml" => serde_saphyr::from_multiple(text).unwrap_or_else(|error| panic!("{}: {error}: {text}", verb.words)),
        _ => {
            let wanted = if format == "table" { verb.table } else { verb.name };
            return assert!(text.contains(wanted), "{} -o {format}: {text}", verb.words);
        }
    };
    assert!(of_objects || values.len() == 1, "{} -o {format} is one value: {text}", verb.words);
    let items: Vec<&Value> =
        values.iter().flat_map(|value| value.as_array().map_or(vec![value], |items| items.iter().collect())).collect();
    assert!(!items.is_empty(), "{} -o {format}: {text}", verb.words);
    let keys = if of_objects { DOCUMENT } else { verb.keys };
    for item in items {
        assert!(keys.iter().all(|key| item.get(key).is_some()), "{} -o {format}: {item}", verb.words);
    }
}

#[test]
fn objects_are_looked_for_in_one_namespace_and_one_that_is_elsewhere_is_told() {
    let mesh = Blueprint::two_versions().up();
    let both = format!("{BANK}---{}", BANK.replace("namespace: shop", "namespace: other"));
    let both = outside(&mesh, "both.yaml", &both);
    mesh.ctl_ok(&["apply", "-f", &both]);
    for verb in ["get", "describe", "delete"] {
        let missing = mesh.ctl(&[verb, "se", "bank"]);
        let told =
            ["ServiceEntry default/bank", "-n shop", "-n other"].iter().all(|word| missing.stderr.contains(word));
        assert!(!missing.ok && told, "{verb}: {missing:?}");
        let nowhere = mesh.ctl(&[verb, "se/nowhere", "-n", "shop"]);
        assert!(!nowhere.ok && nowhere.stderr.contains("no ServiceEntry shop/nowhere"), "{verb}: {nowhere:?}");
        for unknown in ["nosuchkind", "nosuchkind/bank"] {
            let unknown = mesh.ctl(&[verb, unknown, "bank"]);
            assert!(!unknown.ok && unknown.stderr.contains("ServiceEntry (se)"), "{verb}: {unknown:?}");
        }
    }
    let nothing = mesh.ctl(&["get", "se"]);
    assert!(nothing.ok && nothing.stdout.is_empty() && nothing.stderr.contains("-A"), "{nothing:?}");
    assert_eq!(mesh.ctl_ok(&["get", "ns", "-o", "name"]), "namespace/shop\n", "a kind without namespace");

    // What is printed can be applied again.
    let yaml = mesh.ctl_ok(&["get", "se", "bank", "-A", "-o", "yaml"]);
    let deleted = mesh.ctl_ok(&["delete", "-f", &both]);
    assert_eq!(deleted, "ServiceEntry shop/bank deleted\nServiceEntry other/bank deleted\n");
    let again = mesh.ctl_ok(&["apply", "-f", &outside(&mesh, "again.yaml", &yaml)]);
    assert_eq!(again.matches("created").count(), 2, "{again}");
}

#[test]
fn what_nothing_enforces_is_an_error() {
    let mesh = Blueprint::two_versions().up();
    let deny = "
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: nobody, namespace: shop}
spec: {action: DENY, rules: [{}]}
";
    let file = outside(&mesh, "deny.yaml", &format!("{BANK}---{deny}"));
    let applied = mesh.ctl(&["apply", "-f", &file]);
    assert_eq!(applied.stdout, "ServiceEntry shop/bank created\nAuthorizationPolicy shop/nobody not supported yet\n");
    assert!(
        !applied.ok && applied.stderr.contains("nothing enforces it: AuthorizationPolicy shop/nobody"),
        "{applied:?}"
    );
    let deleted = mesh.ctl(&["delete", "-f", &file]);
    assert!(!deleted.ok && deleted.stderr.contains("not supported yet"), "{deleted:?}");
    assert_eq!(mesh.objects("ServiceEntry").len(), 1, "all objects of a file are deleted, or none");
}

#[test]
fn a_reader_that_goes_early_ends_a_verb_quietly() {
    let mesh = Blueprint::two_versions().up();
    for words in [&["get", "-A", "-o", "json"][..], &["proxy-config", "all", "product-v1"], &["completion", "bash"]] {
        let unread = mesh.ctl_unread(words);
        assert_eq!(unread.stderr, "", "{words:?}");
    }
}

#[test]
fn of_two_meshes_that_run_one_must_be_named() {
    let mesh = Blueprint::two_versions().up();
    let record = mesh.agent_file("..", "mesh.json");
    let other = record.ancestors().find(|path| path.ends_with("ferromesh")).unwrap().join("other");
    fs::create_dir(&other).unwrap();
    fs::copy(&record, other.join("mesh.json")).unwrap();
    let unclear = mesh.ctl(&["get"]);
    assert!(
        !unclear.ok && unclear.stderr.contains("--server") && unclear.stderr.contains(mesh.server()),
        "{unclear:?}"
    );
    mesh.ctl_ok(&["get", "-A", "--server", mesh.server()]);
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
