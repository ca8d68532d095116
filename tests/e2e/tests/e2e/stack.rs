//! The stack that all tests share, and what a test asks of it.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use bytes::Bytes;
use http::HeaderMap;
use serde_json::{Value, json};
use tempfile::TempDir;
use tidegate_cli::config;
use tidegate_cli::deployment::{Deployment, access_of};
use tidegate_cli::local::{self, StandinChoice, UpOptions};
use tidegate_cli::output::Progress;
use tidegate_local::group::Group;
use tidegate_local::state::{State, StateDir};
use tidegate_operations::{Api, Resources, SecretStore as _, aws, cloudformation};
use tidegate_standins::{Attempt, Fault, Message, Options, Standin};
use tokio::net::TcpListener;
use tokio::sync::{Mutex, OnceCell, RwLock};

use crate::leftovers;
use crate::sender::Sender;
use crate::shop::Customers;
use crate::wait::{SOON, eventually};

/// So that a demo or another run on this machine is never mistaken for this one.
pub(crate) const DEPLOYMENT: &str = "tidegate-e2e";
/// How many channels there are routes for; each is given to one test only.
const CHANNELS: usize = 200;
/// Longer than the HTTP API lets a function work.
const ANSWER_LIMIT: Duration = Duration::from_secs(35);

/// A deployed stack, and clients with all rights on it.
pub(crate) struct Stack {
    pub(crate) deployment: Deployment,
    pub(crate) outputs: BTreeMap<String, String>,
    pub(crate) resources: Resources,
    /// Signed in when the first test asks for them.
    pub(crate) customers: OnceCell<Customers>,
    pub(crate) dynamodb: aws_sdk_dynamodb::Client,
    pub(crate) lambda: aws_sdk_lambda::Client,
    pub(crate) s3: aws_sdk_s3::Client,
    pub(crate) sfn: aws_sdk_sfn::Client,
    pub(crate) sns: aws_sdk_sns::Client,
    pub(crate) streams: aws_sdk_dynamodbstreams::Client,
    /// Held by every test while it runs, for writing by one that has to run alone.
    pub(crate) turns: RwLock<()>,
    /// Dead letters are hidden while somebody looks at them, so one test at a time does.
    pub(crate) looking_at_dead_letters: Mutex<()>,
    pub(crate) slack: Standin,
    pub(crate) slack_url: String,
    pub(crate) checkout: PathBuf,
    pub(crate) state: State,
    state_dir: StateDir,
    scratch: std::sync::Mutex<Option<TempDir>>,
    api: Api,
    http: reqwest::Client,
    next_channel: AtomicUsize,
}

/// A Slack channel that one test has to itself, and the repository whose events go there.
#[derive(Clone, Debug)]
pub(crate) struct Channel {
    pub(crate) name: String,
    pub(crate) repository: String,
}

impl Channel {
    fn numbered(number: usize) -> Self {
        Self { name: format!("#e2e-{number:03}"), repository: format!("octo-harbour/e2e-{number:03}") }
    }
}

/// An HTTP answer, read to its end.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) content_type: String,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
    pub(crate) took: Duration,
}

impl Answer {
    /// The body as JSON, or null.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }
}

impl Stack {
    /// Brings the stack up with the stand-in for Slack inside this process, where tests can read and break it.
    pub(crate) async fn up() -> Result<Self> {
        let checkout = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../..")).canonicalize()?;
        let scratch = tempfile::Builder::new().prefix("tidegate-e2e-").tempdir()?;
        let state_dir = StateDir::new(scratch.path());
        let slack = Standin::new(Options::default())?;
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let slack_url = format!("http://{}", listener.local_addr()?);
        tokio::spawn(slack.clone().serve(listener));

        let options = UpOptions {
            tools: config::tools_dir(&checkout),
            checkout: checkout.clone(),
            state: state_dir.clone(),
            deployment: DEPLOYMENT.to_owned(),
            region: local::region(),
            endpoint: None,
            functions_endpoint: None,
            standin: StandinChoice::Running { url: slack_url.clone() },
        };
        let up = local::up(&options, &Progress::silent()).await?;
        let connected = Self::connect(up, checkout, state_dir.clone(), slack, slack_url, scratch).await;
        if connected.is_err() {
            local::down(&state_dir).await?;
        }
        connected
    }

