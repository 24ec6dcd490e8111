//! Wasm modules from ferrod to Envoy's disk.

use std::{fs, os::unix::fs::PermissionsExt, path::PathBuf};

use bytes::Bytes;
use ferro_xds::{Update, What};
use ferro_xds_protos::{Kind, Resource};

use super::{Agent, Envoy, Ferrod, folder};
use crate::{
    modules::ModuleDigest,
    relay::{value_of, wasm::fixture::filter_asking_for, wire},
};

const MODULE: &[u8] = b"\0asm and more";
/// `TypedExtensionConfig.typed_config.value`, in it `Wasm.config.vm_config.code.local.filename`.
const FILE_NAME: [u32; 7] = [2, 2, 1, 3, 3, 1, 1];

fn filter(digest: ModuleDigest) -> Resource {
    Resource::encode(Kind::ExtensionConfig, "f", &filter_asking_for(digest))
}

fn file_of(resource: &Resource) -> PathBuf {
    let frame = resource.delta_frame();
    let name = wire::find(value_of(&frame), &FILE_NAME).expect("a file name");
    PathBuf::from(str::from_utf8(name).expect("text"))
}

fn serve_module(ferrod: &Ferrod, digest: ModuleDigest, content: &'static [u8]) {
    ferrod.mesh.modules.lock().expect("no test panicked here").push((digest, Bytes::from_static(content)));
    ferrod.apply([(Kind::ExtensionConfig, Update::put(filter(digest)))]);
}

fn refusal(what: &What) -> Option<String> {
    match what {
        What::Nacked { kind: Kind::ExtensionConfig, status, .. } => Some(status.message.clone()),
        _ => None,
    }
}

#[tokio::test]
async fn the_module_is_on_disk_before_envoy_hears_of_it() {
    let folder = folder();
    let ferrod = Ferrod::started(folder.path());
    serve_module(&ferrod, ModuleDigest::of(MODULE), MODULE);
    let _agent = Agent::start(folder.path());
    let mut envoy = Envoy::start(folder.path(), &[(Kind::ExtensionConfig, "f")]);
    let received = envoy.receives().await;
    let file = file_of(&received.resources[0]);
    assert_eq!(fs::read(&file).expect("the module"), MODULE);
    assert_eq!(fs::metadata(&file).expect("the module").permissions().mode() & 0o777, 0o444);
    assert_eq!(received.resources[0].version(), filter(ModuleDigest::of(MODULE)).version());
    envoy.handle.update(|session| session.ack(received.kind, &received.nonce));
    ferrod.sees(|what| matches!(what, What::Acked { kind: Kind::ExtensionConfig, .. }).then_some(())).await;
}

#[tokio::test]
async fn a_wrong_module_is_refused_with_both_hashes_and_holds_nothing_up() {
    let folder = folder();
    let ferrod = Ferrod::started(folder.path());
    serve_module(&ferrod, ModuleDigest::of(MODULE), b"something else");
    ferrod.put(Kind::Cluster, "a", "v1");
    let _agent = Agent::start(folder.path());
    let mut envoy = Envoy::start(folder.path(), &[(Kind::ExtensionConfig, "f"), (Kind::Cluster, "*")]);
    let served = envoy.accepts_all(&[Kind::Cluster, Kind::ExtensionConfig]).await;
    assert_eq!(served[0], (Kind::Cluster, vec!["a@v1".into()], vec![]));
    assert_eq!(served[1], (Kind::ExtensionConfig, vec![], vec!["f".into()]));
    let reason = ferrod.sees(refusal).await;
    for digest in [ModuleDigest::of(MODULE), ModuleDigest::of(b"something else")] {
        assert!(reason.contains(&digest.to_string()), "{reason}");
    }
    assert_eq!(fs::read_dir(folder.path().join("modules")).expect("the folder").count(), 0);
}

#[tokio::test]
async fn a_missing_module_is_refused_with_ferrods_words() {
    let folder = folder();
    let ferrod = Ferrod::started(folder.path());
    ferrod.apply([(Kind::ExtensionConfig, Update::put(filter(ModuleDigest::of(MODULE))))]);
    let agent = Agent::start(folder.path());
    let _envoy = Envoy::start(folder.path(), &[(Kind::ExtensionConfig, "f")]);
    assert!(ferrod.sees(refusal).await.contains("no such module"));
    assert_eq!(agent.status.read().module_failures, 1);
}

#[tokio::test]
async fn a_kept_module_serves_while_ferrod_is_away() {
    let folder = folder();
    let mut ferrod = Ferrod::started(folder.path());
    serve_module(&ferrod, ModuleDigest::of(MODULE), MODULE);
    ferrod.put(Kind::Cluster, "a", "v1");
    ferrod.put(Kind::Listener, "l", "v1");
    let wanted = [(Kind::ExtensionConfig, "f"), (Kind::Cluster, "*"), (Kind::Listener, "*")];
    let agent = Agent::start(folder.path());
    let mut envoy = Envoy::start(folder.path(), &wanted);
    envoy.accepts_all(&[Kind::Cluster, Kind::Listener, Kind::ExtensionConfig]).await;
    agent.saved().await;
    ferrod.kill();
    drop(envoy);
    let _agent = agent.restart().await;
    let mut envoy = Envoy::start(folder.path(), &wanted);
    let served = envoy.accepts_all(&[Kind::Cluster, Kind::Listener, Kind::ExtensionConfig]).await;
    assert!(served.iter().any(|(kind, found, _)| *kind == Kind::ExtensionConfig && found.len() == 1), "{served:?}");
}

#[tokio::test]
async fn a_module_that_does_not_come_holds_nothing_else_up() {
    let folder = folder();
    let ferrod = Ferrod::started(folder.path());
    // ferrod never answers for a module without content.
    serve_module(&ferrod, ModuleDigest::of(MODULE), b"");
    for kind in [Kind::Cluster, Kind::Endpoint, Kind::Listener, Kind::Route] {
        ferrod.put(kind, "a", "v1");
    }
    let _agent = Agent::start(folder.path());
    let wanted = [(Kind::Endpoint, "a"), (Kind::Route, "a"), (Kind::Cluster, "*"), (Kind::Listener, "*")];
    let mut envoy = Envoy::start(folder.path(), &[&wanted[..], &[(Kind::ExtensionConfig, "f")]].concat());
    let kinds = wanted.map(|(kind, _)| kind);
    envoy.accepts_all(&kinds).await;
    for kind in kinds {
        ferrod.put(kind, "a", "v2");
    }
    let served = envoy.accepts_all(&kinds).await;
    assert!(served.iter().all(|(kind, ..)| *kind != Kind::ExtensionConfig), "{served:?}");
    assert!(ferrod.seen().iter().find_map(refusal).is_none());
}
