//! An HTTP route behind API Gateway: each request is answered under its trace, refusals as problem details.

use std::sync::Arc;

use aws_lambda_events::apigw::{ApiGatewayV2httpRequest, ApiGatewayV2httpResponse};
use http::HeaderMap;
use lambda_runtime::Error;
use tracing::{Instrument, info, info_span};

use crate::handler::{self, Boxed, Call, Invocation};
use crate::ports::Ports;
use crate::priming::{Priming, Sample};
use crate::problem::Problem;
use crate::trace::TraceContext;

/// What a route adds.
pub trait Handler {
    /// A request that can be answered while the function initialises.
    const SAMPLE: Sample;

    /// Answers one request. Runs in the request's span, which has empty fields `source`, `delivery_id`, `order_id` and
    /// `correlation_id` to record.
    ///
    /// # Errors
    /// The refusal.
    fn handle(
        &self,
        request: ApiGatewayV2httpRequest,
        call: &Call,
    ) -> impl Future<Output = Result<ApiGatewayV2httpResponse, Problem>>;

    /// What priming does before it answers [`Handler::SAMPLE`].
    fn prime(&self, _priming: &Priming) -> impl Future<Output = ()> {
        async {}
    }
}

/// A handler of requests, for Lambda.
#[derive(Debug)]
pub struct Route<H> {
    pub handler: H,
    pub ports: Arc<dyn Ports>,
}

impl<H: Handler> Route<H> {
    /// The response to a request, whatever becomes of it.
    pub async fn respond(&self, request: ApiGatewayV2httpRequest, invocation: &Invocation) -> ApiGatewayV2httpResponse {
        let trace = trace(&request.headers, invocation, self.ports.random());
        let span = info_span!(
            "request",
            request_id = invocation.request_id,
            trace_id = trace.trace_id(),
            source = tracing::field::Empty,
            delivery_id = tracing::field::Empty,
            order_id = tracing::field::Empty,
            correlation_id = tracing::field::Empty,
        );
        let call = Call { deadline: invocation.deadline, trace };
        let respond = async {
            let handled: Boxed<'_, _> = Box::pin(self.handler.handle(request, &call));
            handled.await.unwrap_or_else(|problem| {
                info!(status = problem.status().as_u16(), problem = problem.kind(), "request rejected");
                problem.into()
            })
        };
        respond.instrument(span).await
    }
}

impl<H: Handler> handler::Handler for Route<H> {
    type Event = ApiGatewayV2httpRequest;
    type Response = ApiGatewayV2httpResponse;

    async fn handle(
        &self,
        request: ApiGatewayV2httpRequest,
        invocation: &Invocation,
    ) -> Result<ApiGatewayV2httpResponse, Error> {
        Ok(self.respond(request, invocation).await)
    }

    async fn prime(&self, priming: &Priming) {
        self.handler.prime(priming).await;
        handler::rehearse(self, H::SAMPLE.event, H::SAMPLE.answers, priming, &*self.ports).await;
    }
}

/// The client's trace, or X-Ray's, or a new one.
fn trace(headers: &HeaderMap, invocation: &Invocation, random: u128) -> TraceContext {
    let header = headers.get("traceparent").and_then(|value| value.to_str().ok());
    header
        .and_then(TraceContext::from_traceparent)
        .or_else(|| invocation.xray.as_deref().and_then(TraceContext::from_xray))
        .unwrap_or_else(|| TraceContext::start(random))
}
