//! `tidegate login`.

use std::process::ExitCode;

use anyhow::Result;
use serde_json::json;

use crate::age::age;
use crate::args::Login;
use crate::clock;
use crate::context::Context;
use crate::customers;
use crate::output::Progress;
use crate::standin_client;

pub(super) async fn run(context: &Context, arguments: &Login) -> Result<ExitCode> {
    let deployment = context.deployment().await?;
    let resources = deployment.resources().await?;
    let progress = Progress::start();
    let signed_in = customers::sign_in(&deployment, &resources, &arguments.customer, &progress).await;
    progress.finish();
    let signed_in = signed_in?;
    let token = &signed_in.token;
    let callback_url = standin_client::of(&deployment).ok().map(|standin| standin.callback_url(&token.client_id));

    let output = context.output;
    let lives = age(token.expires_at_millis - clock::epoch_millis());
    let new = if signed_in.created { ", who is new," } else { "" };
    output.line(format!("{}{new} is signed in for {lives}; the token is kept in the state directory.", token.customer));
    output.line(format!("  customer id  {}", token.client_id));
    if let Some(url) = &callback_url {
        output.line(format!("  callbacks    {url} (the stand-in verifies and keeps them)"));
    }
    let mut document = json!({
        "customer": token.customer,
        "customer_id": token.client_id,
        "made": signed_in.created,
        "expires_at_millis": token.expires_at_millis,
        "callback_url": callback_url,
    });
    if arguments.show {
        output.line(token.expose());
        document["access_token"] = token.expose().into();
    }
    output.document(&document)?;
    Ok(ExitCode::SUCCESS)
}
