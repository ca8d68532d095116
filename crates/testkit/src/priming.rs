//! Primes a handler over its real adapters, against a server that notes what reaches it.

use std::sync::{Arc, Mutex, PoisonError};

use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_smithy_runtime_api::client::behavior_version::BehaviorVersion;
use aws_smithy_types::retry::RetryConfig;
use aws_types::SdkConfig;
use aws_types::region::Region;
use serde_json::json;
use tidegate_batch::Reason;
use tidegate_runtime::http::HttpClient;
use tidegate_runtime::priming::Priming;
use tidegate_runtime::queue::{self, Consumer};
use tidegate_runtime::route::{self, Route};
use tidegate_runtime::{Function, Handler};

use crate::lambda_api::{Answer, Server, operation_of};
use crate::ports::TestPorts;
use crate::queue::RecordingQueue;

/// What came of priming a handler.
#[derive(Debug)]
pub struct Primed {
    /// The operations that were asked for over the network, in order; `HEAD /` opens a connection.
    pub sent: Vec<String>,
    /// What became of the sample: reason and text, if it was moved to the dead-letter queue.
    pub letters: Vec<(Reason, String)>,
    /// Whether the sample would come back.
    pub retried: bool,
    pub ports: Arc<TestPorts>,
}

/// A function that is about to be primed.
#[derive(Debug)]
pub struct PrimingTest {
    function: Function,
    ports: Arc<TestPorts>,
    server: Server,
    sent: Arc<Mutex<Vec<String>>>,
}

impl PrimingTest {
    /// With a store in which every secret is this one, where `{server}` stands for the server's address.
    ///
    /// # Panics
    /// Where no port is free.
    pub async fn start(secret: &'static str) -> Self {
        let sent: Arc<Mutex<Vec<String>>> = Arc::default();
        let notes = Arc::clone(&sent);
        let server = Server::start(move |request| {
            let operation = operation_of(&request);
            let host = request.headers().get("host").and_then(|host| host.to_str().ok()).unwrap_or_default();
            let found = json!({ "SecretString": secret.replace("{server}", &format!("http://{host}")) });
            let answer = if operation == "GetSecretValue" { found } else { json!({}) };
            notes.lock().unwrap_or_else(PoisonError::into_inner).push(operation);
            async move { Answer::new(200, answer.to_string()) }
        });
        #[expect(clippy::expect_used, reason = "a test's assertion")]
        let server = server.await.expect("a server");
        let priming = Priming::default();
        let http = HttpClient::trusting_amazon(&priming);
        let credentials = Credentials::new("made-up", "made-up", None, None, "test");
        let aws = SdkConfig::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new("us-east-1"))
            .credentials_provider(SharedCredentialsProvider::new(credentials))
            .retry_config(RetryConfig::disabled())
            .endpoint_url(server.endpoint())
            .http_client(http.for_sdk())
            .build();
        let ports = TestPorts::at(1_790_000_000);
        let function = Function { name: "made-up".to_owned(), aws, http, ports: ports.clone(), priming };
        Self { function, ports, server, sent }
    }

    /// Primes the consumer that `build` makes.
    pub async fn consumer<H: queue::Handler>(self, build: impl FnOnce(&Function) -> H) -> Primed {
        let handler = build(&self.function);
        let consumer = Consumer { handler, queue: RecordingQueue::default(), ports: self.ports.clone() };
        let primed = self.run(&consumer).await;
        let letters = consumer.queue.letters().into_iter().map(|(_, reason, text)| (reason, text)).collect();
        Primed { letters, retried: !consumer.queue.delays().is_empty(), ..primed }
    }

    /// Primes the route that `build` makes.
    pub async fn route<H: route::Handler>(self, build: impl FnOnce(&Function) -> H) -> Primed {
        let handler = build(&self.function);
        let route = Route { handler, ports: self.ports.clone() };
        self.run(&route).await
    }

    /// Primes the handler that `build` makes.
    pub async fn handler<H: Handler>(self, build: impl FnOnce(&Function) -> H) -> Primed {
        let handler = build(&self.function);
        self.run(&handler).await
    }

    async fn run<H: Handler>(self, handler: &H) -> Primed {
        handler.prime(&self.function.priming).await;
        drop(self.server);
        let sent = self.sent.lock().unwrap_or_else(PoisonError::into_inner).clone();
        Primed { sent, letters: Vec::new(), retried: false, ports: self.ports }
    }
}
