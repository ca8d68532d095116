//! `tidegate orders`: as a customer's server places, reads and cancels them; `watch` as an operator.

pub(super) mod watch;

use std::process::ExitCode;

use anyhow::{Context as _, Result, bail};
use bytes::Bytes;
use http::StatusCode;
use serde_json::{Value, json};
use tidegate_operations::Hint;
use tidegate_operations::http_client::Answer;
use tidegate_operations::orders_client::{Draft, OrdersClient, problem};
use tidegate_operations::timeline::{money, read_entry};
use uuid::Uuid;

use crate::args::{OrdersCommand, Place};
use crate::context::Context;
use crate::input::read_file;
use crate::output::Output;
use crate::{customers, timeline};

/// The most orders that the API gives at once.
const PAGE: u32 = 100;

pub(super) async fn run(context: &Context, command: OrdersCommand) -> Result<ExitCode> {
    match command {
        OrdersCommand::Place(arguments) => place(context, &arguments).await?,
        OrdersCommand::List { by, limit } => list(context, &by.customer, limit).await?,
        OrdersCommand::Show { id, by } => show(context, &by.customer, id.as_str()).await?,
        OrdersCommand::Cancel { id, by } => cancel(context, &by.customer, id.as_str()).await?,
        OrdersCommand::Watch(arguments) => return watch::run(context, &arguments).await,
    }
    Ok(ExitCode::SUCCESS)
}

async fn client(context: &Context, customer: &str) -> Result<OrdersClient> {
    let deployment = context.deployment().await?;
    let resources = deployment.resources().await?;
    customers::orders_client(&deployment, &resources, customer).await
}

async fn place(context: &Context, arguments: &Place) -> Result<()> {
    let body = match &arguments.file {
        Some(file) => Bytes::from(read_file(file)?),
        None => Bytes::from(draft(arguments).body().to_string()),
    };
    let key = arguments.key.clone().unwrap_or_else(|| Uuid::new_v4().to_string());
    let answer = client(context, &arguments.by.customer).await?.place(&key, body).await?;
    let placed = accepted(&answer, StatusCode::ACCEPTED)?;
    let replayed = answer.headers.get("idempotency-replayed").is_some_and(|value| value == "true");

    let output = context.output;
    let id = text(&placed, "order_id");
    let total = money(&placed["total"]).unwrap_or_default();
    let again = if replayed { " before, under the same key" } else { "" };
    output.line(format!("Order {id} was placed{again}: {total}, in {} ms.", answer.took.as_millis()));
    output.line(format!("  key  {key}"));
    output.line("");
    output.line(format!("Next: `tidegate orders watch {id}`."));
    output.document(&json!({"key": key, "replayed": replayed, "order": placed}))
}

fn draft(arguments: &Place) -> Draft {
    Draft {
        sku: arguments.sku.clone(),
        quantity: arguments.quantity,
        price: arguments.price,
        currency: arguments.currency.clone(),
        country: arguments.country.clone(),
        pay: arguments.pay.clone(),
        callback_url: arguments.callback_url.clone(),
    }
}

async fn list(context: &Context, customer: &str, limit: u32) -> Result<()> {
    let client = client(context, customer).await?;
    let wanted = usize::try_from(limit).unwrap_or(usize::MAX);
    let mut orders = Vec::new();
    let mut cursor: Option<String> = None;
    let more = loop {
        let left = u32::try_from(wanted - orders.len()).unwrap_or(PAGE).min(PAGE);
        let page = accepted(&client.list(left, cursor.as_deref()).await?, StatusCode::OK)?;
        orders.extend(page["orders"].as_array().cloned().unwrap_or_default());
        cursor = page["next_cursor"].as_str().map(str::to_owned);
        if cursor.is_none() || orders.len() >= wanted {
            break cursor.is_some();
        }
    };
    let output = context.output;
    if orders.is_empty() {
        output.line(format!("{customer} has placed no orders."));
    } else {
        output.table(
            &["order", "placed", "status", "total"],
            orders.iter().map(|order| {
                let total = money(&order["total"]).unwrap_or_default();
                vec![text(order, "order_id"), text(order, "placed_at"), status(order), total]
            }),
        );
        if more {
            output.line("");
            output.line("There are older ones; see them with a higher --limit.");
        }
    }
    output.document(&json!({"orders": orders, "more": more}))
}

