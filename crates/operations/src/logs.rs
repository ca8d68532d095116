//! CloudWatch Logs: the lines of a deployment's functions, merged by time.

use std::collections::HashSet;

use anyhow::{Context, Result, bail};
pub use aws_sdk_cloudwatchlogs::Client;

use crate::aws::explain;
use crate::failure::Hint;
use crate::resources::Resources;

/// CloudWatch may show a line late and out of order, so each read of a [`Tail`] goes back this far.
const OVERLAP_MILLIS: i64 = 15_000;

/// One line of one function.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// Milliseconds since the epoch.
    pub at_millis: i64,
    /// The service's id of the line, by which repeats are recognised.
    pub id: String,
    pub function: String,
    pub text: String,
}

#[derive(Clone, Debug)]
pub struct Query {
    /// The functions by name.
    pub functions: Vec<String>,
    /// From when on, in milliseconds since the epoch.
    pub since_millis: i64,
    /// A CloudWatch filter pattern.
    pub pattern: Option<String>,
    /// Only lines that hold this text.
    pub text: Option<String>,
}

/// The functions of a deployment, or the one of this name, with or without the deployment's.
pub fn functions(resources: &Resources, deployment: &str, wanted: Option<&str>) -> Result<Vec<String>> {
    let all = &resources.functions;
    let Some(wanted) = wanted else { return Ok(all.clone()) };
    let full = format!("{deployment}-{wanted}");
    match all.iter().find(|name| *name == wanted || **name == full) {
        Some(name) => Ok(vec![name.clone()]),
        None => bail!(Hint::new(
            format!("deployment {deployment} has no function {wanted}"),
            format!("its functions are {}", all.join(", ")),
        )),
    }
}

/// Lines as they come, each once.
#[derive(Debug)]
pub struct Tail {
    query: Query,
    shown: HashSet<(String, String, i64)>,
}

impl Tail {
    pub fn new(query: Query) -> Self {
        Self { query, shown: HashSet::new() }
    }

    /// What has come since the last call.
    pub async fn read(&mut self, client: &Client, now_millis: i64) -> Result<Vec<Line>> {
        let mut lines = read(client, &self.query).await?;
        self.keep_new(&mut lines);
        self.query.since_millis = self.query.since_millis.max(now_millis - OVERLAP_MILLIS);
        self.shown.retain(|(_, _, at_millis)| *at_millis >= self.query.since_millis - OVERLAP_MILLIS);
        Ok(lines)
    }

    fn keep_new(&mut self, lines: &mut Vec<Line>) {
        lines.retain(|line| self.shown.insert((line.function.clone(), line.id.clone(), line.at_millis)));
    }
}

/// Reads the lines of all functions, oldest first. A function that has never run has none.
pub async fn read(client: &Client, query: &Query) -> Result<Vec<Line>> {
    let reads = query.functions.iter().map(|function| read_one(client, function, query));
    let mut lines = futures::future::try_join_all(reads).await?.concat();
    lines.retain(|line| query.text.as_ref().is_none_or(|text| line.text.contains(text.as_str())));
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_function_is_found_with_or_without_the_name_of_its_deployment() {
        let resources =
            Resources { functions: vec!["t-health".to_owned(), "t-relay".to_owned()], ..Resources::default() };
        assert_eq!(functions(&resources, "t", None).unwrap().len(), 2);
        for name in ["health", "t-health"] {
            assert_eq!(functions(&resources, "t", Some(name)).unwrap(), ["t-health"]);
        }
        assert_eq!(
            functions(&resources, "t", Some("surf")).unwrap_err().to_string(),
            "deployment t has no function surf"
        );
    }

    #[test]
    fn a_line_that_is_read_twice_comes_once() {
        let query = Query { functions: Vec::new(), since_millis: 0, pattern: None, text: None };
        let line = |id: &str| Line { at_millis: 1, id: id.to_owned(), function: "f".to_owned(), text: String::new() };
        let mut tail = Tail::new(query);
        let (mut first, mut second) = (vec![line("1")], vec![line("1"), line("2")]);
        tail.keep_new(&mut first);
        tail.keep_new(&mut second);
        assert_eq!((first, second), (vec![line("1")], vec![line("2")]));
    }
}
