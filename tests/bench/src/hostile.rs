//! How soon a hostile body is answered: the real receive-webhook, as a process that has worked before.

use std::path::Path;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Serialize;
use serde_json::{Value, json};
use tidegate_testkit::hostile::{bodies, padded};
use tidegate_testkit::lambda_api::{Function, LambdaApi};

use crate::aws::Aws;
use crate::process::{PATIENCE, millis, start};
use crate::report::Aim;
use crate::subject::{RECEIVE_WEBHOOK, http_request, signature};
use crate::throttle::SHARE;

/// As much as Lambda hands over: 6 MB with base64 around it, and over what the function takes.
const TOO_LARGE: usize = 4 * 1024 * 1024;

/// The answer that took longest, and the one that took most of the processor.
#[derive(Debug, Serialize)]
pub(crate) struct Hostile {
    pub(crate) bodies: usize,
    pub(crate) slowest: &'static str,
    pub(crate) slowest_ms: f64,
    pub(crate) dearest: &'static str,
    pub(crate) dearest_cpu_ms: f64,
}

impl Hostile {
    /// At the share of a processor that 128 MB get.
    pub(crate) fn at_share_ms(&self) -> f64 {
        self.dearest_cpu_ms / SHARE
    }

    pub(crate) fn aim(&self) -> Aim {
        Aim::new("webhook", "answer to a hostile body at 128 MB", "ms", self.at_share_ms(), 1000.0)
    }
}

/// Sends each body as it is and filled up to a megabyte, validly signed and not.
pub(crate) async fn measure(bootstraps: &Path) -> anyhow::Result<Hostile> {
    let (aws, api) = (Aws::start().await?, LambdaApi::start().await?);
    let function = start(&RECEIVE_WEBHOOK, bootstraps, &aws, &api)?;
    function.ready().await?;
    ask(&function, (RECEIVE_WEBHOOK.event)(0)).await?;

    let mut found = Hostile { bodies: 0, slowest: "", slowest_ms: 0.0, dearest: "", dearest_cpu_ms: 0.0 };
    let plain = bodies();
    let large = plain.iter().map(|(what, body)| (*what, padded(body)));
    for (what, body) in large.chain(plain.iter().cloned()).chain([("too large", vec![b' '; TOO_LARGE])]) {
        for signature in [signature(&body), signature(b"another")] {
            found.bodies += 1;
            let answer = ask(&function, delivery(found.bodies, &body, &signature)).await?;
            let status = answer.status.as_u64().unwrap_or_default();
            anyhow::ensure!([400, 401, 413].contains(&status), "{what} was answered {status}");
            if answer.took_ms > found.slowest_ms {
                (found.slowest, found.slowest_ms) = (what, answer.took_ms);
            }
            if answer.cpu_ms > found.dearest_cpu_ms {
                (found.dearest, found.dearest_cpu_ms) = (what, answer.cpu_ms);
            }
        }
    }
    Ok(found)
}

struct Answered {
    status: Value,
    took_ms: f64,
    cpu_ms: f64,
}

async fn ask(function: &Function, event: Value) -> anyhow::Result<Answered> {
    let cpu = function.cpu()?;
    let began = Instant::now();
    let answer = function.invoke(event, PATIENCE).await;
    let (took, cpu): (Duration, _) = (began.elapsed(), function.cpu()?.saturating_sub(cpu));
    Ok(Answered { status: answer.json()?["statusCode"].take(), took_ms: millis(took), cpu_ms: millis(cpu) })
}

fn delivery(number: usize, body: &[u8], signature: &str) -> Value {
    let headers = json!({
        "content-type": "application/json",
        "x-github-delivery": format!("hostile-{number}"),
        "x-github-event": "push",
        "x-hub-signature-256": signature,
    });
    let mut event = http_request("POST", "/webhooks/github", 0, headers, Some(&STANDARD.encode(body)));
    event["isBase64Encoded"] = true.into();
    event
}
