//! A workflow run that went wrong. One that went well, was cancelled or skipped has no message.

use super::blocks::Composer;
use super::mrkdwn::{Mrkdwn, tree_url};
use super::payload::{WorkflowRun, WorkflowRunEvent};
use super::phrases::{MAX_NAME, MAX_REF, MAX_TITLE, commit, place};
use super::rendered::Rendered;

/// Whether an event with this action may have a message. Without an action in the type, the payload has it.
pub(super) fn worth_telling(action: &str) -> bool {
    matches!(action, "" | "completed")
}

pub(super) fn render(event: &WorkflowRunEvent<'_>) -> Option<Rendered> {
    let run = &event.workflow_run;
    if &*event.action != "completed" {
        return None;
    }
    let (header, verb) = match run.conclusion.as_deref()? {
        "failure" => ("Workflow run failed", " failed"),
        "timed_out" => ("Workflow run timed out", " timed out"),
        "startup_failure" => ("Workflow run could not start", " could not start"),
        _ => return None,
    };
    let headline = |line: Mrkdwn| {
        let name = run.name.as_deref().filter(|name| !name.trim().is_empty()).unwrap_or("workflow");
        let line = place(line, &event.repository).link(run.html_url.as_deref(), name, MAX_TITLE);
        let line = line.raw(" #").text(&run.run_number.to_string(), MAX_NAME).raw(verb);
        match run.head_branch.as_deref() {
            Some(branch) => {
                let page = run.head_repository.as_ref().and_then(|repository| repository.html_url.as_deref());
                let page = page.map(|url| tree_url(url, branch));
                line.raw(" on ").code(page.as_deref(), branch, MAX_REF)
            }
            None => line,
        }
    };
    let mut message = Composer::default();
    message.header(header);
    message.line(headline(Mrkdwn::default()));
    if let Some(head) = &run.head_commit {
        message.line(commit(Mrkdwn::default().raw("• "), head, &event.repository));
    }
    message.context(details(run));
    Some(Rendered {
        place: event.repository.place(run.head_branch.as_deref()),
        message: message.finish(headline(Mrkdwn::unstyled())),
    })
}

/// What set it off, who, and which attempt it was.
fn details(run: &WorkflowRun<'_>) -> Mrkdwn {
    let mut line = Mrkdwn::default().raw("Attempt ").number(run.run_attempt.unwrap_or(1));
    if let Some(event) = &run.event {
        line = line.raw(" · on ").text(event, MAX_NAME);
    }
    match &run.actor {
        Some(actor) => line.raw(" · by ").text(&actor.login, MAX_NAME),
        None => line,
    }
}
