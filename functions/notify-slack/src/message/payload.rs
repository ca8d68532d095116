//! What is read of GitHub's payloads: the few fields that a message shows, borrowed from the raw bytes.
//!
//! <https://docs.github.com/en/webhooks/webhook-events-and-payloads>
//!
//! A field is required when a message would say nothing without it. Everything else may be missing or null: deleted
//! accounts, forks that are gone, and GitHub Enterprise Servers of other years all send such payloads.

use std::borrow::Cow;
use std::fmt;
use std::ops::Deref;

use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny, SeqAccess, Visitor};

/// Where an event happened: the keys of routing ([`tidegate_slack_routes`]).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Place {
    /// The repository's full name, `owner/name`.
    pub repository: Option<String>,
    /// The branch: the one pushed to, a pull request's base, a workflow run's head. Tags, issues and releases have none.
    pub branch: Option<String>,
}

/// A text, borrowed unless it holds escapes. (serde borrows a bare `Option<Cow<str>>` never.)
#[derive(Debug, Default, Deserialize)]
pub(super) struct Str<'a>(#[serde(borrow)] Cow<'a, str>);

impl Deref for Str<'_> {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

#[derive(Debug, Deserialize)]
pub(super) struct Repository<'a> {
    #[serde(borrow)]
    pub(super) full_name: Str<'a>,
    #[serde(borrow)]
    pub(super) html_url: Option<Str<'a>>,
}

impl Repository<'_> {
    pub(super) fn place(&self, branch: Option<&str>) -> Place {
        Place { repository: Some(self.full_name.to_string()), branch: branch.map(str::to_owned) }
    }
}

/// An account on GitHub.
#[derive(Debug, Deserialize)]
pub(super) struct User<'a> {
    #[serde(borrow)]
    pub(super) login: Str<'a>,
    #[serde(borrow)]
    pub(super) html_url: Option<Str<'a>>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Push<'a> {
    #[serde(borrow, rename = "ref")]
    pub(super) reference: Str<'a>,
    #[serde(borrow)]
    pub(super) before: Option<Str<'a>>,
    #[serde(borrow)]
    pub(super) after: Option<Str<'a>>,
    #[serde(default)]
    pub(super) created: bool,
    #[serde(default)]
    pub(super) deleted: bool,
    #[serde(default)]
    pub(super) forced: bool,
    #[serde(borrow)]
    pub(super) compare: Option<Str<'a>>,
    #[serde(borrow)]
    pub(super) commits: Option<FirstCommits<'a>>,
    #[serde(borrow)]
    pub(super) head_commit: Option<Commit<'a>>,
    #[serde(borrow)]
    pub(super) repository: Repository<'a>,
    #[serde(borrow)]
    pub(super) pusher: Option<Signature<'a>>,
    #[serde(borrow)]
    pub(super) sender: Option<User<'a>>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Commit<'a> {
    #[serde(borrow)]
    pub(super) id: Str<'a>,
    #[serde(borrow)]
    pub(super) message: Option<Str<'a>>,
    #[serde(borrow)]
    pub(super) url: Option<Str<'a>>,
    #[serde(borrow)]
    pub(super) author: Option<Signature<'a>>,
}

/// Who wrote or pushed, as git knows them: a name, not an account.
#[derive(Debug, Deserialize)]
pub(super) struct Signature<'a> {
    #[serde(borrow)]
    pub(super) name: Option<Str<'a>>,
}

impl Signature<'_> {
    pub(super) fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }
}

/// The commits that a message lists, and how many there were. The others are skipped without being built.
#[derive(Debug, Default)]
pub(super) struct FirstCommits<'a> {
    pub(super) listed: Vec<Commit<'a>>,
    pub(super) total: u64,
}

/// How many commits a message lists: the rest is one click away.
pub(super) const LISTED_COMMITS: usize = 10;

impl<'de: 'a, 'a> Deserialize<'de> for FirstCommits<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Commits;

        impl<'de> Visitor<'de> for Commits {
            type Value = FirstCommits<'de>;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("a list of commits")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
                let mut commits = FirstCommits::default();
                while commits.listed.len() < LISTED_COMMITS {
                    let Some(commit) = list.next_element()? else { return Ok(commits) };
                    commits.listed.push(commit);
                    commits.total += 1;
                }
                while list.next_element::<IgnoredAny>()?.is_some() {
                    commits.total += 1;
                }
                Ok(commits)
            }
        }

        deserializer.deserialize_seq(Commits)
    }
}

