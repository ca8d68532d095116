//! Deploys the templates to our own emulator: the same templates that go to AWS, transformed by the emulator's CloudFormation.
//!
//! `sam deploy` takes three seconds of a processor for each stack, nearly all of it for importing itself and zipping; here one process does
//! all of them. It stays the way to AWS and to an endpoint that others started ([`crate::sam`]).

use anyhow::{Context, Result, bail, ensure};

use crate::emulator_api::{EmulatorApi, Stack};
use crate::failure::Hint;
use crate::package::{self, BUCKET};
use crate::parameters::{Parameters, Place, host_architecture};
use crate::plan::StackPlan;
use crate::progress::Progress;
use crate::state::{State, StateDir};

/// Deploys stacks in their order, which puts each after those that it imports from, and gives their names.
pub(crate) async fn deploy(
    state: &State,
    stacks: &[&StackPlan],
    dir: &StateDir,
    progress: &dyn Progress,
) -> Result<Vec<String>> {
    let parameters = Parameters {
        deployment: state.deployment.clone(),
        architecture: host_architecture().to_owned(),
        place: Place::Emulator { plain_http: true },
    };
    let emulator = EmulatorApi::of(state)?;
    let mut deployed = Vec::new();
    if !stacks.is_empty() {
        emulator.create_bucket(BUCKET).await?;
    }
    for plan in stacks {
        let stack = format!("{}-{}", state.deployment, plan.context);
        progress.doing(&format!("Deploying {stack}"));
        let outcome = deploy_one(&emulator, &stack, plan, &parameters.of(plan), dir).await;
        outcome.with_context(|| {
            let log = dir.logs().join("emulator.log");
            Hint::new(format!("{stack} could not be deployed"), format!("see {}", log.display()))
        })?;
        progress.done(&format!("Deployed {stack}"));
        deployed.push(stack);
    }
    Ok(deployed)
}

async fn deploy_one(
    emulator: &EmulatorApi,
    stack: &str,
    plan: &StackPlan,
    parameters: &[(&str, &str)],
    dir: &StateDir,
) -> Result<()> {
    let package = package::package(plan, dir)?;
    for (key, bytes) in package.uploads {
        emulator.put_object(BUCKET, &key, bytes).await?;
    }
    let before = emulator.stack(stack).await?;
    let mut request = vec![
        ("StackName".to_owned(), stack.to_owned()),
        ("TemplateBody".to_owned(), package.template),
        ("Capabilities.member.1".to_owned(), "CAPABILITY_IAM".to_owned()),
        // For the loops in templates.
        ("Capabilities.member.2".to_owned(), "CAPABILITY_AUTO_EXPAND".to_owned()),
    ];
    request.extend(members(plan, parameters, before.as_ref()));
    // A stack that cannot be created leaves nothing, so that the next attempt finds its name free.
    let action = if before.is_some() { "UpdateStack" } else { "CreateStack" };
    if before.is_none() {
        request.push(("OnFailure".to_owned(), "DELETE".to_owned()));
    }
    let request: Vec<_> = request.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let Some(id) = emulator.deploy(action, &request).await? else { return Ok(()) };
    let ended = emulator.ended(&id).await?;
    if matches!(ended.status.as_str(), "CREATE_COMPLETE" | "UPDATE_COMPLETE") {
        return Ok(());
    }
    let failures = emulator.failures(&id).await?;
    ensure!(!failures.is_empty(), "it is {}", ended.status);
    bail!("it is {}: {}", ended.status, failures.join("; "))
}

/// The parameters as CloudFormation takes them. Those that the stack has beside ours keep their values, as with `sam deploy`: the
/// customers that may sign in are such a value.
fn members(plan: &StackPlan, parameters: &[(&str, &str)], before: Option<&Stack>) -> Vec<(String, String)> {
    let has = |name: &String| before.is_some_and(|before| before.parameters.contains(name));
    let is_ours = |name: &String| parameters.iter().any(|(own, _)| own == name);
    let kept = plan.parameters.iter().filter(|name| has(name) && !is_ours(name));
    let kept = kept.map(|name| (name.as_str(), "UsePreviousValue", "true"));
    let ours = parameters.iter().map(|(name, value)| (*name, "ParameterValue", *value));
    let mut members = Vec::new();
    for (index, (name, kind, value)) in ours.chain(kept).enumerate() {
        let member = format!("Parameters.member.{}", index + 1);
        members.push((format!("{member}.ParameterKey"), name.to_owned()));
        members.push((format!("{member}.{kind}"), value.to_owned()));
    }
    members
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_update_keeps_the_values_that_are_not_ours() {
        let plan = StackPlan::of("x", "Parameters:\n  Deployment:\n  ClientIds:\n  New:\nResources:\n");
        let before = Stack {
            status: "CREATE_COMPLETE".to_owned(),
            parameters: vec!["Deployment".to_owned(), "ClientIds".to_owned(), "Old".to_owned()],
        };
        let of = |before| {
            let members = members(&plan, &[("Deployment", "tide")], before);
            members.into_iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>()
        };
        let first = ["Parameters.member.1.ParameterKey=Deployment", "Parameters.member.1.ParameterValue=tide"];
        assert_eq!(of(None), first);
        let second = ["Parameters.member.2.ParameterKey=ClientIds", "Parameters.member.2.UsePreviousValue=true"];
        assert_eq!(of(Some(&before)), [first, second].concat());
    }
}
