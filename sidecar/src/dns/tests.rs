use std::{fs, net::SocketAddr, path::Path, str::FromStr, sync::Arc, time::Duration};

use hickory_proto::{
    op::{Message, MessageType, OpCode, Query, ResponseCode},
    rr::{Name, RecordType},
};
use tokio::{
    io::AsyncWriteExt,
    net::{TcpStream, UdpSocket},
    time,
};
use tokio_util::sync::CancellationToken;

use super::{DnsProxy, DnsStats, HostResolvers, Zone, names::tests::Table, read_frame, write_frame};

struct Proxy {
    address: SocketAddr,
    stats: Arc<DnsStats>,
    shutdown: CancellationToken,
}

/// A proxy that knows one host and forwards to 127.0.0.1 at `resolver_port`.
async fn proxy(folder: &Path, resolver_port: u16) -> Proxy {
    let (proxy, stats) = bound(folder, resolver_port).await;
    let address = proxy.address().unwrap();
    let shutdown = CancellationToken::new();
    tokio::spawn(proxy.run(shutdown.clone()));
    Proxy { address, stats, shutdown }
}

async fn bound(folder: &Path, resolver_port: u16) -> (DnsProxy<Table>, Arc<DnsStats>) {
    let path = folder.join("resolv.conf");
    fs::write(&path, "nameserver 127.0.0.1\n").unwrap();
    let table = Arc::new(Table::new([("product.shop.svc.cluster.local", &["240.240.0.1"][..])]));
    let stats = Arc::new(DnsStats::default());
    let proxy = DnsProxy::bind(
        "127.0.0.1:0".parse().unwrap(),
        Zone::new("shop", "cluster.local"),
        Arc::new(move || Some(Arc::clone(&table))),
        HostResolvers { path, port: resolver_port },
        Arc::clone(&stats),
    )
    .await
    .unwrap();
    (proxy, stats)
}

fn question(host: &str) -> Vec<u8> {
    let mut message = Message::new(42, MessageType::Query, OpCode::Query);
    message.add_query(Query::query(Name::from_str(host).unwrap(), RecordType::A));
    message.to_vec().unwrap()
}

async fn ask_udp(address: SocketAddr, query: &[u8]) -> Message {
    let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    socket.send_to(query, address).await.unwrap();
    let mut buffer = [0; 2048];
    let length = time::timeout(Duration::from_secs(10), socket.recv(&mut buffer)).await.unwrap().unwrap();
    Message::from_vec(&buffer[..length]).unwrap()
}

#[tokio::test]
async fn hosts_of_the_mesh_are_answered_by_udp_and_tcp() {
    let folder = tempfile::tempdir().unwrap();
    let proxy = proxy(folder.path(), 1).await;
    assert_eq!(ask_udp(proxy.address, &question("product.")).await.answers.len(), 1);
    let mut stream = TcpStream::connect(proxy.address).await.unwrap();
    for _ in 0..2 {
        write_frame(&mut stream, &question("product.shop.")).await.unwrap();
        let reply = Message::from_vec(&read_frame(&mut stream).await.unwrap().unwrap()).unwrap();
        assert_eq!(reply.answers.len(), 1);
    }
    assert_eq!(proxy.stats.counts().answered, 3);
}

#[tokio::test]
async fn other_names_go_to_the_host_and_a_failure_there_is_servfail() {
    let folder = tempfile::tempdir().unwrap();
    let resolver = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let proxy = proxy(folder.path(), resolver.local_addr().unwrap().port()).await;
    let answering = tokio::spawn(async move {
        let mut buffer = [0; 512];
        let (length, client) = resolver.recv_from(&mut buffer).await.unwrap();
        let query = Message::from_vec(&buffer[..length]).unwrap();
        let mut reply = Message::error_msg(query.metadata.id, OpCode::Query, ResponseCode::NXDomain);
        reply.add_queries(query.queries);
        resolver.send_to(&reply.to_vec().unwrap(), client).await.unwrap();
    });
    let reply = ask_udp(proxy.address, &question("example.com.")).await;
    assert_eq!(reply.metadata.response_code, ResponseCode::NXDomain);
    answering.await.unwrap();
    // The resolver is gone now: its port refuses.
    let reply = ask_udp(proxy.address, &question("example.com.")).await;
    assert_eq!(reply.metadata.response_code, ResponseCode::ServFail);
    let counts = proxy.stats.counts();
    assert_eq!((counts.forwarded, counts.upstream_failures), (2, 1));
}

#[tokio::test]
async fn a_slow_resolver_holds_up_nobody_else() {
    let folder = tempfile::tempdir().unwrap();
    let silent = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let proxy = proxy(folder.path(), silent.local_addr().unwrap().port()).await;
    let client = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    for _ in 0..50 {
        client.send_to(&question("example.com."), proxy.address).await.unwrap();
    }
    let answered = time::timeout(Duration::from_secs(1), ask_udp(proxy.address, &question("product."))).await;
    assert_eq!(answered.unwrap().answers.len(), 1);
}

#[tokio::test]
async fn questions_beyond_what_may_wait_are_refused_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let silent = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let proxy = proxy(folder.path(), silent.local_addr().unwrap().port()).await;
    let client = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    for _ in 0..super::MAX_FORWARDED {
        client.send_to(&question("example.com."), proxy.address).await.unwrap();
    }
    let reply = time::timeout(Duration::from_secs(1), ask_udp(proxy.address, &question("example.com."))).await;
    assert_eq!(reply.unwrap().metadata.response_code, ResponseCode::ServFail);
    assert_eq!(proxy.stats.counts().overloads, 1);
}

#[tokio::test]
async fn a_stream_whose_client_does_not_read_is_given_up() {
    let folder = tempfile::tempdir().unwrap();
    let (proxy, _) = bound(folder.path(), 1).await;
    let (mut client, server) = tokio::io::duplex(64);
    let serving = tokio::spawn(async move { super::serve_stream(server, &proxy.shared).await });
    time::pause();
    let start = time::Instant::now();
    // The answer is longer than what may lie unread.
    write_frame(&mut client, &question("product.shop.svc.cluster.local.")).await.unwrap();
    serving.await.unwrap().unwrap();
    assert!((super::TCP_IDLE..super::TCP_IDLE * 2).contains(&start.elapsed()), "{:?}", start.elapsed());
    drop(client);
}

#[tokio::test]
async fn garbage_is_survived() {
    let folder = tempfile::tempdir().unwrap();
    let proxy = proxy(folder.path(), 1).await;
    let client = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    for garbage in [&b""[..], b"x", &[0xff; 4000]] {
        client.send_to(garbage, proxy.address).await.unwrap();
    }
    let mut stream = TcpStream::connect(proxy.address).await.unwrap();
    stream.write_all(&[0, 3, 1, 2, 3]).await.unwrap();
    assert_eq!(ask_udp(proxy.address, &question("product.")).await.answers.len(), 1);
    proxy.shutdown.cancel();
}
