//! `POST /orders/{id}/cancellation`: the customer's wish, recorded once. Whether it is in time the payment decides.

use aws_lambda_events::apigw::ApiGatewayV2httpResponse;
use http::StatusCode;
use tidegate_events::OrderId;
use tidegate_orders::{Completion, Order, order};
use tidegate_outbox::{AggregateId, AggregateStore, Write};
use tidegate_runtime::problem::{self, Problem};
use tidegate_runtime::trace::TraceContext;
use tracing::info;

use crate::answer::Cancellation;
use crate::orders::{self, Operation, RequestContext};
use crate::request::Request;
use crate::{Api, Views};

impl<C: AggregateStore, V: Views> Api<C, V> {
    pub(crate) async fn cancel(
        &self,
        request: &Request,
        order: &str,
        trace: TraceContext,
    ) -> Result<ApiGatewayV2httpResponse, Problem> {
        let id: OrderId = order.parse().map_err(|_| orders::unknown())?;
        tracing::Span::current().record("order_id", id.as_str());
        let (operation, now) = (Operation::RequestCancellation, self.ports.now());
        let context = RequestContext { operation, now, correlation_id: request.correlation_id(), trace };
        let cancel = |stored: Option<Order>| {
            let order = stored.filter(|order| order.customer_id == request.customer).ok_or_else(orders::unknown)?;
            let transition = order::request_cancellation(&order);
            word(&transition.completion)?;
            // Decided from the state alone, so a wish that is known already is written no second time.
            Ok(Some(transition).filter(|transition| !transition.events.is_empty()))
        };
        let write = Write::to(AggregateId::from(&id));
        let handled = orders::write(&self.store, &write, &id, &context, cancel).await?;
        let order = orders::stored(handled.home())?.ok_or_else(orders::broken)?;
        let word = word(&order::request_cancellation(&order).completion)?;
        info!(known = handled.written.is_none(), "cancellation requested");
        Ok(problem::json(StatusCode::ACCEPTED, &Cancellation::of(&id, word, &order)))
    }
}

/// How far the cancellation is.
fn word(completion: &Completion) -> Result<&'static str, Problem> {
    match completion {
        Completion::Done(word) => Ok(word),
        Completion::Refused { .. } | Completion::Deferred => Err(already_confirmed()),
    }
}

fn already_confirmed() -> Problem {
    Problem::new(StatusCode::CONFLICT, "already-confirmed", "The order is confirmed")
        .detail("it is paid for and on its way; it can be cancelled no more")
}
