//! A network that can be cut: connections to one server, passed on until they are dropped together.

use std::{io, net::Ipv4Addr, sync::Arc};

use tokio::{
    io::copy_bidirectional,
    net::{TcpListener, TcpStream},
    sync::Notify,
    task::{self, JoinHandle},
};

/// Passes connections on while it lives.
pub(super) struct Proxy {
    pub(super) port: u16,
    cut: Arc<Notify>,
    accepting: JoinHandle<()>,
}

impl Proxy {
    /// Listens, for the server on port `to`. To be called in a set of local tasks.
    pub(super) async fn start(to: u16) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let port = listener.local_addr()?.port();
        let cut = Arc::new(Notify::new());
        let cutting = Arc::clone(&cut);
        let accepting = task::spawn_local(async move {
            while let Ok((client, _)) = listener.accept().await {
                let cutting = Arc::clone(&cutting);
                task::spawn_local(async move {
                    tokio::select! {
                        () = cutting.notified() => {}
                        () = pass(client, to) => {}
                    }
                });
            }
        });
        Ok(Self { port, cut, accepting })
    }

    /// Drops every connection. New ones are passed on at once.
    pub(super) fn cut(&self) {
        self.cut.notify_waiters();
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

/// A connection that breaks is no failure of the benchmark: the client seeks another.
async fn pass(mut client: TcpStream, to: u16) {
    if let Ok(mut server) = TcpStream::connect((Ipv4Addr::LOCALHOST, to)).await {
        let _ = client.set_nodelay(true);
        let _ = server.set_nodelay(true);
        let _ = copy_bidirectional(&mut client, &mut server).await;
    }
}
