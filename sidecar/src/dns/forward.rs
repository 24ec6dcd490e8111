//! Hands a question to the host's resolvers, one after the other.

use std::{
    fs, io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    path::PathBuf,
    sync::Mutex,
    time::{Duration, SystemTime},
};

use tokio::{
    net::{TcpStream, UdpSocket},
    time::{self, Instant},
};

use super::{answer::Transport, read_frame, resolv, write_frame};

#[cfg(test)]
mod tests;

/// How long one resolver has. Clients give up after five seconds by default, so two can be tried.
const LIMIT: Duration = Duration::from_secs(2);

/// The longest answer taken by UDP: what clients can announce in practice.
const MAX_UDP_ANSWER: usize = 4096;

/// From one look at the resolver file's time stamp to the next.
const RECHECK: Duration = Duration::from_secs(5);

/// Why no resolver answered.
#[derive(Debug, thiserror::Error)]
pub(super) enum ForwardError {
    /// The host has none.
    #[error("{0} names no resolver")]
    NoResolver(PathBuf),
    /// The last one that was asked failed.
    #[error("no resolver answers; the last, {resolver}, failed")]
    Unanswered {
        /// Which.
        resolver: SocketAddr,
        /// How.
        #[source]
        reason: io::Error,
    },
}

/// The host's resolvers, read again when their file changes: it does when a laptop moves or a VPN comes up.
#[derive(Debug)]
pub(super) struct Forwarder {
    host: HostResolvers,
    known: Mutex<Known>,
}

/// Where the host's resolvers are found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostResolvers {
    /// The file that names them, as `resolv.conf(5)`.
    pub path: PathBuf,
    /// The port they listen on, which that file cannot say: 53.
    pub port: u16,
}

#[derive(Debug)]
struct Known {
    resolvers: Vec<IpAddr>,
    modified: Option<SystemTime>,
    checked: Option<Instant>,
}

// === impl Forwarder ===

impl Forwarder {
    pub(super) fn new(host: HostResolvers) -> Self {
        Self { host, known: Mutex::new(Known { resolvers: Vec::new(), modified: None, checked: None }) }
    }

    /// The answer of the first resolver that gives one; a refusal only if none gives more.
    pub(super) async fn forward(&self, query: &[u8], transport: Transport) -> Result<Vec<u8>, ForwardError> {
        let mut failure = ForwardError::NoResolver(self.host.path.clone());
        let mut refusal = None;
        for resolver in self.resolvers() {
            let asked = async {
                match transport {
                    Transport::Udp => ask_udp(resolver, query).await,
                    Transport::Tcp => ask_tcp(resolver, query).await,
                }
            };
            match time::timeout(LIMIT, asked).await.unwrap_or_else(|late| Err(late.into())) {
                Ok(answer) if refuses(&answer) => refusal = refusal.or(Some(answer)),
                Ok(answer) => return Ok(answer),
                Err(reason) => failure = ForwardError::Unanswered { resolver, reason },
            }
        }
        refusal.ok_or(failure)
    }

    fn resolvers(&self) -> Vec<SocketAddr> {
        // A poisoned lock guards a list that is whole at every moment.
        let mut known = self.known.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if known.checked.is_none_or(|checked| checked.elapsed() >= RECHECK) {
            known.checked = Some(Instant::now());
            let modified = fs::metadata(&self.host.path).and_then(|metadata| metadata.modified()).ok();
            if modified.is_none() || modified != known.modified {
                known.modified = modified;
                known.resolvers = resolv::parse(&fs::read_to_string(&self.host.path).unwrap_or_default());
            }
        }
        known.resolvers.iter().map(|address| SocketAddr::new(*address, self.host.port)).collect()
    }
}

/// Asks from a port of its own each time, so that a forger has to guess it, and takes only what answers this question.
async fn ask_udp(resolver: SocketAddr, query: &[u8]) -> io::Result<Vec<u8>> {
    let any: IpAddr = match resolver {
        SocketAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
        SocketAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
    };
    let socket = UdpSocket::bind((any, 0)).await?;
    socket.connect(resolver).await?;
    socket.send(query).await?;
    let mut buffer = vec![0; MAX_UDP_ANSWER];
    loop {
        let length = socket.recv(&mut buffer).await?;
        let answer = buffer.get(..length).unwrap_or_default();
        if answers(answer, query) {
            return Ok(answer.to_vec());
        }
    }
}

async fn ask_tcp(resolver: SocketAddr, query: &[u8]) -> io::Result<Vec<u8>> {
    let mut stream = TcpStream::connect(resolver).await?;
    write_frame(&mut stream, query).await?;
    match read_frame(&mut stream).await? {
        Some(answer) if answers(&answer, query) => Ok(answer),
        Some(_) => Err(io::Error::new(io::ErrorKind::InvalidData, "an answer to another question")),
        None => Err(io::ErrorKind::UnexpectedEof.into()),
    }
}

/// Whether `answer` is a response with the question's id.
fn answers(answer: &[u8], query: &[u8]) -> bool {
    let is_response = answer.get(2).is_some_and(|flags| flags & 0x80 != 0);
    is_response && answer.len() >= 12 && answer.get(..2) == query.get(..2)
}

/// Whether an answer says nothing about the name, so that another resolver may know more: SERVFAIL, NOTIMP, REFUSED.
fn refuses(answer: &[u8]) -> bool {
    answer.get(3).is_some_and(|flags| matches!(flags & 0x0f, 2 | 4 | 5))
}
