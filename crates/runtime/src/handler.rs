//! What every handler is, whatever its event.

use std::pin::Pin;
use std::time::{Duration, SystemTime};

use lambda_runtime::{Context, Error};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::ports::Ports;
use crate::priming::{Answer, Priming};
use crate::trace::TraceContext;

/// What a rehearsal seems to have: as much as any function here.
const LONGEST_INVOCATION: Duration = Duration::from_secs(30);

/// Answers the invocations of a function. A stream's handler implements it; queues and routes have their own in
/// [`queue`](crate::queue) and [`route`](crate::route), around a smaller one.
pub trait Handler {
    type Event: DeserializeOwned;
    type Response: Serialize;

    /// # Errors
    /// Where the invocation failed as a whole.
    fn handle(
        &self,
        event: Self::Event,
        invocation: &Invocation,
    ) -> impl Future<Output = Result<Self::Response, Error>>;

    /// Prepares the first invocation; see [`priming`](crate::priming).
    fn prime(&self, priming: &Priming) -> impl Future<Output = ()>;
}

/// A future on the heap. Where the runtime calls a handler it has one of these, because the futures of two SDKs inside the
/// runtime's own are nested deeper than the compiler goes by default.
pub(crate) type Boxed<'a, T> = Pin<Box<dyn Future<Output = T> + 'a>>;

/// What Lambda says about one invocation.
#[derive(Clone, Debug)]
pub struct Invocation {
    pub request_id: String,
    /// When Lambda ends it.
    pub deadline: SystemTime,
    pub xray: Option<String>,
}

impl From<Context> for Invocation {
    fn from(context: Context) -> Self {
        let deadline = context.deadline();
        Self { request_id: context.request_id, deadline, xray: context.xray_trace_id }
    }
}

/// What a handler knows of the message or request at hand beside itself.
#[derive(Clone, Copy, Debug)]
pub struct Call {
    pub deadline: SystemTime,
    pub trace: TraceContext,
}

/// Lets a handler answer an event in JSON without any effect, from reading it to writing the response.
pub async fn rehearse<H: Handler>(handler: &H, event: &str, answers: &[Answer], priming: &Priming, ports: &dyn Ports) {
    let deadline = ports.now() + LONGEST_INVOCATION;
    let invocation = Invocation { request_id: "priming".to_owned(), deadline, xray: None };
    let invoke = async {
        let Ok(event) = serde_json::from_str(event) else { return };
        let response: Boxed<'_, _> = Box::pin(handler.handle(event, &invocation));
        if let Ok(response) = response.await {
            let _ = serde_json::to_vec(&response);
        }
    };
    priming.rehearse(answers, invoke).await;
}
