//! CPU and allocations per record, in one process: the toolkit beside the bare handler. Prints one line of JSON.
//!
//! A program of its own, because counting allocations takes the place of the allocator, which no other measurement should see.

use std::hint::black_box;
use std::io::Write as _;
use std::time::{Duration, SystemTime};

use allocation_counter::AllocationInfo;
use anyhow::Context as _;
use aws_lambda_events::sqs::SqsEvent;
use batch_function::WithToolkit;
use nix::time::{ClockId, clock_gettime};
use serde_json::json;

/// Measured rounds of each contender, in turns, and batches in a round: a disturbance spoils one round only.
const ROUNDS: u64 = 200;
const BATCHES: u64 = 50;
const RECORDS: u64 = 10;

fn main() -> anyhow::Result<()> {
    // Batches as they arrive come on standard input: one JSON document, whose ids are made distinct here.
    let template = std::io::read_to_string(std::io::stdin())?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build()?;
    let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_772_352_900);
    let deadline = now + Duration::from_secs(30);

    let [mut bare_us, mut toolkit_us] = [const { Vec::new() }; 2];
    for round in 0..ROUNDS {
        let events = batches(&template, round)?;
        bare_us.push(cpu_us(|| bare(&events))?);
        let toolkit = WithToolkit::default(); // its memory begins empty, so that rounds are alike
        toolkit_us.push(cpu_us(|| runtime.block_on(with_toolkit(&toolkit, &events, now, deadline)))?);
    }

    let events = batches(&template, ROUNDS)?;
    let bare_heap = allocations(|| bare(&events))?;
    let toolkit = WithToolkit::default();
    let toolkit_heap = allocations(|| runtime.block_on(with_toolkit(&toolkit, &events, now, deadline)))?;
    let per_record = |count: u64| count as f64 / (BATCHES * RECORDS) as f64;
    let figures = |us: Vec<f64>, heap: &AllocationInfo| {
        json!({
            "cpu_us": median(us),
            "allocations": per_record(heap.count_total),
            "allocated_bytes": per_record(heap.bytes_total),
        })
    };
    let report = json!({
        "bare": figures(bare_us, &bare_heap),
        "toolkit": figures(toolkit_us, &toolkit_heap),
    });
    writeln!(std::io::stdout(), "{report}")?;
    Ok(())
}

fn batches(template: &str, round: u64) -> anyhow::Result<Vec<String>> {
    let numbers = (0..BATCHES).map(|batch| round * BATCHES + batch);
    let texts: Vec<String> = numbers.map(|number| template.replace("%BATCH%", &format!("{number:012x}"))).collect();
    let event: SqsEvent = serde_json::from_str(texts.first().context("no batch")?)?;
    anyhow::ensure!(event.records.len() as u64 == RECORDS, "a batch has {RECORDS} records");
    Ok(texts)
}

fn bare(events: &[String]) -> anyhow::Result<()> {
    for event in events {
        let response = batch_function::bare(&serde_json::from_str(event)?)?;
        black_box(serde_json::to_vec(&response)?);
    }
    Ok(())
}

async fn with_toolkit(
    toolkit: &WithToolkit,
    events: &[String],
    now: SystemTime,
    deadline: SystemTime,
) -> anyhow::Result<()> {
    for event in events {
        let response = toolkit.handle(serde_json::from_str(event)?, now, deadline).await?;
        anyhow::ensure!(response.batch_item_failures.is_empty(), "what is measured must not fail");
        black_box(serde_json::to_vec(&response)?);
    }
    Ok(())
}

/// Microseconds of this thread's CPU for each record.
fn cpu_us(work: impl FnOnce() -> anyhow::Result<()>) -> anyhow::Result<f64> {
    let before = thread_cpu()?;
    work()?;
    Ok((thread_cpu()? - before).as_secs_f64() * 1e6 / (BATCHES * RECORDS) as f64)
}

fn thread_cpu() -> anyhow::Result<Duration> {
    Ok(clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID)?.into())
}

fn allocations(work: impl FnOnce() -> anyhow::Result<()>) -> anyhow::Result<AllocationInfo> {
    let mut done = Ok(());
    let heap = allocation_counter::measure(|| done = work());
    done.map(|()| heap)
}

/// The middle one; rounds are many, so which of two middles does not matter.
fn median(mut figures: Vec<f64>) -> f64 {
    figures.sort_by(f64::total_cmp);
    figures.get(figures.len() / 2).copied().unwrap_or(f64::NAN)
}
