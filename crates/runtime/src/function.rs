//! What every `main` begins and ends with.

use std::sync::Arc;

use aws_types::SdkConfig;
use lambda_runtime::{Error, LambdaEvent, service_fn};

use crate::config::{ConfigError, required};
use crate::handler::{Boxed, Handler, Invocation};
use crate::http::HttpClient;
use crate::ports::{Ports, System};
use crate::priming::Priming;
use crate::{aws, telemetry};

/// A function that is starting: what its adapters are made of.
#[derive(Debug)]
pub struct Function {
    pub name: String,
    /// The settings of its AWS clients.
    pub aws: SdkConfig,
    /// The client for AWS.
    pub http: HttpClient,
    pub ports: Arc<dyn Ports>,
    pub priming: Priming,
}

impl Function {
    /// Starts logging and reads what the environment says of every function.
    ///
    /// # Errors
    /// [`ConfigError`] where the environment is not a function's.
    pub fn start() -> Result<Self, ConfigError> {
        let priming = Priming::default();
        telemetry::start(&priming);
        let http = HttpClient::trusting_amazon(&priming);
        let name = required("AWS_LAMBDA_FUNCTION_NAME")?;
        let ports = Arc::new(System::new(&name, priming.clone()));
        Ok(Self { aws: aws::sdk_config(&http)?, name, http, ports, priming })
    }

    /// Primes the handler, then answers invocations for as long as the process lives.
    ///
    /// # Errors
    /// Where Lambda's Runtime API cannot be reached.
    pub async fn run<H: Handler>(&self, handler: H) -> Result<(), Error> {
        let handler = &handler;
        let primed: Boxed<'_, ()> = Box::pin(handler.prime(&self.priming));
        primed.await;
        let respond = |LambdaEvent { payload, context }: LambdaEvent<H::Event>| {
            let invocation = Invocation::from(context);
            let response: Boxed<'_, _> = Box::pin(async move { handler.handle(payload, &invocation).await });
            response
        };
        lambda_runtime::run(service_fn(respond)).await
    }

    /// Runs `handler` on the messages of the queue whose URL stands in `url_variable`.
    ///
    /// # Errors
    /// [`ConfigError`], or as [`Function::run`].
    #[cfg(feature = "sqs-client")]
    pub async fn consume<H: crate::queue::Handler>(self, url_variable: &'static str, handler: H) -> Result<(), Error> {
        let queue = crate::queue::sqs::queue(&self.aws, &self.name, url_variable)?;
        let ports = Arc::clone(&self.ports);
        self.run(crate::queue::Consumer { handler, queue, ports }).await
    }

    /// Answers requests over HTTP by `handler`.
    ///
    /// # Errors
    /// As [`Function::run`].
    pub async fn serve<H: crate::route::Handler>(self, handler: H) -> Result<(), Error> {
        let ports = Arc::clone(&self.ports);
        self.run(crate::route::Route { handler, ports }).await
    }
}