    async fn connect(
        up: local::Up,
        checkout: PathBuf,
        state_dir: StateDir,
        slack: Standin,
        slack_url: String,
        scratch: TempDir,
    ) -> Result<Self> {
        let local::Up { state, deployment, .. } = up;
        let sdk = aws::load(&access_of(&state, &state.endpoint)).await;
        let resources = deployment.resources().await?;
        let stacks = deployment.stacks().await?;
        let by_path = aws_sdk_s3::config::Builder::from(&sdk).force_path_style(true).build();
        let stack = Self {
            api: deployment.api(&resources)?,
            outputs: outputs(&stacks),
            resources,
            customers: OnceCell::new(),
            dynamodb: aws_sdk_dynamodb::Client::new(&sdk),
            lambda: aws_sdk_lambda::Client::new(&sdk),
            s3: aws_sdk_s3::Client::from_conf(by_path),
            sfn: aws_sdk_sfn::Client::new(&sdk),
            sns: aws_sdk_sns::Client::new(&sdk),
            streams: aws_sdk_dynamodbstreams::Client::new(&sdk),
            turns: RwLock::default(),
            looking_at_dead_letters: Mutex::default(),
            slack,
            slack_url,
            checkout,
            state,
            state_dir,
            scratch: std::sync::Mutex::new(Some(scratch)),
            // A connection for each request: one that is kept could be closed by the other side while a request is on its way.
            http: reqwest::Client::builder().no_proxy().pool_max_idle_per_host(0).timeout(ANSWER_LIMIT).build()?,
            next_channel: AtomicUsize::new(0),
            deployment,
        };
        let document = stack.slack_document(&stack.slack_url).to_string();
        stack.deployment.secrets.write(&stack.deployment.slack_secret(), &document, "End-to-end tests").await?;
        Ok(stack)
    }

    /// Everything that was started, to be killed should this process unwind.
    pub(crate) fn groups(&self) -> Vec<Group> {
        self.state.emulator.iter().map(|emulator| emulator.group.clone()).collect()
    }

    /// Takes the stack down and makes sure that nothing is left. The logs stay where something failed.
    pub(crate) async fn down(&self, failed: bool) -> Result<()> {
        // A test that was cut short has not taken its own stack down.
        let others = [self.elsewhere(), self.small()].map(StateDir::new);
        let others = futures::future::join_all(others.iter().map(local::down)).await;
        local::down(&self.state_dir).await?;
        others.into_iter().collect::<Result<Vec<_>>>()?;
        let root = self.state_dir.root().to_owned();
        let gone = async || Ok(leftovers::processes(&root).is_empty().then_some(()));
        let outcome = eventually("every process has ended", Duration::from_secs(10), gone).await;
        let left = leftovers::processes(&root);
        if let Some(scratch) = self.scratch.lock().unwrap_or_else(std::sync::PoisonError::into_inner).take()
            && failed
        {
            eprintln!("The logs are in {}.", scratch.keep().join("logs").display());
        }
        outcome.with_context(|| format!("left running: {left:#?}"))
    }

    /// An output of one of the stacks.
    pub(crate) fn output(&self, key: &str) -> Result<&str> {
        self.outputs.get(key).map(String::as_str).with_context(|| format!("no stack has the output {key}"))
    }

    /// Where the state of this stack is, for the `tidegate` command.
    pub(crate) fn state_dir(&self) -> &std::path::Path {
        self.state_dir.root()
    }

    /// The same of the second stack that the test `elsewhere` brings up.
    pub(crate) fn elsewhere(&self) -> PathBuf {
        self.state_dir.root().join("elsewhere")
    }

    /// The same of the small stack that the test `update` brings up.
    pub(crate) fn small(&self) -> PathBuf {
        self.state_dir.root().join("small")
    }

    /// The built binary of a function, the one that is deployed.
    pub(crate) fn bootstrap(&self, function: &str) -> PathBuf {
        self.checkout.join("build/lambda").join(function).join("bootstrap")
    }

    /// The address of a path of the API.
    pub(crate) fn address(&self, path: &str) -> String {
        self.api.address(path)
    }

    /// Sends a request and reads the answer.
    pub(crate) async fn send(&self, request: http::Request<Bytes>) -> Result<Answer> {
        let began = tokio::time::Instant::now();
        let response = self.http.execute(request.try_into()?).await?;
        let status = response.status().as_u16();
        let headers = response.headers().clone();
        let content_type = headers.get(http::header::CONTENT_TYPE);
        let content_type = content_type.and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned();
        let body = response.bytes().await?;
        Ok(Answer { status, content_type, headers, body, took: began.elapsed() })
    }

