//! One handler of order records, twice: bare, and with the toolkit around it. Two functions and a measurement share it.

use std::time::{Duration, SystemTime};

use aws_lambda_events::sqs::{SqsBatchResponse, SqsEvent};
use serde::Deserialize;
use tidegate_batch::sqs::{self, Message, MessageId, Queue};
use tidegate_batch::{BatchError, Budget, DeadLetter, DeadLetters, Failure, Policy, QueueError, Response, Runner};
use tidegate_idempotency::{Call, Error, Fence, Idempotent, MemoryStore, Part};

/// A day, as the Python contender has it.
const RECOGNISED: Duration = Duration::from_secs(86_400);

#[derive(Deserialize)]
struct Order<'a> {
    id: &'a str,
    total: u64,
}

impl Order<'_> {
    /// All the work there is: whether the two fields that were read make sense.
    fn is_sound(&self) -> bool {
        !self.id.is_empty() && self.total > 0
    }
}

/// What somebody would write without the toolkit: the first bad record fails the batch, and a repeat is handled again.
///
/// # Errors
/// When a body is not an order.
pub fn bare(event: &SqsEvent) -> anyhow::Result<SqsBatchResponse> {
    for record in &event.records {
        let order: Order<'_> = serde_json::from_str(record.body.as_deref().unwrap_or_default())?;
        anyhow::ensure!(order.is_sound(), "an order without id or total");
    }
    Ok(SqsBatchResponse::default())
}

/// The same with a claim on each record and an answer for each.
#[derive(Debug)]
pub struct WithToolkit {
    idempotent: Idempotent<Message, (), MemoryStore>,
    policy: Policy,
}

impl Default for WithToolkit {
    fn default() -> Self {
        let id = Part::of(|message: &Message| message.id().into());
        let idempotent = Idempotent::new(MemoryStore::default(), "orders", id, RECOGNISED);
        Self { idempotent, policy: Policy::default() }
    }
}

impl WithToolkit {
    /// Handles a batch that has to be done by `deadline`.
    ///
    /// # Errors
    /// When the batch cannot be answered record by record.
    pub async fn handle(
        &self,
        event: SqsEvent,
        now: SystemTime,
        deadline: SystemTime,
    ) -> Result<Response<MessageId>, BatchError> {
        let budget = Budget { now, deadline };
        let mut random = fastrand::Rng::with_seed(fastrand::u64(..));
        let once = async |message: &Message| {
            let call = Call { now, deadline, fence: Fence::new(fastrand::u128(..)) };
            match self.idempotent.run(message, call, async || work(message)).await {
                Ok(_) => Ok(()),
                Err(Error::Handler(failure)) => Err(failure),
                Err(error) => Err(match error.retry_after(now) {
                    Some(delay) => Failure::retry_after(delay, error),
                    None => Failure::permanent(error),
                }),
            }
        };
        let runner = Runner::new(&self.policy, budget, &mut random);
        sqs::run(event, runner, &Unreachable, once).await?.response()
    }
}

fn work(message: &Message) -> Result<(), Failure> {
    let order: Order<'_> = message.json()?;
    if order.is_sound() { Ok(()) } else { Err(Failure::permanent("an order without id or total")) }
}

/// What is measured fails nowhere, so nothing is delayed or set aside.
struct Unreachable;

impl Queue for Unreachable {
    async fn delay(&self, _: &Message, _: Duration) -> Result<(), QueueError> {
        Err(QueueError { operation: "delay", source: "there is no queue".into() })
    }
}

impl DeadLetters<Message> for Unreachable {
    async fn dead_letter(&self, _: &Message, _: &DeadLetter) -> Result<(), QueueError> {
        Err(QueueError { operation: "set aside", source: "there is no queue".into() })
    }
}
