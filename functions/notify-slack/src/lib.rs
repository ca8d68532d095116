//! Turns events into Slack messages.
