//! What was seen, as what AWS bills for an order.

use std::collections::BTreeMap;

use anyhow::Result;
use tidegate_testkit::lambda_api::Call;

use crate::dynamodb::{self, Units};
use crate::prices::Prices;
use crate::run::Seen;

/// All functions of an order have as much.
const MEMORY_GB: f64 = 0.25;
/// Assumed, because durations here are not AWS's: of an invocation, and of each question to somebody outside beside it.
pub(crate) const INSIDE_SECS: f64 = 0.05;
pub(crate) const OUTSIDE_SECS: f64 = 1.0;
/// Authorise, capture, book, call back.
const ASKED_OUTSIDE: f64 = 4.0;
/// As the templates have them: messages of a queue and records of a stream in one invocation.
const FULL_BATCH: f64 = 10.0;
const FULL_STREAM_BATCH: f64 = 100.0;
/// Behind the HTTP API: each request to it is one invocation.
const BEHIND_HTTP: [&str; 2] = ["orders-api", "receive-webhook"];

/// How full batches are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Batches {
    /// As they were.
    Seen,
    /// As on a busy day on AWS, where a queue's mapping waits for nothing and finds ten.
    Full,
}

/// One line of the bill, for one order.
#[derive(Debug)]
pub(crate) struct Row {
    pub(crate) service: &'static str,
    pub(crate) what: String,
    /// Requests for which somebody is billed or not; nothing where the line is no request.
    pub(crate) requests: Option<f64>,
    /// What is billed, and in what.
    pub(crate) billed: f64,
    pub(crate) unit: &'static str,
    pub(crate) usd_per_million: f64,
}

/// The bill of an order.
#[derive(Debug)]
pub(crate) struct Bill {
    pub(crate) transitions: f64,
    pub(crate) rows: Vec<Row>,
}

impl Bill {
    pub(crate) fn usd_per_million(&self) -> f64 {
        self.rows.iter().map(|row| row.usd_per_million).sum()
    }

    pub(crate) fn requests(&self) -> f64 {
        self.rows.iter().filter_map(|row| row.requests).sum()
    }

    pub(crate) fn of_service(&self, service: &str) -> f64 {
        self.rows.iter().filter(|row| row.service == service).map(|row| row.usd_per_million).sum()
    }

    pub(crate) fn services(&self) -> Vec<&'static str> {
        let mut services: Vec<&'static str> = self.rows.iter().map(|row| row.service).collect();
        services.dedup();
        services
    }

    pub(crate) fn of(seen: &Seen, deployment: &str, prices: &Prices, batches: Batches) -> Result<Self> {
        let orders = seen.orders as f64;
        let each = |count: usize| count as f64 / orders;
        let mut lines = Lines { prices, rows: Vec::new() };

        // The step to the end is in no history. AWS's page says of neither it nor the start whether they count; here one does.
        let transitions = each(seen.states) + 1.0;
        let states = "Step Functions";
        lines.add(
            states,
            "states entered, and the end",
            None,
            transitions,
            "transitions",
            Some("states_transition"),
        )?;
        let calls = operations(&seen.calls[seen.before..]);
        for (operation, count) in calls.iter().filter(|(it, _)| service_of(it) == states) {
            lines.add(states, operation, Some(each(*count)), 0.0, "free", None)?;
        }

        for ((table, operation), units) in dynamodb::count(&seen.calls, seen.before, deployment)? {
            let Units { requests, read, write, bytes } = units;
            let (billed, unit, price) = match write > 0.0 {
                true => (write, "write units", "dynamodb_write_unit"),
                false => (read, "read units", "dynamodb_read_unit"),
            };
            let what = match bytes {
                0 => format!("{operation} {table}"),
                bytes => format!("{operation} {table}, up to {bytes} bytes"),
            };
            lines.add("DynamoDB", &what, Some(requests as f64 / orders), billed / orders, unit, Some(price))?;
        }
        let records = each(seen.records.items);
        lines.add("DynamoDB", &format!("stream records ({})", figure(records)), None, 0.0, "free to Lambda", None)?;

        // What is not a saga's command was said by SNS. SNS asks nothing for that, and SQS may bill it as a request: it is counted.
        let sqs = "SQS";
        let request = Some("sqs_request");
        let messages = each(seen.messages.items);
        lines.add(sqs, "sent by the saga and by SNS", Some(messages), messages, "requests", request)?;
        let received = match batches {
            Batches::Seen => each(seen.messages.batches),
            Batches::Full => messages / FULL_BATCH,
        };
        lines.add(sqs, "received, by batch", Some(received), received, "requests", request)?;
        lines.add(sqs, "deleted, by batch", Some(received), received, "requests", request)?;
        for (service, price) in [(sqs, "sqs_request"), ("SNS", "sns_publish"), ("Secrets Manager", "secrets_request")] {
            for (operation, count) in calls.iter().filter(|(it, _)| service_of(it) == service) {
                // Each process reads a secret once a minute, which a busy one does not feel.
                let felt = service != "Secrets Manager" || batches == Batches::Seen;
                let count = if felt { each(*count) } else { 0.0 };
                lines.add(service, operation, Some(count), count, "requests", Some(price))?;
            }
        }
        for (operation, count) in calls.iter().filter(|(it, _)| service_of(it) == OTHER) {
            lines.add(OTHER, operation, Some(each(*count)), 0.0, "not priced", None)?;
        }

        let mut invocations: BTreeMap<&str, f64> =
            seen.invocations.iter().map(|(name, count)| (name.as_str(), each(*count))).collect();
        let mut outside = ASKED_OUTSIDE;
        if batches == Batches::Full {
            invocations.retain(|name, _| BEHIND_HTTP.contains(name));
            invocations.insert("all behind queues", received);
            invocations.insert("relay-outbox", records / FULL_STREAM_BATCH);
            // Those of a batch ask at the same time.
            outside /= FULL_BATCH;
        }
        for (function, count) in &invocations {
            lines.add("Lambda", function, Some(*count), *count, "requests", Some("lambda_request"))?;
        }
        let secs = invocations.values().sum::<f64>() * INSIDE_SECS + outside * OUTSIDE_SECS;
        let gb_seconds = secs * MEMORY_GB;
        lines.add("Lambda", "time, assumed", None, gb_seconds, "GB-s", Some("lambda_gb_second"))?;
        for function in BEHIND_HTTP {
            let count = each(seen.invocations.get(function).copied().unwrap_or_default());
            lines.add("HTTP API", function, Some(count), count, "requests", Some("http_api_request"))?;
        }
        lines.add("Logs", "taken in", None, each(seen.log_bytes) / 1e9, "GB", Some("logs_gigabyte"))?;
        Ok(Self { transitions, rows: lines.rows })
    }
}

