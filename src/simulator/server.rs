//! The TCP side: connections that can be reset or closed in the middle of an answer.
//!
//! hyper offers no way to break a connection from a handler, so every accepted stream is wrapped: the
//! handler of a request finds the wrapper's [`LineSwitch`] in its `ConnectInfo` and throws it, and the
//! next write of the answer fails, on which hyper drops the stream without having sent a byte. For a reset
//! the stream's linger time is set to zero first, so that the drop sends RST instead of FIN. When the
//! simulator stops, every read fails, which ends idle and busy connections alike.

use std::future::Future;
use std::io::{self, ErrorKind, IoSlice};
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::extract::connect_info::Connected;
use axum::serve::IncomingStream;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};

/// How long to wait after a failed accept: out of file descriptors is the usual reason, and passes.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

const WHOLE: u8 = 0;
const RESET: u8 = 1;
const CLOSED: u8 = 2;

/// Breaks the connection a request came in on.
#[derive(Debug, Clone, Default)]
pub(super) struct LineSwitch(Arc<AtomicU8>);

impl LineSwitch {
    /// The answer is replaced by a TCP reset.
    pub(super) fn reset(&self) {
        self.0.store(RESET, Ordering::SeqCst);
    }

    /// The answer is replaced by an orderly end of the connection.
    pub(super) fn close(&self) {
        self.0.store(CLOSED, Ordering::SeqCst);
    }
}

impl Connected<IncomingStream<'_, Listener>> for LineSwitch {
    fn connect_info(stream: IncomingStream<'_, Listener>) -> Self {
        stream.io().switch.clone()
    }
}

/// Accepts connections until the simulator stops.
pub(super) struct Listener {
    inner: TcpListener,
    stop: CancellationToken,
}

impl Listener {
    pub(super) async fn bind(address: SocketAddr, stop: CancellationToken) -> io::Result<Self> {
        Ok(Self { inner: TcpListener::bind(address).await?, stop })
    }

    pub(super) fn address(&self) -> io::Result<SocketAddr> {
        self.inner.local_addr()
    }
}

impl axum::serve::Listener for Listener {
    type Io = Line;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Line, SocketAddr) {
        loop {
            match self.inner.accept().await {
                Ok((stream, peer)) => {
                    // Without it small answers wait for the peer's acknowledgement; failing costs speed only.
                    stream.set_nodelay(true).ok();
                    let stopped = Box::pin(self.stop.clone().cancelled_owned());
                    return (Line { stream, switch: LineSwitch::default(), stopped }, peer);
                }
                Err(_) => tokio::time::sleep(ACCEPT_PAUSE).await,
            }
        }
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.address()
    }
}

/// One accepted connection.
pub(super) struct Line {
    stream: TcpStream,
    switch: LineSwitch,
    stopped: Pin<Box<WaitForCancellationFutureOwned>>,
}

impl Line {
    fn check(&self) -> io::Result<()> {
        match self.switch.0.load(Ordering::SeqCst) {
            WHOLE => Ok(()),
            RESET => {
                self.stream.set_zero_linger()?;
                Err(ErrorKind::ConnectionReset.into())
            }
            _ => Err(ErrorKind::BrokenPipe.into()),
        }
    }
}

impl AsyncRead for Line {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if self.stopped.as_mut().poll(cx).is_ready() {
            return Poll::Ready(Err(ErrorKind::ConnectionAborted.into()));
        }
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl AsyncWrite for Line {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.check()?;
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.check()?;
        Pin::new(&mut self.stream).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.check()?;
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.check()?;
        ready!(Pin::new(&mut self.stream).poll_shutdown(cx))?;
        Poll::Ready(Ok(()))
    }
}
