use ferro_testkit::ads::Address;
use tokio::{
    io::copy_bidirectional,
    net::{TcpListener, TcpStream},
    sync::watch,
};

/// A TCP relay whose connections can be cut.
pub(crate) struct Proxy {
    address: Address,
    cut: watch::Sender<u64>,
}

// === impl Proxy ===

impl Proxy {
    pub(crate) async fn start(to: &Address) -> anyhow::Result<Self> {
        let Address::Tcp(upstream) = to.clone() else { anyhow::bail!("not a TCP address") };
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let address = Address::Tcp(listener.local_addr()?.to_string());
        let cut = watch::Sender::new(0);
        let cuts = cut.clone();
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(relay(client, upstream.clone(), cuts.subscribe()));
            }
        });
        Ok(Self { address, cut })
    }

    pub(crate) fn address(&self) -> &Address {
        &self.address
    }

    /// Cuts every connection there is. New ones are taken.
    pub(crate) fn cut(&self) {
        self.cut.send_modify(|cuts| *cuts += 1);
    }
}

async fn relay(mut client: TcpStream, upstream: String, mut cut: watch::Receiver<u64>) {
    let Ok(mut server) = TcpStream::connect(upstream).await else { return };
    tokio::select! {
        _ = copy_bidirectional(&mut client, &mut server) => {}
        _ = cut.changed() => {}
    }
}
