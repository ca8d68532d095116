//! The command line.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

pub(crate) use self::header::Header;
pub(crate) use self::orders::{
    CallbackSecret, CallbackStatus, CallbacksCommand, Login, OrdersCommand, Place, SagasCommand, StockCommand, Watch,
};

mod header;
mod orders;

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
    /// Send a webhook, signed as the real sender does
    Send(Send),
    /// Show what the functions logged, merged by time
    Logs(Logs),
    /// Look at dead letters and bring them back
    #[command(subcommand)]
    Dlq(Dlq),
    /// The senders this deployment accepts
    #[command(subcommand)]
    Source(SourceCommand),
    /// Slack: its document, and what the local stand-in received
    #[command(subcommand)]
    Slack(SlackCommand),
    /// Sign a customer in, so that orders can be placed in its name
    Login(Login),
    /// Orders, as a customer places and follows them
    #[command(subcommand)]
    Orders(OrdersCommand),
    /// The sagas of orders: what waits for a person, and the answers to it
    #[command(subcommand)]
    Sagas(SagasCommand),
    /// What there is to sell
    #[command(subcommand)]
    Stock(StockCommand),
    /// Callbacks: those that went wrong, and the secrets that sign them
    #[command(subcommand)]
    Callbacks(CallbacksCommand),
    /// Watch a GitHub push travel to Slack, and orders take each of their ways, on the local stack
    Demo {
        /// Leave the stack up afterwards
        #[arg(long)]
        keep: bool,
    },
    /// Stand in for Slack, Stripe and the receiver of callbacks (started by `up`)
    #[command(hide = true)]
    Standin(Standin),
}

#[derive(Debug, Args)]
pub(crate) struct Deploy {
    /// What the functions were built for
    #[arg(long, default_value = "arm64", value_parser = ["arm64", "x86_64"])]
    pub(crate) architecture: String,
    /// Only these stacks and those that they stand on, for instance `webhooks operations` [default: all]
    #[arg(value_name = "STACK", value_parser = clap::builder::PossibleValuesParser::new(tidegate_operations::contexts::CONTEXTS), hide_possible_values = true)]
    pub(crate) stacks: Vec<String>,
}

#[derive(Debug, Args)]
pub(crate) struct Send {
    /// The source's name, the last part of its address
    pub(crate) source: String,
    /// The kind of event in the sender's words: push, charge.succeeded, orders/create
    pub(crate) event: String,
    /// Send this file's bytes, or standard input with `-`, instead of a sample
    #[arg(long)]
    pub(crate) file: Option<PathBuf>,
    /// The delivery's id [default: a new one]
    #[arg(long)]
    pub(crate) id: Option<String>,
    /// Set or replace a header after signing; may be repeated
    #[arg(long = "set-header", value_name = "NAME:VALUE")]
    pub(crate) headers: Vec<Header>,
    /// Send the same delivery so many times, one after the other
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) repeat: u32,
}

