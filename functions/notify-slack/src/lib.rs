//! Turns events into Slack messages.
//!
//! - [`message`]: a GitHub payload becomes a Block Kit message, or nothing worth saying. Pure.
//! - [`routes`]: the operator's document: Slack's address, the token, and which channel an event goes to. Pure.
//! - [`pace`]: one message a second a channel, as Slack asks. Pure; time is passed in.
//! - [`slack`]: the client of `chat.postMessage`, and what each of its answers means for the event.

pub mod message;
pub mod pace;
pub mod routes;
pub mod slack;
