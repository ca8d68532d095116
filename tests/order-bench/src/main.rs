//! `make bench-orders`: what an order asks of AWS and what that costs, and what an idempotent handler asks of DynamoDB.
//!
//! On the emulator, with the functions as `make build` builds them. An aim that is missed is no failure.

mod claims;
mod cost;
mod dynamodb;
mod prices;
mod report;
mod run;
mod size;
mod stack;

use std::io::Write as _;
use std::path::Path;
use std::process::ExitCode;

use anyhow::Result;
use clap::Parser;
use tidegate_cli::config;
use tidegate_cli::interrupt::Interrupt;
use tidegate_cli::local::Interrupted;

use crate::cost::{Batches, Bill};
use crate::prices::Prices;
use crate::report::Report;
use crate::stack::Stack;

/// Counts the AWS requests of orders that succeed, and those of an idempotent handler.
#[derive(Debug, Parser)]
#[command(name = "tidegate-order-bench")]
struct Options {
    /// How many orders are placed one after the other, and how many at once
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u16).range(1..))]
    orders: u16,
}

#[tokio::main]
async fn main() -> Result<ExitCode> {
    let orders = usize::from(Options::parse().orders);
    let checkout = config::find_checkout()?;
    match measured(&checkout, orders, Interrupt::listen()?).await {
        Ok(report) => {
            writeln!(std::io::stdout(), "{report}")?;
            Ok(ExitCode::SUCCESS)
        }
        Err(error) => match error.downcast_ref::<Interrupted>() {
            Some(interrupted) => Ok(ExitCode::from(interrupted.code)),
            None => Err(error),
        },
    }
}

/// Whatever ends the benchmark ends the stack.
async fn measured(checkout: &Path, orders: usize, mut interrupt: Interrupt) -> Result<Report> {
    let prices = Prices::load()?;
    let scratch = tempfile::Builder::new().prefix("tidegate-bench-").tempdir()?;
    let stack = Stack::up(checkout, scratch.path(), &mut interrupt).await?;
    let outcome = tokio::select! {
        outcome = on(&stack, orders, prices) => outcome,
        code = interrupt.requested() => Err(Interrupted { code }.into()),
    };
    stack.down().await?;
    outcome
}

async fn on(stack: &Stack, orders: usize, prices: Prices) -> Result<Report> {
    for order in 0..orders {
        for sku in run::skus(order) {
            stack.receive(&sku, 1_000).await?;
        }
    }
    // Starts every function and reads every secret, which is nobody's cost in particular.
    run::orders(stack, 2, false).await?;
    let alone = run::orders(stack, orders, false).await?;
    let together = run::orders(stack, orders, true).await?;
    let claims = claims::measure(stack).await?;
    let name = &stack.deployment.name;
    let bill = |seen, batches| Bill::of(seen, name, &prices, batches);
    let bills = [bill(&alone, Batches::Seen)?, bill(&together, Batches::Seen)?, bill(&together, Batches::Full)?];
    Ok(Report { prices, seen: [alone, together], bills, claims })
}