#[derive(Debug, Deserialize)]
pub(super) struct PullRequestEvent<'a> {
    #[serde(borrow)]
    pub(super) action: Str<'a>,
    #[serde(borrow)]
    pub(super) pull_request: PullRequest<'a>,
    #[serde(borrow)]
    pub(super) repository: Repository<'a>,
    #[serde(borrow)]
    pub(super) sender: Option<User<'a>>,
}

#[derive(Debug, Deserialize)]
pub(super) struct PullRequest<'a> {
    pub(super) number: u64,
    #[serde(borrow)]
    pub(super) title: Str<'a>,
    #[serde(borrow)]
    pub(super) html_url: Option<Str<'a>>,
    #[serde(borrow)]
    pub(super) user: Option<User<'a>>,
    pub(super) draft: Option<bool>,
    pub(super) merged: Option<bool>,
    #[serde(borrow)]
    pub(super) base: BranchOf<'a>,
    #[serde(borrow)]
    pub(super) head: BranchOf<'a>,
    pub(super) additions: Option<u64>,
    pub(super) deletions: Option<u64>,
    pub(super) changed_files: Option<u64>,
}

/// One side of a pull request.
#[derive(Debug, Deserialize)]
pub(super) struct BranchOf<'a> {
    #[serde(borrow, rename = "ref")]
    pub(super) name: Str<'a>,
    /// `owner:branch`, which tells a fork's branch from one's own.
    #[serde(borrow)]
    pub(super) label: Option<Str<'a>>,
    /// Null when the fork is gone.
    #[serde(borrow)]
    pub(super) repo: Option<Repository<'a>>,
}

#[derive(Debug, Deserialize)]
pub(super) struct IssuesEvent<'a> {
    #[serde(borrow)]
    pub(super) action: Str<'a>,
    #[serde(borrow)]
    pub(super) issue: Issue<'a>,
    #[serde(borrow)]
    pub(super) repository: Repository<'a>,
    #[serde(borrow)]
    pub(super) sender: Option<User<'a>>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Issue<'a> {
    pub(super) number: u64,
    #[serde(borrow)]
    pub(super) title: Str<'a>,
    #[serde(borrow)]
    pub(super) html_url: Option<Str<'a>>,
    #[serde(borrow)]
    pub(super) state_reason: Option<Str<'a>>,
    #[serde(borrow)]
    pub(super) labels: Option<Vec<Label<'a>>>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Label<'a> {
    #[serde(borrow)]
    pub(super) name: Str<'a>,
}

#[derive(Debug, Deserialize)]
pub(super) struct ReleaseEvent<'a> {
    #[serde(borrow)]
    pub(super) action: Str<'a>,
    #[serde(borrow)]
    pub(super) release: Release<'a>,
    #[serde(borrow)]
    pub(super) repository: Repository<'a>,
    #[serde(borrow)]
    pub(super) sender: Option<User<'a>>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Release<'a> {
    #[serde(borrow)]
    pub(super) tag_name: Str<'a>,
    #[serde(borrow)]
    pub(super) name: Option<Str<'a>>,
    #[serde(borrow)]
    pub(super) html_url: Option<Str<'a>>,
    #[serde(default)]
    pub(super) prerelease: bool,
    #[serde(default)]
    pub(super) draft: bool,
}

#[derive(Debug, Deserialize)]
pub(super) struct WorkflowRunEvent<'a> {
    #[serde(borrow)]
    pub(super) action: Str<'a>,
    #[serde(borrow)]
    pub(super) workflow_run: WorkflowRun<'a>,
    #[serde(borrow)]
    pub(super) repository: Repository<'a>,
}

#[derive(Debug, Deserialize)]
pub(super) struct WorkflowRun<'a> {
    #[serde(borrow)]
    pub(super) name: Option<Str<'a>>,
    #[serde(borrow)]
    pub(super) html_url: Option<Str<'a>>,
    pub(super) run_number: u64,
    pub(super) run_attempt: Option<u64>,
    #[serde(borrow)]
    pub(super) event: Option<Str<'a>>,
    #[serde(borrow)]
    pub(super) conclusion: Option<Str<'a>>,
    #[serde(borrow)]
    pub(super) head_branch: Option<Str<'a>>,
    #[serde(borrow)]
    pub(super) head_commit: Option<Commit<'a>>,
    /// A fork's, where the run is for a fork's branch; null when the fork is gone.
    #[serde(borrow)]
    pub(super) head_repository: Option<Repository<'a>>,
    #[serde(borrow)]
    pub(super) actor: Option<User<'a>>,
}
