//! Stands in for Stripe on the wire: an account that remembers its payments and its idempotency keys, and answers as it is
//! told where a test says so.

#![expect(clippy::wildcard_enum_match_arm, reason = "a test is about the variants that it names")]

mod account;

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard};

use tidegate_runtime::ApiUrl;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use account::Books;

pub(crate) const KEY: &str = "sk_test_made_up";

/// What the server does with a request.
#[derive(Clone, Debug)]
pub(crate) enum Reply {
    /// As Stripe would.
    Honest,
    /// As Stripe would, but the answer is lost.
    Lost,
    /// Sends these bytes.
    Bytes(Vec<u8>),
    /// Sends these bytes and closes the connection.
    Last(Vec<u8>),
    /// Keeps silent.
    Nothing,
}

impl Reply {
    /// A whole answer. `head` is the status and further headers, one a line.
    pub(crate) fn with(head: &str, body: &str) -> Self {
        Self::Bytes(answer(head, body))
    }

    /// An answer that refuses, with the members of its `error`.
    pub(crate) fn error(head: &str, error: &serde_json::Value) -> Self {
        Self::with(head, &serde_json::json!({ "error": error }).to_string())
    }
}

/// A request that came in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Request {
    /// `POST /v1/refunds`
    pub(crate) line: String,
    /// One a line, in order, without those of the connection.
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) form: String,
}

impl Request {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(it, _)| it == name).map(|(_, value)| value.as_str())
    }

    /// A member of the form, decoded as far as this client encodes.
    pub(crate) fn member(&self, name: &str) -> Option<String> {
        let decoded = |text: &str| percent_encoding::percent_decode_str(text).decode_utf8().unwrap().into_owned();
        let pairs = self.form.split('&').filter_map(|pair| pair.split_once('='));
        pairs.map(|(key, value)| (decoded(key), decoded(value))).find(|(key, _)| key == name).map(|(_, value)| value)
    }

    /// As it would stand in Stripe's documentation.
    pub(crate) fn show(&self) -> String {
        let headers = self.headers.iter().map(|(name, value)| format!("{name}: {value}\n")).collect::<String>();
        format!("{}\n{headers}\n{}", self.line, self.form.replace('&', "\n&"))
    }
}

#[derive(Debug, Default)]
struct State {
    books: Books,
    replies: VecDeque<Reply>,
    requests: Vec<Request>,
    connections: usize,
    key: String,
}

pub(crate) struct Stub {
    pub(crate) api_url: ApiUrl,
    state: Arc<Mutex<State>>,
}

impl Stub {
    /// Listens on a free port until the test's runtime ends.
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let api_url = ApiUrl::parse(&format!("http://{}", listener.local_addr().unwrap())).unwrap();
        let state = Arc::new(Mutex::new(State { key: KEY.to_owned(), ..State::default() }));
        let stub = Self { api_url, state: Arc::clone(&state) };
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                state.lock().unwrap().connections += 1;
                tokio::spawn(serve(stream, Arc::clone(&state)));
            }
        });
        stub
    }

    /// What the next requests get; those after them get an honest answer.
    pub(crate) fn then(&self, replies: impl IntoIterator<Item = Reply>) {
        self.state().replies.extend(replies);
    }

    /// Exchanges the key that the account is known by.
    pub(crate) fn rotate(&self, key: &str) {
        key.clone_into(&mut self.state().key);
    }

    /// The requests since the last look.
    pub(crate) fn requests(&self) -> Vec<Request> {
        std::mem::take(&mut self.state().requests)
    }

    pub(crate) fn connections(&self) -> usize {
        self.state().connections
    }

    /// The statuses of all payments that were ever made, in order.
    pub(crate) fn payments(&self) -> Vec<String> {
        self.state().books.payments()
    }

    /// The payment that was made first lapses or is captured or whatever else happens without this client.
    pub(crate) fn becomes(&self, status: &str) {
        self.state().books.becomes(status);
    }

    /// A day later: Stripe has forgotten its keys.
    pub(crate) fn forget_keys(&self) {
        self.state().books.forget_keys();
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }
}

async fn serve(mut stream: TcpStream, state: Arc<Mutex<State>>) {
    while let Some(request) = read_request(&mut stream).await {
        let (reply, honest) = {
            let mut state = state.lock().unwrap();
            state.requests.push(request.clone());
            let reply = state.replies.pop_front().unwrap_or(Reply::Honest);
            let is_known = request.header("authorization") == Some(&format!("Bearer {}", state.key));
            let honest = match &reply {
                Reply::Honest | Reply::Lost if is_known => Some(state.books.answer(&request)),
                Reply::Honest | Reply::Lost => Some(account::unknown_key()),
                _ => None,
            };
            (reply, honest.map(|(head, body)| answer(&head, &body.to_string())).unwrap_or_default())
        };
        match reply {
            Reply::Honest => stream.write_all(&honest).await.unwrap(),
            Reply::Bytes(bytes) => stream.write_all(&bytes).await.unwrap(),
            Reply::Lost => return,
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

fn answer(head: &str, body: &str) -> Vec<u8> {
    let head = head.replace('\n', "\r\n");
    format!("HTTP/1.1 {head}\r\ncontent-length: {}\r\n\r\n{body}", body.len()).into()
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
    let mut lines = head.lines();
    let line = lines.next()?.strip_suffix(" HTTP/1.1")?.to_owned();
    let headers = lines.filter_map(|line| line.split_once(": "));
    let mut headers: Vec<_> = headers.map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned())).collect();
    headers.sort();
    let length = headers.iter().find(|(name, _)| name == "content-length").map_or(0, |(_, it)| it.parse().unwrap());
    while bytes.len() < end_of_head + length {
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    }
    headers.retain(|(name, _)| !matches!(name.as_str(), "host" | "content-length"));
    Some(Request { line, headers, form: String::from_utf8(bytes[end_of_head..].to_vec()).unwrap() })
}
