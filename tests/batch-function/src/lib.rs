//! One handler of order records, twice: bare, and with the toolkit around it. Two functions and a measurement share it.

use std::time::{Duration, SystemTime};

use aws_lambda_events::sqs::{SqsBatchResponse, SqsEvent};
use serde::Deserialize;
use tidegate_batch::{Budget, DeadLetter, Failure, Message, Policy, Queue, QueueError, run};
use tidegate_idempotency::{Claimed, Fence, Key, MemoryStore, Request, Store};

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
#[derive(Debug, Default)]
pub struct WithToolkit {
    store: MemoryStore,
    policy: Policy,
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
    ) -> anyhow::Result<SqsBatchResponse> {
        let budget = Budget { now, deadline };
        let mut random = fastrand::Rng::with_seed(fastrand::u64(..));
        let once = async |message: &Message| self.once(message, budget).await;
        let report = run(event, &self.policy, budget, &mut random, &Unreachable, once).await?;
        Ok(report.response())
    }

    async fn once(&self, message: &Message, budget: Budget) -> Result<(), Failure> {
        let key = Key::new("orders", &message.id);
        let request = Request {
            key: &key,
            fence: Fence::new(fastrand::u128(..)),
            lease_until: budget.deadline,
            expires_at: budget.now + RECOGNISED,
            label: None,
        };
        let claim = match self.store.claim(request, budget.now).await.map_err(Failure::transient)? {
            Claimed::Owner(claim) => claim,
            Claimed::Done { .. } => return Ok(()),
            Claimed::InProgress { .. } => return Err(Failure::transient("another invocation is at it")),
        };
        if let Err(failure) = work(message) {
            // The next try need not wait for the lease; where this fails, the lease ends it.
            let _ = self.store.release(&claim, budget.now).await;
            return Err(failure);
        }
        self.store.complete(&claim, Some("true"), budget.now).await.map_err(Failure::transient)
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

    async fn dead_letter(&self, _: &Message, _: &DeadLetter) -> Result<(), QueueError> {
        Err(QueueError { operation: "set aside", source: "there is no queue".into() })
    }
}
