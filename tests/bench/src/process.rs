//! Functions as real processes: start, first call, memory.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use serde::Serialize;
use tidegate_testkit::lambda_api::{Function, LambdaApi};

use crate::aws::Aws;
use crate::report::median;
use crate::subject::Subject;
use crate::throttle::Throttle;

/// Calls after which memory is read. The cost of a call is the median over the second half, when nothing is new any more and
/// what else the machine does falls on few.
const CALLS: u64 = 100;
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// What one function costs. Times are medians over the processes, in milliseconds.
#[derive(Debug, Serialize)]
pub(crate) struct Costs {
    pub(crate) name: &'static str,
    pub(crate) binary_bytes: u64,
    /// From process start to the first request for work.
    pub(crate) start_cpu_ms: f64,
    pub(crate) start_ms: f64,
    /// AWS calls made by then.
    pub(crate) aws_calls_in_init: Vec<String>,
    /// The first invocation, throttled.
    pub(crate) first_call_ms: f64,
    pub(crate) first_call_cpu_ms: f64,
    pub(crate) aws_calls_in_first: Vec<String>,
    /// Any later one, not throttled.
    pub(crate) call_cpu_ms: f64,
    pub(crate) aws_calls_in_later: Vec<String>,
    pub(crate) resident_bytes: u64,
}

/// Measures all, in turns, so that whatever else the machine does falls on all alike.
pub(crate) async fn measure(
    subjects: &[Subject],
    bootstraps: &Path,
    rounds: u16,
    throttle: &Throttle,
) -> anyhow::Result<Vec<Costs>> {
    let aws = Aws::start().await?;
    let mut runs: Vec<Vec<Run>> = subjects.iter().map(|_| Vec::new()).collect();
    // One start of each first, so that no process has to read its program from the disk.
    for subject in subjects {
        once(subject, bootstraps, &aws, throttle)
            .await
            .with_context(|| format!("{} cannot be measured", subject.name))?;
    }
    for _ in 0..rounds {
        for (subject, runs) in subjects.iter().zip(&mut runs) {
            runs.push(once(subject, bootstraps, &aws, throttle).await?);
        }
    }
    let mut costs = Vec::new();
    for (subject, runs) in subjects.iter().zip(runs) {
        costs.push(summarise(subject, bootstraps, &aws, runs).await?);
    }
    Ok(costs)
}

struct Run {
    start: Duration,
    start_cpu: Duration,
    first_call: Duration,
    first_call_cpu: Duration,
    init_calls: Vec<String>,
    call_calls: Vec<String>,
}

/// A process from its start over its first call to its end.
async fn once(subject: &Subject, bootstraps: &Path, aws: &Aws, throttle: &Throttle) -> anyhow::Result<Run> {
    let api = LambdaApi::start().await?;
    aws.take_calls();
    aws.forget_written();
    let function = start(subject, bootstraps, aws, &api)?;
    let started = function.ready().await?;
    let init_calls = aws.take_calls();

    let event = (subject.event)(0);
    let cpu_before = function.cpu()?;
    let held = throttle.hold(function.pid())?;
    let called = Instant::now();
    let outcome = function.invoke(event, PATIENCE).await;
    let first_call = called.elapsed();
    drop(held);
    let first_call_cpu = function.cpu()?.saturating_sub(cpu_before);
    check(subject, &outcome.json()?)?;
    function.kill().await?;
    Ok(Run {
        start: started.elapsed,
        start_cpu: started.cpu,
        first_call,
        first_call_cpu,
        init_calls,
        call_calls: aws.take_calls(),
    })
}

async fn summarise(subject: &Subject, bootstraps: &Path, aws: &Aws, mut runs: Vec<Run>) -> anyhow::Result<Costs> {
    let api = LambdaApi::start().await?;
    let function = start(subject, bootstraps, aws, &api)?;
    function.ready().await?;
    let mut later = Vec::new();
    for call in 0..CALLS {
        let before = function.cpu()?;
        aws.take_calls();
        check(subject, &function.invoke((subject.event)(call + 1), PATIENCE).await.json()?)?;
        if call >= CALLS / 2 {
            later.push(millis(function.cpu()?.saturating_sub(before)));
        }
    }
    let resident_bytes = function.resident_memory()?;
    let aws_calls_in_later = aws.take_calls();

    let bootstrap = bootstrap(bootstraps, subject);
    let of = |figure: fn(&Run) -> Duration| median(runs.iter().map(|run| millis(figure(run))));
    Ok(Costs {
        name: subject.name,
        binary_bytes: std::fs::metadata(&bootstrap).with_context(|| format!("no {}", bootstrap.display()))?.len(),
        start_cpu_ms: of(|run| run.start_cpu),
        start_ms: of(|run| run.start),
        first_call_ms: of(|run| run.first_call),
        first_call_cpu_ms: of(|run| run.first_call_cpu),
        call_cpu_ms: median(later),
        aws_calls_in_later,
        resident_bytes,
        aws_calls_in_init: runs.last_mut().map(|run| std::mem::take(&mut run.init_calls)).unwrap_or_default(),
        aws_calls_in_first: runs.last_mut().map(|run| std::mem::take(&mut run.call_calls)).unwrap_or_default(),
    })
}

/// Starts a function against the stub.
pub(crate) fn start(subject: &Subject, bootstraps: &Path, aws: &Aws, api: &LambdaApi) -> anyhow::Result<Function> {
    let endpoint = aws.endpoint();
    let mut environment = vec![("AWS_ENDPOINT_URL", endpoint.as_str()), ("AWS_LAMBDA_FUNCTION_NAME", subject.name)];
    environment.extend(subject.environment);
    Function::spawn(api, bootstrap(bootstraps, subject), &environment)
}

fn bootstrap(bootstraps: &Path, subject: &Subject) -> PathBuf {
    bootstraps.join(subject.name).join("bootstrap")
}

fn check(subject: &Subject, answer: &serde_json::Value) -> anyhow::Result<()> {
    anyhow::ensure!((subject.done)(answer), "{} did not do its work: {answer}", subject.name);
    Ok(())
}

pub(crate) fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}
