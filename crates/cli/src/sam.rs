//! Deploys the templates under `infra/` with the SAM command, to the local stack and to AWS alike.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Stdio;

use anyhow::{Context, Result, bail};
use sha2::{Digest, Sha256};
use tokio::process::Command;

use crate::config;
use crate::failure::Hint;
use crate::local::emulator::tail;
use crate::local::group::{self, Guard};
use crate::output::Progress;
use crate::state::{State, StateDir};

/// The bounded contexts. The first exports what the others import, and these import from nothing else, so they are deployed beside
/// each other once the first is there.
pub const CONTEXTS: [&str; 3] = ["backbone", "webhooks", "operations"];

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

/// A stack that can be deployed: its template is there and so is the code of its functions.
#[derive(Clone, Debug)]
pub struct StackPlan {
    /// `backbone` and so on.
    pub context: String,
    /// Changes when the template or the code of a function in it changes.
    pub digest: String,
    template: PathBuf,
    parameters: Vec<String>,
}

/// Reads the templates that exist and checks that the functions in them are built.
pub fn plan(checkout: &Path) -> Result<Vec<StackPlan>> {
    let mut plans = Vec::new();
    for context in CONTEXTS {
        let template = checkout.join(format!("infra/{context}.yaml"));
        if !template.is_file() {
            continue;
        }
        let text = fs::read_to_string(&template).with_context(|| format!("{} cannot be read", template.display()))?;
        let mut digest = Sha256::new();
        digest.update(&text);
        for directory in code_directories(&text) {
            let bootstrap = template.with_file_name(directory).join("bootstrap");
            let code = fs::read(&bootstrap).map_err(|error| {
                Hint::new(format!("{} cannot be read: {error}", shown(&bootstrap, checkout)), "run `make build`")
            })?;
            digest.update(Sha256::digest(code));
        }
        let parameters = parameters(&text);
        let digest = hex::encode(digest.finalize());
        plans.push(StackPlan { context: context.to_owned(), digest, template, parameters });
    }
    if plans.is_empty() {
        bail!("there is no template under {}", checkout.join("infra").display());
    }
    Ok(plans)
}

/// The names of a template's parameters: the members, two spaces in, of `Parameters`. Our own templates are written so.
fn parameters(template: &str) -> Vec<String> {
    let section = template.lines().skip_while(|line| line.trim_end() != "Parameters:").skip(1);
    section
        .take_while(|line| line.starts_with(' ') || line.trim().is_empty())
        .filter_map(|line| line.strip_prefix("  ")?.trim_end().strip_suffix(':'))
        .filter(|name| !name.starts_with(' '))
        .map(str::to_owned)
        .collect()
}

fn code_directories(template: &str) -> impl Iterator<Item = &str> {
    template.lines().filter_map(|line| Some(line.trim().strip_prefix("CodeUri:")?.trim()))
}

