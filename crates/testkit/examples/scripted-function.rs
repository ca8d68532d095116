//! A function that does what its event says, for the tests of the local Runtime API: `{"do": "echo", "value": 1}`.

use lambda_runtime::{Error, LambdaEvent, service_fn};
use serde_json::{Value, json};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    if variable("FAIL_TO_START").is_some() {
        return Err("told not to start".into());
    }
    lambda_runtime::run(service_fn(act)).await
}

async fn act(event: LambdaEvent<Value>) -> Result<Value, Error> {
    let (event, context) = event.into_parts();
    match event["do"].as_str().unwrap_or_default() {
        "echo" => Ok(event["value"].clone()),
        "context" => Ok(json!({
            "request_id": context.request_id,
            "deadline": context.deadline,
            "function": context.env_config.function_name,
            "memory": context.env_config.memory,
        })),
        "environment" => Ok(json!(std::env::vars().map(|(name, _)| name).collect::<Vec<_>>())),
        "fail" => Err("told to fail".into()),
        "exit" => std::process::exit(3),
        "hang" => std::future::pending().await,
        "spin" => Ok(json!(spin())),
        "call" => call(&event["operations"]).await,
        other => Err(format!("cannot do {other:?}").into()),
    }
}

/// Makes AWS-like calls one after the other and says how each was answered.
async fn call(operations: &Value) -> Result<Value, Error> {
    let endpoint = variable("AWS_ENDPOINT_URL").ok_or("AWS_ENDPOINT_URL is missing")?;
    let client = reqwest::Client::new();
    let mut statuses = Vec::new();
    for operation in operations.as_array().into_iter().flatten().filter_map(Value::as_str) {
        let response = client.post(&endpoint).header("X-Amz-Target", operation).body("{}").send().await?;
        statuses.push(response.status().as_u16());
    }
    Ok(json!(statuses))
}

/// Some 20 ms of CPU and more, whatever the machine: the processor is asked for its own time.
fn spin() -> u64 {
    let started = std::time::Instant::now();
    let mut rounds = 0_u64;
    while started.elapsed() < std::time::Duration::from_millis(40) {
        rounds = std::hint::black_box(rounds + 1);
    }
    rounds
}

#[expect(clippy::disallowed_methods, reason = "a function of the tests' own, outside the configuration of Tidegate")]
fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok()
}
