//! Step Functions: the executions of the order saga, one for each order and named after it.

use anyhow::{Context, Result};
pub use aws_sdk_sfn::Client;
use aws_sdk_sfn::error::ProvideErrorMetadata;
use aws_sdk_sfn::types::{ExecutionRedriveStatus, ExecutionStatus, HistoryEvent, HistoryEventType};
use serde::Serialize;

use crate::aws::explain;
use crate::failure::Hint;

/// An execution, as this command tells of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Execution {
    /// Its name: the order.
    pub name: String,
    /// `RUNNING`, `SUCCEEDED`, `FAILED`, `TIMED_OUT`, `ABORTED`.
    pub status: String,
    /// When it began, in milliseconds since the epoch.
    pub started_at_millis: i64,
    /// When it ended.
    pub ended_at_millis: Option<i64>,
    /// Whether it has ended for good: AWS no longer redrives it.
    pub is_final: bool,
}

impl Execution {
    /// Whether something is still to happen.
    pub fn is_running(&self) -> bool {
        self.status == "RUNNING"
    }
}

/// Something that happened in an execution, as far as a person wants to know.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Step {
    /// Its place in the history.
    pub id: i64,
    /// When, in milliseconds since the epoch.
    pub at_millis: i64,
    /// What.
    #[serde(flatten)]
    pub what: StepKind,
}

/// What happened. Inputs and outputs are not told: they have addresses and means of payment in them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "step", rename_all = "snake_case")]
pub enum StepKind {
    /// The execution began.
    Started,
    /// A state was entered.
    Entered {
        /// Which.
        state: String,
    },
    /// The task of a state failed, or was refused.
    Failed {
        /// Which state.
        state: String,
        /// The error's name.
        error: String,
    },
    /// A state is done.
    Left {
        /// Which.
        state: String,
    },
    /// The execution ended well.
    Succeeded,
    /// The execution ended, and something is left undone.
    Ended {
        /// The error's name.
        error: String,
    },
    /// A failed execution goes on.
    Redriven,
}

/// The address of an order's execution.
pub fn execution_arn(state_machine_arn: &str, name: &str) -> String {
    format!("{}:{name}", state_machine_arn.replacen(":stateMachine:", ":execution:", 1))
}

/// An order's execution, or nothing where it has none (yet, or any more: 90 days after it ended).
pub async fn execution(client: &Client, arn: &str) -> Result<Option<Execution>> {
    match client.describe_execution().execution_arn(arn).send().await {
        Ok(answer) => Ok(Some(Execution {
            name: answer.name.unwrap_or_default(),
            status: answer.status.as_str().to_owned(),
            started_at_millis: millis(Some(&answer.start_date)).unwrap_or_default(),
            ended_at_millis: millis(answer.stop_date.as_ref()),
            is_final: answer.redrive_status == Some(ExecutionRedriveStatus::NotRedrivable),
        })),
        Err(error) if error.as_service_error().is_some_and(|error| error.is_execution_does_not_exist()) => Ok(None),
        Err(error) => Err(explain(error)).with_context(|| format!("execution {arn} cannot be described")),
    }
}

/// The executions in one state, newest first, at most `most`.
pub async fn executions(client: &Client, machine: &str, status: &str, most: usize) -> Result<Vec<Execution>> {
    let status = ExecutionStatus::from(status);
    let mut pages =
        client.list_executions().state_machine_arn(machine).status_filter(status).into_paginator().items().send();
    let mut found = Vec::new();
    while found.len() < most
        && let Some(item) = pages.next().await
    {
        let item = item.map_err(explain).with_context(|| format!("the executions of {machine} cannot be listed"))?;
        found.push(Execution {
            name: item.name,
            status: item.status.as_str().to_owned(),
            started_at_millis: millis(Some(&item.start_date)).unwrap_or_default(),
            ended_at_millis: millis(item.stop_date.as_ref()),
            is_final: false, // the list does not say
        });
    }
    Ok(found)
}

/// What has happened in an execution, oldest first; nothing where it does not exist.
pub async fn history(client: &Client, arn: &str) -> Result<Vec<Step>> {
    let mut pages =
        client.get_execution_history().execution_arn(arn).include_execution_data(false).into_paginator().send();
    let mut steps = Vec::new();
    let mut state = String::new();
    while let Some(page) = pages.next().await {
        let page = match page {
            Ok(page) => page,
            Err(error) if error.as_service_error().is_some_and(|error| error.is_execution_does_not_exist()) => break,
            Err(error) => return Err(explain(error)).with_context(|| format!("the history of {arn} cannot be read")),
        };
        for event in page.events {
            if let Some(entered) = &event.state_entered_event_details {
                state.clone_from(&entered.name);
            }
            if let Some(what) = told(&event, &state) {
                steps.push(Step { id: event.id, at_millis: millis(Some(&event.timestamp)).unwrap_or_default(), what });
            }
        }
    }
    Ok(steps)
}

