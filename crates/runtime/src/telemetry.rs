//! Structured logs: one JSON object a line on standard output, where Lambda collects it.
//!
//! A line has `timestamp`, `level`, `message`, the event's own fields, and under `span` what every line of one
//! message or request shares (`request_id`, `trace_id`, `event_id`, ...). No secret and no payload is ever a field.

use std::io::{Write, sink, stdout};

use tracing::level_filters::LevelFilter;

use crate::config;
use crate::priming::Priming;

/// Starts logging at the level in `LOG_LEVEL` (`error`, `warn`, `info`, `debug`, `trace`; default `info`). What is logged
/// while the function is primed did not happen, and is formatted but not written.
pub fn start(priming: &Priming) {
    let level = config::optional("LOG_LEVEL").and_then(|level| level.parse().ok()).unwrap_or(LevelFilter::INFO);
    let priming = priming.clone();
    let writer = move || -> Box<dyn Write> { if priming.is_on() { Box::new(sink()) } else { Box::new(stdout()) } };
    // A second call finds a subscriber in place, which is as good.
    let _ = tracing_subscriber::fmt()
        .json()
        .flatten_event(true)
        .with_current_span(true)
        .with_span_list(false)
        .with_target(false)
        .with_max_level(level)
        .with_writer(writer)
        .try_init();
}