#[derive(Debug, Args)]
pub(crate) struct Logs {
    /// One function, with or without the deployment's name [default: all]
    pub(crate) function: Option<String>,
    /// How far back: 90s, 10m, 2h, 1d
    #[arg(long, default_value = "10m")]
    pub(crate) since: String,
    /// Go on as new lines come
    #[arg(long)]
    pub(crate) follow: bool,
    /// A CloudWatch filter pattern
    #[arg(long, value_name = "PATTERN")]
    pub(crate) filter: Option<String>,
    /// Only lines that hold this id, be it a trace's, a request's or an event's
    #[arg(long, value_name = "ID")]
    pub(crate) trace: Option<String>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Dlq {
    /// List dead letters with their reasons. Looking raises their receive count, which leads nowhere
    List {
        /// One queue, by the name of the queue or of its dead-letter queue
        #[arg(long)]
        queue: Option<String>,
        /// At most so many of each queue
        #[arg(long, default_value_t = 100)]
        limit: usize,
    },
    /// Show one dead letter whole
    Show {
        /// The message's id, from `dlq list`
        id: String,
        /// Look in this queue only
        #[arg(long)]
        queue: Option<String>,
    },
    /// Send dead letters to their queue again, after the cause is mended
    Redrive(Redrive),
}

#[derive(Debug, Args)]
pub(crate) struct Redrive {
    /// The message's id, from `dlq list`
    #[arg(required_unless_present = "all", conflicts_with = "all")]
    pub(crate) id: Option<String>,
    /// Every dead letter
    #[arg(long)]
    pub(crate) all: bool,
    /// Only of this queue
    #[arg(long)]
    pub(crate) queue: Option<String>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum SourceCommand {
    /// List the sources and their addresses
    List,
    /// Show a source's document without its secrets
    Show {
        /// The source's name
        #[arg(value_parser = source_name)]
        name: String,
    },
    /// Add or replace a source; its document is checked first
    Set {
        /// The source's name, the last part of its address
        #[arg(value_parser = source_name)]
        name: String,
        /// The document, or `-` for standard input
        #[arg(long)]
        file: PathBuf,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum SlackCommand {
    /// Show the Slack document without its token
    Show,
    /// Replace the Slack document; it is checked first
    Set {
        /// The document, or `-` for standard input
        #[arg(long)]
        file: PathBuf,
    },
    /// Show what the local stand-in received
    Messages(SlackMessages),
}

#[derive(Debug, Args)]
pub(crate) struct SlackMessages {
    /// Go on as new messages come
    #[arg(long)]
    pub(crate) follow: bool,
    /// Wait until there are so many; exit code 1 when they do not come in time
    #[arg(long, value_name = "COUNT")]
    pub(crate) wait: Option<usize>,
    /// How many seconds to wait
    #[arg(long, default_value_t = 30, value_name = "SECONDS")]
    pub(crate) timeout: u64,
}

#[derive(Debug, Args)]
pub(crate) struct Standin {
    /// Where to answer; port 0 is any free one
    #[arg(long)]
    pub(crate) listen: std::net::SocketAddr,
    /// The token that Slack accepts
    #[arg(long)]
    pub(crate) token: String,
    /// Where to append what Slack accepts
    #[arg(long)]
    pub(crate) record: Option<PathBuf>,
    /// Where to append the callbacks that come
    #[arg(long)]
    pub(crate) record_callbacks: Option<PathBuf>,
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

/// What a path of the API and a secret's name can both hold.
fn source_name(text: &str) -> Result<String, String> {
    let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "-_".contains(c);
    if (1..=64).contains(&text.len()) && text.chars().all(allowed) {
        Ok(text.to_owned())
    } else {
        Err("a source's name is 1 to 64 lower-case letters, digits, hyphens and underscores".to_owned())
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

    fn parse(line: &str) -> Result<Cli, clap::Error> {
        Cli::try_parse_from(line.split_whitespace())
    }

    #[test]
    fn redrive_wants_one_message_or_all_of_them() {
        assert!(parse("tidegate dlq redrive").is_err());
        assert!(parse("tidegate dlq redrive m-1 --all").is_err());
        assert!(parse("tidegate dlq redrive m-1").is_ok());
        assert!(parse("tidegate dlq redrive --all --queue notify-slack").is_ok());
    }

    #[test]
    fn an_order_is_read_from_a_file_or_from_its_parts() {
        assert!(parse("tidegate orders place --file order.json --as demo --key k-1").is_ok());
        assert!(parse("tidegate orders place --sku a --quantity 2 --price 500 --country FR --pay pm_x").is_ok());
        assert!(parse("tidegate orders place --file order.json --sku a").is_err());
    }

    #[test]
    fn ids_that_cannot_be_are_refused_before_anybody_is_asked() {
        for line in [
            "tidegate orders show 17",
            "tidegate sagas retry ord_a/b",
            "tidegate stock receive a/b 1",
            "tidegate stock receive a 0",
            "tidegate stock receive a -1",
            "tidegate login ../x",
            "tidegate login Demo",
        ] {
            assert!(parse(line).is_err(), "{line}");
        }
        assert!(parse("tidegate sagas resolve ord_1").is_ok());
    }

    #[test]
    fn headers_and_repeats_of_send_are_read() {
        let cli = parse("tidegate send github push --set-header X-A:1 --set-header x-b:c:d --repeat 3 --json").unwrap();
        let Command::Send(send) = cli.command else { panic!("not send") };
        assert_eq!((send.headers.len(), send.repeat, cli.global.json), (2, 3, true));
        assert!(parse("tidegate send github push --set-header nocolon").is_err());
        assert!(parse("tidegate send github push --repeat 0").is_err());
    }

    #[test]
    fn a_wrong_command_line_has_exit_code_two() {
        assert_eq!(parse("tidegate surf").unwrap_err().exit_code(), 2);
    }

    #[test]
    fn a_source_name_that_would_leave_its_path_is_refused() {
        for name in ["../x", "a/b", "a.b", "A", "", "a b", &"a".repeat(65)] {
            assert!(source_name(name).is_err(), "{name}");
        }
        assert!(source_name("github-acme_2").is_ok());
    }
}
