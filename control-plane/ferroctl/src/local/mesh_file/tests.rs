use super::MeshFile;

fn load(text: &str) -> anyhow::Result<MeshFile> {
    let folder = std::env::temp_dir().join(format!("ferro-mesh-file-{}-{:p}", std::process::id(), text));
    std::fs::create_dir_all(&folder)?;
    let path = folder.join("mesh.yaml");
    std::fs::write(&path, text)?;
    let loaded = MeshFile::load(&path);
    std::fs::remove_dir_all(&folder)?;
    loaded
}

const HEAD: &str = "apiVersion: ferromesh.dev/v1alpha1\nkind: LocalMesh\nmetadata: {name: shop}\n";

fn error(body: &str) -> String {
    format!("{:#}", load(&format!("{HEAD}{body}")).unwrap_err())
}

#[test]
fn a_minimal_file_is_read() {
    let mesh = load(&format!("{HEAD}spec: {{policies: []}}")).unwrap();
    assert!(mesh.state_folder().ends_with("ferromesh/shop"));
    assert!(mesh.spec.workloads.is_empty());
}

#[test]
fn an_unknown_field_is_named() {
    assert!(error("spec: {policies: [], wrokloads: []}").contains("wrokloads"));
}

#[test]
fn a_name_that_stands_twice_is_refused() {
    let message = error(
        "spec: {policies: [], gateways: [{name: a, namespace: x, labels: {}}, {name: a, namespace: x, labels: {}}]}",
    );
    assert!(message.contains("`a` stands twice"), "{message}");
}

#[test]
fn a_policy_that_does_not_exist_is_named() {
    assert!(error("spec: {policies: [nowhere.yaml]}").contains("nowhere.yaml"));
}

#[test]
fn another_kind_is_refused_with_what_is_wanted() {
    let message =
        format!("{:#}", load("apiVersion: v1\nkind: Pod\nmetadata: {name: x}\nspec: {policies: []}").unwrap_err());
    assert!(message.contains("kind: LocalMesh"), "{message}");
}
