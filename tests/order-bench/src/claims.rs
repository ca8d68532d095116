//! The requests to DynamoDB of an idempotent handler, on the deployed table.

use std::convert::Infallible;
use std::time::{Duration, SystemTime};

use anyhow::{Context as _, Result, ensure};
use aws_sdk_dynamodb::types::{AttributeValue, Put, TransactWriteItem};
use tidegate_cli::clock;
use tidegate_cli::deployment::access_of;
use tidegate_idempotency::{Call, DynamoDbStore, Execution, Fence, Idempotent, Part};
use tidegate_operations::aws;
use tidegate_testkit::lambda_api::FaultProxy;
use uuid::Uuid;

use crate::stack::Stack;

const LEASE: Duration = Duration::from_secs(30);
const KEPT: Duration = Duration::from_secs(3600);

/// The operations of each kind of call, in order; repeats by the SDK would be among them.
#[derive(Debug)]
pub(crate) struct Claims {
    pub(crate) first: Vec<String>,
    /// The last is the caller's own transaction, in which the completion rides.
    pub(crate) in_transaction: Vec<String>,
    pub(crate) repeat: Vec<String>,
}

pub(crate) async fn measure(stack: &Stack) -> Result<Claims> {
    let proxy = FaultProxy::start(&stack.state.endpoint).await?;
    let sdk = aws::load(&access_of(&stack.state, &proxy.endpoint())).await;
    let client = aws_sdk_dynamodb::Client::new(&sdk);
    let table = stack.resources.output("IdempotencyTableName")?;
    let store = DynamoDbStore::new(client.clone(), table);
    let idempotent: Idempotent<String, String, _> = Idempotent::new(store.clone(), "bench", Part::whole(), KEPT);
    let [event, other, state] = [(); 3].map(|()| Uuid::new_v4().to_string());
    let now = SystemTime::UNIX_EPOCH + Duration::from_millis(u64::try_from(clock::epoch_millis())?);
    let call = |fence| Call { now, deadline: now + LEASE, fence: Fence::new(fence) };
    let mut seen = 0;
    let mut since = || {
        let calls = proxy.calls();
        let new = calls[seen..].iter().map(|call| call.operation.clone()).collect();
        seen = calls.len();
        new
    };

    let first = idempotent.run(&event, call(1), || says("done")).await?;
    ensure!(first.execution == Execution::Ran, "a first call did not run: {:?}", first.execution);
    let first = since();
    let repeat = idempotent.run(&event, call(2), || says("not run")).await?;
    ensure!(
        repeat.execution == Execution::Replayed && repeat.response == "done",
        "a repeat ran: {:?}",
        repeat.execution
    );
    let repeat = since();

    let put = Put::builder().table_name(table).item("id", AttributeValue::S(state)).build()?;
    let ran = idempotent.run_in_transaction(&other, call(3), async |claim| {
        let (claim, answer) = (claim.context("no claim")?, "done too".to_owned());
        let sealed = idempotent.seal(&claim, &answer).await;
        let items = [TransactWriteItem::builder().put(put).build(), store.completion(&claim, Some(&sealed.text))];
        client.transact_write_items().set_transact_items(Some(items.into())).send().await?;
        anyhow::Ok(answer)
    });
    ensure!(ran.await.is_ok(), "the caller's transaction fails");
    Ok(Claims { first, in_transaction: since(), repeat })
}

async fn says(text: &str) -> Result<String, Infallible> {
    Ok(text.to_owned())
}
