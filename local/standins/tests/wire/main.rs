//! The stand-ins on the wire: what the services behind them would answer, they answer.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking, its helpers too")]

mod callbacks;
mod slack;
mod stripe;
