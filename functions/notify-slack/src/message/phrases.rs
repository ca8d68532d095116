//! The pieces that the messages share: who did something where, and the row of a commit.

use super::mrkdwn::{Mrkdwn, commit_url, first_line};
use super::payload::{Commit, Repository, Signature, User};

/// As much of a commit's first line or of a title as is shown; git's own advice is 50 to 72, GitHub's limit 256.
pub(super) const MAX_TITLE: usize = 150;
/// As much of a person's or a label's name as is shown.
pub(super) const MAX_NAME: usize = 60;
/// A whole repository, branch or tag: a name that is cut is another name. Git allows 255 bytes.
pub(super) const MAX_REF: usize = 255;
/// The least that tells commits apart; what GitHub and `git log --oneline` show.
const SHORT_ID: usize = 7;

/// `repository: who `, the beginning of most messages.
pub(super) fn opening(line: Mrkdwn, repository: &Repository<'_>, who: Option<&User<'_>>) -> Mrkdwn {
    match who {
        Some(user) => place(line, repository).bold(user.html_url.as_deref(), &user.login, MAX_NAME).raw(" "),
        None => place(line, repository).raw("Someone "),
    }
}

/// `repository: `
pub(super) fn place(line: Mrkdwn, repository: &Repository<'_>) -> Mrkdwn {
    line.bold(repository.html_url.as_deref(), &repository.full_name, MAX_REF).raw(": ")
}

/// A commit: its short id, the first line of its message, its author.
pub(super) fn commit(line: Mrkdwn, commit: &Commit<'_>, repository: &Repository<'_>) -> Mrkdwn {
    // Only a push has the address of its commits; a workflow run leaves it to the reader.
    let page = match (&commit.url, &repository.html_url) {
        (Some(url), _) => Some(url.to_string()),
        (None, Some(repository)) => Some(commit_url(repository, &commit.id)),
        (None, None) => None,
    };
    let line = line.code(page.as_deref(), short(&commit.id), SHORT_ID).raw(" ").text(subject(commit), MAX_TITLE);
    match commit.author.as_ref().and_then(Signature::name) {
        Some(author) => line.raw(" — ").text(author, MAX_NAME),
        None => line,
    }
}

/// The first line of a commit's message.
pub(super) fn subject<'a>(commit: &'a Commit<'_>) -> &'a str {
    match commit.message.as_deref().map(first_line) {
        Some(subject) if !subject.is_empty() => subject,
        _ => "(no message)",
    }
}

/// The short form of a commit's id.
pub(super) fn short(id: &str) -> &str {
    id.get(..SHORT_ID).unwrap_or(id)
}

/// `#12 Title`, linked.
pub(super) fn numbered(line: Mrkdwn, number: u64, title: &str, url: Option<&str>) -> Mrkdwn {
    line.link(url, &format!("#{number} {title}"), MAX_TITLE)
}
