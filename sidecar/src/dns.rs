//! The DNS proxy: answers for hosts of the mesh from the name table, hands every other question to the host's
//! resolvers. What to do with a question is decided in [`answer`], which is pure; here are the sockets.

use std::{io, net::SocketAddr, sync::Arc, time::Duration};

use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::{TcpListener, UdpSocket},
    sync::Semaphore,
    time,
};
use tokio_util::sync::CancellationToken;
use tracing::{Instrument, debug, debug_span};

pub use answer::Zone;
use answer::{Decision, Transport, decide, server_failure};
use forward::Forwarder;
pub use forward::HostResolvers;
pub use names::{Found, Names};
pub use stats::{DnsCounts, DnsStats};

use crate::accept::Door;

pub mod answer;
mod forward;
mod names;
mod resolv;
mod stats;

#[cfg(test)]
mod tests;

/// Questions that wait for a resolver of the host at one time; more are refused at once with SERVFAIL.
const MAX_FORWARDED: usize = 128;

/// TCP connections at one time; more wait in the kernel's backlog.
const MAX_CONNECTIONS: usize = 32;

/// How long a TCP client may be silent (RFC 7766 asks for a few seconds), or leave an answer unread.
const TCP_IDLE: Duration = Duration::from_secs(10);

/// The longest question taken by UDP. Real ones have under 300 bytes.
const MAX_UDP_QUERY: usize = 4096;

/// Where the current name table comes from; `None` until the first one is there.
pub type NameSource<N> = Arc<dyn Fn() -> Option<Arc<N>> + Send + Sync>;

/// A DNS proxy that is bound and not yet running.
pub struct DnsProxy<N> {
    udp: UdpSocket,
    tcp: TcpListener,
    shared: Arc<Shared<N>>,
}

struct Shared<N> {
    zone: Zone,
    names: NameSource<N>,
    forwarder: Forwarder,
    slots: Arc<Semaphore>,
    stats: Arc<DnsStats>,
}

// === impl DnsProxy ===

impl<N: Names + Send + Sync + 'static> DnsProxy<N> {
    /// Binds UDP and TCP at `address`. The resolvers of `host` answer for names outside the mesh.
    ///
    /// # Errors
    /// When a socket cannot be bound.
    pub async fn bind(
        address: SocketAddr,
        zone: Zone,
        names: NameSource<N>,
        host: HostResolvers,
        stats: Arc<DnsStats>,
    ) -> io::Result<Self> {
        let udp = UdpSocket::bind(address).await?;
        let tcp = TcpListener::bind(udp.local_addr()?).await?;
        let forwarder = Forwarder::new(host);
        let slots = Arc::new(Semaphore::new(MAX_FORWARDED));
        Ok(Self { udp, tcp, shared: Arc::new(Shared { zone, names, forwarder, slots, stats }) })
    }

    /// Where it is bound.
    ///
    /// # Errors
    /// When the kernel does not say.
    pub fn address(&self) -> io::Result<SocketAddr> {
        self.udp.local_addr()
    }

    /// Serves until the shutdown.
    ///
    /// # Errors
    /// When a socket breaks.
    pub async fn run(self, shutdown: CancellationToken) -> io::Result<()> {
        tokio::select! {
            () = shutdown.cancelled() => Ok(()),
            result = serve_udp(Arc::new(self.udp), &self.shared) => result,
            result = serve_tcp(self.tcp, &self.shared) => result,
        }
    }
}

async fn serve_udp<N: Names + Send + Sync + 'static>(
    socket: Arc<UdpSocket>,
    shared: &Arc<Shared<N>>,
) -> io::Result<()> {
    let mut buffer = vec![0; MAX_UDP_QUERY];
    loop {
        let (length, client) = match socket.recv_from(&mut buffer).await {
            Ok(received) => received,
            // An ICMP error about an earlier answer: the client is gone, the socket is fine.
            Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => continue,
            Err(error) => return Err(error),
        };
        let Some(query) = buffer.get(..length) else { continue };
        match shared.decide(query, Transport::Udp) {
            Decision::Ignore => {}
            Decision::Answer(answer) => reply(&socket, &answer, client).await,
            Decision::Forward => forward_udp(&socket, query, client, shared).await,
        }
    }
}

