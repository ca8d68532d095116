//! The four services: their tables, their queues, and their real workers as processes on Runtime APIs of their own.

use std::path::PathBuf;

use anyhow::{Context as _, Result, bail};
use aws_sdk_sqs::types::Message;
use serde_json::{Value, json};
use tidegate_events::{CommandName, Service};
use tidegate_testkit::lambda_api::{FaultProxy, Function, LambdaApi, Outcome};

use super::tokens::Tokens;
use crate::killable::environment;
use crate::stack::{DEPLOYMENT, Stack};
use crate::tables::Table;
use crate::wait::SOON;

/// What a service's table, queue and worker are called after.
pub(super) fn name_of(service: Service) -> String {
    service.as_str().to_lowercase()
}

/// The events that a service has subscribed to, by the middle of their types.
pub(super) fn subscribed(service: Service) -> &'static [&'static str] {
    match service {
        Service::Inventory => &["order-confirmed", "compensation-answered"],
        Service::Payments => &["order-cancellation-requested", "compensation-answered"],
        Service::Shipping => &["compensation-answered"],
        Service::Orders => &[],
    }
}

/// The call by which a command becomes true, and which of its kind it is: what is going to be asked of a provider is recorded
/// first. To release what is not reserved leaves a tombstone and no SKU changes.
pub(super) fn commit(command: CommandName, is_reserved: bool) -> (&'static str, usize) {
    match command {
        CommandName::ReserveStock => ("TransactWriteItems", 1),
        CommandName::ReleaseStock if is_reserved => ("TransactWriteItems", 1),
        CommandName::AuthorisePayment | CommandName::CreateShipment => ("PutItem", 2),
        CommandName::ReleaseStock
        | CommandName::ShipStock
        | CommandName::CapturePayment
        | CommandName::UndoPayment
        | CommandName::StopPayment
        | CommandName::SettlePayment
        | CommandName::ReconcilePayment
        | CommandName::CancelShipment
        | CommandName::ConfirmOrder
        | CommandName::WithdrawConfirmation
        | CommandName::CancelOrder
        | CommandName::ParkCompensation
        | CommandName::AnswerCompensation => ("PutItem", 1),
    }
}

/// What one service has.
pub(super) struct Desk {
    pub(super) queue_url: String,
    pub(super) dead_letters_url: String,
    pub(super) table: Table,
    /// The worker that handles whatever meets no fault.
    pub(super) worker: Process,
}

/// How to start a process of a service.
#[derive(Clone)]
pub(super) struct Recipe {
    bootstrap: PathBuf,
    environment: Vec<(String, String)>,
    endpoint: String,
}

impl Recipe {
    pub(super) fn new(stack: &Stack, tokens: &Tokens, function: &str, own: &[(&str, &str)]) -> Result<Self> {
        let mut environment = environment(stack, function, own)?;
        environment.push(("TIDEGATE_DEPLOYMENT".to_owned(), DEPLOYMENT.to_owned()));
        Ok(Self { bootstrap: stack.bootstrap(function), environment, endpoint: tokens.endpoint() })
    }
}

/// A running worker, its calls to AWS through a proxy that can break them. Dropping it kills it.
pub(super) struct Process {
    pub(super) function: Function,
    pub(super) proxy: FaultProxy,
    _api: LambdaApi,
}

impl Process {
    /// Starts one and waits until it asks for work: what it calls while it starts meets no fault.
    pub(super) async fn start(recipe: &Recipe) -> Result<Self> {
        let api = LambdaApi::start().await?;
        let proxy = FaultProxy::start(&recipe.endpoint).await?;
        let mut environment = recipe.environment.clone();
        environment.push(("AWS_ENDPOINT_URL".to_owned(), proxy.endpoint()));
        let function = Function::spawn(&api, &recipe.bootstrap, &environment)?;
        function.ready().await?;
        Ok(Self { function, proxy, _api: api })
    }

    /// Hands a message over, as a batch of its own.
    pub(super) async fn work(&self, delivery: &Delivery) -> Result<Worked> {
        match self.function.invoke(delivery.event(), SOON).await {
            Outcome::Response(answer) => {
                let answer: Value = serde_json::from_slice(&answer)?;
                let failed = answer["batchItemFailures"].as_array().is_some_and(|it| !it.is_empty());
                Ok(if failed { Worked::ComesBack } else { Worked::Done })
            }
            Outcome::Crashed(_) => Ok(Worked::Died),
            other => bail!("{other:?}\n{}", self.function.logs()),
        }
    }
}

/// What became of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Worked {
    /// It can be deleted.
    Done,
    /// It comes again, later.
    ComesBack,
    /// The worker died over it.
    Died,
}

/// A message for a worker.
#[derive(Clone, Debug)]
pub(super) struct Delivery {
    pub(super) service: Service,
    /// Nothing for an event.
    pub(super) command: Option<CommandName>,
    pub(super) order_id: String,
    pub(super) message_id: String,
    pub(super) receipt: String,
    pub(super) body: Value,
    receives: String,
}

impl Delivery {
    pub(super) fn read(service: Service, message: &Message) -> Result<Self> {
        let body: Value =
            serde_json::from_str(message.body().unwrap_or_default()).context("a message that is not JSON")?;
        let order_id = body["order_id"].as_str().or(body["subject"].as_str()).context("a message of no order")?;
        let command = body["command"].as_str().map(str::parse).transpose()?;
        let mut receives = message.attributes().into_iter().flatten();
        let receives = receives.find(|(name, _)| name.as_str() == "ApproximateReceiveCount");
        Ok(Self {
            service,
            command,
            order_id: order_id.to_owned(),
            message_id: message.message_id().context("a message without an id")?.to_owned(),
            receipt: message.receipt_handle().context("a message without a receipt")?.to_owned(),
            receives: receives.map_or_else(|| "1".to_owned(), |(_, count)| count.clone()),
            body,
        })
    }

    /// The same in another message, as a queue that delivers at least once may have it.
    pub(super) fn copy(&self) -> Self {
        Self { message_id: format!("{}-copy", self.message_id), ..self.clone() }
    }

    /// As Lambda hands it over.
    fn event(&self) -> Value {
        json!({ "Records": [{
            "messageId": self.message_id,
            "receiptHandle": self.receipt,
            "body": self.body.to_string(),
            "attributes": { "ApproximateReceiveCount": self.receives },
            "messageAttributes": {},
            "eventSource": "aws:sqs",
            "eventSourceARN": format!("arn:aws:sqs:us-east-1:000000000000:{}", name_of(self.service)),
            "awsRegion": "us-east-1",
        }] })
    }
}