fn shown(path: &Path, checkout: &Path) -> String {
    let path = path.components().fold(PathBuf::new(), |mut path, part| {
        match part {
            std::path::Component::ParentDir => drop(path.pop()),
            part => path.push(part),
        }
        path
    });
    path.strip_prefix(checkout).unwrap_or(&path).display().to_string()
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
    pub fn local(state: &State, region: &str) -> Self {
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
            config::inherited_environment().into_iter().chain(own).collect()
        });
        Self {
            deployment: state.deployment.clone(),
            region: region.to_owned(),
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

/// Deploys stacks and gives the names of those deployed.
pub async fn deploy(
    sam: &Sam,
    target: &Target,
    stacks: &[&StackPlan],
    dir: &StateDir,
    progress: &Progress,
) -> Result<Vec<String>> {
    dir.create()?;
    let (first, rest): (Vec<&StackPlan>, Vec<&StackPlan>) = stacks.iter().partition(|plan| plan.context == CONTEXTS[0]);
    for plan in first {
        deploy_one(sam, target, plan, dir, progress).await?;
    }
    futures::future::try_join_all(rest.iter().map(|plan| deploy_one(sam, target, plan, dir, progress))).await?;
    Ok(stacks.iter().map(|plan| stack_name(target, plan)).collect())
}

async fn deploy_one(sam: &Sam, target: &Target, plan: &StackPlan, dir: &StateDir, progress: &Progress) -> Result<()> {
    let stack = stack_name(target, plan);
    progress.doing(format!("Deploying {stack}"));
    let log = dir.logs().join(format!("deploy-{}.log", plan.context));
    let output = File::create(&log).with_context(|| format!("{} cannot be written", log.display()))?;
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
        progress.done(format!("Deployed {stack}"));
        return Ok(());
    }
    bail!(Hint::new(
        format!("{stack} could not be deployed, sam ended with {status}:\n{}", tail(&log, 25)),
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
        // Said, because Python's SDK does not read AWS_REGION and Rust's prefers it.
        "--region".to_owned(),
        target.region.clone(),
    ];
    let flags =
        ["--resolve-s3", "--no-confirm-changeset", "--no-fail-on-empty-changeset", "--capabilities", "CAPABILITY_IAM"];
    arguments.extend(flags.map(str::to_owned));
    arguments.push("--parameter-overrides".to_owned());
    arguments.push(format!("Deployment={}", target.deployment));
    let mut optional = vec![("Architecture", target.architecture.as_str())];
    if target.plain_http {
        // The templates deny calls without TLS, which an emulator on plain HTTP could never satisfy.
        optional.push(("RequireTls", "false"));
    }
    let wanted = optional.iter().filter(|(name, _)| plan.parameters.iter().any(|own| own == name));
    arguments.extend(wanted.map(|(name, value)| format!("{name}={value}")));
    arguments
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checkout(template: &str) -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir_all(dir.path().join("infra")).unwrap();
        fs::create_dir_all(dir.path().join("build/lambda/health")).unwrap();
        fs::write(dir.path().join("infra/backbone.yaml"), template).unwrap();
        dir
    }

    const TEMPLATE: &str =
        "Parameters:\n  Architecture:\n    Type: String\nX:\n      CodeUri: ../build/lambda/health\n";

    #[test]
    fn a_missing_bootstrap_asks_for_a_build() {
        let dir = checkout(TEMPLATE);
        let error = plan(dir.path()).unwrap_err();
        assert!(error.to_string().starts_with("build/lambda/health/bootstrap cannot be read"), "{error}");
        assert_eq!(crate::failure::advice(&error), Some("run `make build`"));
    }

    #[test]
    fn changed_code_changes_the_digest_and_unchanged_code_does_not() {
        let dir = checkout(TEMPLATE);
        let bootstrap = dir.path().join("build/lambda/health/bootstrap");
        let digest = |code: &str| {
            fs::write(&bootstrap, code).unwrap();
            plan(dir.path()).unwrap().remove(0).digest
        };
        let first = digest("one");
        assert_ne!(first, digest("two"));
        assert_eq!(first, digest("one"));
    }

    #[test]
    fn parameters_are_passed_only_to_templates_that_have_them() {
        let dir = checkout("Parameters:\n  Deployment:\n    Type: String\nResources:\n  Architecture:\n");
        let target = Target::aws("tide", "eu-west-1", "arm64");
        let without = plan(dir.path()).unwrap().remove(0);
        assert_eq!(without.parameters, ["Deployment"]);
        assert!(!arguments(&target, &without).contains(&"Architecture=arm64".to_owned()));
        let with = StackPlan { parameters: vec!["Architecture".to_owned(), "RequireTls".to_owned()], ..without };
        let arguments = arguments(&target, &with);
        assert!(arguments.contains(&"Architecture=arm64".to_owned()));
        assert!(!arguments.iter().any(|argument| argument.starts_with("RequireTls")), "AWS speaks TLS");
        assert!(arguments.contains(&"tide-backbone".to_owned()));
    }
}