struct Lines<'a> {
    prices: &'a Prices,
    rows: Vec<Row>,
}

impl Lines<'_> {
    fn add(
        &mut self,
        service: &'static str,
        what: &str,
        requests: Option<f64>,
        billed: f64,
        unit: &'static str,
        price: Option<&str>,
    ) -> Result<()> {
        let price = price.map(|name| self.prices.million(name)).transpose()?.unwrap_or_default();
        let what = what.to_owned();
        self.rows.push(Row { service, what, requests, billed, unit, usd_per_million: billed * price });
        Ok(())
    }
}

const OTHER: &str = "other";

fn service_of(operation: &str) -> &'static str {
    match operation {
        _ if dynamodb::is_dynamodb(operation) => "DynamoDB",
        _ if operation.starts_with("Publish") => "SNS",
        _ if operation.ends_with("SecretValue") || operation == "DescribeSecret" => "Secrets Manager",
        "StartExecution" | "DescribeExecution" => "Step Functions",
        _ if operation.starts_with("SendTask") => "Step Functions",
        _ if operation.contains("Message") => "SQS",
        _ => OTHER,
    }
}

fn operations(calls: &[Call]) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for call in calls {
        *counts.entry(call.operation.clone()).or_default() += 1;
    }
    counts
}

/// As short as it can be said.
pub(crate) fn figure(number: f64) -> String {
    let text = format!("{number:.2}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_operation_has_a_service() {
        for (operation, service) in [
            ("TransactWriteItems", "DynamoDB"),
            ("PublishBatch", "SNS"),
            ("SendTaskSuccess", "Step Functions"),
            ("SendMessage", "SQS"),
            ("ChangeMessageVisibility", "SQS"),
            ("GetSecretValue", "Secrets Manager"),
            ("HEAD /bucket", OTHER),
        ] {
            assert_eq!(service_of(operation), service);
        }
    }

    #[test]
    fn the_end_of_a_saga_is_a_transition_too() {
        let seen = Seen { orders: 2, states: 10, ..Seen::default() };
        let bill = Bill::of(&seen, "tidegate", &Prices::load().unwrap(), Batches::Full).unwrap();
        assert_eq!((bill.transitions, bill.of_service("Step Functions"), bill.of_service("SQS")), (6.0, 150.0, 0.0));
    }

    #[test]
    fn figures_are_short() {
        assert_eq!([6.0, 0.5, 1.25].map(figure), ["6", "0.5", "1.25"]);
    }
}
