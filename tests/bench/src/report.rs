//! The figures, the aims and whether they are met.

use std::fmt;

use serde::Serialize;
use serde_json::{Value, json};
use tabled::builder::Builder;
use tabled::settings::object::Columns;
use tabled::settings::{Alignment, Style};

use crate::batch::Batch;
use crate::hostile::Hostile;
use crate::machine::Machine;
use crate::per_event::PerEvent;
use crate::process::Costs;
use crate::subject::EMPTY;
use crate::throttle::SHARE;

/// All that was measured.
#[derive(Debug)]
pub(crate) struct Report {
    pub(crate) machine: Machine,
    pub(crate) rounds: u16,
    /// How a process is held to its share of a processor.
    pub(crate) share: String,
    /// The empty function first.
    pub(crate) functions: Vec<Costs>,
    pub(crate) per_event: Option<PerEvent>,
    pub(crate) hostile: Option<Hostile>,
    pub(crate) batch: Option<Batch>,
}

/// A figure that a change may not push past its limit unnoticed.
#[derive(Debug, Serialize)]
pub(crate) struct Aim {
    of: &'static str,
    what: &'static str,
    unit: &'static str,
    measured: f64,
    at_most: f64,
    met: bool,
}

impl Aim {
    pub(crate) fn new(of: &'static str, what: &'static str, unit: &'static str, measured: f64, at_most: f64) -> Self {
        Self { of, what, unit, measured, at_most, met: measured <= at_most }
    }
}

impl Report {
    pub(crate) fn to_json(&self) -> Value {
        json!({
            "machine": self.machine,
            "rounds": self.rounds,
            "processor_share": SHARE,
            "processor_share_by": self.share,
            "functions": self.functions,
            "per_event": self.per_event,
            "hostile": self.hostile,
            "batch": self.batch,
            "aims": self.aims(),
        })
    }

    fn aims(&self) -> Vec<Aim> {
        let empty = self.functions.iter().find(|costs| costs.name == EMPTY.name);
        let mut aims = Vec::new();
        for costs in self.functions.iter().filter(|costs| costs.name != EMPTY.name) {
            if let Some(empty) = empty {
                let ratio = costs.start_cpu_ms / empty.start_cpu_ms;
                aims.push(Aim::new(costs.name, "CPU to start, of the empty function's", "x", ratio, 1.75));
            }
            aims.push(Aim::new(costs.name, "CPU to start", "ms", costs.start_cpu_ms, 3.5));
            aims.push(Aim::new(costs.name, "first call at 128 MB", "ms", costs.first_call_ms, 2.0));
            aims.push(Aim::new(costs.name, "resident after 100 calls", "MiB", mebibytes(costs.resident_bytes), 10.0));
            aims.push(Aim::new(costs.name, "binary", "MB", megabytes(costs.binary_bytes), 5.0));
        }
        if let Some(per_event) = &self.per_event {
            let ratio = per_event.event_us / per_event.bare_us;
            aims.push(Aim::new("webhook", "CPU to a CloudEvent, of hash and parse", "x", ratio, 1.5));
        }
        aims.extend(self.hostile.as_ref().map(Hostile::aim));
        aims.extend(self.batch.iter().flat_map(Batch::aims));
        aims
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Machine { cpu, cores, kernel, rustc } = &self.machine;
        writeln!(f, "{cpu}, {cores} cores, Linux {kernel}, {rustc}\n")?;

        writeln!(
            f,
            "Functions as real processes on a local Runtime API; medians of {} processes, in turns",
            self.rounds
        )?;
        writeln!(f, "Share at 128 MB: {}\n", self.share)?;
        if !self.functions.is_empty() {
            writeln!(f, "{}\n", self.functions_table())?;
        }
        for costs in &self.functions {
            writeln!(f, "AWS calls of {}: {}", costs.name, calls(costs))?;
        }
        if let Some(per_event) = &self.per_event {
            writeln!(f, "\nCPU per webhook, a push of {} bytes, microseconds", per_event.body_bytes)?;
            writeln!(f, "{}\n", webhook_table(per_event))?;
        }
        if let Some(hostile) = &self.hostile {
            let Hostile { bodies, slowest, slowest_ms, dearest, dearest_cpu_ms } = hostile;
            writeln!(f, "Of {bodies} hostile bodies the slowest ({slowest}) was answered after {slowest_ms:.1} ms")?;
            let at_share = hostile.at_share_ms();
            writeln!(f, "The dearest ({dearest}) took {dearest_cpu_ms:.2} ms of CPU, {at_share:.0} ms at 128 MB\n")?;
        }
        if let Some(batch) = &self.batch {
            writeln!(f, "{batch}\n")?;
        }

        writeln!(f, "Aims")?;
        let mut table = Builder::from_iter([["", "", "measured", "at most", ""]]);
        for Aim { of, what, unit, measured, at_most, met } in self.aims() {
            let met = if met { "met" } else { "not met" };
            let (measured, at_most) = (format!("{measured:.3} {unit}"), format!("{at_most} {unit}"));
            table.push_record([of.to_owned(), what.to_owned(), measured, at_most, met.to_owned()]);
        }
        writeln!(f, "{}", styled(table))
    }
}

