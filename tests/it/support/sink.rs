//! A webhook endpoint on a free loopback port: keeps every request (headers and raw body) and answers as told.
//!
//! Stops when dropped. Answers 204 until [`Sink::reply_with`] gives statuses, each used once, in order.

#![expect(clippy::unwrap_used, reason = "a fixture that fails ends its test")]

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

/// One request, as it came.
#[derive(Debug, Clone)]
pub struct Received {
    /// The path and the query.
    pub path: String,
    /// The header fields.
    pub headers: HeaderMap,
    /// The body, byte for byte.
    pub body: Vec<u8>,
    /// Whether it was answered; one that was told to stall was not.
    pub answered: bool,
}

impl Received {
    /// A header field's text; empty where it is missing.
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    /// The body as JSON.
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap()
    }
}

/// One answer.
#[derive(Debug, Clone, Default)]
pub struct Reply {
    /// The status.
    pub status: u16,
    /// `Retry-After`, `Location`, ….
    pub headers: Vec<(header::HeaderName, &'static str)>,
    /// How many bytes of body.
    pub body_bytes: usize,
}

impl From<u16> for Reply {
    fn from(status: u16) -> Self {
        Self { status, ..Self::default() }
    }
}

#[derive(Default)]
struct Book {
    received: Vec<Received>,
    replies: VecDeque<Reply>,
    stalls: usize,
}

/// A running endpoint.
pub struct Sink {
    address: SocketAddr,
    book: Arc<Mutex<Book>>,
    server: JoinHandle<()>,
}

impl Sink {
    /// Starts to listen.
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let book = Arc::new(Mutex::new(Book::default()));
        let routes = Router::new().fallback(take).with_state(Arc::clone(&book));
        let server = tokio::spawn(async move { axum::serve(listener, routes).await.unwrap() });
        Self { address, book, server }
    }

    /// `http://127.0.0.1:port/hook`.
    pub fn url(&self) -> String {
        format!("http://{}/hook", self.address)
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Every request so far, oldest first.
    pub fn received(&self) -> Vec<Received> {
        self.book.lock().unwrap().received.clone()
    }

    /// The next answers: statuses, or whole [`Reply`] values. After them it is 204 again.
    pub fn reply_with<R: Into<Reply>>(&self, replies: Vec<R>) {
        self.book.lock().unwrap().replies.extend(replies.into_iter().map(Into::into));
    }

    /// The next `requests` requests are taken and never answered.
    pub fn stall_next(&self, requests: usize) {
        self.book.lock().unwrap().stalls = requests;
    }
}

impl Drop for Sink {
    fn drop(&mut self) {
        self.server.abort();
    }
}

async fn take(State(book): State<Arc<Mutex<Book>>>, uri: Uri, headers: HeaderMap, body: Bytes) -> Response {
    let (reply, stalls) = {
        let mut book = book.lock().unwrap();
        let stalls = book.stalls > 0;
        book.received.push(Received { path: uri.to_string(), headers, body: body.to_vec(), answered: !stalls });
        book.stalls = book.stalls.saturating_sub(1);
        (if stalls { Reply::default() } else { book.replies.pop_front().unwrap_or(Reply::from(204)) }, stalls)
    };
    if stalls {
        std::future::pending::<()>().await;
    }
    let mut response = (StatusCode::from_u16(reply.status).unwrap(), "x".repeat(reply.body_bytes)).into_response();
    for (name, value) in reply.headers {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response
}
