//! Traffic is split by weight, also while the weights change.

use std::thread;
use std::time::Duration;

use ferro_e2e::{Blueprint, Load, Tally, eventually};

/// A route to versions 1 and 2 of the product by weight.
pub(crate) fn split(v1: u32, v2: u32) -> String {
    format!(
        "
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {{name: product, namespace: shop}}
spec:
  hosts: [product]
  http:
  - name: split
    route:
    - {{destination: {{host: product, subset: v1}}, weight: {v1}}}
    - {{destination: {{host: product, subset: v2}}, weight: {v2}}}
"
    )
}

const WHO: &str = "http://product:8080/who";

#[test]
fn two_thousand_requests_are_split_by_weight_within_four_standard_errors() {
    let mesh = Blueprint::two_versions().file("route.yaml", &split(90, 10)).up();
    let client = mesh.beside("product-v1");
    eventually("the split is in force", || client.get(WHO).is_ok_and(|answer| answer.version() == "v2"));
    for (v1, v2) in [(90, 10), (50, 50), (1, 99)] {
        mesh.rename_in("route.yaml", &split(v1, v2));
        mesh.settled();
        let expected = format!("{v2} outbound|8080|v2|product.shop.svc.cluster.local");
        eventually("Envoy has the weight", || {
            mesh.ctl_ok(&["proxy-config", "routes", "product-v1"]).contains(&expected)
        });

        let tally = Tally::of(2_000, &client, WHO);
        tally.assert_no_failure(2_000);
        let share = f64::from(v2) / 100.0;
        let error = (2_000.0 * share * (1.0 - share)).sqrt();
        let seen = tally.versions.get("v2").copied().unwrap_or_default() as f64;
        assert!((seen - 2_000.0 * share).abs() <= 4.0 * error, "{v1}:{v2}, seen {:?}", tally.versions);
    }
}

#[test]
fn no_request_fails_while_the_weights_change_ten_times_a_second() {
    let mesh = Blueprint::two_versions().file("route.yaml", &split(50, 50)).up();
    let load = Load::start(4, || mesh.beside("product-v1"), WHO);
    // Renaming may take its time on a busy disk: a number of changes makes the claim, not the time for them.
    for change in 0..50 {
        mesh.rename_in("route.yaml", &split(2 * change, 100 - 2 * change));
        thread::sleep(Duration::from_millis(100));
    }
    let tally = load.stop();
    tally.assert_no_failure(1_000);
    assert!(tally.versions.keys().eq(["v1", "v2"]), "{tally:?}");
    mesh.settled();
}
