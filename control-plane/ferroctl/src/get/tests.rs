use ferro_api::Object;
use ferro_model::Limits;
use ferro_model::document::parse;

use super::documents;

fn entry(namespace: &str, host: &str) -> Object {
    let text = format!(
        "apiVersion: networking.istio.io/v1\nkind: ServiceEntry\nmetadata: {{name: bank, namespace: {namespace}}}\n\
         spec:\n  hosts: [{host}]\n  ports: [{{number: 80, name: http, protocol: HTTP}}]\n  resolution: DNS\n"
    );
    Object {
        kind: "ServiceEntry".to_owned(),
        namespace: namespace.to_owned(),
        name: "bank".to_owned(),
        owner: "api".to_owned(),
        resource_version: 7,
        created_ms: 0,
        text,
    }
}

#[test]
fn documents_of_several_objects_can_be_applied_again() {
    let objects = [entry("shop", "a.example.com"), entry("other", "b.example.com")];
    let parsed = parse("api", &documents(&objects), &Limits::default());
    assert_eq!(parsed.diagnostics, []);
    let keys: Vec<String> = parsed.objects.iter().map(|(object, _)| object.key.to_string()).collect();
    assert_eq!(keys, ["ServiceEntry shop/bank", "ServiceEntry other/bank"]);
}

#[test]
fn no_object_is_an_empty_text() {
    assert_eq!(documents(&[]), "");
}
