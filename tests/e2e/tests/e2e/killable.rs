//! A real binary on a Runtime API of its own, behind a proxy that kills it before or after one of its AWS calls.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context as _, Result, ensure};
use futures::StreamExt as _;
use serde_json::Value;
use tidegate_testkit::lambda_api::{Action, Call, Fault, FaultProxy, Function, LambdaApi, Outcome, When};

use crate::stack::{DEPLOYMENT, Stack};
use crate::wait::SOON;

/// How many cases run at once. They mostly wait for others.
const CONCURRENCY: usize = 12;

/// Where a process dies.
#[derive(Clone, Debug)]
pub(crate) struct Kill {
    pub(crate) operation: String,
    pub(crate) nth: usize,
    pub(crate) when: When,
}

/// Before and after each of the calls of a clean run.
pub(crate) fn at_each(calls: &[String]) -> Vec<Kill> {
    let mut seen: BTreeMap<&str, usize> = BTreeMap::new();
    let mut kills = Vec::new();
    for operation in calls {
        let nth = seen.entry(operation).or_default();
        *nth += 1;
        for when in [When::BeforeForward, When::AfterForward] {
            kills.push(Kill { operation: operation.clone(), nth: *nth, when });
        }
    }
    kills
}

/// Runs cases beside each other; the error names every one that failed.
pub(crate) async fn survive_all<F: Future<Output = Result<()>>>(cases: impl IntoIterator<Item = F>) -> Result<()> {
    let cases: Vec<F> = cases.into_iter().collect();
    let count = cases.len();
    let outcomes: Vec<Result<()>> = futures::stream::iter(cases).buffer_unordered(CONCURRENCY).collect().await;
    let failed: Vec<String> =
        outcomes.into_iter().filter_map(|outcome| Some(format!("{:#}", outcome.err()?))).collect();
    ensure!(failed.is_empty(), "{} of {count} cases: {failed:#?}", failed.len());
    Ok(())
}

pub(crate) struct Killable {
    pub(crate) function: Function,
    proxy: FaultProxy,
    _api: LambdaApi,
}

impl Killable {
    pub(crate) async fn start(
        stack: &Stack,
        bootstrap: &Path,
        environment: &[(String, String)],
        kill: Option<&Kill>,
    ) -> Result<Self> {
        let api = LambdaApi::start().await?;
        let proxy = FaultProxy::start(&stack.state.endpoint).await?;
        let mut environment = environment.to_vec();
        environment.push(("AWS_ENDPOINT_URL".to_owned(), proxy.endpoint()));
        // The first calls come while the process starts, before there is a handle to kill it by.
        let (due, mut is_due) = tokio::sync::mpsc::unbounded_channel();
        if let Some(kill) = kill {
            let action = Action::kill(move || {
                let _ = due.send(());
            });
            proxy.inject(Fault::new(&kill.operation, kill.when, action).nth(kill.nth));
        }
        let function = Function::spawn(&api, bootstrap, &environment)?;
        let killer = function.killer();
        tokio::spawn(async move {
            if is_due.recv().await.is_some() {
                killer.kill();
            }
        });
        Ok(Self { function, proxy, _api: api })
    }

    /// The AWS calls so far.
    pub(crate) fn calls(&self) -> Vec<String> {
        self.proxy.calls().into_iter().map(|Call { operation, .. }| operation).collect()
    }

    /// Invokes the function, which has to die of it.
    pub(crate) async fn dies(&self, event: &Value) -> Result<()> {
        let outcome = self.function.invoke(event, SOON).await;
        ensure!(matches!(outcome, Outcome::Crashed(_)), "the process was not killed: {outcome:?}");
        Ok(())
    }

    /// Invokes the function, which has to answer.
    pub(crate) async fn answers(&self, event: &Value) -> Result<Value> {
        let answer = self.function.invoke(event, SOON).await.json();
        answer.with_context(|| self.function.logs())
    }
}

/// For a binary that no template deploys yet: all rights, and these variables.
pub(crate) fn environment(stack: &Stack, function: &str, own: &[(&str, &str)]) -> Result<Vec<(String, String)>> {
    let root = stack.state.credentials.as_ref().context("the emulator has no credentials")?;
    let name = format!("{DEPLOYMENT}-{function}");
    let common = [
        ("AWS_ACCESS_KEY_ID", root.access_key_id.as_str()),
        ("AWS_SECRET_ACCESS_KEY", &root.secret_access_key),
        ("AWS_REGION", &stack.deployment.region),
        ("AWS_LAMBDA_FUNCTION_NAME", &name),
    ];
    Ok(common.iter().chain(own).map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect())
}
