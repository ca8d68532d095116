//! Step Functions: executions and their histories.

use anyhow::{Context, Result};
pub use aws_sdk_sfn::Client;
use aws_sdk_sfn::error::ProvideErrorMetadata;
use aws_sdk_sfn::types::{ExecutionRedriveStatus, ExecutionStatus, HistoryEvent, HistoryEventType};

use crate::aws::explain;
use crate::executions::{Execution, Executions, Step, StepKind};
use crate::failure::Hint;

impl Executions for Client {
    async fn execution(&self, arn: &str) -> Result<Option<Execution>> {
        match self.describe_execution().execution_arn(arn).send().await {
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

    async fn executions(&self, machine: &str, status: &str, most: usize) -> Result<Vec<Execution>> {
        let status = ExecutionStatus::from(status);
        let mut pages =
            self.list_executions().state_machine_arn(machine).status_filter(status).into_paginator().items().send();
        let mut found = Vec::new();
        while found.len() < most
            && let Some(item) = pages.next().await
        {
            let item =
                item.map_err(explain).with_context(|| format!("the executions of {machine} cannot be listed"))?;
            found.push(Execution {
                name: item.name,
                status: item.status.as_str().to_owned(),
                started_at_millis: millis(Some(&item.start_date)).unwrap_or_default(),
                ended_at_millis: millis(item.stop_date.as_ref()),
                is_final: false, // not part of the list
            });
        }
        Ok(found)
    }

    async fn history(&self, arn: &str) -> Result<Vec<Step>> {
        let mut pages =
            self.get_execution_history().execution_arn(arn).include_execution_data(false).into_paginator().send();
        let mut steps = Vec::new();
        let mut state = String::new();
        while let Some(page) = pages.next().await {
            let page = match page {
                Ok(page) => page,
                Err(error) if error.as_service_error().is_some_and(|error| error.is_execution_does_not_exist()) => {
                    break;
                }
                Err(error) => {
                    return Err(explain(error)).with_context(|| format!("the history of {arn} cannot be read"));
                }
            };
            for event in page.events {
                if let Some(entered) = &event.state_entered_event_details {
                    state.clone_from(&entered.name);
                }
                if let Some(what) = step_of(&event, &state) {
                    steps.push(Step {
                        id: event.id,
                        at_millis: millis(Some(&event.timestamp)).unwrap_or_default(),
                        what,
                    });
                }
            }
        }
        Ok(steps)
    }

    async fn redrive(&self, arn: &str) -> Result<()> {
        match self.redrive_execution().execution_arn(arn).send().await {
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
}

/// What of a history event is shown. The SDK describes a failed task in five types, of which only the name of the error is wanted.
#[expect(clippy::wildcard_enum_match_arm, reason = "the SDK's own, some sixty types of which few are shown")]
fn step_of(event: &HistoryEvent, state: &str) -> Option<StepKind> {
    use HistoryEventType as Is;
    let named = |error: Option<&String>, or: &str| error.cloned().unwrap_or_else(|| or.to_owned());
    let state = || state.to_owned();
    Some(match &event.r#type {
        Is::ExecutionStarted => StepKind::Started,
        Is::ExecutionRedriven => StepKind::Redriven,
        Is::ExecutionSucceeded => StepKind::Succeeded,
        Is::ExecutionFailed => {
            let details = event.execution_failed_event_details.as_ref();
            StepKind::Ended { error: named(details.and_then(|details| details.error.as_ref()), "failed") }
        }
        Is::ExecutionTimedOut => StepKind::Ended { error: "States.Timeout".to_owned() },
        Is::ExecutionAborted => StepKind::Ended { error: "aborted".to_owned() },
        Is::TaskFailed => {
            let details = event.task_failed_event_details.as_ref();
            StepKind::Failed {
                state: state(),
                error: named(details.and_then(|details| details.error.as_ref()), "failed"),
            }
        }
        Is::TaskTimedOut => {
            let details = event.task_timed_out_event_details.as_ref();
            StepKind::Failed {
                state: state(),
                error: named(details.and_then(|details| details.error.as_ref()), "States.Timeout"),
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
    async fn a_failed_execution_is_redriven_by_its_address_and_a_refusal_is_reported() {
        let http = CannedHttp::default();
        let client = Client::new(&http.sdk_config());
        let arn = "arn:aws:states:us-east-1:000000000000:execution:tidegate-order-saga:ord_1";

        http.answer(200, json!({ "redriveDate": 1_772_352_900.0 }));
        client.redrive(arn).await.unwrap();
        let asked = http.requests();
        assert_eq!(
            (asked.len(), &*asked[0].0, asked[0].1["executionArn"].as_str()),
            (1, "RedriveExecution", Some(arn))
        );

        let refusals = [
            ("ExecutionNotRedrivable", "cannot be redriven"),
            ("UnknownOperationException", "this emulator cannot redrive executions"),
        ];
        for (code, expected) in refusals {
            http.answer(400, json!({ "__type": code, "message": "made up" }));
            let error = client.redrive(arn).await.unwrap_err();
            assert!(format!("{error:#}").contains(expected), "{error:#}");
        }
    }

    #[test]
    fn a_failed_task_is_shown_with_its_state_and_its_error_and_nothing_that_it_carried() {
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
        assert_eq!(step_of(&event, "AuthorisePayment"), Some(expected));
    }
}
