//! The command line.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

/// Webhooks in, sagas out: runs, feeds and watches a Tidegate deployment, on this machine or on AWS.
#[derive(Debug, Parser)]
#[command(name = "tidegate", version, max_term_width = 110)]
pub struct Cli {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Args)]
pub(crate) struct Global {
    /// Name of the deployment [default: the one that is up here, or tidegate]
    #[arg(long, global = true, env = "TIDEGATE_DEPLOYMENT", value_parser = deployment_name)]
    pub(crate) deployment: Option<String>,
    /// Address the deployment in your AWS account, with your credentials and region
    #[arg(long, global = true)]
    pub(crate) aws: bool,
    /// Print one JSON document instead of text
    #[arg(long, global = true)]
    pub(crate) json: bool,
    /// Where the local stack is remembered [default: .tidegate of the checkout]
    #[arg(long, global = true, env = "TIDEGATE_STATE_DIR")]
    pub(crate) state_dir: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Bring the local stack up, or a running one up to date
    Up,
    /// Stop the local stack and everything it started
    Down,
    /// Say what runs where, and how it is
    Status,
    /// Deploy to your AWS account
    Deploy(Deploy),
    /// Stand in for Slack (started by `up`)
    #[command(hide = true)]
    SlackStandin(SlackStandin),
}

#[derive(Debug, Args)]
pub(crate) struct Deploy {
    /// What the functions were built for
    #[arg(long, default_value = "arm64", value_parser = ["arm64", "x86_64"])]
    pub(crate) architecture: String,
}

#[derive(Debug, Args)]
pub(crate) struct SlackStandin {
    /// Where to answer; port 0 is any free one
    #[arg(long)]
    pub(crate) listen: std::net::SocketAddr,
    /// The token to accept
    #[arg(long)]
    pub(crate) token: String,
    /// Where to append what is accepted
    #[arg(long)]
    pub(crate) record: Option<PathBuf>,
    /// Refuse more than one message a second to a channel, as Slack does
    #[arg(long)]
    pub(crate) rate_limit: bool,
}

/// The pattern of the templates' parameter `Deployment`.
fn deployment_name(text: &str) -> Result<String, String> {
    let starts_well = text.starts_with(|first: char| first.is_ascii_lowercase());
    let rest = text.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-');
    if starts_well && rest && (2..=31).contains(&text.len()) {
        Ok(text.to_owned())
    } else {
        Err("a name is 2 to 31 lower-case letters, digits and hyphens, and starts with a letter".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn a_deployment_name_that_the_templates_would_refuse_is_refused() {
        for name in ["T", "t", "1tide", "tide_gate", "-tide", "tide gate", &"t".repeat(32)] {
            assert!(Cli::try_parse_from(["tidegate", "--deployment", name, "status"]).is_err(), "{name}");
        }
        assert!(Cli::try_parse_from(["tidegate", "status", "--deployment", "tide-2"]).is_ok());
    }
}
