//! Invocations as the HTTP API makes them, for functions that are reached without it.

use anyhow::{Context as _, Result, ensure};
use aws_sdk_lambda::primitives::Blob;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value, json};
use tidegate_operations::send::Delivery;

use crate::stack::{DEPLOYMENT, Stack};

/// The event of a request to `/webhooks/{source}`, payload version 2.0.
pub(crate) fn event(method: &str, source: &str, headers: &[(&str, &str)], body: Option<&str>) -> Value {
    let path = format!("/webhooks/{source}");
    let headers: Map<String, Value> = headers.iter().map(|(name, value)| ((*name).to_owned(), json!(value))).collect();
    json!({
        "version": "2.0",
        "routeKey": format!("{method} /webhooks/{{source}}"),
        "rawPath": path,
        "rawQueryString": "",
        "headers": headers,
        "pathParameters": {"source": source},
        "requestContext": {
            "accountId": "000000000000",
            "apiId": "e2e",
            "domainName": "e2e.execute-api.us-east-1.amazonaws.com",
            "domainPrefix": "e2e",
            "http": {"method": method, "path": path, "protocol": "HTTP/1.1", "sourceIp": "192.0.2.1", "userAgent": "e2e"},
            "requestId": "e2e",
            "routeKey": format!("{method} /webhooks/{{source}}"),
            "stage": "$default",
            "time": "02/Mar/2026:09:00:00 +0000",
            "timeEpoch": 1_772_442_000_000_i64,
        },
        "body": body,
        "isBase64Encoded": false,
    })
}

/// The event of a delivery. A body that is no text travels in base64.
pub(crate) fn event_of(delivery: &Delivery) -> Result<Value> {
    let headers = delivery.headers.iter().map(|(name, value)| Ok((name.as_str(), value.to_str()?)));
    let headers = headers.collect::<Result<Vec<_>>>()?;
    if let Ok(text) = std::str::from_utf8(&delivery.body) {
        return Ok(event("POST", &delivery.source, &headers, Some(text)));
    }
    let mut event = event("POST", &delivery.source, &headers, Some(&STANDARD.encode(&delivery.body)));
    event["isBase64Encoded"] = json!(true);
    Ok(event)
}

/// Invokes a deployed function and gives its answer.
pub(crate) async fn invoke(stack: &Stack, function: &str, event: &Value) -> Result<Value> {
    let name = format!("{DEPLOYMENT}-{function}");
    let answer = stack.lambda.invoke().function_name(&name).payload(Blob::new(event.to_string())).send().await?;
    let payload = answer.payload.map(Blob::into_inner).unwrap_or_default();
    let text = String::from_utf8_lossy(&payload);
    ensure!(answer.function_error.is_none(), "{name} failed: {text}");
    serde_json::from_slice(&payload).with_context(|| format!("{name} answered {text}"))
}

/// The environment that the template gives a function, for its binary on a Runtime API of the test's own. Calls go to `endpoint`.
pub(crate) async fn environment(stack: &Stack, function: &str, endpoint: &str) -> Result<Vec<(String, String)>> {
    let name = format!("{DEPLOYMENT}-{function}");
    let asked = stack.lambda.get_function_configuration().function_name(&name).send().await?;
    let mut variables = asked.environment.and_then(|environment| environment.variables).unwrap_or_default();
    variables.insert("AWS_ENDPOINT_URL".to_owned(), endpoint.to_owned());
    variables.insert("AWS_LAMBDA_FUNCTION_NAME".to_owned(), name);
    variables.insert("AWS_REGION".to_owned(), stack.deployment.region.clone());
    Ok(variables.into_iter().collect())
}
