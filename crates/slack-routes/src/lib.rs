//! The operator's document: Slack's address, the token, and which channel an event goes to.
//!
//! It is the secret `{deployment}/notify-slack`:
//!
//! ```
//! # use tidegate_slack_routes::SlackConfig;
//! let config = SlackConfig::from_json(br##"{
//!     "api_url": "https://slack.com/api",
//!     "token": "xoxb-made-up",
//!     "routes": [
//!         {"source": "github", "repository": "octo-harbour/*", "branch": "main", "channel": "#deploys"},
//!         {"repository": "octo-harbour/*", "channel": "C0123456789"}
//!     ]
//! }"##)?;
//! assert_eq!(config.route("github", Some("octo-harbour/tide-tables"), Some("main")), Some("#deploys"));
//! assert_eq!(config.route("github", Some("octo-harbour/tide-tables"), Some("next")), Some("C0123456789"));
//! assert_eq!(config.route("github", Some("mona-example/notes"), None), None);
//! # Ok::<(), tidegate_slack_routes::ConfigError>(())
//! ```
//!
//! - Routes are tried in their order; **the first that matches decides**. An event that none matches is not sent:
//!   it is acknowledged and counted as skipped. A last route with a channel alone catches the rest.
//! - What a route does not name, it does not ask for. What it names must be there: a route with a `branch`, be it `*`,
//!   does not match a tag or an issue.
//! - `*` stands for any run of characters, `/` included; nothing else is special. Repositories match without regard
//!   to case, as on GitHub; sources and branches match exactly.
//!
//! `notify-slack` reads the document, and `tidegate slack set` checks it with the same code before it is written.

mod document;
mod glob;

pub use document::{ConfigError, SlackConfig, SlackToken};
