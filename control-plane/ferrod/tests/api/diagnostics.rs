use serde_json::Value;

use crate::rig::Ferrod;

#[tokio::test]
async fn keys_of_the_mesh_config_that_nobody_reads_are_among_the_diagnostics() {
    let config = "accessLogFile: /dev/stdout\nnobodyReads: this\n";
    let ferrod = Ferrod::start_with("", Some(config)).await;
    let (_, found) = ferrod.get("/api/v1/diagnostics").await;
    let found: Vec<Value> = serde_json::from_value(found).unwrap();
    let [finding] = &found[..] else { panic!("{found:?}") };
    assert_eq!(finding["severity"], "warning", "{finding}");
    assert_eq!(finding["line"], 2, "{finding}");
    assert!(finding["file"].as_str().unwrap().ends_with("mesh-config.yaml"), "{finding}");
    assert!(finding.to_string().contains("nobodyReads"), "{finding}");
}

#[tokio::test]
async fn a_host_that_two_objects_want_is_among_the_diagnostics() {
    let entry = |name: &str| {
        format!(
            "apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {{name: {name}, namespace: shop}}\nspec: \
             {{hosts: [bank.example.com], http: [{{directResponse: {{status: 200}}}}]}}\n"
        )
    };
    let ferrod = Ferrod::start(&[entry("first"), entry("second")].join("---\n")).await;
    let (_, found) = ferrod.get("/api/v1/diagnostics").await;
    let found: Vec<Value> = serde_json::from_value(found).unwrap();
    let taken = found.iter().find(|finding| finding["code"] == "host-taken").unwrap_or_else(|| panic!("{found:?}"));
    assert!(taken.to_string().contains("bank.example.com"), "{taken}");
}
