//! Names of the mesh, from ferrod to a client's question.

use std::{net::SocketAddr, str::FromStr, time::Duration};

use hickory_proto::{
    op::{Message, MessageType, OpCode, Query, ResponseCode},
    rr::{Name, RData, RecordType},
};
use tokio::{net::UdpSocket, time};

use crate::{
    fake_ferrod::FakeFerrod,
    mesh::{Agent, application, eventually, own_address},
    resources::{serve_inbound, serve_name},
};

async fn resolve(proxy: SocketAddr, host: &str, kind: RecordType) -> Option<Message> {
    let mut question = Message::new(1, MessageType::Query, OpCode::Query);
    question.add_query(Query::query(Name::from_str(host).unwrap(), kind));
    let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    socket.send_to(&question.to_vec().unwrap(), proxy).await.unwrap();
    let mut buffer = [0; 1500];
    let length = time::timeout(Duration::from_secs(5), socket.recv(&mut buffer)).await.ok()?.unwrap();
    Some(Message::from_vec(&buffer[..length]).unwrap())
}

fn first_address(reply: &Message) -> Option<String> {
    match &reply.answers.first()?.data {
        RData::A(address) => Some(address.to_string()),
        _ => None,
    }
}

#[tokio::test]
async fn a_host_that_ferrod_adds_is_resolved_by_all_its_names() {
    let ferrod = FakeFerrod::start().await;
    let (app, _) = application("", Duration::ZERO).await;
    let ip = own_address();
    serve_inbound(&ferrod, ip, app);
    serve_name(&ferrod, "order.shop.svc.cluster.local", "240.240.0.1");
    let agent = Agent::start(&ferrod, ip, &[]);
    agent.ready().await;
    let proxy = agent.at(15053);
    eventually("the table has arrived", async || {
        resolve(proxy, "order.", RecordType::A).await.is_some_and(|reply| first_address(&reply).is_some())
    })
    .await;
    for host in ["order.", "order.shop.", "order.shop.svc.", "order.shop.svc.cluster.local."] {
        let reply = resolve(proxy, host, RecordType::A).await.unwrap();
        assert_eq!(first_address(&reply).as_deref(), Some("240.240.0.1"), "{host}");
    }
    let none = resolve(proxy, "order.shop.", RecordType::AAAA).await.unwrap();
    assert_eq!((none.metadata.response_code, none.answers.len()), (ResponseCode::NoError, 0));

    serve_name(&ferrod, "late.shop.svc.cluster.local", "240.240.0.2");
    eventually("a host that came later is resolved", async || {
        let reply = resolve(proxy, "late.shop.", RecordType::A).await;
        reply.is_some_and(|reply| first_address(&reply).as_deref() == Some("240.240.0.2"))
    })
    .await;
}
