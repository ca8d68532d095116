//! The port suite of claims, on the deployed table, and what only DynamoDB and S3 can show.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, SystemTime};

use anyhow::{Context as _, Result, ensure};
use aws_sdk_dynamodb::config::interceptors::BeforeTransmitInterceptorContextRef;
use aws_sdk_dynamodb::config::{ConfigBag, Intercept, RuntimeComponents};
use aws_sdk_dynamodb::error::BoxError;
use aws_sdk_dynamodb::types::{AttributeValue, Put, TransactWriteItem};
use tidegate_cli::clock;
use tidegate_idempotency::{
    Call, Claim, ClaimRequest, Claimed, DynamoDbStore, Execution, Fence, Idempotent, Key, Part, S3Overflow, Store,
    TransactionFailure,
};
use tidegate_testkit::claims_suite;

use crate::stack::Stack;

const LEASE: Duration = Duration::from_secs(6);
const KEPT: Duration = Duration::from_secs(3600);

pub(crate) async fn the_deployed_table_keeps_the_contract_of_claims(stack: Arc<Stack>) -> Result<()> {
    let store = DynamoDbStore::new(stack.dynamodb.clone(), stack.output("IdempotencyTableName")?);
    claims_suite::run(Arc::new(store), &unique(), now()?).await;
    Ok(())
}

pub(crate) async fn a_first_call_is_two_requests_and_a_repeat_is_one(stack: Arc<Stack>) -> Result<()> {
    let table = Table::of(&stack)?;
    let idempotent = table.idempotent();
    let (event, now) = (unique(), now()?);

    let first = idempotent.run(&event, call(1, now), || says("done")).await?;
    ensure!(
        first.execution == Execution::Ran && table.requests() == 2,
        "a first call: {first:?}, {}",
        table.requests()
    );
    let repeat = idempotent.run(&event, call(2, now), || says("not run")).await?;
    ensure!(repeat.response == "done" && table.requests() == 1, "a repeat: {repeat:?}, {}", table.requests());

    let (other, state) = (unique(), unique());
    let transaction = idempotent.run_in_transaction(&other, call(3, now), async |claim| {
        let (claim, answer) = (claim.context("no claim")?, "done too".to_owned());
        let sealed = idempotent.seal(&claim, &answer).await;
        let request = table.transaction(&state, table.store.completion(&claim, Some(&sealed.text)));
        request.send().await?;
        anyhow::Ok(answer)
    });
    ensure!(transaction.await.is_ok(), "the transaction fails");
    ensure!(table.requests() == 2, "a claim and the caller's own transaction");
    let repeat = idempotent.run(&other, call(4, now), || says("not run")).await?;
    ensure!(repeat.response == "done too", "{repeat:?}");
    Ok(())
}

pub(crate) async fn a_transaction_under_a_lost_claim_writes_nothing(stack: Arc<Stack>) -> Result<()> {
    let table = Table::of(&stack)?;
    let (key, state, now) = (Key::new("e2e", &unique()), unique(), now()?);
    let late = table.own(&key, 1, now).await?;
    let successor = table.own(&key, 2, now + LEASE).await?;
    let commit = async |claim: &Claim| {
        let completion = table.store.completion(claim, Some("its answer"));
        let sent = table.transaction(&state, completion).send().await;
        sent.map(drop).map_err(|error| DynamoDbStore::transaction_failure(claim, 1, &error))
    };

    ensure!(commit(&late).await == Err(TransactionFailure::FencedOff), "a late owner commits");
    ensure!(!table.has(&state).await?, "the state of a late owner was written");
    ensure!(commit(&successor).await == Ok(()), "the successor cannot commit");
    ensure!(table.has(&state).await?, "the state of the successor is missing");
    ensure!(commit(&late).await == Err(TransactionFailure::FencedOff), "a late owner commits after its successor");

    // The same transaction again, as after an answer that was lost: its state stands there, and so does its proof.
    let again = table.transaction(&unique(), table.store.completion(&successor, Some("its answer"))).send().await;
    let failure = again.map_err(|error| DynamoDbStore::transaction_failure(&successor, 1, &error)).err();
    ensure!(failure == Some(TransactionFailure::Completed), "{failure:?}");

    // Refused for the caller's own reasons: the claim is still held.
    let other = table.own(&Key::new("e2e", &unique()), 3, now).await?;
    ensure!(commit(&other).await == Err(TransactionFailure::Unrelated), "the state was there already");
    table.store.release(&other).await?;
    Ok(())
}

