//! Stands in for Slack on the wire: answers each request with the next of its prepared answers, byte for byte.

use std::sync::{Arc, Mutex};
use std::time::Instant;

use tidegate_runtime::ApiUrl;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// What the server does with a request.
#[derive(Debug, Clone)]
pub(crate) enum Reply {
    /// Sends these bytes and keeps the connection.
    Bytes(Vec<u8>),
    /// Sends these bytes and closes the connection.
    Last(Vec<u8>),
    /// Keeps silent.
    Nothing,
}

impl Reply {
    /// A whole answer. `head` is the status and further headers, one a line.
    pub(crate) fn with(head: &str, body: &str) -> Self {
        Self::Bytes(
            format!("HTTP/1.1 {}\r\ncontent-length: {}\r\n\r\n{body}", head.replace('\n', "\r\n"), body.len()).into(),
        )
    }
}

/// The requests that came in, and how many connections they came over.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    pub(crate) connections: usize,
    /// Head and body.
    pub(crate) requests: Vec<(String, String)>,
    /// When each of them was there in full.
    pub(crate) times: Vec<Instant>,
}

pub(crate) struct Server {
    pub(crate) api_url: ApiUrl,
    seen: Arc<Mutex<Seen>>,
}

impl Server {
    /// Listens on a free port until the test's runtime ends.
    pub(crate) async fn start(replies: Vec<Reply>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let api_url = ApiUrl::parse(&format!("http://{}/api", listener.local_addr().unwrap())).unwrap();
        let seen = Arc::new(Mutex::new(Seen::default()));
        let replies = Arc::new(Mutex::new(replies.into_iter()));
        let server = Self { api_url, seen: Arc::clone(&seen) };
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                seen.lock().unwrap().connections += 1;
                tokio::spawn(serve(stream, Arc::clone(&seen), Arc::clone(&replies)));
            }
        });
        server
    }

    pub(crate) fn seen(&self) -> Seen {
        std::mem::take(&mut *self.seen.lock().unwrap())
    }
}

async fn serve(mut stream: TcpStream, seen: Arc<Mutex<Seen>>, replies: Arc<Mutex<std::vec::IntoIter<Reply>>>) {
    while let Some(request) = read_request(&mut stream).await {
        {
            let mut seen = seen.lock().unwrap();
            seen.requests.push(request);
            seen.times.push(Instant::now());
        }
        let reply = replies.lock().unwrap().next().expect("a request for which no answer was prepared");
        match reply {
            Reply::Bytes(bytes) => stream.write_all(&bytes).await.unwrap(),
            Reply::Last(bytes) => {
                // The client may hang up before it has read all.
                let _ = stream.write_all(&bytes).await;
                return;
            }
            Reply::Nothing => {
                // Until the client gives up and closes the connection.
                let _ = stream.read_u8().await;
                return;
            }
        }
    }
}

async fn read_request(stream: &mut TcpStream) -> Option<(String, String)> {
    let mut bytes = Vec::new();
    let end_of_head = loop {
        if let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
            break end + 4;
        }
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    };
    let head = String::from_utf8(bytes[..end_of_head].to_vec()).unwrap().to_ascii_lowercase();
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: "))?.trim().parse::<usize>().unwrap();
    while bytes.len() < end_of_head + length {
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    }
    Some((head, String::from_utf8(bytes[end_of_head..].to_vec()).unwrap()))
}
