//! An HTTP server for tests on a port of its own: whole requests in, whole answers out, gone when dropped.

use std::fmt;
use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::Context as _;
use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt as _, Full};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

/// What a handler does with a request.
#[derive(Debug)]
pub enum Answer {
    Reply(Response<Bytes>),
    /// Close the connection without a word, as a server that crashed would.
    HangUp,
}

impl Answer {
    /// A reply with this status and body and no further header than its length.
    pub fn new(status: u16, body: impl Into<Bytes>) -> Self {
        let mut response = Response::new(body.into());
        *response.status_mut() = http::StatusCode::from_u16(status).unwrap_or(http::StatusCode::INTERNAL_SERVER_ERROR);
        Self::Reply(response)
    }
}

/// A running server on 127.0.0.1. Dropping it closes its port and every connection.
pub struct Server {
    address: SocketAddr,
    // Held for its drop, which aborts the accepting task and, inside it, every connection.
    _tasks: JoinSet<()>,
}

impl Server {
    /// Starts a server on a free port whose every request goes to `handler`, body and all.
    pub async fn start<H, F>(handler: H) -> anyhow::Result<Self>
    where
        H: Fn(Request<Bytes>) -> F + Send + Sync + 'static,
        F: Future<Output = Answer> + Send + 'static,
    {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.context("no free port on 127.0.0.1")?;
        let address = listener.local_addr().context("a listener without an address")?;
        let mut tasks = JoinSet::new();
        tasks.spawn(accept(listener, Arc::new(handler)));
        Ok(Self { address, _tasks: tasks })
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The same as a URL, without a trailing slash.
    #[must_use]
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server").field("address", &self.address).finish_non_exhaustive()
    }
}

async fn accept<H, F>(listener: TcpListener, handler: Arc<H>)
where
    H: Fn(Request<Bytes>) -> F + Send + Sync + 'static,
    F: Future<Output = Answer> + Send + 'static,
{
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                if let Ok((stream, _)) = accepted {
                    connections.spawn(serve(stream, Arc::clone(&handler)));
                }
            }
            // Reaps the connections that ended, so that a long test does not collect them.
            Some(_) = connections.join_next() => {}
        }
    }
}

async fn serve<H, F>(stream: TcpStream, handler: Arc<H>)
where
    H: Fn(Request<Bytes>) -> F + Send + Sync + 'static,
    F: Future<Output = Answer> + Send + 'static,
{
    // Without it a small answer waits for the peer's delayed acknowledgement, which would be measured as the peer's time.
    let _ = stream.set_nodelay(true);
    let service = service_fn(move |request: Request<hyper::body::Incoming>| {
        let handler = Arc::clone(&handler);
        async move {
            let (head, body) = request.into_parts();
            let body = body.collect().await.map_err(|_| HungUp)?.to_bytes();
            match handler(Request::from_parts(head, body)).await {
                Answer::Reply(response) => Ok(response.map(Full::<Bytes>::new)),
                Answer::HangUp => Err(HungUp),
            }
        }
    });
    // An error is a peer that went away or a handler that hung up: both are what the test asked for.
    let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
}

/// Makes hyper close the connection.
#[derive(Debug)]
struct HungUp;

impl fmt::Display for HungUp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the handler hung up")
    }
}

impl std::error::Error for HungUp {}
