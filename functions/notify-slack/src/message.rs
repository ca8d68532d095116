//! A GitHub webhook payload becomes a Slack message.
//!
//! Pure: the raw payload goes in, a message for `chat.postMessage` comes out. Text that a person wrote (commit
//! messages, titles, branch names) can neither mention a user nor break a link: `mrkdwn` is the only way into a
//! message's text. Slack's limits are kept in one place too, `blocks`.
//!
//! ```
//! use notify_slack::message::render;
//!
//! let push = br#"{
//!     "ref": "refs/heads/main",
//!     "repository": {"full_name": "octo-harbour/tide-tables", "html_url": "https://github.com/octo-harbour/tide-tables"},
//!     "sender": {"login": "mona-example"},
//!     "commits": [{"id": "0d1a26e67d8f5eaf1f6ba5c57fc3c7d91ac0fd1c", "message": "Mend the <moon> table"}]
//! }"#;
//! let rendered = render("com.github.push", push)?.expect("a push is worth a message");
//! assert_eq!(rendered.place.branch.as_deref(), Some("main"));
//! assert_eq!(
//!     rendered.message.text,
//!     "octo-harbour/tide-tables: mona-example pushed 1 commit to main: Mend the &lt;moon&gt; table"
//! );
//! assert!(render("com.github.ping", b"{}")?.is_none());
//! # Ok::<(), notify_slack::message::RenderError>(())
//! ```

mod blocks;
mod issues;
mod mrkdwn;
mod payload;
mod phrases;
mod pull_request;
mod push;
mod release;
mod rendered;
mod workflow_run;

use serde::Deserialize;

pub use blocks::{Block, Message, Text};
pub use payload::Place;
pub use rendered::Rendered;

/// The data is not what the event's type promises. Permanent.
///
/// Names the place and the kind of fault but never quotes the payload, so that it may be logged.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the data is no GitHub {event} payload: {problem} (line {line}, column {column})")]
pub struct RenderError {
    event: &'static str,
    problem: String,
    line: usize,
    column: usize,
}

/// Renders the payload of an event whose type is `com.github.<event>` or `com.github.<event>.<action>`.
///
/// `None`: an event without a message: other events, other actions, runs that went well.
///
/// # Errors
/// [`RenderError`] when the payload is not JSON or lacks what its event always has.
pub fn render(event_type: &str, data: &[u8]) -> Result<Option<Rendered>, RenderError> {
    let Some(name) = event_type.strip_prefix("com.github.") else { return Ok(None) };
    let (event, action) = name.split_once('.').unwrap_or((name, ""));
    match event {
        "push" => Ok(push::render(&parse("push", data)?)),
        "pull_request" if pull_request::worth_telling(action) => {
            Ok(pull_request::render(&parse("pull_request", data)?))
        }
        "issues" if issues::worth_telling(action) => Ok(issues::render(&parse("issues", data)?)),
        "release" if release::worth_telling(action) => Ok(release::render(&parse("release", data)?)),
        "workflow_run" if workflow_run::worth_telling(action) => {
            Ok(workflow_run::render(&parse("workflow_run", data)?))
        }
        _ => Ok(None),
    }
}

fn parse<'a, T: Deserialize<'a>>(event: &'static str, data: &'a [u8]) -> Result<T, RenderError> {
    serde_json::from_slice(data).map_err(|error| RenderError {
        event,
        problem: problem(&error),
        line: error.line(),
        column: error.column(),
    })
}

/// The problem without serde's own text, which quotes the value.
fn problem(error: &serde_json::Error) -> String {
    match error.classify() {
        serde_json::error::Category::Eof => "it ends too early".to_owned(),
        serde_json::error::Category::Syntax | serde_json::error::Category::Io => "it is not JSON".to_owned(),
        serde_json::error::Category::Data => {
            // A missing field's name is one of `payload`'s own, so it may be shown.
            let text = error.to_string();
            match text.strip_prefix("missing field `").and_then(|rest| rest.split_once('`')) {
                Some((field, _)) => format!("`{field}` is missing"),
                None => "a field is of another kind".to_owned(),
            }
        }
    }
}
