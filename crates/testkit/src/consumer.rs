//! Handlers over memory, with what the runtime puts around them: what the suites of all functions are built on.

use std::ops::{Deref, DerefMut};
use std::sync::Arc;
use std::time::Duration;

use aws_lambda_events::apigw::{ApiGatewayV2httpRequest, ApiGatewayV2httpResponse};
use aws_lambda_events::sqs::SqsEvent;
use tidegate_batch::Reason;
use tidegate_runtime::metrics::Metric;
use tidegate_runtime::queue::{Consumer, Handler};
use tidegate_runtime::route::{self, Route};
use tidegate_runtime::{Handler as _, Invocation, Ports};

use crate::ports::TestPorts;
use crate::queue::{RecordingQueue, batch};

/// The longest that a function here may take.
const TIMEOUT: Duration = Duration::from_secs(30);

/// What Lambda says of an invocation that begins now and may take so long.
#[must_use]
pub fn invocation(ports: &TestPorts, timeout: Duration) -> Invocation {
    Invocation { request_id: "made-up-request".to_owned(), deadline: ports.now() + timeout, xray: None }
}

/// A handler of messages with a queue and ports that a test looks into.
#[derive(Debug)]
pub struct TestConsumer<H> {
    consumer: Consumer<H, RecordingQueue>,
    pub ports: Arc<TestPorts>,
}

impl<H: Handler> TestConsumer<H> {
    /// The handler that `build` makes over the ports.
    pub fn new(ports: Arc<TestPorts>, build: impl FnOnce(Arc<TestPorts>) -> H) -> Self {
        let handler = build(Arc::clone(&ports));
        let consumer = Consumer { handler, queue: RecordingQueue::default(), ports: Arc::<TestPorts>::clone(&ports) };
        Self { consumer, ports }
    }

    /// Handles messages of these bodies and returns the ids of those that stay in the queue.
    pub async fn handle(&self, bodies: impl IntoIterator<Item = impl AsRef<str>>) -> Vec<String> {
        self.handle_received(bodies, 1).await
    }

    /// The same with messages that were received so often.
    pub async fn handle_received(
        &self,
        bodies: impl IntoIterator<Item = impl AsRef<str>>,
        receive_count: u32,
    ) -> Vec<String> {
        let bodies = bodies.into_iter().map(|body| body.as_ref().to_owned());
        self.handle_batch(batch(bodies, receive_count)).await
    }

    /// # Panics
    /// Where the batch fails as a whole.
    pub async fn handle_batch(&self, batch: SqsEvent) -> Vec<String> {
        let response = self.consumer.handle(batch, &invocation(&self.ports, TIMEOUT)).await;
        #[expect(clippy::expect_used, reason = "a test's assertion")]
        let failures = response.expect("a response").batch_item_failures;
        failures.into_iter().map(|failure| failure.item_identifier.0).collect()
    }

    /// The delays since the last look: message and how long.
    pub fn delays(&self) -> Vec<(String, Duration)> {
        self.consumer.queue.delays()
    }

    /// The dead letters since the last look: message, reason, text.
    pub fn letters(&self) -> Vec<(String, Reason, String)> {
        self.consumer.queue.letters()
    }

    #[must_use]
    pub fn count(&self, metric: Metric) -> u64 {
        self.ports.total(metric)
    }
}

/// A handler of HTTP requests with ports that a test looks into.
#[derive(Debug)]
pub struct TestRoute<H> {
    route: Route<H>,
    pub ports: Arc<TestPorts>,
}

impl<H: route::Handler> TestRoute<H> {
    /// The handler that `build` makes over the ports.
    pub fn new(ports: Arc<TestPorts>, build: impl FnOnce(Arc<TestPorts>) -> H) -> Self {
        let handler = build(Arc::clone(&ports));
        let route = Route { handler, ports: Arc::<TestPorts>::clone(&ports) };
        Self { route, ports }
    }

    /// The response to a request, in an invocation that may take so long.
    pub async fn respond(&self, request: ApiGatewayV2httpRequest, timeout: Duration) -> ApiGatewayV2httpResponse {
        self.route.respond(request, &invocation(&self.ports, timeout)).await
    }
}

impl<H> Deref for TestRoute<H> {
    type Target = H;

    fn deref(&self) -> &H {
        &self.route.handler
    }
}

impl<H> DerefMut for TestConsumer<H> {
    fn deref_mut(&mut self) -> &mut H {
        &mut self.consumer.handler
    }
}

impl<H> Deref for TestConsumer<H> {
    type Target = H;

    fn deref(&self) -> &H {
        &self.consumer.handler
    }
}
