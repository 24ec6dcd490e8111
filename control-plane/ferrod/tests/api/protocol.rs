use ferro_testkit::ads::DeltaClient;
use ferro_xds_protos::{Kind, PROTOCOL_VERSION, node as keys, wkt};
use tonic::Code;

use crate::rig::{Ferrod, node};

async fn agent(ferrod: &Ferrod, protocol: u32) -> DeltaClient {
    let protocol = (keys::FERRO_PROTOCOL, wkt::number_value(protocol.into()));
    let mut client = ferrod.client(node("product", [protocol])).await;
    client.subscribe(Kind::NameTable, &["*"]).await.unwrap();
    client
}

#[tokio::test]
async fn agents_of_neighbouring_protocols_are_served_side_by_side() {
    let ferrod = Ferrod::start("").await;
    let mut agents = Vec::new();
    for protocol in PROTOCOL_VERSION - 1..=PROTOCOL_VERSION + 1 {
        let mut agent = agent(&ferrod, protocol).await;
        agent.take(Kind::NameTable).await.unwrap();
        agents.push(agent);
    }
    let (_, rows) = ferrod.get("/debug/syncz").await;
    assert_eq!(rows.as_array().unwrap().len(), agents.len(), "{rows}");
}

#[tokio::test]
async fn an_agent_of_a_protocol_further_away_is_refused_with_both_versions() {
    let ferrod = Ferrod::start("").await;
    let status = agent(&ferrod, PROTOCOL_VERSION + 2).await.end(Kind::NameTable).await.unwrap();
    assert_eq!(status.code(), Code::FailedPrecondition, "{status:?}");
    for version in [PROTOCOL_VERSION, PROTOCOL_VERSION + 2] {
        assert!(status.message().contains(&version.to_string()), "{status:?}");
    }
    assert!(status.message().contains("upgrade"), "{status:?}");
    assert_eq!(ferrod.get("/debug/syncz").await.1.as_array().unwrap().len(), 0);
}
