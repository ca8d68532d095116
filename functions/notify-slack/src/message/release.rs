//! A release that was published.

use super::blocks::Composer;
use super::mrkdwn::{Mrkdwn, tree_url};
use super::payload::{Release, ReleaseEvent};
use super::phrases::{MAX_REF, MAX_TITLE, opening};
use super::rendered::Rendered;

/// Whether an event with this action has a message. Without an action in the type, the payload has it.
///
/// GitHub sends `released` or `prereleased` beside `published`; one message is enough.
pub(super) fn worth_telling(action: &str) -> bool {
    matches!(action, "" | "published")
}

pub(super) fn render(event: &ReleaseEvent<'_>) -> Option<Rendered> {
    if &*event.action != "published" {
        return None;
    }
    let release = &event.release;
    let (header, verb) = match (release.draft, release.prerelease) {
        (true, _) => ("Draft release published", "published draft release "),
        (false, true) => ("Pre-release published", "published pre-release "),
        (false, false) => ("Release published", "published release "),
    };
    let headline = |line: Mrkdwn| {
        let line = opening(line, &event.repository, event.sender.as_ref()).raw(verb);
        line.link(release.html_url.as_deref(), title(release), MAX_TITLE)
    };
    let mut message = Composer::default();
    message.header(header);
    message.line(headline(Mrkdwn::default()));
    let tag = event.repository.html_url.as_deref().map(|url| tree_url(url, &release.tag_name));
    message.context(Mrkdwn::default().raw("Tag ").code(tag.as_deref(), &release.tag_name, MAX_REF));
    Some(Rendered { place: event.repository.place(None), message: message.finish(headline(Mrkdwn::unstyled())) })
}

/// A release without a name is known by its tag, as on GitHub's page.
fn title<'a>(release: &'a Release<'_>) -> &'a str {
    match release.name.as_deref() {
        Some(name) if !name.trim().is_empty() => name,
        _ => &release.tag_name,
    }
}
