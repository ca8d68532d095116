//! A local stack of the benchmark's own, whose functions reach the emulator through a proxy that counts.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use anyhow::{Context as _, Result, ensure};
use tidegate_cli::config;
use tidegate_cli::customers;
use tidegate_cli::deployment::Deployment;
use tidegate_cli::interrupt::Interrupt;
use tidegate_cli::local::{self, Interrupted, StandinChoice, Up, UpOptions};
use tidegate_cli::output::Progress;
use tidegate_cli::standin_client::{self, StandinClient};
use tidegate_local::state::{State, StateDir};
use tidegate_operations::Resources;
use tidegate_operations::customers::CONSOLE;
use tidegate_operations::orders_client::OrdersClient;
use tidegate_testkit::lambda_api::FaultProxy;
use tokio::process::Command;

/// So that a demo or a test on this machine is never mistaken for this one.
const DEPLOYMENT: &str = "tidegate-bench";
/// What a proxy is told until the emulator has a port: nothing answers there.
const NOWHERE: &str = "http://127.0.0.1:9";

/// The stack, and a customer who is signed in.
pub(crate) struct Stack {
    pub(crate) deployment: Deployment,
    pub(crate) resources: Resources,
    pub(crate) state: State,
    pub(crate) proxy: FaultProxy,
    pub(crate) standin: StandinClient,
    pub(crate) client: OrdersClient,
    program: PathBuf,
    state_dir: StateDir,
}

impl Stack {
    pub(crate) async fn up(checkout: &Path, state_dir: &Path, interrupt: &mut Interrupt) -> Result<Self> {
        let state_dir = StateDir::new(state_dir);
        let proxy = FaultProxy::start(NOWHERE).await?;
        let program = checkout.join("build/tidegate");
        let options = UpOptions {
            tools: config::tools_dir(checkout),
            checkout: checkout.to_owned(),
            state: state_dir.clone(),
            deployment: DEPLOYMENT.to_owned(),
            region: local::region(),
            endpoint: None,
            functions_endpoint: Some(proxy.endpoint()),
            standin: StandinChoice::Process(program.clone()),
        };
        let up = local::up_unless(&options, &Progress::silent(), interrupt.requested()).await?;
        let connected = tokio::select! {
            connected = Self::connect(up, proxy, program, state_dir.clone()) => connected,
            code = interrupt.requested() => Err(Interrupted { code }.into()),
        };
        if connected.is_err() {
            local::down(&state_dir).await?;
        }
        connected
    }

    async fn connect(up: Up, proxy: FaultProxy, program: PathBuf, state_dir: StateDir) -> Result<Self> {
        let Up { state, deployment, .. } = up;
        proxy.redirect(&state.endpoint)?;
        let resources = deployment.resources().await?;
        customers::sign_in(&deployment, &resources, CONSOLE, &Progress::silent()).await?;
        Ok(Self {
            standin: standin_client::of(&deployment)?,
            client: customers::orders_client(&deployment, &resources, CONSOLE).await?,
            deployment,
            resources,
            state,
            proxy,
            program,
            state_dir,
        })
    }

    pub(crate) async fn down(&self) -> Result<()> {
        local::down(&self.state_dir).await.map(drop)
    }

    /// Takes goods in, by the command that people use.
    pub(crate) async fn receive(&self, sku: &str, count: usize) -> Result<()> {
        let state_dir = self.state_dir.root().to_string_lossy().into_owned();
        let count = count.to_string();
        let output = Command::new(&self.program)
            .args(["--state-dir", &state_dir, "stock", "receive", sku, &count])
            .stdin(Stdio::null())
            .output()
            .await
            .with_context(|| format!("{} cannot be started", self.program.display()))?;
        ensure!(output.status.success(), "no stock: {}", String::from_utf8_lossy(&output.stderr));
        Ok(())
    }

    /// What the emulator has written so far.
    pub(crate) fn emulator_log(&self) -> Result<String> {
        let path = self.state_dir.logs().join("emulator.log");
        let text = std::fs::read(&path).with_context(|| format!("{} cannot be read", path.display()))?;
        Ok(String::from_utf8_lossy(&text).into_owned())
    }
}
