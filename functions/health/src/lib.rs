//! `GET /health`: the version, and for every dependency whether it is reachable; 200 where all are, 503 where one is not.
//!
//! Reachable means that this deployment's own resource answered a signed request, so that a missing permission or a
//! deleted table shows as well as an outage. What went wrong stands in the log, not in the answer, which is public.

use std::pin::Pin;
use std::time::Duration;

use aws_lambda_events::apigw::{ApiGatewayV2httpRequest, ApiGatewayV2httpResponse};
use futures::future::join_all;
use http::StatusCode;
use serde::Serialize;
use tidegate_idempotency::DynamoDbStore;
use tidegate_runtime::priming::Sample;
use tidegate_runtime::problem::{self, Problem};
use tidegate_runtime::route::Handler;
use tidegate_runtime::s3::S3Payloads;
use tidegate_runtime::secrets::SecretsManager;
use tidegate_runtime::sns::SnsTopic;
use tidegate_runtime::{Call, PortError};
use tracing::error;

/// Half of what a load balancer's check commonly waits.
const TIMEOUT: Duration = Duration::from_secs(2);

/// One check of a dependency.
type Check<'a> = Pin<Box<dyn Future<Output = Result<(), PortError>> + 'a>>;

/// The handler, over what it checks.
#[derive(Debug)]
pub struct Health {
    pub deployment: String,
    pub claims: DynamoDbStore,
    pub topic: SnsTopic,
    pub payloads: S3Payloads,
    pub secrets: SecretsManager,
}

impl Handler for Health {
    const SAMPLE: Sample = Sample {
        event: r#"{"version":"2.0","rawPath":"/health","headers":{"x-priming":"."},
            "requestContext":{"http":{"method":"GET","path":"/health"}},"isBase64Encoded":false}"#,
        answers: &[],
    };

    async fn handle(&self, _: ApiGatewayV2httpRequest, _: &Call) -> Result<ApiGatewayV2httpResponse, Problem> {
        let secret = format!("{}/notify-slack", self.deployment);
        let checks: Vec<(&str, Check<'_>)> = vec![
            ("dynamodb", Box::pin(async { self.claims.reach().await.map_err(unreachable) })),
            ("sns", Box::pin(self.topic.reach())),
            ("s3", Box::pin(self.payloads.reach())),
            ("secretsmanager", Box::pin(self.secrets.reach(&secret))),
        ];
        Ok(respond(&self.deployment, checks).await)
    }
}

fn unreachable(error: tidegate_idempotency::StoreError) -> PortError {
    PortError { operation: "reach", what: "the idempotency table".to_owned(), transient: true, source: Box::new(error) }
}

#[derive(Serialize)]
struct Report<'a> {
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

/// Checks all dependencies at once.
async fn respond(deployment: &str, checks: Vec<(&str, Check<'_>)>) -> ApiGatewayV2httpResponse {
    let dependencies = join_all(checks.into_iter().map(|(name, check)| run(name, check))).await;
    let healthy = dependencies.iter().all(|dependency| dependency.reachable);
    let (status, word) = if healthy { (StatusCode::OK, "pass") } else { (StatusCode::SERVICE_UNAVAILABLE, "fail") };
    problem::json(status, &Report { status: word, version: env!("CARGO_PKG_VERSION"), deployment, dependencies })
}

async fn run<'a>(name: &'a str, check: Check<'_>) -> Dependency<'a> {
    let reachable = match tokio::time::timeout(TIMEOUT, check).await {
        Ok(Ok(())) => true,
        Ok(Err(error)) => {
            error!(dependency = name, error = tidegate_runtime::chain(&error), "dependency unreachable");
            false
        }
        Err(_) => {
            error!(dependency = name, "dependency unreachable: no response within {} s", TIMEOUT.as_secs());
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

    async fn get(checks: Vec<(&str, Check<'_>)>) -> (i64, Value) {
        let response = respond("tidegate-test", checks).await;
        let Some(Body::Text(body)) = response.body else { panic!("no body") };
        (response.status_code, serde_json::from_str(&body).unwrap())
    }

    fn failing() -> PortError {
        PortError { operation: "reach", what: "it".to_owned(), transient: true, source: "secret detail".into() }
    }

    #[tokio::test(start_paused = true)]
    async fn all_reachable_is_200() {
        let (status, body) = get(vec![("dynamodb", Box::pin(async { Ok(()) }))]).await;
        assert_eq!(status, 200);
        assert_eq!(body["dependencies"], json!([{"name": "dynamodb", "reachable": true}]));
        assert_eq!(body["version"], env!("CARGO_PKG_VERSION"));
    }

    #[tokio::test(start_paused = true)]
    async fn one_that_fails_or_hangs_is_503_and_named_without_details() {
        let checks: Vec<(&str, Check<'_>)> = vec![
            ("dynamodb", Box::pin(async { Ok(()) })),
            ("sns", Box::pin(async { Err(failing()) })),
            ("s3", Box::pin(std::future::pending())),
        ];
        let (status, body) = get(checks).await;
        assert_eq!((status, &body["status"]), (503, &json!("fail")));
        let reachable: Vec<_> =
            body["dependencies"].as_array().unwrap().iter().map(|d| d["reachable"].as_bool().unwrap()).collect();
        assert_eq!(reachable, [true, false, false]);
        assert!(!body.to_string().contains("secret detail"));
    }
}