pub(crate) async fn an_answer_over_the_item_limit_goes_to_s3_and_comes_back(stack: Arc<Stack>) -> Result<()> {
    let table = Table::of(&stack)?;
    let overflow = S3Overflow::new(stack.s3.clone(), stack.output("PayloadBucketName")?, "answers/");
    let idempotent = table.idempotent().overflow(usize::MAX, overflow);
    let (event, now) = (unique(), now()?);
    let large = "x".repeat(500 * 1024);
    let first = idempotent.run(&event, call(1, now), || says(&large)).await?;
    ensure!(first.execution == Execution::Ran, "{:?}", first.execution);
    let repeat = idempotent.run(&event, call(2, now), || says("not run")).await?;
    ensure!(repeat.execution == Execution::Replayed && repeat.response == large, "{} bytes", repeat.response.len());
    // The most that stays inline fits into a record.
    let (event, inline) = (unique(), "x".repeat(391 * 1024));
    let first = table.idempotent().run(&event, call(3, now), || says(&inline)).await?;
    ensure!(first.execution == Execution::Ran, "{:?}", first.execution);
    Ok(())
}

/// The deployed table, by a client that counts what it sends.
struct Table {
    client: aws_sdk_dynamodb::Client,
    store: DynamoDbStore,
    name: String,
    sent: Arc<AtomicUsize>,
}

impl Table {
    fn of(stack: &Stack) -> Result<Self> {
        let sent = Arc::new(AtomicUsize::new(0));
        let config = stack.dynamodb.config().to_builder().interceptor(Counter(Arc::clone(&sent))).build();
        let client = aws_sdk_dynamodb::Client::from_conf(config);
        let name = stack.output("IdempotencyTableName")?.to_owned();
        Ok(Self { store: DynamoDbStore::new(client.clone(), &name), client, name, sent })
    }

    fn idempotent(&self) -> Idempotent<String, String, DynamoDbStore> {
        Idempotent::new(self.store.clone(), "e2e", Part::whole(), KEPT)
    }

    /// How many requests were sent since the last time.
    fn requests(&self) -> usize {
        self.sent.swap(0, Ordering::Relaxed)
    }

    async fn own(&self, key: &Key, fence: u128, now: SystemTime) -> Result<Claim> {
        let (lease_until, expires_at, fence) = (now + LEASE, now + KEPT, Fence::new(fence));
        let request = ClaimRequest { key, fence, lease_until, expires_at, label: None, fingerprint: None };
        match self.store.claim(request, now).await? {
            Claimed::Owner(claim) => Ok(claim),
            other => anyhow::bail!("not owned: {other:?}"),
        }
    }

    /// A transaction that writes a piece of business state, which must not be there, and completes a claim.
    #[expect(clippy::expect_used, reason = "the builder has what it asks for; clippy takes this for no test")]
    fn transaction(
        &self,
        state: &str,
        completion: TransactWriteItem,
    ) -> aws_sdk_dynamodb::operation::transact_write_items::builders::TransactWriteItemsFluentBuilder {
        let put = Put::builder()
            .table_name(&self.name)
            .item("id", AttributeValue::S(state.to_owned()))
            .condition_expression("attribute_not_exists(id)");
        let put = put.build().expect("a table and an item are set");
        let state = TransactWriteItem::builder().put(put).build();
        self.client.transact_write_items().transact_items(state).transact_items(completion)
    }

    async fn has(&self, id: &str) -> Result<bool> {
        let read = self.client.get_item().table_name(&self.name).key("id", AttributeValue::S(id.to_owned()));
        Ok(read.consistent_read(true).send().await?.item.is_some())
    }
}

/// Counts requests, repeats by the SDK included.
#[derive(Debug)]
struct Counter(Arc<AtomicUsize>);

impl Intercept for Counter {
    fn name(&self) -> &'static str {
        "Counter"
    }

    fn read_before_transmit(
        &self,
        _: &BeforeTransmitInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        self.0.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }
}

async fn says(text: &str) -> Result<String, Infallible> {
    Ok(text.to_owned())
}

fn call(fence: u128, now: SystemTime) -> Call {
    Call { now, deadline: now + LEASE, fence: Fence::new(fence) }
}

fn unique() -> String {
    uuid::Uuid::new_v4().to_string()
}

/// Whole milliseconds are what the table keeps.
fn now() -> Result<SystemTime> {
    Ok(SystemTime::UNIX_EPOCH + Duration::from_millis(u64::try_from(clock::epoch_millis())?))
}
