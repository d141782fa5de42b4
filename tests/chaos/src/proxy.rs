//! The bad network between a client and its server: a TCP proxy on loopback that follows orders.

use std::collections::VecDeque;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{ReadHalf, WriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, timeout_at};

use crate::script::{Armed, Cut, Direction, Fault};

/// Bytes taken from a connection at a time.
const CHUNK: usize = 4096;

/// A proxy. Dropping it ends it and every connection through it.
#[derive(Debug)]
pub struct Proxy {
    address: SocketAddr,
    orders: Arc<Mutex<Orders>>,
    accepting: JoinHandle<()>,
}

/// What is to happen, and what did.
#[derive(Debug, Default)]
struct Orders {
    armed: VecDeque<Armed>,
    refuse_until: Option<Instant>,
    figures: Figures,
}

/// What a proxy saw.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Figures {
    /// Connections taken.
    pub connections: u64,
    /// Connections refused by order, or because there was no server.
    pub refused: u64,
    /// Faults that happened.
    pub faults: u64,
    /// Bytes that were read from clients and servers and given to nobody.
    pub swallowed: u64,
}

impl Proxy {
    /// Starts one on a free port of loopback.
    ///
    /// # Errors
    /// When no port can be had.
    pub async fn start(server: SocketAddr) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let orders = Arc::new(Mutex::new(Orders::default()));
        let accepting = tokio::spawn(accept(listener, server, Arc::clone(&orders)));
        Ok(Self { address, orders, accepting })
    }

    /// Where clients connect.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Arms a fault. Armed faults happen one after another: bytes count for the first alone.
    pub fn arm(&self, armed: Armed) {
        lock(&self.orders).armed.push_back(armed);
    }

    /// Whether a fault waits for its bytes.
    #[must_use]
    pub fn is_armed(&self) -> bool {
        !lock(&self.orders).armed.is_empty()
    }

    /// Forgets all faults that have not happened, and takes every connection from now on.
    pub fn calm(&self) {
        let mut orders = lock(&self.orders);
        orders.armed.clear();
        orders.refuse_until = None;
    }

    /// What happened so far.
    #[must_use]
    pub fn figures(&self) -> Figures {
        lock(&self.orders).figures
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

fn lock(orders: &Mutex<Orders>) -> MutexGuard<'_, Orders> {
    orders.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Orders {
    /// How many of `bytes` pass, and what happens then.
    fn pass(&mut self, direction: Direction, bytes: usize) -> (usize, Option<Fault>) {
        let Some(front) = self.armed.front_mut().filter(|front| front.direction == direction) else {
            return (bytes, None);
        };
        if front.after_bytes >= bytes {
            front.after_bytes -= bytes;
            return (bytes, None);
        }
        let (allowed, fault) = (front.after_bytes, front.fault);
        self.armed.pop_front();
        self.figures.faults += 1;
        if let Fault::Refuse(time) = fault {
            self.refuse_until = Some(Instant::now() + time);
        }
        (allowed, Some(fault))
    }
}

async fn accept(listener: TcpListener, server: SocketAddr, orders: Arc<Mutex<Orders>>) {
    // Ends with the task, and its connections with it.
    let mut connections = tokio::task::JoinSet::new();
    loop {
        while connections.try_join_next().is_some() {}
        let Ok((client, _)) = listener.accept().await else { continue };
        let refused = {
            let mut orders = lock(&orders);
            let refused = orders.refuse_until.is_some_and(|until| Instant::now() < until);
            if refused {
                orders.figures.refused += 1;
            } else {
                orders.figures.connections += 1;
            }
            refused
        };
        if refused {
            end(client, Cut::Reset);
        } else {
            connections.spawn(relay(client, server, Arc::clone(&orders)));
        }
    }
}

async fn relay(mut client: TcpStream, server: SocketAddr, orders: Arc<Mutex<Orders>>) {
    let Ok(mut upstream) = TcpStream::connect(server).await else {
        lock(&orders).figures.refused += 1;
        return end(client, Cut::Reset);
    };
    let _ = (client.set_nodelay(true), upstream.set_nodelay(true));
    let cut = {
        let (from_client, to_client) = client.split();
        let (from_server, to_server) = upstream.split();
        tokio::select! {
            cut = pump(from_client, to_server, Direction::Up, &orders) => cut,
            cut = pump(from_server, to_client, Direction::Down, &orders) => cut,
        }
    };
    end(client, cut);
    end(upstream, cut);
}

/// Carries bytes one way until the connection ends; says how.
async fn pump(mut from: ReadHalf<'_>, mut to: WriteHalf<'_>, direction: Direction, orders: &Mutex<Orders>) -> Cut {
    let mut buffer = [0; CHUNK];
    loop {
        let read = match from.read(&mut buffer).await {
            Ok(0) => return Cut::Close,
            Ok(read) => read,
            Err(_) => return Cut::Reset,
        };
        let mut rest = buffer.get(..read).unwrap_or_default();
        while !rest.is_empty() {
            let (allowed, fault) = lock(orders).pass(direction, rest.len());
            let (now, later) = rest.split_at_checked(allowed).unwrap_or((rest, &[]));
            if to.write_all(now).await.is_err() {
                return Cut::Reset;
            }
            rest = later;
            match fault {
                None => {}
                Some(Fault::Stall(time)) => sleep(time).await,
                Some(fault) => {
                    lock(orders).figures.swallowed += rest.len() as u64;
                    match fault {
                        Fault::Cut(cut) => return cut,
                        Fault::Silence(time) => return swallow(&mut from, time, orders).await,
                        Fault::Refuse(_) | Fault::Stall(_) => return Cut::Reset,
                    }
                }
            }
        }
    }
}

/// Reads for nobody.
async fn swallow(from: &mut ReadHalf<'_>, time: Duration, orders: &Mutex<Orders>) -> Cut {
    let mut buffer = [0; CHUNK];
    let deadline = Instant::now() + time;
    while let Ok(Ok(read)) = timeout_at(deadline, from.read(&mut buffer)).await {
        if read == 0 {
            break;
        }
        lock(orders).figures.swallowed += read as u64;
    }
    Cut::Reset
}

fn end(stream: TcpStream, cut: Cut) {
    if cut == Cut::Reset {
        // Without lingering, closing resets.
        let _ = stream.set_zero_linger();
    }
    drop(stream);
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A connection through a proxy, and its other end.
    async fn connected() -> (Proxy, TcpListener, TcpStream, TcpStream) {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let proxy = Proxy::start(listener.local_addr().unwrap()).await.unwrap();
        let client = TcpStream::connect(proxy.address()).await.unwrap();
        let (server, _) = listener.accept().await.unwrap();
        (proxy, listener, client, server)
    }

    fn armed(direction: Direction, after_bytes: usize, fault: Fault) -> Armed {
        Armed { direction, after_bytes, fault }
    }

    async fn read(stream: &mut TcpStream, bytes: usize) -> Vec<u8> {
        let mut buffer = vec![0; bytes];
        stream.read_exact(&mut buffer).await.unwrap();
        buffer
    }

    #[tokio::test]
    async fn without_orders_bytes_pass_both_ways() {
        let (_proxy, _listener, mut client, mut server) = connected().await;
        client.write_all(b"question").await.unwrap();
        assert_eq!(read(&mut server, 8).await, b"question");
        server.write_all(b"answer").await.unwrap();
        assert_eq!(read(&mut client, 6).await, b"answer");
        drop(server);
        assert_eq!(client.read(&mut [0; 8]).await.unwrap(), 0);
    }

    #[tokio::test]
    async fn a_cut_comes_after_exactly_its_bytes() {
        for (cut, is_reset) in [(Cut::Close, false), (Cut::Reset, true)] {
            let (proxy, _listener, mut client, mut server) = connected().await;
            // Bytes of the other direction do not count.
            proxy.arm(armed(Direction::Up, 5, Fault::Cut(cut)));
            server.write_all(b"0123456789").await.unwrap();
            assert_eq!(read(&mut client, 10).await, b"0123456789");
            client.write_all(b"abc").await.unwrap();
            assert_eq!(read(&mut server, 3).await, b"abc");
            client.write_all(b"defgh").await.unwrap();
            let mut rest = Vec::new();
            let ended = server.read_to_end(&mut rest).await;
            // A reset may overtake what was underway.
            assert!(b"de".starts_with(&rest[..]), "{rest:?}");
            assert_eq!(ended.is_err(), is_reset, "{cut:?}: {ended:?}");
            assert_eq!(proxy.figures().faults, 1);
        }
    }

    #[tokio::test]
    async fn what_a_silence_swallows_is_lost_and_the_connection_with_it() {
        let (proxy, _listener, mut client, mut server) = connected().await;
        proxy.arm(armed(Direction::Down, 2, Fault::Silence(Duration::from_millis(20))));
        server.write_all(b"abcdef").await.unwrap();
        // The other direction is not silent.
        client.write_all(b"up").await.unwrap();
        assert_eq!(read(&mut server, 2).await, b"up");
        let mut heard = Vec::new();
        assert!(client.read_to_end(&mut heard).await.is_err());
        assert!(b"ab".starts_with(&heard[..]), "{heard:?}");
        assert!(proxy.figures().swallowed >= 4);
    }

    #[tokio::test]
    async fn what_a_stall_holds_comes_later() {
        let (proxy, _listener, mut client, mut server) = connected().await;
        proxy.arm(armed(Direction::Up, 1, Fault::Stall(Duration::from_millis(30))));
        let begun = Instant::now();
        client.write_all(b"abc").await.unwrap();
        assert_eq!(read(&mut server, 3).await, b"abc");
        assert!(begun.elapsed() >= Duration::from_millis(30));
    }

    #[tokio::test]
    async fn new_connections_are_refused_until_it_is_calm() {
        let (proxy, listener, mut client, mut server) = connected().await;
        proxy.arm(armed(Direction::Up, 0, Fault::Refuse(Duration::from_secs(600))));
        client.write_all(b"x").await.unwrap();
        assert!(server.read(&mut [0; 8]).await.is_err());
        let mut refused = TcpStream::connect(proxy.address()).await.unwrap();
        assert!(refused.read(&mut [0; 8]).await.is_err());
        assert_eq!(proxy.figures().refused, 1);
        proxy.calm();
        let mut client = TcpStream::connect(proxy.address()).await.unwrap();
        let (mut server, _) = listener.accept().await.unwrap();
        server.write_all(b"x").await.unwrap();
        assert_eq!(read(&mut client, 1).await, b"x");
    }
}
