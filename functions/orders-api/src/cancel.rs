//! `POST /orders/{id}/cancellation`: the customer's wish, recorded once. Whether it is in time the payment decides.

use aws_lambda_events::apigw::ApiGatewayV2httpResponse;
use http::StatusCode;
use tidegate_events::OrderId;
use tidegate_orders::{Reply, order};
use tidegate_outbox::AggregateStore;
use tidegate_runtime::ambient::Ambient;
use tidegate_runtime::problem::{self, Problem};
use tidegate_runtime::trace::TraceContext;
use tracing::info;

use crate::answer::Cancellation;
use crate::orders::{self, Asked, Circumstances};
use crate::request::Request;
use crate::{Api, Views};

/// How often somebody else may be quicker: the saga writes an order a handful of times in its whole life.
const MAX_ATTEMPTS: usize = 5;

impl<A: Ambient, C: AggregateStore, V: Views> Api<A, C, V> {
    pub(crate) async fn cancel(
        &self,
        request: &Request,
        order: &str,
        trace: TraceContext,
    ) -> Result<ApiGatewayV2httpResponse, Problem> {
        let id: OrderId = order.parse().map_err(|_| orders::unknown())?;
        tracing::Span::current().record("order_id", id.as_str());
        let circumstances = Circumstances { now: self.ambient.now(), correlation: request.correlation_id(), trace };
        for _ in 0..MAX_ATTEMPTS {
            let loaded = orders::load(&self.store, &id, &request.customer).await?;
            let decision = order::request_cancellation(&loaded.order);
            let Reply::Done(word) = decision.reply else { return Err(already_confirmed()) };
            // Decided from the state alone, so a wish that is known already is written no second time.
            let known = decision.events.is_empty();
            if known
                || orders::commit(&self.store, (&id, &loaded.image), Asked::Cancel, &decision, &circumstances).await?
            {
                info!(known, "cancellation requested");
                return Ok(problem::json(StatusCode::ACCEPTED, &Cancellation::of(&id, word, &decision.state)));
            }
        }
        Err(orders::try_again())
    }
}

fn already_confirmed() -> Problem {
    Problem::new(StatusCode::CONFLICT, "already-confirmed", "The order is confirmed")
        .detail("it is paid for and on its way; it can be cancelled no more")
}
