//! A second deployment, at an endpoint that is not the command's own: `sam deploy` takes the templates there as it takes them to AWS,
//! and the same commands do the same.

use std::sync::Arc;

use anyhow::{Context as _, Result, ensure};

use crate::command::tidegate_at;
use crate::stack::Stack;

pub(crate) async fn at_an_endpoint_that_is_given_the_same_commands_do_the_same(stack: Arc<Stack>) -> Result<()> {
    let state_dir = stack.elsewhere();
    let run =
        async |arguments: &[&str]| tidegate_at(&stack, &stack.state.endpoint, &state_dir, arguments).await?.success();
    run(&["--deployment", "tidegate-elsewhere", "up"]).await?;
    let outcome = used(run).await;
    let down = run(&["down"]).await?;
    outcome?;
    ensure!(stack.deployment.resources().await.is_ok(), "the endpoint is not ours to stop: {down:?}");
    Ok(())
}

async fn used(run: impl AsyncFn(&[&str]) -> Result<crate::command::Run>) -> Result<()> {
    let status = run(&["status", "--json"]).await?.json()?;
    assert_eq!(status["deployment"], "tidegate-elsewhere", "{status}");
    run(&["send", "github", "push"]).await?;
    run(&["slack", "messages", "--wait", "1"]).await?;

    run(&["login"]).await?;
    run(&["stock", "receive", "tide-table", "10"]).await?;
    let placed = run(&["orders", "place", "--json"]).await?.json()?;
    let order = placed["order"]["order_id"].as_str().with_context(|| format!("no order: {placed}"))?;
    run(&["orders", "watch", order]).await?;

    assert_eq!(run(&["dlq", "list", "--json"]).await?.json()?, serde_json::json!([]));
    Ok(())
}