/// Has a failed execution go on where it failed.
pub async fn redrive(client: &Client, arn: &str) -> Result<()> {
    match client.redrive_execution().execution_arn(arn).send().await {
        Ok(_) => Ok(()),
        Err(error)
            if matches!(error.code(), Some("UnknownOperationException" | "InvalidAction" | "UnknownOperation")) =>
        {
            Err(Hint::new(
                "this emulator cannot redrive executions",
                "mend what failed by hand; on AWS, an execution can be redriven for 14 days after it ended",
            )
            .into())
        }
        Err(error) => Err(explain(error)).with_context(|| format!("execution {arn} cannot be redriven")),
    }
}

/// The SDK tells of a failed task in five kinds of details, of which only the name of the error is wanted.
fn told(event: &HistoryEvent, state: &str) -> Option<StepKind> {
    use HistoryEventType as Is;
    let named = |error: Option<&String>, or: &str| error.cloned().unwrap_or_else(|| or.to_owned());
    let state = || state.to_owned();
    Some(match &event.r#type {
        Is::ExecutionStarted => StepKind::Started,
        Is::ExecutionRedriven => StepKind::Redriven,
        Is::ExecutionSucceeded => StepKind::Succeeded,
        Is::ExecutionFailed => {
            let details = event.execution_failed_event_details.as_ref();
            StepKind::Ended { error: named(details.and_then(|it| it.error.as_ref()), "failed") }
        }
        Is::ExecutionTimedOut => StepKind::Ended { error: "States.Timeout".to_owned() },
        Is::ExecutionAborted => StepKind::Ended { error: "aborted".to_owned() },
        Is::TaskFailed => {
            let details = event.task_failed_event_details.as_ref();
            StepKind::Failed { state: state(), error: named(details.and_then(|it| it.error.as_ref()), "failed") }
        }
        Is::TaskTimedOut => {
            let details = event.task_timed_out_event_details.as_ref();
            StepKind::Failed {
                state: state(),
                error: named(details.and_then(|it| it.error.as_ref()), "States.Timeout"),
            }
        }
        Is::TaskStartFailed | Is::TaskSubmitFailed => {
            StepKind::Failed { state: state(), error: "the command could not be sent".to_owned() }
        }
        _ if event.state_entered_event_details.is_some() => StepKind::Entered { state: state() },
        _ => StepKind::Left { state: event.state_exited_event_details.as_ref()?.name.clone() },
    })
}

fn millis(date: Option<&aws_smithy_types::DateTime>) -> Option<i64> {
    date.and_then(|date| date.to_millis().ok())
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use tidegate_testkit::CannedHttp;

    use super::*;

    #[tokio::test]
    async fn a_failed_execution_is_redriven_by_its_address_and_a_refusal_is_told() {
        let http = CannedHttp::default();
        let client = Client::new(&http.sdk_config());
        let arn = "arn:aws:states:us-east-1:000000000000:execution:tidegate-order-saga:ord_1";

        http.answer(200, json!({ "redriveDate": 1_772_352_900.0 }));
        redrive(&client, arn).await.unwrap();
        let asked = http.requests();
        assert_eq!(
            (asked.len(), &*asked[0].0, asked[0].1["executionArn"].as_str()),
            (1, "RedriveExecution", Some(arn))
        );

        let told = [
            ("ExecutionNotRedrivable", "cannot be redriven"),
            ("UnknownOperationException", "this emulator cannot redrive executions"),
        ];
        for (code, says) in told {
            http.answer(400, json!({ "__type": code, "message": "made up" }));
            let error = redrive(&client, arn).await.unwrap_err();
            assert!(format!("{error:#}").contains(says), "{error:#}");
        }
    }

    #[test]
    fn an_execution_is_addressed_by_its_machine_and_its_order() {
        let machine = "arn:aws:states:us-east-1:000000000000:stateMachine:tidegate-order-saga";
        let expected = "arn:aws:states:us-east-1:000000000000:execution:tidegate-order-saga:ord_1";
        assert_eq!(execution_arn(machine, "ord_1"), expected);
    }

    #[test]
    fn a_failed_task_is_told_with_its_state_and_its_error_and_nothing_that_it_carried() {
        let details = aws_sdk_sfn::types::TaskFailedEventDetails::builder()
            .resource_type("sqs")
            .resource("sendMessage.waitForTaskToken")
            .error("PaymentDeclined")
            .cause("made up")
            .build()
            .unwrap();
        let event = HistoryEvent::builder()
            .timestamp(aws_smithy_types::DateTime::from_secs(1))
            .r#type(HistoryEventType::TaskFailed)
            .id(7)
            .task_failed_event_details(details)
            .build()
            .unwrap();
        let expected = StepKind::Failed { state: "AuthorisePayment".to_owned(), error: "PaymentDeclined".to_owned() };
        assert_eq!(told(&event, "AuthorisePayment"), Some(expected));
    }
}
