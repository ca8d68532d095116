//! A push to a branch or a tag.

use super::blocks::Composer;
use super::mrkdwn::{Mrkdwn, tree_url};
use super::payload::{FirstCommits, Push, Signature};
use super::phrases::{MAX_NAME, MAX_REF, MAX_TITLE, commit, opening, place, short, subject};
use super::rendered::Rendered;

/// GitHub leaves out a push's further commits.
const MOST_COMMITS_SENT: u64 = 2_048;

/// Renders a push. `None` for what is neither branch nor tag, for instance notes.
pub(super) fn render(push: &Push<'_>) -> Option<Rendered> {
    let target = Target::of(push)?;
    let nothing = FirstCommits::default();
    let commits = push.commits.as_ref().unwrap_or(&nothing);

    let mut message = Composer::default();
    message.line(headline(Mrkdwn::default(), push, target, commits));
    for listed in &commits.listed {
        message.line(commit(Mrkdwn::default().raw("• "), listed, &push.repository));
    }
    if let Some(more) = and_more(commits) {
        message.line(Mrkdwn::default().link(push.compare.as_deref(), &more, MAX_NAME));
    }
    if let (0, false, Some(head)) = (commits.total, push.deleted, &push.head_commit) {
        message.line(commit(Mrkdwn::default().raw("Now at "), head, &push.repository));
    }
    if let (Target::Branch(_), false, Some(url)) = (target, push.deleted, push.compare.as_deref()) {
        message.context(Mrkdwn::default().link(Some(url), &compared(push), MAX_NAME));
    }

    let mut fallback = headline(Mrkdwn::unstyled(), push, target, commits);
    if let [only] = commits.listed.as_slice() {
        fallback = fallback.raw(": ").text(subject(only), MAX_TITLE);
    }
    let branch = match target {
        Target::Branch(name) => Some(name),
        Target::Tag(_) => None,
    };
    Some(Rendered { place: push.repository.place(branch), message: message.finish(fallback) })
}

/// What was pushed to.
#[derive(Clone, Copy)]
enum Target<'a> {
    Branch(&'a str),
    Tag(&'a str),
}

impl<'a> Target<'a> {
    fn of(push: &'a Push<'_>) -> Option<Self> {
        let reference: &str = &push.reference;
        match reference.strip_prefix("refs/heads/") {
            Some(branch) => Some(Self::Branch(branch)),
            None => reference.strip_prefix("refs/tags/").map(Self::Tag),
        }
    }
}

fn headline(line: Mrkdwn, push: &Push<'_>, target: Target<'_>, commits: &FirstCommits<'_>) -> Mrkdwn {
    let line = who(line, push);
    let count = commits.total;
    match target {
        Target::Tag(_) if push.deleted => name(line.raw("deleted tag "), push, target),
        Target::Tag(_) if push.created => name(line.raw("created tag "), push, target),
        Target::Tag(_) => name(line.raw("moved tag "), push, target),
        Target::Branch(_) if push.deleted => name(line.raw("deleted branch "), push, target),
        Target::Branch(_) if push.created => {
            let line = name(line.raw("created branch "), push, target);
            if count == 0 { line } else { counted(line.raw(" with "), count) }
        }
        Target::Branch(_) => {
            let line = line.raw(if push.forced { "force-pushed " } else { "pushed " });
            let line = if count == 0 { line.raw("no new commits") } else { counted(line, count) };
            name(line.raw(" to "), push, target)
        }
    }
}

/// The account that pushed; a deploy key has none, but git's name for it.
fn who(line: Mrkdwn, push: &Push<'_>) -> Mrkdwn {
    match (&push.sender, push.pusher.as_ref().and_then(Signature::name)) {
        (None, Some(name)) => place(line, &push.repository).bold(None, name, MAX_NAME).raw(" "),
        (sender, _) => opening(line, &push.repository, sender.as_ref()),
    }
}

/// The branch or tag, linked while it is there.
fn name(line: Mrkdwn, push: &Push<'_>, target: Target<'_>) -> Mrkdwn {
    let (Target::Branch(name) | Target::Tag(name)) = target;
    let page = push.repository.html_url.as_deref().filter(|_| !push.deleted).map(|url| tree_url(url, name));
    line.code(page.as_deref(), name, MAX_REF)
}

fn counted(line: Mrkdwn, count: u64) -> Mrkdwn {
    match count {
        1 => line.raw("1 commit"),
        MOST_COMMITS_SENT.. => line.number(count).raw(" or more commits"),
        _ => line.number(count).raw(" commits"),
    }
}

fn and_more(commits: &FirstCommits<'_>) -> Option<String> {
    let more = commits.total - commits.listed.len() as u64;
    (more > 0).then(|| format!("and {} more", Mrkdwn::default().number(more).into_markup()))
}

/// `Compare 6113728…0d1a26e`. A new branch has nothing before it.
fn compared(push: &Push<'_>) -> String {
    match (push.before.as_deref(), push.after.as_deref()) {
        (Some(before), Some(after)) if !push.created => format!("Compare {}…{}", short(before), short(after)),
        _ => "See the changes".to_owned(),
    }
}
