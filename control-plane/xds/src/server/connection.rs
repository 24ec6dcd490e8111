use std::{
    io,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use ferro_process::CancellationToken;
use futures::{FutureExt, Stream, StreamExt, future::BoxFuture, stream};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::{TcpListener, TcpStream, UnixListener, UnixStream},
};
use tokio_util::either::Either;
use tonic::transport::server::Connected;
use tracing::warn;

/// How long accepting pauses after an error: out of file descriptors does not get better by asking again at once.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// What a server accepts connections from.
#[derive(Debug)]
pub enum Listener {
    /// TCP.
    Tcp(TcpListener),
    /// A unix socket.
    Unix(UnixListener),
}

/// What a request knows of its connection; stands in its extensions.
#[derive(Clone, Debug)]
pub struct Peer {
    address: String,
    closer: CancellationToken,
}

/// A connection that can be closed from outside.
pub(super) struct Connection {
    io: Either<TcpStream, UnixStream>,
    peer: Peer,
    closed: BoxFuture<'static, ()>,
}

// === impl Listener ===

impl Listener {
    /// The connections that come, without end. Cancelling `all` closes every one of them.
    pub(super) fn incoming(self, all: CancellationToken) -> impl Stream<Item = io::Result<Connection>> {
        stream::unfold((self, all), |(listener, all)| async move {
            let accepted = listener.accept(&all).await;
            if let Err(error) = &accepted {
                warn!(%error, "accepting a connection failed");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
            Some((accepted, (listener, all)))
        })
        .filter(|accepted| std::future::ready(accepted.is_ok()))
    }

    async fn accept(&self, all: &CancellationToken) -> io::Result<Connection> {
        let (io, address) = match self {
            Self::Tcp(listener) => {
                let (stream, address) = listener.accept().await?;
                stream.set_nodelay(true)?;
                (Either::Left(stream), address.to_string())
            }
            Self::Unix(listener) => (Either::Right(listener.accept().await?.0), "unix".to_owned()),
        };
        let closer = all.child_token();
        let closed = closer.clone().cancelled_owned().boxed();
        Ok(Connection { io, peer: Peer { address, closer }, closed })
    }
}

impl From<TcpListener> for Listener {
    fn from(listener: TcpListener) -> Self {
        Self::Tcp(listener)
    }
}

impl From<UnixListener> for Listener {
    fn from(listener: UnixListener) -> Self {
        Self::Unix(listener)
    }
}

// === impl Peer ===

impl Peer {
    /// Where the connection comes from: an address, or `unix`.
    pub fn address(&self) -> &str {
        &self.address
    }

    pub(super) fn closer(&self) -> CancellationToken {
        self.closer.clone()
    }
}

// === impl Connection ===

impl Connection {
    fn check_closed(&mut self, context: &mut Context<'_>) -> io::Result<()> {
        match self.closed.poll_unpin(context) {
            Poll::Ready(()) => Err(io::Error::new(io::ErrorKind::ConnectionAborted, "closed by the server")),
            Poll::Pending => Ok(()),
        }
    }
}

impl Connected for Connection {
    type ConnectInfo = Peer;

    fn connect_info(&self) -> Peer {
        self.peer.clone()
    }
}

impl AsyncRead for Connection {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.check_closed(context)?;
        Pin::new(&mut self.io).poll_read(context, buffer)
    }
}

impl AsyncWrite for Connection {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write(context, buffer)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffers: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write_vectored(context, buffers)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(context)
    }
}
