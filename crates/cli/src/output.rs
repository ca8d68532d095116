//! What the command writes: results on stdout, progress and errors on stderr. Nothing else in the crate prints.

use std::io::{IsTerminal, Write};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use serde::Serialize;
use tabled::builder::Builder;
use tabled::settings::Style;

use crate::failure;

/// Where results go and in which form.
#[derive(Clone, Copy, Debug)]
pub struct Output {
    json: bool,
    prefix: &'static str,
}

impl Output {
    /// Text for people, or one JSON document for scripts.
    pub fn new(json: bool) -> Self {
        Self { json, prefix: "" }
    }

    /// The same, with every line of text set off.
    pub fn indented(self) -> Self {
        Self { prefix: "   | ", ..self }
    }

    /// Whether results are JSON.
    pub fn is_json(self) -> bool {
        self.json
    }

    /// Whether stdout still has a reader; a command that never ends by itself ends when it has none.
    pub fn is_read(self) -> bool {
        !READER_GONE.load(Ordering::Relaxed)
    }

    /// One line of text; silent when the result is JSON.
    pub fn line(self, text: impl AsRef<str>) {
        if !self.json {
            print(&format!("{}{}", self.prefix, text.as_ref()));
        }
    }

    /// The result as one JSON document; silent when the result is text.
    pub fn document<T: Serialize>(self, value: &T) -> anyhow::Result<()> {
        if self.json {
            print(&serde_json::to_string_pretty(value)?);
        }
        Ok(())
    }

    /// One JSON value on one line, for streams such as `logs --follow --json`; silent when the result is text.
    pub fn record<T: Serialize>(self, value: &T) -> anyhow::Result<()> {
        if self.json {
            print(&serde_json::to_string(value)?);
        }
        Ok(())
    }

    /// A table without frame lines, which stays readable when it is copied or piped.
    pub fn table(self, header: &[&str], rows: impl IntoIterator<Item = Vec<String>>) {
        if self.json {
            return;
        }
        let mut builder = Builder::default();
        builder.push_record(header.iter().map(|cell| cell.to_uppercase()));
        for row in rows {
            builder.push_record(row);
        }
        let table = builder.build().with(Style::blank()).to_string();
        for line in table.lines() {
            print(line.trim());
        }
    }

    /// Prints an error: what and why on one line, what to do on the next.
    pub fn error(self, error: &anyhow::Error) {
        if self.json {
            let document = serde_json::json!({"error": format!("{error:#}"), "hint": failure::advice(error)});
            print(&format!("{document:#}"));
            return;
        }
        to_stderr(&format!("tidegate: {error:#}"));
        if let Some(advice) = failure::advice(error) {
            to_stderr(&format!("          {advice}"));
        }
    }
}

/// Whether the reader of stdout has gone, as after `| head`.
static READER_GONE: AtomicBool = AtomicBool::new(false);

/// `println!` would panic when the reader has gone, and leave undone what a command still has to do, such as stopping the stack.
fn print(line: &str) {
    if writeln!(std::io::stdout().lock(), "{line}").is_err() {
        READER_GONE.store(true, Ordering::Relaxed);
    }
}

fn to_stderr(line: &str) {
    // A failure here has nowhere to be reported.
    let _ = writeln!(std::io::stderr().lock(), "{line}");
}

/// Shows what is being done: a spinner on a terminal, plain lines elsewhere.
#[derive(Clone, Debug)]
pub struct Progress {
    kind: Kind,
}

#[derive(Clone, Debug)]
enum Kind {
    Spinner(ProgressBar),
    Lines,
    Silent,
}

impl Progress {
    /// On stderr, so that stdout holds results only.
    pub fn start() -> Self {
        if !std::io::stderr().is_terminal() {
            return Self { kind: Kind::Lines };
        }
        let bar = ProgressBar::new_spinner();
        if let Ok(style) = ProgressStyle::with_template("{spinner} {msg} ({elapsed})") {
            bar.set_style(style);
        }
        bar.enable_steady_tick(Duration::from_millis(100));
        Self { kind: Kind::Spinner(bar) }
    }

    /// For tests and for callers that report in their own way.
    pub fn silent() -> Self {
        Self { kind: Kind::Silent }
    }

    /// What is being done now.
    pub fn doing(&self, what: impl Into<String>) {
        let what = what.into();
        match &self.kind {
            Kind::Spinner(bar) => bar.set_message(what),
            Kind::Lines => to_stderr(&format!("{what} ...")),
            Kind::Silent => {}
        }
    }

    /// A line that stays.
    pub fn done(&self, what: impl AsRef<str>) {
        match &self.kind {
            Kind::Spinner(bar) => bar.println(what.as_ref()),
            Kind::Lines => to_stderr(what.as_ref()),
            Kind::Silent => {}
        }
    }

    /// Prints something while the work goes on, above the spinner.
    pub fn above<T>(&self, print: impl FnOnce() -> T) -> T {
        match &self.kind {
            Kind::Spinner(bar) => bar.suspend(print),
            Kind::Lines | Kind::Silent => print(),
        }
    }

    /// Takes the spinner away.
    pub fn finish(&self) {
        if let Kind::Spinner(bar) = &self.kind {
            bar.finish_and_clear();
        }
    }
}
