//! `GET /health`: the version, and for every dependency whether it is reachable; 200 where all are, 503 where one is not.
//!
//! Reachable means that this deployment's own resource answered a signed request, so that a missing permission or a
//! deleted table shows as well as an outage. What went wrong stands in the log, not in the answer, which anybody can read.

use std::pin::Pin;
use std::time::Duration;

use aws_lambda_events::apigw::ApiGatewayV2httpResponse;
use futures::future::join_all;
use http::StatusCode;
use serde::Serialize;
use tidegate_runtime::{PortError, problem};
use tracing::error;

/// Half of what a load balancer's check commonly waits.
const PATIENCE: Duration = Duration::from_secs(2);

/// One look at a dependency.
pub type Look<'a> = Pin<Box<dyn Future<Output = Result<(), PortError>> + 'a>>;

#[derive(Serialize)]
struct Health<'a> {
    status: &'static str,
    version: &'static str,
    deployment: &'a str,
    dependencies: Vec<Dependency<'a>>,
}

#[derive(Serialize)]
struct Dependency<'a> {
    name: &'a str,
    reachable: bool,
}

/// Looks at all dependencies at once and answers.
pub async fn answer(deployment: &str, looks: Vec<(&str, Look<'_>)>) -> ApiGatewayV2httpResponse {
    let dependencies = join_all(looks.into_iter().map(|(name, look)| see(name, look))).await;
    let healthy = dependencies.iter().all(|dependency| dependency.reachable);
    let (status, word) = if healthy { (StatusCode::OK, "pass") } else { (StatusCode::SERVICE_UNAVAILABLE, "fail") };
    problem::json(status, &Health { status: word, version: env!("CARGO_PKG_VERSION"), deployment, dependencies })
}

async fn see<'a>(name: &'a str, look: Look<'_>) -> Dependency<'a> {
    let reachable = match tokio::time::timeout(PATIENCE, look).await {
        Ok(Ok(())) => true,
        Ok(Err(error)) => {
            error!(dependency = name, error = tidegate_runtime::chain(&error), "not reachable");
            false
        }
        Err(_) => {
            error!(dependency = name, "no answer within {} s", PATIENCE.as_secs());
            false
        }
    };
    Dependency { name, reachable }
}

#[cfg(test)]
mod tests {
    use aws_lambda_events::encodings::Body;
    use serde_json::{Value, json};

    use super::*;

    async fn ask(looks: Vec<(&str, Look<'_>)>) -> (i64, Value) {
        let response = answer("tidegate-test", looks).await;
        let Some(Body::Text(body)) = response.body else { panic!("no body") };
        (response.status_code, serde_json::from_str(&body).unwrap())
    }

    fn unreachable() -> PortError {
        PortError { operation: "reach", what: "it".to_owned(), transient: true, source: "secret detail".into() }
    }

    #[tokio::test(start_paused = true)]
    async fn all_reachable_is_200() {
        let (status, body) = ask(vec![("dynamodb", Box::pin(async { Ok(()) }))]).await;
        assert_eq!(status, 200);
        assert_eq!(body["dependencies"], json!([{"name": "dynamodb", "reachable": true}]));
        assert_eq!(body["version"], env!("CARGO_PKG_VERSION"));
    }

    #[tokio::test(start_paused = true)]
    async fn one_that_fails_or_hangs_is_503_and_named_without_details() {
        let looks: Vec<(&str, Look<'_>)> = vec![
            ("dynamodb", Box::pin(async { Ok(()) })),
            ("sns", Box::pin(async { Err(unreachable()) })),
            ("s3", Box::pin(std::future::pending())),
        ];
        let (status, body) = ask(looks).await;
        assert_eq!((status, &body["status"]), (503, &json!("fail")));
        let reachable: Vec<_> =
            body["dependencies"].as_array().unwrap().iter().map(|d| d["reachable"].as_bool().unwrap()).collect();
        assert_eq!(reachable, [true, false, false]);
        assert!(!body.to_string().contains("secret detail"));
    }
}
