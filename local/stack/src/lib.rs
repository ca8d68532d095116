//! The local stack: the emulator with every function in it, the Stripe server, the stand-ins, and what is deployed there.
//!
//! [`up()`] brings it up or up to date, [`down()`] stops it. What runs is remembered in a [`StateDir`]. [`sam`] deploys the same templates
//! to AWS.
//!
//! What the crate refuses to do: it knows neither the `tidegate` command nor AWS's clients, prints nothing, and leaves no process behind.
#![allow(missing_docs, reason = "nothing of this is published")]

mod archive;
mod deploy;
mod down;
pub mod emulator;
mod emulator_api;
pub mod environment;
pub mod failure;
pub mod group;
mod health;
mod logs;
mod options;
mod package;
mod parameters;
pub mod plan;
mod ports;
mod proc_table;
mod progress;
pub mod sam;
pub mod standin_process;
pub mod state;
pub mod stripe;
mod up;

pub use down::{Down, down};
pub use failure::Hint;
pub use options::{StandinChoice, UpOptions};
pub use progress::Progress;
pub use state::{State, StateDir};
pub use up::{Interrupted, Up, up};
