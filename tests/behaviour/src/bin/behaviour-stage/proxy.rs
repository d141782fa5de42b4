//! The bad network between clients and a server: a TCP proxy on loopback that can be told what to do.

use std::{
    io,
    net::Ipv4Addr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    sync::watch,
    task::{JoinHandle, JoinSet},
};

/// Bytes taken from a connection at a time.
const CHUNK: usize = 16 * 1024;

/// Dropping it ends it and every connection through it.
#[derive(Debug)]
pub(crate) struct Proxy {
    port: u16,
    orders: watch::Sender<Orders>,
    open: Arc<AtomicUsize>,
    accepting: JoinHandle<()>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Orders {
    /// Where the server is, if it is somewhere.
    target: Option<u16>,
    /// Whether new connections are closed at once.
    refuses: bool,
    /// Whether what the server says is lost.
    is_mute: bool,
    /// How often all connections were cut.
    cuts: u64,
}

impl Proxy {
    pub(crate) async fn start() -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let port = listener.local_addr()?.port();
        let (orders, heard) = watch::channel(Orders::default());
        let open = Arc::new(AtomicUsize::new(0));
        let accepting = tokio::spawn(accept(listener, heard, Arc::clone(&open)));
        Ok(Self { port, orders, open, accepting })
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// The connections through it.
    pub(crate) fn open(&self) -> usize {
        self.open.load(Ordering::Acquire)
    }

    pub(crate) fn target(&self, port: Option<u16>) {
        self.orders.send_modify(|orders| orders.target = port);
    }

    pub(crate) fn refuse(&self, refuses: bool) {
        self.orders.send_modify(|orders| orders.refuses = refuses);
    }

    pub(crate) fn cut(&self) {
        self.orders.send_modify(|orders| orders.cuts += 1);
    }

    /// Loses what the server says; or cuts the connections on which something was lost.
    pub(crate) fn mute(&self, is_mute: bool) {
        self.orders.send_modify(|orders| {
            orders.is_mute = is_mute;
            orders.cuts += u64::from(!is_mute);
        });
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

async fn accept(listener: TcpListener, orders: watch::Receiver<Orders>, open: Arc<AtomicUsize>) {
    // Ends with the task, and its connections with it.
    let mut links = JoinSet::new();
    loop {
        while links.try_join_next().is_some() {}
        let Ok((client, _)) = listener.accept().await else { continue };
        let now = *orders.borrow();
        if let (Some(target), false) = (now.target, now.refuses) {
            let counted = Counted::new(&open);
            links.spawn(relay(client, target, now.cuts, orders.clone(), counted));
        }
    }
}

/// Counts while it lives.
struct Counted(Arc<AtomicUsize>);

impl Counted {
    fn new(count: &Arc<AtomicUsize>) -> Self {
        count.fetch_add(1, Ordering::AcqRel);
        Self(Arc::clone(count))
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}

/// Until either side closes, or all is cut.
async fn relay(
    mut client: TcpStream,
    target: u16,
    cuts: u64,
    mut orders: watch::Receiver<Orders>,
    _counted: Counted,
) -> io::Result<()> {
    let mut server = TcpStream::connect((Ipv4Addr::LOCALHOST, target)).await?;
    let _ = (client.set_nodelay(true), server.set_nodelay(true));
    let (mut from_client, mut to_client) = client.split();
    let (mut from_server, mut to_server) = server.split();
    let heard = orders.clone();
    // What comes through late, when all is cut, is lost as well.
    let is_cut = || heard.borrow().cuts != cuts;
    tokio::select! {
        done = pump(&mut from_client, &mut to_server, is_cut) => done,
        done = pump(&mut from_server, &mut to_client, || heard.borrow().is_mute || is_cut()) => done,
        _cut = orders.wait_for(|orders| orders.cuts != cuts) => Ok(()),
    }
}

async fn pump(
    from: &mut (impl AsyncRead + Unpin),
    to: &mut (impl AsyncWrite + Unpin),
    is_lost: impl Fn() -> bool,
) -> io::Result<()> {
    let mut buffer = vec![0; CHUNK];
    loop {
        let read = from.read(&mut buffer).await?;
        if read == 0 {
            return to.shutdown().await;
        }
        if !is_lost() {
            to.write_all(buffer.get(..read).unwrap_or_default()).await?;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn connected() -> (Proxy, TcpListener, TcpStream, TcpStream) {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let proxy = Proxy::start().await.unwrap();
        proxy.target(Some(listener.local_addr().unwrap().port()));
        let client = TcpStream::connect((Ipv4Addr::LOCALHOST, proxy.port())).await.unwrap();
        let (server, _) = listener.accept().await.unwrap();
        (proxy, listener, client, server)
    }

    async fn passes(from: &mut TcpStream, to: &mut TcpStream) {
        from.write_all(b"x").await.unwrap();
        assert_eq!(to.read_u8().await.unwrap(), b'x');
    }

    /// Whether nothing comes any more.
    async fn is_over(stream: &mut TcpStream) -> bool {
        matches!(stream.read(&mut [0; 8]).await, Ok(0) | Err(_))
    }

    #[tokio::test]
    async fn bytes_pass_both_ways_until_all_is_cut() {
        let (proxy, listener, mut client, mut server) = connected().await;
        passes(&mut client, &mut server).await;
        passes(&mut server, &mut client).await;
        assert_eq!(proxy.open(), 1);
        proxy.cut();
        assert!(is_over(&mut client).await && is_over(&mut server).await);
        let mut next = TcpStream::connect((Ipv4Addr::LOCALHOST, proxy.port())).await.unwrap();
        let (mut accepted, _) = listener.accept().await.unwrap();
        passes(&mut next, &mut accepted).await;
        assert_eq!(proxy.open(), 1);
    }

    #[tokio::test]
    async fn connections_are_refused_while_the_network_is_gone() {
        let (proxy, listener, mut client, mut server) = connected().await;
        proxy.refuse(true);
        let mut refused = TcpStream::connect((Ipv4Addr::LOCALHOST, proxy.port())).await.unwrap();
        assert!(is_over(&mut refused).await);
        passes(&mut client, &mut server).await;
        proxy.refuse(false);
        let mut next = TcpStream::connect((Ipv4Addr::LOCALHOST, proxy.port())).await.unwrap();
        let (mut accepted, _) = listener.accept().await.unwrap();
        passes(&mut accepted, &mut next).await;
    }

    #[tokio::test]
    async fn what_a_mute_server_says_is_lost_and_its_connection_with_it() {
        let (proxy, _listener, mut client, mut server) = connected().await;
        proxy.mute(true);
        server.write_all(b"lost").await.unwrap();
        passes(&mut client, &mut server).await;
        proxy.mute(false);
        assert!(is_over(&mut client).await);
    }
}
