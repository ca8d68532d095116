//! The command line of the order pipeline.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};
use tidegate_events::{OrderId, Sku};

use tidegate_operations::customers::CONSOLE;

#[derive(Debug, Args)]
pub(crate) struct Login {
    /// The customer's name; one that is new is made, which takes AWS credentials
    #[arg(default_value = CONSOLE, value_parser = customer_name)]
    pub(crate) customer: String,
    /// Print the token, for other programs. Whoever has it can order in the customer's name
    #[arg(long)]
    pub(crate) show: bool,
}

/// In whose name.
#[derive(Debug, Args)]
pub(crate) struct As {
    /// The customer, signed in with `tidegate login`
    #[arg(long = "as", value_name = "CUSTOMER", default_value = CONSOLE, value_parser = customer_name)]
    pub(crate) customer: String,
}

#[derive(Debug, Subcommand)]
pub(crate) enum OrdersCommand {
    /// Place an order, as a customer's server does
    Place(Box<Place>),
    /// List the customer's orders, newest first
    List {
        #[command(flatten)]
        by: As,
        /// At most so many
        #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..))]
        limit: u32,
    },
    /// Show an order and how it got there
    Show {
        /// The order's id
        #[arg(value_parser = order_id)]
        id: OrderId,
        #[command(flatten)]
        by: As,
    },
    /// Ask for an order to be cancelled, which is in time until its money is taken
    Cancel {
        /// The order's id
        #[arg(value_parser = order_id)]
        id: OrderId,
        #[command(flatten)]
        by: As,
    },
    /// Follow an order until it has ended. Exit code 0: confirmed, 3: cancelled, 1: neither
    Watch(Watch),
}

#[derive(Debug, Args)]
pub(crate) struct Place {
    #[command(flatten)]
    pub(crate) by: As,
    /// Send this file's bytes, or standard input with `-`, as the order
    #[arg(long, conflicts_with_all = ["sku", "quantity", "price", "currency", "country", "pay"])]
    pub(crate) file: Option<PathBuf>,
    /// What
    #[arg(long, default_value = "tide-table")]
    pub(crate) sku: String,
    /// How many
    #[arg(long, default_value_t = 1)]
    pub(crate) quantity: u64,
    /// The price of one in minor units: 1990 for 19.90
    #[arg(long, default_value_t = 1_990)]
    pub(crate) price: u64,
    /// The price's currency
    #[arg(long, default_value = "EUR")]
    pub(crate) currency: String,
    /// The country it goes to
    #[arg(long, default_value = "DE")]
    pub(crate) country: String,
    /// Stripe's payment method. At Stripe's test service and here, `pm_card_visa_chargeDeclined` is declined
    #[arg(long, default_value = "pm_card_visa", value_name = "METHOD")]
    pub(crate) pay: String,
    /// The Idempotency-Key: with the same one and the same order it is placed once [default: a new one]
    #[arg(long)]
    pub(crate) key: Option<String>,
    /// Where the outcome is sent
    #[arg(long, value_name = "URL", conflicts_with = "file")]
    pub(crate) callback_url: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct Watch {
    /// The order's id
    #[arg(value_parser = order_id)]
    pub(crate) id: OrderId,
    /// How many seconds to wait for its end
    #[arg(long, default_value_t = 900, value_name = "SECONDS")]
    pub(crate) timeout: u64,
}

#[derive(Debug, Subcommand)]
pub(crate) enum SagasCommand {
    /// List what waits for a person
    List {
        /// Compensations that are parked, only
        #[arg(long)]
        parked: bool,
        /// Executions that failed, only
        #[arg(long)]
        failed: bool,
    },
    /// Tell the history of an order's saga
    Show {
        /// The order's id
        #[arg(value_parser = order_id)]
        order: OrderId,
    },
    /// Have a parked compensation tried again, or a failed execution go on, after the cause is mended
    Retry {
        /// The order's id
        #[arg(value_parser = order_id)]
        order: OrderId,
    },
    /// Say that a parked compensation was done by hand, and have the saga go on behind it
    Resolve {
        /// The order's id
        #[arg(value_parser = order_id)]
        order: OrderId,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum StockCommand {
    /// List how much there is of each SKU
    List,
    /// Take in goods
    Receive {
        /// What
        #[arg(value_parser = sku)]
        sku: Sku,
        /// How many
        #[arg(value_parser = clap::value_parser!(u64).range(1..=1_000_000_000))]
        count: u64,
        /// The receipt's id: the same receipt is taken in once [default: a new one]
        #[arg(long)]
        id: Option<String>,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum CallbacksCommand {
    /// List the callbacks that went wrong at least once and are not delivered
    List {
        /// Of one kind only
        #[arg(long, value_enum)]
        status: Option<CallbackStatus>,
    },
    /// Send an order's callback again
    Retry {
        /// The order's id
        #[arg(value_parser = order_id)]
        order: OrderId,
    },
    /// Show what the local stand-in received
    Received,
    /// The secrets by which a customer's callbacks are signed
    #[command(subcommand)]
    Secret(CallbackSecret),
}

/// How far a callback is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum CallbackStatus {
    /// To be sent again
    Pending,
    /// The endpoint wants none
    Disabled,
    /// No attempt is left
    Exhausted,
}

#[derive(Debug, Subcommand)]
pub(crate) enum CallbackSecret {
    /// Sign with a new secret too, and print it once for the customer
    Rotate {
        /// The customer's name
        #[arg(value_parser = customer_name)]
        customer: String,
    },
    /// Sign with the newest secret alone, after the customer has changed over
    Retire {
        /// The customer's name
        #[arg(value_parser = customer_name)]
        customer: String,
    },
}

fn order_id(text: &str) -> Result<OrderId, String> {
    text.parse().map_err(|error: tidegate_events::Invalid| format!("an order's id is {}", error.0))
}

fn sku(text: &str) -> Result<Sku, String> {
    text.parse().map_err(|error: tidegate_events::Invalid| format!("a SKU is {}", error.0))
}

/// What a file's name and an app client's name can both hold.
fn customer_name(text: &str) -> Result<String, String> {
    let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    if (1..=40).contains(&text.len()) && text.chars().all(allowed) {
        Ok(text.to_owned())
    } else {
        Err("a customer's name is 1 to 40 lower-case letters, digits and hyphens".to_owned())
    }
}
