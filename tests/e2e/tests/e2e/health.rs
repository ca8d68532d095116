//! `GET /health`.

use std::sync::Arc;

use anyhow::Result;
use bytes::Bytes;
use serde_json::json;

use crate::stack::{DEPLOYMENT, Stack};

pub(crate) async fn health_reaches_all_four_dependencies(stack: Arc<Stack>) -> Result<()> {
    let answer = stack.send(http::Request::get(stack.address("/health")).body(Bytes::new())?).await?;
    let body = answer.json();
    assert_eq!(answer.status, 200, "{body}");
    assert_eq!((&body["status"], &body["deployment"]), (&json!("pass"), &json!(DEPLOYMENT)));
    let dependencies = body["dependencies"].as_array().cloned().unwrap_or_default();
    let reached = |name: &str| dependencies.contains(&json!({"name": name, "reachable": true}));
    for name in ["dynamodb", "sns", "s3", "secretsmanager"] {
        assert!(reached(name), "{name}: {body}");
    }
    Ok(())
}