async fn show(context: &Context, customer: &str, id: &str) -> Result<()> {
    let order = accepted(&client(context, customer).await?.show(id).await?, StatusCode::OK)?;
    let output = context.output;
    for (name, value) in [
        ("order", text(&order, "order_id")),
        ("status", status(&order)),
        ("placed", text(&order, "placed_at")),
        ("total", money(&order["total"]).unwrap_or_default()),
        ("step", text(&order, "current_step")),
        ("callback", text(&order, "callback_url")),
    ] {
        if !value.is_empty() {
            output.line(format!("{name:<9} {value}"));
        }
    }
    if order["parked"] == true {
        output.line(format!("\nA compensation waits for a person: `tidegate sagas show {id}`."));
    }
    output.line("");
    output.table(
        &["sku", "quantity", "unit price"],
        order["lines"].as_array().into_iter().flatten().map(|line| {
            let price = money(&line["unit_price"]).unwrap_or_default();
            vec![text(line, "sku"), line["quantity"].to_string(), price]
        }),
    );
    output.line("");
    print_timeline(output, id, &order["timeline"]);
    output.document(&order)
}

/// The timeline of an answer; an entry that does not read is left out rather than in the way.
fn print_timeline(output: Output, id: &str, entries: &Value) {
    let mut entries: Vec<_> =
        entries.as_array().into_iter().flatten().filter_map(|entry| read_entry(id, entry)).collect();
    entries.sort_by_key(|entry| entry.time);
    let since = entries.first().map_or(0, |entry| timeline::millis(entry.time));
    entries.iter().for_each(|entry| output.line(timeline::entry(entry, since)));
}

async fn cancel(context: &Context, customer: &str, id: &str) -> Result<()> {
    let answer = client(context, customer).await?.cancel(id).await?;
    let cancelled = accepted(&answer, StatusCode::ACCEPTED)?;
    context.output.line(match text(&cancelled, "cancellation").as_str() {
        "cancelled" => format!("Order {id} is cancelled."),
        _ => {
            format!("The cancellation of order {id} is requested; whether it is in time, `tidegate orders watch {id}` shows.")
        }
    });
    context.output.document(&cancelled)
}

/// The body of an answer that has the expected status; its problem as an error otherwise.
pub(super) fn accepted(answer: &Answer, expected: StatusCode) -> Result<Value> {
    // The same order under the same key may be answered as it was, or as what it has become.
    if answer.status == expected || answer.status == StatusCode::OK {
        return answer.json().context("the API's answer is not JSON");
    }
    let lines = problem(answer).join("\n          ");
    let advice = match answer.status.as_u16() {
        401 => "sign in again with `tidegate login`",
        403 => "the customer's app client lacks the scope, or the order is another customer's",
        404 => "see `tidegate orders list`",
        409 => "the order has gone too far",
        422 => "mend what is named, or use another --key for another order",
        429 | 503 => "try again in a moment, with the same --key",
        _ => "see `tidegate logs orders-api`",
    };
    bail!(Hint::new(lines, advice))
}

fn status(order: &Value) -> String {
    let (status, reason) = (text(order, "status"), text(order, "cancel_reason"));
    match (reason.is_empty(), order["cancellation_requested"] == true && status == "placed") {
        (false, _) => format!("{status} ({reason})"),
        (true, true) => format!("{status}, cancellation requested"),
        (true, false) => status,
    }
}

fn text(value: &Value, name: &str) -> String {
    value[name].as_str().unwrap_or_default().to_owned()
}
