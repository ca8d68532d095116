//! What a payment's command needs: the decision, and Stripe in between.

use std::sync::Arc;
use std::time::SystemTime;

use tidegate_batch::Failure;
use tidegate_cloudevents::Event;
use tidegate_events::{Command, Envelope, OrderId};
use tidegate_orders::payment::{Answer, Request, decide};
use tidegate_outbox::{AggregateStore, Handled};
use tidegate_runtime::secrets::Secrets;
use tidegate_worker::{Service, ask_and_commit};

use crate::stripe::{Account, AskError, StripeClient};
use crate::{Configuration, reconcile};

/// What the types of Stripe's events begin with.
const OF_STRIPE: &str = "com.stripe.";

/// The service, over its ports.
#[derive(Debug)]
pub struct Payments<C, S> {
    /// The payments' table.
    pub store: C,
    /// The operator's document.
    pub configuration: Configuration<S>,
    /// Stripe.
    pub stripe: StripeClient,
}

impl<C: AggregateStore, S: Secrets> Payments<C, S> {
    /// Reads the document and opens a connection to Stripe, which the first command needs. That it fails is no harm.
    pub async fn warm(&self, now: SystemTime) {
        let Ok(account) = self.configuration.load(now).await else { return };
        self.stripe.warm(&account.api_url).await;
    }

    async fn ask(&self, order: &OrderId, request: &Request, now: SystemTime) -> Result<Answer, Failure> {
        let account = self.configuration.load(now).await?;
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
        self.configuration.forget();
        let account = self.configuration.load(now).await?;
        if account.api_key == refused.api_key { Err(Failure::permanent(reason)) } else { Ok(account) }
    }
}

impl<C: AggregateStore, S: Secrets> Service for Payments<C, S> {
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
}
