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
