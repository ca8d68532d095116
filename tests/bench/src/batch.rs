//! A batch of ten orders, claimed and answered record by record: the bare handler, the toolkit, and Powertools for Python.

use std::fmt;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::Context as _;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tabled::builder::Builder;

use crate::process::{self, Costs};
use crate::report::{Aim, mebibytes, styled};
use crate::subject::{Subject, sqs_record};
use crate::throttle::Throttle;

const RECORDS: usize = 10;
/// Stands in the template where each batch has a number of its own.
const NUMBER: &str = "%BATCH%";

const CONTENDERS: [Subject; 3] = [contender("batch-bare"), contender("batch-toolkit"), contender("powertools")];

/// What the toolkit adds to a batch, and what Powertools does.
#[derive(Debug, Serialize)]
pub(crate) struct Batch {
    /// Bare, toolkit and Powertools as real processes, on the same events.
    processes: [Costs; 3],
    /// Bare and toolkit in one process, without a Runtime API around them.
    per_record: PerRecord,
}

#[derive(Debug, Serialize, Deserialize)]
struct PerRecord {
    bare: Cost,
    toolkit: Cost,
}

/// For one record, the batch's parse and answer included.
#[derive(Debug, Serialize, Deserialize)]
struct Cost {
    cpu_us: f64,
    allocations: f64,
    allocated_bytes: f64,
}

pub(crate) async fn measure(bootstraps: &Path, rounds: u16, throttle: &Throttle) -> anyhow::Result<Batch> {
    let processes = process::measure(&CONTENDERS, bootstraps, rounds, throttle).await?;
    let processes = processes.try_into().ok().context("a contender was not measured")?;
    Ok(Batch { processes, per_record: per_record(bootstraps)? })
}

impl Batch {
    pub(crate) fn aims(&self) -> Vec<Aim> {
        let [_, toolkit, powertools] = &self.processes;
        let PerRecord { bare, toolkit: in_process } = &self.per_record;
        let batch = toolkit.call_cpu_ms / powertools.call_cpu_ms;
        let start = toolkit.start_cpu_ms / powertools.start_cpu_ms;
        vec![
            Aim::new("toolkit", "CPU per record beyond bare", "us", in_process.cpu_us - bare.cpu_us, 5.0),
            Aim::new("toolkit", "CPU per batch, of Powertools'", "x", batch, 0.1),
            Aim::new("toolkit", "CPU to start, of Powertools'", "x", start, 0.02),
        ]
    }
}

impl fmt::Display for Batch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "A batch of {RECORDS} SQS records, claimed in memory; real processes")?;
        let [_, toolkit, _] = &self.processes;
        let mut table =
            Builder::from_iter([["", "start CPU ms", "of toolkit's", "batch CPU ms", "of toolkit's", "resident MiB"]]);
        for costs in &self.processes {
            table.push_record([
                costs.name.to_owned(),
                format!("{:.2}", costs.start_cpu_ms),
                format!("{:.1}", costs.start_cpu_ms / toolkit.start_cpu_ms),
                format!("{:.3}", costs.call_cpu_ms),
                format!("{:.1}", costs.call_cpu_ms / toolkit.call_cpu_ms),
                format!("{:.1}", mebibytes(costs.resident_bytes)),
            ]);
        }
        writeln!(f, "{}\n", styled(table))?;

        writeln!(f, "The same in one process, for each record")?;
        let mut table = Builder::from_iter([["", "CPU us", "allocations", "bytes allocated"]]);
        let PerRecord { bare, toolkit } = &self.per_record;
        let beyond = Cost {
            cpu_us: toolkit.cpu_us - bare.cpu_us,
            allocations: toolkit.allocations - bare.allocations,
            allocated_bytes: toolkit.allocated_bytes - bare.allocated_bytes,
        };
        for (what, cost) in [("bare", bare), ("toolkit", toolkit), ("toolkit beyond bare", &beyond)] {
            table.push_record([
                what.to_owned(),
                format!("{:.2}", cost.cpu_us),
                format!("{:.1}", cost.allocations),
                format!("{:.0}", cost.allocated_bytes),
            ]);
        }
        write!(f, "{}", styled(table))
    }
}

const fn contender(name: &'static str) -> Subject {
    Subject {
        name,
        environment: &[],
        event: |call| from_template(&template(), call),
        done: |answer| answer["batchItemFailures"].as_array().is_some_and(Vec::is_empty),
    }
}

/// A batch in which every record is new for every number.
fn template() -> String {
    let record = |index: usize| {
        let body = json!({"id": format!("order-{NUMBER}-{index}"), "total": 4_200, "currency": "EUR", "items": [
            {"sku": "tide-table-2027", "quantity": 2}, {"sku": "harbour-chart", "quantity": 1},
        ]});
        sqs_record(&format!("{index:08x}-0000-4000-8000-{NUMBER}"), &body.to_string())
    };
    json!({"Records": (0..RECORDS).map(record).collect::<Vec<_>>()}).to_string()
}

fn from_template(template: &str, number: u64) -> Value {
    // A template of ours is JSON whatever the number; were it not, the functions' refusal would say so.
    serde_json::from_str(&template.replace(NUMBER, &format!("{number:012x}"))).unwrap_or_default()
}

/// By a program of its own, because counting allocations takes the allocator's place.
fn per_record(bootstraps: &Path) -> anyhow::Result<PerRecord> {
    let program = bootstraps.join("batch-cost").join("bootstrap");
    let mut child = Command::new(&program)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .with_context(|| format!("cannot start {}", program.display()))?;
    child.stdin.take().context("batch-cost has no input")?.write_all(template().as_bytes())?;
    let output = child.wait_with_output()?;
    anyhow::ensure!(output.status.success(), "batch-cost failed: {}", output.status);
    serde_json::from_slice(&output.stdout).context("batch-cost printed something else than its figures")
}
