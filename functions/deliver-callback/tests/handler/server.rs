//! Stands in for an endpoint on the wire: answers each request with the next of its prepared answers, byte for byte.

use std::sync::{Arc, Mutex};

use http::{HeaderMap, HeaderName, HeaderValue};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// What the endpoint does with a request.
#[derive(Debug, Clone)]
pub(crate) enum Reply {
    /// Sends these bytes and keeps the connection.
    Bytes(Vec<u8>),
    /// Sends these bytes and then the same byte for ever, as fast as it is read.
    Flood(Vec<u8>),
    /// Sends these bytes, then one more each tenth of a second.
    Drip(Vec<u8>),
    /// Hangs up without a word.
    HangUp,
    /// Keeps silent.
    Nothing,
}

/// An answer without a body. `head` is the status and further headers, one a line.
pub(crate) fn answer(head: &str) -> Reply {
    Reply::Bytes(format!("HTTP/1.1 {}\r\ncontent-length: 0\r\n\r\n", head.replace('\n', "\r\n")).into())
}

/// A request as it came in.
#[derive(Debug)]
pub(crate) struct Request {
    pub(crate) target: String,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
}

pub(crate) struct Server {
    pub(crate) port: u16,
    seen: Arc<Mutex<Vec<Request>>>,
    replies: Arc<Mutex<Vec<Reply>>>,
}

impl Server {
    /// Listens on a free port until the test's runtime ends. The last answer is given to all further requests.
    pub(crate) async fn start(mut replies: Vec<Reply>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        replies.reverse();
        let server = Self { port, seen: Arc::default(), replies: Arc::new(Mutex::new(replies)) };
        let (seen, replies) = (Arc::clone(&server.seen), Arc::clone(&server.replies));
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, Arc::clone(&seen), Arc::clone(&replies)));
            }
        });
        server
    }

    /// What came in since the last look.
    pub(crate) fn seen(&self) -> Vec<Request> {
        std::mem::take(&mut *self.seen.lock().unwrap())
    }

    /// Answers so from now on.
    pub(crate) fn answers(&self, reply: Reply) {
        *self.replies.lock().unwrap() = vec![reply];
    }
}

async fn serve(mut stream: TcpStream, seen: Arc<Mutex<Vec<Request>>>, replies: Arc<Mutex<Vec<Reply>>>) {
    while let Some(request) = read_request(&mut stream).await {
        seen.lock().unwrap().push(request);
        let reply = {
            let mut replies = replies.lock().unwrap();
            if replies.len() > 1 { replies.pop() } else { replies.last().cloned() }
        };
        match reply.expect("a request for which no answer was prepared") {
            Reply::Bytes(bytes) => stream.write_all(&bytes).await.unwrap(),
            Reply::HangUp => return,
            Reply::Nothing => {
                // Until the client gives up and closes the connection.
                let _ = stream.read_u8().await;
                return;
            }
            Reply::Flood(bytes) => {
                let _ = stream.write_all(&bytes).await;
                while stream.write_all(&[b'x'; 65_536]).await.is_ok() {}
                return;
            }
            Reply::Drip(bytes) => {
                let _ = stream.write_all(&bytes).await;
                while stream.write_all(b"x").await.is_ok() {
                    tokio::time::sleep(std::time::Duration::from_millis(100)).await;
                }
                return;
            }
        }
    }
}

async fn read_request(stream: &mut TcpStream) -> Option<Request> {
    let mut bytes = Vec::new();
    let end_of_head = loop {
        if let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
            break end + 4;
        }
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    };
    let head = String::from_utf8(bytes[..end_of_head].to_vec()).unwrap();
    let (first, rest) = head.trim_end().split_once("\r\n").unwrap();
    let headers: HeaderMap = rest
        .lines()
        .map(|line| {
            let (name, value) = line.split_once(": ").unwrap();
            (name.parse::<HeaderName>().unwrap(), HeaderValue::from_str(value.trim_end()).unwrap())
        })
        .collect();
    let length: usize = headers["content-length"].to_str().unwrap().parse().unwrap();
    while bytes.len() < end_of_head + length {
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    }
    let target = first.split(' ').nth(1).unwrap().to_owned();
    Some(Request { target, headers, body: bytes[end_of_head..].to_vec() })
}
