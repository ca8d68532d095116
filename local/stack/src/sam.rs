//! Deploys the templates under `infra/` with the SAM command, to the local stack and to AWS alike.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use anyhow::{Result, bail, ensure};
use futures::stream::{FuturesUnordered, TryStreamExt};
use tokio::process::Command;

use crate::environment;
use crate::failure::Hint;
use crate::group::{self, Guard};
use crate::logs;
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

/// Where to deploy to.
#[derive(Clone, Debug)]
pub struct Target {
    deployment: String,
    region: String,
    architecture: String,
    plain_http: bool,
    /// Where S3 is when not on AWS. With an address instead of a name, S3 clients write the bucket into the path.
    endpoint: Option<String>,
    /// Nothing: the caller's whole environment counts.
    environment: Option<Vec<(String, String)>>,
}

impl Target {
    /// The local stack, or an endpoint of the caller's own.
    pub fn local(state: &State) -> Self {
        let environment = state.credentials.as_ref().map(|credentials| {
            let own = [
                ("AWS_ACCESS_KEY_ID", credentials.access_key_id.as_str()),
                ("AWS_SECRET_ACCESS_KEY", credentials.secret_access_key.as_str()),
                ("AWS_DEFAULT_REGION", state.region.as_str()),
                ("AWS_REGION", state.region.as_str()),
                ("AWS_ENDPOINT_URL", state.endpoint.as_str()),
                ("AWS_EC2_METADATA_DISABLED", "true"),
                // A profile of the caller's must not steer what goes to the emulator.
                ("AWS_CONFIG_FILE", "/dev/null"),
                ("AWS_SHARED_CREDENTIALS_FILE", "/dev/null"),
                // SAM asks every five seconds whether a stack is there; the emulator is done in tenths of one.
                ("SAM_CLI_POLL_DELAY", "0.2"),
            ];
            let own = own.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned()));
            environment::inherited().into_iter().chain(own).collect()
        });
        Self {
            deployment: state.deployment.clone(),
            region: state.region.clone(),
            architecture: host_architecture().to_owned(),
            plain_http: state.endpoint.starts_with("http://"),
            endpoint: Some(state.endpoint.clone()),
            environment,
        }
    }

    /// AWS as the caller, with functions for arm64, which costs a fifth less.
    pub fn aws(deployment: &str, region: &str, architecture: &str) -> Self {
        Self {
            deployment: deployment.to_owned(),
            region: region.to_owned(),
            architecture: architecture.to_owned(),
            plain_http: false,
            endpoint: None,
            environment: None,
        }
    }
}

/// The architecture of this machine in Lambda's words.
pub fn host_architecture() -> &'static str {
    if cfg!(target_arch = "aarch64") { "arm64" } else { "x86_64" }
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
    if let Some(environment) = &target.environment {
        command.env_clear().envs(environment.iter().cloned());
    }
    command
        .args(arguments(target, plan))
        .envs(target.endpoint.iter().map(|endpoint| ("AWS_ENDPOINT_URL_S3", endpoint)))
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
    format!("{}-{}", target.deployment, plan.context)
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
    arguments.push(format!("Deployment={}", target.deployment));
    let mut optional = vec![("Architecture", target.architecture.as_str())];
    if target.plain_http {
        // The templates deny calls without TLS, which an emulator on plain HTTP could never satisfy.
        optional.push(("RequireTls", "false"));
    }
    if target.endpoint.is_some() {
        // The receivers of callbacks are on this machine too.
        optional.push(("AllowPrivateCallbacks", "true"));
    }
    let wanted = optional.iter().filter(|(name, _)| plan.parameters.iter().any(|own| own == name));
    arguments.extend(wanted.map(|(name, value)| format!("{name}={value}")));
    arguments
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_passed_only_to_templates_that_have_them() {
        let target = Target::aws("tide", "eu-west-1", "arm64");
        let without =
            StackPlan::of("backbone", "Parameters:\n  Deployment:\n    Type: String\nResources:\n  Architecture:\n");
        assert_eq!(without.parameters, ["Deployment"]);
        assert!(!arguments(&target, &without).contains(&"Architecture=arm64".to_owned()));
        let emulated = ["Architecture", "RequireTls", "AllowPrivateCallbacks"].map(str::to_owned);
        let mut with = without;
        with.parameters = emulated.into();
        let arguments = arguments(&target, &with);
        assert!(arguments.contains(&"Architecture=arm64".to_owned()));
        assert!(!arguments.iter().any(|argument| argument.starts_with("RequireTls")), "AWS speaks TLS");
        assert!(
            !arguments.iter().any(|argument| argument.starts_with("AllowPrivate")),
            "callbacks stay out of the network"
        );
        assert!(arguments.contains(&"tide-backbone".to_owned()));
    }
}
