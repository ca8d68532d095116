//! A Lambda function behind an HTTP API that takes the deliveries of one sender.
//!
//! It reads a source document from the environment, which is enough for an example; a function that is deployed reads it
//! from where secrets are kept, and keeps it for some minutes.

use std::sync::Arc;
use std::time::SystemTime;

use axum::{Extension, Json, Router, body::Bytes, routing::post};
use http::request::Parts;
use lambda_http::{Error, run};
use serde_json::{Value, json};
use tidegate_webhooks::layer::{Sources, Unavailable, VerifyLayer};
use tidegate_webhooks::{Rejection, Source, UnixTime, Verified};

/// The one sender of this function.
#[derive(Clone)]
struct OneSource(Arc<Source>);

impl Sources for OneSource {
    async fn source(&self, _request: &Parts) -> Result<Option<Arc<Source>>, Unavailable> {
        Ok(Some(Arc::clone(&self.0)))
    }

    #[expect(clippy::print_stderr, reason = "an example's log")]
    fn refused(&self, _request: &Parts, rejection: &Rejection) {
        eprintln!("refused: {rejection}");
    }
}

/// Answers at once. A real one first puts the delivery where it is not lost, and recognises it when it comes again.
async fn receive(Extension(delivery): Extension<Verified>, body: Bytes) -> Json<Value> {
    Json(json!({"delivery": delivery.delivery_id, "bytes": body.len()}))
}

/// The clock, which the crate itself never reads.
#[expect(clippy::disallowed_methods, reason = "this is the place where the example reads the time")]
fn clock() -> UnixTime {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    UnixTime(i64::try_from(now.as_secs()).unwrap_or(i64::MAX))
}

#[tokio::main(flavor = "current_thread")]
#[expect(clippy::disallowed_methods, reason = "this is the place where the example is configured")]
async fn main() -> Result<(), Error> {
    let document = std::env::var("SOURCE_DOCUMENT")?;
    let source = Source::from_json(document.as_bytes())?;
    let app = Router::new()
        .route("/webhooks/{source}", post(receive))
        .layer(VerifyLayer::new(OneSource(Arc::new(source)), clock));
    run(app).await
}
