//! CloudWatch Logs: the lines of a deployment's functions, merged by time.

use anyhow::{Context, Result};
pub use aws_sdk_cloudwatchlogs::Client;

use crate::aws::explain;

/// One line of one function.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// Milliseconds since the epoch.
    pub at_millis: i64,
    /// The service's id of the line, which tells repeats apart.
    pub id: String,
    /// The function that wrote it.
    pub function: String,
    /// What it wrote.
    pub text: String,
}

/// What to read.
#[derive(Clone, Debug)]
pub struct Query {
    /// The functions by name.
    pub functions: Vec<String>,
    /// From when on, in milliseconds since the epoch.
    pub since_millis: i64,
    /// A CloudWatch filter pattern.
    pub pattern: Option<String>,
}

/// Reads the lines of all functions, oldest first. A function that has never run has none.
pub async fn read(client: &Client, query: &Query) -> Result<Vec<Line>> {
    let reads = query.functions.iter().map(|function| read_one(client, function, query));
    let mut lines = futures::future::try_join_all(reads).await?.concat();
    // Stable, so that lines of one function keep their order within a millisecond.
    lines.sort_by_key(|line| line.at_millis);
    Ok(lines)
}

async fn read_one(client: &Client, function: &str, query: &Query) -> Result<Vec<Line>> {
    let group = format!("/aws/lambda/{function}");
    let mut pages = client
        .filter_log_events()
        .log_group_name(&group)
        .start_time(query.since_millis)
        .set_filter_pattern(query.pattern.clone())
        .into_paginator()
        .send();
    let mut lines = Vec::new();
    while let Some(page) = pages.next().await {
        let page = match page {
            Ok(page) => page,
            Err(error) if error.as_service_error().is_some_and(|error| error.is_resource_not_found_exception()) => {
                break;
            }
            Err(error) => return Err(explain(error)).with_context(|| format!("{group} cannot be read")),
        };
        lines.extend(page.events.unwrap_or_default().into_iter().filter_map(|event| {
            Some(Line {
                at_millis: event.timestamp?,
                id: event.event_id.unwrap_or_default(),
                function: function.to_owned(),
                text: event.message?.trim_end().to_owned(),
            })
        }));
    }
    Ok(lines)
}
