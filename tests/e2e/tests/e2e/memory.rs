//! What hostile requests leave behind: nothing in the function's memory, and nothing in AWS.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Result, ensure};
use serde_json::json;
use tidegate_testkit::hostile;
use tidegate_testkit::lambda_api::{FaultProxy, Function, LambdaApi};

use crate::gateway;
use crate::sender::delivery_id;
use crate::stack::Stack;

const REQUESTS: usize = 300;
/// By then every kind has been seen and the allocator has what it needs.
const SETTLED_AFTER: usize = 50;
const MAX_GROWTH: u64 = 8 * 1024 * 1024;

/// The real binary on a Runtime API of its own, so that every request meets the same process.
pub(crate) async fn memory_stays_flat_under_hostile_requests_and_nothing_is_stored(stack: Arc<Stack>) -> Result<()> {
    let sender = stack.github("memory").await?;
    let api = LambdaApi::start().await?;
    let proxy = FaultProxy::start(&stack.state.endpoint).await?;
    let environment = gateway::environment(&stack, "receive-webhook", &proxy.endpoint()).await?;
    let function = Function::spawn(&api, stack.bootstrap("receive-webhook"), &environment)?;
    function.ready().await?;

    let bodies: Vec<_> = hostile::bodies().into_iter().map(|(_, body)| hostile::padded(&body)).collect();
    let mut settled = 0;
    for number in 0..REQUESTS {
        let delivery = sender.sign(&delivery_id(), bodies[number % bodies.len()].clone())?;
        let answer = function.invoke(gateway::event_of(&delivery)?, Duration::from_secs(6)).await.json()?;
        ensure!(answer["statusCode"] == json!(400), "{answer}");
        if number + 1 == SETTLED_AFTER {
            settled = function.resident_memory()?;
        }
    }
    for written in ["PutItem", "UpdateItem", "PutObject", "Publish"] {
        ensure!(proxy.count(written) == 0, "{written} was asked for");
    }
    ensure!(proxy.count("GetSecretValue") > 0, "the proxy saw nothing");
    let growth = function.resident_memory()?.saturating_sub(settled);
    eprintln!("Memory grew by {} KiB from {} KiB.", growth / 1024, settled / 1024);
    ensure!(growth < MAX_GROWTH, "grew by {growth} bytes over {} requests", REQUESTS - SETTLED_AFTER);
    Ok(())
}
