//! What a payment's command needs: the decision, and Stripe in between.

use std::sync::Arc;
use std::time::SystemTime;

use tidegate_batch::Failure;
use tidegate_cloudevents::Event;
use tidegate_events::{Command, Envelope, OrderId};
use tidegate_orders::payment::{Answer, Request, decide};
use tidegate_outbox::{AggregateStore, Handled};
use tidegate_runtime::Ports;
use tidegate_runtime::document::Document;
use tidegate_runtime::priming::Sample;
use tidegate_worker::{Service, ask_and_commit};

use crate::reconcile;
use crate::stripe::{Account, AskError, StripeClient};

/// What the types of Stripe's events begin with.
const OF_STRIPE: &str = "com.stripe.";

/// The service, over its ports.
#[derive(Debug)]
pub struct Payments<C> {
    pub store: C,
    pub account: Document<Account>,
    pub stripe: StripeClient,
}

impl<C: AggregateStore> Payments<C> {
    async fn ask(&self, order: &OrderId, request: &Request, now: SystemTime) -> Result<Answer, Failure> {
        let account = self.account.load(now).await?;
        let answer = match self.stripe.ask(&account, order, request).await {
            Err(AskError::UnknownKey { reason }) => {
                let renewed = self.renewed(&account, reason, now).await?;
                self.stripe.ask(&renewed, order, request).await
            }
            answer => answer,
        };
        answer.map_err(|error| match error {
            AskError::Transient { reason, retry_after } => Failure::Transient { reason, retry_after },
            AskError::UnknownKey { reason } | AskError::Permanent { reason } => Failure::permanent(reason),
        })
    }

    /// The account with the key that it has now, if that is another than the one that Stripe does not know.
    async fn renewed(&self, refused: &Account, reason: String, now: SystemTime) -> Result<Arc<Account>, Failure> {
        self.account.forget();
        let account = self.account.load(now).await?;
        if account.api_key == refused.api_key { Err(Failure::permanent(reason)) } else { Ok(account) }
    }
}

impl<C: AggregateStore> Service for Payments<C> {
    const SAMPLE: Sample = Sample {
        event: include_str!("../../../crates/events/tests/fixtures/commands/AuthorisePayment.json"),
        answers: &[("POST /v1/payment_intents", r#"{"id":"pi_1","status":"requires_capture"}"#)],
    };

    fn takes(&self, command: &Command) -> bool {
        matches!(command, Command::Payment(_))
    }

    fn following(&self, event: &Event) -> Result<Option<Envelope>, Failure> {
        if event.ty().starts_with(OF_STRIPE) {
            return reconcile(event).map_err(Failure::undecodable);
        }
        // Of what a person resolved, most is another service's.
        let following = Envelope::following(event).map_err(Failure::undecodable)?;
        Ok(following.filter(|envelope| self.takes(&envelope.command)))
    }

    async fn carry_out(&self, envelope: &Envelope, clock: &impl Fn() -> SystemTime) -> Result<Handled, Failure> {
        let Command::Payment(command) = &envelope.command else {
            return Err(Failure::permanent(format!("{} is not about a payment", envelope.command.name())));
        };
        ask_and_commit(
            &self.store,
            envelope,
            clock,
            |payment, answers| decide(payment, command, &envelope.command_id, answers),
            async |request| self.ask(&envelope.order_id, &request, clock()).await,
        )
        .await
    }

    /// Reads the document, which the first command needs.
    async fn prime(&self, ports: &dyn Ports) {
        let _ = self.account.load(ports.now()).await;
    }
}
