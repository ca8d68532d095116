//! A delivery that is accepted while the function initialises.

use std::time::Duration;

use aws_lambda_events::apigw::ApiGatewayV2httpResponse;
use http::{HeaderMap, HeaderValue};
use tidegate_idempotency::Store;
use tidegate_runtime::Call;
use tidegate_runtime::trace::TraceContext;
use tidegate_webhooks::Source;

use crate::sources::unix;
use crate::{Receiver, Request};

const PUSH: &[u8] = br#"{"ref":"refs/heads/main","repository":{"full_name":"octo-harbour/tide-tables"},"commits":[]}"#;

/// Takes a push that is signed with a secret of its own, which nothing keeps: no request could be signed with it.
pub(crate) async fn accept_sample<C: Store>(receiver: &Receiver<C>) -> Option<ApiGatewayV2httpResponse> {
    let now = receiver.ports.now();
    let document = format!(r#"{{"scheme":"github","secrets":["{:032x}"]}}"#, receiver.ports.random());
    let source = Source::from_json(document.as_bytes()).ok()?;
    let mut headers = HeaderMap::new();
    headers.extend(source.sign("priming", unix(now), PUSH).ok()?);
    headers.insert("x-github-event", HeaderValue::from_static("push"));
    headers.insert("content-type", HeaderValue::from_static("application/json"));
    let request = Request { source: ".".to_owned(), headers, body: PUSH.to_vec() };
    let verified = source.verify(&request.headers, &request.body, unix(now)).ok()?;
    let trace = TraceContext::start(receiver.ports.random());
    let call = Call { deadline: now + Duration::from_secs(10), trace };
    receiver.accept(&source, &verified, &request, &call).await.ok()
}
