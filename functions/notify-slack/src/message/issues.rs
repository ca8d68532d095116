//! An issue that was opened, closed or reopened. (GitHub's event is called `issues`.)

use super::blocks::Composer;
use super::mrkdwn::Mrkdwn;
use super::payload::{Issue, IssuesEvent};
use super::phrases::{MAX_NAME, numbered, opening};
use super::rendered::Rendered;

/// More labels than this tell a reader nothing.
const LISTED_LABELS: usize = 10;

/// Whether an event with this action has a message. Without an action in the type, the payload has it.
pub(super) fn worth_telling(action: &str) -> bool {
    matches!(action, "" | "opened" | "closed" | "reopened")
}

pub(super) fn render(event: &IssuesEvent<'_>) -> Option<Rendered> {
    let issue = &event.issue;
    let (verb, after) = match &*event.action {
        "opened" => ("opened issue ", ""),
        "closed" => ("closed issue ", why(issue)),
        "reopened" => ("reopened issue ", ""),
        _ => return None,
    };
    let headline = |line: Mrkdwn| {
        let line = opening(line, &event.repository, event.sender.as_ref()).raw(verb);
        numbered(line, issue.number, &issue.title, issue.html_url.as_deref()).raw(after)
    };
    let mut message = Composer::default();
    message.line(headline(Mrkdwn::default()));
    message.context(labels(issue));
    Some(Rendered { place: event.repository.place(None), message: message.finish(headline(Mrkdwn::unstyled())) })
}

fn why(issue: &Issue<'_>) -> &'static str {
    match issue.state_reason.as_deref() {
        Some("not_planned") => " as not planned",
        Some("duplicate") => " as a duplicate",
        _ => "",
    }
}

/// Empty, and so left out, when there are none.
fn labels(issue: &Issue<'_>) -> Mrkdwn {
    let mut line = Mrkdwn::default();
    for (index, label) in issue.labels.iter().flatten().take(LISTED_LABELS).enumerate() {
        line = line.raw(if index == 0 { "Labels: " } else { ", " }).text(&label.name, MAX_NAME);
    }
    line
}