    /// A channel that no other test has.
    pub(crate) fn channel(&self) -> Result<Channel> {
        let number = self.next_channel.fetch_add(1, Ordering::Relaxed);
        ensure!(number < CHANNELS, "all {CHANNELS} channels are taken: raise CHANNELS");
        Ok(Channel::numbered(number))
    }

    /// A new GitHub source whose name begins with `label`.
    pub(crate) async fn github(&self, label: &str) -> Result<Sender> {
        let sender = Sender::github(label, &[&crate::sender::secret()])?;
        self.put_source(&sender).await?;
        Ok(sender)
    }

    /// Writes the document of a source.
    pub(crate) async fn put_source(&self, sender: &Sender) -> Result<()> {
        let id = self.deployment.source_secret(&sender.name);
        let document = sender.document.to_string();
        self.deployment.secrets.write(&id, &document, "End-to-end tests").await.map(drop)
    }

    /// The Slack document: a route for each channel. It is never changed, so that tests need not wait for each other.
    pub(crate) fn slack_document(&self, slack_url: &str) -> Value {
        let routes = (0..CHANNELS)
            .map(Channel::numbered)
            .map(|channel| json!({"repository": channel.repository, "channel": channel.name}));
        json!({
            "api_url": format!("{slack_url}/api"),
            "token": Options::LOCAL_TOKEN,
            "routes": routes.collect::<Vec<_>>(),
        })
    }

    /// What Slack has accepted for a channel.
    pub(crate) fn slack_messages(&self, channel: &Channel) -> Vec<Message> {
        self.slack.messages().into_iter().filter(|message| message.channel == channel.name).collect()
    }

    /// Every request that Slack was sent for a channel.
    pub(crate) fn slack_attempts(&self, channel: &Channel) -> Vec<Attempt> {
        let attempts = self.slack.attempts().into_iter();
        attempts.filter(|attempt| attempt.channel.as_deref() == Some(&*channel.name)).collect()
    }

    /// Makes Slack refuse so many messages to a channel, as `fault` says.
    pub(crate) fn slack_refuses(&self, channel: &Channel, times: u32, fault: Fault) {
        self.slack.fail(Fault { channel: Some(channel.name.clone()), times: Some(times), ..fault });
    }

    /// Waits for a message in a channel and then until `notify-slack` has nothing more to do for that repository. Gives every
    /// message that came.
    pub(crate) async fn settled_slack_messages(&self, channel: &Channel) -> Result<Vec<Message>> {
        let posted = async || Ok((!self.slack_messages(channel).is_empty()).then_some(()));
        eventually(&format!("a Slack message in {}", channel.name), SOON, posted).await?;
        self.notify_slack_is_done_with(&channel.repository).await?;
        Ok(self.slack_messages(channel))
    }

    /// Waits until no message in the queue of `notify-slack`, hidden ones included, holds this text.
    pub(crate) async fn notify_slack_is_done_with(&self, text: &str) -> Result<()> {
        let queue = self.output("NotifySlackQueueUrl")?;
        let what = format!("the queue of notify-slack holds nothing of {text}");
        let done = async || {
            let waiting = self.messages_in(queue).await?;
            Ok((!waiting.iter().any(|message| message.contains(text))).then_some(()))
        };
        eventually(&what, SOON, done).await
    }

    /// The bodies of all messages in a queue, hidden ones included, without receiving them.
    pub(crate) async fn messages_in(&self, queue_url: &str) -> Result<Vec<String>> {
        let url = format!("{}/_ministack/sqs/messages?QueueUrl={queue_url}", self.state.endpoint);
        let document: Value = self.http.get(url).send().await?.error_for_status()?.json().await?;
        let mut bodies = Vec::new();
        collect_bodies(&document, &mut bodies);
        Ok(bodies)
    }
}

/// The emulator groups messages by account, region and queue.
fn collect_bodies(value: &Value, bodies: &mut Vec<String>) {
    match value {
        Value::Array(items) => items.iter().for_each(|item| collect_bodies(item, bodies)),
        Value::Object(members) => match members.get("Body") {
            Some(Value::String(body)) => bodies.push(body.clone()),
            _ => members.values().for_each(|member| collect_bodies(member, bodies)),
        },
        _ => {}
    }
}

fn outputs(stacks: &[cloudformation::Stack]) -> BTreeMap<String, String> {
    stacks.iter().flat_map(|stack| stack.outputs.clone()).collect()
}
