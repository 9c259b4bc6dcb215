//! A network that can be cut: passes connections on to a server until it is told not to.
//!
//! Listens on a free loopback port; stops when dropped, and its connections with it.

#![expect(clippy::unwrap_used, reason = "a fixture that fails ends its test")]

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use tokio::net::{TcpListener, TcpStream};
use tokio::task::{AbortHandle, JoinHandle};

#[derive(Default)]
struct Wires {
    cut: bool,
    refused: usize,
    connections: Vec<AbortHandle>,
}

/// A running proxy.
pub struct Proxy {
    address: SocketAddr,
    wires: Arc<Mutex<Wires>>,
    server: JoinHandle<()>,
}

impl Proxy {
    /// Passes everything on to `server`.
    pub async fn to(server: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let wires = Arc::new(Mutex::new(Wires::default()));
        let shared = Arc::clone(&wires);
        let server = tokio::spawn(async move {
            loop {
                let (near, _) = listener.accept().await.unwrap();
                let mut wires = shared.lock().unwrap();
                if wires.cut {
                    wires.refused += 1; // Dropped here: the other side sees a closed connection.
                } else {
                    wires.connections.push(tokio::spawn(pass_on(near, server)).abort_handle());
                }
            }
        });
        Self { address, wires, server }
    }

    /// Where it listens, always on 127.0.0.1.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Ends every connection, whatever is said on it, and takes no new ones.
    pub fn cut(&self) {
        let mut wires = self.wires.lock().unwrap();
        wires.cut = true;
        wires.connections.drain(..).for_each(|connection| connection.abort());
    }

    /// Takes connections again.
    pub fn restore(&self) {
        self.wires.lock().unwrap().cut = false;
    }

    /// Connections that were not taken so far.
    pub fn refused(&self) -> usize {
        self.wires.lock().unwrap().refused
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.cut();
        self.server.abort();
    }
}

async fn pass_on(mut near: TcpStream, server: SocketAddr) {
    if let Ok(mut far) = TcpStream::connect(server).await {
        // Either side may hang up at any moment; that is what a network is like.
        drop(tokio::io::copy_bidirectional(&mut near, &mut far).await);
    }
}
