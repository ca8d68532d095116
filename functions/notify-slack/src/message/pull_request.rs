//! A pull request that was opened, closed, merged, reopened or made ready for review.

use super::blocks::Composer;
use super::mrkdwn::{Mrkdwn, tree_url};
use super::payload::{BranchOf, PullRequestEvent, Repository};
use super::phrases::{MAX_NAME, MAX_REF, numbered, opening};
use super::rendered::Rendered;

/// Whether an event with this action has a message. Without an action in the type, the payload has it.
pub(super) fn worth_telling(action: &str) -> bool {
    matches!(action, "" | "opened" | "closed" | "reopened" | "ready_for_review")
}

pub(super) fn render(event: &PullRequestEvent<'_>) -> Option<Rendered> {
    let pull_request = &event.pull_request;
    let merged = pull_request.merged.unwrap_or(false);
    let draft = pull_request.draft.unwrap_or(false);
    let (verb, after) = match &*event.action {
        "opened" if draft => ("opened draft pull request ", ""),
        "opened" => ("opened pull request ", ""),
        "closed" if merged => ("merged pull request ", ""),
        "closed" => ("closed pull request ", " without merging it"),
        "reopened" => ("reopened pull request ", ""),
        "ready_for_review" => ("marked pull request ", " as ready for review"),
        _ => return None,
    };
    let headline = |line: Mrkdwn| {
        let line = opening(line, &event.repository, event.sender.as_ref()).raw(verb);
        numbered(line, pull_request.number, &pull_request.title, pull_request.html_url.as_deref()).raw(after)
    };
    let mut message = Composer::default();
    message.line(headline(Mrkdwn::default()));
    message.context(details(event));
    Some(Rendered {
        place: event.repository.place(Some(&pull_request.base.name)),
        message: message.finish(headline(Mrkdwn::unstyled())),
    })
}

/// From where to where, how much, and whose it is.
fn details(event: &PullRequestEvent<'_>) -> Mrkdwn {
    let pull_request = &event.pull_request;
    let line = branch(Mrkdwn::default(), &pull_request.head, &event.repository).raw(" → ");
    let mut line = branch(line, &pull_request.base, &event.repository);
    if let (Some(added), Some(removed), Some(files)) =
        (pull_request.additions, pull_request.deletions, pull_request.changed_files)
    {
        line = line.raw(" · +").number(added).raw(" −").number(removed).raw(" in ").number(files);
        line = line.raw(if files == 1 { " file" } else { " files" });
    }
    match &pull_request.user {
        Some(author) => line.raw(" · by ").text(&author.login, MAX_NAME),
        None => line,
    }
}

/// A branch of this repository by its name, one of a fork by `owner:name`.
fn branch(line: Mrkdwn, branch: &BranchOf<'_>, here: &Repository<'_>) -> Mrkdwn {
    let repository = branch.repo.as_ref();
    let page = repository.and_then(|r| r.html_url.as_deref()).map(|url| tree_url(url, &branch.name));
    let own = repository.is_some_and(|r| *r.full_name == *here.full_name);
    let shown = if own { &branch.name } else { branch.label.as_ref().unwrap_or(&branch.name) };
    line.code(page.as_deref(), shown, MAX_REF)
}