/// Forwards beside the receiving loop, so that a slow resolver holds up nobody else.
async fn forward_udp<N: Names + Send + Sync + 'static>(
    socket: &Arc<UdpSocket>,
    query: &[u8],
    client: SocketAddr,
    shared: &Arc<Shared<N>>,
) {
    let Ok(slot) = Arc::clone(&shared.slots).try_acquire_owned() else {
        shared.stats.count_overload();
        if let Some(refusal) = server_failure(query) {
            reply(socket, &refusal, client).await;
        }
        return;
    };
    let (socket, shared, query) = (Arc::clone(socket), Arc::clone(shared), query.to_vec());
    let task = async move {
        if let Some(answer) = shared.forward(&query, Transport::Udp).await {
            reply(&socket, &answer, client).await;
        }
        drop(slot);
    };
    tokio::spawn(task.instrument(debug_span!("dns", %client)));
}

async fn reply(socket: &UdpSocket, answer: &[u8], client: SocketAddr) {
    if let Err(error) = socket.send_to(answer, client).await {
        debug!(%client, %error, "cannot answer");
    }
}

async fn serve_tcp<N: Names + Send + Sync + 'static>(listener: TcpListener, shared: &Arc<Shared<N>>) -> io::Result<()> {
    let door = Door::new(listener, MAX_CONNECTIONS);
    loop {
        let (slot, stream, client) = door.accept().await?;
        let shared = Arc::clone(shared);
        let connection = async move {
            if let Err(error) = serve_stream(stream, &shared).await {
                debug!(%error, "connection ended");
            }
            drop(slot);
        };
        tokio::spawn(connection.instrument(debug_span!("dns-tcp", %client)));
    }
}

/// Questions and answers on a stream, each after its length in two bytes (RFC 1035 §4.2.2).
async fn serve_stream<N, S>(mut stream: S, shared: &Shared<N>) -> io::Result<()>
where
    N: Names,
    S: AsyncRead + AsyncWrite + Unpin,
{
    loop {
        let Ok(read) = time::timeout(TCP_IDLE, read_frame(&mut stream)).await else { return Ok(()) };
        let Some(query) = read? else { return Ok(()) };
        let answer = match shared.decide(&query, Transport::Tcp) {
            Decision::Ignore => return Ok(()),
            Decision::Answer(answer) => Some(answer),
            Decision::Forward => shared.forward(&query, Transport::Tcp).await,
        };
        let Some(answer) = answer else { return Ok(()) };
        let Ok(written) = time::timeout(TCP_IDLE, write_frame(&mut stream, &answer)).await else { return Ok(()) };
        written?;
    }
}

/// One message; `None` at the end of the stream.
async fn read_frame<S: AsyncRead + Unpin>(stream: &mut S) -> io::Result<Option<Vec<u8>>> {
    let length = match stream.read_u16().await {
        Ok(length) => length,
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
        Err(error) => return Err(error),
    };
    let mut message = vec![0; usize::from(length)];
    stream.read_exact(&mut message).await?;
    Ok(Some(message))
}

async fn write_frame<S: AsyncWrite + Unpin>(stream: &mut S, message: &[u8]) -> io::Result<()> {
    let length = u16::try_from(message.len()).map_err(io::Error::other)?;
    let mut frame = length.to_be_bytes().to_vec();
    frame.extend_from_slice(message);
    stream.write_all(&frame).await
}

// === impl Shared ===

impl<N: Names> Shared<N> {
    fn decide(&self, query: &[u8], transport: Transport) -> Decision {
        let names = (self.names)();
        let decision = decide(query, transport, names.as_deref(), &self.zone);
        self.stats.count(&decision);
        decision
    }

    async fn forward(&self, query: &[u8], transport: Transport) -> Option<Vec<u8>> {
        match self.forwarder.forward(query, transport).await {
            Ok(answer) => Some(answer),
            Err(error) => {
                debug!(%error, "cannot resolve");
                self.stats.count_upstream_failure();
                server_failure(query)
            }
        }
    }
}
