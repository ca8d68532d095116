//! `tidegate status`: processes, stacks, queues. Exit code 1 when something is not as it should be.

use std::process::ExitCode;

use anyhow::Result;
use serde::Serialize;
use tidegate_local::{emulator, standin_process, stripe};
use tidegate_operations::cloudformation::Stack;
use tidegate_operations::resources::queue_name;
use tidegate_operations::{Depth, Queues as _, Resources};

use crate::context::Context;
use crate::deployment::Deployment;

#[derive(Debug, Serialize)]
struct Status {
    deployment: String,
    place: String,
    up: bool,
    processes: Vec<Process>,
    stacks: Vec<Stack>,
    queues: Vec<QueueStatus>,
    #[serde(skip_serializing_if = "Option::is_none")]
    api_url: Option<String>,
}

#[derive(Debug, Serialize)]
struct Process {
    name: &'static str,
    address: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pid: Option<u32>,
    healthy: bool,
}

#[derive(Debug, Serialize)]
struct QueueStatus {
    name: String,
    #[serde(flatten)]
    depth: Depth,
    dead_letters: Option<u64>,
}

pub(super) async fn run(context: &Context) -> Result<ExitCode> {
    let deployment = context.deployment().await?;
    let status = examine(&deployment).await?;
    show(context, &status)?;
    Ok(if status.up { ExitCode::SUCCESS } else { ExitCode::from(1) })
}

async fn examine(deployment: &Deployment) -> Result<Status> {
    let processes = processes(deployment).await;
    let mut status = Status {
        deployment: deployment.name.clone(),
        place: deployment.place.clone(),
        up: processes.iter().all(|process| process.healthy),
        processes,
        stacks: Vec::new(),
        queues: Vec::new(),
        api_url: None,
    };
    if !status.up {
        // Its stacks cannot be asked for when the emulator is down.
        return Ok(status);
    }
    status.stacks = deployment.stacks().await?;
    status.up = !status.stacks.is_empty() && status.stacks.iter().all(Stack::is_healthy);
    let resources = Resources::from_stacks(&status.stacks);
    status.api_url = deployment.api(&resources).ok().map(|api| api.url);
    for queue in &resources.queues {
        let depth = deployment.sqs.depth(&queue.url).await?;
        let dead_letters = match &queue.dead_letters {
            Some(url) => Some(deployment.sqs.depth(url).await?.waiting),
            None => None,
        };
        status.queues.push(QueueStatus { name: queue_name(&queue.url).to_owned(), depth, dead_letters });
    }
    Ok(status)
}

async fn processes(deployment: &Deployment) -> Vec<Process> {
    let mut processes = Vec::new();
    let Some(state) = &deployment.state else { return processes };
    if let Some(emulator) = &state.emulator {
        processes.push(Process {
            name: "emulator",
            address: state.endpoint.clone(),
            pid: Some(emulator.group.pid),
            healthy: emulator::is_healthy(emulator).await,
        });
    }
    if let Some(server) = &state.stripe {
        processes.push(Process {
            name: "stripe",
            address: stripe::url(server),
            pid: Some(server.group.pid),
            healthy: stripe::is_healthy(server).await,
        });
    }
    if let Some(standin) = &state.standin {
        processes.push(Process {
            name: "standin",
            address: standin.url.clone(),
            pid: standin.group.as_ref().map(|group| group.pid),
            healthy: standin_process::is_healthy(&standin.url).await,
        });
    }
    processes
}

fn show(context: &Context, status: &Status) -> Result<()> {
    let output = context.output;
    let word = if status.up { "up" } else { "not up" };
    output.line(format!("Deployment {} at {} is {word}.", status.deployment, status.place));
    if let Some(url) = &status.api_url {
        output.line(format!("API {url}"));
    }
    if !status.processes.is_empty() {
        output.line("");
        output.table(
            &["process", "state", "pid", "address"],
            status.processes.iter().map(|process| {
                let state = if process.healthy { "healthy" } else { "down" };
                let pid = process.pid.map(|pid| pid.to_string()).unwrap_or_default();
                vec![process.name.to_owned(), state.to_owned(), pid, process.address.clone()]
            }),
        );
    }
    if !status.stacks.is_empty() {
        output.line("");
        output.table(
            &["stack", "state", "reason"],
            status
                .stacks
                .iter()
                .map(|stack| vec![stack.name.clone(), stack.status.clone(), stack.reason.clone().unwrap_or_default()]),
        );
    }
    if !status.queues.is_empty() {
        output.line("");
        output.table(
            &["queue", "waiting", "in flight", "delayed", "dead letters"],
            status.queues.iter().map(|queue| {
                let depth = queue.depth;
                let letters = queue.dead_letters.map_or_else(|| "none kept".to_owned(), |count| count.to_string());
                let numbers = [depth.waiting, depth.in_flight, depth.delayed].map(|count| count.to_string());
                std::iter::once(queue.name.clone()).chain(numbers).chain([letters]).collect()
            }),
        );
    }
    output.document(status)
}
