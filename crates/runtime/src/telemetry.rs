//! Structured logs: one JSON object a line on standard output, where Lambda collects it.
//!
//! A line has `timestamp`, `level`, `message`, the event's own fields, and under `span` what every line of one
//! invocation shares (`request_id`, `trace_id`, `event_id`, ...). No secret and no payload is ever a field.

use tracing::level_filters::LevelFilter;

use crate::config;

/// Starts logging at the level in `LOG_LEVEL` (`error`, `warn`, `info`, `debug`, `trace`; default `info`).
pub fn start() {
    let level = config::optional("LOG_LEVEL").and_then(|level| level.parse().ok()).unwrap_or(LevelFilter::INFO);
    // A second call finds a subscriber in place, which is as good.
    let _ = tracing_subscriber::fmt()
        .json()
        .flatten_event(true)
        .with_current_span(true)
        .with_span_list(false)
        .with_target(false)
        .with_max_level(level)
        .try_init();
}