impl Report {
    fn functions_table(&self) -> String {
        let mut table = Builder::from_iter([[
            "",
            "binary MB",
            "start ms",
            "start CPU ms",
            "first call ms",
            "its CPU ms",
            "CPU / share ms",
            "later call CPU ms",
            "resident MiB",
        ]]);
        for costs in &self.functions {
            table.push_record([
                costs.name.to_owned(),
                format!("{:.2}", megabytes(costs.binary_bytes)),
                format!("{:.2}", costs.start_ms),
                format!("{:.2}", costs.start_cpu_ms),
                format!("{:.2}", costs.first_call_ms),
                format!("{:.2}", costs.first_call_cpu_ms),
                format!("{:.1}", costs.first_call_cpu_ms / SHARE),
                format!("{:.3}", costs.call_cpu_ms),
                format!("{:.2}", mebibytes(costs.resident_bytes)),
            ]);
        }
        styled(table)
    }
}

fn webhook_table(PerEvent { bare_us, verified_us, event_us, message_us, .. }: &PerEvent) -> String {
    let mut table = Builder::from_iter([["", "CPU us", "ratio"]]);
    for (what, us) in [
        ("bare HMAC-SHA256 and typed parse", bare_us),
        ("verified by Tidegate", verified_us),
        ("raw body to CloudEvent", event_us),
        ("raw body to message body", message_us),
    ] {
        table.push_record([what.to_owned(), format!("{us:.1}"), format!("{:.2}", us / bare_us)]);
    }
    styled(table)
}

/// `2 in init (DescribeSecret, GetItem), then 3 (PutItem, Publish, UpdateItem), later 2 (…)`.
fn calls(costs: &Costs) -> String {
    let list = |calls: &[String]| match calls {
        [] => "none".to_owned(),
        calls => format!("{} ({})", calls.len(), calls.join(", ")),
    };
    let [init, first, later] =
        [&costs.aws_calls_in_init, &costs.aws_calls_in_first, &costs.aws_calls_in_later].map(|calls| list(calls));
    format!("init {init}; first call {first}; later {later}")
}

pub(crate) fn styled(table: Builder) -> String {
    let mut table = table.build();
    table.with(Style::sharp()).modify(Columns::new(1..), Alignment::right()).to_string()
}

pub(crate) fn mebibytes(bytes: u64) -> f64 {
    bytes as f64 / f64::from(1 << 20)
}

fn megabytes(bytes: u64) -> f64 {
    bytes as f64 / 1e6
}

/// The middle of what was measured; not a number when nothing was.
pub(crate) fn median(figures: impl IntoIterator<Item = f64>) -> f64 {
    let mut figures: Vec<f64> = figures.into_iter().collect();
    figures.sort_by(f64::total_cmp);
    let middle = figures.len() / 2;
    match (figures.get(middle.wrapping_sub(1)), figures.get(middle)) {
        (Some(below), Some(above)) if figures.len().is_multiple_of(2) => (below + above) / 2.0,
        (_, Some(middle)) => *middle,
        _ => f64::NAN,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_the_middle_or_the_mean_of_the_two_middles() {
        assert_eq!(median([3.0, 1.0, 2.0]), 2.0);
        assert_eq!(median([4.0, 1.0, 3.0, 2.0]), 2.5);
        assert_eq!(median([7.0]), 7.0);
        assert!(median([]).is_nan());
    }

    #[test]
    fn an_aim_is_met_up_to_its_limit_and_nothing_is_not_met_by_no_figure() {
        assert!(Aim::new("", "", "", 2.0, 2.0).met);
        assert!(!Aim::new("", "", "", 2.1, 2.0).met);
        assert!(!Aim::new("", "", "", f64::NAN, 2.0).met);
    }
}
