//! Deploys the templates under `infra/` with the SAM command: to AWS, and to an emulator that others started.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use anyhow::{Result, bail, ensure};
use futures::stream::{FuturesUnordered, TryStreamExt};
use tokio::process::Command;

use crate::failure::Hint;
use crate::group::{self, Guard};
use crate::logs;
use crate::parameters::{Parameters, Place, host_architecture};
use crate::plan::StackPlan;
use crate::progress::Progress;
use crate::state::{State, StateDir};

/// How many stacks are deployed at once. On AWS, where each is minutes of waiting, four at once are as fast as all.
const AT_ONCE: usize = 4;

/// The installed SAM command.
#[derive(Clone, Debug)]
pub struct Sam {
    program: PathBuf,
}

impl Sam {
    /// Looks for it in the environment `deploy`.
    pub fn find(tools: &Path) -> Result<Self> {
        let program = tools.join("deploy/bin/sam");
        if program.is_file() {
            Ok(Self { program })
        } else {
            bail!(Hint::new(format!("SAM is not installed: {} is missing", program.display()), "run `make setup`"))
        }
    }
}

/// Where to deploy to, as the caller.
#[derive(Clone, Debug)]
pub struct Target {
    parameters: Parameters,
    region: String,
    /// Where S3 is when not on AWS. With an address instead of a name, S3 clients write the bucket into the path.
    endpoint: Option<String>,
}

impl Target {
    /// An emulator that others started, at the caller's endpoint.
    pub(crate) fn endpoint(state: &State) -> Self {
        let place = Place::Emulator { plain_http: state.endpoint.starts_with("http://") };
        Self {
            parameters: Parameters {
                deployment: state.deployment.clone(),
                architecture: host_architecture().to_owned(),
                place,
            },
            region: state.region.clone(),
            endpoint: Some(state.endpoint.clone()),
        }
    }

    /// AWS.
    pub fn aws(deployment: &str, region: &str, architecture: &str) -> Self {
        Self {
            parameters: Parameters {
                deployment: deployment.to_owned(),
                architecture: architecture.to_owned(),
                place: Place::Aws,
            },
            region: region.to_owned(),
            endpoint: None,
        }
    }
}

/// Deploys stacks, each as soon as those are there that it imports from, and gives their names.
pub async fn deploy(
    sam: &Sam,
    target: &Target,
    stacks: &[&StackPlan],
    dir: &StateDir,
    progress: &dyn Progress,
) -> Result<Vec<String>> {
    dir.create()?;
    let deploy = async |plan| deploy_one(sam, target, plan, dir, progress).await.map(|()| plan);
    let (Some(&first), rest) = (stacks.first(), stacks.get(1..).unwrap_or_default()) else { return Ok(Vec::new()) };
    // Alone, since SAM makes its bucket with it and cannot make it twice.
    deploy(first).await?;
    let mut missing = rest.to_vec();
    let mut waiting = rest.to_vec();
    let mut deploying = FuturesUnordered::new();
    loop {
        while deploying.len() < AT_ONCE
            && let Some(ready) = waiting.iter().position(|plan| !missing.iter().any(|other| plan.imports_from(other)))
        {
            deploying.push(deploy(waiting.remove(ready)));
        }
        let Some(deployed) = deploying.try_next().await? else { break };
        missing.retain(|plan| plan.context != deployed.context);
    }
    ensure!(waiting.is_empty(), "stacks that import from each other were not deployed");
    Ok(stacks.iter().map(|plan| stack_name(target, plan)).collect())
}

async fn deploy_one(
    sam: &Sam,
    target: &Target,
    plan: &StackPlan,
    dir: &StateDir,
    progress: &dyn Progress,
) -> Result<()> {
    let stack = stack_name(target, plan);
    progress.doing(&format!("Deploying {stack}"));
    let log = dir.logs().join(format!("deploy-{}.log", plan.context));
    let output = logs::create(&log)?;
    let mut command = Command::new(&sam.program);
    command
        .args(arguments(target, plan))
        .envs(target.endpoint.iter().map(|endpoint| ("AWS_ENDPOINT_URL_S3", endpoint.as_str())))
        // SAM asks every five seconds whether a stack is there; an emulator is done in tenths of one.
        .envs(target.endpoint.iter().map(|_| ("SAM_CLI_POLL_DELAY", "0.2")))
        .env("SAM_CLI_TELEMETRY", "0")
        // SAM keeps its own settings here, so that it needs no writable home.
        .env("__SAM_CLI_APP_DIR", dir.root().join("sam"))
        .stdout(output.try_clone()?)
        .stderr(Stdio::from(output));
    let (group, mut child) = group::spawn(&mut command)?;
    let mut guard = Guard::new();
    guard.hold(group.clone());
    // `down` may end a deployment under way to an emulator, never one to AWS.
    if target.endpoint.is_some() {
        dir.remember_helper(&group)?;
    }
    let status = child.wait().await?;
    guard.release();
    dir.forget_helper(&group);
    if status.success() {
        progress.done(&format!("Deployed {stack}"));
        return Ok(());
    }
    bail!(Hint::new(
        format!("{stack} could not be deployed, sam ended with {status}:\n{}", logs::tail(&log, 25)),
        format!("the whole output is in {}", log.display()),
    ))
}

fn stack_name(target: &Target, plan: &StackPlan) -> String {
    format!("{}-{}", target.parameters.deployment, plan.context)
}

fn arguments(target: &Target, plan: &StackPlan) -> Vec<String> {
    let mut arguments = vec![
        "deploy".to_owned(),
        "--template-file".to_owned(),
        plan.template.display().to_string(),
        "--stack-name".to_owned(),
        stack_name(target, plan),
        // Python's SDK does not read AWS_REGION, and Rust's prefers it.
        "--region".to_owned(),
        target.region.clone(),
    ];
    let flags = [
        "--resolve-s3",
        "--no-confirm-changeset",
        "--no-fail-on-empty-changeset",
        // For the loops in templates: SAM leaves them to CloudFormation, which needs CAPABILITY_AUTO_EXPAND for them.
        "--language-extensions",
        "--capabilities",
        "CAPABILITY_IAM",
        "CAPABILITY_AUTO_EXPAND",
    ];
    arguments.extend(flags.map(str::to_owned));
    arguments.push("--parameter-overrides".to_owned());
    arguments.extend(target.parameters.of(plan).iter().map(|(name, value)| format!("{name}={value}")));
    arguments
}
